"""Mailbox names: modified UTF-7 (RFC 3501 5.1.3), INBOX in any case, and the patterns of LIST (RFC 9051 6.3.9)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

DELIMITER: Final = "/"
NAME_LIMIT: Final = 500


class BadName(Exception):
    """A mailbox name that no mailbox can have."""


def encode_name(name: str) -> bytes:
    """A name in modified UTF-7."""
    parts: list[bytes] = []
    pending: list[str] = []

    def flush() -> None:
        if pending:
            encoded = base64.b64encode("".join(pending).encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            parts.append(b"&" + encoded + b"-")
            pending.clear()

    for character in name:
        if " " <= character <= "~":
            flush()
            parts.append(b"&-" if character == "&" else character.encode("ascii"))
        else:
            pending.append(character)
    flush()
    return b"".join(parts)


def decode_name(wire_name: bytes) -> str:
    """A name from modified UTF-7, "INBOX" in upper case. Raises BadName where the encoding or the name is invalid."""
    try:
        text = wire_name.decode("ascii")
        name = re.sub(r"&([^-]*)-", _decode_shift, text)
    except (UnicodeError, binascii.Error, ValueError) as error:
        raise BadName("Mailbox name is not valid modified UTF-7") from error
    if "&" in re.sub(r"&[^-]*-", "", text):
        raise BadName("Mailbox name is not valid modified UTF-7")
    return canonical(name)


def _decode_shift(match: re.Match[str]) -> str:
    encoded = match.group(1)
    if not encoded:
        return "&"
    raw = base64.b64decode(encoded.replace(",", "/") + "=" * (-len(encoded) % 4), validate=True)
    return raw.decode("utf-16-be")


def canonical(name: str) -> str:
    """The one spelling of a name: INBOX, and INBOX as the first level, in upper case."""
    first, delimiter, rest = name.partition(DELIMITER)
    return f"INBOX{delimiter}{rest}" if first.upper() == "INBOX" else name


def check_new_name(name: str) -> None:
    """Raise BadName, with the reason, where a mailbox may not be called that."""
    if not name or len(name) > NAME_LIMIT:
        raise BadName("Mailbox name is empty or too long")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in name):
        raise BadName("Mailbox name has control characters")
    if "*" in name or "%" in name:
        raise BadName("Mailbox name has wildcards")
    if any(not level for level in name.split(DELIMITER)):
        raise BadName("Mailbox name has an empty level")


def superiors(name: str) -> list[str]:
    """The names above, from the top: "a/b/c" gives "a", "a/b"."""
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]


def matches(name: str, pattern: str) -> bool:
    """Whether a LIST pattern takes a name: ``*`` any text, ``%`` any text without the delimiter; INBOX in any case."""
    pieces = (
        ".*" if piece == "*" else f"[^{DELIMITER}]*" if piece == "%" else re.escape(piece)
        for piece in re.split(r"([*%])", re.sub(r"\*[*%]*|%+", lambda run: "*" if "*" in run[0] else "%", pattern))
    )
    expression = "".join(pieces)
    if re.fullmatch(expression, name, re.DOTALL):
        return True
    return name == "INBOX" and re.fullmatch(expression, name, re.DOTALL | re.IGNORECASE) is not None
