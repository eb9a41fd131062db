"""SEARCH (RFC 9051 6.4.4): the criteria as a tree of predicates over one message at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Final

from app.demo.mail.imap import mime
from app.demo.mail.imap.mime import Part
from app.demo.mail.imap.syntax import MOD_SEQ_LIMIT, Cursor, SequenceRange, SyntaxProblem
from app.demo.mail.imap.text import all_text, body_text, header_text
from app.demo.mail.mailbox import Message

DEPTH_LIMIT: Final = 30
CHARSETS: Final = ("US-ASCII", "UTF-8")

_FLAG_KEYS: Final = {
    "ANSWERED": ("\\Answered", True),
    "DELETED": ("\\Deleted", True),
    "DRAFT": ("\\Draft", True),
    "FLAGGED": ("\\Flagged", True),
    "SEEN": ("\\Seen", True),
    "UNANSWERED": ("\\Answered", False),
    "UNDELETED": ("\\Deleted", False),
    "UNDRAFT": ("\\Draft", False),
    "UNFLAGGED": ("\\Flagged", False),
    "UNSEEN": ("\\Seen", False),
}
_FIELD_KEYS: Final = ("BCC", "CC", "FROM", "SUBJECT", "TO")
_DATE_KEYS: Final = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")


class BadCharset(Exception):
    """The client asked for a charset that is not in `CHARSETS`."""


class Candidate:
    """One message that is being looked at, with its number in the session; bytes are read only when a criterion needs them."""

    def __init__(self, message: Message, number: int, read: Callable[[Message], bytes]) -> None:
        self.message = message
        self.number = number
        self._read = read
        self._loaded: tuple[bytes, Part] | None = None

    @property
    def raw(self) -> bytes:
        """The whole message."""
        return self._load()[0]

    @property
    def structure(self) -> Part:
        """Its MIME structure."""
        return self._load()[1]

    def sent_on(self) -> date | None:
        """The day in the Date field, as written there (time zones do not count); None without a readable one."""
        value = self.structure.header("Date")
        try:
            return parsedate_to_datetime((value or b"").decode("ascii", "replace")).date()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None

    def _load(self) -> tuple[bytes, Part]:
        if self._loaded is None:
            raw = self._read(self.message)
            self._loaded = (raw, mime.parse(raw))
        return self._loaded


Criterion = Callable[[Candidate], bool]


class SearchParser:
    """Reads search keys. ``last_number`` and ``last_uid`` stand for ``*``; ``allows_mod_seq`` says whether CONDSTORE is offered."""

    def __init__(self, cursor: Cursor, *, last_number: int, last_uid: int, allows_mod_seq: bool) -> None:
        self._cursor = cursor
        self._last_number = last_number
        self._last_uid = last_uid
        self._allows_mod_seq = allows_mod_seq
        self.uses_mod_seq = False

    def parse(self) -> Criterion:
        """The whole search program, CHARSET included. Raises SyntaxProblem and BadCharset."""
        if self._cursor.take(b"CHARSET "):
            charset = self._cursor.astring().decode("ascii", "replace").upper()
            if charset not in CHARSETS:
                raise BadCharset(charset)
            self._cursor.space()
        criteria = [self._key(0)]
        while self._cursor.take(b" "):
            criteria.append(self._key(0))
        self._cursor.end()
        return _all_of(criteria)

    def _key(self, depth: int) -> Criterion:
        if depth > DEPTH_LIMIT:
            raise SyntaxProblem("Search keys are nested too deeply")
        cursor = self._cursor
        if cursor.peek(b"("):
            criteria = [self._key(depth + 1) for _turn in cursor.words()]
            if not criteria:
                raise SyntaxProblem("An empty list of search keys")
            return _all_of(criteria)
        if cursor.looks_like_sequence_set():
            ranges = cursor.sequence_set()
            return lambda candidate: contains(ranges, candidate.number, self._last_number)
        name = cursor.atom()
        if name in _FLAG_KEYS:
            flag, wanted = _FLAG_KEYS[name]
            return lambda candidate: (flag in candidate.message.flags) == wanted
        if name == "NOT":
            cursor.space()
            inner = self._key(depth + 1)
            return lambda candidate: not inner(candidate)
        if name == "OR":
            cursor.space()
            first = self._key(depth + 1)
            cursor.space()
            second = self._key(depth + 1)
            return lambda candidate: first(candidate) or second(candidate)
        return self._leaf(name)

    def _leaf(self, name: str) -> Criterion:
        # \Recent is given to no message (RFC 9051 has done away with it), so RECENT and NEW find none and OLD finds all.
        if name in {"ALL", "OLD"}:
            return lambda _candidate: True
        if name in {"NEW", "RECENT"}:
            return lambda _candidate: False
        self._cursor.space()
        if name in _FIELD_KEYS:
            return _field_contains(name, self._text())
        if name in _DATE_KEYS:
            return _date_criterion(name, self._cursor.date())
        if name in {"KEYWORD", "UNKEYWORD"}:
            keyword, wanted = self._cursor.atom().lower(), name == "KEYWORD"
            return lambda candidate: (keyword in {flag.lower() for flag in candidate.message.flags}) == wanted
        if name in {"LARGER", "SMALLER"}:
            size = self._cursor.number()
            if name == "LARGER":
                return lambda candidate: candidate.message.size > size
            return lambda candidate: candidate.message.size < size
        return self._rare_leaf(name)

    def _rare_leaf(self, name: str) -> Criterion:
        cursor = self._cursor
        if name == "UID":
            ranges = cursor.sequence_set()
            return lambda candidate: contains(ranges, candidate.message.uid, self._last_uid)
        if name == "HEADER":
            field = cursor.astring().decode("ascii", "replace")
            cursor.space()
            return _field_contains(field, self._text())
        if name == "BODY":
            text = self._text()
            return lambda candidate: text in body_text(candidate.raw, candidate.structure).casefold()
        if name == "TEXT":
            wanted = self._text()
            return lambda candidate: wanted in all_text(candidate.raw, candidate.structure).casefold()
        if name == "MODSEQ" and self._allows_mod_seq:
            return self._mod_seq()
        raise SyntaxProblem("No such search key")

    def _mod_seq(self) -> Criterion:
        cursor = self._cursor
        if cursor.peek(b'"'):
            # An entry name and type: all flags share one mod-sequence here (RFC 7162 3.1.5).
            cursor.string()
            cursor.space()
            cursor.atom()
            cursor.space()
        at_least = cursor.number(MOD_SEQ_LIMIT)
        self.uses_mod_seq = True
        return lambda candidate: candidate.message.mod_seq >= at_least

    def _text(self) -> str:
        return self._cursor.astring().decode("utf-8", "replace").casefold()


def contains(ranges: Sequence[SequenceRange], number: int, last: int) -> bool:
    """Whether a sequence set names that number, ``*`` being ``last``."""
    for first, second in ranges:
        ends = (first or last, second or last)
        if min(ends) <= number <= max(ends):
            return True
    return False


def _all_of(criteria: Sequence[Criterion]) -> Criterion:
    if len(criteria) == 1:
        return criteria[0]
    return lambda candidate: all(criterion(candidate) for criterion in criteria)


def _field_contains(field: str, text: str) -> Criterion:
    wanted = field.lower().encode("ascii", "replace")

    def holds(candidate: Candidate) -> bool:
        values = [mime.unfolded(value) for name, value in candidate.structure.fields if name.lower() == wanted]
        # An empty string asks only whether the field is there (RFC 9051 6.4.4).
        return any(text in header_text(value).casefold() for value in values)

    return holds


def _date_criterion(name: str, day: date) -> Criterion:
    compare: Callable[[date], bool]
    if name.endswith("BEFORE"):
        compare = lambda found: found < day  # noqa: E731
    elif name.endswith("SINCE"):
        compare = lambda found: found >= day  # noqa: E731
    else:
        compare = lambda found: found == day  # noqa: E731
    if not name.startswith("SENT"):
        return lambda candidate: compare(candidate.message.internal_date.date())

    def holds(candidate: Candidate) -> bool:
        sent = candidate.sent_on()
        return sent is not None and compare(sent)

    return holds
