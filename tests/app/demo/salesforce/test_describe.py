"""Describe, global and by object, with its conditional requests: facts page 2.3 and 2.4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld

STANDARD = {
    "Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Case", "Task", "Event", "EmailMessage",
    "EmailMessageRelation", "ContentVersion", "ContentDocument", "ContentDocumentLink", "User", "Organization",
    "FeedItem", "Project__c",
}  # fmt: skip


def field(rest: Rest, object_name: str, name: str) -> dict[str, Any]:
    """A field of a describe."""
    fields = rest.get(f"sobjects/{object_name}/describe").body["fields"]
    found: dict[str, Any] = next(one for one in fields if one["name"] == name)
    return found


def test_global_describe(rita: Rest) -> None:
    answer = rita.get("sobjects").body
    by_name = {one["name"]: one for one in answer["sobjects"]}
    assert by_name.keys() >= STANDARD
    assert (answer["encoding"], answer["maxBatchSize"]) == ("UTF-8", 200)
    assert by_name["Contact"]["keyPrefix"] == "003"
    assert by_name["Project__c"]["custom"] is True
    assert by_name["Contact"]["urls"] == {
        "rowTemplate": "/services/data/v66.0/sobjects/Contact/{ID}",
        "describe": "/services/data/v66.0/sobjects/Contact/describe",
        "sobject": "/services/data/v66.0/sobjects/Contact",
    }


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_every_object_describes_itself(rita: Rest, name: str) -> None:
    body = rita.get(f"sobjects/{name}/describe").body
    fields = {one["name"]: one for one in body["fields"]}
    assert body["name"] == name
    assert len(fields) == len(body["fields"])
    assert fields["Id"]["type"] == "id"
    for one in fields.values():
        assert (one["type"] == "reference") == bool(one["referenceTo"]), one["name"]
        assert one["label"]
        if one["type"] in ("string", "textarea", "email", "phone", "url"):
            assert one["length"] > 0, one["name"]
        if one["restrictedPicklist"]:
            assert one["picklistValues"], one["name"]
    queried = ", ".join(fields)
    where = f" WHERE ContentDocumentId = '069{'0' * 12}'" if name == "ContentDocumentLink" else ""
    assert rita.get("query", q=f"SELECT {queried} FROM {name}{where} LIMIT 5").status == 200


def test_the_contact_of_the_recording(rita: Rest) -> None:
    # facts 2.3: idLookup = Id, Email; Description length 32000 filterable=false
    fields = rita.get("sobjects/Contact/describe").body["fields"]
    assert {one["name"] for one in fields if one["idLookup"]} == {"Id", "Email"}
    description = next(one for one in fields if one["name"] == "Description")
    assert (description["length"], description["filterable"]) == (32000, False)
    assert [one["name"] for one in fields if one["nameField"]] == ["Name"]
    assert next(one for one in fields if one["name"] == "LastName")["nillable"] is False


def test_the_task(rita: Rest) -> None:
    # facts 2.3 and 3.2
    assert field(rita, "Task", "WhoId")["referenceTo"] == ["Contact", "Lead"]
    assert field(rita, "Task", "WhoId")["relationshipName"] == "Who"
    assert "Project__c" in field(rita, "Task", "WhatId")["referenceTo"]
    subtype = field(rita, "Task", "TaskSubtype")
    assert (subtype["createable"], subtype["updateable"]) == (True, False)
    assert field(rita, "Task", "Description")["filterable"] is False
    assert field(rita, "Task", "CallObject")["filterable"] is True
    assert field(rita, "Task", "Subject")["type"] == "combobox"


def test_the_email_message(rita: Rest) -> None:
    # facts 3.1: MessageIdentifier: Create Filter Group idLookup Nillable Sort Update (no Unique)
    identifier = field(rita, "EmailMessage", "MessageIdentifier")
    flags = ("createable", "filterable", "groupable", "idLookup", "nillable", "sortable", "updateable", "unique")
    assert [identifier[one] for one in flags] == [True] * 7 + [False]
    status = field(rita, "EmailMessage", "Status")
    assert [(one["value"], one["label"]) for one in status["picklistValues"]] == [
        ("0", "New"), ("1", "Read"), ("2", "Replied"), ("3", "Sent"), ("4", "Forwarded"), ("5", "Draft"),
    ]  # fmt: skip
    assert field(rita, "EmailMessage", "ToIds")["type"] == "junctionIdList"


def test_relationships_of_a_contact(rita: Rest) -> None:
    # facts 2.2: real relationship names
    children = rita.get("sobjects/Contact/describe").body["childRelationships"]
    named = {(one["relationshipName"], one["childSObject"], one["field"]) for one in children}
    assert {
        ("Tasks", "Task", "WhoId"),
        ("Events", "Event", "WhoId"),
        ("Cases", "Case", "ContactId"),
        ("ContentDocumentLinks", "ContentDocumentLink", "LinkedEntityId"),
        ("EmailMessageRelations", "EmailMessageRelation", "RelationId"),
        ("OpportunityContactRoles", "OpportunityContactRole", "ContactId"),
    } <= named


def test_an_org_without_enhanced_email_has_no_email_messages(world: DemoWorld) -> None:
    sandbox = Rest.of(world, "rita@rita.example.sandbox")
    names = {one["name"] for one in sandbox.get("sobjects").body["sobjects"]}
    assert not {"EmailMessage", "EmailMessageRelation"} & names
    assert sandbox.post("sobjects/EmailMessage", {"Status": "3"}).status == 404
    assert sandbox.get("query", q="SELECT Id FROM EmailMessage").code == "INVALID_TYPE"
    assert sandbox.post("sobjects/Task", {"Subject": "Email: x", "TaskSubtype": "Email"}).status == 201


@pytest.mark.parametrize("path", ["sobjects", "sobjects/Contact/describe"])
def test_conditional_describe(rita: Rest, path: str) -> None:
    first = rita.get(path)
    for header in ({"If-None-Match": first.headers["ETag"]}, {"If-Modified-Since": first.headers["Last-Modified"]}):
        again = rita.get(path, header)
        assert (again.status, again.raw) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert rita.get(path, {"If-None-Match": '"other"'}).status == 200
    assert rita.get(path, {"If-Modified-Since": "Thu, 03 Sep 2020 21:35:07 GMT"}).status == 200


def test_the_tag_depends_on_what_the_user_sees(rita: Rest, sam: Rest) -> None:
    tags = {rest.get("sobjects/Opportunity/describe").headers["ETag"] for rest in (rita, sam)}
    assert len(tags) == 2


def test_head_and_basics(rita: Rest) -> None:
    head = rita.call("HEAD", "sobjects/Contact/describe")
    assert (head.status, head.raw) == (200, b"")
    assert rita.get("sobjects/Contact").body["objectDescribe"]["name"] == "Contact"
    resources = rita.get("").body
    assert resources["sobjects"] == "/services/data/v66.0/sobjects"
