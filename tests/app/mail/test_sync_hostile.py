"""Sync against a server that breaks off, lies and changes its mind: what can be had comes, what is here stays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.backends.imap import ImapTimeouts
from app.store import accounts, messages
from tests.app.mail.rig import Rig, open_rig
from tests.servers.evil_imap import EvilImap, fetch_all_but, running_evil_imap
from tests.servers.mail_servers import MailHost

SELECTED = b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n%%tag%% OK done\r\n"


@dataclass
class Bad:
    evil: EvilImap
    rig: Rig


@pytest.fixture
def evil() -> Iterator[EvilImap]:
    with running_evil_imap() as running:
        running.messages = {
            uid: f"Subject: mail {uid}\r\nMessage-ID: <{uid}@x>\r\n\r\nbody {uid}\r\n".encode() for uid in range(1, 9)
        }
        yield running


@pytest.fixture
async def bad(evil: EvilImap, tmp_path: Path) -> AsyncIterator[Bad]:
    host = MailHost("evil", "localhost", evil.port, evil.plain_port, 0, 0, evil.ca_file, "rita", "secret")
    async with open_rig(host, tmp_path, imap_timeouts=ImapTimeouts(3, 3, 6)) as rig:
        await rig.add_account()
        yield Bad(evil, rig)


async def kept_bodies(rig: Rig) -> int:
    row = await rig.database.read(lambda reader: reader.row("SELECT count(*) FROM body"))
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("uid", [1, 5, 8])
async def test_one_mail_that_ends_every_connection_does_not_stop_the_others(bad: Bad, uid: int) -> None:
    bad.evil.answers["FETCH"] = fetch_all_but(bad.evil, uid)

    async def has_the_others() -> bool:
        return bool(await bad.rig.reader.folders()) and await kept_bodies(bad.rig) == 7

    async with bad.rig.running():
        await bad.rig.eventually(has_the_others)
    # The bad one is there too: without a subject, until somebody opens it and the server gives it.
    expected = sorted([*(f"mail {each}" for each in range(1, 9) if each != uid), ""])
    assert sorted(await bad.rig.subjects("INBOX")) == expected
    del bad.evil.answers["FETCH"]
    headless = (await bad.rig.ids("INBOX"))[""]
    assert (await bad.rig.reader.content(headless)).text.strip() == f"body {uid}"
    assert sorted(await bad.rig.subjects("INBOX")) == [f"mail {each}" for each in range(1, 9)]
    assert [found.message_id for found in await bad.rig.search.search(f'subject:"mail {uid}"')] == [headless]


async def test_a_server_that_shows_an_empty_box_for_a_moment_costs_nothing(bad: Bad) -> None:
    await bad.rig.sync.sync_now()
    assert len(await bad.rig.subjects("INBOX")) == 8
    kept, bad.evil.messages = bad.evil.messages, {}
    bad.evil.answers["EXAMINE"] = SELECTED % (0, 7, 9)
    await bad.rig.sync.sync_now()
    bad.evil.messages = kept
    del bad.evil.answers["EXAMINE"]
    await bad.rig.sync.sync_now()
    assert len(await bad.rig.subjects("INBOX")) == 8
    assert await kept_bodies(bad.rig) == 8


async def test_fewer_messages_are_asked_for_twice(bad: Bad) -> None:
    await bad.rig.sync.sync_now()
    told = [b"* SEARCH 1\r\n%tag% OK done\r\n", b"* SEARCH 1 2 3 4 5 6 7 8\r\n%tag% OK done\r\n"]

    def search(connection: object, tag: bytes, line: bytes) -> None:
        answer = told.pop(0) if len(told) > 1 else told[0]
        connection.sendall(answer.replace(b"%tag%", tag))  # type: ignore[attr-defined]

    bad.evil.answers["SEARCH"] = search
    bad.evil.answers["EXAMINE"] = SELECTED % (1, 7, 9)
    await bad.rig.sync.sync_now()
    assert len(await bad.rig.subjects("INBOX")) == 8


async def test_uidnext_that_goes_back(bad: Bad) -> None:
    await bad.rig.sync.sync_now()
    before = await bad.rig.ids("INBOX")
    # The server lost two messages and gave their numbers to others, under the same UIDVALIDITY.
    bad.evil.messages[7] = b"Subject: new 7\r\nMessage-ID: <n7@x>\r\n\r\nbody\r\n"
    del bad.evil.messages[8]
    await bad.rig.sync.sync_now()
    found = await bad.rig.ids("INBOX")
    assert "new 7" in found
    assert found["new 7"] not in before.values()
    assert {subject: found[subject] for subject in before if subject in found} == {
        subject: before[subject] for subject in before if subject in found
    }
    assert {f"mail {each}" for each in range(1, 7)} <= found.keys()
    raw = await bad.rig.database.read(lambda reader: messages.raw(reader, found["new 7"]))
    assert raw is not None
    assert raw.startswith(b"Subject: new 7")


async def test_no_folder_at_all_leaves_what_is_here(bad: Bad) -> None:
    await bad.rig.sync.sync_now()
    bad.evil.answers["LIST"] = b"%tag% OK done\r\n"
    await bad.rig.sync.sync_now()
    assert len(await bad.rig.subjects("INBOX")) == 8
    (account,) = await bad.rig.database.read(accounts.mail_accounts)
    assert account.imap.port == bad.evil.port
