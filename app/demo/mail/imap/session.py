"""One IMAP session: its state, the commands as they come in, and what the client is told of changes (RFC 9051 3, 5, 7)."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from app.demo.mail.faults import MailFaults
from app.demo.mail.imap.extensions import APPEND_LIMIT, BEFORE_SIGN_IN, Extension
from app.demo.mail.imap.selection import Selection
from app.demo.mail.imap.syntax import Cursor, SyntaxProblem
from app.demo.mail.imap.wire import ConnectionEnded, LineTooLong, Wire
from app.demo.mail.mailbox import Mailbox, User
from app.demo.mail.store import MailStore

BAD_COMMANDS_LIMIT: Final = 50
COMMAND_LIMIT: Final = 1 << 20
COMMAND_LIMIT_BEFORE_SIGN_IN: Final = 1 << 14
DISCARD_LIMIT: Final = 256 << 20

_LITERAL_END: Final = re.compile(rb"~?\{([0-9]{1,20})(\+?)\}\Z")
_log = logging.getLogger(__name__)


class State(IntEnum):
    """The states of a session (RFC 9051 3), in order."""

    NOT_AUTHENTICATED = 0
    AUTHENTICATED = 1
    SELECTED = 2
    LOGOUT = 3


class Refused(Exception):
    """The command cannot be carried out: NO, with a response code of RFC 5530 where there is one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of a command that went well. ``code`` is a response code without its brackets."""

    text: str
    code: str = ""
    expunges: bool = True
    """Whether EXPUNGE may be told before this reply: not after FETCH, STORE and SEARCH by number (RFC 9051 7.5.1)."""
    then: Callable[[], Awaitable[None]] | None = None
    """What happens once the reply has gone out."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: who carries it out, in which states it is valid, and the extension that brings it, if any."""

    run: Callable[[Session, Cursor], Awaitable[Reply]]
    since: State = State.NOT_AUTHENTICATED
    until: State = State.SELECTED
    extension: Extension | None = None


class Session:
    """What one client sees. Commands are carried out one after the other."""

    def __init__(
        self,
        wire: Wire,
        store: MailStore,
        faults: MailFaults,
        commands: Mapping[str, Command],
        *,
        extensions: frozenset[Extension],
        tls: ssl.SSLContext | None,
    ) -> None:
        """``tls`` is the context that STARTTLS uses, None on the port that has TLS from the start."""
        self.wire = wire
        self.store = store
        self.faults = faults
        self.extensions = extensions
        self.tls = tls
        self.user: User | None = None
        self.selection: Selection | None = None
        self.state = State.NOT_AUTHENTICATED
        self.tag = "*"
        self.is_idle = False
        self.enabled: set[Extension] = set()
        self._commands = commands
        self._bad_commands = 0

    async def run(self) -> None:
        """Greet the client and serve it until it leaves. Raises ConnectionEnded where it just goes."""
        try:
            self.untagged(f"OK [CAPABILITY {self.capabilities()}] Outrigger demo mail is ready")
            while self.state is not State.LOGOUT:
                await self._next_command()
                await self.wire.drain()
        finally:
            self.unselect()

    def capabilities(self) -> str:
        """What CAPABILITY lists at this moment."""
        names = ["IMAP4rev1"]
        if self.state is State.NOT_AUTHENTICATED:
            if self.tls is not None and not self.wire.is_tls:
                names += ["STARTTLS", "LOGINDISABLED"]
            else:
                names.append("AUTH=PLAIN")
        offered = sorted(
            extension
            for extension in self.extensions
            if self.state is not State.NOT_AUTHENTICATED or extension in BEFORE_SIGN_IN
        )
        for extension in offered:
            names.append(f"APPENDLIMIT={APPEND_LIMIT}" if extension is Extension.APPENDLIMIT else extension.value)
        return " ".join(names)

    def offers(self, extension: Extension) -> bool:
        """Whether that extension is switched on here."""
        return extension in self.extensions

    def untagged(self, text: str | bytes) -> None:
        """Send an untagged response."""
        raw = text if isinstance(text, bytes) else text.encode("utf-8")
        self.wire.write(b"* " + raw + b"\r\n")

    def owner(self) -> User:
        """Who has signed in. Raises Refused otherwise."""
        if self.user is None:
            raise Refused("Sign in first")
        return self.user

    def selected(self) -> Selection:
        """The selected mailbox as this client knows it. Raises Refused where none is selected."""
        if self.selection is None:
            raise Refused("Select a mailbox first")
        return self.selection

    def find(self, name: str, *, missing_code: str = "NONEXISTENT") -> Mailbox:
        """The user's mailbox of that name. Raises Refused where there is none."""
        mailbox = self.owner().mailbox(name)
        if mailbox is None:
            raise Refused("Mailbox does not exist", missing_code)
        return mailbox

    def select(self, mailbox: Mailbox, *, read_only: bool) -> Selection:
        """Make a mailbox the selected one."""
        self.unselect()
        self.selection = Selection(mailbox, read_only=read_only)
        mailbox.watchers.add(self._on_change)
        self.state = State.SELECTED
        return self.selection

    def unselect(self) -> None:
        """Let go of the selected mailbox."""
        if self.selection is not None:
            self.selection.mailbox.watchers.discard(self._on_change)
            self.selection = None
            self.state = State.AUTHENTICATED

    def tell_changes(self, *, expunges: bool) -> None:
        """Send what has happened in the selected mailbox since the client last heard."""
        if self.selection is None:
            return
        if self.selection.mailbox.is_deleted:
            self.untagged("BYE The selected mailbox has been deleted")
            self.unselect()
            self.state = State.LOGOUT
            self.wire.close()
            return
        with_mod_seq = Extension.CONDSTORE in self.enabled
        for line in self.selection.changes(expunges=expunges, with_mod_seq=with_mod_seq):
            self.untagged(line)

    def ask(self, prompt: bytes = b"") -> None:
        """Ask for one more line of the running command (RFC 9051 7.6)."""
        self.wire.write(b"+ " + prompt + b"\r\n")

    async def read_answer(self) -> bytes:
        """The line asked for. Raises SyntaxProblem where it is too long."""
        try:
            return await self.wire.read_line(COMMAND_LIMIT_BEFORE_SIGN_IN)
        except LineTooLong as error:
            raise SyntaxProblem("The line is too long") from error

    def _on_change(self) -> None:
        if self.is_idle:
            self.tell_changes(expunges=True)

    async def _next_command(self) -> None:
        self.tag = "*"
        try:
            text = await self._read_command()
        except LineTooLong:
            self._bad("The line is too long")
            return
        if text is None:
            return
        delay = self.faults.delay("imap")
        if delay:
            await asyncio.sleep(delay)
        await self._carry_out(Cursor(text))

    async def _carry_out(self, cursor: Cursor) -> None:
        try:
            self.tag = cursor.tag()
            cursor.space()
            reply = await self._run_command(cursor.atom(), cursor)
        except SyntaxProblem as problem:
            self._bad(str(problem))
            return
        except Refused as refusal:
            self.tell_changes(expunges=False)
            self._tagged("NO", str(refusal), refusal.code)
            return
        except (ConnectionEnded, LineTooLong) as error:
            raise ConnectionEnded from error
        except Exception:  # noqa: BLE001 - a bug costs the command, not the session
            _log.exception("A command failed in the server")
            self._tagged("NO", "The server failed at this command", "SERVERBUG")
            return
        self._bad_commands = 0
        if self.state is not State.LOGOUT:
            self.tell_changes(expunges=reply.expunges)
        self._tagged("OK", reply.text, reply.code)
        if reply.then is not None:
            await reply.then()

    async def _run_command(self, name: str, cursor: Cursor) -> Reply:
        command = self._commands.get(name)
        if command is None or (command.extension is not None and not self.offers(command.extension)):
            raise SyntaxProblem("No such command")
        if not command.since <= self.state <= command.until:
            raise SyntaxProblem("The command is not valid in this state")
        return await command.run(self, cursor)

    async def _read_command(self) -> bytes | None:
        """A whole command, each literal inline behind its announcement and a CRLF. None where it has been refused already."""
        pieces: list[bytes] = []
        size = 0
        while True:
            line = await self.wire.read_line()
            pieces.append(line)
            size += len(line)
            announced = _LITERAL_END.search(line)
            if announced is None:
                return b"".join(pieces)
            length, is_coming = int(announced[1]), bool(announced[2])
            size += length
            if is_coming and not self.offers(Extension.LITERAL_PLUS):
                await self._refuse_literal(pieces[0], length, "This server asks for literals itself", is_coming=True)
                return None
            if size > self._command_limit(pieces[0]):
                await self._refuse_literal(pieces[0], length, "The literal is too large", is_coming=is_coming)
                return None
            if not is_coming:
                self.wire.write(b"+ Ready for the literal\r\n")
            pieces += [b"\r\n", await self.wire.read_exactly(length)]

    def _command_limit(self, first_line: bytes) -> int:
        if self.state is State.NOT_AUTHENTICATED:
            return COMMAND_LIMIT_BEFORE_SIGN_IN
        _tag, _space, rest = first_line.partition(b" ")
        return APPEND_LIMIT + COMMAND_LIMIT if rest[:7].upper() == b"APPEND " else COMMAND_LIMIT

    async def _refuse_literal(self, first_line: bytes, length: int, text: str, *, is_coming: bool) -> None:
        """Answer NO and step over a literal that is already on its way, so that what follows is read as a command again."""
        if is_coming:
            if length > DISCARD_LIMIT:
                self.untagged("BYE The literal is too large")
                raise ConnectionEnded
            await self.wire.discard(length)
            await self.wire.read_line()
        try:
            self.tag = Cursor(first_line).tag()
        except SyntaxProblem:
            self._bad(text)
        else:
            self._tagged("NO", text, "TOOBIG")

    def _bad(self, text: str) -> None:
        self._tagged("BAD", text)
        self._bad_commands += 1
        if self._bad_commands >= BAD_COMMANDS_LIMIT:
            self.untagged("BYE Too many commands that make no sense")
            self.state = State.LOGOUT

    def _tagged(self, status: str, text: str, code: str = "") -> None:
        bracketed = f"[{code}] " if code else ""
        self.wire.write(f"{self.tag} {status} {bracketed}{text}\r\n".encode("ascii", "replace"))
