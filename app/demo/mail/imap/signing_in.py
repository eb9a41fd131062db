"""Commands around the session itself: capabilities, TLS, signing in, ENABLE, ID, IDLE (RFC 9051 6.1, 6.2, 6.3.1, 6.3.13)."""

from __future__ import annotations

import base64
import binascii
import hmac
from types import MappingProxyType
from typing import Final

from app.demo.mail.imap.extensions import Extension
from app.demo.mail.imap.session import Command, Refused, Reply, Session, State
from app.demo.mail.imap.syntax import Cursor, SyntaxProblem

ENABLEABLE: Final = (Extension.CONDSTORE,)
ID_FIELDS_LIMIT: Final = 30


async def capability(session: Session, cursor: Cursor) -> Reply:
    """CAPABILITY (RFC 9051 6.1.1)."""
    cursor.end()
    session.untagged(f"CAPABILITY {session.capabilities()}")
    return Reply("Capabilities listed")


async def noop(_session: Session, cursor: Cursor) -> Reply:
    """NOOP and CHECK: a chance to hear of changes (RFC 9051 6.1.2)."""
    cursor.end()
    return Reply("Done")


async def logout(session: Session, cursor: Cursor) -> Reply:
    """LOGOUT (RFC 9051 6.1.3)."""
    cursor.end()
    session.untagged("BYE Until next time")
    session.unselect()
    session.state = State.LOGOUT
    return Reply("Signed out")


async def identification(session: Session, cursor: Cursor) -> Reply:
    """ID (RFC 2971)."""
    cursor.space()
    if not cursor.take(b"NIL"):
        for count, _turn in enumerate(cursor.words()):
            if count >= ID_FIELDS_LIMIT:
                raise SyntaxProblem("Too many fields in ID")
            cursor.string()
            cursor.space()
            cursor.nstring()
    cursor.end()
    session.untagged('ID ("name" "Outrigger demo mail" "vendor" "Outrigger")')
    return Reply("Pleased to meet you")


async def starttls(session: Session, cursor: Cursor) -> Reply:
    """STARTTLS (RFC 9051 6.2.1)."""
    cursor.end()
    context = session.tls
    if context is None or session.wire.is_tls:
        raise SyntaxProblem("TLS is not on offer here")
    # A quick client's handshake must not be read, and dropped, as what came before it.
    session.wire.hold()
    return Reply("Begin TLS now", then=lambda: session.wire.start_tls(context))


async def authenticate(session: Session, cursor: Cursor) -> Reply:
    """AUTHENTICATE PLAIN (RFC 9051 6.2.2, RFC 4616), with an initial response where SASL-IR is on offer."""
    cursor.space()
    mechanism = cursor.atom()
    _require_privacy(session)
    if mechanism != "PLAIN":
        raise Refused("No such mechanism", "CANNOT")
    if cursor.take(b" "):
        if not session.offers(Extension.SASL_IR):
            raise SyntaxProblem("An initial response is not on offer")
        answer = b"" if cursor.take(b"=") else cursor.astring()
        cursor.end()
    else:
        cursor.end()
        session.ask()
        answer = await session.read_answer()
    if answer == b"*":
        raise SyntaxProblem("Authentication cancelled")
    try:
        identity, login, password = base64.b64decode(answer, validate=True).split(b"\x00")
    except (binascii.Error, ValueError) as error:
        raise SyntaxProblem("The credentials are not in the form of PLAIN") from error
    if identity not in {b"", login}:
        raise Refused("Nobody may act for another user here", "AUTHORIZATIONFAILED")
    return _sign_in(session, login, password)


async def login(session: Session, cursor: Cursor) -> Reply:
    """LOGIN (RFC 9051 6.2.3)."""
    cursor.space()
    name = cursor.astring()
    cursor.space()
    password = cursor.astring()
    cursor.end()
    _require_privacy(session)
    return _sign_in(session, name, password)


async def enable(session: Session, cursor: Cursor) -> Reply:
    """ENABLE (RFC 5161): unknown and unavailable extensions are passed over."""
    wanted: list[str] = []
    while cursor.take(b" "):
        wanted.append(cursor.atom())
    cursor.end()
    if not wanted:
        raise SyntaxProblem("ENABLE needs an extension")
    found = [extension for extension in ENABLEABLE if extension.value in wanted and session.offers(extension)]
    session.enabled.update(found)
    session.untagged("ENABLED " + " ".join(found) if found else "ENABLED")
    return Reply("Enabled")


async def idle(session: Session, cursor: Cursor) -> Reply:
    """IDLE (RFC 2177): changes are told at once until the client says DONE."""
    cursor.end()
    session.ask(b"idling")
    session.tell_changes(expunges=True)
    session.is_idle = True
    try:
        answer = await session.read_answer()
    finally:
        session.is_idle = False
    if answer.upper() != b"DONE":
        raise SyntaxProblem("Expected DONE")
    return Reply("No longer idle")


def _require_privacy(session: Session) -> None:
    if not session.wire.is_tls:
        raise Refused("Start TLS before signing in", "PRIVACYREQUIRED")


def _sign_in(session: Session, name: bytes, password: bytes) -> Reply:
    user = session.store.users.get(name.decode("utf-8", "replace").lower())
    expected = user.password.encode() if user is not None else b""
    matches = hmac.compare_digest(expected, password) and user is not None
    if not matches or session.faults.refuses_auth("imap"):
        raise Refused("User name or password is wrong", "AUTHENTICATIONFAILED")
    session.user = user
    session.state = State.AUTHENTICATED
    return Reply("Signed in", f"CAPABILITY {session.capabilities()}")


_OUT: Final = State.NOT_AUTHENTICATED
COMMANDS: Final = MappingProxyType(
    {
        "CAPABILITY": Command(capability),
        "NOOP": Command(noop),
        "LOGOUT": Command(logout),
        "ID": Command(identification, extension=Extension.ID),
        "STARTTLS": Command(starttls, until=_OUT),
        "AUTHENTICATE": Command(authenticate, until=_OUT),
        "LOGIN": Command(login, until=_OUT),
        "ENABLE": Command(enable, State.AUTHENTICATED, State.AUTHENTICATED, Extension.ENABLE),
        "IDLE": Command(idle, State.AUTHENTICATED, extension=Extension.IDLE),
        "CHECK": Command(noop, State.SELECTED),
    }
)
