"""Logging a mail: field by field, once whatever happens, and where the org has no Enhanced Email (features 17, 20, 23, 26)."""

from __future__ import annotations

import pytest

from app.crm.targets import PersonTarget, RecordTarget
from app.errors import DuplicateFound, RecordNotFound, ValidationFailed
from app.model.ids import MessageId, RecordId, local_record_id
from app.model.operation import OperationState
from tests.app.crm.org_data import PLAIN
from tests.app.crm.rig import KARL, LEE, MIA, RITA, Rig, mail

FIELDS = (
    "Id, Status, Incoming, IsClientManaged, MessageDate, MessageIdentifier, ThreadIdentifier, Subject, TextBody, HtmlBody, FromAddress, FromName, "
    "ToAddress, CcAddress, RelatedToId, ParentId, CreatedById, ActivityId"
)


def logged(rig: Rig) -> list[dict]:
    return rig.soql(f"SELECT {FIELDS} FROM EmailMessage")


def relations(rig: Rig, record_id: str) -> set[tuple[str, str]]:
    rows = rig.soql(f"SELECT RelationId, RelationType FROM EmailMessageRelation WHERE EmailMessageId = '{record_id}'")
    return {(row["RelationId"], row["RelationType"]) for row in rows}


async def test_a_mail_arrives_field_by_field_in_one_call(rig: Rig) -> None:
    login = await rig.sign_in()
    karl, mia = rig.person("Contact", "Karl Klein", KARL), rig.person("Contact", "Mia Moser", MIA)
    opportunity = rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(
        mail(
            subject="Re: Grüße 😀",
            text="Line one\nünïcödé",
            html="<p>Line one</p>",
            cc=(MIA, "stranger@x.example"),
            references=("<root@acme.example>", "<second@acme.example>"),
        )
    )
    operation_id = await rig.actions.log_message(login.login_id, message_id, people=[karl, mia], related_to=opportunity)
    assert await rig.actions.log_state([message_id]) == {message_id: "queued"}
    assert logged(rig) == []
    await rig.drain()
    assert rig.world.api_calls() == 1
    (row,) = logged(rig)
    assert row["Status"] == "3"
    assert row["Incoming"] is True
    assert row["IsClientManaged"] is True
    assert row["MessageDate"].startswith("2026-09-21T14:13:20")
    assert row["MessageIdentifier"] == "<offer.1@acme.example>"
    assert row["ThreadIdentifier"] == "<root@acme.example>"
    assert (row["Subject"], row["TextBody"], row["HtmlBody"]) == (
        "Re: Grüße 😀",
        "Line one\nünïcödé",
        "<p>Line one</p>",
    )
    assert (row["FromAddress"], row["FromName"]) == (KARL, "Karl")
    assert row["CcAddress"] == "stranger@x.example"
    assert not row["ToAddress"], "Rita is a User of the org and stands in the relations"
    assert row["RelatedToId"] == opportunity.record_id
    assert row["CreatedById"] == login.user_id
    assert row["ActivityId"], "the org adds its Task by itself"
    assert relations(rig, row["Id"]) == {
        (karl.record_id, "FromAddress"),
        (login.user_id, "ToAddress"),
        (mia.record_id, "CcAddress"),
    }
    assert await rig.actions.log_state([message_id]) == {message_id: "logged"}
    (result,) = await rig.actions.log_results([message_id])
    assert (result.record_id, result.object_type, result.related_to) == (
        row["Id"],
        "EmailMessage",
        opportunity.record_id,
    )
    done = await rig.operation(operation_id)
    assert done.state is OperationState.DONE
    assert [target.name for target in await rig.actions.targets(login.login_id)][:1] != []


async def test_a_mail_of_ones_own(rig: Rig) -> None:
    login = await rig.sign_in()
    lee = rig.person("Lead", "Lee Long", LEE)
    message_id = rig.box.put(mail(message_id="<own@rita.example>", from_=RITA, to=(LEE,), is_incoming=False))
    await rig.actions.log_message(login.login_id, message_id, people=[lee])
    await rig.drain()
    (row,) = logged(rig)
    assert row["Incoming"] is False
    assert relations(rig, row["Id"]) == {(login.user_id, "FromAddress"), (lee.record_id, "ToAddress")}


async def test_somebody_who_is_not_in_the_mail_can_be_tied_to_it(rig: Rig) -> None:
    login = await rig.sign_in()
    karl, lee = rig.person("Contact", "Karl Klein", KARL), rig.person("Lead", "Lee Long", LEE)
    message_id = rig.box.put(mail())
    await rig.actions.log_message(login.login_id, message_id, people=[karl, lee])
    await rig.drain()
    (row,) = logged(rig)
    assert (lee.record_id, "OtherAddress") in relations(rig, row["Id"])


async def test_a_mail_of_a_case_belongs_to_the_case(rig: Rig) -> None:
    login = await rig.sign_in()
    (case,) = rig.soql("SELECT Id FROM Case")
    target = RecordTarget(case["Id"], "Case", "00001001")
    message_id = rig.box.put(mail(from_=MIA))
    await rig.actions.log_message(
        login.login_id, message_id, people=[rig.person("Contact", "Mia Moser", MIA)], related_to=target
    )
    await rig.drain()
    (row,) = logged(rig)
    assert row["ParentId"] == case["Id"]


async def test_a_mail_without_message_id_gets_a_stable_one(rig: Rig) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    message_id = rig.box.put(mail(message_id=""))
    await rig.actions.log_message(login.login_id, message_id, people=[karl])
    await rig.drain()
    (row,) = logged(rig)
    assert row["MessageIdentifier"].endswith("@no-message-id.invalid>")
    copy = rig.box.put(mail(message_id=""))
    with pytest.raises(DuplicateFound):
        await rig.actions.log_message(login.login_id, copy, people=[karl])


async def test_what_is_too_long_is_cut_with_a_mark(rig: Rig) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    text = "😀" * 200_000
    message_id = rig.box.put(
        mail(
            subject="s" * 5000,
            text=text,
            html=f"<p>{text}</p>",
            to=tuple(f"someone{n}@somewhere.example" for n in range(500)),
        )
    )
    await rig.actions.log_message(login.login_id, message_id, people=[karl])
    await rig.drain()
    (row,) = logged(rig)
    assert row["Subject"].endswith("s…")
    assert not row["HtmlBody"]
    assert "goes on; Salesforce keeps no more" in row["TextBody"]
    assert "formatted version" in row["TextBody"]
    assert row["TextBody"].startswith("😀😀")
    assert all(address.strip().endswith("@somewhere.example") for address in row["ToAddress"].split(";"))


LOST = ["commit_and_drop", "drop_before", "late_commit", "cut_after", "empty_201", "not_json", "html"]


@pytest.mark.parametrize("kind", LOST)
async def test_a_lost_answer_makes_no_second_log(rig: Rig, kind: str) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    arguments = {"late_commit": {"after_s": 300}, "cut_after": {"bytes": 40}, "html": {"status": 200}}.get(kind, {})
    rig.world.faults(kind, method="POST", path_regex="composite$", times=2, **arguments)
    message_id = rig.box.put(mail())
    operation_id = await rig.actions.log_message(login.login_id, message_id, people=[karl])
    await rig.drain()
    rig.forward(900)
    assert len(logged(rig)) == 1
    assert (await rig.operation(operation_id)).state is OperationState.DONE
    assert await rig.actions.log_state([message_id]) == {message_id: "logged"}


async def test_the_same_mail_is_not_logged_twice(rig: Rig) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    message_id = rig.box.put(mail())
    await rig.actions.log_message(login.login_id, message_id, people=[karl])
    copy = rig.box.put(mail())
    with pytest.raises(ValidationFailed) as caught:
        await rig.actions.log_message(login.login_id, copy, people=[karl])
    assert caught.value.code == "log_waiting"
    await rig.drain()
    for again in (message_id, copy):
        with pytest.raises(DuplicateFound):
            await rig.actions.log_message(login.login_id, again, people=[karl])
    assert len(await rig.outbox.list()) == 0


async def test_copies_whose_bodies_come_late_are_logged_once(rig: Rig) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    rig.box.is_reachable = False
    first, second = rig.box.put(mail()), rig.box.put(mail())
    for message_id in (first, second):
        await rig.actions.log_message(login.login_id, message_id, people=[karl])
    rig.box.is_reachable = True
    await rig.drain()
    assert len(logged(rig)) == 1
    assert await rig.actions.log_state([first, second]) == {first: "logged", second: "logged"}


async def test_a_mail_that_vanished_before_its_body_came_is_told(rig: Rig) -> None:
    login = await rig.sign_in()
    rig.box.is_reachable = False
    message_id = rig.box.put(mail())
    operation_id = await rig.actions.log_message(
        login.login_id, message_id, people=[rig.person("Contact", "Karl Klein", KARL)]
    )
    rig.box.is_reachable = True
    rig.box.mails.clear()
    await rig.drain()
    assert (await rig.operation(operation_id)).state is OperationState.FAILED
    assert await rig.actions.log_state([message_id]) == {message_id: "failed"}


async def test_what_was_queued_is_logged_even_if_the_mail_is_deleted_meanwhile(rig: Rig) -> None:
    login = await rig.sign_in()
    message_id = rig.box.put(mail(text="as it was"))
    await rig.actions.log_message(login.login_id, message_id, people=[rig.person("Contact", "Karl Klein", KARL)])
    rig.box.mails.clear()
    await rig.drain()
    assert [row["TextBody"] for row in logged(rig)] == ["as it was"]


async def test_a_refused_log_is_shown_and_can_be_tried_again_or_given_up(rig: Rig) -> None:
    login = await rig.sign_in()
    karl = rig.person("Contact", "Karl Klein", KARL)
    message_id = rig.box.put(mail())
    refusal = [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "no", "fields": []}]
    rig.world.faults("error", method="POST", path_regex="composite$", status=403, body=refusal)
    operation_id = await rig.actions.log_message(login.login_id, message_id, people=[karl])
    await rig.drain()
    failed = await rig.operation(operation_id)
    assert (failed.state, failed.error_code) == (OperationState.FAILED, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert await rig.actions.log_state([message_id]) == {message_id: "failed"}
    await rig.outbox.retry(operation_id)
    assert await rig.actions.log_state([message_id]) == {message_id: "queued"}
    await rig.drain()
    assert await rig.actions.log_state([message_id]) == {message_id: "logged"}
    assert len(logged(rig)) == 1


async def test_giving_up_takes_the_mark_away(rig: Rig) -> None:
    login = await rig.sign_in()
    message_id = rig.box.put(mail())
    operation_id = await rig.actions.log_message(
        login.login_id, message_id, people=[rig.person("Contact", "Karl Klein", KARL)]
    )
    await rig.outbox.discard(operation_id)
    assert await rig.actions.log_state([message_id]) == {}
    await rig.drain()
    assert logged(rig) == []


async def test_a_record_that_is_gone_refuses_the_whole_log(rig: Rig) -> None:
    login = await rig.sign_in()
    gone = RecordTarget(RecordId("0065e0000000ZZZAAA"), "Opportunity", "Gone")
    message_id = rig.box.put(mail())
    operation_id = await rig.actions.log_message(
        login.login_id, message_id, people=[rig.person("Contact", "Karl Klein", KARL)], related_to=gone
    )
    await rig.drain()
    failed = await rig.operation(operation_id)
    assert failed.state is OperationState.FAILED
    assert failed.error_code != "PROCESSING_HALTED"
    assert logged(rig) == [], "all or nothing"


async def test_logging_to_a_person_who_is_still_to_be_created(rig: Rig) -> None:
    login = await rig.sign_in()
    create = await rig.actions.create_person(
        login.login_id, "Contact", {"FirstName": "Nik", "LastName": "Neu", "Email": "nik@nova.example"}
    )
    nik = PersonTarget(local_record_id(create), "Contact", "Nik Neu", "nik@nova.example")
    message_id = rig.box.put(mail(from_="nik@nova.example"))
    await rig.actions.log_message(login.login_id, message_id, people=[nik])
    assert [target.name for target in await rig.actions.targets(login.login_id)] == ["Nik Neu"]
    await rig.drain()
    (contact,) = rig.soql("SELECT Id FROM Contact WHERE Email = 'nik@nova.example'")
    (row,) = logged(rig)
    assert (contact["Id"], "FromAddress") in relations(rig, row["Id"])
    known = await rig.actions.targets(login.login_id)
    assert [(target.record_id, target.name) for target in known] == [(contact["Id"], "Nik Neu")]


async def test_a_log_ends_what_the_panel_showed_of_its_people(rig: Rig) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL, LEE])
    message_id = rig.box.put(mail())
    await rig.actions.log_message(login.login_id, message_id, people=[rig.person("Contact", "Karl Klein", KARL)])
    await rig.drain()
    assert rig.lookup.cached(login.login_id, [KARL]) is None
    assert rig.lookup.cached(login.login_id, [LEE]) is not None
    again = await rig.lookup.people(login.login_id, [KARL])
    assert "Your offer" in " ".join(record.name for record in again.people[0].activities.records)


async def test_wrong_wishes_are_refused_at_once(rig: Rig) -> None:
    login = await rig.sign_in()
    karl, opportunity = rig.person("Contact", "Karl Klein", KARL), rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(mail())
    for wrong in ({"people": []}, {"people": [karl], "related_to": karl}, {"people": [opportunity]}):
        with pytest.raises(ValidationFailed):
            await rig.actions.log_message(login.login_id, message_id, **wrong)
    with pytest.raises(RecordNotFound):
        await rig.actions.log_message(login.login_id, MessageId(99), people=[karl])
    assert await rig.outbox.list() == []


async def test_what_will_be_sent_is_told_in_words(rig: Rig) -> None:
    login = await rig.sign_in()
    karl, opportunity = rig.person("Contact", "Karl Klein", KARL), rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(mail())
    operation_id = await rig.actions.log_message(login.login_id, message_id, people=[karl], related_to=opportunity)
    told = dict(await rig.outbox.describe(operation_id))
    assert told["Subject"] == "Your offer"
    assert told["Person"] == "Karl Klein (Contact)"
    assert told["Related to"] == "Acme 2025 (Opportunity)"
    assert "we take it" in told["Text"]


class TestWithoutEnhancedEmail:
    """An org that has no EmailMessage: a mail becomes a Task."""

    USER = "rita@plain.example"

    def tasks(self, rig: Rig) -> list[dict]:
        return rig.soql(
            "SELECT Id, Subject, TaskSubtype, Status, Priority, ActivityDate, WhoId, WhatId, Description FROM Task WHERE TaskSubtype = 'Email'",
            PLAIN,
        )

    async def test_a_mail_becomes_a_task(self, rig: Rig) -> None:
        login = await rig.sign_in(self.USER)
        karl = rig.person("Contact", "Karl Klein", KARL, PLAIN)
        opportunity = rig.target("Opportunity", "Acme 2025", PLAIN)
        message_id = rig.box.put(mail(cc=(MIA,)))
        await rig.actions.log_message(login.login_id, message_id, people=[karl], related_to=opportunity)
        await rig.drain()
        (task,) = self.tasks(rig)
        assert (task["Subject"], task["Status"], task["Priority"]) == ("Email: Your offer", "Completed", "Normal")
        assert task["ActivityDate"] == "2026-09-21"
        assert (task["WhoId"], task["WhatId"]) == (karl.record_id, opportunity.record_id)
        assert task["Description"].splitlines()[:4] == [
            "Message-ID: <offer.1@acme.example>",
            "From: Karl <karl@acme.example>",
            "To: Rita <rita@rita.example>",
            "Cc: Mia <mia@acme.example>",
        ]
        assert task["Description"].endswith("we take it.\n\nKarl")

    async def test_a_lead_takes_no_second_record(self, rig: Rig) -> None:
        login = await rig.sign_in(self.USER)
        lee = rig.person("Lead", "Lee Long", LEE, PLAIN)
        opportunity = rig.target("Opportunity", "Acme 2025", PLAIN)
        message_id = rig.box.put(mail(from_=LEE))
        await rig.actions.log_message(login.login_id, message_id, people=[lee], related_to=opportunity)
        await rig.drain()
        (task,) = self.tasks(rig)
        assert (task["WhoId"], task["WhatId"]) == (lee.record_id, None)
        assert f"Related to: Acme 2025 ({opportunity.record_id})" in task["Description"]

    @pytest.mark.parametrize("kind", LOST)
    async def test_a_lost_answer_makes_no_second_task(self, rig: Rig, kind: str) -> None:
        login = await rig.sign_in(self.USER)
        karl = rig.person("Contact", "Karl Klein", KARL, PLAIN)
        arguments = {"late_commit": {"after_s": 300}, "cut_after": {"bytes": 40}, "html": {"status": 200}}.get(kind, {})
        rig.world.faults(kind, method="POST", path_regex="sobjects/Task$", times=2, **arguments)
        first, second = rig.box.put(mail()), rig.box.put(mail(message_id="<offer.2@acme.example>"))
        for message_id in (first, second):
            await rig.actions.log_message(login.login_id, message_id, people=[karl])
        await rig.drain()
        rig.forward(900)
        assert len(self.tasks(rig)) == 2
        assert await rig.actions.log_state([first, second]) == {first: "logged", second: "logged"}
