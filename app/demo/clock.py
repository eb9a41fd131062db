"""The demo world's clock: real time plus an offset that tests advance, with work that falls due on it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class DemoClock:
    """Aware UTC time that can be moved forward, never back.

    ``call_at`` work runs on the event loop as soon as the moved time has reached it: a write that "commits late"
    is due on this clock, so a test need not wait in real time.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._serial = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def offset_s(self) -> float:
        """Seconds by which this clock runs ahead of real time."""
        return self._offset.total_seconds()

    @property
    def pending(self) -> int:
        """How many pieces of work wait for their time."""
        return len(self._due)

    def now(self) -> datetime:
        """The world's time, aware, UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time forward and run what has become due. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._offset += timedelta(seconds=seconds)
        self._run_due()

    def call_at(self, when: datetime, work: Callable[[], None]) -> None:
        """Run ``work`` on the event loop once ``when`` has come on this clock."""
        heapq.heappush(self._due, (when, next(self._serial), work))
        self._arm()

    def forget_all(self) -> None:
        """Drop what is waiting and return to real time."""
        self._due.clear()
        self._offset = timedelta()
        self._arm()

    def _run_due(self) -> None:
        while self._due and self._due[0][0] <= self.now():
            _, _, work = heapq.heappop(self._due)
            work()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            wait = max(0.0, (self._due[0][0] - self.now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(wait, self._run_due)
