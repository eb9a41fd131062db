"""Profiles: objects and fields that do not exist for a user, and records that are not the user's own."""

from __future__ import annotations

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld


def test_a_hidden_field_is_absent_everywhere(sam: Rest, rita: Rest) -> None:
    # facts 2.3: a field the user cannot see is simply ABSENT, and naming it in SOQL gives INVALID_FIELD
    names = {one["name"] for one in sam.get("sobjects/Opportunity/describe").body["fields"]}
    assert "Amount" not in names
    assert "CloseDate" in names
    opportunity = rita.id_of("Opportunity", "Acme 2025")
    assert "Amount" not in sam.get(f"sobjects/Opportunity/{opportunity}").body
    assert rita.get(f"sobjects/Opportunity/{opportunity}").body["Amount"] == 120000.0
    for statement in (
        "SELECT Amount FROM Opportunity",
        "SELECT Id FROM Opportunity WHERE Amount > 5",
        "SELECT Id FROM Opportunity ORDER BY Amount",
        "SELECT Opportunity.Amount FROM OpportunityContactRole",
        "SELECT Id, (SELECT Amount FROM Opportunities) FROM Account",
    ):
        answer = sam.get("query", q=statement)
        assert (answer.status, answer.code) == (400, "INVALID_FIELD")
        assert "No such column 'Amount' on entity 'Opportunity'" in answer.message
    assert sam.get(f"sobjects/Opportunity/{opportunity}", fields="Amount").code == "INVALID_FIELD"


def test_a_hidden_field_cannot_be_written(sam: Rest, rita: Rest) -> None:
    opportunity = rita.id_of("Opportunity", "Acme 2025")
    answer = sam.patch(f"sobjects/Opportunity/{opportunity}", {"Amount": 1, "NextStep": "x"})
    assert (answer.code, answer.body[0]["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Amount"])
    assert rita.get(f"sobjects/Opportunity/{opportunity}").body["NextStep"] is None


def test_a_read_only_field_is_shown_and_cannot_be_written(rita: Rest) -> None:
    field = next(one for one in rita.get("sobjects/Account/describe").body["fields"] if one["name"] == "AnnualRevenue")
    assert (field["createable"], field["updateable"]) == (False, False)
    account = rita.id_of("Account", "Acme GmbH")
    answer = rita.patch(f"sobjects/Account/{account}", {"AnnualRevenue": 1})
    assert answer.code == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_hidden_object_does_not_exist(sam: Rest) -> None:
    assert "Lead" not in {one["name"] for one in sam.get("sobjects").body["sobjects"]}
    assert sam.get("sobjects/Lead/describe").status == 404
    assert sam.post("sobjects/Lead", {"LastName": "x", "Company": "y"}).status == 404
    assert sam.get("query", q="SELECT Id FROM Lead").code == "INVALID_TYPE"
    found = sam.get("search", q="FIND {Lee} RETURNING Lead")
    assert found.code == "INVALID_TYPE"
    assert sam.get("search", q="FIND {lee@newco.example} IN ALL FIELDS").body["searchRecords"] == []


def test_not_yours(rita: Rest, admin: Rest, world: DemoWorld) -> None:
    """Sales may change own contacts only; everybody sees them."""
    mia = rita.id_of("Contact", "Mia Moser")
    answer = rita.patch(f"sobjects/Contact/{mia}", {"Title": "x"})
    assert answer.status == 403
    assert answer.body == [
        {
            "message": "insufficient access rights on object id",
            "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY",
            "fields": [],
        }
    ]
    assert rita.delete(f"sobjects/Contact/{mia}").status == 403
    assert rita.patch(f"sobjects/Contact/{rita.id_of('Contact', 'Karl Klein')}", {"Title": "x"}).status == 204
    assert Rest.of(world, "ana@rita.example").patch(f"sobjects/Contact/{mia}", {"Title": "y"}).status == 204
    assert admin.patch(f"sobjects/Contact/{mia}", {"Title": "z"}).status == 204


def test_no_right_to_delete(sam: Rest) -> None:
    opportunity = sam.id_of("Opportunity", "Acme renewal")
    assert sam.delete(f"sobjects/Opportunity/{opportunity}").status == 403
    flags = next(one for one in sam.get("sobjects").body["sobjects"] if one["name"] == "Opportunity")
    assert (flags["deletable"], flags["updateable"]) == (False, True)


@pytest.mark.parametrize("name", ["User", "Organization", "Profile", "ContentDocument"])
def test_objects_that_nobody_creates(admin: Rest, name: str) -> None:
    answer = admin.post(f"sobjects/{name}", {})
    assert (answer.status, answer.code) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")


def test_a_converted_lead_is_frozen(rita: Rest) -> None:
    lead = rita.id_of("Lead", "Con Verted")
    answer = rita.patch(f"sobjects/Lead/{lead}", {"Title": "x"})
    assert (answer.code, answer.message) == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
