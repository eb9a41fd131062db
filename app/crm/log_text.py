"""Mail text cut to what a Salesforce field takes: at a character's boundary and with a mark that can be seen."""

from __future__ import annotations

import unicodedata

BODY_MARK = "\n\n[… The mail goes on; Salesforce keeps no more of it here.]"
LINE_MARK = "…"
LONGEST_CHARACTER = 64

_JOINER = "\u200d"


def utf16_length(text: str) -> int:
    """The length as Salesforce counts it (code units of UTF-16; unverified against a live org, and the safe side of the two ways to count)."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, length: int, mark: str) -> str:
    """The text, if it fits into ``length`` units, else its beginning with ``mark`` at the end. Characters that people see as one are not parted."""
    if utf16_length(text) <= length:
        return text
    room = length - utf16_length(mark)
    if room <= 0:
        return mark[: max(0, length)]
    end = 0
    for character in text:
        room -= 2 if character > "\uffff" else 1
        if room < 0:
            break
        end += 1
    return text[: _boundary(text, end)] + mark


def join_addresses(addresses: list[str], length: int) -> str:
    """Addresses with "; " between them, as many as fit; none is cut in two."""
    joined = ""
    for address in addresses:
        longer = f"{joined}; {address}" if joined else address
        if utf16_length(longer) > length:
            break
        joined = longer
    return joined


def _boundary(text: str, end: int) -> int:
    # Accents, emoji joined from several, skin tones and flags are more than one code point; step back out of them, but not for ever.
    least = max(0, end - LONGEST_CHARACTER)
    while end > least and end < len(text) and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return end


def _belongs_together(left: str, right: str) -> bool:
    if unicodedata.category(right) in ("Mn", "Me", "Mc") or right == _JOINER or left == _JOINER:
        return True
    if "\U0001f3fb" <= right <= "\U0001f3ff":
        return True
    both_regional = all("\U0001f1e6" <= character <= "\U0001f1ff" for character in (left, right))
    return both_regional or (left == "\r" and right == "\n")
