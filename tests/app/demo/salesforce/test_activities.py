"""EmailMessage, Task, Event and FeedItem: facts page sections 3.1 to 3.3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld


@pytest.fixture
def mail(rita: Rest) -> dict[str, Any]:
    """The request body of the facts page."""
    return {
        "Status": "3",
        "Incoming": True,
        "IsClientManaged": True,
        "MessageDate": "2026-11-24T18:00:00.000Z",
        "MessageIdentifier": "<id@host>",
        "ThreadIdentifier": "<root@host>",
        "Subject": "Offer",
        "HtmlBody": "<p>Dear Rita,</p><p>thank you &amp; regards</p>",
        "FromAddress": "Karl@Acme.example",
        "FromName": "Karl Klein",
        "ToIds": [rita.id_of("User", "rita@rita.example", "Username")],
        "CcIds": [rita.id_of("Contact", "Mia Moser"), rita.id_of("Lead", "Lee Long")],
        "ToAddress": "x@nowhere.example",
        "RelatedToId": rita.id_of("Opportunity", "Acme 2025"),
    }


def test_a_logged_mail(rita: Rest, mail: dict[str, Any]) -> None:
    created = rita.post("sobjects/EmailMessage", mail)
    assert created.status == 201
    record = rita.get(f"sobjects/EmailMessage/{created.body['id']}").body
    assert record["MessageDate"] == "2026-11-24T18:00:00.000+0000"
    assert record["FromAddress"] == "karl@acme.example"
    assert record["TextBody"] == "Dear Rita,\nthank you & regards"
    assert record["ToIds"] == mail["ToIds"]
    assert sorted(record["CcIds"]) == sorted(mail["CcIds"])
    assert record["BccIds"] is None
    assert record["HasAttachment"] is False
    relations = rita.query(
        "SELECT RelationType, RelationAddress, RelationObjectType, Relation.Name FROM EmailMessageRelation "
        f"WHERE EmailMessageId = '{created.body['id']}' ORDER BY RelationAddress"
    )
    shown = [
        (one["RelationType"], one["RelationAddress"], one["RelationObjectType"], one["Relation"]["Name"])
        for one in relations
    ]
    assert shown == [
        ("CcAddress", "lee@newco.example", "Lead", "Lee Long"),
        ("CcAddress", "mia@acme.example", "Contact", "Mia Moser"),
        ("ToAddress", "rita@rita.example", "User", "Rita Rep"),
    ]


def test_the_automatic_task(rita: Rest, mail: dict[str, Any]) -> None:
    """One EmailMessage and one Task that the org makes."""
    message = rita.create("EmailMessage", **mail)
    tasks = rita.query(
        "SELECT Id, Subject, Status, TaskSubtype, ActivityDate, Who.Name, What.Name FROM Task WHERE TaskSubtype = 'Email'"
    )
    assert len(tasks) == 1
    task = tasks[0]
    assert rita.get(f"sobjects/EmailMessage/{message}").body["ActivityId"] == task["Id"]
    assert (task["Subject"], task["Status"], task["ActivityDate"]) == ("Email: Offer", "Completed", "2026-11-24")
    assert (task["Who"]["Name"], task["What"]["Name"]) == ("Mia Moser", "Acme 2025")


def test_message_identifiers_are_not_unique(rita: Rest, mail: dict[str, Any], world: DemoWorld) -> None:
    rita.create("EmailMessage", **mail)
    rita.create("EmailMessage", **mail)
    assert world.count("", "SELECT COUNT() FROM EmailMessage WHERE MessageIdentifier = '<id@host>'") == 2
    assert rita.get("sobjects/EmailMessage/MessageIdentifier/%3Cid%40host%3E").status == 300


@pytest.mark.parametrize("status", ["0", "1", "2", "4", "5"])
def test_only_sent_is_valid_without_a_case(rita: Rest, mail: dict[str, Any], status: str) -> None:
    answer = rita.post("sobjects/EmailMessage", {**mail, "Status": status})
    assert (answer.status, answer.body[0]["fields"]) == (400, ["Status"])


def test_status_is_restricted(rita: Rest, mail: dict[str, Any]) -> None:
    answer = rita.post("sobjects/EmailMessage", {**mail, "Status": "9"})
    assert (answer.code, answer.message) == (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Status: bad value for restricted picklist field: 9",
    )


def test_an_id_list_must_be_an_array(rita: Rest) -> None:
    # facts 2.7, recorded: Cannot deserialize instance of <unknown> from VALUE_STRING value 003... [line:1, column:N]
    mia = rita.id_of("Contact", "Mia Moser")
    raw = f'{{"Status": "3", "BccIds": "{mia}"}}'.encode()
    answer = rita.call("POST", "sobjects/EmailMessage", raw)
    assert answer.body == [
        {
            "message": f"Cannot deserialize instance of <unknown> from VALUE_STRING value {mia} or request may be missing a "
            "required field at [line:1, column:27]",
            "errorCode": "JSON_PARSER_ERROR",
        }
    ]


def test_activity_id_is_for_cases(rita: Rest, mail: dict[str, Any]) -> None:
    task = rita.create("Task", Subject="x")
    assert rita.post("sobjects/EmailMessage", {**mail, "ActivityId": task}).body[0]["fields"] == ["ActivityId"]


def test_hardly_anything_can_be_changed(rita: Rest, mail: dict[str, Any]) -> None:
    message = rita.create("EmailMessage", **{**mail, "IsClientManaged": False})
    path = f"sobjects/EmailMessage/{message}"
    assert rita.patch(path, {"IsExternallyVisible": True, "Note__c": "ok"}).status == 204
    other = rita.id_of("Opportunity", "Acme renewal")
    changes: tuple[dict[str, Any], ...] = ({"Subject": "x"}, {"RelatedToId": other}, {"ToIds": None}, {"Status": "1"})
    for change in changes:
        answer = rita.patch(path, change)
        assert (answer.status, answer.code) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
        assert answer.body[0]["fields"] == list(change)
    assert rita.get(path).body["Subject"] == "Offer"


def test_a_client_managed_mail_can_be_moved(rita: Rest, mail: dict[str, Any]) -> None:
    message = rita.create("EmailMessage", **mail)
    path = f"sobjects/EmailMessage/{message}"
    other = rita.id_of("Opportunity", "Acme renewal")
    version = rita.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=")
    document = rita.get(f"sobjects/ContentVersion/{version}").body["ContentDocumentId"]
    assert rita.patch(path, {"RelatedToId": other, "ContentDocumentIds": [document]}).status == 204
    record = rita.get(path).body
    assert (record["RelatedToId"], record["ContentDocumentIds"], record["HasAttachment"]) == (other, [document], True)
    assert rita.get(f"sobjects/Task/{record['ActivityId']}").body["WhatId"] == other
    assert rita.patch(path, {"ContentDocumentIds": None}).status == 204
    assert rita.get(path).body["ContentDocumentIds"] is None


def test_a_mail_of_a_case(rita: Rest, mail: dict[str, Any], world: DemoWorld) -> None:
    case = rita.id_of("Case", "00001001", "CaseNumber")
    own = {name: value for name, value in mail.items() if name not in ("RelatedToId", "IsClientManaged")}
    before = world.count("", "SELECT COUNT() FROM Task")
    message = rita.create("EmailMessage", **{**own, "ParentId": case, "Status": "0"})
    record = rita.get(f"sobjects/EmailMessage/{message}").body
    assert record["RelatedToId"] == case
    assert world.count("", "SELECT COUNT() FROM Task") == before
    assert rita.patch(f"sobjects/EmailMessage/{message}", {"Status": "1"}).status == 204
    assert rita.patch(f"sobjects/EmailMessage/{message}", {"Status": "0"}).status == 400
    wrong = rita.post("sobjects/EmailMessage", {**mail, "ParentId": case})
    assert wrong.body[0]["fields"] == ["RelatedToId"]
    nested = rita.query(f"SELECT Id, (SELECT Id FROM EmailMessages) FROM Case WHERE Id = '{case}'")
    assert nested[0]["EmailMessages"]["totalSize"] == 1


def test_a_person_who_does_not_exist(rita: Rest, mail: dict[str, Any], world: DemoWorld) -> None:
    answer = rita.post("sobjects/EmailMessage", {**mail, "BccIds": ["0030000000zzzzz"]})
    assert answer.code == "INVALID_CROSS_REFERENCE_KEY"
    assert world.count("", "SELECT COUNT() FROM EmailMessage") == 0
    assert world.count("", "SELECT COUNT() FROM EmailMessageRelation") == 0


def test_deleting_a_mail(rita: Rest, mail: dict[str, Any], world: DemoWorld) -> None:
    message = rita.create("EmailMessage", **mail)
    assert rita.delete(f"sobjects/EmailMessage/{message}").status == 204
    for name in ("EmailMessage", "EmailMessageRelation"):
        assert world.count("", f"SELECT COUNT() FROM {name}") == 0
    assert world.count("", "SELECT COUNT() FROM Task WHERE TaskSubtype = 'Email'") == 0


def test_the_task_fallback(rita: Rest) -> None:
    # facts 3.2: the documented body; CompletedDateTime is set by the server from Status
    body = {
        "Subject": "Email: Offer",
        "TaskSubtype": "Email",
        "Status": "Completed",
        "Priority": "Normal",
        "ActivityDate": "2026-11-24",
        "WhoId": rita.id_of("Contact", "Karl Klein"),
        "WhatId": rita.id_of("Opportunity", "Acme 2025"),
        "Description": "Dear Rita",
    }
    record = rita.get(f"sobjects/Task/{rita.create('Task', **body)}").body
    assert record["IsClosed"] is True
    assert record["CompletedDateTime"]
    assert record["AccountId"] == rita.id_of("Account", "Acme GmbH")
    assert (record["WhoCount"], record["WhatCount"]) == (1, 1)
    karl = rita.get(f"sobjects/Contact/{body['WhoId']}").body
    assert karl["LastActivityDate"] == "2026-11-24"


def test_rules_of_a_task(rita: Rest) -> None:
    lead, opportunity = rita.id_of("Lead", "Lee Long"), rita.id_of("Opportunity", "Acme 2025")
    both = rita.post("sobjects/Task", {"Subject": "x", "WhoId": lead, "WhatId": opportunity})
    assert (both.status, both.code) == (400, "FIELD_INTEGRITY_EXCEPTION")
    subtype = rita.post("sobjects/Task", {"Subject": "x", "TaskSubtype": "Fax"})
    assert subtype.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    task = rita.create("Task", Subject="x")
    frozen = rita.patch(f"sobjects/Task/{task}", {"TaskSubtype": "Call"})
    assert frozen.code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert rita.patch(f"sobjects/Task/{task}", {"Status": "Completed"}).status == 204
    assert rita.get(f"sobjects/Task/{task}").body["IsClosed"] is True
    assert rita.patch(f"sobjects/Task/{task}", {"Status": "In Progress"}).status == 204
    reopened = rita.get(f"sobjects/Task/{task}").body
    assert (reopened["IsClosed"], reopened["CompletedDateTime"]) == (False, None)


def test_a_case_of_a_contact(rita: Rest) -> None:
    case = rita.create("Case", Subject="x", ContactId=rita.id_of("Contact", "Mia Moser"))
    record = rita.get(f"sobjects/Case/{case}").body
    assert record["CaseNumber"] == "00001002"
    assert (record["Status"], record["IsClosed"], record["ContactEmail"]) == ("New", False, "mia@acme.example")
    assert record["AccountId"] == rita.id_of("Account", "Acme GmbH")
    rita.patch(f"sobjects/Case/{case}", {"Status": "Closed"})
    assert rita.get(f"sobjects/Case/{case}").body["ClosedDate"]


def test_stages(rita: Rest) -> None:
    contact = rita.id_of("Contact", "Karl Klein")
    body = {"Name": "New", "StageName": "Negotiation/Review", "CloseDate": "2099-05-01", "Amount": 200}
    opportunity = rita.create("Opportunity", **body, ContactId=contact)
    record = rita.get(f"sobjects/Opportunity/{opportunity}").body
    assert (record["Probability"], record["ExpectedRevenue"], record["IsClosed"]) == (90.0, 180.0, False)
    assert (record["FiscalYear"], record["FiscalQuarter"]) == (2099, 2)
    rita.patch(f"sobjects/Opportunity/{opportunity}", {"StageName": "Closed Won"})
    record = rita.get(f"sobjects/Opportunity/{opportunity}").body
    assert (record["IsClosed"], record["IsWon"]) == (True, True)
    roles = rita.query(f"SELECT IsPrimary FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}'")
    assert [one["IsPrimary"] for one in roles] == [True]


def test_posts(rita: Rest) -> None:
    parent = rita.id_of("Opportunity", "Acme 2025")
    text = rita.create("FeedItem", ParentId=parent, Body="Look")
    link = rita.create("FeedItem", ParentId=parent, LinkUrl="https://drive.example/x", Title="Deck")
    kinds = {one["Id"]: one["Type"] for one in rita.query(f"SELECT Id, Type FROM FeedItem WHERE ParentId = '{parent}'")}
    assert kinds == {text: "TextPost", link: "LinkPost"}
    empty = rita.post("sobjects/FeedItem", {"ParentId": parent})
    assert (empty.code, empty.body[0]["fields"]) == ("REQUIRED_FIELD_MISSING", ["Body"])
