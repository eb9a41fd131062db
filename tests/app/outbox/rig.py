"""An outbox with its replayer on a real encrypted database, a clock that stands still, and a `RecordServer`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from app.connectivity import Connectivity
from app.events import BackgroundTaskFailed, Event, EventBus, OperationChanged, SignInRequired
from app.model.ids import OperationId
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.outbox import Outbox
from app.outbox.replay import Replayer
from app.store.database import Database, DatabaseKey, Reader
from tests.app.outbox.record_handler import MARKS, RecordHandler
from tests.app.outbox.record_server import RecordServer
from tests.servers.clock import MovableClock

OWNER = "00D1/0051"
OTHER = "00D2/0052"
MAILBOX = "rita@example.org"
OWNERS = {"crm:1": OWNER, "crm:2": OTHER, "mail:1": MAILBOX}
WITHIN_S = 20.0


class Rig:
    """The program's queue, which can be started again on the same file."""

    def __init__(self, path: Path, clock: MovableClock, server: RecordServer) -> None:
        self.path = path
        self.key = DatabaseKey.new()
        self.clock = clock
        self.server = server
        self.owners = dict(OWNERS)
        self.handler = RecordHandler(server.url)
        self.harmless = RecordHandler(server.url, kind=OperationKind.SET_FLAGS, longest_call_s=0.0)
        self.events: list[Event] = []

    async def start(self, *, checkpoint: Checkpoint = pass_by, create: bool = False) -> None:
        """Open the file and join the parts as the program does."""
        self.bus = EventBus()
        self.events = []
        for kind in (OperationChanged, SignInRequired, BackgroundTaskFailed):
            self.bus.subscribe(kind, self.events.append)
        self.database = await Database.open(self.path, self.key, bus=self.bus, create=create)
        await self.database.write("make the table of marks", lambda tx: tx.execute(MARKS))
        self.connectivity = Connectivity(self.bus, self.clock)
        for handler in (self.handler, self.harmless):
            handler.report = self.connectivity.report
        self.outbox = Outbox(self.database, self.clock, (self.handler, self.harmless), checkpoint=checkpoint)
        self.replayer = Replayer(
            self.database,
            self.bus,
            self.clock,
            self.outbox,
            self.connectivity,
            self._owner_of,
            self._account_of,
            checkpoint=checkpoint,
        )

    async def restart(self, *, checkpoint: Checkpoint = pass_by) -> None:
        """End the program and start it again: nothing is left of it but its file."""
        await self.database.close()
        await self.start(checkpoint=checkpoint)

    def _owner_of(self, reader: Reader, account: str) -> str | None:
        return self.owners.get(account)

    def _account_of(self, reader: Reader, owner: str) -> str | None:
        return next((account for account, signed_in in self.owners.items() if signed_in == owner), None)

    async def queue(
        self,
        target: str = "t1",
        *,
        account: str = "crm:1",
        depends_on: tuple[OperationId, ...] = (),
        kind: OperationKind = OperationKind.LOG_MESSAGE,
        owner: str = "",
        message: int | None = None,
        record: str = "",
    ) -> OperationId:
        return await self.outbox.enqueue(
            NewOperation(
                kind=kind,
                account=account,
                owner=owner or OWNERS[account],
                target=target,
                title=f"write to {target}",
                payload={"target": target, "is_html": False},
                depends_on=depends_on,
                subject_message=message,
                subject_record=record,
            )
        )

    async def operation(self, operation_id: OperationId) -> Operation:
        found = await self.outbox.get(operation_id)
        assert found is not None
        return found

    async def state(self, operation_id: OperationId) -> OperationState:
        return (await self.operation(operation_id)).state

    async def mark(self, operation_id: OperationId) -> str:
        row = await self.database.read(
            lambda reader: reader.row("SELECT words FROM mark WHERE operation_id = ?", (operation_id,))
        )
        return "" if row is None else str(row[0])

    async def drain(self, *, most_steps: int = 400) -> None:
        """Send, and let time pass, until nothing moves any more."""
        for _ in range(most_steps):
            await self.replayer.run_once()
            moving = [each for each in await self.outbox.list() if each.state.is_open]
            if all(each.state is OperationState.PAUSED or each.waits_for for each in moving):
                return
            self.clock.advance(60)
        raise AssertionError("the queue never came to rest")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The replayer and the connectivity as long tasks."""
        tasks = [asyncio.create_task(self.replayer.run()), asyncio.create_task(self.connectivity.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the long tasks do; the clock of the program stands still meanwhile."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                await asyncio.sleep(0.005)

    async def until_state(self, operation_id: OperationId, state: OperationState) -> None:
        async with asyncio.timeout(WITHIN_S):
            while await self.state(operation_id) is not state:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def open_rig(path: Path, *, checkpoint: Checkpoint = pass_by) -> AsyncIterator[Rig]:
    """A new database file at ``path`` and a new server."""
    clock = MovableClock()
    server = RecordServer(clock.wall)
    await server.up()
    try:
        rig = Rig(path, clock, server)
        await rig.start(checkpoint=checkpoint, create=True)
        try:
            yield rig
        finally:
            await rig.database.close()
    finally:
        await server.down()
