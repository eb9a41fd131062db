"""How blocking libraries and long tasks live beside one event loop.

`BlockingWorker` gives a blocking client (IMAPClient, requests, sqlcipher3, keyring) one thread of its own: created,
used and closed there. `supervise` runs a long task for ever: transient errors back off, a bug is reported and restarted
a few times, siblings never notice.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import random
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from app.clock import Clock
from app.errors import LocalError, SignInRequired, TransientError

_log = logging.getLogger(__name__)

T = TypeVar("T")

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 300.0
BUG_RESTARTS = 3


class BlockingWorker:
    """One named thread for one blocking client.

    Calls run one after the other, in the order in which they were made; the thread starts at the first. Cancelling the
    awaiting task does not stop a call that is already running: its result is dropped. To abort it, make the client fail
    (close its socket) from the loop. The thread is a daemon, so that a call that never returns cannot keep the program
    from ending once `abandon` has given it up.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """Run ``fn(*args)`` in the thread and return its result; its exception passes through unchanged."""
        if self._closed:
            raise RuntimeError(f"worker {self.name} is closed")
        return await self._submit(fn, *args)

    async def close(self, final: Callable[[], object] | None = None) -> None:
        """Let queued calls finish, run ``final`` in the thread, end the thread. Calling it twice does nothing.

        The thread ends even when the waiting is cancelled.
        """
        if self._closed:
            return
        self._closed = True
        last = self._submit(final or _nothing) if final is not None or self._thread is not None else None
        self._jobs.put(None)
        if last is None:
            return
        try:
            # A cancelled wait must not cancel ``final`` while it still queues: it closes what the thread holds.
            await asyncio.shield(last)
        finally:
            thread = self._thread
            if thread is not None and last.done() and not last.cancelled():
                # Its last job is over: it has nothing left to do but to end.
                thread.join()

    def abandon(self) -> None:
        """Give the thread up in the middle of a call that does not return; queued calls are cancelled."""
        self._closed = True
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.cancel()
        self._jobs.put(None)

    def _submit(self, fn: Callable[..., T], *args: object) -> asyncio.Future[T]:
        if self._thread is None:
            self._thread = threading.Thread(target=_serve, args=(self._jobs,), name=self.name, daemon=True)
            self._thread.start()
        job: _Job[T] = _Job(fn, args)
        self._jobs.put(job)
        return asyncio.wrap_future(job.future)


class _Job(Generic[T]):
    """A call on its way to the thread. A concurrent future, not a bare callback: a cancelled call that waits never runs."""

    def __init__(self, fn: Callable[..., T], args: tuple[object, ...]) -> None:
        self._fn = fn
        self._args = args
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run(self) -> None:
        """Make the call, unless it was cancelled while it waited."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self._fn(*self._args)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, whatever it is
            self.future.set_exception(error)
            # Break the cycle error → traceback → this frame → future → error, which would keep the arguments alive.
            del self
        else:
            self.future.set_result(result)

    def cancel(self) -> None:
        """Drop the call."""
        self.future.cancel()


def _serve(jobs: queue.SimpleQueue[_Job[Any] | None]) -> None:
    # A function of the queue alone: a thread that held its worker would keep it alive.
    while True:
        job = jobs.get()
        if job is None:
            return
        job.run()
        # Do not keep the last result alive until the next call: it may be a mail or a record.
        del job


def _nothing() -> None:
    """What a closing thread does when there is nothing to close."""


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
            transient = 1 if _went_well(started, clock) else transient + 1
            wait = getattr(error, "retry_after", None) or backoff_delay(transient)
            _log.info("%s: %s, next try in %.0f s", name, type(error).__name__, wait)
            _report(on_error, name, error)
        except (SignInRequired, LocalError) as error:
            _log.warning("%s: stopped by %s", name, type(error).__name__)
            _report(on_error, name, error)
            return
        except Exception as error:  # noqa: BLE001 - the last owner of a long task; see design 5
            bugs = 1 if _went_well(started, clock) else bugs + 1
            _log.error("%s: unexpected %s", name, type(error).__name__, exc_info=_without_values(error))
            _report(on_error, name, error)
            if bugs > BUG_RESTARTS:
                return
            wait = backoff_delay(bugs, first=5.0)
        await clock.sleep(wait)


def _went_well(started: float, clock: Clock) -> bool:
    # What ran for so long was no failing start: its waits and its restarts begin anew.
    return clock.monotonic() - started > BACKOFF_MOST_S


def _report(on_error: Callable[[str, BaseException], None] | None, name: str, error: BaseException) -> None:
    if on_error is not None:
        on_error(name, error)


def _without_values(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    # A foreign exception's text may quote mail or records: keep its type and traceback, drop its words.
    blank = type(error).__name__
    return (RuntimeError, RuntimeError(blank), error.__traceback__)
