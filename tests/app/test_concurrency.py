"""Blocking clients in threads of their own, and long tasks that outlive their errors."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from app.clock import SystemClock
from app.concurrency import BACKOFF_MOST_S, BUG_RESTARTS, BlockingWorker, backoff_delay, supervise
from app.errors import LocalError, Offline, RateLimited, SignInRequired


class CountingClock(SystemClock):
    """Time that passes only by sleeping, and says how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Held:
    """Something that can be watched being let go."""


async def test_calls_run_one_after_the_other_in_one_thread() -> None:
    worker = BlockingWorker("test-worker")
    order: list[int] = []
    threads: set[str] = set()

    def call(number: int) -> int:
        threads.add(threading.current_thread().name)
        order.append(number)
        return number * 2

    assert await asyncio.gather(*(worker.run(call, n) for n in range(50))) == [n * 2 for n in range(50)]
    assert order == list(range(50))
    assert threads == {"test-worker"}
    await worker.close()


async def test_errors_pass_through_unchanged() -> None:
    worker = BlockingWorker("test-worker")

    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await worker.run(fail)
    assert await worker.run(lambda: 1) == 1
    await worker.close()


async def test_a_worker_that_was_never_used_costs_no_thread() -> None:
    before = threading.active_count()
    worker = BlockingWorker("test-worker")
    await worker.close()
    assert threading.active_count() == before
    with pytest.raises(RuntimeError):
        await worker.run(print)


async def test_closing_lets_the_queue_finish_and_runs_the_last_call_in_the_thread() -> None:
    worker = BlockingWorker("test-worker")
    seen: list[str] = []
    slow = asyncio.ensure_future(worker.run(lambda: seen.append("queued")))
    await asyncio.sleep(0)
    await worker.close(lambda: seen.append(threading.current_thread().name))
    await slow
    assert seen == ["queued", "test-worker"]
    await worker.close(lambda: seen.append("twice"))
    assert seen == ["queued", "test-worker"]
    assert not [thread for thread in threading.enumerate() if thread.name == "test-worker"]


async def test_a_cancelled_close_still_closes() -> None:
    worker = BlockingWorker("test-worker")
    go_on, closed = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    call = asyncio.ensure_future(worker.run(go_on.wait))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(worker.close(lambda: loop.call_soon_threadsafe(closed.set)))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    go_on.set()
    await call
    await asyncio.wait_for(closed.wait(), 10)


async def test_a_cancelled_call_that_waits_never_runs() -> None:
    worker = BlockingWorker("test-worker")
    go_on = threading.Event()
    ran: list[str] = []
    first = asyncio.ensure_future(worker.run(go_on.wait))
    second = asyncio.ensure_future(worker.run(ran.append, "second"))
    await asyncio.sleep(0)
    second.cancel()
    go_on.set()
    await first
    await worker.close()
    assert second.cancelled()
    assert ran == []


async def test_an_abandoned_call_holds_nobody_up() -> None:
    worker = BlockingWorker("test-worker")
    loop = asyncio.get_running_loop()
    begun, go_on = asyncio.Event(), threading.Event()

    def hang() -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()

    hung = asyncio.ensure_future(worker.run(hang))
    await begun.wait()
    waiting = asyncio.ensure_future(worker.run(print))
    await asyncio.sleep(0)
    worker.abandon()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(RuntimeError):
        await worker.run(print)
    await worker.close()
    go_on.set()
    await hung


async def test_a_worker_keeps_no_result_alive() -> None:
    worker = BlockingWorker("test-worker")
    held = await worker.run(Held)
    gone = weakref.ref(held)
    del held
    await worker.run(lambda: None)
    gc.collect()
    assert gone() is None
    await worker.close()


def test_delays_double_up_to_a_bound_and_are_spread() -> None:
    for attempt in range(1, 200):
        ceiling = min(BACKOFF_MOST_S, 2.0 ** (attempt - 1))
        delays = {backoff_delay(attempt) for _ in range(20)}
        assert all(ceiling / 2 <= delay <= ceiling for delay in delays)
        assert len(delays) > 1
    assert backoff_delay(0) <= 1.0


async def test_transient_errors_are_tried_for_ever_with_growing_waits() -> None:
    clock = CountingClock()
    errors: list[str] = []
    tries = 0

    async def task() -> None:
        nonlocal tries
        tries += 1
        if tries <= 12:
            raise Offline("no route") if tries % 2 else ConnectionResetError()

    await supervise("task", task, clock=clock, on_error=lambda _, error: errors.append(type(error).__name__))
    assert tries == 13
    assert errors == ["Offline", "ConnectionResetError"] * 6
    assert clock.slept[0] <= 1.0
    assert clock.slept[-1] > BACKOFF_MOST_S / 2


async def test_the_server_names_the_wait() -> None:
    clock = CountingClock()
    answers = iter([RateLimited("busy", retry_after=77.0), None])

    async def task() -> None:
        error = next(answers)
        if error is not None:
            raise error

    await supervise("task", task, clock=clock)
    assert clock.slept == [77.0]


@pytest.mark.parametrize("error", [SignInRequired("revoked", account="crm:1"), LocalError("disk")])
async def test_what_a_person_must_mend_ends_the_task(error: Exception) -> None:
    tries = 0

    async def task() -> None:
        nonlocal tries
        tries += 1
        raise error

    heard: list[BaseException] = []
    await supervise("task", task, clock=CountingClock(), on_error=lambda _, one: heard.append(one))
    assert tries == 1
    assert heard == [error]


async def test_a_bug_is_reported_and_restarted_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def task() -> None:
        nonlocal tries
        tries += 1
        raise ValueError(words)

    words = "rita@example.com"
    await supervise("task", task, clock=CountingClock())
    assert tries == BUG_RESTARTS + 1
    assert "ValueError" in caplog.text
    assert "rita" not in caplog.text


async def test_a_run_that_went_well_for_long_starts_the_waits_anew() -> None:
    clock = CountingClock()
    tries = 0

    async def task() -> None:
        nonlocal tries
        tries += 1
        if tries == 9:
            clock.slept.append(BACKOFF_MOST_S + 1)
        if tries < 10:
            raise Offline("no route")

    await supervise("task", task, clock=clock)
    assert clock.slept[-1] <= 1.0


async def test_bugs_far_apart_do_not_end_the_task() -> None:
    clock = CountingClock()
    tries = 0

    async def task() -> None:
        nonlocal tries
        tries += 1
        clock.slept.append(BACKOFF_MOST_S + 1)
        if tries < 3 * BUG_RESTARTS:
            raise ValueError

    await supervise("task", task, clock=clock)
    assert tries == 3 * BUG_RESTARTS


async def test_cancelling_passes_through() -> None:
    task = asyncio.ensure_future(supervise("task", asyncio.Event().wait, clock=SystemClock()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
