"""LIST and LSUB (RFC 9051 6.3.9, RFC 3501 6.3.9), with the options of LIST-EXTENDED, LIST-STATUS and SPECIAL-USE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from app.demo.mail.imap.extensions import Extension
from app.demo.mail.imap.mailboxes import status_items, status_line
from app.demo.mail.imap.session import Command, Reply, Session, State
from app.demo.mail.imap.syntax import Cursor, SyntaxProblem, quoted
from app.demo.mail.mailbox import User
from app.demo.mail.names import canonical, encode_name, matches, superiors

PATTERNS_LIMIT: Final = 50


@dataclass(slots=True)
class _Request:
    select: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)
    patterns: list[str] = field(default_factory=list)
    status: list[str] | None = None


async def list_mailboxes(session: Session, cursor: Cursor) -> Reply:
    """LIST (RFC 9051 6.3.9)."""
    cursor.space()
    request = _Request()
    is_extended = session.offers(Extension.LIST_EXTENDED)
    if is_extended and cursor.peek(b"("):
        request.select = {_option(session, cursor, selecting=True) for _turn in cursor.words()}
        cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    if is_extended and cursor.peek(b"("):
        request.patterns = [cursor.list_mailbox() for _turn in cursor.words()][:PATTERNS_LIMIT]
    else:
        request.patterns = [cursor.list_mailbox()]
    if is_extended and cursor.take(b" RETURN "):
        _read_return(session, cursor, request)
    cursor.end()
    if "RECURSIVEMATCH" in request.select and request.select <= {"RECURSIVEMATCH", "REMOTE"}:
        raise SyntaxProblem("RECURSIVEMATCH needs another option")
    if request.patterns == [""]:
        session.untagged('LIST (\\Noselect) "/" ""')
        return Reply("Hierarchy delimiter told")
    request.patterns = [canonical(reference + pattern) for pattern in request.patterns]
    _answer(session, request)
    return Reply("Listed")


async def list_subscribed(session: Session, cursor: Cursor) -> Reply:
    r"""LSUB (RFC 3501 6.3.9): a name above a subscribed one is told as \Noselect where ``%`` stops at it."""
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    pattern = canonical(reference + cursor.list_mailbox())
    cursor.end()
    user = session.owner()
    names = {name: "" for name in user.subscriptions if matches(name, pattern)}
    if pattern.endswith("%"):
        for name in user.subscriptions:
            for above in superiors(name):
                if above not in user.subscriptions and matches(above, pattern):
                    names[above] = "\\Noselect"
    for name, attribute in sorted(names.items()):
        session.untagged(_line("LSUB", [attribute] if attribute else [], name))
    return Reply("Listed")


def _read_return(session: Session, cursor: Cursor, request: _Request) -> None:
    for _turn in cursor.words():
        if session.offers(Extension.LIST_STATUS) and cursor.take(b"STATUS "):
            request.status = status_items(session, cursor)
        else:
            request.wanted.add(_option(session, cursor, selecting=False))


def _option(session: Session, cursor: Cursor, *, selecting: bool) -> str:
    option = cursor.atom()
    known = {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH"} if selecting else {"SUBSCRIBED", "CHILDREN"}
    if session.offers(Extension.SPECIAL_USE):
        known.add("SPECIAL-USE")
    if option not in known:
        raise SyntaxProblem("No such option of LIST")
    return option


def _answer(session: Session, request: _Request) -> None:
    user = session.owner()
    selected = _selected_names(user, request.select)
    names = set(selected)
    child_info: set[str] = set()
    if "RECURSIVEMATCH" in request.select:
        shown = {name for name in selected if _any_match(name, request.patterns)}
        child_info = {above for name in selected - shown for above in superiors(name)}
        names |= child_info
    for name in sorted(names, key=lambda one: (one != "INBOX", one)):
        if not _any_match(name, request.patterns):
            continue
        line = _line("LIST", _attributes(session, user, name, request), name)
        session.untagged(line + (b' ("CHILDINFO" ("SUBSCRIBED"))' if name in child_info else b""))
        mailbox = user.mailbox(name)
        if request.status is not None and mailbox is not None:
            session.untagged(status_line(mailbox, request.status))


def _selected_names(user: User, options: set[str]) -> set[str]:
    names = set(user.mailboxes)
    if "SUBSCRIBED" in options:
        # Names of mailboxes that are gone stay subscribed and are told as \NonExistent.
        names = set(user.subscriptions)
    if "SPECIAL-USE" in options:
        names = {name for name in names if name in user.mailboxes and user.mailboxes[name].special_use}
    return names


def _attributes(session: Session, user: User, name: str, request: _Request) -> list[str]:
    mailbox = user.mailboxes.get(name)
    attributes: list[str] = []
    if mailbox is None:
        attributes.append("\\NonExistent")
    elif not mailbox.is_selectable:
        attributes.append("\\Noselect")
    if session.offers(Extension.CHILDREN) or "CHILDREN" in request.wanted:
        attributes.append("\\HasChildren" if user.inferiors(name) else "\\HasNoChildren")
    if name in user.subscriptions and "SUBSCRIBED" in request.select | request.wanted:
        attributes.append("\\Subscribed")
    if mailbox is not None and mailbox.special_use and session.offers(Extension.SPECIAL_USE):
        attributes.append(mailbox.special_use)
    return attributes


def _any_match(name: str, patterns: Sequence[str]) -> bool:
    return any(matches(name, pattern) for pattern in patterns)


def _line(response: str, attributes: Iterable[str], name: str) -> bytes:
    return f'{response} ({" ".join(attributes)}) "/" '.encode("ascii") + quoted(encode_name(name))


COMMANDS: Final = MappingProxyType(
    {"LIST": Command(list_mailboxes, State.AUTHENTICATED), "LSUB": Command(list_subscribed, State.AUTHENTICATED)}
)
