"""The time of the demo world, as far as mail needs it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the world's time; ``app.demo.clock.DemoClock`` is one that the admin interface can move."""

    def now(self) -> datetime:
        """The time now, timezone-aware."""
        ...
