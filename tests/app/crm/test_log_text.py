"""Cutting: at a character's boundary, with a mark, never longer than the field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crm.log_text import cut, join_addresses, utf16_length

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "length", "cut_text"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("😀😀😀", 5, "😀😀…"),
        ("😀😀😀", 4, "😀…"),
        ("e\u0301e\u0301", 3, "e\u0301…"),
        ("ae\u0301x", 3, "a…"),
        (f"a{FAMILY}b", 8, "a…"),
        ("a🇩🇪🇫🇷", 4, "a…"),
        ("a👍🏽b", 4, "a…"),
        ("ab\r\ncd", 4, "ab…"),
        ("abc", 0, ""),
    ],
)
def test_where_it_is_cut(text: str, length: int, cut_text: str) -> None:
    assert cut(text, length, "…") == cut_text


@given(st.text(max_size=80), st.integers(min_value=1, max_value=90))
def test_any_text_fits_and_begins_as_it_did(text: str, length: int) -> None:
    shorter = cut(text, length, "…")
    assert utf16_length(shorter) <= length
    if utf16_length(text) <= length:
        assert shorter == text
    else:
        assert shorter.endswith("…")
        assert text.startswith(shorter[:-1])


def test_a_text_of_marks_alone_is_still_cut() -> None:
    assert utf16_length(cut("a" + "\u0301" * 10_000, 1000, "…")) <= 1000


def test_addresses_are_kept_whole() -> None:
    addresses = ["a@x.example", "b@x.example", "c@x.example"]
    assert join_addresses(addresses, 100) == "a@x.example; b@x.example; c@x.example"
    assert join_addresses(addresses, 25) == "a@x.example; b@x.example"
    assert join_addresses(addresses, 5) == ""
