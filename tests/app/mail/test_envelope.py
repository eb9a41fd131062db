"""Header blocks of every kind become envelopes: real ones rightly, broken and hostile ones without an error and in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mail.envelope import (
    MAX_ADDRESSES,
    MAX_SUBJECT_CHARS,
    addresses,
    message_ids,
    parse_envelope,
    parse_headers,
)
from app.model.mail import Address, Envelope

ARRIVED = 1_795_600_000


def one(**fields: str | bytes) -> Envelope:
    block = b"".join(
        name.replace("_", "-").encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        for name, value in fields.items()
    )
    return parse_envelope(block + b"\r\n", ARRIVED)


def test_an_ordinary_header() -> None:
    found = one(
        From="Karl Klein <karl@acme.example>",
        To="rita@rita.example, Mia <mia@acme.example>",
        Cc="desk@acme.example",
        Subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        Date="Tue, 24 Nov 2026 10:00:00 +0100",
        Message_ID="<a@b>",
        In_Reply_To="<p@b>",
        References="<o@b>\r\n\t<p@b>",
    )
    assert found == Envelope(
        subject="Grüße",
        date=1_795_510_800,
        from_=(Address("Karl Klein", "karl@acme.example"),),
        reply_to=(),
        to=(Address("", "rita@rita.example"), Address("Mia", "mia@acme.example")),
        cc=(Address("", "desk@acme.example"),),
        bcc=(),
        message_id="<a@b>",
        in_reply_to="<p@b>",
        references=("<o@b>", "<p@b>"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Klein, Karl" <k@a.b>', [("Klein, Karl", "k@a.b")]),
        ("Klein, Karl <k@a.b>", [("Klein, Karl", "k@a.b")]),
        ("k@a.b (Karl)", [("Karl", "k@a.b")]),
        ("(nested (comment)) k@a.b", [("nested comment", "k@a.b")]),
        ("undisclosed-recipients:;", []),
        ("Team: a@b, C <c@d>; e@f", [("", "a@b"), ("C", "c@d"), ("", "e@f")]),
        ('"a b"@c.d', [("", '"a b"@c.d')]),
        ('<"a b"@c.d>', [("", '"a b"@c.d')]),
        ("<@relay:c@d>", [("", "c@d")]),
        ("Mailer Daemon", [("Mailer Daemon", "")]),
        ("=?utf-8?q?a=0D=0ABcc:_evil@x?= <a@b.c>", [("a Bcc: evil@x", "a@b.c")]),
        ("=?utf-8?B?w4lsb2RpZQ==?= =?utf-8?q?_Dupont?= <e@x>", [("Élodie Dupont", "e@x")]),
        ("a@[", [("", "a@[")]),
        ("", []),
        (",,;:<", [("", "")]),
    ],
)
def test_address_lists(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(found.name, found.address) for found in addresses(text)] == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Mon, 23 Nov 2026 10:00:00 +0000", 1_795_428_000),
        ("1 Jan 99999999999 00:00:00 +0000", ARRIVED),
        ("Mon, 99 Foo 99999 99:99:99 +9999", ARRIVED),
        ("Fri, 1 Jan 2038 00:00:00 +0000", ARRIVED),
        ("Thu, 1 Jan 1950 00:00:00 +0000", ARRIVED),
        ("", ARRIVED),
        ("yesterday", ARRIVED),
    ],
)
def test_dates_that_cannot_be_are_those_of_the_arrival(date: str, expected: int) -> None:
    found = parse_envelope(f"Date: {date}\r\n".encode(), ARRIVED)
    assert found.date == expected


def test_message_ids() -> None:
    assert message_ids("<a@b> <c@d>") == ("<a@b>", "<c@d>")
    assert message_ids("Your message of Monday <a@b>") == ("<a@b>",)
    assert message_ids("<a\r\n b@c>") == ("<ab@c>",)
    assert message_ids("a@b") == ("<a@b>",)
    assert message_ids("<>") == ()
    assert len(one(References=" ".join(f"<{n}@x>" for n in range(5000))).references) == 100


def test_bytes_without_a_charset() -> None:
    assert one(Subject="Größe".encode()).subject == "Größe"
    assert one(Subject="Größe".encode("latin-1")).subject == "Größe"
    assert one(Subject=b"=?zz-9?q?odd?=").subject == "odd"
    assert one(Subject=b"=?utf-7?q?+2AA-?=").subject == "\ufffd"


def test_the_first_of_two_fields_counts() -> None:
    found = parse_envelope(b"From: a@b\r\nFrom: evil@x\r\nSubject: one\r\nSubject: two\r\n\r\n", ARRIVED)
    assert (found.from_[0].address, found.subject) == ("a@b", "one")


def test_caps() -> None:
    assert len(one(Subject="x" * 5_000_000).subject) == MAX_SUBJECT_CHARS
    assert len(one(To=",".join(f"a{n}@b" for n in range(20_000))).to) <= MAX_ADDRESSES
    assert one(From="(" * 30_000 + ")" * 30_000).from_ == ()
    assert one(To="=?utf-8?q?x?= <a@b>," * 3000).to[0] == Address("x", "a@b")


@given(st.binary(max_size=3000), st.integers(0, 1 << 40))
def test_no_bytes_raise_and_all_text_can_be_stored(block: bytes, arrived: int) -> None:
    (found,) = parse_headers([(block, arrived)])
    for text in (found.subject, found.message_id, *(a.name for a in found.from_), *(a.address for a in found.to)):
        text.encode("utf-8")
    assert 0 <= found.date <= max(arrived + 86_400, 1 << 41)


@given(st.text(max_size=400))
def test_no_address_list_raises(text: str) -> None:
    for found in addresses(text):
        assert not any(ord(character) < 32 for character in found.name + found.address)
