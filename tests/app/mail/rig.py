"""Mail put together as bootstrap does it: a real encrypted database, real workers, real connections to a test server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from app.backends.imap import ImapBackend, ImapTimeouts
from app.backends.smtp import SmtpSender, SmtpTimeouts
from app.clock import Clock, SystemClock
from app.connectivity import Connectivity
from app.events import Event, EventBus, MessagesStored
from app.mail.accounts import MailAccounts
from app.mail.actions import MailActions
from app.mail.compose import MailComposer
from app.mail.connections import MailConnections
from app.mail.operations import SetFlags
from app.mail.operations_move import MoveMessages
from app.mail.operations_send import SendMessage
from app.mail.parsing import MailParsing
from app.mail.reader import MailReader, MailSearch
from app.mail.sync import MailSync
from app.model.ids import FolderId, MessageId, OperationId
from app.model.mail import MailAccount, MailServer
from app.model.operation import Operation, OperationState
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.outbox import Outbox
from app.outbox.replay import Replayer
from app.store import accounts, folders
from app.store.database import Database, DatabaseKey, Reader
from app.workers import WorkerPool
from tests.servers.mail_servers import MailHost
from tests.servers.secrets_in_memory import InMemorySecretStore

T = TypeVar("T")
WITHIN_S = 40.0


def mail(number: int, *, subject: str = "", headers: str = "", body: str = "Hello Rita\r\n") -> bytes:
    """A small message from Karl to Rita."""
    return (
        f"From: Karl Klein <karl@acme.example>\r\nTo: Rita Rep <rita@rita.example>\r\nSubject: {subject or f'Offer {number}'}\r\n"
        f"Date: Tue, 24 Nov 2026 {number // 60 % 24:02d}:{number % 60:02d}:00 +0000\r\nMessage-ID: <{number}@acme.example>\r\n"
        f"{headers}\r\n{body}"
    ).encode()


@dataclass
class Heard:
    """Every event of some types, in order, and a way to wait for one."""

    bus: EventBus
    events: list[Event] = field(default_factory=list)

    def listen(self, *types: type[Any]) -> None:
        for each in types:
            self.bus.subscribe(each, self.events.append)

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        """The first event, past or to come, that fulfils the condition."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for event in self.events:
                    if condition(event):
                        return event
                await asyncio.sleep(0.01)


@dataclass
class Rig:
    """The services of one profile, and shortcuts for tests."""

    host: MailHost
    database: Database
    bus: EventBus
    secrets: InMemorySecretStore
    connectivity: Connectivity
    connections: MailConnections
    accounts: MailAccounts
    sync: MailSync
    reader: MailReader
    search: MailSearch
    outbox: Outbox
    replayer: Replayer
    actions: MailActions
    composer: MailComposer
    heard: Heard

    async def add_account(self, *, imap_port: int = 0, smtp_port: int = 0) -> MailAccount:
        """Rita's account; with the proxy's port where one is given. Where the host has no SMTP only IMAP is asked."""
        imap, smtp = self.host.imap(port=imap_port), self.host.smtp(port=smtp_port)
        if self.host.smtps_port:
            return await self.accounts.add(self.host.user, "Rita Rep", imap, smtp, self.host.password, is_demo=True)
        return await self._keep_account(imap, smtp)

    async def _keep_account(self, imap: MailServer, smtp: MailServer) -> MailAccount:
        number = await self.database.read(accounts.next_mail_account_id)
        await self.secrets.set(f"mail:{number}:password", self.host.password)
        return await self.database.write(
            "add", lambda tx: accounts.add_mail_account(tx, self.host.user, "Rita Rep", imap, smtp, is_demo=True)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sync in the background, as the program runs it."""
        task = asyncio.create_task(self.sync.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def folder(self, path: str) -> FolderId:
        """The id of a folder of the first account."""

        def find(reader: Reader) -> FolderId:
            (account, *_) = accounts.mail_accounts(reader)
            found = folders.by_path(reader, account.account_id, path)
            assert found is not None, path
            return found.folder_id

        return await self.database.read(find)

    async def subjects(self, path: str) -> list[str]:
        """The list of a folder as a person sees it, newest first."""
        rows = await self.reader.rows(await self.folder(path), offset=0, limit=1000)
        return [row.subject for row in rows]

    async def ids(self, path: str) -> dict[str, MessageId]:
        """Message ids of a folder by subject."""
        rows = await self.reader.rows(await self.folder(path), offset=0, limit=1000)
        return {row.subject: row.message_id for row in rows}

    async def flags(self, path: str) -> dict[str, frozenset[str]]:
        """Flags of a folder's rows by subject."""
        rows = await self.reader.rows(await self.folder(path), offset=0, limit=1000)
        return {row.subject: row.flags for row in rows}

    async def replay(self) -> None:
        """Carry out what is due, until nothing moves."""
        async with asyncio.timeout(WITHIN_S):
            while await self.replayer.run_once():
                pass

    async def states(self) -> dict[OperationId, OperationState]:
        """All operations and their states."""
        return {each.operation_id: each.state for each in await self.outbox.list(include_closed=True)}

    async def operation(self, operation_id: OperationId) -> Operation:
        """One operation."""
        found = await self.outbox.get(operation_id)
        assert found is not None
        return found

    async def eventually(self, condition: Callable[[], Any]) -> None:
        """Wait until a coroutine function gives something true."""
        async with asyncio.timeout(WITHIN_S):
            while not await condition():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_rig(
    host: MailHost,
    folder: Path,
    *,
    key: DatabaseKey | None = None,
    secrets: InMemorySecretStore | None = None,
    clock: Clock | None = None,
    checkpoint: Checkpoint = pass_by,
    imap_timeouts: ImapTimeouts | None = None,
    smtp_timeouts: SmtpTimeouts | None = None,
) -> AsyncIterator[Rig]:
    """Open (or make) the profile in a folder. Give the same key and secrets to open it again."""
    clock = clock or SystemClock()
    bus = EventBus()
    heard = Heard(bus)
    heard.listen(MessagesStored)
    path = folder / "mail.db"
    database = await Database.open(path, key or DatabaseKey.new(), bus=bus, create=not path.exists())
    workers = WorkerPool()
    secrets = secrets or InMemorySecretStore()
    connectivity = Connectivity(bus, clock)

    def may_connect() -> bool:
        return not connectivity.work_offline

    def make_backend(account: MailAccount, password: str) -> ImapBackend:
        return ImapBackend(account, password, timeouts=imap_timeouts)

    def make_sender(account: MailAccount, password: str) -> SmtpSender:
        return SmtpSender(account, password, timeouts=smtp_timeouts)

    connections = MailConnections(
        database, secrets, make_backend, make_sender, report=connectivity.report, may_connect=may_connect
    )
    sync = MailSync(database, bus, clock, workers, connections, may_connect=may_connect)
    reader = MailReader(database, workers, bus, sync.fetch_body)
    handlers = (
        SetFlags(database, connections),
        MoveMessages(database, connections, MailParsing(workers), clock, checkpoint=checkpoint),
        SendMessage(database, connections, clock, checkpoint=checkpoint),
    )
    outbox = Outbox(database, clock, handlers, checkpoint=checkpoint)

    def owner(reader: Reader, key: str) -> str | None:
        found = [each for each in accounts.mail_accounts(reader) if f"mail:{each.account_id}" == key]
        return found[0].imap.user if found else None

    rig = Rig(
        host=host,
        database=database,
        bus=bus,
        secrets=secrets,
        connectivity=connectivity,
        connections=connections,
        accounts=MailAccounts(database, bus, secrets, connections, make_backend, make_sender),
        sync=sync,
        reader=reader,
        search=MailSearch(database),
        outbox=outbox,
        replayer=Replayer(database, bus, clock, outbox, connectivity, owner, checkpoint=checkpoint),
        actions=MailActions(database, outbox),
        composer=MailComposer(database, reader, outbox, clock),
        heard=heard,
    )
    try:
        yield rig
    finally:
        await connections.close()
        await workers.close()
        await database.close()
