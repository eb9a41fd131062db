"""Commands on the messages of the selected mailbox (RFC 9051 6.4), by message number or by UID."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final

from app.demo.mail.imap.extensions import Extension
from app.demo.mail.imap.fetch import FetchedMessage, FetchItem, flag_list, parse_items
from app.demo.mail.imap.search import CHARSETS, BadCharset, Candidate, SearchParser
from app.demo.mail.imap.selection import Selection
from app.demo.mail.imap.session import Command, Refused, Reply, Session, State
from app.demo.mail.imap.syntax import MOD_SEQ_LIMIT, Cursor, SyntaxProblem, checked_flags, compact_set
from app.demo.mail.mailbox import Message

Pairs = list[tuple[int, int]]
"""Message numbers and UIDs."""

SEARCH_RETURNS: Final = ("MIN", "MAX", "ALL", "COUNT")


async def close(session: Session, cursor: Cursor) -> Reply:
    """CLOSE (RFC 9051 6.4.1): expunges without a word."""
    cursor.end()
    selection = session.selected()
    if not selection.read_only:
        session.store.expunge(selection.mailbox, _deleted(selection))
    session.unselect()
    return Reply("Closed")


async def unselect(session: Session, cursor: Cursor) -> Reply:
    """UNSELECT (RFC 3691)."""
    cursor.end()
    session.unselect()
    return Reply("Unselected")


async def expunge(session: Session, cursor: Cursor) -> Reply:
    """EXPUNGE (RFC 9051 6.4.3)."""
    cursor.end()
    selection = _writable(session)
    session.store.expunge(selection.mailbox, _deleted(selection))
    return Reply("Expunged")


async def by_uid(session: Session, cursor: Cursor) -> Reply:
    """UID and the command behind it (RFC 9051 6.4.9)."""
    cursor.space()
    name = cursor.atom()
    if name == "EXPUNGE" and session.offers(Extension.UIDPLUS):
        return await _uid_expunge(session, cursor)
    if name == "MOVE" and not session.offers(Extension.MOVE):
        raise SyntaxProblem("No such command")
    run = _NUMBERED.get(name)
    if run is None:
        raise SyntaxProblem("No such command")
    return await run(session, cursor, True)


async def _uid_expunge(session: Session, cursor: Cursor) -> Reply:
    selection = _writable(session)
    cursor.space()
    pairs = selection.resolve(cursor.sequence_set(), by_uid=True) or []
    cursor.end()
    named = {uid for _number, uid in pairs}
    session.store.expunge(selection.mailbox, [uid for uid in _deleted(selection) if uid in named])
    return Reply("Expunged")


async def search(session: Session, cursor: Cursor, uid: bool) -> Reply:
    """SEARCH (RFC 9051 6.4.4), with RETURN where ESEARCH is on offer (RFC 4731)."""
    selection = session.selected()
    cursor.space()
    returns: list[str] | None = None
    if session.offers(Extension.ESEARCH) and cursor.take(b"RETURN "):
        returns = [cursor.atom() for _turn in cursor.words()] or ["ALL"]
        if not set(returns) <= set(SEARCH_RETURNS):
            raise SyntaxProblem("No such result of SEARCH")
        cursor.space()
    parser = SearchParser(
        cursor,
        last_number=len(selection.uids),
        last_uid=selection.last_uid,
        allows_mod_seq=session.offers(Extension.CONDSTORE),
    )
    try:
        criterion = parser.parse()
    except BadCharset as error:
        raise Refused("That charset is not known here", f"BADCHARSET ({' '.join(CHARSETS)})") from error
    if parser.uses_mod_seq:
        session.enabled.add(Extension.CONDSTORE)
    found: list[tuple[int, Message]] = []
    for number, message_uid in enumerate(selection.uids, 1):
        message = selection.message(message_uid)
        if message is not None and criterion(Candidate(message, number, session.store.raw)):
            found.append((message_uid if uid else number, message))
    highest = max((message.mod_seq for _number, message in found), default=None) if parser.uses_mod_seq else None
    numbers = [number for number, _message in found]
    session.untagged(
        _search_result(numbers, highest)
        if returns is None
        else _extended_result(session.tag, numbers, highest, returns, uid=uid)
    )
    return Reply("Searched", expunges=uid)


async def fetch(session: Session, cursor: Cursor, uid: bool) -> Reply:
    """FETCH (RFC 9051 6.4.5), with CHANGEDSINCE where CONDSTORE is on offer (RFC 7162 3.1.4)."""
    selection = session.selected()
    pairs = _pairs(session, cursor, uid=uid)
    cursor.space()
    items = parse_items(cursor)
    changed_since = _changed_since(session, cursor)
    cursor.end()
    names = {item.name for item in items}
    if changed_since is not None or "MODSEQ" in names:
        if not session.offers(Extension.CONDSTORE):
            raise SyntaxProblem("No such FETCH item")
        session.enabled.add(Extension.CONDSTORE)
    if changed_since is not None and "MODSEQ" not in names:
        items.append(FetchItem("MODSEQ"))
    if uid and "UID" not in names:
        items.insert(0, FetchItem("UID"))
    if any(item.sets_seen for item in items) and not selection.read_only:
        _set_seen(session, selection, pairs)
    missing = False
    for number, message_uid in pairs:
        message = selection.message(message_uid)
        if message is None:
            missing = True
        elif changed_since is None or message.mod_seq > changed_since:
            missing |= not _send_fetched(session, selection, number, message, items)
            await session.wire.drain()
    return Reply("Fetched", "EXPUNGEISSUED" if missing and not uid else "", expunges=uid)


async def store(session: Session, cursor: Cursor, uid: bool) -> Reply:
    """STORE (RFC 9051 6.4.6), with UNCHANGEDSINCE where CONDSTORE is on offer (RFC 7162 3.1.3)."""
    selection = _writable(session)
    pairs = _pairs(session, cursor, uid=uid)
    cursor.space()
    unchanged_since = _unchanged_since(session, cursor)
    change, silent = _flag_change(cursor)
    cursor.space()
    flags = frozenset(_stored_flags(cursor))
    cursor.end()
    allowed: Pairs = []
    modified: list[int] = []
    for number, message_uid in pairs:
        message = selection.message(message_uid)
        if message is None:
            continue
        if unchanged_since is not None and message.mod_seq > unchanged_since:
            modified.append(message_uid if uid else number)
        else:
            allowed.append((number, message_uid))
    messages = selection.mailbox.messages
    session.store.set_flags(
        selection.mailbox, {one: _changed(messages[one].flags, flags, change) for _number, one in allowed}
    )
    with_mod_seq = Extension.CONDSTORE in session.enabled
    for number, message_uid in allowed:
        message = messages[message_uid]
        selection.told(message)
        told = [b"UID %d" % message_uid] if uid else []
        if not silent:
            told.append(b"FLAGS " + flag_list(message.flags))
        if with_mod_seq:
            told.append(b"MODSEQ (%d)" % message.mod_seq)
        if not silent or with_mod_seq:
            session.untagged(b"%d FETCH (%s)" % (number, b" ".join(told)))
    code = f"MODIFIED {compact_set(modified).decode('ascii')}" if modified else ""
    return Reply("Stored", code, expunges=uid)


async def copy(session: Session, cursor: Cursor, uid: bool) -> Reply:
    """COPY (RFC 9051 6.4.7)."""
    selection = session.selected()
    pairs = _pairs(session, cursor, uid=uid)
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    target = session.find(name, missing_code="TRYCREATE")
    copied = session.store.copy(selection.mailbox, [one for _number, one in pairs], target)
    return Reply("Copied", _copy_uid(session, target.uid_validity, copied))


async def move(session: Session, cursor: Cursor, uid: bool) -> Reply:
    """MOVE (RFC 6851): COPYUID comes untagged, before the expunges."""
    selection = _writable(session)
    pairs = _pairs(session, cursor, uid=uid)
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    target = session.find(name, missing_code="TRYCREATE")
    moved = session.store.move(selection.mailbox, [one for _number, one in pairs], target)
    code = _copy_uid(session, target.uid_validity, moved)
    if code:
        session.untagged(f"OK [{code}] Moved")
    return Reply("Moved")


def _pairs(session: Session, cursor: Cursor, *, uid: bool) -> Pairs:
    cursor.space()
    pairs = session.selected().resolve(cursor.sequence_set(), by_uid=uid)
    if pairs is None:
        raise SyntaxProblem("No such message number")
    return pairs


def _writable(session: Session) -> Selection:
    selection = session.selected()
    if selection.read_only:
        raise Refused("The mailbox is open for reading only", "READ-ONLY")
    return selection


def _deleted(selection: Selection) -> list[int]:
    return [uid for uid, message in selection.mailbox.messages.items() if "\\Deleted" in message.flags]


def _set_seen(session: Session, selection: Selection, pairs: Pairs) -> None:
    messages = [selection.message(uid) for _number, uid in pairs]
    unseen = [message for message in messages if message is not None and "\\Seen" not in message.flags]
    session.store.set_flags(selection.mailbox, {message.uid: message.flags | {"\\Seen"} for message in unseen})


def _send_fetched(
    session: Session, selection: Selection, number: int, message: Message, items: list[FetchItem]
) -> bool:
    fetched = FetchedMessage(message, session.store.raw)
    asked = list(items)
    names = {item.name for item in items}
    if any(item.sets_seen for item in items) and "FLAGS" not in names:
        asked.append(FetchItem("FLAGS"))
        if Extension.CONDSTORE in session.enabled and "MODSEQ" not in names:
            asked.append(FetchItem("MODSEQ"))
    try:
        answers = b" ".join(fetched.answer(item) for item in asked)
    except KeyError:
        return False
    if any(item.name == "FLAGS" for item in asked):
        selection.told(message)
    session.untagged(b"%d FETCH (%s)" % (number, answers))
    return True


def _changed_since(session: Session, cursor: Cursor) -> int | None:
    if not session.offers(Extension.CONDSTORE) or not cursor.take(b" (CHANGEDSINCE "):
        return None
    mod_seq = cursor.number(MOD_SEQ_LIMIT)
    cursor.expect(b")")
    return mod_seq


def _unchanged_since(session: Session, cursor: Cursor) -> int | None:
    if not session.offers(Extension.CONDSTORE) or not cursor.take(b"(UNCHANGEDSINCE "):
        return None
    mod_seq = cursor.number(MOD_SEQ_LIMIT)
    cursor.expect(b") ")
    session.enabled.add(Extension.CONDSTORE)
    return mod_seq


def _flag_change(cursor: Cursor) -> tuple[str, bool]:
    sign = "+" if cursor.take(b"+") else "-" if cursor.take(b"-") else ""
    item = cursor.atom()
    if item not in {"FLAGS", "FLAGS.SILENT"}:
        raise SyntaxProblem("No such STORE item")
    return sign, item == "FLAGS.SILENT"


def _stored_flags(cursor: Cursor) -> tuple[str, ...]:
    if cursor.peek(b"("):
        return cursor.flags()
    flags = [cursor.flag()]
    while cursor.take(b" "):
        flags.append(cursor.flag())
    return checked_flags(flags)


def _changed(old: frozenset[str], flags: frozenset[str], change: str) -> frozenset[str]:
    # Keywords differ in letter case only by accident: they are one keyword (RFC 9051 2.3.2).
    known = {flag.lower(): flag for flag in old}
    named = frozenset(known.get(flag.lower(), flag) for flag in flags)
    if change == "+":
        return old | named
    return old - named if change == "-" else named


def _copy_uid(session: Session, uid_validity: int, pairs: Pairs) -> str:
    if not pairs or not session.offers(Extension.UIDPLUS):
        return ""
    old = compact_set(one for one, _new in pairs).decode("ascii")
    new = compact_set(one for _old, one in pairs).decode("ascii")
    return f"COPYUID {uid_validity} {old} {new}"


def _search_result(numbers: list[int], highest: int | None) -> str:
    listed = "".join(f" {number}" for number in numbers)
    return f"SEARCH{listed}" + (f" (MODSEQ {highest})" if highest is not None else "")


def _extended_result(tag: str, numbers: list[int], highest: int | None, returns: list[str], *, uid: bool) -> str:
    pieces = [f'ESEARCH (TAG "{tag}")'] + (["UID"] if uid else [])
    if numbers and "MIN" in returns:
        pieces.append(f"MIN {min(numbers)}")
    if numbers and "MAX" in returns:
        pieces.append(f"MAX {max(numbers)}")
    if numbers and "ALL" in returns:
        pieces.append(f"ALL {compact_set(numbers).decode('ascii')}")
    if "COUNT" in returns:
        pieces.append(f"COUNT {len(numbers)}")
    if highest is not None:
        pieces.append(f"MODSEQ {highest}")
    return " ".join(pieces)


NumberedCommand = Callable[[Session, Cursor, bool], Awaitable[Reply]]
_NUMBERED: Final = MappingProxyType[str, NumberedCommand](
    {"SEARCH": search, "FETCH": fetch, "STORE": store, "COPY": copy, "MOVE": move}
)


def _by_number(name: str) -> Callable[[Session, Cursor], Awaitable[Reply]]:
    run = _NUMBERED[name]
    return lambda session, cursor: run(session, cursor, False)


_OPEN: Final = State.SELECTED
COMMANDS: Final = MappingProxyType(
    {
        "CLOSE": Command(close, _OPEN),
        "UNSELECT": Command(unselect, _OPEN, extension=Extension.UNSELECT),
        "EXPUNGE": Command(expunge, _OPEN),
        "UID": Command(by_uid, _OPEN),
        "SEARCH": Command(_by_number("SEARCH"), _OPEN),
        "FETCH": Command(_by_number("FETCH"), _OPEN),
        "STORE": Command(_by_number("STORE"), _OPEN),
        "COPY": Command(_by_number("COPY"), _OPEN),
        "MOVE": Command(_by_number("MOVE"), _OPEN, extension=Extension.MOVE),
    }
)
