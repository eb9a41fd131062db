"""Text that mail and records bring is shown, and drives nothing."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import Answer, Output, local_time, plain, plain_lines, table
from app.cli.records import record_target
from app.crm.targets import RecordTarget
from app.errors import PermanentError, ValidationFailed
from app.model.ids import RecordId


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b]0;owned\x07",
        "a\rb",
        "\x9b31m",
        "invoice\u202efdp.exe",
        "\u2066isolated\u2069",
        "a\x00b",
        "\ud800",
        "\u2028",
    ],
)
def test_what_could_drive_a_terminal_is_replaced(text: str) -> None:
    made = plain(text)
    assert all(character.isprintable() for character in made)
    assert "\N{REPLACEMENT CHARACTER}" in made


@pytest.mark.parametrize(
    "text", ["Grüße aus Köln", "日本語の件名", "مرحبا", "👩\u200d💻", "می\u200cخواهم", "tab\tand\nline"]
)
def test_what_people_write_stays(text: str) -> None:
    assert plain(text) == text.replace("\t", " ").replace("\n", " ")


@given(st.text())
def test_nothing_but_printable_characters_and_joiners_comes_through(text: str) -> None:
    for line in [plain(text), *plain_lines(text)]:
        assert all(character.isprintable() or character in "\u200c\u200d" or character.isspace() for character in line)
        assert "\n" not in line
        assert "\x1b" not in line


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5))
def test_tables_have_a_line_a_row(rows: list[tuple[str, str, str]]) -> None:
    assert len(table(rows)) == len(rows)


def test_columns_are_aligned() -> None:
    assert table([("1", "inbox", "a"), ("12", "x", "b")]) == ["1   inbox  a", "12  x      b"]


def test_times_that_cannot_be_are_no_error() -> None:
    assert local_time(0) == local_time(-5) == ""
    assert local_time(1e30) == "?"
    assert len(local_time(1_790_000_000)) == 16


def test_json_is_one_ascii_document_and_errors_go_elsewhere() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = Output(as_json=True, out=out, err=err)
    output.answer(Answer({"subject": "Grüße \x9b日本"}, ["never shown"]))
    output.error(PermanentError("refused", code="X", server_text="Karl's limit"), "ask")
    assert out.getvalue().isascii()
    assert json.loads(out.getvalue()) == {"subject": "Grüße \x9b日本"}
    assert json.loads(err.getvalue()) == {
        "error": "PermanentError",
        "code": "X",
        "words": "refused: Karl's limit",
        "what_to_do": "ask",
    }


def test_errors_in_text_name_the_fields() -> None:
    err = io.StringIO()
    Output(as_json=False, err=err).error(ValidationFailed("empty", fields=["LastName"]), "fill it in")
    assert err.getvalue() == "outrigger: empty (LastName)\n           fill it in\n"


KNOWN = [
    RecordTarget(RecordId("a015e000000PRODEA4"), "Project__c", "Bridge"),
    RecordTarget(RecordId("local:abc"), "Lead", "New"),
]


def test_records_are_found_by_id_prefix_type_or_memory() -> None:
    assert record_target("0065e000000PRODEA4", []).object_type == "Opportunity"
    assert record_target("00Q5e000000PROD", []).object_type == "Lead"
    assert record_target("Thing__c:a025e000000PRODEA4", []).object_type == "Thing__c"
    assert record_target("a015e000000PRODEA4", KNOWN) == KNOWN[0]
    assert record_target("a015e000000PROD", KNOWN) == KNOWN[0]
    assert record_target("local:abc", KNOWN) == KNOWN[1]


@pytest.mark.parametrize(
    "text", ["", "x", "local:none", "a015e000000PRODEA4", "0065e000000PROD!", "0065e000000PRODEA", "Opportunity:", ":"]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValidationFailed):
        record_target(text, [])
