"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time

START_WALL = 1_800_000_000.0


class MovableClock:
    """Implements `app.clock.Clock`. `advance` moves both clocks and wakes sleepers in order; `jump_wall` moves the wall clock alone."""

    def __init__(self, wall: float = START_WALL) -> None:
        self._wall = wall
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._numbers), waiter))
        await waiter

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += seconds
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a person or a time server does."""
        self._wall += seconds

    @property
    def next_alarm_in(self) -> float | None:
        """Seconds until the first sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] - self._monotonic if self._sleepers else None


class ForwardClock:
    """The machine's clock plus an offset that only grows: time passes by itself, and `forward` makes it pass at once.

    For programs whose servers live on a clock of their own: both are moved by the same seconds.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def wall(self) -> float:
        return time.time() + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset

    async def sleep(self, seconds: float) -> None:
        ends = self.monotonic() + seconds
        while (left := ends - self.monotonic()) > 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (ends, waiter)
            self._sleepers.append(entry)
            alarm = asyncio.get_running_loop().call_later(left, _wake, waiter)
            try:
                await waiter
            finally:
                alarm.cancel()
                self._sleepers.remove(entry)
        await asyncio.sleep(0)

    def forward(self, seconds: float) -> None:
        """Let ``seconds`` pass now and wake whom that concerns."""
        self.offset += seconds
        now = self.monotonic()
        for ends, waiter in tuple(self._sleepers):
            if ends <= now:
                _wake(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
