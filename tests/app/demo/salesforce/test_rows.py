"""sObject resources and the error catalogue of the facts page, section 2.7: request, status, body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld


def test_versions_need_no_sign_in(world: DemoWorld) -> None:
    # facts 0: GET /services/data -> [{"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"},...]
    listed = Rest(world.salesforce, "").call("GET", "/services/data")
    assert listed.status == 200
    assert {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"} in listed.body
    assert [one["version"] for one in listed.body] == [f"{number}.0" for number in range(57, 69)]


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [("30.0", 410, "GONE"), ("56.0", 501, "NOT_IMPLEMENTED"), ("69.0", 404, "NOT_FOUND"), ("x", 404, "NOT_FOUND")],
)
def test_other_versions(rita: Rest, version: str, status: int, code: str) -> None:
    answer = rita.call("GET", f"/services/data/v{version}/limits")
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("token", ["", "00D5e000000PROD!AQwrong"])
def test_401_has_no_fields(rita: Rest, token: str) -> None:
    # facts 2.7: 401 INVALID_SESSION_ID "Session expired or invalid" (no `fields`)
    answer = rita.with_token(token).get("limits")
    assert answer.status == 401
    assert answer.body == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_create_get_update_delete(rita: Rest) -> None:
    created = rita.post("sobjects/Contact", {"FirstName": "Ann", "LastName": "Bell", "Email": "Ann.Bell@X.Example"})
    assert created.status == 201
    record_id = created.body["id"]
    assert created.body == {"id": record_id, "success": True, "errors": []}
    assert created.headers["Location"] == f"/services/data/v66.0/sobjects/Contact/{record_id}"
    got = rita.get(f"sobjects/Contact/{record_id}").body
    # facts 2.2: e-mail values are stored lower-cased
    assert got["Email"] == "ann.bell@x.example"
    assert got["Name"] == "Ann Bell"
    assert got["attributes"] == {"type": "Contact", "url": f"/services/data/v66.0/sobjects/Contact/{record_id}"}
    assert got["IsDeleted"] is False
    assert got["OwnerId"] == got["CreatedById"] == rita.id_of("User", "rita@rita.example", "Username")
    changed = rita.patch(f"sobjects/Contact/{record_id[:15]}", {"Title": "Buyer", "FirstName": None})
    assert (changed.status, changed.raw) == (204, b"")
    assert rita.get(f"sobjects/Contact/{record_id}", fields="Title,Name").body == {
        "attributes": got["attributes"],
        "Title": "Buyer",
        "Name": "Bell",
        "Id": record_id,
    }
    gone = rita.delete(f"sobjects/Contact/{record_id}")
    assert (gone.status, gone.raw) == (204, b"")
    missing = rita.get(f"sobjects/Contact/{record_id}")
    assert missing.status == 404
    assert missing.body == [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]
    again = rita.patch(f"sobjects/Contact/{record_id}", {"Title": "x"})
    assert (again.status, again.code, again.message) == (404, "ENTITY_IS_DELETED", "entity is deleted")
    assert rita.delete(f"sobjects/Contact/{record_id}").code == "ENTITY_IS_DELETED"


READ_ONLY = (
    "Unable to create/update fields: {0}. Please check the security settings of this field and verify that it is "
    "read/write for your profile or permission set."
)
REFUSALS: list[tuple[str, dict[str, Any], str, str, list[str] | None]] = [
    ("Account", {}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", ["Name"]),
    ("Account", {"Name": "  "}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", ["Name"]),
    ("Lead", {"FirstName": "x"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName, Company]",
     ["LastName", "Company"]),
    ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [StageName, CloseDate]",
     ["StageName", "CloseDate"]),
    ("Contact", {"LastName": "x" * 81}, "STRING_TOO_LONG",
     f"Last Name: data value too large: {'x' * 81} (max length=80)", ["LastName"]),
    ("Contact", {"LastName": "x", "Email": "no address"}, "INVALID_EMAIL_ADDRESS",
     "Email: invalid email address: no address", ["Email"]),
    ("Project__c", {"Status__c": "Dreaming"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
     "Status: bad value for restricted picklist field: Dreaming", ["Status__c"]),
    ("Contact", {"LastName": "x", "CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE",
     READ_ONLY.format("CreatedDate"), ["CreatedDate"]),
    ("Account", {"Name": "x", "AnnualRevenue": 5}, "INVALID_FIELD_FOR_INSERT_UPDATE",
     READ_ONLY.format("AnnualRevenue"), ["AnnualRevenue"]),
    ("Contact", {"LastName": "x", "Foo__c": 1}, "INVALID_FIELD", "No such column 'Foo__c' on sobject of type Contact",
     None),
    ("Contact", {"LastName": "x", "AccountId": "abc123"}, "MALFORMED_ID", "malformed id abc123", []),
    ("Contact", {"LastName": "x", "AccountId": "0010000000zzzzz"}, "INVALID_CROSS_REFERENCE_KEY",
     "invalid cross reference id", []),
    ("Opportunity", {"Name": "x", "StageName": "Prospecting", "CloseDate": "2020-01-01"},
     "FIELD_CUSTOM_VALIDATION_EXCEPTION", "The close date must not be in the past.", ["CloseDate"]),
    ("Account", {"Name": "Forbidden Inc"}, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Not this one.", []),
    ("Project__c", {"Code__c": "p-4"}, "DUPLICATE_VALUE",
     "duplicate value found: Code__c duplicates value on record with id: {project}", ["Code__c"]),
    ("Project__c", {"Budget__c": 1e9}, "NUMBER_OUTSIDE_VALID_RANGE",
     "Budget: value outside of valid range on numeric field: 1000000000.0", ["Budget__c"]),
    ("Contact", {"LastName": "x", "Birthdate": "24.11.2026"}, "JSON_PARSER_ERROR",
     ("Cannot deserialize instance of date from VALUE_STRING value 24.11.2026 or request may be missing a required field "
     "at [line:1, column:32]"), None),
    ("Contact", {"LastName": "x", "DoNotCall": "maybe"}, "JSON_PARSER_ERROR",
     ("Cannot deserialize instance of boolean from VALUE_STRING value maybe or request may be missing a required field "
     "at [line:1, column:32]"), None),
    ("Contact", {"LastName": ["x"]}, "JSON_PARSER_ERROR",
     ("Cannot deserialize instance of string from START_ARRAY value [ or request may be missing a required field "
     "at [line:1, column:14]"), None),
    ("Event", {"Subject": "x"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [StartDateTime]",
     ["StartDateTime"]),
    ("OpportunityContactRole", {"Role": "Other"}, "REQUIRED_FIELD_MISSING",
     "Required fields are missing: [OpportunityId, ContactId]", ["OpportunityId", "ContactId"]),
    ("FeedItem", {"Body": "x"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [ParentId]", ["ParentId"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "code", "message", "fields"), REFUSALS)
def test_refused_creates(
    rita: Rest, world: DemoWorld, name: str, body: dict[str, Any], code: str, message: str, fields: list[str] | None
) -> None:
    before = world.count("", f"SELECT COUNT() FROM {name}")
    answer = rita.post(f"sobjects/{name}", body)
    project = rita.id_of("Project__c", "Line 4")
    expected: dict[str, Any] = {"message": message.replace("{project}", project), "errorCode": code}
    if fields is not None:
        expected["fields"] = fields
    assert answer.status == 400
    assert answer.body == [expected]
    assert world.count("", f"SELECT COUNT() FROM {name}") == before


@pytest.mark.parametrize("field", ["WhoId", "WhatId"])
def test_a_reference_of_the_wrong_type(rita: Rest, field: str) -> None:
    user = rita.id_of("User", "rita@rita.example", "Username")
    answer = rita.post("sobjects/Task", {"Subject": "x", field: user})
    assert answer.code == "MALFORMED_ID"
    assert answer.message.endswith(f"id value of incorrect type: {user}")


def test_a_deleted_target(rita: Rest) -> None:
    account = rita.create("Account", Name="Short-lived")
    assert rita.delete(f"sobjects/Account/{account}").status == 204
    answer = rita.post("sobjects/Contact", {"LastName": "x", "AccountId": account})
    assert (answer.code, answer.message) == ("ENTITY_IS_DELETED", "entity is deleted")


def test_an_update_must_not_empty_a_required_field(rita: Rest) -> None:
    account = rita.id_of("Account", "Acme GmbH")
    answer = rita.patch(f"sobjects/Account/{account}", {"Name": None})
    assert (answer.code, answer.body[0]["fields"]) == ("REQUIRED_FIELD_MISSING", ["Name"])


def test_validation_looks_at_what_changes(rita: Rest) -> None:
    """The rule on CloseDate lets an old opportunity be edited otherwise."""
    closed = rita.id_of("Opportunity", "Acme pilot")
    assert rita.patch(f"sobjects/Opportunity/{closed}", {"NextStep": "none"}).status == 204
    answer = rita.patch(f"sobjects/Opportunity/{closed}", {"CloseDate": "2024-01-01", "NextStep": "some"})
    assert answer.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert rita.get(f"sobjects/Opportunity/{closed}").body["NextStep"] == "none"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("sobjects/Nothing__c", 404, "NOT_FOUND"),
        ("sobjects/Name", 404, "NOT_FOUND"),
        ("sobjects/Contact/abc123", 400, "MALFORMED_ID"),
        ("sobjects/Contact/0030000000zzzzz", 404, "NOT_FOUND"),
        ("sobjects/Contact/0010000000zzzzz", 404, "NOT_FOUND"),
        ("sobjects/Contact/FirstName/Karl", 404, "NOT_FOUND"),
        ("nothing", 404, "NOT_FOUND"),
        ("query/01g000000000000AAA-2000", 404, "INVALID_QUERY_LOCATOR"),
    ],
)
def test_paths_that_lead_nowhere(rita: Rest, path: str, status: int, code: str) -> None:
    answer = rita.get(path)
    assert (answer.status, answer.code) == (status, code)


def test_405_names_what_is_allowed(rita: Rest) -> None:
    # facts 2.7: HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET,PATCH
    answer = rita.delete("sobjects/Contact/describe")
    assert answer.status == 405
    assert answer.body == [
        {"message": "HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET", "errorCode": "METHOD_NOT_ALLOWED"}
    ]
    assert rita.call("PUT", f"sobjects/Contact/{'0' * 15}", {}).message == (
        "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,PATCH,DELETE"
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"LastName": }', b"[]", b'"x"', b"\xff", b'{"LastName": NaN}', b"[" * 5000]
)
def test_a_body_that_is_no_object(rita: Rest, body: bytes) -> None:
    answer = rita.call("POST", "sobjects/Contact", body)
    assert (answer.status, answer.code) == (400, "JSON_PARSER_ERROR")


def test_a_long_url_is_refused(rita: Rest) -> None:
    # facts 2.1: URL > 16,384 bytes -> 414
    answer = rita.get("query", q="SELECT Id FROM Contact WHERE Name = '" + "x" * 16400 + "'")
    assert (answer.status, answer.code) == (414, "URI_TOO_LONG")


def test_every_answer_tells_the_usage_and_the_longest_call(rita: Rest) -> None:
    # facts 2.5: Sforce-Limit-Info: api-usage=18/5000
    first = rita.get("limits")
    second = rita.get("sobjects/Contact/abc")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert second.headers["Sforce-Limit-Info"] == "api-usage=2/100000"
    assert first.headers["X-Demo-Longest-Call"] == "600"
    assert first.body["DailyApiRequests"] == {"Max": 100000, "Remaining": 99999}


def test_if_unmodified_since(rita: Rest) -> None:
    # facts 2.4: If-Unmodified-Since on PATCH -> 412
    account = rita.id_of("Account", "Acme GmbH")
    path = f"sobjects/Account/{account}"
    stale = {"If-Unmodified-Since": "Tue, 01 Apr 2025 00:00:00 GMT"}
    fresh = {"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    refused = rita.patch(path, {"Site": "x"}, stale)
    assert (refused.status, refused.code) == (412, "PRECONDITION_FAILED")
    assert rita.get(path).body["Site"] is None
    assert rita.patch(path, {"Site": "x"}, fresh).status == 204


def test_external_ids(rita: Rest) -> None:
    created = rita.patch("sobjects/Project__c/Code__c/P-9", {"Name": "Nine"})
    assert (created.status, created.body["created"]) == (201, True)
    changed = rita.patch("sobjects/Project__c/Code__c/P-9", {"Name": "Nine again"})
    assert (changed.status, changed.body) == (
        200,
        {"id": created.body["id"], "success": True, "errors": [], "created": False},
    )
    assert rita.get("sobjects/Project__c/Code__c/p-9").body["Name"] == "Nine again"
    assert rita.get("sobjects/Contact/Email/karl@acme.example").body["Name"] == "Karl Klein"
    assert rita.patch("sobjects/Project__c/Code__c/none?updateOnly=true", {"Name": "x"}).status == 404


def test_an_external_id_that_matches_several(rita: Rest) -> None:
    # facts 2.7: 300, body is the list of record URLs
    ids = [rita.create("Project__c", Name=name, Group_Key__c="same") for name in ("One", "Two")]
    answer = rita.get("sobjects/Project__c/Group_Key__c/same")
    assert answer.status == 300
    assert sorted(answer.body) == sorted(f"/services/data/v66.0/sobjects/Project__c/{one}" for one in ids)


def test_deleting_an_account_takes_its_people_along(admin: Rest) -> None:
    account = admin.id_of("Account", "Nova O\\'Neill & Söhne")
    assert admin.delete(f"sobjects/Account/{account}").status == 204
    assert admin.query("SELECT Id FROM Contact WHERE LastName = 'Ångström'") == []
    assert len(admin.get("queryAll", q="SELECT Id FROM Contact WHERE LastName = 'Ångström'").body["records"]) == 1


def test_an_account_with_cases_stays(admin: Rest) -> None:
    answer = admin.delete(f"sobjects/Account/{admin.id_of('Account', 'Acme GmbH')}")
    assert (answer.status, answer.code) == (400, "DELETE_FAILED")
    assert admin.id_of("Account", "Acme GmbH")


def test_lone_surrogates_and_pairs(rita: Rest) -> None:
    raw = json.dumps({"LastName": "\ud83d\ude00 ok \ud800"}).encode()
    answer = rita.call("POST", "sobjects/Contact", raw)
    assert answer.status == 201
    assert rita.get(f"sobjects/Contact/{answer.body['id']}").body["LastName"] == "😀 ok \ufffd"
