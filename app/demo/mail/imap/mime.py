"""MIME structure by byte offsets (RFC 2045, RFC 2046): what FETCH needs to hand out any part of a message unchanged.

Nothing raises on garbage: a multipart without parts has one empty part, and beyond the limits a part is a leaf.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DEPTH_LIMIT: Final = 40
PART_LIMIT: Final = 1000
HEADER_LIMIT: Final = 1 << 18

_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:(.*(?:\r?\n[ \t].*)*)")
_TOKEN: Final = re.compile(rb"[^\x00-\x20()<>@,;:\\\"/\[\]?=]+")
_PARAMETER: Final = re.compile(rb';\s*([^\x00-\x20()<>@,;:\\"/\[\]?=]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)', re.DOTALL)
_COMMENT: Final = re.compile(rb"\([^()]*\)")

Fields = tuple[tuple[bytes, bytes], ...]
Parameters = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A message or a body part: ``raw[start:body]`` is its header with the empty line, ``raw[body:end]`` its body.

    ``parts`` are the children of a multipart, ``message`` the message inside a message/rfc822 part.
    """

    start: int
    body: int
    end: int
    fields: Fields
    media_type: bytes
    subtype: bytes
    parameters: Parameters
    parts: tuple[Part, ...] = ()
    message: Part | None = None

    def header(self, name: str) -> bytes | None:
        """The first field of that name, unfolded and stripped."""
        wanted = name.lower().encode("ascii")
        value = next((value for field, value in self.fields if field.lower() == wanted), None)
        return None if value is None else unfolded(value)

    def child(self, number: int) -> Part | None:
        """Body part ``number`` counted from 1; a part that is no multipart has itself as the only one."""
        if self.media_type == b"multipart":
            return self.parts[number - 1] if 0 < number <= len(self.parts) else None
        return self if number == 1 else None


class _Budget:
    def __init__(self) -> None:
        self.parts_left = PART_LIMIT

    def allows(self, depth: int) -> bool:
        self.parts_left -= 1
        return self.parts_left > 0 and depth < DEPTH_LIMIT


def parse(raw: bytes) -> Part:
    """The structure of a whole message."""
    return _parse(raw, 0, len(raw), b"text/plain", 0, _Budget())


def unfolded(value: bytes) -> bytes:
    """A field value on one line, without white space around it."""
    return re.sub(rb"\r?\n[ \t]*", b" ", value).strip() if b"\n" in value else value.strip()


def split_parameters(value: bytes) -> tuple[bytes, Parameters]:
    """A structured value such as Content-Type: what stands before the first ";", and the parameters with names in lower case."""
    text = unfolded(value)
    first, semicolon, _rest = text.partition(b";")
    parameters = tuple(
        (match[1].lower(), _unquoted(match[2])) for match in _PARAMETER.finditer(text, len(first)) if semicolon
    )
    return _COMMENT.sub(b"", first).strip(), parameters


def parameter(parameters: Parameters, name: str) -> bytes | None:
    """The first parameter of that name."""
    return dict(reversed(parameters)).get(name.encode("ascii"))


def header_lines(raw: bytes, part: Part, names: frozenset[bytes], *, keep: bool) -> bytes:
    """The header of a part reduced to the fields with those lower-case names (or without them).

    The empty line at the end is there if the header has one (RFC 9051 6.4.5.1).
    """
    kept: list[bytes] = []
    taking = False
    for line in raw[part.start : part.body].splitlines(keepends=True):
        if not line.strip(b"\r\n"):
            kept.append(line)
            break
        if line[:1] not in {b" ", b"\t"}:
            taking = (line.partition(b":")[0].strip().lower() in names) == keep
        if taking:
            kept.append(line if line.endswith(b"\n") else line + b"\r\n")
    return b"".join(kept)


def _parse(raw: bytes, start: int, end: int, default_type: bytes, depth: int, budget: _Budget) -> Part:
    body = _body_start(raw, start, end)
    header = raw[start : min(body, start + HEADER_LIMIT)]
    fields: Fields = tuple((match[1], match[2]) for match in _FIELD.finditer(header))
    declared = next((value for name, value in fields if name.lower() == b"content-type"), None)
    full_type, parameters = split_parameters(declared) if declared is not None else (default_type, ())
    media_type, subtype = _media_type(full_type, default_type)
    part = Part(start, body, end, fields, media_type, subtype, parameters)
    if not budget.allows(depth):
        return part
    if media_type == b"multipart":
        child_type = b"message/rfc822" if subtype == b"digest" else b"text/plain"
        ranges = _part_ranges(raw, body, end, parameter(parameters, "boundary")) or [(end, end)]
        parts = tuple(_parse(raw, first, last, child_type, depth + 1, budget) for first, last in ranges)
        return Part(start, body, end, fields, media_type, subtype, parameters, parts=parts)
    if (media_type, subtype) == (b"message", b"rfc822") and _encoding(fields) in {b"7bit", b"8bit", b"binary", b""}:
        message = _parse(raw, body, end, b"text/plain", depth + 1, budget)
        return Part(start, body, end, fields, media_type, subtype, parameters, message=message)
    return part


def _body_start(raw: bytes, start: int, end: int) -> int:
    for line_end in (b"\r\n", b"\n"):
        if raw.startswith(line_end, start, end):
            return start + len(line_end)
    found = _HEADER_END.search(raw, start, end)
    return found.end() if found else end


def _media_type(full_type: bytes, default_type: bytes) -> tuple[bytes, bytes]:
    media_type, slash, subtype = full_type.lower().partition(b"/")
    media_type, subtype = media_type.strip(), subtype.strip()
    if not slash or not _TOKEN.fullmatch(media_type) or not _TOKEN.fullmatch(subtype):
        media_type, _slash, subtype = default_type.partition(b"/")
    return media_type, subtype


def _encoding(fields: Fields) -> bytes:
    found = next((value for name, value in fields if name.lower() == b"content-transfer-encoding"), b"")
    return found.strip().lower()


def _part_ranges(raw: bytes, start: int, end: int, boundary: bytes | None) -> list[tuple[int, int]]:
    if not boundary:
        return []
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    body = raw[start:end]
    ranges: list[tuple[int, int]] = []
    opened: int | None = None
    at = 0
    while match := delimiter.search(body, at):
        if opened is not None:
            ranges.append((start + opened, start + max(opened, match.start())))
        opened = None if match[1] else match.end()
        if match[1]:
            break
        # The line end of this delimiter may also open the next one.
        at = match.end()
        at -= 2 if body[at - 2 : at] == b"\r\n" else 1 if body[at - 1 : at] == b"\n" else 0
    if opened is not None:
        ranges.append((start + opened, end))
    return ranges


def _unquoted(value: bytes) -> bytes:
    return (
        re.sub(rb"\\(.)", rb"\1", value[1:-1], flags=re.DOTALL) if value.startswith(b'"') and len(value) > 1 else value
    )
