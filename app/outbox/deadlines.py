"""Deadlines that survive a restart and a wall clock that jumps.

A row keeps its deadline by the wall clock, the only clock that outlives the process. From the moment this process sets
or first sees it, the monotonic clock counts: a jump of the wall clock can then make nothing too early or too late.
"""

from __future__ import annotations

from app.clock import Clock
from app.model.ids import OperationId


class Deadlines:
    """What this process knows of the times that stand in rows: for each, the moment of the monotonic clock it means."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: dict[OperationId, tuple[float, float]] = {}
        self._doubts: dict[OperationId, tuple[float, float]] = {}

    def set_try(self, operation_id: OperationId, seconds: float) -> float:
        """The next try comes in ``seconds``; the wall-clock value to keep in the row."""
        wall = self._clock.wall() + seconds
        self._tries[operation_id] = (wall, self._clock.monotonic() + seconds)
        return wall

    def until_try(self, operation_id: OperationId, wall: float, *, most: float) -> float:
        """Seconds until the row's next try (``not_before``); 0 or less when it is due. Never more than ``most``.

        Trying too early is no harm here, so the clock that says less counts: while the machine slept, the monotonic
        clock of some systems stood still.
        """
        if wall == 0:
            return 0.0
        by_wall = wall - self._clock.wall()
        known = self._tries.get(operation_id)
        if known is None or known[0] != wall:
            known = (wall, self._clock.monotonic() + min(most, max(0.0, by_wall)))
            self._tries[operation_id] = known
        return min(known[1] - self._clock.monotonic(), by_wall)

    def begin_doubt(self, operation_id: OperationId) -> float:
        """A doubt begins now; the wall-clock value to keep in the row (``in_doubt_since``)."""
        wall = self._clock.wall()
        self._doubts[operation_id] = (wall, self._clock.monotonic())
        return wall

    def left_of_doubt(self, operation_id: OperationId, since: float, *, length: float) -> float:
        """Seconds until ``length`` seconds have surely passed since ``since``; 0 or less when they have.

        Being too early could write twice, so only the monotonic clock counts once this process has seen the row. Of
        the time before that only the wall clock can tell; where it went back, nothing is believed to have passed.
        """
        known = self._doubts.get(operation_id)
        if known is None or known[0] != since:
            passed = min(length, max(0.0, self._clock.wall() - since))
            known = (since, self._clock.monotonic() - passed)
            self._doubts[operation_id] = known
        return known[1] + length - self._clock.monotonic()

    def forget(self, operation_id: OperationId) -> None:
        """Drop what is known of a row that is closed."""
        self._tries.pop(operation_id, None)
        self._doubts.pop(operation_id, None)
