"""A person's name out of a mail address, as the fields of a Contact or Lead want it."""

from __future__ import annotations

import re

from app.model.mail import Address

LONGEST_FIRST = 40
LONGEST_LAST = 80

_TITLES = frozenset("dr dr. prof prof. mr mr. mrs mrs. ms ms. herr frau m. mme mlle ing. dipl.-ing.".split())
_SUFFIXES = frozenset("jr jr. sr sr. ii iii iv phd ph.d. md mba msc bsc".split())
_PARTICLES = frozenset("van von der den de del della di da dos du la le ten ter zu zum zur el al bin ibn".split())


def split_name(address: Address) -> tuple[str, str]:
    """First and last name. The last is never empty where the address has a local part; Salesforce demands it."""
    name = _clean(address.name)
    if not name or "@" in name:
        return _from_local_part(address.address)
    last, comma, first = name.partition(",")
    if comma and _words(first) and not all(word.lower() in _SUFFIXES for word in _words(first)):
        return _cut(" ".join(_words(first)), " ".join(_words(last)))
    words = _words(last)
    while len(words) > 1 and words[-1].lower() in _SUFFIXES:
        words.pop()
    if len(words) < 2:
        return _cut("", " ".join(words) or name)
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return _cut(" ".join(words[:start]), " ".join(words[start:]))


def _from_local_part(address: str) -> tuple[str, str]:
    local = _clean(address.rpartition("@")[0].partition("+")[0])
    parts = [part for part in re.split(r"[._]+", local) if part]
    if len(parts) == 2 and all(part.isalpha() and len(part) > 1 for part in parts):
        return _cut(parts[0].capitalize(), parts[1].capitalize())
    return _cut("", local)


def _words(text: str) -> list[str]:
    words = text.split()
    while len(words) > 1 and words[0].lower() in _TITLES:
        words.pop(0)
    return words


def _clean(name: str) -> str:
    without_notes = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", name)
    printable = "".join(character if character.isprintable() else " " for character in without_notes)
    return " ".join(printable.strip().strip("'\"").split())


def _cut(first: str, last: str) -> tuple[str, str]:
    return first[:LONGEST_FIRST].strip(), last[:LONGEST_LAST].strip()
