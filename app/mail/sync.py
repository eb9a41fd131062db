"""Mail kept the same here and on its servers: the service that bootstrap runs and the screen asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.clock import Clock
from app.concurrency import supervise
from app.errors import AppError, RecordNotFound
from app.events import (
    AccountReachable,
    AccountsChanged,
    BackgroundTaskFailed,
    ConnectivityChanged,
    EventBus,
    SignedIn,
)
from app.mail.connections import MailConnections
from app.mail.parsing import MailParsing
from app.mail.sync_account import POLL_S, AccountSync
from app.mail.sync_bodies import BodySync
from app.mail.sync_folder import FolderSync
from app.model.ids import MailAccountId, MessageId, mail_account_key
from app.store import accounts
from app.store.database import Database
from app.workers import WorkerPool


class MailSync:
    """Syncs every account. `run` is one long task for all of them; accounts that come and go are followed by events.

    ``poll_s`` gives the seconds between looks at the folders that the server does not report by itself.
    """

    def __init__(
        self,
        database: Database,
        bus: EventBus,
        clock: Clock,
        workers: WorkerPool,
        connections: MailConnections,
        *,
        may_connect: Callable[[], bool],
        poll_s: Callable[[], float] = lambda: POLL_S,
    ) -> None:
        parsing = MailParsing(workers)
        self._database = database
        self._bus = bus
        self._clock = clock
        self._connections = connections
        self._may_connect = may_connect
        self._poll_s = poll_s
        self._folder_sync = FolderSync(database, parsing, clock)
        self._body_sync = BodySync(database, bus, parsing, connections)
        self._running: dict[MailAccountId, AccountSync] = {}

    async def run(self) -> None:
        """Sync all accounts until cancelled."""
        changed = asyncio.Event()
        unsubscribe = [
            self._bus.subscribe(AccountsChanged, lambda _: changed.set()),
            self._bus.subscribe(SignedIn, lambda event: self._signed_in(event.account)),
            self._bus.subscribe(AccountReachable, lambda event: self._wake(event.account, event.is_reachable)),
            self._bus.subscribe(ConnectivityChanged, self._follow),
        ]
        tasks: dict[MailAccountId, list[asyncio.Task[None]]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    changed.clear()
                    await self._start_and_stop(group, tasks)
                    await changed.wait()
        finally:
            self._running.clear()
            for each in unsubscribe:
                each()

    async def sync_now(self, account_id: MailAccountId | None = None) -> None:
        """Bring an account (or all) up to date, bodies included, and return when it is.

        Works without `run` too. Raises Offline, SignInRequired, TransientError, PermanentError, RecordNotFound (no such account).
        """
        found = await self._database.read(accounts.mail_accounts)
        chosen = [each.account_id for each in found if account_id in (None, each.account_id)]
        if account_id is not None and not chosen:
            raise RecordNotFound("there is no such mail account", code="account_gone")
        for each in chosen:
            running = self._running.get(each)
            if running is not None:
                await running.ask_for_round()
            else:
                await self._round(each)

    async def fetch_body(self, message_id: MessageId) -> None:
        """Bring a body that is not here yet. Raises Offline when it cannot be had now, RecordNotFound when no server has it."""
        await self._body_sync.fetch(message_id)

    async def _round(self, account_id: MailAccountId) -> None:
        backend = await self._connections.open(account_id)
        try:
            with self._connections.reporting(account_id):
                while not await self._account(account_id).round(backend):
                    pass
        finally:
            await backend.close()

    async def _start_and_stop(
        self, group: asyncio.TaskGroup, tasks: dict[MailAccountId, list[asyncio.Task[None]]]
    ) -> None:
        wanted = {each.account_id for each in await self._database.read(accounts.mail_accounts)}
        for account_id in tasks.keys() - wanted:
            for task in tasks.pop(account_id):
                task.cancel()
            self._running.pop(account_id, None)
            await self._connections.forget(account_id)
        for account_id in sorted(wanted - tasks.keys()):
            account = self._account(account_id)
            self._running[account_id] = account
            tasks[account_id] = [
                group.create_task(
                    self._supervised(f"{account.key} {what}", account_id, fn), name=f"{account.key} {what}"
                )
                for what, fn in (("watch", account.watch), ("bulk", account.bulk))
            ]

    async def _supervised(self, name: str, account_id: MailAccountId, fn: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await fn()
            except AppError:
                # Whatever a removed account's last writes ran into: there is nothing left to sync.
                if await self._database.read(lambda reader: accounts.mail_account(reader, account_id)) is not None:
                    raise

        def report(task: str, error: BaseException) -> None:
            self._bus.publish(BackgroundTaskFailed(task, error.code if isinstance(error, AppError) else "bug"))

        await supervise(name, run, clock=self._clock, on_error=report)

    def _account(self, account_id: MailAccountId) -> AccountSync:
        return AccountSync(
            account_id,
            self._database,
            self._bus,
            self._clock,
            self._connections,
            self._folder_sync,
            self._body_sync,
            self._may_connect,
            self._poll_s,
        )

    def _signed_in(self, account_key: str) -> None:
        for account_id, account in self._running.items():
            if mail_account_key(account_id) == account_key:
                account.signed_in()

    def _wake(self, account_key: str, is_reachable: bool) -> None:
        for account_id, account in self._running.items():
            if is_reachable and mail_account_key(account_id) == account_key:
                account.wake()

    def _follow(self, event: ConnectivityChanged) -> None:
        for account in self._running.values():
            if event.is_online:
                account.wake()
            elif event.chosen:
                account.go_offline()
