"""Creating a Contact or Lead: once, never over a duplicate rule, with the stand-in replaced (features 30, 34, 35)."""

from __future__ import annotations

import pytest

from app.crm.targets import PersonTarget
from app.errors import ValidationFailed
from app.model.ids import local_record_id
from app.model.mail import Address, MessageContent
from app.model.operation import OperationState
from app.store import crm as store
from tests.app.crm.rig import KARL, Rig, mail
from tests.app.crm.test_log import LOST

NIK = {"FirstName": "Nik", "LastName": "Neu", "Email": "Nik@Nova.example"}


def people(rig: Rig, object_type: str = "Contact", email: str = "nik@nova.example") -> list[dict]:
    return rig.soql(f"SELECT Id, Name, Email, CreatedById FROM {object_type} WHERE Email = '{email}'")


async def test_a_contact_is_made_with_exactly_the_fields_given(rig: Rig) -> None:
    login = await rig.sign_in()
    operation_id = await rig.actions.create_person(login.login_id, "Contact", NIK | {"Title": "  CTO  ", "Phone": " "})
    stand_in = local_record_id(operation_id)
    assert [(t.record_id, t.name) for t in await rig.actions.targets(login.login_id)] == [(stand_in, "Nik Neu")]
    await rig.drain()
    (row,) = rig.soql("SELECT Id, Name, Email, Title, Phone FROM Contact WHERE LastName = 'Neu'")
    assert (row["Name"], row["Email"], row["Title"], row["Phone"]) == ("Nik Neu", "nik@nova.example", "CTO", None)
    assert rig.world.api_calls() == 1
    assert [(t.record_id, t.name) for t in await rig.actions.targets(login.login_id)] == [(row["Id"], "Nik Neu")]
    assert (await rig.operation(operation_id)).result == {
        "record_id": row["Id"],
        "object_type": "Contact",
        "name": "Nik Neu",
    }


async def test_a_lead(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.actions.create_person(login.login_id, "Lead", NIK | {"Company": "Nova"})
    await rig.drain()
    assert len(people(rig, "Lead")) == 1


@pytest.mark.parametrize("kind", LOST)
async def test_a_lost_answer_makes_no_second_person(rig: Rig, kind: str) -> None:
    login = await rig.sign_in()
    arguments = {"late_commit": {"after_s": 300}, "cut_after": {"bytes": 40}, "html": {"status": 200}}.get(kind, {})
    rig.world.faults(kind, method="POST", path_regex="sobjects/Contact$", times=2, **arguments)
    operation_id = await rig.actions.create_person(login.login_id, "Contact", NIK)
    await rig.drain()
    rig.forward(900)
    (row,) = people(rig)
    assert (await rig.operation(operation_id)).result["record_id"] == row["Id"]


async def test_a_duplicate_is_shown_and_never_forced(rig: Rig) -> None:
    login = await rig.sign_in()
    operation_id = await rig.actions.create_person(login.login_id, "Contact", {"LastName": "Klein", "Email": KARL})
    await rig.drain()
    failed = await rig.operation(operation_id)
    assert (failed.state, failed.error_code) == (OperationState.FAILED, "duplicate_found")
    assert len(people(rig, email=KARL)) == 1
    karl = rig.target("Contact", "Karl Klein")
    (match,) = failed.result["matches"]
    assert (match["object_type"], match["record_id"]) == ("Contact", karl.record_id)
    assert failed.result["can_save_anyway"] is True
    request = next(one for one in rig.world.requests() if one["path"].endswith("sobjects/Contact"))
    assert request["status"] == 400


async def test_a_duplicate_that_is_our_own_lost_write_is_a_success(rig: Rig) -> None:
    login = await rig.sign_in()
    # The first attempt is committed without an answer, and the probe after it cannot see the record yet.
    rig.world.faults("commit_and_drop", method="POST", path_regex="sobjects/Contact$")
    nothing = {"totalSize": 0, "done": True, "records": []}
    rig.world.faults("error", method="GET", path_regex="CreatedById", status=200, body=nothing, times=2)
    operation_id = await rig.actions.create_person(login.login_id, "Contact", NIK)
    await rig.drain()
    (row,) = people(rig)
    done = await rig.operation(operation_id)
    assert (done.state, done.result["record_id"]) == (OperationState.DONE, row["Id"])
    creates = [one for one in rig.world.requests() if one["path"].endswith("sobjects/Contact")]
    assert [one["status"] for one in creates][-1] == 400, "the second attempt met the duplicate rule"


async def test_two_creates_of_one_person_end_as_one_and_a_refusal(rig: Rig) -> None:
    login = await rig.sign_in()
    operations = [await rig.actions.create_person(login.login_id, "Contact", NIK) for _ in range(2)]
    await rig.drain()
    assert len(people(rig)) == 1
    states = [(await rig.operation(operation)).state for operation in operations]
    assert states == [OperationState.DONE, OperationState.FAILED]


async def test_a_refused_create_keeps_its_dependants_waiting_and_can_be_given_up_with_them(rig: Rig) -> None:
    login = await rig.sign_in()
    operation_id = await rig.actions.create_person(login.login_id, "Contact", {"LastName": "Klein", "Email": KARL})
    person = PersonTarget(local_record_id(operation_id), "Contact", "Klein", KARL)
    log = await rig.actions.log_message(login.login_id, rig.box.put(mail()), people=[person])
    await rig.drain()
    waiting = await rig.operation(log)
    assert (waiting.state, waiting.waits_for) == (OperationState.PENDING, (operation_id,))
    assert [t.record_id for t in await rig.actions.targets(login.login_id)] == [person.record_id]
    await rig.outbox.discard(operation_id, with_dependants=True)
    assert await rig.actions.targets(login.login_id) == []
    assert rig.soql("SELECT Id FROM EmailMessage") == []


async def test_missing_and_long_fields_are_named_before_anything_is_queued(rig: Rig) -> None:
    login = await rig.sign_in()
    for object_type, fields, missing in (
        ("Contact", {"Email": "x@x.example"}, ["LastName"]),
        ("Lead", {"LastName": "X"}, ["Company"]),
        ("Lead", {"LastName": " ", "Company": "X"}, ["LastName"]),
    ):
        with pytest.raises(ValidationFailed) as caught:
            await rig.actions.create_person(login.login_id, object_type, fields)
        assert list(caught.value.fields) == missing
    with pytest.raises(ValidationFailed):
        await rig.actions.create_person(login.login_id, "Account", {"Name": "X"})
    await rig.schema.describe(login.login_id, "Contact")
    with pytest.raises(ValidationFailed) as caught:
        await rig.actions.create_person(login.login_id, "Contact", {"LastName": "x" * 200})
    assert list(caught.value.fields) == ["LastName"]
    assert await rig.outbox.list() == []


async def test_the_server_names_the_field_it_refuses(rig: Rig) -> None:
    login = await rig.sign_in()
    operation_id = await rig.actions.create_person(
        login.login_id, "Contact", {"LastName": "Neu", "Email": "no address"}
    )
    await rig.drain()
    failed = await rig.operation(operation_id)
    assert (failed.state, failed.error_fields) == (OperationState.FAILED, ("Email",))


async def test_everything_works_offline_and_arrives_later(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.world.network(salesforce="down")
    operation_id = await rig.actions.create_person(login.login_id, "Contact", NIK)
    await rig.replayer.run_once()
    assert (await rig.operation(operation_id)).state.is_open
    await rig.stop()
    rig.world.network(salesforce="up")
    await rig.start()
    await rig.drain()
    assert len(people(rig)) == 1


async def test_the_ledger_tells_what_left(rig: Rig) -> None:
    login = await rig.sign_in()
    operation_id = await rig.actions.create_person(login.login_id, "Contact", NIK)
    await rig.drain()
    (entry,) = await rig.database.read(store.ledger)
    (row,) = people(rig)
    assert (entry.verb, entry.object_type, entry.record_id) == ("create", "Contact", row["Id"])
    assert (entry.operation_id, entry.cause, set(entry.fields)) == (operation_id, "click", set(NIK))
    assert entry.owner == f"{login.org_id}/{login.user_id}"


async def test_known_records_end_after_30_days(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.actions.create_person(login.login_id, "Contact", NIK)
    await rig.drain()
    rig.clock.forward(30 * 86_400 - 60)
    assert len(await rig.actions.targets(login.login_id)) == 1
    rig.clock.forward(120)
    assert await rig.actions.targets(login.login_id) == []


async def test_the_form_is_filled_from_the_sender(rig: Rig) -> None:
    message = mail()
    content = MessageContent(rig.box.put(message), message.envelope, message.text, "", (), (), 0)
    assert rig.actions.prefill(content) == {"LastName": "Karl", "Email": KARL}
    named = MessageContent(
        content.message_id,
        type(message.envelope)("s", 0, (Address("Nik Neu", "nik@nova.example"),), (), (), (), (), "", ""),
        "",
        "",
        (),
        (),
        0,
    )
    assert rig.actions.prefill(named) == {"FirstName": "Nik", "LastName": "Neu", "Email": "nik@nova.example"}
