"""Online and offline, observed or chosen, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from app.connectivity import PROBE_MOST_S, Connectivity
from app.errors import Offline, RateLimited, SignInRequired
from app.events import AccountReachable, ConnectivityChanged, Event, EventBus
from tests.servers.clock import MovableClock


class Watch:
    def __init__(self) -> None:
        self.clock = MovableClock()
        bus = EventBus()
        self.heard: list[Event] = []
        bus.subscribe(ConnectivityChanged, self.heard.append)
        bus.subscribe(AccountReachable, self.heard.append)
        self.connectivity = Connectivity(bus, self.clock)
        self.probed: list[str] = []

    def probe(self, account: str, *answers: Exception | None) -> None:
        left = list(answers)

        async def ask() -> None:
            self.probed.append(account)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is not None:
                raise answer

        self.connectivity.register_probe(account, ask)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.connectivity.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    async def next_probe(self) -> None:
        """Let time pass until one more question was asked."""
        before = len(self.probed)
        await self.until(lambda: self.clock.next_alarm_in is not None)
        self.clock.advance(PROBE_MOST_S)
        await self.until(lambda: len(self.probed) > before)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_online_until_told_otherwise(watch: Watch) -> None:
    assert watch.connectivity.is_online
    assert watch.connectivity.can_reach("crm:1")
    watch.connectivity.report(True, "crm:1")
    assert watch.heard == []


def test_one_server_down_is_not_offline(watch: Watch) -> None:
    watch.probe("crm:1", None)
    watch.connectivity.report(True, "mail:1")
    watch.connectivity.report(False, "crm:1")
    watch.connectivity.report(False, "crm:1")
    assert watch.heard == [AccountReachable("crm:1", False)]
    assert watch.connectivity.is_online
    assert not watch.connectivity.can_reach("crm:1")
    watch.connectivity.report(False, "mail:1")
    assert not watch.connectivity.is_online
    watch.connectivity.report(True, "mail:1")
    assert watch.heard[-2:] == [AccountReachable("mail:1", True), ConnectivityChanged(True, False)]


def test_an_account_without_a_probe_may_always_be_tried(watch: Watch) -> None:
    watch.connectivity.report(False, "crm:1")
    assert watch.connectivity.can_reach("crm:1")
    watch.connectivity.set_work_offline(True)
    assert not watch.connectivity.can_reach("crm:1")


def test_chosen_offline_says_so_and_is_told_apart(watch: Watch) -> None:
    watch.connectivity.set_work_offline(True)
    watch.connectivity.set_work_offline(True)
    assert (watch.connectivity.is_online, watch.connectivity.work_offline) == (False, True)
    watch.connectivity.report(False, "mail:1")
    watch.connectivity.set_work_offline(False)
    assert watch.connectivity.is_online, "what was refused meanwhile says nothing of the server"
    watch.connectivity.report(False, "crm:1")
    assert [event for event in watch.heard if isinstance(event, ConnectivityChanged)] == [
        ConnectivityChanged(False, True),
        ConnectivityChanged(True, False),
        ConnectivityChanged(False, False),
    ]


def test_a_removed_account_no_longer_counts(watch: Watch) -> None:
    watch.connectivity.report(False, "crm:1")
    assert not watch.connectivity.is_online
    watch.connectivity.forget("crm:1")
    assert watch.connectivity.is_online


async def test_what_is_out_of_reach_is_probed_until_it_answers(watch: Watch) -> None:
    watch.probe("crm:1", Offline("no route"), OSError("net down"), RateLimited("pause"), None)
    async with watch.running():
        watch.connectivity.report(False, "crm:1")
        for _ in range(4):
            await watch.next_probe()
        await watch.until(lambda: watch.connectivity.is_online)
    assert watch.probed == ["crm:1"] * 4
    assert watch.heard[-1] == ConnectivityChanged(True, False)


async def test_a_refusal_is_an_answer(watch: Watch) -> None:
    watch.probe("crm:1", SignInRequired("revoked", account="crm:1"))
    async with watch.running():
        watch.connectivity.report(False, "crm:1")
        await watch.next_probe()
        await watch.until(lambda: watch.connectivity.is_online)


async def test_a_probe_with_a_bug_does_not_end_the_others(watch: Watch) -> None:
    watch.probe("crm:1", ValueError("bug"))
    watch.probe("mail:1", Offline("x"), None)
    async with watch.running():
        watch.connectivity.report(False, "crm:1")
        watch.connectivity.report(False, "mail:1")
        for _ in range(4):
            await watch.next_probe()
        await watch.until(lambda: watch.connectivity.can_reach("mail:1"))
    assert not watch.connectivity.can_reach("crm:1")


async def test_nothing_is_asked_while_working_offline_and_asking_goes_on_after(watch: Watch) -> None:
    watch.probe("crm:1", Offline("x"), None)
    async with watch.running():
        watch.connectivity.report(False, "crm:1")
        await watch.until(lambda: watch.clock.next_alarm_in is not None)
        watch.connectivity.set_work_offline(True)
        watch.clock.advance(10 * PROBE_MOST_S)
        for _ in range(20):
            await asyncio.sleep(0)
        assert watch.probed == []
        watch.connectivity.set_work_offline(False)
        await watch.next_probe()
        await watch.next_probe()
        await watch.until(lambda: watch.connectivity.is_online)


async def test_flapping_asks_with_one_question_at_a_time(watch: Watch) -> None:
    watch.probe("crm:1", Offline("x"))
    async with watch.running():
        for _ in range(50):
            watch.connectivity.report(False, "crm:1")
            await asyncio.sleep(0)
            watch.connectivity.report(True, "crm:1")
            await asyncio.sleep(0)
        watch.connectivity.report(False, "crm:1")
        await watch.next_probe()
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(watch.probed) <= 2
