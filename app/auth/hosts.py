"""Which addresses may be trusted with a Salesforce sign-in, and which with its tokens.

A sign-in address is typed by the user: https on any host. The address that the token answer names for the API (``instance_url``) comes over the
wire and gets the access token, so it must be a Salesforce domain or the very host that the user typed. Demo logins live on loopback only, and only
there may the scheme be http.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from app.errors import ValidationFailed

SALESFORCE_DOMAINS = ("salesforce.com", "force.com", "site.com")
MOST_CHARACTERS = 2000

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class LoginHost:
    """Where one login signs in. ``ca_file`` is "" but for demo logins."""

    url: str
    ca_file: str = ""
    is_demo: bool = False


def check_login_url(typed: str, *, is_demo: bool) -> str:
    """The address to sign in at, normalised to ``scheme://host[:port][/path]``; "login.salesforce.com" alone will do.

    The path of an Experience Cloud site is kept. Raises ValidationFailed (code ``login_address``).
    """
    text = typed.strip()
    if "://" not in text:
        text = f"https://{text}"
    return _checked(text, is_demo=is_demo, code="login_address")


def check_instance_url(answered: str, *, login_url: str, is_demo: bool) -> str:
    """The API's address out of a token answer, normalised.

    Raises ValidationFailed (code ``instance_address``) for a host that must not get the token.
    """
    normal = _checked(answered, is_demo=is_demo, code="instance_address")
    if is_demo:
        return normal
    host = urlsplit(normal).hostname or ""
    if host == urlsplit(login_url).hostname or host.endswith(tuple(f".{domain}" for domain in SALESFORCE_DOMAINS)):
        return normal
    raise ValidationFailed("the server named an address outside of Salesforce for its API", code="instance_address")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _checked(text: str, *, is_demo: bool, code: str) -> str:
    parts = _split(text, code)
    host = (parts.hostname or "").lower()
    if is_demo:
        if parts.scheme not in ("http", "https") or not is_loopback(host):
            raise ValidationFailed("a demo login must be on this machine", code=code)
    elif parts.scheme != "https":
        raise ValidationFailed("the address must begin with https://", code=code)
    elif not _HOST.fullmatch(host) or "." not in host or is_loopback(host):
        raise ValidationFailed("the address has no valid host name", code=code)
    port = parts.port
    default_port = 443 if parts.scheme == "https" else 80
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port is None or port == default_port else f":{port}"
    return f"{parts.scheme}://{shown_host}{shown_port}{parts.path.rstrip('/')}"


def _split(text: str, code: str) -> SplitResult:
    if len(text) > MOST_CHARACTERS or not text.isascii() or re.search(r"[\x00-\x20\x7f\\]", text):
        raise ValidationFailed("the address holds characters that it must not have", code=code)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValidationFailed("the address cannot be read", code=code) from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or "#" in text:
        raise ValidationFailed("the address must be a host, perhaps with a path, and nothing else", code=code)
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        raise ValidationFailed("the path of the address holds characters that it must not have", code=code)
    return parts
