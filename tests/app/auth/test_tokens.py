"""One refresh at a time, and a new refresh token is on disk before its access token is used (facts page 1.4, 1.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from app.auth.hosts import LoginHost
from app.auth.ports import TokenRefused
from app.auth.tokens import AccessToken, LoginTokens
from app.errors import DiskFull, Offline, SignInRequired, TransientError
from app.model.crm import JsonObject
from tests.app.backends.salesforce.org import ORG, USER, TokenShelf
from tests.servers.clock import MovableClock

HOST = LoginHost("https://login.salesforce.com")


class Desk:
    """A `TokenEndpoint` in memory that rotates: each refresh token works once, and a used one kills the family."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.live = "refresh-1"
        self.number = 1
        self.troubles: list[Exception] = []
        self.change: dict[str, str] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def token(self, host: LoginHost, form: Mapping[str, str]) -> JsonObject:
        assert host == HOST
        self.asked.append(dict(form))
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        if form["refresh_token"] != self.live:
            self.live = ""
            raise TokenRefused("refused", code="invalid_grant", server_text="expired access/refresh token")
        self.number += 1
        self.live = f"refresh-{self.number}"
        answer = {
            "access_token": f"access-{self.number}",
            "refresh_token": self.live,
            "instance_url": "https://acme.my.salesforce.com",
            "id": f"https://login.salesforce.com/id/{ORG}/{USER}",
        }
        return {**answer, **self.change}

    async def revoke(self, host: LoginHost, token: str) -> None:
        raise NotImplementedError

    async def user_info(self, host: LoginHost, instance_url: str, access_token: str) -> JsonObject:
        raise NotImplementedError

    async def close(self) -> None:
        return


def tokens_of(desk: Desk, shelf: TokenShelf, clock: MovableClock | None = None) -> LoginTokens:
    return LoginTokens(
        "crm:1",
        HOST,
        "client",
        org_id=ORG,
        user_id=USER,
        endpoint=desk,
        store=shelf,
        clock=clock or MovableClock(),
    )


async def test_ten_askers_cause_one_refresh() -> None:
    desk, shelf = Desk(), TokenShelf()
    tokens = tokens_of(desk, shelf)
    desk.gate.clear()
    askers = [asyncio.create_task(tokens.access()) for _ in range(10)]
    await asyncio.sleep(0)
    desk.gate.set()
    given = await asyncio.gather(*askers)
    assert {token.value for token in given} == {"access-2"}
    assert len(desk.asked) == 1
    assert desk.asked[0] == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "client"}


async def test_the_rotated_token_is_saved_before_the_access_token_is_given() -> None:
    order: list[str] = []

    class Watched(TokenShelf):
        async def save(self, refresh_token: str, instance_url: str) -> None:
            order.append("save begins")
            await asyncio.sleep(0)
            await super().save(refresh_token, instance_url)
            order.append("saved")

    shelf = Watched()
    tokens = tokens_of(Desk(), shelf)
    await tokens.access()
    order.append("given")
    assert order == ["save begins", "saved", "given"]
    assert shelf.saved == [("refresh-2", "https://acme.my.salesforce.com")]


async def test_an_asker_that_goes_away_does_not_lose_the_new_token() -> None:
    desk, shelf = Desk(), TokenShelf()
    tokens = tokens_of(desk, shelf)
    desk.gate.clear()
    asker = asyncio.create_task(tokens.access())
    await asyncio.sleep(0)
    asker.cancel()
    await asyncio.wait([asker])
    desk.gate.set()
    await tokens.close()
    assert shelf.token == desk.live == "refresh-2"


async def test_the_end_of_the_program_does_not_wait_for_ever() -> None:
    desk, shelf = Desk(), TokenShelf()
    tokens = tokens_of(desk, shelf)
    desk.gate.clear()
    asker = asyncio.create_task(tokens.access())
    await asyncio.sleep(0)
    await tokens.close(wait_s=0.01)
    await asyncio.wait([asker])
    assert asker.cancelled()
    assert shelf.token == "refresh-1"


async def test_a_save_that_fails_is_made_up_for_without_a_second_refresh() -> None:
    class Full(TokenShelf):
        full = True

        async def save(self, refresh_token: str, instance_url: str) -> None:
            if self.full:
                raise DiskFull("the disk is full")
            await super().save(refresh_token, instance_url)

    desk, shelf = Desk(), Full()
    tokens = tokens_of(desk, shelf)
    with pytest.raises(DiskFull):
        await tokens.access()
    shelf.full = False
    assert (await tokens.access()).value == "access-2"
    assert shelf.token == "refresh-2"
    assert len(desk.asked) == 1


async def test_a_stale_token_is_renewed_once_for_all_who_hold_it() -> None:
    desk, shelf = Desk(), TokenShelf()
    tokens = tokens_of(desk, shelf)
    old = await tokens.access()
    new = await asyncio.gather(*(tokens.renew(old) for _ in range(5)))
    assert {token.value for token in new} == {"access-3"}
    assert (await tokens.renew(old)).value == "access-3"
    assert len(desk.asked) == 2


async def test_a_refused_refresh_token_asks_for_a_sign_in_and_is_not_tried_again() -> None:
    desk, shelf = Desk(), TokenShelf("stolen")
    tokens = tokens_of(desk, shelf)
    with pytest.raises(SignInRequired) as caught:
        await tokens.access()
    assert (caught.value.account, caught.value.code) == ("crm:1", "invalid_grant")
    assert shelf.refusals == 1
    with pytest.raises(SignInRequired):
        await tokens.access()
    assert len(desk.asked) == 1


async def test_a_token_that_is_being_processed_is_waited_for() -> None:
    desk, shelf, clock = Desk(), TokenShelf(), MovableClock()
    desk.troubles = [TransientError("busy", code="token_busy"), TransientError("busy", code="token_busy")]
    tokens = tokens_of(desk, shelf, clock)
    asker = asyncio.create_task(tokens.access())
    for _ in range(20):
        await asyncio.sleep(0)
        clock.advance(clock.next_alarm_in or 0.0)
    assert (await asker).value == "access-2"
    assert shelf.refusals == 0
    assert len(desk.asked) == 3


async def test_a_token_that_stays_busy_is_tried_later() -> None:
    desk, clock = Desk(), MovableClock()
    desk.troubles = [TransientError("busy", code="token_busy") for _ in range(9)]
    tokens = tokens_of(desk, TokenShelf(), clock)
    asker = asyncio.create_task(tokens.access())
    for _ in range(50):
        await asyncio.sleep(0)
        clock.advance(clock.next_alarm_in or 0.0)
    with pytest.raises(TransientError):
        await asker
    assert len(desk.asked) == 5


@pytest.mark.parametrize("trouble", [Offline("no network"), TransientError("lost", code="connection_lost")])
async def test_a_network_that_fails_costs_no_sign_in(trouble: Exception) -> None:
    desk, shelf = Desk(), TokenShelf()
    desk.troubles = [trouble]
    tokens = tokens_of(desk, shelf)
    with pytest.raises(type(trouble)):
        await tokens.access()
    assert (await tokens.access()).value == "access-2"
    assert shelf.refusals == 0


@pytest.mark.parametrize(
    "change",
    [
        {"instance_url": "https://x.salesforce.com.evil.tld"},
        {"instance_url": "http://acme.my.salesforce.com"},
        {"access_token": ""},
        {"id": f"https://login.salesforce.com/id/{ORG}/0055e000000OTHEAA4"},
        {"id": f"https://login.salesforce.com/id/00D5e000000OTHEAA4/{USER}"},
    ],
)
async def test_a_wrong_answer_is_not_used_and_refuses_no_operation(change: dict[str, str]) -> None:
    desk, shelf = Desk(), TokenShelf()
    desk.change = change
    tokens = tokens_of(desk, shelf)
    with pytest.raises(TransientError):
        await tokens.access()
    assert shelf.saved == []


async def test_an_instance_that_moves_is_followed_and_kept() -> None:
    desk, shelf = Desk(), TokenShelf()
    tokens = tokens_of(desk, shelf)
    old = await tokens.access()
    desk.change = {"instance_url": "https://acme2.my.salesforce.com"}
    new = await tokens.renew(old)
    assert new.instance_url == "https://acme2.my.salesforce.com"
    assert shelf.saved[-1] == ("refresh-3", "https://acme2.my.salesforce.com")


async def test_a_sign_in_replaces_what_was_there() -> None:
    desk = Desk()
    tokens = tokens_of(desk, TokenShelf())
    tokens.adopt(AccessToken("fresh", "https://acme.my.salesforce.com"))
    assert (await tokens.access()).value == "fresh"
    assert desk.asked == []
    tokens.forget()
    assert (await tokens.access()).value == "access-2"


def test_a_token_does_not_show_itself() -> None:
    shown: Callable[[object], str] = repr
    assert "secret" not in shown(AccessToken("secret", "https://acme.my.salesforce.com"))
