"""From a slot to a task: the one place where the screen starts coroutines, and where their errors become words.

Every task lives in the window's own `asyncio.TaskGroup`; nothing outlives the window. An error of one task never reaches its siblings: it becomes
`Dispatcher.failed`, which the window's notice bar shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from PySide6.QtCore import QObject, Signal

from ui.text import Words, is_expected, words_for

_log = logging.getLogger(__name__)

FINISH_WITHIN_S = 3.0


class Dispatcher(QObject):
    """Starts coroutines for slots.

    ``group`` is entered by the caller and lives as long as the window. `failed` carries `Words` for the notice bar.
    """

    failed = Signal(object)

    def __init__(self, group: asyncio.TaskGroup) -> None:
        super().__init__()
        self._group = group
        self._latest: dict[Hashable, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(
        self,
        work: Coroutine[Any, Any, object],
        *,
        slot: Hashable | None = None,
        on_error: Callable[[BaseException, Words], bool] | None = None,
    ) -> None:
        """Run ``work``. With a ``slot`` the earlier work of that slot is cancelled first: the latest wins.

        ``on_error`` may take an error (return true); otherwise `failed` tells it.
        """
        if self._is_closed:
            work.close()
            return
        if slot is not None and (earlier := self._latest.get(slot)) is not None:
            earlier.cancel()
        task = self._group.create_task(self._guard(work, on_error))
        self._tasks.add(task)
        if slot is not None:
            self._latest[slot] = task
        task.add_done_callback(lambda done: self._forget(done, slot, work))

    def cancel(self, slot: Hashable) -> None:
        """Stop the work of a slot, if there is any."""
        if (task := self._latest.get(slot)) is not None:
            task.cancel()

    async def finish(self) -> None:
        """Start nothing more and give what runs a moment to end by itself: a draft that is being saved is not thrown away."""
        self._is_closed = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=FINISH_WITHIN_S)

    def close(self) -> None:
        """Cancel everything and start nothing more."""
        self._is_closed = True
        for task in tuple(self._tasks):
            task.cancel()

    def _forget(self, task: asyncio.Task[None], slot: Hashable | None, work: Coroutine[Any, Any, object]) -> None:
        # Cancelled before its first step, the task never touched its work.
        work.close()
        self._tasks.discard(task)
        if slot is not None and self._latest.get(slot) is task:
            del self._latest[slot]

    async def _guard(
        self, work: Coroutine[Any, Any, object], on_error: Callable[[BaseException, Words], bool] | None
    ) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the last owner of what a slot started; see design 5 and 6
            if not is_expected(error):
                # The words of a foreign exception may quote mail or records: type and place only.
                _log.error(
                    "a task of the window raised %s",
                    type(error).__name__,
                    exc_info=(RuntimeError, RuntimeError(type(error).__name__), error.__traceback__),
                )
            words = words_for(error)
            if on_error is None or not on_error(error, words):
                self.failed.emit(words)
