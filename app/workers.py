"""Worker processes for what is heavy or hostile: pure functions in, frozen values out, limits on time and memory.

A mail that hangs or crashes a parser costs that mail only: its worker is killed and replaced, the caller gets
WorkerTimedOut or WorkerCrashed. Processes are spawned (never forked from a process with threads), in frozen builds too
(``multiprocessing.freeze_support`` in each program's main).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from app.concurrency import BlockingWorker
from app.errors import AppError

T = TypeVar("T")

DEFAULT_TIMEOUT_S = 10.0
MEMORY_LIMIT_BYTES = 2 << 30
TASKS_BEFORE_RENEWAL = 500


class WorkerFailed(AppError):
    """The function did not give a value: it took too long, took too much, or its process died."""

    code = "worker_failed"


class WorkerTimedOut(WorkerFailed):
    """Stopped after its time was over."""

    code = "worker_timed_out"


class WorkerCrashed(WorkerFailed):
    """The process died, or ran out of memory or stack."""

    code = "worker_crashed"


class WorkerPool:
    """One or two processes that are started at the first use and renewed now and then.

    ``memory_limit`` is the address space of one process in bytes (not enforced on Windows, which has no rlimits).
    """

    def __init__(self, *, processes: int = 1, memory_limit: int = MEMORY_LIMIT_BYTES) -> None:
        self._processes = processes
        self._memory_limit = memory_limit
        self._starter = BlockingWorker("worker-pool")
        self._pool: ProcessPool | None = None
        self._closing = False

    async def run(self, fn: Callable[..., T], *args: object, timeout_s: float = DEFAULT_TIMEOUT_S) -> T:
        """Run a module-level function of picklable arguments in a worker.

        Raises WorkerTimedOut, WorkerCrashed; an exception of ``fn`` itself passes through.
        """
        if self._closing:
            raise WorkerCrashed("the workers are being stopped")
        pool, future = await self._starter.run(self._schedule, fn, args, timeout_s)
        try:
            return await asyncio.wrap_future(future)
        except concurrent.futures.TimeoutError:
            raise WorkerTimedOut(f"{fn.__name__} took more than {timeout_s:g} s") from None
        except ProcessExpired:
            raise WorkerCrashed(f"{fn.__name__}: its process died") from None
        except BrokenExecutor:
            # The pool itself gave up (a process that cannot even start): the next call gets a new one.
            await self._starter.run(self._discard, pool)
            raise WorkerCrashed(f"{fn.__name__}: no worker process could be started") from None
        except (MemoryError, RecursionError) as error:
            raise WorkerCrashed(f"{fn.__name__}: {type(error).__name__}") from None
        except concurrent.futures.CancelledError:
            if self._closing:
                raise WorkerCrashed("the workers are being stopped") from None
            raise

    async def close(self) -> None:
        """Stop the processes at once; calls under way raise WorkerCrashed."""
        if self._closing:
            return
        self._closing = True
        await self._starter.close(self._stop)

    def _schedule(
        self, fn: Callable[..., T], args: tuple[object, ...], timeout_s: float
    ) -> tuple[ProcessPool, concurrent.futures.Future[T]]:
        if self._pool is not None and not self._pool.active:
            self._stop()
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._processes,
                max_tasks=TASKS_BEFORE_RENEWAL,
                initializer=limit_process,
                initargs=(self._memory_limit,),
                context=multiprocessing.get_context("spawn"),
            )
        future: concurrent.futures.Future[T] = self._pool.schedule(fn, args=args, timeout=timeout_s)
        return self._pool, future

    def _discard(self, broken: ProcessPool) -> None:
        if self._pool is broken:
            self._stop()

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None


def limit_process(memory_limit: int) -> None:
    """Bound a worker's memory, keep its core dump off the disk, and leave Ctrl+C to the parent.

    Called in the new process.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))
