"""Signing in through a (scripted) browser, staying signed in, signing out; what dies between a refresh and its save."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from app.auth.loopback import SignInCancelled
from app.errors import NotSupported, Offline, RecordNotFound, SignInRequired, ValidationFailed
from app.events import SignedIn
from app.events import SignInRequired as SignInRequiredEvent
from app.model.operation import OperationState
from app.store import accounts
from tests.app.crm.org_data import PRODUCTION, SANDBOX
from tests.app.crm.rig import ANA, KARL, RITA, SAM, DemoBrowser, Rig
from tests.servers.sudden_death import DEATH

CLIENT = "3MVG9demo.outrigger.desktop"


async def refresh_token(rig: Rig, login_id: int) -> str:
    return await rig.database.read(lambda reader: accounts.refresh_token(reader, login_id))


async def test_a_user_signs_in_by_the_browser(rig: Rig) -> None:
    browser = DemoBrowser(rig.world, RITA)
    login = await rig.sign_in_by(browser).sign_in(rig.world.salesforce, CLIENT, is_demo=True)
    await browser.closed()
    assert (login.username, login.display_name, login.org_id) == (RITA, "Rita Rep", PRODUCTION)
    assert (login.org_name, login.is_sandbox, login.needs_sign_in) == ("Rita Instruments", False, False)
    assert login.instance_url == rig.world.salesforce
    assert await rig.logins.list() == [login]
    assert rig.events == [SignedIn("crm:1")]
    query = parse_qs(urlsplit(browser.opened[0]).query)
    assert query["scope"] == ["id api refresh_token"]
    assert query["code_challenge_method"] == ["S256"]
    exchange = next(one for one in rig.world.requests() if one["path"] == "/services/oauth2/token")
    assert exchange["status"] == 200
    assert "client_secret" not in str(exchange)
    found = await rig.lookup.people(login.login_id, [KARL])
    assert found.people[0].person.name == "Karl Klein"


async def test_a_sandbox_is_known_as_one(rig: Rig) -> None:
    browser = DemoBrowser(rig.world, "rita@sandbox.example")
    login = await rig.sign_in_by(browser).sign_in(rig.world.salesforce, CLIENT, is_demo=True)
    await browser.closed()
    assert (login.org_id, login.org_name, login.is_sandbox) == (SANDBOX, "Rita Instruments Test", True)


async def test_over_tls_with_the_authority_of_the_demo_world(rig: Rig) -> None:
    browser = DemoBrowser(rig.world, RITA)
    # A browser of a test knows no authority of ours either, so that only the pages go over http.
    browser.rewrite = (rig.world.salesforce_tls, rig.world.salesforce)
    login = await rig.sign_in_by(browser).sign_in(
        rig.world.salesforce_tls, CLIENT, ca_file=rig.world.ca_file, is_demo=True
    )
    await browser.closed()
    assert login.login_url == rig.world.salesforce_tls
    assert login.ca_file == rig.world.ca_file


async def test_a_user_who_says_no_is_not_signed_in(rig: Rig) -> None:
    browser = DemoBrowser(rig.world, RITA, deny=True)
    with pytest.raises(SignInCancelled) as caught:
        await rig.sign_in_by(browser).sign_in(rig.world.salesforce, CLIENT, is_demo=True)
    await browser.closed()
    assert caught.value.code == "access_denied"
    assert await rig.logins.list() == []


async def test_a_user_gives_up_in_the_program(rig: Rig) -> None:
    class NoBrowser:
        async def open(self, url: str) -> None:
            cancel.set()

    cancel = asyncio.Event()
    with pytest.raises(SignInCancelled):
        await rig.sign_in_by(NoBrowser()).sign_in(rig.world.salesforce, CLIENT, is_demo=True, cancel=cancel)


@pytest.mark.parametrize(
    ("url", "client", "code"),
    [
        ("http://login.salesforce.com", CLIENT, "login_address"),
        ("https://login.salesforce.com/?x", CLIENT, "login_address"),
        ("https://login.salesforce.com", "", "client_id"),
        ("https://login.salesforce.com", "two words", "client_id"),
    ],
)
async def test_what_a_person_can_type_wrong(rig: Rig, url: str, client: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await rig.sign_in_by(DemoBrowser(rig.world, RITA)).sign_in(url, client)
    assert caught.value.code == code


async def test_a_real_login_brings_no_authority_of_its_own(rig: Rig) -> None:
    with pytest.raises(ValidationFailed):
        await rig.sign_in_by(DemoBrowser(rig.world, RITA)).sign_in(
            "https://login.salesforce.com", CLIENT, ca_file=rig.world.ca_file
        )


async def test_the_same_user_again_keeps_the_number(rig: Rig) -> None:
    first = await rig.sign_in()
    old = await refresh_token(rig, first.login_id)
    browser = DemoBrowser(rig.world, RITA)
    again = await rig.sign_in_by(browser).sign_in_again(first.login_id)
    await browser.closed()
    assert again.login_id == first.login_id
    assert len(await rig.logins.list()) == 1
    assert await refresh_token(rig, first.login_id) not in ("", old)


async def test_another_user_is_not_taken_for_the_same(rig: Rig) -> None:
    login = await rig.sign_in()
    old = await refresh_token(rig, login.login_id)
    browser = DemoBrowser(rig.world, ANA)
    with pytest.raises(ValidationFailed) as caught:
        await rig.sign_in_by(browser).sign_in_again(login.login_id)
    await browser.closed()
    assert caught.value.code == "other_user"
    assert await refresh_token(rig, login.login_id) == old
    revoked = [one for one in rig.world.requests() if one["path"] == "/services/oauth2/revoke"]
    assert [one["status"] for one in revoked] == [200]


async def test_an_app_that_grants_no_staying_is_refused(rig: Rig) -> None:
    answer = {
        "access_token": "x",
        "instance_url": rig.world.salesforce,
        "id": f"{rig.world.salesforce}/id/{PRODUCTION}/0055e000000RITAEA4",
    }
    rig.world.faults("error", where="oauth", path_regex="/oauth2/token$", status=200, body=answer)
    browser = DemoBrowser(rig.world, RITA)
    with pytest.raises(NotSupported) as caught:
        await rig.sign_in_by(browser).sign_in(rig.world.salesforce, CLIENT, is_demo=True)
    await browser.closed()
    assert caught.value.code == "no_refresh_token"
    assert await rig.logins.list() == []


async def test_signed_in_after_a_restart_without_a_browser(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.stop()
    await rig.start()
    found = await rig.lookup.people(login.login_id, [KARL])
    assert found.people[0].person.name == "Karl Klein"


async def test_rotation_is_followed_over_expiry_and_restart(rig: Rig) -> None:
    rig.world.rotate_tokens(RITA)
    login = await rig.sign_in()
    seen = {await refresh_token(rig, login.login_id)}
    for _ in range(3):
        rig.world.expire_tokens(RITA)
        await rig.lookup.people(login.login_id, [KARL], refresh=True)
        seen.add(await refresh_token(rig, login.login_id))
        await rig.stop()
        await rig.start()
        await rig.lookup.people(login.login_id, [KARL])
        seen.add(await refresh_token(rig, login.login_id))
    assert len(seen) == 7, "each refresh brought a new token, and each was saved"
    assert not (await rig.logins.login(login.login_id)).needs_sign_in


def renew_and_die(rig: Rig, *, before_the_save: bool) -> None:
    """Run a program on the rig's file that renews its token and is killed at the save."""
    told = {
        "path": str(rig.path),
        "key_hex": rig.key.key_hex,
        "database_id": rig.key.database_id,
        "generation": rig.key.generation,
        "before": before_the_save,
    }
    command = [sys.executable, "-m", "tests.app.crm.dying_renewal"]
    ended = subprocess.run(command, input=json.dumps(told), text=True, timeout=60, check=False)
    assert ended.returncode == DEATH


async def test_killed_before_the_new_token_is_saved_one_sign_in_is_asked_for_and_nothing_lost(rig: Rig) -> None:
    rig.world.rotate_tokens(RITA)
    login = await rig.sign_in()
    person = {"LastName": "Neu", "Email": "neu@x.example"}
    operation = await rig.actions.create_person(login.login_id, "Contact", person)
    await rig.stop()
    renew_and_die(rig, before_the_save=True)
    await rig.start()
    rig.events.clear()
    rig.world.clear_requests()
    for _ in range(3):
        with pytest.raises(SignInRequired):
            await rig.lookup.people(login.login_id, [KARL])
    await rig.replayer.run_once()
    assert (await rig.logins.login(login.login_id)).needs_sign_in
    assert SignInRequiredEvent("crm:1") in rig.events
    tries = [one for one in rig.world.requests() if one["path"] == "/services/oauth2/token"]
    assert [one["status"] for one in tries] == [400], "a dead token is tried once"
    assert (await rig.operation(operation)).state.is_open
    browser = DemoBrowser(rig.world, RITA)
    await rig.sign_in_by(browser).sign_in_again(login.login_id)
    await browser.closed()
    await rig.drain()
    assert len(rig.soql("SELECT Id FROM Contact WHERE Email = 'neu@x.example'")) == 1


async def test_killed_after_the_save_nobody_notices(rig: Rig) -> None:
    rig.world.rotate_tokens(RITA)
    login = await rig.sign_in()
    old = await refresh_token(rig, login.login_id)
    await rig.stop()
    renew_and_die(rig, before_the_save=False)
    await rig.start()
    assert await refresh_token(rig, login.login_id) != old
    found = await rig.lookup.people(login.login_id, [KARL])
    assert found.people[0].person.name == "Karl Klein"
    assert not (await rig.logins.login(login.login_id)).needs_sign_in


async def test_leaving_revokes_and_forgets(rig: Rig) -> None:
    login = await rig.sign_in()
    token = await refresh_token(rig, login.login_id)
    await rig.logins.remove(login.login_id)
    assert await rig.logins.list() == []
    with pytest.raises(RecordNotFound):
        await rig.logins.gateway(login.login_id)
    (revoked,) = [one for one in rig.world.requests() if one["path"] == "/services/oauth2/revoke"]
    assert (revoked["method"], revoked["status"]) == ("POST", 200)
    assert token


async def test_leaving_offline_removes_nothing_unless_told_so(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.network(salesforce="down")
    try:
        with pytest.raises(Offline):
            await rig.logins.remove(login.login_id)
        assert len(await rig.logins.list()) == 1
        await rig.logins.remove(login.login_id, even_if_not_revoked=True)
    finally:
        rig.world.network(salesforce="up")
    assert await rig.logins.list() == []


async def test_what_waited_goes_on_when_the_same_user_comes_back(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.network(salesforce="down")
    operation_id = await rig.actions.create_person(
        login.login_id, "Contact", {"LastName": "Back", "Email": "back@nova.example"}
    )
    await rig.logins.remove(login.login_id, even_if_not_revoked=True)
    rig.world.network(salesforce="up")
    await rig.drain()
    assert (await rig.operation(operation_id)).state is OperationState.PAUSED
    other = await rig.sign_in(SAM)
    await rig.drain()
    assert (await rig.operation(operation_id)).account != f"crm:{other.login_id}"
    again = await rig.sign_in()
    assert again.login_id != login.login_id
    await rig.drain()
    assert (await rig.operation(operation_id)).state is OperationState.DONE
    assert len(rig.soql("SELECT Id FROM Contact WHERE LastName = 'Back'")) == 1
