"""ImapBackend against a server that means harm: every call ends in time, with a value or with an error of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.backends.imap import ImapBackend, ImapTimeouts
from app.errors import AppError, NotSupported, Offline, PermanentError, TransientError
from tests.servers.evil_imap import (
    Answer,
    EvilImap,
    after,
    flood,
    hang_up,
    running_evil_imap,
    silence,
    trickle,
)

TIMEOUTS = ImapTimeouts(connect=2, silence=1, command=2)
ENDS_WITHIN_S = 30.0


@pytest.fixture
def evil() -> Iterator[EvilImap]:
    with running_evil_imap() as running:
        running.messages = {1: b"Subject: one\r\n\r\n1", 2: b"Subject: two\r\n\r\n2", 3: b"Subject: three\r\n\r\n3"}
        yield running


@asynccontextmanager
async def connected(evil: EvilImap, *, starttls: bool = False) -> AsyncIterator[ImapBackend]:
    backend = ImapBackend(evil.account(starttls=starttls), "secret", timeouts=TIMEOUTS)
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            yield backend
    finally:
        await backend.close()


FETCH_ANSWERS: dict[str, Answer] = {
    "huge literal, then silence": after(b"* 1 FETCH (UID 1 BODY[] {2000000000}\r\nabc", silence),
    "literal beyond all numbers": b"* 1 FETCH (UID 1 BODY[] {9223372036854775806}\r\n",
    "literal of thirty digits": b"* 1 FETCH (UID 1 BODY[] {100000000000000000000000000000}\r\n",
    "literal of five thousand digits": b"* 1 FETCH (UID 1 BODY[] {" + b"9" * 5000 + b"}\r\n",
    "negative literal": b"* 1 FETCH (UID 1 BODY[] {-5}\r\n)\r\n%tag% OK done\r\n",
    "literal that ends early": after(b"* 1 FETCH (UID 1 BODY[] {500}\r\nshort", hang_up),
    "literal longer than announced": b"* 1 FETCH (UID 1 BODY[] {2}\r\nlonger)\r\n%tag% OK done\r\n",
    "five thousand parentheses": b"* 1 FETCH (UID 1 FLAGS " + b"(" * 5000 + b")" * 5000 + b")\r\n%tag% OK done\r\n",
    "no closing parenthesis": b"* 1 FETCH (UID 1 FLAGS (\\Seen\r\n%tag% OK done\r\n",
    "uid out of range": b"* 1 FETCH (UID 99999999999999999999 FLAGS ())\r\n%tag% OK done\r\n",
    "uid that is a word": b"* 1 FETCH (UID abc FLAGS ())\r\n%tag% OK done\r\n",
    "no uid": b"* 1 FETCH (FLAGS () BODY[] {2}\r\nhi)\r\n%tag% OK done\r\n",
    "another message": b"* 9 FETCH (UID 77 FLAGS () BODY[] {2}\r\nhi)\r\n%tag% OK done\r\n",
    "bytes that are no text": b"* 1 FETCH (UID 1 FLAGS (\xff\xfe))\r\n%tag% OK done\r\n",
    "bye": b"* BYE go away\r\n",
    "a tag of its own": b"Z99 OK done\r\n",
    "no protocol at all": b"HTTP/1.1 200 OK\r\n\r\n<html>\r\n",
    "a line without end": after(b"* 1 FETCH (UID 1 FLAGS (" + b"x" * 3_000_000, silence),
    "a flood": flood,
    "a trickle": trickle,
    "silence": silence,
    "nothing": hang_up,
    "no": b"%tag% NO [UNAVAILABLE] busy\r\n",
    "bad": b"%tag% BAD what\r\n",
    "a mod-sequence out of range": b"* 1 FETCH (UID 1 FLAGS () MODSEQ (99999999999999999999999))\r\n%tag% OK done\r\n",
    "a date that is none": b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "yesterday" RFC822.SIZE 5)\r\n%tag% OK done\r\n',
    "a structure that is none": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5 BODYSTRUCTURE (((()))))\r\n%tag% OK done\r\n",
}


@pytest.mark.parametrize("name", FETCH_ANSWERS)
async def test_no_answer_to_fetch_hangs_or_crashes(evil: EvilImap, name: str) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        await backend.select("INBOX", read_only=True)
        evil.answers["FETCH"] = FETCH_ANSWERS[name]
        for call in (backend.headers, backend.bodies, backend.flags):
            found: Any = None
            try:
                found = await call([1, 2, 3])
            except AppError:
                await _again(backend)
                continue
            assert {getattr(each, "uid", each) for each in found} <= {1, 2, 3}


async def test_one_answer_that_cannot_be_read_costs_one_message(evil: EvilImap) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        await backend.select("INBOX", read_only=True)
        good = (
            b'* %d FETCH (UID %d FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 5 BODY[HEADER.FIELDS (SUBJECT)] '
            b"{17}\r\nSubject: good\r\n\r\n)\r\n"
        )
        broken = b"* 2 FETCH (UID 2 FLAGS ((((( RFC822.SIZE 5)\r\n"
        evil.answers["FETCH"] = good % (1, 1) + broken + good % (3, 3) + b"%tag% OK done\r\n"
        headers = await backend.headers([1, 2, 3])
        assert [(each.uid, bool(each.header)) for each in headers] == [(1, True), (2, False), (3, True)]


SELECT_ANSWERS: dict[str, bytes] = {
    "validity of letters": b"* 3 EXISTS\r\n* OK [UIDVALIDITY abc] x\r\n%tag% OK done\r\n",
    "validity out of range": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 99999999999999999999999] x\r\n%tag% OK done\r\n",
    "negative": b"* -3 EXISTS\r\n* OK [UIDNEXT -1] x\r\n%tag% OK done\r\n",
    "nothing at all": b"%tag% OK done\r\n",
    "mod-sequence out of range": b"* 3 EXISTS\r\n* OK [HIGHESTMODSEQ 99999999999999999999999999] x\r\n%tag% OK done\r\n",
    "bye": b"* BYE\r\n",
}


@pytest.mark.parametrize("name", SELECT_ANSWERS)
async def test_no_answer_to_select_gets_through_that_a_database_would_refuse(evil: EvilImap, name: str) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        evil.answers["SELECT"] = SELECT_ANSWERS[name]
        try:
            status = await backend.select("INBOX")
        except AppError:
            await _again(backend)
        else:
            assert all(
                0 <= number < 1 << 63
                for number in (status.exists, status.uid_validity, status.uid_next, status.highest_mod_seq)
            )


SEARCH_ANSWERS = [
    b"* SEARCH abc\r\n%tag% OK done\r\n",
    b"* SEARCH 99999999999999999999999999\r\n%tag% OK done\r\n",
    b"* SEARCH -1\r\n%tag% OK done\r\n",
    b"* SEARCH " + b"9" * 6000 + b"\r\n%tag% OK done\r\n",
    b"* SEARCH\r\n* SEARCH\r\n%tag% OK done\r\n",
    b"%tag% OK done\r\n",
]


@pytest.mark.parametrize("answer", SEARCH_ANSWERS)
async def test_no_answer_to_search_crashes(evil: EvilImap, answer: bytes) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        await backend.select("INBOX")
        evil.answers["SEARCH"] = answer
        try:
            assert await backend.uids() in ([], [1])
        except AppError:
            await _again(backend)


async def test_odd_folder_names_are_passed_over_and_others_kept(evil: EvilImap) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        odd = [
            b'"../../etc/passwd"',
            b'"&bad"',
            b'"\xff\xfe\x00"',
            b'"' + b"x" * 5000 + b'"',
            b"nonsense ((",
            b'"a\tb"',
        ]
        lines = [b'* LIST () "/" ' + name + b"\r\n" for name in (b"INBOX", *odd, b"Work")]
        evil.answers["LIST"] = b"".join(
            [b"* LIST (\\Noselect) NIL {4}\r\nGood\r\n", *lines, b"* LIST\r\n", b"%tag% OK done\r\n"]
        )
        folders = {folder.path: folder for folder in await backend.folders()}
        assert {"INBOX", "Work", "Good"} <= folders.keys()
        assert not folders["Good"].is_selectable
        assert all(len(path) < 1001 and path.isprintable() for path in folders)


@pytest.mark.parametrize(
    "greeting",
    [b"* BYE full\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n", b"\xff" * 100 + b"\r\n", b"* OK hi", b"", b"* OK " + b"x" * 3_000_000],
)  # fmt: skip
async def test_no_greeting_hangs_or_crashes(evil: EvilImap, greeting: bytes) -> None:
    evil.greeting = greeting
    async with connected(evil) as backend:
        with pytest.raises(TransientError):
            await backend.connect()


async def test_being_signed_in_unasked_is_refused(evil: EvilImap) -> None:
    evil.greeting = b"* PREAUTH welcome\r\n"
    evil.plain_greeting = b"* PREAUTH welcome\r\n"
    for starttls in (False, True):
        async with connected(evil, starttls=starttls) as backend:
            with pytest.raises(NotSupported) as raised:
                await backend.connect()
            assert raised.value.code == "preauth_refused"
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in evil.commands)


async def test_no_starttls_means_no_password(evil: EvilImap) -> None:
    evil.plain_greeting = b"* OK [CAPABILITY IMAP4rev1] no TLS here\r\n"
    evil.starttls_answer = b"%tag% NO never\r\n"
    async with connected(evil, starttls=True) as backend:
        with pytest.raises((PermanentError, TransientError)):
            await backend.connect()
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in evil.commands)


async def test_what_is_said_before_tls_is_not_believed_after_it(evil: EvilImap) -> None:
    evil.starttls_answer = b"%tag% OK begin\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED INJECTED\r\n"
    async with connected(evil, starttls=True) as backend:
        try:
            await backend.connect()
        except Offline:
            return  # taken for a broken handshake: as good
        assert await backend.folders()


async def test_a_sign_in_that_breaks_off_is_not_a_wrong_password(evil: EvilImap) -> None:
    evil.answers["AUTHENTICATE"] = hang_up
    async with connected(evil) as backend:
        with pytest.raises(Offline):
            await backend.connect()


@pytest.mark.parametrize("code", [b"7 1:4294967295 1:4294967295", b"abc", b"7 1,2 3", b"7 1:3 5:99999999999", b"7"])
async def test_no_copyuid_is_believed_that_cannot_be_true(evil: EvilImap, code: bytes) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        await backend.select("INBOX")
        evil.answers["MOVE"] = b"* OK [COPYUID " + code + b"] moved\r\n%tag% OK done\r\n"
        assert (await backend.move([1, 2], "Archive")).uids == {}


@pytest.mark.parametrize(
    "answer", [flood, trickle, hang_up, b"* BYE\r\n", b"+ idling\r\nnonsense\r\n", b"%tag% NO not now\r\n"]
)
async def test_no_idle_hangs(evil: EvilImap, answer: Answer) -> None:
    async with connected(evil) as backend:
        await backend.connect()
        await backend.select("INBOX")
        evil.answers["IDLE"] = answer
        try:
            assert await backend.idle(1) in (True, False)
        except AppError:
            await _again(backend)


async def _again(backend: ImapBackend) -> None:
    """After an error the backend either still works or can be connected anew."""
    await backend.connect()
    assert await backend.folders()
