"""How blocking libraries and long tasks live beside one event loop.

`BlockingWorker` gives a blocking client (IMAPClient, requests, sqlcipher3, keyring) one thread of its own: created,
used and closed there. `supervise` runs a long task for ever: transient errors back off, a bug is reported and restarted
a few times, siblings never notice.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from app.clock import Clock
from app.errors import LocalError, SignInRequired, TransientError

_log = logging.getLogger(__name__)

T = TypeVar("T")

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 300.0
BUG_RESTARTS = 3


class BlockingWorker:
    """One named thread for one blocking client.

    Calls run one after the other, in the order in which they were made. Cancelling the awaiting task does not stop a
    call that is already running in the thread: its result is dropped. To abort it, make the client fail (close its
    socket) from the loop.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._executor = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """Run ``fn(*args)`` in the thread and return its result; its exception passes through unchanged."""
        if self._closed:
            raise RuntimeError(f"worker {self.name} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, fn, *args)

    async def close(self, final: Callable[[], object] | None = None) -> None:
        """Let queued calls finish, run ``final`` in the thread, end the thread. Calling it twice does nothing."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        try:
            if final is not None:
                await loop.run_in_executor(self._executor, final)
        finally:
            # The last submitted job ends the queue, so this returns at once once it is reached; the wait itself must
            # not block the loop.
            waiter = loop.create_future()

            def _finished() -> None:
                if not waiter.done():
                    waiter.set_result(None)

            self._executor.submit(lambda: loop.call_soon_threadsafe(_finished))
            await waiter
            self._executor.shutdown(wait=True)


def backoff_delay(attempt: int, *, first: float = BACKOFF_FIRST_S, most: float = BACKOFF_MOST_S) -> float:
    """Seconds to wait before try ``attempt`` + 1 (``attempt`` counts from 1): doubled each time, with full jitter in its upper half."""
    ceiling = min(most, first * 2.0 ** min(max(attempt - 1, 0), 30))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 - spreading load, not a secret


async def supervise(
    name: str,
    fn: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    on_error: Callable[[str, BaseException], None] | None = None,
) -> None:
    """Run ``fn`` until it returns; start it again after an error.

    ``fn`` is named ``name`` in logs. TransientError and OSError wait by `backoff_delay` (or the server's
    ``retry_after``) and try again without end. SignInRequired and LocalError end the task: somebody must act first.
    Anything else is a bug: reported, and restarted `BUG_RESTARTS` times before the task ends. ``on_error`` hears every
    error once. Cancellation passes through.
    """
    transient = bugs = 0
    while True:
        started = clock.monotonic()
        try:
            await fn()
            return
        except (TransientError, OSError) as error:
            if clock.monotonic() - started > BACKOFF_MOST_S:
                transient = 0
            transient += 1
            wait = getattr(error, "retry_after", None) or backoff_delay(transient)
            _log.info("%s: %s, next try in %.0f s", name, type(error).__name__, wait)
            _report(on_error, name, error)
        except (SignInRequired, LocalError) as error:
            _log.warning("%s: stopped by %s", name, type(error).__name__)
            _report(on_error, name, error)
            return
        except Exception as error:  # noqa: BLE001 - the last owner of a long task; see design 5
            bugs += 1
            _log.error("%s: unexpected %s", name, type(error).__name__, exc_info=_without_values(error))
            _report(on_error, name, error)
            if bugs > BUG_RESTARTS:
                return
            wait = backoff_delay(bugs, first=5.0)
        await clock.sleep(wait)


def _report(on_error: Callable[[str, BaseException], None] | None, name: str, error: BaseException) -> None:
    if on_error is not None:
        on_error(name, error)


def _without_values(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    # A foreign exception's text may quote mail or records: keep its type and traceback, drop its words.
    blank = type(error).__name__
    return (RuntimeError, RuntimeError(blank), error.__traceback__)
