"""A raw message (RFC 5322, RFC 2045 to 2049) taken apart.

Pure functions that run in a worker process: their input is hostile.

Sections are numbered as IMAP does (RFC 9051 6.4.5.1), so that a part can be named to a server and to the stored raw
message alike. An enclosed message (``message/rfc822``) is one leaf, an attachment. One text part and one HTML part are
shown; parts are never joined into one document.
"""

from __future__ import annotations

import binascii
import email.message
import email.parser
import email.policy
import email.utils
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.header import decode_header
from functools import wraps
from typing import ParamSpec, TypeVar

from app.mail.file_names import safe_file_name
from app.mail.plain_text import html_to_text, snippet
from app.mail.sanitize import MAX_HTML_CHARS, clean_html
from app.model.mail import Part

PARSER_VERSION = 1
MAX_DEPTH = 50
MAX_PARTS = 1_000
MAX_HEADER_CHARS = 64 * 1024
MAX_TEXT_CHARS = 200_000
"""What a text view lays out without a pause; the source has the rest."""
INDEX_CHARS = 200_000
_TEXT_CODECS_FIRST = ("utf-8", "windows-1252")
_CHARSET_NAMES = {
    "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "iso-8859-1": "windows-1252",
    "us-ascii": "utf-8",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


P = ParamSpec("P")
T = TypeVar("T")


class UnreadableMessage(ValueError):
    """The message cannot be taken apart; it is kept and shown as source."""


def _or_unreadable(function: Callable[P, T]) -> Callable[P, T]:
    # The standard parser promises not to raise and does not keep it, in more ways than anybody has counted: whatever one mail
    # provokes is told of that mail, and never stops a folder.
    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (UnreadableMessage, KeyError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            raise UnreadableMessage(type(error).__name__) from None

    return guarded


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What the store and the index need of a body: words (at most `INDEX_CHARS`), the list's snippet, and the attachments' names."""

    text: str
    snippet: str
    attachment_names: tuple[str, ...]
    has_attachments: bool
    parser_version: int = PARSER_VERSION


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """A body ready to be read.

    ``html`` is clean (`app.mail.sanitize`), "" when there is none. ``text`` comes from the HTML where the mail has no text part.
    """

    text: str
    html: str
    attachments: tuple[Part, ...]
    inline_parts: tuple[Part, ...]
    remote_images: int
    sets_colours: bool
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    problem: str = ""


@dataclass(slots=True)
class _Leaf:
    part_id: str
    node: email.message.Message[str, str]
    content_type: str
    in_related: bool
    in_alternative: bool
    charset: str = "utf-8"


@_or_unreadable
def extract(raw: bytes) -> ParsedText:
    """Words, snippet and attachment names of a raw message. Raises UnreadableMessage."""
    leaves = _leaves(_parse(raw))
    text_leaf, html_leaf = _body_leaves(leaves)
    text = _text_of(text_leaf) if text_leaf else ""
    if not text.strip() and html_leaf:
        text = html_to_text(_text_of(html_leaf)[:MAX_HTML_CHARS])
    attachments = [
        part
        for part in _parts(leaves, text_leaf, html_leaf, frozenset(_content_ids_in(html_leaf)))
        if part.is_attachment
    ]
    return ParsedText(
        text[:INDEX_CHARS], snippet(text), tuple(part.filename for part in attachments), bool(attachments)
    )


@_or_unreadable
def read(raw: bytes) -> ParsedBody:
    """Everything the reader shows of a raw message. Raises UnreadableMessage."""
    message = _parse(raw)
    leaves = _leaves(message)
    text_leaf, html_leaf = _body_leaves(leaves)
    text = _text_of(text_leaf) if text_leaf else ""
    html, remote, shown_ids, sets_colours, problem = "", 0, frozenset[str](), False, ""
    if html_leaf:
        document = _text_of(html_leaf)
        try:
            clean = clean_html(document)
            html, remote, shown_ids, sets_colours = (
                clean.html,
                clean.remote_images,
                frozenset(clean.content_ids),
                clean.sets_colours,
            )
        except ValueError as error:
            problem = f"{str(error).capitalize()}. Its text is shown instead."
        if not text.strip():
            text = html_to_text(document[:MAX_HTML_CHARS])
    parts = _parts(leaves, text_leaf, html_leaf, shown_ids)
    return ParsedBody(
        text=text
        if len(text) <= MAX_TEXT_CHARS
        else f"{text[:MAX_TEXT_CHARS]}\n\n[Only the beginning is shown. The source has the rest.]",
        html=html,
        attachments=tuple(part for part in parts if part.is_attachment),
        inline_parts=tuple(part for part in parts if not part.is_attachment),
        remote_images=remote,
        sets_colours=sets_colours,
        headers=tuple((name, decode_words(str(value))[:MAX_HEADER_CHARS]) for name, value in message.raw_items())[:500],
        problem=problem,
    )


@_or_unreadable
def part_bytes(raw: bytes, part_id: str) -> tuple[Part, bytes]:
    """One leaf and its decoded bytes. Raises KeyError when there is no such section, UnreadableMessage."""
    leaves = _leaves(_parse(raw))
    text_leaf, html_leaf = _body_leaves(leaves)
    shown = frozenset(_content_ids_in(html_leaf))
    for leaf, part in zip(
        _attached(leaves, text_leaf, html_leaf), _parts(leaves, text_leaf, html_leaf, shown), strict=True
    ):
        if part.part_id == part_id:
            return part, _decoded(leaf.node)
    raise KeyError(part_id)


@_or_unreadable
def inline_image(raw: bytes, content_id: str) -> tuple[str, bytes] | None:
    """The raster image of that Content-ID (no brackets) with the media type that its bytes show, or None.

    Raises UnreadableMessage.
    """
    for leaf in _leaves(_parse(raw)):
        if _content_id(leaf.node) == content_id:
            data = _decoded(leaf.node)
            kind = raster_type(data)
            return (kind, data) if kind else None
    return None


def raster_type(data: bytes) -> str:
    """The media type of PNG, JPEG, GIF, WebP or BMP bytes, "" for anything else (SVG can run scripts: never inline)."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/bmp" if data[:2] == b"BM" and len(data) > 26 else ""


def decode_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) decoded; never raises, control characters become spaces."""
    text = value[:MAX_HEADER_CHARS]
    if "=?" in text:
        try:
            pieces = [
                decode_text(piece, charset or "utf-8") if isinstance(piece, bytes) else piece
                for piece, charset in decode_header(re.sub(r"\r?\n[ \t]+", " ", text))
            ]
            text = "".join(pieces)
        except (ValueError, LookupError, binascii.Error):
            text = value[:MAX_HEADER_CHARS]
    text = _without_surrogates(text)
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text).strip()


def decode_text(data: bytes, charset: str) -> str:
    """Bytes as text: by the named charset where it is a text charset, else UTF-8, else windows-1252. Never raises."""
    name = charset.strip().strip("'\"").lower()
    name = _CHARSET_NAMES.get(name, name)
    if re.fullmatch(r"[a-z0-9][a-z0-9_.:-]{0,40}", name) and name not in _NOT_CHARSETS:
        try:
            return _without_surrogates(data.decode(name))
        except UnicodeDecodeError:
            # A known charset with a few bad bytes: keep the rest.
            if name not in {"utf-8", "utf8", "windows-1252"}:
                return _without_surrogates(data.decode(name, "replace"))
        except (LookupError, ValueError, TypeError):
            pass
    try:
        return data.decode(_TEXT_CODECS_FIRST[0])
    except UnicodeDecodeError:
        return data.decode(_TEXT_CODECS_FIRST[1], "replace")


def _parse(raw: bytes) -> email.message.Message[str, str]:
    try:
        return email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, IndexError) as error:
        # The standard parser promises not to raise and does not keep it; see its issue tracker.
        raise UnreadableMessage(type(error).__name__) from None


def _leaves(message: email.message.Message[str, str]) -> list[_Leaf]:
    found: list[_Leaf] = []
    for leaf in _walk(message, "", 0, False, False):
        found.append(leaf)
        if len(found) >= MAX_PARTS:
            break
    return found


def _walk(
    node: email.message.Message[str, str], prefix: str, depth: int, related: bool, alternative: bool
) -> Iterator[_Leaf]:
    if depth > MAX_DEPTH:
        raise UnreadableMessage("nested too deeply")
    content_type = node.get_content_type()
    charset = _parameter(node, "content-type", "charset") or "utf-8"
    # Asked for a payload, the standard parser decodes by this name itself, and "idna" or the like makes it raise.
    node.del_param("charset")
    payload = node.get_payload()
    if content_type.startswith("multipart/") and isinstance(payload, list):
        for number, child in enumerate(payload, 1):
            if isinstance(child, email.message.Message):
                child_id = f"{prefix}.{number}" if prefix else str(number)
                yield from _walk(
                    child,
                    child_id,
                    depth + 1,
                    related or content_type == "multipart/related",
                    alternative or content_type == "multipart/alternative",
                )
        return
    yield _Leaf(prefix or "1", node, content_type, related, alternative, charset)


def _body_leaves(leaves: list[_Leaf]) -> tuple[_Leaf | None, _Leaf | None]:
    texts = [leaf for leaf in leaves if leaf.content_type == "text/plain" and _may_be_body(leaf)]
    htmls = [leaf for leaf in leaves if leaf.content_type == "text/html" and _may_be_body(leaf)]
    # A text that comes before the HTML and is not its alternative is the body itself (a mail with an HTML page attached
    # inline).
    text, html = next(iter(texts), None), next(iter(htmls), None)
    if (
        text
        and html
        and not text.in_alternative
        and leaves.index(text) < leaves.index(html)
        and len(_text_of(text).strip()) > 0
        and not html.in_related
    ):
        return text, None
    if text and html and leaves.index(text) > leaves.index(html) and not text.in_alternative:
        return None, html
    return text, html


def _may_be_body(leaf: _Leaf) -> bool:
    disposition = str(leaf.node.get("content-disposition", "")).split(";", 1)[0].strip().lower()
    return disposition != "attachment" and not _raw_file_name(leaf.node)


def _attached(leaves: list[_Leaf], text: _Leaf | None, html: _Leaf | None) -> list[_Leaf]:
    return [leaf for leaf in leaves if leaf is not text and leaf is not html]


def _parts(leaves: list[_Leaf], text: _Leaf | None, html: _Leaf | None, shown: frozenset[str]) -> list[Part]:
    parts = []
    for leaf in _attached(leaves, text, html):
        content_id = _content_id(leaf.node)
        is_shown = html is not None and bool(content_id) and content_id in shown
        is_other_view = (
            leaf.in_alternative
            and leaf.content_type.startswith("text/")
            and leaf.content_type != "text/calendar"
            and not _raw_file_name(leaf.node)
        )
        parts.append(
            Part(
                part_id=leaf.part_id,
                content_type=leaf.content_type,
                filename=safe_file_name(_file_name(leaf), leaf.content_type),
                size=_decoded_size(leaf.node),
                content_id=content_id,
                is_attachment=not is_shown and not is_other_view and not _is_crypto_wrapper(leaf),
            )
        )
    return parts


def _is_crypto_wrapper(leaf: _Leaf) -> bool:
    return leaf.content_type in {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }


def _content_ids_in(html: _Leaf | None) -> list[str]:
    if html is None:
        return []
    return re.findall(r"cid:([^\s\"'<>\\)]{1,500})", _text_of(html)[:MAX_HTML_CHARS], re.IGNORECASE)


def _content_id(node: email.message.Message[str, str]) -> str:
    return re.sub(r"\s", "", str(node.get("content-id", ""))[:1000]).strip("<>")


def _raw_file_name(node: email.message.Message[str, str]) -> str:
    return _parameter(node, "content-disposition", "filename") or _parameter(node, "content-type", "name")


def _parameter(node: email.message.Message[str, str], header: str, parameter: str) -> str:
    """A parameter (RFC 2045, 2231) decoded, "" when absent. Many senders write it in raw UTF-8 or Latin-1, which the parser would replace."""
    raw = next((str(value) for name, value in node.raw_items() if name.lower() == header), "")
    if not raw.isascii():
        raw = decode_text(raw.encode("utf-8", "surrogateescape"), "utf-8")
    scratch: email.message.Message[str, str] = email.message.Message()
    scratch[header] = re.sub(r"[\r\n]+[ \t]*", " ", raw)
    try:
        value = scratch.get_param(parameter, "", header=header)
        text = email.utils.collapse_rfc2231_value(value) if isinstance(value, tuple) else str(value or "")
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        return "attachment" if parameter in {"filename", "name"} else ""
    return decode_words(text)


def _file_name(leaf: _Leaf) -> str:
    name = _raw_file_name(leaf.node)
    if name:
        return name
    if leaf.content_type == "message/rfc822":
        payload = leaf.node.get_payload()
        inner = payload[0] if isinstance(payload, list) and payload else None
        subject = decode_words(str(inner.get("subject", ""))) if isinstance(inner, email.message.Message) else ""
        return f"{subject[:80] or 'message'}.eml"
    if leaf.content_type == "text/calendar":
        return "invite.ics"
    return ""


def _text_of(leaf: _Leaf) -> str:
    return decode_text(_decoded(leaf.node), leaf.charset).replace("\r\n", "\n").replace("\x00", "")


def _decoded(node: email.message.Message[str, str]) -> bytes:
    payload = node.get_payload()
    if isinstance(payload, list):
        inner = payload[0] if payload else None
        return _flattened(inner) if isinstance(inner, email.message.Message) else b""
    try:
        data = node.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, binascii.Error):
        data = None
    return data if isinstance(data, bytes) else str(payload or "").encode("utf-8", "surrogateescape")


def _flattened(message: email.message.Message[str, str]) -> bytes:
    try:
        return message.as_bytes()
    except (UnicodeError, LookupError, ValueError, TypeError):
        # A boundary that is not ASCII, for one.
        return message.as_string().encode("utf-8", "surrogateescape")


def _decoded_size(node: email.message.Message[str, str]) -> int:
    payload = node.get_payload()
    if not isinstance(payload, str):
        return len(_decoded(node))
    if str(node.get("content-transfer-encoding", "")).strip().lower() == "base64":
        packed = len(payload) - payload.count("\n") - payload.count("\r")
        return max(0, packed * 3 // 4 - payload.rstrip()[-2:].count("="))
    return len(_decoded(node))


def _without_surrogates(text: str) -> str:
    if text.isascii() or not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        # UTF-7 and its like decode to half characters, which neither a database nor a screen takes.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
