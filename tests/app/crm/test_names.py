"""Names out of addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crm.names import split_name
from app.model.mail import Address


@pytest.mark.parametrize(
    ("name", "address", "split"),
    [
        ("Karl Klein", "k@x.example", ("Karl", "Klein")),
        ("Klein, Karl", "k@x.example", ("Karl", "Klein")),
        ("Dr. Karl Klein", "k@x.example", ("Karl", "Klein")),
        ("Klein, Dr. Karl", "k@x.example", ("Karl", "Klein")),
        ("Karl Klein Jr.", "k@x.example", ("Karl", "Klein")),
        ("Karl Klein, PhD", "k@x.example", ("Karl", "Klein")),
        ("Ludwig van der Berg", "l@x.example", ("Ludwig", "van der Berg")),
        ("van Dijk", "d@x.example", ("van", "Dijk")),
        ("Anna Maria Rossi", "a@x.example", ("Anna Maria", "Rossi")),
        ("'Karl Klein'", "k@x.example", ("Karl", "Klein")),
        ("Karl Klein (Acme GmbH)", "k@x.example", ("Karl", "Klein")),
        ("Karl", "k@x.example", ("", "Karl")),
        ("山田太郎", "t@x.example", ("", "山田太郎")),
        ("محمد علي", "m@x.example", ("محمد", "علي")),
        ("", "karl.klein@x.example", ("Karl", "Klein")),
        ("karl.klein@x.example", "karl.klein@x.example", ("Karl", "Klein")),
        ("", "info@x.example", ("", "info")),
        ("", "k.klein+tag@x.example", ("", "k.klein")),
        ("", "x_y_z@x.example", ("", "x_y_z")),
        ("", "", ("", "")),
    ],
)
def test_names(name: str, address: str, split: tuple[str, str]) -> None:
    assert split_name(Address(name, address)) == split


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_name_fits_its_fields(name: str, local: str) -> None:
    first, last = split_name(Address(name, f"{local}@x.example"))
    assert len(first) <= 40
    assert len(last) <= 80
    assert (first + last).isprintable()
