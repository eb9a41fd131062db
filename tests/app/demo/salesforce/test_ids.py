"""15 and 18 characters. The pair is the example of the "ID Field Type" page and of countless trackers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.salesforce.ids import MalformedId, make_id, to_18, with_check_letters

ID_15 = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=15, max_size=15)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("005000000000000", "005000000000000AAA"),
        ("012000000000000", "012000000000000AAA"),
        ("ZZZZZZZZZZZZZZZ", "ZZZZZZZZZZZZZZZ555"),
    ],
)
def test_known_pairs(short: str, long: str) -> None:
    assert with_check_letters(short) == long
    assert to_18(short) == long


@given(ID_15)
def test_the_long_form_survives_case_folding(short: str) -> None:
    long = with_check_letters(short)
    assert to_18(long) == long
    assert to_18(long.upper()) == long
    assert to_18(long.lower()) == long


@pytest.mark.parametrize(
    "text",
    ["", "001", "001A0000006Vm9", "001A0000006Vm9rI", "001A0000006Vm9rIA-", "001A0000006Vm9rIA9", "../../../../etc"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedId):
        to_18(text)


def test_made_ids_differ_and_carry_their_prefix() -> None:
    made = {make_id("003", number) for number in range(5000)}
    assert len(made) == 5000
    assert all(one.startswith("003") and to_18(one) == one for one in made)
