"""Address lists of RFC 5322 3.4 in the four-part form of ENVELOPE (RFC 9051 7.5.2), tolerant of what real mail holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

ADDRESS_LIMIT: Final = 2000

ImapAddress = tuple[bytes | None, bytes | None, bytes | None, bytes | None]
"""Name, source route, mailbox, host. A group opens with (None, None, name, None) and ends with four None."""


@dataclass(slots=True)
class _Scan:
    phrase: bytearray = field(default_factory=bytearray)
    angle: bytearray | None = None
    comment: bytearray = field(default_factory=bytearray)
    found: list[ImapAddress] = field(default_factory=list)
    in_group: bool = False

    def flush(self) -> None:
        text = bytes(self.phrase).strip()
        if self.angle is not None:
            self.found.append(_address(bytes(self.angle).strip(), _plain(text) or None))
        elif text:
            self.found.append(_address(text, bytes(self.comment).strip() or None))
        self.phrase.clear()
        self.comment.clear()
        self.angle = None

    def open_group(self) -> None:
        self.found.append((None, None, _plain(bytes(self.phrase).strip()), None))
        self.phrase.clear()
        self.in_group = True

    def close_group(self) -> None:
        self.flush()
        if self.in_group:
            self.found.append((None, None, None, None))
        self.in_group = False


_PIECE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|\((?:[^()\\]|\\.)*\)?|<[^>]*>?|[,;:]|[^",;:(<]+|.', re.DOTALL)


def parse_addresses(value: bytes) -> list[ImapAddress]:
    """The addresses of an unfolded field, at most `ADDRESS_LIMIT` of them."""
    scan = _Scan()
    for match in _PIECE.finditer(value):
        piece = match.group()
        if piece == b",":
            scan.flush()
        elif piece == b":" and not scan.in_group:
            scan.open_group()
        elif piece == b";":
            scan.close_group()
        elif piece.startswith(b"("):
            scan.comment[:] = piece.strip(b"()")
        elif piece.startswith(b"<"):
            scan.angle = bytearray(piece.strip(b"<>"))
        else:
            scan.phrase += piece
        if len(scan.found) >= ADDRESS_LIMIT:
            break
    scan.flush()
    if scan.in_group:
        scan.close_group()
    return scan.found


def _plain(phrase: bytes) -> bytes:
    if (
        phrase.startswith(b'"')
        and phrase.endswith(b'"')
        and len(phrase) > 1
        and b'"' not in phrase[1:-1].replace(b'\\"', b"")
    ):
        return re.sub(rb"\\(.)", rb"\1", phrase[1:-1])
    return phrase


def _address(text: bytes, name: bytes | None) -> ImapAddress:
    route: bytes | None = None
    if text.startswith(b"@") and b":" in text:
        route, _colon, text = text.partition(b":")
    mailbox, at, host = text.rpartition(b"@")
    if not at:
        # A host of NIL would say "group": an address without a domain has an empty one.
        return name, route, _plain(text), b""
    return name, route, _plain(mailbox), host.strip()
