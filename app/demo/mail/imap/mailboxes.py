"""Commands on mailboxes as a whole: SELECT to APPEND (RFC 9051 6.3)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from app.demo.mail.imap.extensions import Extension
from app.demo.mail.imap.fetch import flag_list
from app.demo.mail.imap.session import Command, Refused, Reply, Session, State
from app.demo.mail.imap.syntax import SYSTEM_FLAGS, Cursor, SyntaxProblem, quoted
from app.demo.mail.mailbox import Mailbox
from app.demo.mail.names import BadName, check_new_name, encode_name
from app.demo.mail.store import MailboxProblem

SPECIAL_USES: Final = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")


async def select(session: Session, cursor: Cursor) -> Reply:
    """SELECT (RFC 9051 6.3.2)."""
    return _open(session, cursor, read_only=False)


async def examine(session: Session, cursor: Cursor) -> Reply:
    """EXAMINE (RFC 9051 6.3.3)."""
    return _open(session, cursor, read_only=True)


async def create(session: Session, cursor: Cursor) -> Reply:
    """CREATE (RFC 9051 6.3.4), with a special use where that is on offer (RFC 6154 3)."""
    cursor.space()
    name = cursor.mailbox().removesuffix("/")
    special_use = ""
    if session.offers(Extension.CREATE_SPECIAL_USE) and cursor.take(b" (USE "):
        uses = [cursor.flag() for _turn in cursor.words()]
        cursor.expect(b")")
        special_use = next((use for use in SPECIAL_USES if [use.lower()] == [one.lower() for one in uses]), "")
        if not special_use:
            raise Refused("That special use cannot be given", "USEATTR")
    cursor.end()
    try:
        check_new_name(name)
        session.store.create(session.owner(), name, special_use)
    except BadName as error:
        raise Refused(str(error), "CANNOT") from error
    except MailboxProblem as error:
        raise Refused(str(error), error.code) from error
    return Reply("Created")


async def delete(session: Session, cursor: Cursor) -> Reply:
    """DELETE (RFC 9051 6.3.5)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    if session.selection is not None and session.selection.mailbox.name == name:
        # The client that deletes the mailbox it has open gets a reply, not a BYE.
        session.unselect()
    try:
        session.store.delete(session.owner(), name)
    except MailboxProblem as error:
        raise Refused(str(error), error.code) from error
    return Reply("Deleted")


async def rename(session: Session, cursor: Cursor) -> Reply:
    """RENAME (RFC 9051 6.3.6)."""
    cursor.space()
    old = cursor.mailbox()
    cursor.space()
    new = cursor.mailbox().removesuffix("/")
    cursor.end()
    try:
        check_new_name(new)
        session.store.rename(session.owner(), old, new)
    except BadName as error:
        raise Refused(str(error), "CANNOT") from error
    except MailboxProblem as error:
        raise Refused(str(error), error.code) from error
    return Reply("Renamed")


async def subscribe(session: Session, cursor: Cursor) -> Reply:
    """SUBSCRIBE (RFC 9051 6.3.7)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    if name not in session.owner().mailboxes:
        raise Refused("Mailbox does not exist", "NONEXISTENT")
    session.store.subscribe(session.owner(), name, wanted=True)
    return Reply("Subscribed")


async def unsubscribe(session: Session, cursor: Cursor) -> Reply:
    """UNSUBSCRIBE (RFC 9051 6.3.8)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    session.store.subscribe(session.owner(), name, wanted=False)
    return Reply("Unsubscribed")


async def namespace(session: Session, cursor: Cursor) -> Reply:
    """NAMESPACE (RFC 2342): one personal namespace without a prefix."""
    cursor.end()
    session.untagged('NAMESPACE (("" "/")) NIL NIL')
    return Reply("Namespaces listed")


async def status(session: Session, cursor: Cursor) -> Reply:
    """STATUS (RFC 9051 6.3.11)."""
    cursor.space()
    mailbox = session.find(cursor.mailbox())
    cursor.space()
    items = status_items(session, cursor)
    cursor.end()
    session.untagged(status_line(mailbox, items))
    return Reply("Status told")


async def append(session: Session, cursor: Cursor) -> Reply:
    """APPEND (RFC 9051 6.3.12)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.space()
    flags: tuple[str, ...] = ()
    if cursor.peek(b"("):
        flags = cursor.flags()
        cursor.space()
    when = None
    if cursor.peek(b'"'):
        when = cursor.date_time()
        cursor.space()
    if not (cursor.peek(b"{") or cursor.peek(b"~{")):
        raise SyntaxProblem("Expected a literal")
    raw = cursor.string()
    cursor.end()
    mailbox = session.find(name, missing_code="TRYCREATE")
    if not raw:
        raise Refused("A message of no bytes cannot be stored", "CANNOT")
    message = session.store.append(mailbox, raw, flags, when)
    if session.offers(Extension.UIDPLUS):
        return Reply("Stored", f"APPENDUID {mailbox.uid_validity} {message.uid}")
    return Reply("Stored")


def status_items(session: Session, cursor: Cursor) -> list[str]:
    """The parenthesised items of STATUS. Raises SyntaxProblem for one that is not on offer."""
    offered = {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE"}
    if session.offers(Extension.CONDSTORE):
        offered.add("HIGHESTMODSEQ")
    items = [cursor.atom() for _turn in cursor.words()]
    if not items or not offered.issuperset(items):
        raise SyntaxProblem("No such STATUS item")
    if "HIGHESTMODSEQ" in items:
        session.enabled.add(Extension.CONDSTORE)
    return items


def status_line(mailbox: Mailbox, items: list[str]) -> bytes:
    """The untagged STATUS response."""
    values = {
        "MESSAGES": len(mailbox.messages),
        "RECENT": 0,
        "UIDNEXT": mailbox.uid_next,
        "UIDVALIDITY": mailbox.uid_validity,
        "UNSEEN": mailbox.count_without("\\Seen"),
        "DELETED": mailbox.count_with("\\Deleted"),
        "SIZE": sum(message.size for message in mailbox.messages.values()),
        "HIGHESTMODSEQ": mailbox.mod_seq,
    }
    told = " ".join(f"{item} {values[item]}" for item in items)
    return b"STATUS " + quoted(encode_name(mailbox.name)) + f" ({told})".encode("ascii")


def _open(session: Session, cursor: Cursor, *, read_only: bool) -> Reply:
    cursor.space()
    name = cursor.mailbox()
    if cursor.take(b" ("):
        if not session.offers(Extension.CONDSTORE):
            raise SyntaxProblem("No such parameter of SELECT")
        cursor.expect(b"CONDSTORE)")
        session.enabled.add(Extension.CONDSTORE)
    cursor.end()
    # A SELECT that fails leaves nothing selected (RFC 9051 6.3.2).
    session.unselect()
    mailbox = session.find(name)
    session.select(mailbox, read_only=read_only)
    flags = " ".join([*SYSTEM_FLAGS, *mailbox.keywords()])
    session.untagged(f"FLAGS ({flags})")
    session.untagged(f"{len(mailbox.messages)} EXISTS")
    session.untagged("0 RECENT")
    unseen = next((n for n, m in enumerate(mailbox.messages.values(), 1) if "\\Seen" not in m.flags), None)
    if unseen is not None:
        session.untagged(f"OK [UNSEEN {unseen}] First unseen")
    permanent = b"()" if read_only else flag_list(frozenset(SYSTEM_FLAGS))[:-1] + b" \\*)"
    session.untagged(b"OK [PERMANENTFLAGS " + permanent + b"] Flags that are kept")
    session.untagged(f"OK [UIDVALIDITY {mailbox.uid_validity}] UIDs are valid")
    session.untagged(f"OK [UIDNEXT {mailbox.uid_next}] Next UID")
    if session.offers(Extension.CONDSTORE):
        session.untagged(f"OK [HIGHESTMODSEQ {mailbox.mod_seq}] Highest mod-sequence")
    return Reply("Selected", "READ-ONLY" if read_only else "READ-WRITE")


_IN: Final = State.AUTHENTICATED
COMMANDS: Final = MappingProxyType(
    {
        "SELECT": Command(select, _IN),
        "EXAMINE": Command(examine, _IN),
        "CREATE": Command(create, _IN),
        "DELETE": Command(delete, _IN),
        "RENAME": Command(rename, _IN),
        "SUBSCRIBE": Command(subscribe, _IN),
        "UNSUBSCRIBE": Command(unsubscribe, _IN),
        "NAMESPACE": Command(namespace, _IN, extension=Extension.NAMESPACE),
        "STATUS": Command(status, _IN),
        "APPEND": Command(append, _IN),
    }
)
