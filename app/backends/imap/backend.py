"""`MailBackend` over one IMAP connection, which lives in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from imapclient import SocketTimeout

from app.backends.imap import answers
from app.backends.imap.client import Client, break_socket
from app.backends.imap.errors import Stage, is_connection_over, map_error
from app.backends.imap.folders import read_folders
from app.concurrency import BlockingWorker
from app.errors import NotSupported, Offline, TransientError, ValidationFailed
from app.mail.ports import Capability, FlagChange, FolderStatus, MoveResult, RemoteFolder, RemoteHeader
from app.mail.tls import client_context
from app.model.ids import mail_account_key
from app.model.mail import ConnectionSecurity, Flag, MailAccount

T = TypeVar("T")

HEADER_ITEMS = (
    "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE SUBJECT FROM SENDER REPLY-TO TO CC BCC MESSAGE-ID "
    "IN-REPLY-TO REFERENCES)]"
)
LOWEST_RATE = 10_000
"""Bytes a second; a slower line runs into the deadline of a large fetch."""
CLOSE_DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True)
class ImapTimeouts:
    """Seconds: to connect, for one read or write of the socket, and for one command as a whole."""

    connect: float = 15.0
    silence: float = 60.0
    command: float = 120.0


class ImapBackend:
    """See `app.mail.ports.MailBackend`. ``password`` stays in RAM for reconnects. A failed connection is made anew by `connect`."""

    def __init__(self, account: MailAccount, password: str, *, timeouts: ImapTimeouts | None = None) -> None:
        self._account = account
        self._password = password
        self._timeouts = timeouts or ImapTimeouts()
        self._key = mail_account_key(account.account_id)
        self._worker = BlockingWorker(f"imap-{account.account_id}")
        self._client: Client | None = None
        self._socket: socket.socket | None = None
        self._stale: list[Client] = []
        self._offered: frozenset[str] = frozenset()
        self._capabilities: frozenset[Capability] = frozenset()
        self._closing = False

    async def connect(self) -> frozenset[Capability]:
        """See `MailBackend.connect`."""
        if self._client is not None:
            return self._capabilities
        await self._run(self._open, stage=Stage.CONNECT, deadline=self._timeouts.command)
        try:
            await self._run(self._sign_in, stage=Stage.SIGN_IN, deadline=self._timeouts.command)
        except BaseException:
            self._drop()
            raise
        return self._capabilities

    async def folders(self) -> list[RemoteFolder]:
        """See `MailBackend.folders`."""
        return await self._read(self._list)

    async def select(self, path: str, *, read_only: bool = False) -> FolderStatus:
        """See `MailBackend.select`."""
        return await self._read(self._select, path, read_only)

    async def uids(self, *, first: int = 1) -> list[int]:
        """See `MailBackend.uids`."""
        return await self._read(self._search, f"UID {first}:*" if first > 1 else "ALL", first)

    async def headers(self, uids: Sequence[int]) -> list[RemoteHeader]:
        """See `MailBackend.headers`."""
        return await self._read(self._headers, list(uids))

    async def bodies(self, uids: Sequence[int], *, expected_bytes: int = 0) -> dict[int, bytes]:
        """See `MailBackend.bodies`. ``expected_bytes`` widens the deadline."""
        deadline = self._timeouts.command + expected_bytes / LOWEST_RATE
        return await self._run(self._bodies, list(uids), stage=Stage.READ, deadline=deadline)

    async def flags(self, uids: Sequence[int] | None, *, changed_since: int = 0) -> list[FlagChange]:
        """See `MailBackend.flags`."""
        return await self._read(self._flags, None if uids is None else list(uids), changed_since)

    async def store_flags(self, uids: Sequence[int], *, add: frozenset[str], remove: frozenset[str]) -> None:
        """See `MailBackend.store_flags`."""
        for flag in (*add, *remove):
            if not answers.is_flag(flag):
                raise ValidationFailed("not a flag that a mail server takes", code="illegal_flag")
        await self._change(self._store, list(uids), add, remove)

    async def move(self, uids: Sequence[int], to_path: str) -> MoveResult:
        """See `MailBackend.move`."""
        if Capability.MOVE not in self._capabilities:
            raise NotSupported("the mail server cannot move", code="no_move")
        return await self._change(self._transfer, "MOVE", list(uids), to_path)

    async def copy(self, uids: Sequence[int], to_path: str) -> MoveResult:
        """See `MailBackend.copy`."""
        return await self._change(self._transfer, "COPY", list(uids), to_path)

    async def remove(self, uids: Sequence[int]) -> bool:
        """See `MailBackend.remove`."""
        return await self._change(self._remove, list(uids))

    async def create_folder(self, path: str) -> None:
        """See `MailBackend.create_folder`."""
        await self._change(self._create, path)

    async def append(self, path: str, raw: bytes, *, flags: frozenset[str], internal_date: int) -> int | None:
        """See `MailBackend.append`."""
        deadline = self._timeouts.command + len(raw) / LOWEST_RATE
        return await self._run(self._append, path, raw, flags, internal_date, stage=Stage.CHANGE, deadline=deadline)

    async def find_by_message_id(self, path: str, message_id: str) -> list[int]:
        """See `MailBackend.find_by_message_id`."""
        return await self._read(self._find, path, message_id)

    async def idle(self, timeout_s: float) -> bool:
        """See `MailBackend.idle`."""
        if Capability.IDLE not in self._capabilities:
            raise NotSupported("the mail server cannot tell news by itself", code="no_idle")
        try:
            return await self._run(
                self._idle, timeout_s, stage=Stage.READ, deadline=timeout_s + self._timeouts.silence * 2
            )
        except TransientError:
            if self._closing:
                return False
            raise

    async def interrupt(self) -> None:
        """See `MailBackend.interrupt`. The connection is over afterwards."""
        self._closing = True
        self._break()

    async def close(self) -> None:
        """See `MailBackend.close`."""
        self._closing = True
        timer = asyncio.get_running_loop().call_later(CLOSE_DEADLINE_S, self._break)
        try:
            await self._worker.close(self._leave)
        finally:
            timer.cancel()

    async def _read(self, fn: Callable[..., T], *args: object) -> T:
        return await self._run(fn, *args, stage=Stage.READ, deadline=self._timeouts.command)

    async def _change(self, fn: Callable[..., T], *args: object) -> T:
        return await self._run(fn, *args, stage=Stage.CHANGE, deadline=self._timeouts.command)

    async def _run(self, fn: Callable[..., T], *args: object, stage: Stage, deadline: float) -> T:
        """Run one step in the thread, break the connection when its time is over or its caller is cancelled, map what it raises."""
        if self._client is None and stage is not Stage.CONNECT:
            raise Offline("there is no connection to the mail server", code="not_connected")
        if self._closing:
            raise Offline("the connection is being closed", code="not_connected")
        timer = asyncio.get_running_loop().call_later(deadline, self._break)
        try:
            return await self._worker.run(fn, *args)
        except asyncio.CancelledError:
            # The thread cannot be stopped; without its connection it ends at once.
            self._drop()
            raise
        except Exception as error:  # noqa: BLE001 - the library raises whatever a server provokes
            if is_connection_over(error):
                self._drop()
            raise map_error(error, stage, self._key) from None
        finally:
            timer.cancel()

    def _break(self) -> None:
        if self._socket is not None:
            break_socket(self._socket)

    def _drop(self) -> None:
        self._break()
        if self._client is not None:
            self._stale.append(self._client)
            self._client = None

    # What follows runs in the thread.

    def _open(self) -> None:
        self._close_stale()
        server = self._account.imap
        context = client_context(server.ca_file)
        client = Client(
            server.host,
            server.port,
            context=context,
            is_starttls=server.security is ConnectionSecurity.STARTTLS,
            timeouts=SocketTimeout(connect=self._timeouts.connect, read=self._timeouts.silence),
            on_socket=self._note_socket,
        )
        try:
            client.secure(context)
        except BaseException:
            _close_socket(client)
            raise
        self._client = client

    def _note_socket(self, sock: socket.socket) -> None:
        old, self._socket = self._socket, sock
        if old is not None and old.fileno() != sock.fileno():
            old.close()

    def _sign_in(self) -> None:
        client = self._ready()
        user = self._account.imap.user
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(user, self._password)
        elif client.has_capability("LOGINDISABLED"):
            raise NotSupported("the mail server offers no way to sign in with a password", code="no_password_login")
        else:
            client.login(user, self._password)
        offered = {word.decode("ascii", "replace") for word in client.capabilities()}
        if "CONDSTORE" in offered and "ENABLE" in offered:
            client.enable("CONDSTORE")
        self._offered = frozenset(offered)
        self._capabilities = frozenset(capability for capability in Capability if capability.value in offered)

    def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                client.begin()
                client.logout()
            except Exception:  # noqa: BLE001 - leaving politely is all this was about
                _close_socket(client)
        self._close_stale()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _close_stale(self) -> None:
        while self._stale:
            _close_socket(self._stale.pop())

    def _ready(self) -> Client:
        client = self._client
        if client is None:
            raise Offline("there is no connection to the mail server", code="not_connected")
        client.begin()
        return client

    def _list(self) -> list[RemoteFolder]:
        client = self._ready()
        extended = ("RETURN (SPECIAL-USE)",) if {"LIST-EXTENDED", "SPECIAL-USE"} <= self._offered else ()
        imap: Any = client.imap
        typ, data = imap._simple_command("LIST", '""', '"*"', *extended)  # noqa: SLF001
        _expect_ok(client, "list", typ, data)
        _, found = imap._untagged_response(typ, data, "LIST")  # noqa: SLF001
        return read_folders(found)

    def _select(self, path: str, read_only: bool) -> FolderStatus:
        client = self._ready()
        try:
            told = client.select_folder(path, readonly=read_only)
        except client.imap.readonly:
            told = client.select_folder(path, readonly=True)
        client.has_news = False
        for name in ("EXISTS", "RECENT", "FETCH", "EXPUNGE", "VANISHED"):
            client.imap.untagged_responses.pop(name, None)
        return FolderStatus(
            exists=answers.checked(int(told.get(b"EXISTS", 0)), answers.MAX_UID),
            uid_validity=answers.checked(int(told.get(b"UIDVALIDITY", 0)), answers.MAX_UID),
            uid_next=answers.checked(int(told.get(b"UIDNEXT", 0)), answers.MAX_UID + 1),
            highest_mod_seq=answers.checked(int(told.get(b"HIGHESTMODSEQ", 0)), answers.MAX_NUMBER),
        )

    def _search(self, criteria: str, first: int) -> list[int]:
        found = self._ready().search(criteria)
        # "n:*" always names the last message, whatever n is (RFC 9051 6.4.8).
        return sorted({answers.checked(int(uid), answers.MAX_UID) for uid in found if uid >= first})

    def _fetch(self, uid_set: str, wanted: str, modifiers: str = "") -> list[answers.Answer]:
        # The library's fetch() knows no ranges and stops at the first answer it cannot read.
        client = self._ready()
        imap: Any = client.imap
        tag = imap._command("UID", "FETCH", uid_set, f"({wanted})", *((f"({modifiers})",) if modifiers else ()))  # noqa: SLF001
        typ, data = imap._command_complete("FETCH", tag)  # noqa: SLF001
        _expect_ok(client, "fetch", typ, data)
        _, found = imap._untagged_response(typ, data, "FETCH")  # noqa: SLF001
        return list(answers.answers(found))

    def _headers(self, uids: list[int]) -> list[RemoteHeader]:
        found: dict[int, RemoteHeader] = {}
        for uid_set, chosen in answers.sequence_sets(uids):
            asked, unread = set(chosen), set[int]()
            for answer in self._fetch(uid_set, f"{HEADER_ITEMS} BODYSTRUCTURE{self._mod_seq_item}"):
                read = answers.items(answer)
                header = answers.header(*read) if read and b"RFC822.SIZE" in read[1] else None
                if header is not None and header.uid in asked:
                    found[header.uid] = header
                elif (uid := answers.uid_of(answer)) in asked and uid is not None:
                    unread.add(uid)
            for uid in sorted(unread - found.keys()):
                found[uid] = self._header_alone(uid)
        return [found[uid] for uid in sorted(found)]

    def _header_alone(self, uid: int) -> RemoteHeader:
        for wanted in (HEADER_ITEMS, "UID FLAGS INTERNALDATE RFC822.SIZE"):
            for answer in self._fetch(str(uid), wanted):
                read = answers.items(answer)
                header = answers.header(*read) if read and read[0] == uid else None
                if header is not None:
                    return header
        return RemoteHeader(uid, frozenset(), 0, 0, 0, b"", False)

    def _bodies(self, uids: list[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for uid_set, chosen in answers.sequence_sets(uids):
            asked = set(chosen)
            for answer in self._fetch(uid_set, "UID BODY.PEEK[]"):
                read = answers.body(answer)
                if read is not None and read[0] in asked:
                    found[read[0]] = read[1]
        return found

    def _flags(self, uids: list[int] | None, changed_since: int) -> list[FlagChange]:
        has_mod_seq = Capability.CONDSTORE in self._capabilities
        modifiers = f"CHANGEDSINCE {changed_since}" if changed_since and has_mod_seq else ""
        asked = None if uids is None else set(uids)
        sets = ["1:*"] if uids is None else [text for text, _ in answers.sequence_sets(uids)]
        found: dict[int, FlagChange] = {}
        for uid_set in sets:
            for answer in self._fetch(uid_set, f"UID FLAGS{self._mod_seq_item}", modifiers):
                read = answers.items(answer)
                change = answers.flag_change(*read) if read else None
                if change is not None and (asked is None or change.uid in asked):
                    found[change.uid] = change
        return [found[uid] for uid in sorted(found)]

    @property
    def _mod_seq_item(self) -> str:
        return " MODSEQ" if Capability.CONDSTORE in self._capabilities else ""

    def _store(self, uids: list[int], add: frozenset[str], remove: frozenset[str]) -> None:
        for uid_set, _ in answers.sequence_sets(uids):
            if add:
                self._ready().add_flags(uid_set, sorted(add), silent=True)
            if remove:
                self._ready().remove_flags(uid_set, sorted(remove), silent=True)

    def _transfer(self, command: str, uids: list[int], to_path: str) -> MoveResult:
        result = MoveResult(0, {})
        for uid_set, chosen in answers.sequence_sets(uids):
            client = self._ready()
            client.imap.untagged_responses.pop("COPYUID", None)
            (client.move if command == "MOVE" else client.copy)(uid_set, to_path)
            told = answers.move_result(client.code("COPYUID"), len(chosen))
            result = MoveResult(told.uid_validity or result.uid_validity, result.uids | told.uids)
        return result

    def _remove(self, uids: list[int]) -> bool:
        self._store(uids, frozenset({Flag.DELETED.value}), frozenset())
        if Capability.UIDPLUS in self._capabilities:
            for uid_set, _ in answers.sequence_sets(uids):
                self._ready().uid_expunge(uid_set)
            return True
        if set(self._search("DELETED", 1)) - set(uids):
            return False
        self._ready().expunge()
        return True

    def _create(self, path: str) -> None:
        try:
            self._ready().create_folder(path)
        except self._ready().imap.error as error:
            if isinstance(error, self._ready().imap.abort) or "ALREADYEXISTS" not in str(error).upper():
                raise
        self._ready().subscribe_folder(path)

    def _append(self, path: str, raw: bytes, flags: frozenset[str], internal_date: int) -> int | None:
        client = self._ready()
        client.imap.untagged_responses.pop("APPENDUID", None)
        when = datetime.fromtimestamp(internal_date, UTC) if internal_date else None
        client.append(path, raw, [flag for flag in sorted(flags) if answers.is_flag(flag)], when)
        code = re.fullmatch(rb"(\d{1,10}) (\d{1,10})", client.code("APPENDUID") or b"")
        return answers.checked(int(code[2]), answers.MAX_UID) if code else None

    def _find(self, path: str, message_id: str) -> list[int]:
        self._select(path, True)
        charset = None if message_id.isascii() else "UTF-8"
        found = self._ready().search(["HEADER", "Message-ID", message_id], charset)
        return sorted(answers.checked(int(uid), answers.MAX_UID) for uid in found)

    def _idle(self, timeout_s: float) -> bool:
        client = self._ready()
        if client.has_news:
            return True
        return client.wait_for_news(timeout_s)


def _close_socket(client: Client) -> None:
    with contextlib.suppress(OSError):
        client.imap.stream.close()
    with contextlib.suppress(OSError):
        client.imap.sock.close()


def _expect_ok(client: Client, command: str, typ: str, data: Any) -> None:
    if typ != "OK":
        raise client.imap.error(f"{command} failed: {data[0]!r}")
