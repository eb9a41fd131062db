"""The grammar of IMAP commands (RFC 9051 9, RFC 3501 9): a cursor over one command with its literals inline, and the forms of answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from app.demo.mail.names import BadName, decode_name

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NUMBER_LIMIT: Final = 0xFFFFFFFF
MOD_SEQ_LIMIT: Final = (1 << 63) - 1
LIST_DEPTH_LIMIT: Final = 30
SYSTEM_FLAGS: Final = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")

_ATOM: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_ASTRING_ATOM: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_LIST_ATOM: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"\\]+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_LITERAL: Final = re.compile(rb"~?\{([0-9]{1,10})\+?\}\r\n")
_FLAG: Final = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_SEQUENCE_SET: Final = re.compile(rb"(?:[0-9]+|\*)(?::(?:[0-9]+|\*))?(?:,(?:[0-9]+|\*)(?::(?:[0-9]+|\*))?)*")
_DATE: Final = re.compile(rb'"?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})"?')
_DATE_TIME: Final = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_QUOTABLE: Final = re.compile(rb"[\x20-\x7e\t]{0,1000}")


class SyntaxProblem(Exception):
    """The command does not follow the grammar; the text says where."""


SequenceRange = tuple[int, int]
"""Two ends, 0 standing for ``*``."""


class Cursor:
    """Reads one command from left to right. Every method raises SyntaxProblem where the text is not what is asked for."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._at >= len(self._text)

    def peek(self, token: bytes) -> bool:
        """Whether the rest begins with ``token``, in any case."""
        return self._text[self._at : self._at + len(token)].upper() == token.upper()

    def take(self, token: bytes) -> bool:
        """Step over ``token`` if the rest begins with it."""
        if self.peek(token):
            self._at += len(token)
            return True
        return False

    def expect(self, token: bytes) -> None:
        """Step over ``token``."""
        if not self.take(token):
            raise SyntaxProblem(f"Expected {token.decode('ascii')!r}")

    def space(self) -> None:
        """Step over one space."""
        self.expect(b" ")

    def end(self) -> None:
        """Nothing may be left."""
        if not self.at_end:
            raise SyntaxProblem("Unexpected text at the end of the command")

    def tag(self) -> str:
        """The tag of a command."""
        tag = self._match(_ASTRING_ATOM, "a tag")
        if b"+" in tag:
            raise SyntaxProblem("A tag has no '+'")
        return tag.decode("ascii")

    def atom(self) -> str:
        """An atom, in upper case."""
        return self._match(_ATOM, "an atom").decode("ascii").upper()

    def string(self) -> bytes:
        """A quoted string or a literal."""
        literal = _LITERAL.match(self._text, self._at)
        if literal:
            start, length = literal.end(), int(literal.group(1))
            self._at = start + length
            if self._at > len(self._text):
                raise SyntaxProblem("A literal is shorter than announced")
            return self._text[start : self._at]
        quoted = self._match(_QUOTED, "a string")
        return re.sub(rb"\\(.)", rb"\1", quoted[1:-1])

    def astring(self) -> bytes:
        """An atom or a string."""
        return self.string() if self._starts_string() else self._match(_ASTRING_ATOM, "an atom or a string")

    def nstring(self) -> bytes | None:
        """A string, or NIL as None."""
        if self._starts_string():
            return self.string()
        self.expect(b"NIL")
        return None

    def list_mailbox(self) -> str:
        """A mailbox name or pattern of LIST, decoded."""
        raw = self.string() if self._starts_string() else self._match(_LIST_ATOM, "a mailbox pattern")
        return _decoded(raw)

    def mailbox(self) -> str:
        """A mailbox name, decoded."""
        return _decoded(self.astring())

    def number(self, limit: int = NUMBER_LIMIT) -> int:
        """A number from 0 to the limit."""
        digits = self._match(re.compile(rb"[0-9]{1,20}"), "a number")
        value = int(digits)
        if value > limit:
            raise SyntaxProblem("A number is too large")
        return value

    def sequence_set(self) -> tuple[SequenceRange, ...]:
        """Message numbers or UIDs."""
        ranges: list[SequenceRange] = []
        for piece in self._match(_SEQUENCE_SET, "a sequence set").split(b","):
            first, colon, last = piece.partition(b":")
            ranges.append((_end(first), _end(last if colon else first)))
        return tuple(ranges)

    def looks_like_sequence_set(self) -> bool:
        """Whether a sequence set comes next."""
        return _SEQUENCE_SET.match(self._text, self._at) is not None

    def flag(self) -> str:
        """A flag or keyword, system flags in their usual spelling."""
        raw = self._match(_FLAG, "a flag").decode("ascii")
        return next((known for known in SYSTEM_FLAGS if known.lower() == raw.lower()), raw)

    def flags(self) -> tuple[str, ...]:
        """A parenthesised list of flags; an unknown system flag is an error."""
        self.expect(b"(")
        found: list[str] = []
        while not self.take(b")"):
            if found:
                self.space()
            found.append(self.flag())
        return checked_flags(found)

    def date(self) -> date:
        """A date such as 1-Feb-2026."""
        match = _DATE.match(self._text, self._at)
        if match is None:
            raise SyntaxProblem("Expected a date")
        self._at = match.end()
        day, month, year = match.groups()
        return _checked_date(int(year), month, int(day))

    def date_time(self) -> datetime:
        """A date-time such as " 1-Feb-2026 08:00:00 +0100"."""
        match = _DATE_TIME.match(self._text, self._at)
        if match is None:
            raise SyntaxProblem("Expected a date-time")
        self._at = match.end()
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
        on = _checked_date(int(year), month, int(day))
        if not 1900 <= on.year < 9999:
            raise SyntaxProblem("No such year")
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            zone = timezone(-offset if sign == b"-" else offset)
            return datetime(on.year, on.month, on.day, int(hour), int(minute), min(int(second), 59), tzinfo=zone)
        except ValueError as error:
            raise SyntaxProblem("No such time") from error

    def words(self) -> Iterator[None]:
        """Step through a parenthesised list: one turn an item, which the caller reads."""
        self.expect(b"(")
        first = True
        while not self.take(b")"):
            if not first:
                self.space()
            first = False
            yield

    def _starts_string(self) -> bool:
        return self._text[self._at : self._at + 1] in {b'"', b"{", b"~"}

    def _match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise SyntaxProblem(f"Expected {what}")
        self._at = match.end()
        return match.group()


def checked_flags(flags: Iterable[str]) -> tuple[str, ...]:
    r"""Flags that a client may set, each once. Raises SyntaxProblem for ``\Recent`` and for system flags that do not exist."""
    unique = tuple(dict.fromkeys(flags))
    for flag in unique:
        if flag.startswith("\\") and flag not in SYSTEM_FLAGS:
            raise SyntaxProblem("No such system flag")
    return unique


def quoted(value: bytes) -> bytes:
    """A string in the shortest valid form: quoted, or a literal where it has 8-bit or control characters (RFC 9051 4.3)."""
    if _QUOTABLE.fullmatch(value):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return literal(value)


def nstring(value: bytes | None) -> bytes:
    """A string or NIL."""
    return b"NIL" if value is None else quoted(value)


def literal(value: bytes) -> bytes:
    """A string as a literal; NUL, which no literal may hold, becomes 0x80 (as other servers do)."""
    clean = value.replace(b"\x00", b"\x80")
    return b"{%d}\r\n%s" % (len(clean), clean)


def internal_date(when: datetime) -> bytes:
    """A date-time in quotes, in UTC."""
    utc = when.astimezone(UTC)
    return f'"{utc.day:2d}-{MONTHS[utc.month - 1]}-{utc.year:04d} {utc:%H:%M:%S} +0000"'.encode("ascii")


def compact_set(numbers: Iterable[int]) -> bytes:
    """Numbers as a sequence set in the order given, runs joined: 1:3,7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in runs)


def _decoded(raw: bytes) -> str:
    try:
        return decode_name(raw)
    except BadName as error:
        raise SyntaxProblem(str(error)) from error


def _end(raw: bytes) -> int:
    if raw == b"*":
        return 0
    if len(raw) > 10 or not 0 < int(raw) <= NUMBER_LIMIT:
        raise SyntaxProblem("A message number is out of range")
    return int(raw)


def _checked_date(year: int, month: bytes, day: int) -> date:
    name = month.decode("ascii").capitalize()
    if name not in MONTHS:
        raise SyntaxProblem("No such month")
    try:
        return date(year, MONTHS.index(name) + 1, day)
    except ValueError as error:
        raise SyntaxProblem("No such day") from error
