"""Queued work and its owner, at the core: sign-out and sign-in in between, and another user in the same program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from app.bootstrap import Services, open_app
from app.concurrency import BlockingWorker
from app.model.operation import Operation, OperationState
from app.paths import Profile
from tests.end2end.person import WITHIN_S, Person, add_accounts
from tests.end2end.plot import RITA, counted, deliver, plot_for
from tests.servers.demo import DemoWorld, running_demo
from tests.servers.secrets_in_memory import InMemorySecretStore

SAM = "sam@rita.example"


class ScriptedBrowser:
    """Signs in by the pages of the demo world as whoever ``user`` names."""

    def __init__(self, world: DemoWorld) -> None:
        self._world = world
        self.user = RITA

    async def open(self, url: str) -> None:
        login = self._world.login(self.user)
        worker = BlockingWorker("browser")
        try:
            await worker.run(self._world.approve, url, login.user, login.password)
        finally:
            await worker.close()


@pytest.fixture(scope="module")
def world() -> Iterator[DemoWorld]:
    with running_demo() as running:
        yield running


@pytest.fixture
def browser(world: DemoWorld) -> ScriptedBrowser:
    world.reset()
    return ScriptedBrowser(world)


@pytest.fixture
async def services(tmp_path: Path, world: DemoWorld, browser: ScriptedBrowser) -> AsyncIterator[Services]:
    async with open_app(Profile(tmp_path / "profile"), secrets=InMemorySecretStore(), browser=browser) as opened:
        await add_accounts(opened, world)
        yield opened


async def _silent(_step: str) -> None:
    return


async def _offline_wishes(services: Services, world: DemoWorld, person: Person) -> None:
    """The whole story but its last step."""

    async def stop_before_online(step: str) -> None:
        if step == "logged to the new contact":
            raise asyncio.CancelledError

    deliver(world, person.plot)
    person.say = stop_before_online
    with pytest.raises(asyncio.CancelledError):
        await person.live_the_story()
    person.say = _silent
    assert services.connectivity.work_offline


async def _until(services: Services, condition: Callable[[list[Operation]], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition(await services.outbox.list()):
            await asyncio.sleep(0.05)


def _is_orphaned(operations: list[Operation]) -> bool:
    # The one that waits for the new contact never had its turn.
    codes = [each.error_code for each in operations if each.account.startswith("crm") and not each.waits_for]
    return len(codes) == 3 and set(codes) == {"account_removed"}


async def test_signed_out_and_in_again_the_same_user_finds_the_work_done(services: Services, world: DemoWorld) -> None:
    person = Person(services, plot_for(world, "again"), _silent)
    await _offline_wishes(services, world, person)
    login = (await services.accounts.crm.list())[0]
    await services.accounts.crm.remove(login.login_id)
    services.connectivity.set_work_offline(False)
    await _until(services, _is_orphaned)
    await services.sign_in.sign_in(world.salesforce, world.login(RITA).client_id, is_demo=True)
    await _until(services, lambda operations: not operations)
    assert {each.state for each in await services.outbox.list(include_closed=True)} == {OperationState.DONE}
    assert set(counted(world, person.plot).values()) == {1}


async def test_nothing_of_one_user_is_sent_by_another(
    services: Services, world: DemoWorld, browser: ScriptedBrowser
) -> None:
    person = Person(services, plot_for(world, "other"), _silent)
    await _offline_wishes(services, world, person)
    login = (await services.accounts.crm.list())[0]
    await services.accounts.crm.remove(login.login_id)
    browser.user = SAM
    await services.sign_in.sign_in(world.salesforce, world.login(SAM).client_id, is_demo=True)
    world.clear_requests()
    services.connectivity.set_work_offline(False)
    await _until(services, _is_orphaned)
    written = [one for one in world.requests() if one["method"] == "POST" and "sobjects" in one["path"]]
    assert written == []
    assert counted(world, person.plot)["known mail logged"] == 0
