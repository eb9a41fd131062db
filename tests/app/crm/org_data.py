"""The org of the CRM side's tests: the fixture of the stories (Acme with its people) and what these tests need beside it."""

from __future__ import annotations

import datetime as dt
from typing import Any

PRODUCTION = "00D5e000000PRODEA4"
SANDBOX = "00D5e0000000SBXEA2"
PLAIN = "00D5e0000000PLNEA2"
"""An org without Enhanced Email."""


def org_data() -> dict[str, Any]:
    """What ``python -m app.demo --fixture`` reads."""
    callbacks = [f"http://localhost:{port}/OauthRedirect" for port in (1717, 1718, 1719)]
    people = [("rita", "Rita Rep", "Sales"), ("sam", "Sam Support", "Support"), ("ana", "Ana Alvarez", "Sales")]
    return {
        "orgs": [
            {"id": PRODUCTION, "name": "Rita Instruments", "enhanced_email": True},
            {"id": SANDBOX, "name": "Rita Instruments Test", "sandbox": True, "enhanced_email": True},
            {"id": PLAIN, "name": "Plain Mail Ltd", "enhanced_email": False},
        ],
        "users": [
            *(_user(PRODUCTION, name, full, profile, "rita.example") for name, full, profile in people),
            _user(PRODUCTION, "blind", "Bob Blind", "Blind", "rita.example"),
            _user(SANDBOX, "rita", "Rita Rep", "Sales", "sandbox.example"),
            _user(PLAIN, "rita", "Rita Rep", "Sales", "plain.example"),
        ],
        "profiles": {
            "Sales": {"objects": {"Contact": {"edit_scope": "own"}}},
            "Support": {"objects": {}, "fields": {"Opportunity.Amount": {"read": False, "edit": False}}},
            "Blind": {
                "objects": {
                    "Case": {"read": False, "create": False, "edit": False, "delete": False},
                    "Opportunity": {"read": False, "create": False, "edit": False, "delete": False},
                }
            },
        },
        "rules": {
            "duplicate": [
                _duplicates("Contact", "alert", [["Email"], ["FirstName", "LastName", "AccountId"]]),
                _duplicates("Lead", "block", [["Email"], ["FirstName", "LastName", "Company"]]),
            ]
        },
        "clients": [{"client_id": "3MVG9demo.outrigger.desktop", "name": "Outrigger", "redirect_uris": callbacks}],
        "records": {PRODUCTION: _acme(), PLAIN: _acme(), SANDBOX: {}},
    }


def _user(org: str, alias: str, name: str, profile: str, domain: str) -> dict[str, Any]:
    return {
        "org": org,
        "alias": f"@{alias}",
        "username": f"{alias}@{domain}",
        "password": f"{alias}-demo",
        "name": name,
        "email": f"{alias}@rita.example",
        "profile": profile,
    }


def _duplicates(object_type: str, action: str, match: list[list[str]]) -> dict[str, Any]:
    return {"object": object_type, "name": f"Standard_{object_type}_Duplicate_Rule", "action": action, "match": match}


def _acme() -> dict[str, list[dict[str, Any]]]:
    now = dt.datetime.now(dt.UTC)

    def day(days: int) -> str:
        return (now + dt.timedelta(days=days)).date().isoformat()

    def moment(days: int) -> str:
        return (now + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def opportunity(alias: str, name: str, stage: str, closes: int) -> dict[str, Any]:
        values = {"Name": name, "AccountId": "@acme", "StageName": stage, "CloseDate": day(closes)}
        return {"Id": alias, **values, "Amount": 80000, "OwnerId": "@rita"}

    return {
        "Account": [{"Id": "@acme", "Name": "Acme GmbH", "Industry": "Machinery", "BillingCity": "canary-city", "OwnerId": "@rita"}],
        "Contact": [
            {
                "Id": "@karl", "FirstName": "Karl", "LastName": "Klein", "Email": "karl@acme.example", "AccountId": "@acme", "OwnerId": "@rita",
                "Title": "canary-title", "Phone": "canary-phone", "Description": "canary-description",
            },
            *({"LastName": name, "Email": "info@acme.example", "OwnerId": "@rita"} for name in ("Zoe", "Abel", "Mona")),
            {"Id": "@mia", "FirstName": "Mia", "LastName": "Moser", "Email": "mia@acme.example", "AccountId": "@acme", "OwnerId": "@rita"},
        ],
        "Lead": [
            {
                "Id": "@lee", "FirstName": "Lee", "LastName": "Long", "Company": "NewCo Systems Ltd", "Email": "lee@newco.example",
                "OwnerId": "@rita",
            },
            {"LastName": "Front Desk", "Company": "Acme GmbH", "Email": "info@acme.example", "OwnerId": "@rita"},
        ],
        "Opportunity": [
            opportunity("@opp_a", "Acme 2025", "Proposal/Price Quote", 30),
            opportunity("@opp_b", "Acme renewal", "Qualification", 62),
            opportunity("@opp_c", "Acme line 2", "Closed Won", -120),
        ],
        "OpportunityContactRole": [{"OpportunityId": "@opp_a", "ContactId": "@karl", "Role": "Decision Maker"}],
        "Case": [
            {
                "Id": "@case", "CaseNumber": "00001001", "AccountId": "@acme", "ContactId": "@mia", "Subject": "Gateway drops off",
                "Status": "Working", "Priority": "High", "Origin": "Email", "OwnerId": "@rita",
            }
        ],
        "Task": [
            {
                "Subject": "Call Karl about the delivery dates", "WhoId": "@karl", "WhatId": "@opp_a", "Status": "Not Started",
                "ActivityDate": day(1), "OwnerId": "@rita",
            },
            {
                "Subject": "Call", "WhoId": "@karl", "WhatId": "@opp_a", "Status": "Completed", "ActivityDate": day(-5), "TaskSubtype": "Call",
                "OwnerId": "@rita",
            },
        ],
        "Event": [
            {
                "Subject": "Site visit line 4", "WhoId": "@karl", "WhatId": "@opp_a", "OwnerId": "@rita",
                "StartDateTime": moment(-18), "EndDateTime": moment(-18),
            }
        ],
    }  # fmt: skip
