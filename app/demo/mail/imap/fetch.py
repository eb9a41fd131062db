"""FETCH (RFC 9051 6.4.5): reading the items asked for and answering them for one message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.demo.mail.imap import mime
from app.demo.mail.imap.mime import Part
from app.demo.mail.imap.structure import body_structure, envelope
from app.demo.mail.imap.syntax import Cursor, SyntaxProblem, internal_date, literal
from app.demo.mail.mailbox import Message

MACROS: Final = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
SIMPLE_ITEMS: Final = frozenset(
    {"FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY", "MODSEQ"}
)
OLD_SECTIONS: Final = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}
PART_NUMBERS_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between the brackets of BODY[…]: part numbers, then a text such as HEADER.FIELDS with its names in lower case."""

    numbers: tuple[int, ...] = ()
    text: str = ""
    names: tuple[bytes, ...] = ()

    def spelled(self) -> bytes:
        """The section as it is repeated in the answer."""
        pieces = [b"%d" % number for number in self.numbers]
        if self.text:
            pieces.append(self.text.encode("ascii"))
        spelled = b".".join(pieces)
        return spelled + (b" (" + b" ".join(name.upper() for name in self.names) + b")" if self.names else b"")


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One item. ``name`` is the item's name, "BODY[]" for any section; ``label`` overrides how the answer calls it (RFC822)."""

    name: str
    section: Section = Section()
    partial: tuple[int, int] | None = None
    label: bytes = b""
    sets_seen: bool = False


def parse_items(cursor: Cursor) -> list[FetchItem]:
    """The items after the sequence set: a macro, one item, or a list. Raises SyntaxProblem."""
    if cursor.peek(b"("):
        items = [_item(cursor) for _turn in cursor.words()]
        if not items:
            raise SyntaxProblem("FETCH needs an item")
        return items
    for macro, names in MACROS.items():
        if cursor.take(macro.encode("ascii")):
            return [FetchItem(name) for name in names]
    return [_item(cursor)]


def _item(cursor: Cursor) -> FetchItem:
    name = _item_name(cursor)
    if name in OLD_SECTIONS:
        section = Section(text=OLD_SECTIONS[name])
        return FetchItem("BODY[]", section, None, name.encode("ascii"), sets_seen=name != "RFC822.HEADER")
    if name in {"BODY", "BODY.PEEK"} and cursor.take(b"["):
        section = _section(cursor)
        return FetchItem("BODY[]", section, _partial(cursor), sets_seen=name == "BODY")
    if name in SIMPLE_ITEMS:
        return FetchItem(name)
    raise SyntaxProblem("No such FETCH item")


def _item_name(cursor: Cursor) -> str:
    for name in ("BODY.PEEK", "BODYSTRUCTURE", "BODY"):
        if cursor.peek(name.encode("ascii") + b"[") or (name != "BODY.PEEK" and cursor.peek(name.encode("ascii"))):
            cursor.expect(name.encode("ascii"))
            return name
    return cursor.atom()


def _section(cursor: Cursor) -> Section:
    numbers: list[int] = []
    while not cursor.peek(b"]"):
        if cursor.peek(b"HEADER") or cursor.peek(b"TEXT") or cursor.peek(b"MIME"):
            return _section_text(cursor, tuple(numbers))
        numbers.append(cursor.number())
        if numbers[-1] == 0 or len(numbers) > PART_NUMBERS_LIMIT:
            raise SyntaxProblem("No such body part number")
        if not cursor.take(b"."):
            break
    cursor.expect(b"]")
    return Section(tuple(numbers))


def _section_text(cursor: Cursor, numbers: tuple[int, ...]) -> Section:
    for text in ("HEADER.FIELDS.NOT", "HEADER.FIELDS"):
        if cursor.take(text.encode("ascii")):
            cursor.space()
            names = tuple(cursor.astring().lower() for _turn in cursor.words())
            if not names:
                raise SyntaxProblem("HEADER.FIELDS needs a field name")
            cursor.expect(b"]")
            return Section(numbers, text, names)
    for text in ("HEADER", "TEXT", "MIME"):
        if cursor.take(text.encode("ascii")):
            cursor.expect(b"]")
            if text == "MIME" and not numbers:
                raise SyntaxProblem("MIME needs a body part number")
            return Section(numbers, text)
    raise SyntaxProblem("No such section")


def _partial(cursor: Cursor) -> tuple[int, int] | None:
    if not cursor.take(b"<"):
        return None
    first = cursor.number()
    cursor.expect(b".")
    count = cursor.number()
    cursor.expect(b">")
    if count == 0:
        raise SyntaxProblem("A partial needs a length")
    return first, count


class FetchedMessage:
    """Answers items for one message; its bytes are read and parsed only when an item needs them."""

    def __init__(self, message: Message, read: Callable[[Message], bytes]) -> None:
        self._message = message
        self._read = read
        self._raw: bytes | None = None
        self._structure: Part | None = None

    def answer(self, item: FetchItem) -> bytes:
        """The item's name and value. Raises KeyError where the message has gone."""
        name = item.name
        if name == "BODY[]":
            return self._section(item)
        return name.encode("ascii") + b" " + self._simple(name)

    def _simple(self, name: str) -> bytes:
        message = self._message
        if name == "FLAGS":
            return flag_list(message.flags)
        if name == "UID":
            return b"%d" % message.uid
        if name == "INTERNALDATE":
            return internal_date(message.internal_date)
        if name == "RFC822.SIZE":
            return b"%d" % message.size
        if name == "MODSEQ":
            return b"(%d)" % message.mod_seq
        if name == "ENVELOPE":
            return envelope(self._parsed())
        return body_structure(self._bytes(), self._parsed(), extended=name == "BODYSTRUCTURE")

    def _section(self, item: FetchItem) -> bytes:
        label = item.label or b"BODY[" + item.section.spelled() + b"]"
        content = section_bytes(self._bytes(), self._parsed, item.section)
        if content is None:
            return label + b" NIL"
        if item.partial is not None:
            first, count = item.partial
            return label + b"<%d> " % first + literal(content[first : first + count])
        return label + b" " + literal(content)

    def _bytes(self) -> bytes:
        if self._raw is None:
            self._raw = self._read(self._message)
        return self._raw

    def _parsed(self) -> Part:
        if self._structure is None:
            self._structure = mime.parse(self._bytes())
        return self._structure


def flag_list(flags: frozenset[str]) -> bytes:
    """Flags in parentheses, in a stable order."""
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"


def section_bytes(raw: bytes, structure: Callable[[], Part], section: Section) -> bytes | None:
    """The bytes of a section, or None where the message has no such part (RFC 9051 6.4.5.1)."""
    if not section.numbers and not section.text:
        return raw
    part: Part | None = structure()
    for depth, number in enumerate(section.numbers):
        if depth and part is not None and part.media_type != b"multipart":
            part = part.message
        part = part.child(number) if part is not None else None
    if part is None:
        return None
    if section.text == "MIME":
        return raw[part.start : part.body]
    if not section.text:
        return raw[part.body : part.end]
    if section.numbers:
        # HEADER and TEXT of a numbered part are those of the message that it holds.
        part = part.message
    if part is None:
        return None
    if section.text == "HEADER":
        return raw[part.start : part.body]
    if section.text == "TEXT":
        return raw[part.body : part.end]
    return mime.header_lines(raw, part, frozenset(section.names), keep=section.text == "HEADER.FIELDS")
