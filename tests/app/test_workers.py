"""A function that hangs, crashes or eats memory costs its own call only."""

from __future__ import annotations

import os
import sys
import time

import pytest

from app.workers import WorkerCrashed, WorkerPool, WorkerTimedOut


def add(a: int, b: int) -> int:
    return a + b


def hang() -> None:
    time.sleep(60)


def die() -> None:
    os._exit(3)


def refuse() -> None:
    raise ValueError("not today")


def eat() -> int:
    return len(bytearray(8 << 30))


async def test_values_errors_hangs_and_crashes() -> None:
    pool = WorkerPool()
    try:
        assert await pool.run(add, 2, 3) == 5
        with pytest.raises(ValueError, match="not today"):
            await pool.run(refuse)
        with pytest.raises(WorkerTimedOut):
            await pool.run(hang, timeout_s=0.5)
        with pytest.raises(WorkerCrashed):
            await pool.run(die)
        if sys.platform.startswith("linux"):
            with pytest.raises(WorkerCrashed):
                await pool.run(eat)
        assert await pool.run(add, 20, 3) == 23
    finally:
        await pool.close()
    with pytest.raises(WorkerCrashed):
        await pool.run(add, 1, 1)


async def test_a_pool_whose_processes_cannot_start_is_replaced() -> None:
    pool = WorkerPool()
    pool._memory_limit = "no number"  # type: ignore[assignment]  # the process ends while it starts
    try:
        with pytest.raises(WorkerCrashed):
            await pool.run(add, 2, 3)
        pool._memory_limit = 2 << 30
        for _ in range(3):
            try:
                assert await pool.run(add, 2, 3) == 5
                break
            except WorkerCrashed:
                continue
        else:
            pytest.fail("no new pool")
    finally:
        await pool.close()
