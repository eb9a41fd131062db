"""Any text can be asked for in SOQL once it is quoted by the rules of the reference, and nothing else is found by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo.salesforce.database import Database
from app.demo.salesforce.errors import ApiError
from app.demo.salesforce.org import Org
from app.demo.salesforce.service import SalesforceService
from app.demo.salesforce.writing.writer import Writer

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=60)
SPECIAL = st.text(st.sampled_from("'\"\\%_\n\r\t\b\f,()=aZé😀- "), min_size=1, max_size=30)


def quote(text: str) -> str:
    """A SOQL string literal: backslash and apostrophe escaped (SOQL Reference, "Quoted String Escape Sequences")."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def like(text: str) -> str:
    """A LIKE pattern that means the text itself: the wildcards escaped too."""
    return quote(text)[:-1].replace("%", "\\%").replace("_", "\\_") + "'"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """The production org of the fixture, without a server."""
    folder = tmp_path_factory.mktemp("quoting")
    fixture = json.loads(Path(__file__).with_name("org.json").read_text(encoding="utf-8"))
    database = Database(folder / "db.sqlite3")
    service = SalesforceService(fixture, database, folder / "files", lambda: datetime.now(UTC))
    yield next(iter(service.orgs.values()))
    database.close()


def names(org: Org, statement: str) -> list[str]:
    """The last column of a statement's records."""
    actor = org.system()
    records = org.queries.run(statement, actor, org.moments(actor.user_id), "66.0")["records"]
    return [one["Name"] for one in records]


def status_of(org: Org, statement: str) -> int:
    """The status a statement is answered with; any other exception fails the test."""
    actor = org.system()
    try:
        org.queries.run(statement, actor, org.moments(actor.user_id), "66.0")
    except ApiError as exc:
        return exc.status
    return 200


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=TEXT | SPECIAL)
def test_a_quoted_text_finds_its_record_and_no_other(org: Org, text: str) -> None:
    with org.database.transaction():
        record_id = Writer(org, org.system()).create("Account", {"Name": f"<{text}>"})
        stored = f"<{text}>"
        assert names(org, f"SELECT Name FROM Account WHERE Name = {quote(stored)} AND Id = '{record_id}'") == [stored]
        assert names(org, f"SELECT Name FROM Account WHERE Name LIKE {like(stored)} AND Id = '{record_id}'") == [stored]
        assert names(
            org, f"SELECT Name FROM Account WHERE Name IN ('other', {quote(stored)}) AND Id = '{record_id}'"
        ) == [stored]
        assert names(org, f"SELECT Name FROM Account WHERE Name LIKE {like('<' + text)} AND Id = '{record_id}'") == []
        found = names(org, f"SELECT Name FROM Account WHERE Name = {quote(stored)}")
        assert {one.casefold() for one in found} == {stored.casefold()}
        org.tables.remove("Account", record_id)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text=st.text(max_size=80) | SPECIAL)
def test_no_unquoted_text_is_more_than_an_error(org: Org, text: str) -> None:
    """What a careless client puts into a statement ends in an error body, never in a crash of the server."""
    assert status_of(org, f"SELECT Name FROM Account WHERE Name = '{text}'") in (200, 400, 501)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(words=st.lists(st.sampled_from(
    "SELECT FROM WHERE Id Name Account Contact ( ) , . = != < > LIKE IN NOT AND OR NULL 'x' 5 TODAY LAST_N_DAYS : "
    "ORDER BY LIMIT OFFSET NULLS FIRST COUNT ( ) 2026-01-01 2026-01-01T00:00:00Z Owner . Owner.Name Tasks true".split()),
    max_size=25))  # fmt: skip
def test_any_row_of_words_is_answered(org: Org, words: list[str]) -> None:
    assert status_of(org, "SELECT Name FROM Account WHERE " + " ".join(words)) in (200, 400, 501)
    assert status_of(org, "SELECT " + " ".join(words)) in (200, 400, 501)


@pytest.mark.parametrize(
    "statement",
    [
        "'",
        "\\",
        "SELECT Name FROM Account WHERE Name = '\\ud800'",
        "SELECT Name FROM Account WHERE Name = '\\uD83D\\uDE00'",
    ],
)
def test_odd_statements(org: Org, statement: str) -> None:
    assert status_of(org, statement) in (200, 400)
