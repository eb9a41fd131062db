"""The readable text of headers and bodies, for SEARCH: encoded words, transfer encodings and charsets undone, never an error."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from typing import Final

from app.demo.mail.imap.mime import Part, parameter

_ENCODED_WORD: Final = re.compile(rb"=\?([^?\s]{1,60})\?([BbQq])\?([^?\s]*)\?=")
_BETWEEN_WORDS: Final = re.compile(rb"(\?=)\s+(=\?)")
_TAG: Final = re.compile(r"<[^>]*>")


def decoded(raw: bytes, charset: str) -> str:
    """Bytes in a charset; an unknown one is read as UTF-8, what cannot be read is replaced."""
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        # ValueError: a name with a NUL in it.
        return raw.decode("utf-8", "replace")


def header_text(value: bytes) -> str:
    """An unfolded field with its encoded words decoded (RFC 2047)."""
    joined = _BETWEEN_WORDS.sub(rb"\1\2", value)
    pieces: list[str] = []
    at = 0
    for match in _ENCODED_WORD.finditer(joined):
        pieces.append(decoded(joined[at : match.start()], "utf-8"))
        charset = match[1].partition(b"*")[0].decode("ascii", "replace")
        pieces.append(decoded(_word_bytes(match[2], match[3]), charset))
        at = match.end()
    pieces.append(decoded(joined[at:], "utf-8"))
    return "".join(pieces)


def body_text(raw: bytes, part: Part) -> str:
    """All text parts of a message below ``part``, markup removed, one after the other."""
    if part.parts:
        return "\n".join(body_text(raw, child) for child in part.parts)
    if part.message is not None:
        return headers_text(part.message) + "\n" + body_text(raw, part.message)
    if part.media_type != b"text":
        return ""
    encoding = (part.header("Content-Transfer-Encoding") or b"").lower()
    charset = (parameter(part.parameters, "charset") or b"utf-8").decode("ascii", "replace")
    text = decoded(_undone(raw[part.body : part.end], encoding), charset)
    return _TAG.sub(" ", text) if part.subtype == b"html" else text


def headers_text(part: Part) -> str:
    """All header fields, decoded, one a line."""
    return "\n".join(
        f"{decoded(name, 'ascii')}: {header_text(part.header(name.decode('ascii')) or b'')}"
        for name in dict.fromkeys(field for field, _value in part.fields)
    )


def all_text(raw: bytes, part: Part) -> str:
    """What TEXT looks at: the header, the headers of all parts, and the text parts."""
    return "\n".join([*_all_headers(part), body_text(raw, part)])


def _all_headers(part: Part) -> Iterator[str]:
    yield headers_text(part)
    for child in part.parts:
        yield from _all_headers(child)


def _word_bytes(form: bytes, text: bytes) -> bytes:
    if form in b"Qq":
        return quopri.decodestring(text, header=True)
    return _base64(text)


def _undone(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        return _base64(body)
    if encoding == b"quoted-printable":
        return quopri.decodestring(body)
    return body


def _base64(text: bytes) -> bytes:
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    try:
        return base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + b"=" * (-len(letters) % 4))
    except binascii.Error:
        return b""
