"""Where a link leads, in words, and whether its words lie. Pure functions; `app.mail.sanitize` has already dropped every scheme but four."""

from __future__ import annotations

import html
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST_IN_TEXT = re.compile(
    r"(?:https?://)?(?:www\.)?((?:[\w-]{1,63}\.){1,8}[a-zA-Z\u00a1-\uffff]{2,24})(?=[/:?#\s]|$)", re.IGNORECASE
)
_URL_IN_TEXT = re.compile(
    r"\b(?:https?://|www\.)[^\s<>\"'\u201c\u201d]{2,2000}|\bmailto:[^\s<>\"']{3,500}", re.IGNORECASE
)
_SHARED_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gob", "gov", "gv", "ne", "net", "or", "org"})
_TAG = re.compile(r"<[^>]{0,5000}>")


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Where a link leads. ``host`` is what the person should look at ("" for tel:); ``warning`` is a sentence, or ""."""

    url: str
    host: str
    warning: str

    @property
    def words(self) -> str:
        """The target on one line, the host first."""
        return f"{self.host}  —  {self.url}" if self.host else self.url


def link_target(url: str, shown_text: str = "") -> LinkTarget:
    """Look at a link: ``shown_text`` is what the mail shows in its place."""
    scheme = url.partition(":")[0].lower()
    if scheme == "mailto":
        return LinkTarget(url, url.partition(":")[2].partition("?")[0], "")
    if scheme not in {"http", "https"}:
        return LinkTarget(url, "", "")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return LinkTarget(url, "", "The address of this link cannot be read.")
    return LinkTarget(url, _readable(host), _warning(scheme, host, parts.username is not None, shown_text))


def text_of_link(document: str, url: str) -> str:
    """What a cleaned HTML document shows for a link; "" when it is not found. The first one that shows a host counts."""
    needle = f'href="{html.escape(url, quote=True)}"'
    alternative = f'href="{url.replace("&", "&amp;")}"'
    found = ""
    for candidate in {needle, alternative}:
        start = document.find(candidate)
        while start >= 0:
            opened = document.find(">", start)
            closed = document.find("</a>", opened)
            if opened < 0 or closed < 0:
                break
            text = " ".join(html.unescape(_TAG.sub("", document[opened + 1 : min(closed, opened + 4000)])).split())
            if _HOST_IN_TEXT.search(text):
                return text
            found = found or text
            start = document.find(candidate, closed)
    return found


def urls_in(text: str) -> list[tuple[int, int, str]]:
    """Links in plain text: start, end, and the address to open. Closing punctuation belongs to the sentence."""
    found = []
    for match in _URL_IN_TEXT.finditer(text):
        end = match.end()
        while end > match.start() and (
            text[end - 1] in ".,;:!?*_"
            or (text[end - 1] == ")" and text.count("(", match.start(), end) < text.count(")", match.start(), end))
            or text[end - 1] in "]}"
        ):
            end -= 1
        shown = text[match.start() : end]
        found.append((match.start(), end, f"https://{shown}" if shown.lower().startswith("www.") else shown))
    return found


def _warning(scheme: str, host: str, has_user: bool, shown_text: str) -> str:
    claimed = _HOST_IN_TEXT.search(shown_text)
    if has_user:
        return "The address begins with a name and an @ sign to look like another site."
    if _is_address(host):
        return "The link leads to a bare network address."
    if claimed and not _same_site(claimed.group(1).lower().rstrip("."), host):
        return f"The text of the link says {claimed.group(1)}, but it leads elsewhere."
    if host.startswith("xn--") or ".xn--" in host:
        return "The name of the site is written with letters that can look like others."
    if scheme == "http":
        return "The connection to this site is not encrypted."
    return ""


def _same_site(claimed: str, host: str) -> bool:
    host = host.removeprefix("www.")
    if claimed == host:
        return True
    labels = claimed.split(".")
    is_shared = len(labels) == 2 and labels[0] in _SHARED_SECOND_LEVELS
    return not is_shared and host.endswith(f".{claimed}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.isdigit() or bool(re.fullmatch(r"0x[0-9a-f]+", host))
    return True


def _readable(host: str) -> str:
    # The punycode form stays: the letters it hides are the trick.
    return host.lower()
