"""SOSL and parameterised search: facts page section 2.1 and the guide's dome-search page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo.salesforce.errors import ApiError
from app.demo.salesforce.sosl.terms import RESERVED, matches, parse_term
from tests.app.demo.salesforce.rest_client import Rest

FOUND: list[tuple[str, list[str]]] = [
    (r"FIND {karl@acme.example} IN EMAIL FIELDS RETURNING Contact(Id,Name)", ["Karl Klein"]),
    (r"FIND {zoe\+news@nova\-x.example} IN EMAIL FIELDS RETURNING Contact(Id,Name),Lead(Id,Name)", ["Zoë Ångström"]),
    (r"FIND {KARL} IN NAME FIELDS RETURNING Contact(Id,Name)", ["Karl Klein"]),
    (r"FIND {ångström} IN NAME FIELDS RETURNING Contact(Id,Name)", ["Zoë Ångström"]),
    (r"FIND {acme} IN NAME FIELDS RETURNING Account(Id,Name), Opportunity(Id,Name ORDER BY Name)",
     ["Acme GmbH", "Acme 2025", "Acme pilot", "Acme renewal"]),
    (r"FIND {acme} IN NAME FIELDS RETURNING Opportunity(Id,Name WHERE IsClosed = false ORDER BY Name DESC LIMIT 1)",
     ["Acme renewal"]),
    (r"FIND {acme} IN NAME FIELDS RETURNING Opportunity(Id,Name ORDER BY Name) LIMIT 2", ["Acme 2025", "Acme pilot"]),
    (r"FIND {acme} IN NAME FIELDS RETURNING Opportunity(Id,Name ORDER BY Name OFFSET 2)", ["Acme renewal"]),
    (r"FIND {acm*} IN NAME FIELDS RETURNING Account(Id,Name)", ["Acme GmbH"]),
    (r"FIND {a?me} IN NAME FIELDS RETURNING Account(Id,Name)", ["Acme GmbH"]),
    (r"FIND {acm} IN NAME FIELDS RETURNING Account(Id,Name)", []),
    (r"FIND {acme AND gmbh} IN NAME FIELDS RETURNING Account(Id,Name)", ["Acme GmbH"]),
    (r"FIND {gmbh acme} IN NAME FIELDS RETURNING Account(Id,Name)", ["Acme GmbH"]),
    (r'FIND {"gmbh acme"} IN NAME FIELDS RETURNING Account(Id,Name)', []),
    (r'FIND {"acme gmbh"} IN NAME FIELDS RETURNING Account(Id,Name)', ["Acme GmbH"]),
    (r"FIND {karl OR mia} IN NAME FIELDS RETURNING Contact(Id,Name ORDER BY Name)", ["Karl Klein", "Mia Moser"]),
    (r"FIND {(karl OR mia) AND NOT klein} IN NAME FIELDS RETURNING Contact(Id,Name)", ["Mia Moser"]),
    (r"FIND {secret} IN ALL FIELDS RETURNING Contact(Id,Name)", ["Karl Klein"]),
    (r"FIND {secret} IN NAME FIELDS RETURNING Contact(Id,Name)", []),
    (r"FIND {O\'Neill} RETURNING Account(Id,Name)", ["Nova O'Neill & Söhne"]),
    (r"find {lee@newco.example} in email fields returning Contact(Id,Name),Lead(Id,Name where IsConverted=false)",
     ["Lee Long"]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "names"), FOUND)
def test_search(rita: Rest, statement: str, names: list[str]) -> None:
    answer = rita.get("search", q=statement)
    assert answer.status == 200, answer.body
    assert [one["Name"] for one in answer.body["searchRecords"]] == names


def test_the_shape_of_the_answer(rita: Rest) -> None:
    # dome-search: {"searchRecords":[{"attributes":{"type":"Contact","url":...},"Id":"003..."}]}
    karl = rita.id_of("Contact", "Karl Klein")
    answer = rita.get("search", q="FIND {karl@acme.example} IN EMAIL FIELDS RETURNING Contact")
    url = f"/services/data/v66.0/sobjects/Contact/{karl}"
    assert answer.body == {"searchRecords": [{"attributes": {"type": "Contact", "url": url}, "Id": karl}]}


INVALID: list[tuple[str, int, str]] = [
    ("SELECT Id FROM Contact", 400, "MALFORMED_SEARCH"),
    ("FIND karl", 400, "MALFORMED_SEARCH"),
    ("FIND {}", 400, "MALFORMED_SEARCH"),
    ("FIND {karl", 400, "MALFORMED_SEARCH"),
    ("FIND {k}", 400, "MALFORMED_SEARCH"),
    ("FIND {a-b}", 400, "MALFORMED_SEARCH"),
    ("FIND {a+b}", 400, "MALFORMED_SEARCH"),
    ("FIND {it's}", 400, "MALFORMED_SEARCH"),
    ('FIND {"open}', 400, "MALFORMED_SEARCH"),
    ("FIND {(karl}", 400, "MALFORMED_SEARCH"),
    ("FIND {karl AND}", 400, "MALFORMED_SEARCH"),
    ("FIND {karl} IN SOME FIELDS", 400, "MALFORMED_SEARCH"),
    ("FIND {karl} IN EMAIL RETURNING Contact", 400, "MALFORMED_SEARCH"),
    ("FIND {karl} RETURNING Contact(", 400, "MALFORMED_SEARCH"),
    ("FIND {karl} RETURNING Nothing", 400, "INVALID_TYPE"),
    ("FIND {karl} RETURNING Organization", 400, "INVALID_TYPE"),
    ("FIND {karl} RETURNING Contact(Foo)", 400, "INVALID_FIELD"),
    ("FIND {karl} RETURNING Contact(Id WHERE Description = 'x')", 400, "INVALID_FIELD"),
    ("FIND {karl} IN SIDEBAR FIELDS", 501, "NOT_IMPLEMENTED"),
    ("FIND {karl} RETURNING Contact WITH SNIPPET", 501, "NOT_IMPLEMENTED"),
]


@pytest.mark.parametrize(("statement", "status", "code"), INVALID)
def test_invalid_searches(rita: Rest, statement: str, status: int, code: str) -> None:
    answer = rita.get("search", q=statement)
    assert (answer.status, answer.code) == (status, code)


def test_parameterized(rita: Rest) -> None:
    got = rita.get("parameterizedSearch/", q="acme", sobject="Account,Opportunity", **{
        "in": "NAME", "Account.fields": "id,name", "Opportunity.fields": "name", "Opportunity.limit": "2",
    })  # fmt: skip
    assert next(one["Name"] for one in got.body["searchRecords"]) == "Acme GmbH"
    assert len(got.body["searchRecords"]) == 3
    body: dict[str, Any] = {
        "q": "lee@newco.example",
        "in": "EMAIL",
        "fields": ["Id", "Name"],
        "sobjects": [
            {"name": "Contact", "limit": 5},
            {"name": "Lead", "fields": ["Id", "Company"], "where": "IsConverted = false"},
        ],
        "overallLimit": 50,
        "defaultLimit": 10,
    }
    posted = rita.post("parameterizedSearch", body)
    assert [one["Company"] for one in posted.body["searchRecords"]] == ["NewCo"]
    assert rita.post("parameterizedSearch", {"q": ""}).code == "MALFORMED_SEARCH"
    assert rita.post("parameterizedSearch", {"q": "lee", "snippet": "x"}).status == 501


def escape(text: str) -> str:
    """What the guide asks for: a backslash before each reserved character."""
    return "".join("\\" + one if one in RESERVED else one for one in text)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(min_size=1, max_size=40))
def test_escaped_text_finds_itself(text: str) -> None:
    if text.strip() in ("AND", "OR", "NOT"):
        return
    letters = "".join(re.findall(r"\w", text))
    if len(letters) < 2:
        with pytest.raises(ApiError):
            parse_term(escape(text))
    else:
        assert matches(parse_term(escape(text)), [text])
