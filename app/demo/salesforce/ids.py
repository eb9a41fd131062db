"""Record ids: 15 case-sensitive characters, or 18 with three check letters that survive case-folding.

Source: the "ID Field Type" section of the Salesforce Object Reference.
"""

from __future__ import annotations

import re
from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID_FORM = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


class MalformedId(ValueError):  # named after MALFORMED_ID
    """The text is no record id."""


def with_check_letters(id_15: str) -> str:
    """The 18-character form of a 15-character id: one letter for each group of five, by which of them are capitals."""
    letters = []
    for start in range(0, 15, 5):
        bits = sum(1 << place for place, char in enumerate(id_15[start : start + 5]) if "A" <= char <= "Z")
        letters.append(_CHECK_LETTERS[bits])
    return id_15 + "".join(letters)


@lru_cache(maxsize=10_000)
def to_18(text: str) -> str:
    """The 18-character form of an id of 15 or 18 characters. Raises MalformedId for anything else.

    The 18-character form is accepted in any case: that is what its check letters are for.
    """
    if not _ID_FORM.fullmatch(text):
        raise MalformedId(text)
    if len(text) == 15:
        return with_check_letters(text)
    repaired = _repair_case(text)
    if with_check_letters(repaired).upper() != text.upper():
        raise MalformedId(text)
    return with_check_letters(repaired)


def make_id(key_prefix: str, number: int) -> str:
    """An id of 18 characters from an object's three-character key prefix and a running number."""
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return with_check_letters(f"{key_prefix}5e0" + "".join(reversed(digits)))


def _repair_case(text: str) -> str:
    chars = list(text[:15])
    for group, letter in enumerate(text[15:].upper()):
        bits = _CHECK_LETTERS.find(letter)
        if bits < 0:
            raise MalformedId(text)
        for place in range(5):
            at = group * 5 + place
            chars[at] = chars[at].upper() if bits >> place & 1 else chars[at].lower()
    return "".join(chars)
