"""What holds for every test: nothing unexpected is said, and nothing is left running.

A warning is an error (pyproject.toml), a Qt message of level warning fails the test (pytest-qt), and so do an error that asyncio logs, a task still
pending and a thread still alive after the test and its fixtures. Tests of the screen and the stories run their coroutines on Qt's loop as the program
does; all others run on plain asyncio and need no Qt.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest

ROOMS_ON_QT = frozenset({"ui", "end2end"})
THREADS_END_WITHIN_S = 5.0
# The watcher of pytest-timeout; it ends with the test's own timer.
FOREIGN_THREADS = ("pytest_timeout",)

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if hasattr(os, "geteuid") and os.geteuid() == 0:
    # Chromium refuses to run its sandbox as root; the product never sets this.
    os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of a coroutine test: Qt's where the window is tested."""
    if _room_of(item) in ROOMS_ON_QT:
        return {"qasync": _qt_loop}
    return {"asyncio": asyncio.new_event_loop}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let each coroutine test ask for `no_pending_task` before all its other fixtures, so that it looks after all of them."""
    if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.function):
        item.fixturenames.insert(0, "no_pending_task")


@pytest.fixture
async def no_pending_task() -> AsyncIterator[None]:
    """Fail the test when a task that it or its fixtures started is still pending at the end."""
    before = asyncio.all_tasks()
    yield
    # A task that was cancelled or completed just now needs a turn of the loop to be done.
    await asyncio.sleep(0)
    pending = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task() and not task.done()]
    if pending:
        pytest.fail(
            "tasks still pending at the end: "
            + ", ".join(sorted(task.get_name() + " " + repr(task.get_coro()) for task in pending))
        )


@pytest.fixture(autouse=True)
def no_live_thread() -> Iterator[None]:
    """Fail the test when a thread that it or its fixtures started is still alive at the end."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREADS_END_WITHIN_S
    left = _new_threads(before)
    while left and time.monotonic() < deadline:
        left[0].join(0.05)
        left = _new_threads(before)
    if left:
        pytest.fail("threads still alive at the end: " + ", ".join(sorted(thread.name for thread in left)))


@pytest.fixture(autouse=True)
def no_error_from_asyncio() -> Iterator[None]:
    """Fail the test when asyncio logs an error: an exception that nobody fetched, a pending task destroyed, a callback that raised."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    if records:
        pytest.fail("asyncio complained: " + "; ".join(record.getMessage() for record in records))


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    # A dummy thread stands for one that Qt or another library runs; nobody can join it.
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith(FOREIGN_THREADS)
    ]


def _room_of(item: pytest.Item) -> str:
    parts = item.path.parts
    if "tests" not in parts:
        return ""
    at = len(parts) - 1 - parts[::-1].index("tests")
    return parts[at + 1]


def _qt_loop() -> asyncio.AbstractEventLoop:
    import qasync
    from PySide6.QtWidgets import QApplication

    return qasync.QEventLoop(QApplication.instance() or QApplication(sys.argv[:1]))  # type: ignore[no-any-return]
