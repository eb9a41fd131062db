"""composite and sObject collections: facts page section 2.2."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld

BASE = "/services/data/v66.0"


def part(reference: str, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
    """One subrequest."""
    made = {"referenceId": reference, "method": method, "url": f"{BASE}/{path}", **more}
    return made if body is None else {**made, "body": body}


def soql(statement: str) -> str:
    """The path of a query."""
    return "query/?q=" + urllib.parse.quote_plus(statement, safe="@{}[]'")


def send(rest: Rest, *parts: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    """The answers of a composite that is itself well formed."""
    answer = rest.post("composite", {"allOrNone": all_or_none, "compositeRequest": list(parts)})
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["compositeResponse"]
    return found


def test_the_panel_in_one_call(rita: Rest, world: DemoWorld) -> None:
    world.clear_requests()
    contact, lead, role, case, task = send(
        rita,
        part("c", "GET", "query/?q=SELECT+Id,Name,Email,AccountId+FROM+Contact+WHERE+Email='karl%40acme.example'+LIMIT+5"),
        part("l", "GET", soql("SELECT Id,Name,Company FROM Lead WHERE Email='karl@acme.example' AND IsConverted=false")),
        part("o", "GET", soql("SELECT Opportunity.Id,Opportunity.Name,Opportunity.StageName,Role "
                              "FROM OpportunityContactRole WHERE Contact.Email='karl@acme.example'")),
        part("k", "GET", soql("SELECT Id,CaseNumber FROM Case WHERE Contact.Email='mia@acme.example' AND IsClosed=false")),
        part("t", "GET", soql("SELECT Id,Subject,ActivityDate,Status,Who.Name FROM Task WHERE WhoId='@{c.records[0].Id}' "
                              "ORDER BY ActivityDate DESC LIMIT 10")),
    )  # fmt: skip
    assert contact["body"]["records"][0]["Name"] == "Karl Klein"
    assert lead["body"]["records"] == []
    assert role["body"]["records"][0]["Opportunity"]["Name"] == "Acme 2025"
    assert case["body"]["records"][0]["CaseNumber"] == "00001001"
    assert [one["Subject"] for one in task["body"]["records"]] == ["Send offer", "Call Karl"]
    assert world.api_calls() == 1
    assert [one["path"] for one in world.requests()] == [f"{BASE}/composite"]


def test_a_reference_without_value_fails_alone(rita: Rest) -> None:
    first, second, third = send(
        rita,
        part("c", "GET", soql("SELECT Id FROM Contact WHERE Email='nobody@x.example'")),
        part("t", "GET", soql("SELECT Id FROM Task WHERE WhoId='@{c.records[0].Id}'")),
        part("a", "GET", soql("SELECT Id FROM Account LIMIT 1")),
    )
    assert first["httpStatusCode"] == third["httpStatusCode"] == 200
    assert second["httpStatusCode"] == 400
    assert second["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_a_failed_subrequest_is_shaped_as_recorded(rita: Rest) -> None:
    # facts 2.2, recorded from a real org
    answers = send(rita, part("r0", "GET", "sobjects/Nope__c"))
    assert answers == [
        {
            "body": [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}],
            "httpHeaders": {},
            "httpStatusCode": 404,
            "referenceId": "r0",
        }
    ]


def test_create_and_refer(rita: Rest) -> None:
    account, contact, got = send(
        rita,
        part("acc", "POST", "sobjects/Account", {"Name": "Nik & Co"}),
        part("con", "POST", "sobjects/Contact", {"LastName": "Nik", "AccountId": "@{acc.id}", "Title": "of @{acc.id}"}),
        part("get", "GET", "sobjects/Contact/@{con.id}?fields=Title,AccountId"),
        all_or_none=True,
    )
    assert account["httpStatusCode"] == contact["httpStatusCode"] == 201
    assert account["body"] == {"id": account["body"]["id"], "success": True, "errors": []}
    assert account["httpHeaders"] == {"Location": f"{BASE}/sobjects/Account/{account['body']['id']}"}
    assert got["body"]["AccountId"] == account["body"]["id"]
    assert got["body"]["Title"] == f"of {account['body']['id']}"


def test_all_or_none_takes_everything_back(rita: Rest, world: DemoWorld) -> None:
    account, contact, third = send(
        rita,
        part("a", "POST", "sobjects/Account", {"Name": "Never was"}),
        part("c", "POST", "sobjects/Contact", {"FirstName": "no last name"}),
        part("t", "POST", "sobjects/Task", {"Subject": "x"}),
        all_or_none=True,
    )
    halted = [
        {
            "errorCode": "PROCESSING_HALTED",
            "message": "The transaction was rolled back since another operation in the same transaction failed.",
        }
    ]
    assert (account["httpStatusCode"], account["body"]) == (400, halted)
    assert (third["httpStatusCode"], third["body"]) == (400, halted)
    assert contact["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert world.count("", "SELECT COUNT() FROM Account WHERE Name = 'Never was'") == 0
    assert world.count("", "SELECT COUNT() FROM Task WHERE Subject = 'x'") == 0


def test_without_all_or_none_the_rest_stays(rita: Rest, world: DemoWorld) -> None:
    send(
        rita,
        part("a", "POST", "sobjects/Account", {"Name": "Stays"}),
        part("c", "POST", "sobjects/Contact", {"FirstName": "no last name"}),
    )
    assert world.count("", "SELECT COUNT() FROM Account WHERE Name = 'Stays'") == 1


def test_update_and_delete_inside(rita: Rest) -> None:
    lead = rita.id_of("Lead", "Lee Long")
    changed, deleted = send(
        rita,
        part("u", "PATCH", f"sobjects/Lead/{lead}", {"Title": "CEO"}),
        part("d", "DELETE", f"sobjects/Lead/{lead}"),
    )
    assert (changed["httpStatusCode"], changed["body"]) == (204, None)
    assert (deleted["httpStatusCode"], deleted["body"]) == (204, None)


def test_headers_of_a_subrequest(rita: Rest) -> None:
    # facts 2.3: a recorded 304 inside composite has body null
    etag = rita.get("sobjects/Contact/describe").headers["ETag"]
    answer = send(rita, part("d", "GET", "sobjects/Contact/describe", httpHeaders={"If-None-Match": etag}))[0]
    assert (answer["httpStatusCode"], answer["body"]) == (304, None)
    assert answer["httpHeaders"]["ETag"] == etag
    duplicate = part("c", "POST", "sobjects/Contact", {"LastName": "K", "Email": "karl@acme.example"})
    refused, saved = send(
        rita,
        duplicate,
        {**duplicate, "referenceId": "c2", "httpHeaders": {"Sforce-Duplicate-Rule-Header": "allowSave=true"}},
    )
    assert refused["body"][0]["errorCode"] == "DUPLICATES_DETECTED"
    assert saved["httpStatusCode"] == 201


MALFORMED: list[tuple[str, Any]] = [
    ("no array", {"compositeRequest": {}}),
    ("empty", {"compositeRequest": []}),
    ("26 parts", {"compositeRequest": [part(f"r{n}", "GET", "sobjects") for n in range(26)]}),
    ("6 queries", {"compositeRequest": [part(f"r{n}", "GET", soql("SELECT Id FROM Lead")) for n in range(6)]}),
    ("twice the same id", {"compositeRequest": [part("a", "GET", "sobjects")] * 2}),
    ("bad id", {"compositeRequest": [part("a-b", "GET", "sobjects")]}),
    ("no url", {"compositeRequest": [{"method": "GET", "referenceId": "a"}]}),
    ("search", {"compositeRequest": [part("a", "GET", "search/?q=FIND+%7Bx%7D")]}),
    ("nested", {"compositeRequest": [part("a", "POST", "composite", {"compositeRequest": []})]}),
    ("text", {"compositeRequest": ["x"]}),
]


@pytest.mark.parametrize(("why", "body"), MALFORMED, ids=[why for why, _ in MALFORMED])
def test_a_composite_that_is_not_well_formed(rita: Rest, why: str, body: Any) -> None:
    answer = rita.post("composite", body)
    assert answer.status == 400
    assert answer.body[0]["errorCode"] in ("JSON_PARSER_ERROR", "LIMIT_EXCEEDED", "INVALID_INPUT")


def test_a_subrequest_of_another_version_or_host(rita: Rest) -> None:
    other = {"referenceId": "a", "method": "GET", "url": "/services/data/v60.0/sobjects"}
    outside = {"referenceId": "b", "method": "GET", "url": "https://evil.example/services/data/v66.0/sobjects"}
    answers = send(rita, other)
    assert answers[0]["httpStatusCode"] == 400
    assert rita.post("composite", {"compositeRequest": [outside]}).body["compositeResponse"][0]["httpStatusCode"] == 404


def test_log_a_mail_with_people_and_file_in_one_call(rita: Rest, world: DemoWorld) -> None:
    """Facts 3.1: EmailMessage -> EmailMessageRelation -> ContentDocumentLink, atomic."""
    karl, opportunity = rita.id_of("Contact", "Karl Klein"), rita.id_of("Opportunity", "Acme 2025")
    version = rita.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=")
    document = rita.query(f"SELECT ContentDocumentId FROM ContentVersion WHERE Id = '{version}'")[0][
        "ContentDocumentId"
    ]
    world.clear_requests()
    answers = send(
        rita,
        part("em", "POST", "sobjects/EmailMessage", {"Status": "3", "Incoming": True, "Subject": "Offer",
             "MessageIdentifier": "<1@acme.example>", "RelatedToId": opportunity, "FromAddress": "karl@acme.example"}),
        part("from", "POST", "sobjects/EmailMessageRelation", {"EmailMessageId": "@{em.id}", "RelationId": karl,
             "RelationType": "FromAddress", "RelationAddress": "karl@acme.example"}),
        part("file", "POST", "sobjects/ContentDocumentLink", {"ContentDocumentId": document,
             "LinkedEntityId": "@{em.id}", "ShareType": "V"}),
        all_or_none=True,
    )  # fmt: skip
    assert [one["httpStatusCode"] for one in answers] == [201, 201, 201]
    assert world.api_calls() == 1
    assert world.count("", "SELECT COUNT() FROM EmailMessage WHERE MessageIdentifier = '<1@acme.example>'") == 1


def test_collections_answer_in_order(rita: Rest, world: DemoWorld) -> None:
    records = [
        {"attributes": {"type": "Account"}, "Name": "One"},
        {"attributes": {"type": "Account"}},
        {"attributes": {"type": "Contact"}, "LastName": "Three"},
    ]
    world.clear_requests()
    answer = rita.post("composite/sobjects", {"allOrNone": False, "records": records})
    assert answer.status == 200
    assert [one["success"] for one in answer.body] == [True, False, True]
    # facts 2.2: errors use `statusCode`, not `errorCode`
    assert answer.body[1]["errors"] == [
        {"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]}
    ]
    assert world.api_calls() == 1


def test_collections_all_or_none(rita: Rest, world: DemoWorld) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "Undone"}, {"attributes": {"type": "Account"}}]
    answer = rita.post("composite/sobjects", {"allOrNone": True, "records": records}).body
    assert answer[0] == {
        "success": False,
        "errors": [
            {
                "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "message": "Record rolled back because not all records were valid and the request was using AllOrNone "
                "header",
                "fields": [],
            }
        ],
    }
    assert answer[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert world.count("", "SELECT COUNT() FROM Account WHERE Name = 'Undone'") == 0


def test_collections_update_delete_retrieve(rita: Rest) -> None:
    a, b = rita.id_of("Opportunity", "Acme 2025"), rita.id_of("Opportunity", "Acme renewal")
    records = [{"attributes": {"type": "Opportunity"}, "Id": one, "NextStep": "call"} for one in (a, b)]
    changed = rita.patch("composite/sobjects", {"records": records}).body
    assert changed == [{"id": one, "success": True, "errors": []} for one in (a, b)]
    got = rita.get("composite/sobjects/Opportunity", ids=f"{b},{'0060000000zzzzz'},{a}", fields="NextStep").body
    assert [one and one["NextStep"] for one in got] == ["call", None, "call"]
    gone = rita.delete(f"composite/sobjects?ids={a},{b[:15]},0060000000zzzzz").body
    assert [one["success"] for one in gone] == [True, True, False]


def test_collections_upsert(rita: Rest) -> None:
    # facts 2.2, recorded: [{"id":...,"success":true,"errors":[],"created":false},...]
    records = [{"attributes": {"type": "Contact"}, "Email": "mia@acme.example", "Title": "x", "LastName": "Moser"}]
    mia = rita.id_of("Contact", "Mia Moser")
    refused = rita.patch("composite/sobjects/Contact/Email", {"records": records}).body
    assert refused[0]["errors"][0]["statusCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    records[0] |= {"Email": "karl@acme.example", "LastName": "Klein"}
    records.append({"attributes": {"type": "Contact"}, "Email": "new@acme.example", "LastName": "New"})
    answer = rita.patch("composite/sobjects/Contact/Email", {"records": records}).body
    karl = rita.id_of("Contact", "Karl Klein")
    assert answer[0] == {"id": karl, "success": True, "errors": [], "created": False}
    assert answer[1]["created"] is True
    assert mia != karl


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([{"attributes": {"type": "Account"}, "Name": "x"}] * 201, "EXCEEDED_ID_LIMIT"),
        ([{"attributes": {"type": name}} for name in ("Account", "Contact") * 6], "INVALID_TYPE"),
        ([], "INVALID_FIELD"),
        ("x", "JSON_PARSER_ERROR"),
    ],
)
def test_collections_limits(rita: Rest, records: Any, code: str) -> None:
    answer = rita.post("composite/sobjects", {"records": records})
    assert (answer.status, answer.code) == (400, code)
