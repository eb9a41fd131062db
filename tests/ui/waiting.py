"""Waiting for what the screen does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtWidgets import QApplication

PATIENCE_S = 20.0


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Let Qt and the tasks run until the condition holds; AssertionError when it never does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while not condition():
        assert loop.time() < deadline, f"waited in vain: {what or condition}"
        await asyncio.sleep(0.01)


async def turns(number: int = 5) -> None:
    """Let whatever is due now happen."""
    for _ in range(number):
        await asyncio.sleep(0)
        QApplication.sendPostedEvents()
