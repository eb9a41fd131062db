"""The two long tasks of a mail account: one waits for news of the inbox, the other brings everything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from app.clock import Clock
from app.concurrency import backoff_delay
from app.errors import AppError, LocalError, Offline, PermanentError, RecordNotFound, SignInRequired, TransientError
from app.events import BackgroundTaskFailed, EventBus
from app.events import SignInRequired as SignInRequiredEvent
from app.mail.connections import WORK_OFFLINE, MailConnections
from app.mail.ports import Capability, MailBackend
from app.mail.sync_bodies import BodySync
from app.mail.sync_folder import FolderSync
from app.model.ids import FolderId, MailAccountId, mail_account_key
from app.model.mail import FolderRole
from app.store import accounts, folders, removal
from app.store.database import Database
from app.store.folders import FolderSeen, FolderState

_log = logging.getLogger(__name__)

Session: TypeAlias = "Callable[[MailBackend], Awaitable[None]]"

IDLE_ROUND_S = 540.0
"""IDLE is begun anew after this long; servers may end it after 30 minutes (RFC 2177), and a dead line is noticed by then."""
POLL_S = 300.0
"""Between two looks at all folders."""
INBOX_POLL_S = 60.0
"""Between two looks at the inbox where the server cannot IDLE."""
MOST_WAIT_S = 60.0
"""The longest pause before a server that is out of reach is tried again."""
REFUSED_WAIT_S = 900.0
"""Before trying again after a refusal for good (a certificate, a setting) or trouble on this machine; `wake` ends it."""
FIRST_BODIES = 400
"""Bodies of the inbox that come before the headers of other folders at the first sync."""


class AccountSync:
    """One account. `watch` and `bulk` run until cancelled, each over a connection of its own; `round` is what bulk does once."""

    def __init__(
        self,
        account_id: MailAccountId,
        database: Database,
        bus: EventBus,
        clock: Clock,
        connections: MailConnections,
        folder_sync: FolderSync,
        body_sync: BodySync,
        may_connect: Callable[[], bool],
        poll_s: Callable[[], float],
    ) -> None:
        self.account_id = account_id
        self.key = mail_account_key(account_id)
        self._database = database
        self._bus = bus
        self._clock = clock
        self._connections = connections
        self._folder_sync = folder_sync
        self._body_sync = body_sync
        self._may_connect = may_connect
        self._poll_s = poll_s
        self._wakers: set[asyncio.Event] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._needs_sign_in = False
        self._sign_ins = 0
        self._asked: list[asyncio.Future[None]] = []

    def signed_in(self) -> None:
        """The credentials work again, or a person wants them tried."""
        self._needs_sign_in = False
        self._sign_ins += 1
        self.wake()

    def wake(self) -> None:
        """End the pauses: the network is back, or news is wanted now. Who waits for a sign-in goes on waiting."""
        for waker in self._wakers:
            waker.set()

    def go_offline(self) -> None:
        """Drop the connections; the tasks then wait for `wake`."""
        for session in self._sessions:
            session.cancel()

    async def watch(self) -> None:
        """Keep the inbox up to date by IDLE, or by looking often."""
        await self._keep(f"{self.key} watch", self._watch)

    async def bulk(self) -> None:
        """List the folders, bring headers and bodies, look again now and then."""
        await self._keep(f"{self.key} bulk", self._bulk)

    async def ask_for_round(self) -> None:
        """Wait for a whole round of `bulk` that begins now. Raises what stops it."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(waiter)
        self.signed_in()
        await waiter

    async def round(self, backend: MailBackend) -> bool:
        """One look at everything: folders, headers, bodies. Raises what `MailBackend` raises.

        False when bodies are left: there are so many that folders must be looked at again before they are all here.
        """
        await self._list_folders(backend)
        await self._body_sync.parse_again()
        for folder in await self._folders():
            with self._passing_over():
                await self._folder_sync.look(backend, folder.folder_id, is_thorough=True)
                while await self._folder_sync.older(backend, folder.folder_id):
                    pass
                if folder.role is FolderRole.INBOX:
                    await self._body_sync.some(backend, folder.folder_id, limit=FIRST_BODIES)
        began = self._clock.monotonic()
        for folder in await self._folders():
            with self._passing_over():
                while await self._body_sync.some(backend, folder.folder_id):
                    if self._clock.monotonic() - began > POLL_S:
                        return False
        await self._database.write(
            "forget what is in no folder",
            lambda tx: removal.purge_orphans(tx, self.account_id, now=self._clock.wall()),
        )
        return True

    async def _bulk(self, backend: MailBackend) -> None:
        while True:
            asked, self._asked = self._asked, []
            try:
                with self._connections.reporting(self.account_id):
                    is_complete = await self.round(backend)
            except BaseException:
                self._asked = asked + self._asked
                raise
            if not is_complete:
                self._asked = asked + self._asked
                continue
            for waiter in asked:
                if not waiter.done():
                    waiter.set_result(None)
            if not self._asked:
                await self._pause(self._poll_s())

    async def _watch(self, backend: MailBackend) -> None:
        inbox = await self._inbox(backend)
        can_idle = Capability.IDLE in await backend.connect()
        while True:
            with self._connections.reporting(self.account_id):
                look = await self._folder_sync.look(backend, inbox)
                if look.new_messages:
                    await self._body_sync.some(backend, inbox, limit=len(look.new_messages))
                    continue
            if can_idle:
                try:
                    await backend.idle(IDLE_ROUND_S)
                except PermanentError:
                    can_idle = False  # announced and refused
            else:
                await self._pause(INBOX_POLL_S)

    async def _inbox(self, backend: MailBackend) -> FolderId:
        for _ in range(2):
            found = await self._database.read(lambda r: folders.by_role(r, self.account_id, FolderRole.INBOX))
            if found is not None:
                return found.folder_id
            await self._list_folders(backend)
        raise RecordNotFound("the mail server shows no inbox", code="no_inbox")

    async def _list_folders(self, backend: MailBackend) -> None:
        found = await backend.folders()
        seen = [FolderSeen(folder.path, folder.delimiter, folder.role, folder.is_selectable) for folder in found]
        await self._database.write(
            "take over the list of folders",
            lambda tx: folders.reconcile(tx, self.account_id, seen, now=self._clock.wall()),
        )

    async def _folders(self) -> list[FolderState]:
        found = await self._database.read(lambda reader: folders.states(reader, self.account_id))
        # A folder of all flagged messages shows only what others hold; one of all messages may hold what no other does.
        held = [folder for folder in found if folder.role is not FolderRole.FLAGGED]
        return sorted(held, key=lambda folder: folder.role is FolderRole.ALL)

    @contextlib.contextmanager
    def _passing_over(self) -> Iterator[None]:
        # A folder that cannot be opened (gone meanwhile, no right to it) does not stop the others.
        try:
            yield
        except PermanentError as error:
            _log.warning("a folder of %s is passed over: %s", self.key, error.code)

    async def _keep(self, name: str, session: Session) -> None:
        """Run a session over a fresh connection, again and again; wait as long as the trouble asks for."""
        waker = asyncio.Event()
        self._wakers.add(waker)
        tries = 0
        try:
            while True:
                before, sign_ins = self._progress(), self._sign_ins
                waker.clear()
                error = await self._run_session(name, session)
                tries = 1 if self._progress() != before else tries + 1
                if not isinstance(error, SignInRequired) or sign_ins == self._sign_ins:
                    await self._wait_after(name, error, tries, waker)
        finally:
            self._wakers.discard(waker)

    async def _run_session(self, name: str, session: Session) -> AppError:
        task = asyncio.create_task(self._session(session), name=name)
        self._sessions.add(task)
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return Offline("working offline was chosen", code=WORK_OFFLINE)
        except (TransientError, SignInRequired, PermanentError, LocalError) as error:
            return error
        except OSError as error:
            return TransientError(f"unexpected {type(error).__name__}", code="connection_lost")
        finally:
            self._sessions.discard(task)
        return TransientError("the session ended", code="connection_lost")

    async def _session(self, session: Session) -> None:
        backend = await self._connections.open(self.account_id)
        try:
            await self._note_signed_in()
            await session(backend)
        finally:
            await backend.close()

    async def _wait_after(self, name: str, error: AppError, tries: int, waker: asyncio.Event) -> None:
        self._refuse_asked(error)
        if isinstance(error, SignInRequired):
            if not self._needs_sign_in:
                self._needs_sign_in = True
                await self._database.write(
                    "note that an account must sign in", lambda tx: accounts.set_mail_paused(tx, self.account_id, True)
                )
                self._bus.publish(SignInRequiredEvent(self.key))
            while self._needs_sign_in:
                waker.clear()
                await self._pause(None, waker)
            return
        if isinstance(error, PermanentError | LocalError):
            _log.warning("%s: stopped (%s)", name, error.code)
            self._bus.publish(BackgroundTaskFailed(name, error.code))
            await self._pause(REFUSED_WAIT_S, waker)
        else:
            await self._pause(self._delay(error, tries) if self._may_connect() else None, waker)

    def _delay(self, error: AppError, tries: int) -> float:
        return getattr(error, "retry_after", None) or backoff_delay(tries, most=MOST_WAIT_S)

    async def _note_signed_in(self) -> None:
        if await self._database.read(lambda reader: accounts.is_mail_paused(reader, self.account_id)):
            await self._database.write(
                "note that an account is signed in", lambda tx: accounts.set_mail_paused(tx, self.account_id, False)
            )

    def _progress(self) -> int:
        return self._folder_sync.progress + self._body_sync.progress

    def _refuse_asked(self, error: AppError) -> None:
        asked, self._asked = self._asked, []
        for waiter in asked:
            if not waiter.done():
                waiter.set_exception(error)

    async def _pause(self, seconds: float | None, waker: asyncio.Event | None = None) -> None:
        """Wait until the time is over (None: for ever) or somebody calls `wake`."""
        own = waker or asyncio.Event()
        self._wakers.add(own)
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(own.wait())]
        if seconds is not None:
            waits.append(asyncio.create_task(_sleep(self._clock, seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            if waker is None:
                self._wakers.discard(own)


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
