"""From slot to task."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import Offline
from ui.dispatch import Dispatcher
from ui.text import Words


async def test_the_latest_of_a_slot_wins() -> None:
    seen: list[str] = []
    gate = asyncio.Event()

    async def work(name: str) -> None:
        await gate.wait()
        seen.append(name)

    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        for name in ("first", "second", "third"):
            dispatcher.start(work(name), slot="selection")
        dispatcher.start(work("other"), slot="another slot")
        await asyncio.sleep(0)
        gate.set()
    assert sorted(seen) == ["other", "third"]


async def test_an_error_becomes_words_and_hurts_no_sibling() -> None:
    told: list[Words] = []
    finished: list[bool] = []

    async def fails() -> None:
        raise Offline("no route to host 10.0.0.1")

    async def goes_on() -> None:
        await asyncio.sleep(0.01)
        finished.append(True)

    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        dispatcher.failed.connect(told.append)
        dispatcher.start(goes_on())
        dispatcher.start(fails())
    assert finished == [True]
    assert [words.title for words in told] == ["The server cannot be reached."]
    assert "10.0.0.1" not in told[0].sentence


async def test_an_error_that_the_feature_takes_is_not_told_twice() -> None:
    told: list[Words] = []
    taken: list[BaseException] = []

    async def fails() -> None:
        raise Offline("x")

    def take(error: BaseException, _words: Words) -> bool:
        taken.append(error)
        return True

    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        dispatcher.failed.connect(told.append)
        dispatcher.start(fails(), on_error=take)
    assert len(taken) == 1
    assert told == []


async def test_a_bug_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    mail = "Subject: the pay of Karl"

    async def fails() -> None:
        raise ValueError(mail)

    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        dispatcher.start(fails())
    assert "ValueError" in caplog.text
    assert "the pay" not in caplog.text


async def test_closing_cancels_all_and_starts_nothing_more() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        dispatcher.start(waits())
        await asyncio.sleep(0)
        dispatcher.close()
        dispatcher.start(waits())
    assert ended == ["cancelled"]
