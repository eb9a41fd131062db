"""Whatever a client sends, the server answers or hangs up, and goes on serving the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo.mail.imap import mime
from app.demo.mail.imap.addresses import parse_addresses
from app.demo.mail.imap.fetch import FetchedMessage, FetchItem, Section, section_bytes
from app.demo.mail.imap.search import Candidate
from app.demo.mail.imap.structure import body_structure, envelope
from app.demo.mail.imap.text import body_text, headers_text
from app.demo.mail.mailbox import Message
from app.demo.mail.names import BadName, check_new_name, decode_name, encode_name, matches
from tests.app.demo.mail.running import STARTED, RunningMail, running_mail


@pytest.fixture(scope="module")
def world() -> Iterator[RunningMail]:
    with running_mail() as running:
        yield running


LINES = [
    b"",
    b" ",
    b"t",
    b"t ",
    b"+ NOOP",
    b"* OK",
    b"t\x00NOOP",
    b"\xff\xfe\xfd",
    b"t " + b"A" * 3000,
    b"t LOGIN",
    b"t FETCH 1:* (BODY[1.2.3.4.5.6.7.8.9])",
    b"t FETCH 1 BODY[" + b"1." * 80 + b"1]",
    b't LIST "" "' + b"*" * 900 + b'"',
    b't LIST "" "' + b"%*" * 400 + b'x"',
    b"t SEARCH " + b"NOT " * 2000 + b"ALL",
    b't SELECT "\\x"',
    b't SELECT "unclosed',
    b"t STORE 1 +FLAGS (((",
    b"t UID",
    b"t UID UID FETCH 1 FLAGS",
    b"t APPEND",
    b"t ENABLE",
    b"t STATUS INBOX ()",
    b"t SELECT {x}",
    b"t SELECT {-5}",
    b"t SELECT {99999999999999999999}",
    b"t SELECT {5} trailing",
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_nonsense_line_gets_an_answer(world: RunningMail, line: bytes):
    with world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        raw.send(line + b"\r\n")
        assert raw.line().split(b" ")[1] in {b"BAD", b"NO", b"FETCH", b"OK"} or line.startswith(b"t ")
        raw.send(b"last NOOP\r\n")
        assert raw.until(b"last ")[-1] == b"last OK Done"


def test_a_line_without_end_is_cut(world: RunningMail):
    with world.raw_imap() as raw:
        raw.send(b"t NOOP " + b"x" * (3 << 20))
        raw.send(b"\r\nlast NOOP\r\n")
        assert raw.until(b"last ")[-1] == b"last OK Done"


def test_a_literal_that_is_too_large_is_refused_before_it_comes(world: RunningMail):
    with world.raw_imap() as raw:
        raw.send(b"t APPEND INBOX {2000000000}\r\n")
        assert raw.line().startswith(b"t NO [TOOBIG]")
        raw.send(b"t SELECT {3000000}\r\n")
        assert raw.line().startswith(b"t NO [TOOBIG]")
        assert raw.ask("NOOP")[-1] == b"t OK Done"


def test_a_huge_literal_that_is_coming_ends_the_session(world: RunningMail):
    with world.raw_imap() as raw:
        raw.send(b"t APPEND INBOX {2000000000+}\r\n")
        assert raw.line().startswith(b"* BYE")


def test_no_large_literal_before_signing_in(world: RunningMail):
    with world.raw_imap(sign_in=False) as raw:
        raw.send(b"t LOGIN {1000000}\r\n")
        assert raw.line().startswith(b"t NO [TOOBIG]")


def test_endless_nonsense_is_hung_up_on(world: RunningMail):
    with world.raw_imap() as raw:
        with contextlib.suppress(OSError):
            raw.send(b"t MAGIC\r\n" * 100)
        lines = raw.until(b"* BYE")
        assert len(lines) == 51


def test_clients_that_leave_in_the_middle_do_no_harm(world: RunningMail):
    for unfinished in (
        b"t APPEND INBOX {500}\r\n" + b"x" * 100,
        b"t IDLE\r\n",
        b"t LOGIN a",
        b"t FETCH 1:3 BODY[]\r\n",
    ):
        with world.raw_imap() as raw:
            raw.send(unfinished)
    with world.inbox() as client:
        assert client.search() == [1, 2, 3]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=120).map(lambda data: data.replace(b"{", b"(")), max_size=6))
def test_random_bytes_over_the_wire(world: RunningMail, lines: list[bytes]):
    with world.raw_imap() as raw:
        for line in lines:
            raw.send(line + b"\r\n")
        raw.send(b"\r\nlast NOOP\r\n")
        with contextlib.suppress(AssertionError):
            assert raw.until(b"last ")[-1].startswith(b"last OK")
    with world.inbox() as client:
        assert client.search() == [1, 2, 3]


PIECES = st.sampled_from(
    [
        b"From: a@b\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"\r\n",
        b"\n",
        b"--x\r\n",
        b"--x--\r\n",
        b"\r",
        b"\x00",
        b'Content-Type: text/plain; charset="no-such"\r\n',
        b"Content-Transfer-Encoding: base64\r\n",
        b"=?utf-8?B?/////?=",
        b"(((",
        b"To: g:a@b,;c\r\n",
        b"\xff\xfe",
    ]
)


def _rendered(raw: bytes) -> None:
    part = mime.parse(raw)
    assert part.end == len(raw)
    for text in (envelope(part), body_structure(raw, part, extended=True), body_structure(raw, part, extended=False)):
        assert text.startswith(b"(")
        assert text.endswith(b")")
    body_text(raw, part)
    headers_text(part)
    Candidate(_message(raw), 1, lambda _message: raw).sent_on()
    header = section_bytes(raw, lambda: part, Section(text="HEADER"))
    body = section_bytes(raw, lambda: part, Section(text="TEXT"))
    assert (header or b"") + (body or b"") == raw
    FetchedMessage(_message(raw), lambda _message: raw).answer(FetchItem("BODY[]", Section((1, 2, 1), "MIME")))


def _message(raw: bytes) -> Message:
    return Message(1, frozenset(), STARTED, len(raw), 1, 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=30)), max_size=25).map(b"".join))
def test_any_bytes_have_a_structure(raw: bytes):
    _rendered(raw)


def test_deep_and_wide_messages_stay_within_limits():
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    _rendered(deep)
    wide = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 20_000
    _rendered(wide)
    nested = b"Content-Type: message/rfc822\r\n\r\n" * 3000
    _rendered(nested)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_addresses(value: bytes):
    for address in parse_addresses(value):
        assert len(address) == 4


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"karl@acme.example", [(None, None, b"karl", b"acme.example")]),
        (b"Karl Klein <karl@acme.example>", [(b"Karl Klein", None, b"karl", b"acme.example")]),
        (
            b'"Klein, Karl" <karl@acme.example>, x@y',
            [(b"Klein, Karl", None, b"karl", b"acme.example"), (None, None, b"x", b"y")],
        ),
        (b"karl@acme.example (Karl Klein)", [(b"Karl Klein", None, b"karl", b"acme.example")]),
        (b'"say \\"hi\\"" <a@b>', [(b'say "hi"', None, b"a", b"b")]),
        (
            b"Team: a@b, c@d;",
            [(None, None, b"Team", None), (None, None, b"a", b"b"), (None, None, b"c", b"d"), (None,) * 4],
        ),
        (b"undisclosed-recipients:;", [(None, None, b"undisclosed-recipients", None), (None,) * 4]),
        (b"<@relay.example:a@b>", [(None, b"@relay.example", b"a", b"b")]),
        (b"nobody", [(None, None, b"nobody", b"")]),
        (b"", []),
        (b", ,", []),
    ],
)
def test_addresses(value: bytes, expected: list):
    assert parse_addresses(value) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_names_survive_modified_utf_7(name: str):
    try:
        name.encode("utf-16-be")
        check_new_name(name)
    except (UnicodeError, BadName):
        return
    encoded = encode_name(name)
    assert encoded.isascii()
    decoded = decode_name(encoded)
    assert decoded == name or decoded.upper().startswith("INBOX")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab/%*", max_size=12), st.text(alphabet="ab/", max_size=12))
def test_patterns_match_as_defined(pattern: str, name: str):
    def simple(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] in "*%":
            ends = range(len(name) + 1)
            return any(simple(pattern[1:], name[end:]) for end in ends if pattern[0] == "*" or "/" not in name[:end])
        return bool(name) and name[0] == pattern[0] and simple(pattern[1:], name[1:])

    assert matches(name, pattern) == simple(pattern, name)
