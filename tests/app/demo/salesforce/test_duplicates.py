"""Duplicate rules, facts page section 2.6: alert with allowSave, block, and the body with its misspelt key."""

from __future__ import annotations

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld

MESSAGE = "You're creating a duplicate record. We recommend you use an existing record instead."
ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true; runAsCurrentUser=true"}


def test_alert(rita: Rest) -> None:
    karl = rita.id_of("Contact", "Karl Klein")
    answer = rita.post("sobjects/Contact", {"LastName": "K.", "Email": "KARL@acme.example"})
    assert answer.status == 400
    assert answer.body == [
        {
            "duplicateResut": {
                "allowSave": True,
                "duplicateRule": "Standard_Contact_Duplicate_Rule",
                "duplicateRuleEntityType": "Contact",
                "errorMessage": MESSAGE,
                "matchResults": [
                    {
                        "entityType": "Contact",
                        "errors": [],
                        "matchEngine": "FuzzyMatchEngine",
                        "matchRecords": [
                            {
                                "additionalInformation": [],
                                "fieldDiffs": [],
                                "matchConfidence": 100.0,
                                "record": {
                                    "attributes": {
                                        "type": "Contact",
                                        "url": f"/services/data/v66.0/sobjects/Contact/{karl}",
                                    },
                                    "Id": karl,
                                },
                            }
                        ],
                        "rule": "Standard_Contact_Match_Rule_v1_1",
                        "size": 1,
                        "success": True,
                    }
                ],
            },
            "errorCode": "DUPLICATES_DETECTED",
            "message": MESSAGE,
        }
    ]


def test_alert_can_be_overridden(rita: Rest, world: DemoWorld) -> None:
    body = {"LastName": "K.", "Email": "karl@acme.example"}
    refused = rita.post("sobjects/Contact", body, {"Sforce-Duplicate-Rule-Header": "allowSave=false"})
    assert refused.code == "DUPLICATES_DETECTED"
    assert rita.post("sobjects/Contact", body, ALLOW).status == 201
    assert world.count("", "SELECT COUNT() FROM Contact WHERE Email = 'karl@acme.example'") == 2


def test_block_cannot(rita: Rest, world: DemoWorld) -> None:
    answer = rita.post("sobjects/Lead", {"LastName": "L", "Company": "N", "Email": "lee@newco.example"}, ALLOW)
    result = answer.body[0]["duplicateResut"]
    assert (answer.status, answer.code, result["allowSave"]) == (400, "DUPLICATES_DETECTED", False)
    assert result["matchResults"][0]["rule"] == "Standard_Lead_Match_Rule_v1_0"
    assert world.count("", "SELECT COUNT() FROM Lead WHERE Email = 'lee@newco.example'") == 1


def test_details_are_those_the_user_may_see(rita: Rest) -> None:
    header = {"Sforce-Duplicate-Rule-Header": "includeRecordDetails=true"}
    answer = rita.post("sobjects/Contact", {"LastName": "K.", "Email": "karl@acme.example"}, header)
    record = answer.body[0]["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]
    assert record["Title"] == "Head of Purchasing"


def test_a_match_by_name_and_account(rita: Rest) -> None:
    account = rita.id_of("Account", "Acme GmbH")
    same = {"FirstName": "karl", "LastName": "KLEIN", "AccountId": account}
    assert rita.post("sobjects/Contact", same).code == "DUPLICATES_DETECTED"
    assert rita.post("sobjects/Contact", {"FirstName": "Karl", "LastName": "Klein"}).status == 201


def test_a_deleted_record_is_no_duplicate(rita: Rest) -> None:
    lead = rita.id_of("Lead", "Lee Long")
    rita.delete(f"sobjects/Lead/{lead}")
    assert rita.post("sobjects/Lead", {"LastName": "L", "Company": "N", "Email": "lee@newco.example"}).status == 201
