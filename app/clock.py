"""Wall time, monotonic time and waiting, handed in by constructors so that tests can move them."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The three ways the program asks for time."""

    def wall(self) -> float:
        """Seconds since the epoch, UTC; may jump. For what is stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, never going back. For expiry in RAM; ends with the process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a negative number counts as zero."""
        ...


class SystemClock:
    """The machine's own clock."""

    def wall(self) -> float:
        """See `Clock.wall`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))
