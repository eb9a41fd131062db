"""The lookup against the demo world: what is found, what it costs, and how values end (features 8 to 12)."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from app.crm import lookup_query as query
from app.crm.lookup_query import VIA
from app.errors import Offline, SignInRequired, TransientError
from app.events import LookupExpired
from app.model.crm import SectionState
from tests.app.crm.org_data import PRODUCTION
from tests.app.crm.rig import KARL, LEE, MIA, RITA, SAM, Rig


async def test_the_fixture_of_the_first_scenario(rig: Rig) -> None:
    login = await rig.sign_in()
    found = await rig.lookup.people(login.login_id, [KARL, RITA, MIA, LEE, "nobody@nowhere.example"])
    assert [match.person.name for match in found.people] == ["Karl Klein", "Mia Moser", "Lee Long"]
    assert [match.person.object_type for match in found.people] == ["Contact", "Contact", "Lead"]
    assert {match.matched_field for match in found.people} == {"Email"}
    assert found.unknown == (RITA, "nobody@nowhere.example")
    karl, mia, lee = found.people
    assert karl.account is not None
    assert (karl.account.name, karl.account.object_type) == ("Acme GmbH", "Account")
    assert [(o.name, o.fields[VIA]) for o in karl.opportunities.records] == [
        ("Acme 2025", "role"),
        ("Acme renewal", "account"),
    ]
    assert karl.opportunities.records[0].fields["Role"] == "Decision Maker"
    assert [o.fields[VIA] for o in mia.opportunities.records] == ["account", "account"]
    assert karl.cases.state is SectionState.EMPTY
    assert [case.text("CaseNumber") for case in mia.cases.records] == ["00001001"]
    assert [a.name for a in karl.activities.records][:3] == [
        "Call Karl about the delivery dates",
        "Call",
        "Site visit line 4",
    ]
    assert lee.account is None
    assert lee.opportunities.state is SectionState.EMPTY
    assert lee.person.text("Company") == "NewCo Systems Ltd"


async def test_one_call_cold_none_warm_one_for_somebody_new(rig: Rig) -> None:
    login = await rig.sign_in()
    first = await rig.lookup.people(login.login_id, [KARL, MIA])
    assert (first.api_calls, first.from_cache, rig.world.api_calls()) == (1, False, 1)
    second = await rig.lookup.people(login.login_id, [MIA, KARL, KARL.upper()])
    assert (second.api_calls, second.from_cache, rig.world.api_calls()) == (0, True, 1)
    assert [match.address for match in second.people] == [MIA, KARL]
    assert rig.lookup.cached(login.login_id, [KARL]) is not None
    assert rig.lookup.cached(login.login_id, [KARL, LEE]) is None
    third = await rig.lookup.people(login.login_id, [KARL, LEE])
    assert (third.api_calls, rig.world.api_calls()) == (1, 2)
    assert [match.address for match in third.people] == [KARL, LEE]


async def test_who_is_unknown_is_remembered_too(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, ["nobody@nowhere.example"])
    again = await rig.lookup.people(login.login_id, ["nobody@nowhere.example"])
    assert again.unknown == ("nobody@nowhere.example",)
    assert rig.world.api_calls() == 1


async def test_twenty_mails_at_once_cost_one_call(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [f"person{n}@acme.example" for n in range(20)])
    assert rig.world.api_calls() == 1


async def test_ten_looks_at_the_same_time_are_one_call(rig: Rig) -> None:
    login = await rig.sign_in()
    looks = [rig.lookup.people(login.login_id, [KARL, address]) for address in [MIA] * 9 + [LEE]]
    results = await asyncio.gather(*looks)
    assert all(result.people[0].person.name == "Karl Klein" for result in results)
    assert rig.world.api_calls() == 2  # Karl and Mia together; Lee was asked for while they were on their way
    assert sum(result.api_calls for result in results) == 2


async def test_a_look_that_is_given_up_still_fills_ram(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.faults("delay", path_regex="composite", s=0.3)
    look = asyncio.create_task(rig.lookup.people(login.login_id, [KARL]))
    await asyncio.sleep(0.05)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    assert (await rig.lookup.people(login.login_id, [KARL])).people[0].person.name == "Karl Klein"
    assert rig.world.api_calls() == 1


async def test_a_refresh_asks_again_and_keeps_the_old_values_while_it_cannot(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    rig.world.network(salesforce="down")
    try:
        with pytest.raises(TransientError):
            await rig.lookup.people(login.login_id, [KARL], refresh=True)
    finally:
        rig.world.network(salesforce="up")
    assert rig.lookup.cached(login.login_id, [KARL]) is not None
    fresh = await rig.lookup.people(login.login_id, [KARL], refresh=True)
    assert fresh.api_calls == 1


async def test_values_end_after_their_time_and_cannot_be_reached_any_more(rig: Rig) -> None:
    login = await rig.sign_in()
    keeper = asyncio.create_task(rig.lookup.run())
    found = await rig.lookup.people(login.login_id, [KARL])
    person = weakref.ref(found.people[0].person)
    assert person() is not None
    del found
    rig.clock.forward(419.0)
    await asyncio.sleep(0)
    assert rig.lookup.cached(login.login_id, [KARL]) is not None
    rig.events.clear()
    rig.clock.forward(2.0)
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert person() is None
    assert rig.events == [LookupExpired(login.login_id)]
    again = await rig.lookup.people(login.login_id, [KARL])
    assert again.api_calls == 1
    keeper.cancel()
    await asyncio.wait([keeper])


@pytest.mark.parametrize("said", [0.0, 420.0, 100_000.0])
async def test_no_setting_keeps_values_for_less_than_5_or_more_than_10_minutes(rig: Rig, said: float) -> None:
    login = await rig.sign_in()
    rig.lookup._ttl_s = lambda: said
    await rig.lookup.people(login.login_id, [KARL])
    rig.clock.forward(299.0)
    assert rig.lookup.cached(login.login_id, [KARL]) is not None
    rig.clock.forward(302.0)
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_a_laptop_that_slept_has_forgotten(rig: Rig) -> None:
    # The monotonic clock stands still in sleep on some systems; the wall clock has gone on.
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    wall = rig.clock.wall
    rig.clock.wall = lambda: wall() + 3600.0  # type: ignore[method-assign]
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_forgetting_at_sign_out_or_lock(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    rig.events.clear()
    rig.lookup.forget()
    assert rig.lookup.cached(login.login_id, [KARL]) is None
    assert rig.events == [LookupExpired(login.login_id)]


async def test_what_was_under_way_when_all_was_forgotten_is_not_kept(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.faults("delay", path_regex="composite", s=0.3)
    look = asyncio.create_task(rig.lookup.people(login.login_id, [KARL]))
    await asyncio.sleep(0.05)
    rig.lookup.forget(login.login_id)
    with pytest.raises(TransientError) as caught:
        await look
    assert caught.value.code == "lookup_forgotten"
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_a_revoked_sign_in_empties_ram(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    rig.world.revoke_tokens(RITA)
    with pytest.raises(SignInRequired):
        await rig.lookup.people(login.login_id, [MIA])
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_an_expired_session_is_renewed_unseen(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.expire_tokens(RITA)
    found = await rig.lookup.people(login.login_id, [KARL])
    assert found.people[0].person.name == "Karl Klein"


async def test_offline_says_so(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.network(salesforce="down")
    try:
        with pytest.raises(Offline):
            await rig.lookup.people(login.login_id, [KARL])
    finally:
        rig.world.network(salesforce="up")
    assert not rig.connectivity.is_online


@pytest.mark.parametrize("kind", ["html", "not_json", "empty_201"])
async def test_a_page_of_the_network_is_no_answer(rig: Rig, kind: str) -> None:
    login = await rig.sign_in()
    rig.world.faults(kind, path_regex="composite", **({"status": 200} if kind == "html" else {}))
    with pytest.raises(TransientError):
        await rig.lookup.people(login.login_id, [KARL])
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_a_write_of_ones_own_ends_what_it_made_stale(rig: Rig) -> None:
    login = await rig.sign_in()
    found = await rig.lookup.people(login.login_id, [KARL, MIA, LEE])
    opportunity = found.people[0].opportunities.records[0].record_id
    rig.lookup.drop(login.login_id, [opportunity])
    assert rig.lookup.cached(login.login_id, [KARL]) is None
    assert rig.lookup.cached(login.login_id, [MIA]) is None, "the opportunity of her account is on her card too"
    assert rig.lookup.cached(login.login_id, [LEE]) is not None
    rig.lookup.drop(login.login_id, addresses=[LEE])
    assert rig.lookup.cached(login.login_id, [LEE]) is None


async def test_a_hidden_field_is_absent_and_costs_its_discovery_once(rig: Rig) -> None:
    login = await rig.sign_in(SAM)
    found = await rig.lookup.people(login.login_id, [KARL])
    opportunity = found.people[0].opportunities.records[0]
    assert opportunity.name == "Acme 2025"
    assert "Amount" not in opportunity.fields
    assert found.api_calls == rig.world.api_calls() > 1
    rig.world.clear_requests()
    again = await rig.lookup.people(login.login_id, [MIA])
    assert (again.api_calls, rig.world.api_calls()) == (1, 1)
    await rig.stop()
    await rig.start()
    rig.world.clear_requests()
    later = await rig.lookup.people(login.login_id, [KARL])
    assert later.people[0].opportunities.state is SectionState.READY
    assert rig.world.api_calls() == 1, "what the org hides is remembered over a restart"


async def test_an_object_that_the_user_may_not_see_is_denied_and_the_rest_is_there(rig: Rig) -> None:
    login = await rig.sign_in("blind@rita.example")
    found = await rig.lookup.people(login.login_id, [KARL, MIA])
    karl, mia = found.people
    assert karl.account is not None
    assert karl.activities.state is SectionState.READY
    assert karl.opportunities.state is SectionState.DENIED
    assert mia.cases.state is SectionState.DENIED
    rig.world.clear_requests()
    again = await rig.lookup.people(login.login_id, [KARL], refresh=True)
    assert again.people[0].opportunities.state is SectionState.DENIED
    assert rig.world.api_calls() == 1


def test_a_query_that_failed_empties_its_own_section_only() -> None:
    row = {"Id": "003A", "Name": "Karl", "Email": KARL, "AccountId": "001A", "Tasks": None, "Events": None}
    opportunity = {"Id": "006A", "Name": "Acme 2025", "AccountId": "001A"}
    failed = query.Rows(SectionState.FAILED, problem="QUERY_TIMEOUT")
    answers = {
        "contacts": query.Rows(SectionState.READY, (row,)),
        "leads": query.Rows(SectionState.EMPTY),
        "roles": failed,
        "opportunities": query.Rows(SectionState.READY, (opportunity,)),
        "cases": failed,
    }
    (karl,) = query.matches([KARL], answers)[KARL]
    assert (karl.cases.state, karl.cases.problem, karl.cases.records) == (SectionState.FAILED, "QUERY_TIMEOUT", ())
    assert karl.opportunities.state is SectionState.READY
    assert karl.opportunities.problem == "QUERY_TIMEOUT", "what is shown may not be all"
    assert [record.name for record in karl.opportunities.records] == ["Acme 2025"]
    assert karl.activities.state is SectionState.EMPTY
    (nobody,) = query.matches([KARL], answers | {"opportunities": failed})[KARL]
    assert nobody.opportunities.state is SectionState.FAILED


async def test_a_look_that_a_write_overtook_is_not_kept(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.faults("delay", path_regex="composite", s=0.3)
    look = asyncio.create_task(rig.lookup.people(login.login_id, [KARL]))
    await asyncio.sleep(0.05)
    rig.lookup.drop(login.login_id, ["0065e0000000001AAA"])
    assert (await look).people[0].person.name == "Karl Klein"
    assert rig.lookup.cached(login.login_id, [KARL]) is None


async def test_several_records_with_one_address_are_all_shown_in_a_stable_order(rig: Rig) -> None:
    login = await rig.sign_in()
    orders = []
    for _ in range(3):
        found = await rig.lookup.people(login.login_id, ["info@acme.example"], refresh=True)
        orders.append([match.person.record_id for match in found.people])
        assert [match.person.object_type for match in found.people] == ["Contact"] * 3 + ["Lead"]
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.parametrize(
    "address",
    [
        "o'brien@x.example",
        "' OR Name != '@x",
        "a\\@x",
        '"a b"@x',
        "%@x",
        "ü@exämple.de",
        "x@" + "y" * 300,
        "a\x00@x",
        "no address",
        "",
        " ",
    ],
)
async def test_hostile_addresses_find_nobody_and_break_nothing(rig: Rig, address: str) -> None:
    login = await rig.sign_in()
    found = await rig.lookup.people(login.login_id, [address, KARL])
    assert [match.person.name for match in found.people] == ["Karl Klein"]
    assert found.unknown == ((address.strip().lower(),) if address.strip() else ())


async def test_an_address_with_a_quote_is_found(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.insert("Contact", {"LastName": "O'Brien", "Email": "o'brien+tag@x.example"}, org=PRODUCTION)
    found = await rig.lookup.people(login.login_id, ["O'Brien+tag@x.example"])
    assert [match.person.name for match in found.people] == ["O'Brien"]


async def test_only_addresses_are_asked_for_and_nothing_else_leaves(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    (request,) = rig.world.requests()
    assert (request["method"], request["path"].rpartition("/")[2]) == ("POST", "composite")


async def test_a_removed_login_is_forgotten(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    await rig.logins.remove(login.login_id)
    assert rig.lookup.cached(login.login_id, [KARL]) is None
