"""Describes: asked for once, kept by validator, offline from the store, without record values."""

from __future__ import annotations

import asyncio

import pytest

from app.errors import NotSupported, Offline
from tests.app.crm.org_data import PLAIN
from tests.app.crm.rig import SAM, Rig


async def test_a_describe_is_asked_for_once_and_kept_over_a_restart(rig: Rig) -> None:
    login = await rig.sign_in()
    contact = await rig.schema.describe(login.login_id, "Contact")
    assert contact.is_createable
    last_name = contact.field("LastName")
    assert last_name is not None
    assert (last_name.is_required, last_name.length, last_name.type) == (True, 80, "string")
    email = contact.field("Email")
    assert email is not None
    assert email.type == "email"
    assert contact.field("Nothing__c") is None
    await rig.schema.describe(login.login_id, "Contact")
    await rig.stop()
    await rig.start()
    assert await rig.schema.describe(login.login_id, "Contact") == contact
    assert rig.world.api_calls() == 1


async def test_after_a_day_it_is_asked_for_by_its_validator(rig: Rig) -> None:
    login = await rig.sign_in()
    before = await rig.schema.describe(login.login_id, "Contact")
    rig.clock.forward(86_401)
    assert await rig.schema.describe(login.login_id, "Contact") == before
    assert [one["status"] for one in rig.world.requests() if "describe" in one["path"]] == [200, 304]
    await rig.schema.describe(login.login_id, "Contact")
    assert rig.world.api_calls() == 2


async def test_offline_the_last_one_serves_on(rig: Rig) -> None:
    login = await rig.sign_in()
    before = await rig.schema.describe(login.login_id, "Contact")
    rig.clock.forward(3 * 86_400)
    rig.world.network(salesforce="down")
    try:
        assert await rig.schema.describe(login.login_id, "Contact") == before
        with pytest.raises(Offline):
            await rig.schema.describe(login.login_id, "Lead")
        assert await rig.schema.has_enhanced_email(login.login_id)
    finally:
        rig.world.network(salesforce="up")


async def test_an_object_that_is_not_there_is_remembered_as_such(rig: Rig) -> None:
    login = await rig.sign_in("rita@plain.example")
    assert login.org_id == PLAIN
    for _ in range(3):
        assert not await rig.schema.has_enhanced_email(login.login_id)
        with pytest.raises(NotSupported):
            await rig.schema.describe(login.login_id, "EmailMessage")
    assert rig.world.api_calls() == 0, "asked once, at the sign-in"


async def test_a_hidden_field_is_absent(rig: Rig) -> None:
    login = await rig.sign_in(SAM)
    opportunity = await rig.schema.describe(login.login_id, "Opportunity")
    assert opportunity.field("Amount") is None
    assert not rig.schema.is_visible(login.login_id, "Opportunity", "Amount")
    assert rig.schema.is_visible(login.login_id, "Opportunity", "Name")
    assert rig.schema.is_visible(login.login_id, "Case", "Anything"), "nothing speaks against it yet"


async def test_a_page_of_the_network_is_not_kept_as_an_answer(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.faults("html", path_regex="describe", status=404)
    with pytest.raises(Offline):
        await rig.schema.describe(login.login_id, "Case")
    assert (await rig.schema.describe(login.login_id, "Case")).name == "Case"


async def test_what_ten_ask_at_once_is_asked_once(rig: Rig) -> None:
    login = await rig.sign_in()
    await asyncio.gather(*(rig.schema.describe(login.login_id, "Lead") for _ in range(10)))
    assert rig.world.api_calls() == 1
