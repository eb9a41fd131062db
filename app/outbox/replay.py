"""Sends what is queued: in the order of each target, after what it depends on, fairly among accounts.

Several operations are under way at a time, never two of one target. What waits (for the network, a server's pause, a
doubt to end, sign-in) holds up its own target or account and nothing else.
"""

from __future__ import annotations

import asyncio
import logging

from app.clock import Clock
from app.connectivity import Connectivity
from app.errors import BugError, DiskFull, SecretStoreUnavailable, TransientError
from app.events import (
    AccountReachable,
    BackgroundTaskFailed,
    ConnectivityChanged,
    EventBus,
    OperationChanged,
    SignedIn,
)
from app.model.operation import OperationState
from app.outbox import outcomes
from app.outbox.attempt import AccountOf, Attempt, OwnerOf, Report
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.deadlines import Deadlines
from app.outbox.outbox import Outbox
from app.outbox.turns import Turns
from app.store import operations
from app.store.database import Database, Reader, Transaction
from app.store.operations import Head

_log = logging.getLogger(__name__)

TASK_NAME = "outbox"
MOST_AT_ONCE = 4
MOST_PER_ACCOUNT = 2
LONGEST_WAIT_S = 3600.0 * 1.2
"""No server's wish to wait counts for longer (an hour and its spread); a row that says more was written by another clock."""
LONGEST_NAP_S = 60.0
"""A nap ends after this much, since the wall clock may have moved on while the machine slept."""
LOCAL_PAUSE_S = 60.0
BUSY_DATABASE_PAUSE_S = 1.0
KEEP_CLOSED_S = 30 * 86400.0


def nobody(_reader: Reader, _owner: str) -> None:
    """The `AccountOf` of a program whose accounts keep their keys."""


class Replayer:
    """The one sender of an outbox. `run` is the long task of the program, `run_once` drains what is due and returns."""

    def __init__(
        self,
        database: Database,
        bus: EventBus,
        clock: Clock,
        outbox: Outbox,
        connectivity: Connectivity,
        owner_of: OwnerOf,
        account_of: AccountOf = nobody,
        *,
        most_at_once: int = MOST_AT_ONCE,
        most_per_account: int = MOST_PER_ACCOUNT,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._outbox = outbox
        self._connectivity = connectivity
        self._checkpoint = checkpoint
        self._most_at_once = most_at_once
        self._deadlines = Deadlines(clock)
        self._attempt = Attempt(database, clock, outbox, self._deadlines, owner_of, account_of, checkpoint)
        self._turns = Turns(most_per_account)
        self._in_flight: dict[asyncio.Task[Report], Head] = {}
        # Accounts that rest, until when by the monotonic clock: out of reach, or by their server's wish.
        self._out_of_reach: dict[str, float] = {}
        self._resting: dict[str, float] = {}
        self._woken = asyncio.Event()
        self._is_stale = True
        self._signed_in: set[str] = set()
        self._came_back: set[str] = set()
        self._is_running = False
        self._has_resumed = False
        # From the start, not only while it sends: what is said in between must not be lost.
        bus.subscribe(OperationChanged, self._on_operation_changed)
        bus.subscribe(SignedIn, self._on_signed_in)
        bus.subscribe(AccountReachable, self._on_account_reachable)
        bus.subscribe(ConnectivityChanged, self._on_connectivity_changed)

    def wake(self) -> None:
        """Look again what is due."""
        self._is_stale = True
        self._woken.set()

    async def run(self) -> None:
        """Send for ever. Raises LocalError when the database cannot be used any more.

        A full disk or a locked keychain is reported and waited out: nothing is lost meanwhile.
        """
        while True:
            try:
                await self._drain(for_ever=True)
            except (DiskFull, SecretStoreUnavailable) as error:
                _log.warning("outbox stopped by %s", error.code)
                self._bus.publish(BackgroundTaskFailed(TASK_NAME, error.code))
                await self._wait(LOCAL_PAUSE_S)
            except TransientError:
                await self._wait(BUSY_DATABASE_PAUSE_S)

    async def run_once(self, *, at_once: bool = False) -> int:
        """Send what is due now and return how many operations came to an end (done or failed).

        What has to wait stays; with ``at_once``, a person's wish, what only rests after a failed try is tried, too (what is in doubt keeps its
        wait). Raises LocalError, TransientError (the database is locked).
        """
        if at_once:
            heads = await self._database.read(operations.heads)
            self._came_back.update(head.account for head in heads)
        return await self._drain(for_ever=False)

    async def _drain(self, *, for_ever: bool) -> int:
        if self._is_running:
            raise BugError("the outbox is being sent already")
        self._is_running = True
        closed = 0
        try:
            await self._recover()
            while True:
                self._woken.clear()
                await self._heed_news()
                wait = await self._start_due()
                if not self._in_flight and not for_ever:
                    return closed
                await self._wait(wait)
                closed += await self._collect()
        finally:
            self._is_running = False
            await self._cancel_all()

    def _on_operation_changed(self, event: OperationChanged) -> None:
        is_own = event.operation_id in self._attempt.under_way
        if not is_own and event.state in (OperationState.PENDING, OperationState.CHECKING):
            self.wake()

    def _on_signed_in(self, event: SignedIn) -> None:
        self._signed_in.add(event.account)
        self.wake()

    def _on_account_reachable(self, event: AccountReachable) -> None:
        if event.is_reachable:
            self._came_back.add(event.account)
        self.wake()

    def _on_connectivity_changed(self, event: ConnectivityChanged) -> None:
        if event.is_online:
            # Work offline was ended, or the network came back: whoever was held by that may try.
            self._came_back.update(self._out_of_reach)
        self.wake()

    async def _recover(self) -> None:
        """Rows left in ``sending`` by a dead process are in doubt; paused ones get one try, since the sign-in may have come
        while nobody listened.
        """
        now = self._clock.wall()

        def recover(tx: Transaction) -> None:
            operations.doubt_interrupted(tx, now=now, spare=self._attempt.under_way)
            if not self._has_resumed:
                operations.resume(tx, None)
            operations.prune(tx, closed_before=now - KEEP_CLOSED_S)
            self._checkpoint("in_recover")

        await self._database.write("recover the outbox", recover)
        self._checkpoint("after_recover")
        self._has_resumed = True
        self._is_stale = True

    async def _heed_news(self) -> None:
        signed_in, self._signed_in = self._signed_in, set()
        came_back, self._came_back = self._came_back, set()
        for account in came_back:
            self._out_of_reach.pop(account, None)
        if not signed_in and not came_back:
            return

        def heed(tx: Transaction) -> None:
            for account in signed_in:
                operations.resume(tx, account)
            if signed_in:
                # It may be one that was removed, under a new key.
                operations.resume_because(tx, outcomes.ACCOUNT_REMOVED)
            for account in came_back:
                operations.forget_waits(tx, account)

        await self._database.write("go on with operations", heed)
        self._is_stale = True

    async def _start_due(self) -> float | None:
        """Start what may start; seconds until something becomes due by itself, None when only news can change anything."""
        next_due: float | None = None
        is_fresh = False
        while len(self._in_flight) < self._most_at_once:
            head = None if self._is_stale else self._turns.take(self._in_flight.values())
            if head is not None:
                # It was due when it was looked up; its account may rest since.
                if self._due_in(head) == 0:
                    self._start(head)
                continue
            if is_fresh or (not self._is_stale and self._turns.has_waiting):
                break
            self._is_stale = False
            is_fresh = True
            next_due = await self._look()
        return next_due

    async def _look(self) -> float | None:
        """Read whose turn it is; seconds until the first of them that must wait, None when none waits for a time."""
        due: list[Head] = []
        waits: list[float] = []
        under_way = self._attempt.under_way
        for head in await self._database.read(operations.heads):
            if head.operation_id in under_way:
                continue
            wait = self._due_in(head)
            if wait == 0:
                due.append(head)
            elif wait is not None:
                waits.append(wait)
        self._turns.fill(due)
        return min(waits, default=None)

    def _due_in(self, head: Head) -> float | None:
        """Seconds until the operation may be tried; None while its account cannot be reached."""
        if not self._connectivity.can_reach(head.account):
            return None
        wait = self._deadlines.until_try(head.operation_id, head.not_before, most=LONGEST_WAIT_S)
        for rests in (self._out_of_reach, self._resting):
            if head.account in rests:
                wait = max(wait, rests[head.account] - self._clock.monotonic())
        return max(0.0, wait)

    def _start(self, head: Head) -> None:
        task = asyncio.create_task(self._attempt.make(head.operation_id), name=f"operation-{head.seq}")
        self._in_flight[task] = head

    async def _wait(self, seconds: float | None) -> None:
        nap = LONGEST_NAP_S if seconds is None else min(seconds, LONGEST_NAP_S)
        news = asyncio.create_task(self._woken.wait(), name="outbox-news")
        alarm = asyncio.create_task(self._clock.sleep(nap), name="outbox-alarm")
        try:
            await asyncio.wait({news, alarm, *self._in_flight}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            alarm.cancel()
            await asyncio.gather(news, alarm, return_exceptions=True)

    async def _collect(self) -> int:
        """Learn from the attempts that ended; how many operations came to an end.

        An attempt that this machine stopped raises its error here, once the others have had their answers.
        """
        done = [task for task in self._in_flight if task.done()]
        problem = next((error for error in (task.exception() for task in done) if error is not None), None)
        if problem is not None:
            await asyncio.wait(self._in_flight)
            done = list(self._in_flight)
        closed = 0
        for task in done:
            head = self._in_flight.pop(task)
            if task.exception() is None:
                closed += self._learn(head.account, task.result())
        if problem is not None:
            raise problem
        return closed

    def _learn(self, account: str, report: Report) -> int:
        if report.rest_s > 0:
            ends = self._clock.monotonic() + report.rest_s
            if not report.is_offline:
                self._resting[account] = ends
            elif self._connectivity.is_out_of_reach(account):
                # Its own server was missed, not another one that the operation needed besides.
                self._out_of_reach[account] = ends
        return 1 if report.is_closed else 0

    async def _cancel_all(self) -> None:
        tasks = list(self._in_flight)
        self._in_flight.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
