"""Quoting for SOQL: whatever a value holds, it stays one value (reliability page, section 6, "SOQL")."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crm.soql import date_time, field_name, in_list, query_path, quoted, select
from app.errors import ValidationFailed

HOSTILE = [
    "x' OR Name != '",
    "a\\",
    "a\\' OR 1",
    "%_",
    "' OR Id!=null OR Email='",
    "\x00",
    "\u2019",
    "o'brien+tag@x.com",
    '"a b"@x',
    "\"' OR ''='\"@evil.com",
    "ü@exämple.de",
    "line\r\nline\ttab\b\f",
    "\u2028",
    "😀",
]

# The whole grammar of a SOQL string literal, written from the reference and not from the code.
LITERAL = re.compile(r"""'(?:[^'\\\x00-\x1f]|\\[\\'"nrtbf]|\\u[0-9a-f]{4})*'""")
SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"'}


def read_back(literal: str) -> str:
    def one(match: re.Match[str]) -> str:
        escape = match[1]
        return chr(int(escape[1:], 16)) if escape.startswith("u") else SHORT[escape]

    return re.sub(r"\\(u[0-9a-f]{4}|.)", one, literal[1:-1])


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_one_literal(value: str) -> None:
    assert LITERAL.fullmatch(quoted(value))
    assert read_back(quoted(value)) == value


@given(st.text(max_size=300))
def test_any_text_comes_back_as_it_was(value: str) -> None:
    assert LITERAL.fullmatch(quoted(value))
    assert read_back(quoted(value)) == value


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_list_has_as_many_members(values: list[str]) -> None:
    text = in_list(values)
    assert re.fullmatch(rf"\({LITERAL.pattern}(?:,{LITERAL.pattern})*\)", text)
    assert [read_back(literal) for literal in LITERAL.findall(text)] == values


def test_half_a_pair_becomes_the_replacement_character() -> None:
    assert quoted("a\ud800b") == "'a\ufffdb'"


def test_too_long_and_empty() -> None:
    with pytest.raises(ValidationFailed):
        quoted("x" * 4001)
    with pytest.raises(ValueError, match="value"):
        in_list([])


@pytest.mark.parametrize("name", ["Id", "Account.Name", "My_Field__c", "A__r.B__r.C__c"])
def test_names(name: str) -> None:
    assert field_name(name) == name


@pytest.mark.parametrize("name", ["", "1x", "Id FROM Contact", "Id,Name", "Name'", "A..B", "A.", "é"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="field name"):
        field_name(name)


def test_date_times() -> None:
    assert date_time(1_795_514_400.9) == "2026-11-24T10:00:00Z"
    assert date_time(-5) == "1970-01-01T00:00:00Z"


def test_a_query_from_its_clauses() -> None:
    soql = select(["Id", "(SELECT Id FROM Tasks)"], "Contact", f"Email = {quoted('a+b@x')}", order_by="Id", limit=3)
    assert soql == "SELECT Id, (SELECT Id FROM Tasks) FROM Contact WHERE Email = 'a+b@x' ORDER BY Id LIMIT 3"
    assert query_path("a = 'x+y&z#'") == "/query/?q=a%20%3D%20%27x%2By%26z%23%27"
