"""The mail tables by themselves: lists against a model, search, threads, and wishes that outlive what the server says."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import EventBus
from app.model.ids import FolderId, MailAccountId, MessageId, OperationId
from app.model.mail import Address, ConnectionSecurity, Envelope, Flag, FolderRole, MailServer
from app.store import accounts, folders, locations, message_list, messages, removal, search, threads, wishes
from app.store.database import Database, DatabaseKey
from app.store.folders import FolderSeen
from app.store.messages import BodyText, NewHeader

SERVER = MailServer("mail.example", 993, ConnectionSecurity.TLS, "rita")
PATHS = ("INBOX", "Archive", "Trash")


def header(uid: int, *, date: int = 0, flags: Sequence[str] = (), subject: str = "", **envelope: object) -> NewHeader:
    when = date or 1_700_000_000 + uid * 3600
    fields = {"message_id": f"<{uid}@x>", "in_reply_to": "", "references": (), **envelope}
    made = Envelope(subject or f"mail {uid}", when, (Address("Karl", "karl@acme.example"),), (), (Address("", "rita@x"),), (), (), **fields)  # type: ignore[arg-type]  # fmt: skip
    return NewHeader(uid, frozenset(flags), 1, when, 1000 + uid, made, False)


@dataclass
class Mailbox:
    database: Database
    account: MailAccountId
    folders: dict[str, FolderId]

    async def store(self, *headers: NewHeader, path: str = "INBOX", validity: int = 1) -> list[MessageId]:
        folder = self.folders[path]
        return await self.database.write(
            "store", lambda tx: messages.store_headers(tx, self.account, folder, validity, headers)
        )

    async def rows(self, path: str | None = "INBOX", **window: int) -> list[MessageId]:
        chosen = None if path is None else self.folders[path]
        asked = {"offset": 0, "limit": 10_000, **window}
        found = await self.database.read(lambda r: message_list.rows(r, chosen, **asked))  # type: ignore[arg-type]
        return [row.message_id for row in found]


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    database = await Database.open(tmp_path / "m.db", DatabaseKey.new(), bus=EventBus(), create=True)
    made = await add_account(database, "rita")
    yield made
    await database.close()


async def add_account(database: Database, address: str) -> Mailbox:
    account = await database.write("add", lambda tx: accounts.add_mail_account(tx, f"{address}@x", "", SERVER, SERVER))
    roles = (FolderRole.INBOX, FolderRole.ARCHIVE, FolderRole.TRASH)
    seen = [FolderSeen(path, "/", role, True) for path, role in zip(PATHS, roles, strict=True)]
    await database.write("list", lambda tx: folders.reconcile(tx, account.account_id, seen, now=1.0))
    states = await database.read(lambda r: folders.states(r, account.account_id))
    return Mailbox(database, account.account_id, {state.path: state.folder_id for state in states})


async def test_lists_agree_with_a_plain_sort(mailbox: Mailbox) -> None:
    seeded = random.Random(3)
    # Years apart and seconds apart, so that spans are full, sparse and empty.
    dates = [
        seeded.choice((1_000_000_000, 1_500_000_000, 1_700_000_000)) + seeded.randrange(40_000_000) for _ in range(400)
    ]
    flags = [[Flag.SEEN] if seeded.random() < 0.7 else [] for _ in dates]
    ids = await mailbox.store(
        *[header(n + 1, date=d, flags=f) for n, (d, f) in enumerate(zip(dates, flags, strict=True))]
    )
    newest_first = sorted(ids, reverse=True)
    assert [message_id >> 20 for message_id in newest_first] == sorted(dates, reverse=True)
    assert await mailbox.rows() == newest_first
    inbox = mailbox.folders["INBOX"]
    unread = [m for m in newest_first if not flags[ids.index(m)]]
    read = mailbox.database.read
    assert await read(lambda r: message_list.count(r, inbox)) == 400
    assert await read(lambda r: message_list.count(r, None, unread_only=True)) == len(unread)
    for offset in (0, 1, 17, 133, 398, 399, 400, 5000):
        assert await mailbox.rows(offset=offset, limit=9) == newest_first[offset : offset + 9]
        found = await read(lambda r, at=offset: message_list.rows(r, inbox, offset=at, limit=9, unread_only=True))
        assert [row.message_id for row in found] == unread[offset : offset + 9]
    for at in (0, 5, 200, 399):
        assert await read(lambda r, m=newest_first[at]: message_list.position(r, inbox, m)) == at
    assert await read(lambda r: message_list.position(r, mailbox.folders["Trash"], ids[0])) is None


async def test_the_unified_inbox_joins_the_accounts(mailbox: Mailbox) -> None:
    other = await add_account(mailbox.database, "sam")
    mine = await mailbox.store(*[header(uid) for uid in range(1, 60, 2)])
    theirs = await other.store(*[header(uid) for uid in range(2, 60, 2)])
    await other.store(header(99), path="Archive")
    everything = sorted([*mine, *theirs], reverse=True)
    assert await mailbox.rows(None) == everything
    assert await mailbox.rows(None, offset=20, limit=7) == everything[20:27]
    assert await mailbox.database.read(lambda r: message_list.position(r, None, everything[33])) == 33


async def test_counts_follow_every_change(mailbox: Mailbox) -> None:
    ids = await mailbox.store(*[header(uid) for uid in range(1, 21)])
    inbox = mailbox.folders["INBOX"]

    async def counts() -> list[tuple[int, int]]:
        found = await mailbox.database.read(folders.all_folders)
        return [(folder.total, folder.unread) for folder in found]

    assert await counts() == [(20, 20), (0, 0), (0, 0)]
    seen = [locations.FlagsSeen(uid, frozenset({Flag.SEEN}), 2) for uid in range(1, 6)]
    await mailbox.database.write("f", lambda tx: locations.set_server_flags(tx, mailbox.account, inbox, 1, seen))
    assert await counts() == [(20, 15), (0, 0), (0, 0)]
    gone = [locations.FlagsSeen(6, frozenset({Flag.DELETED}), 3)]
    await mailbox.database.write("f", lambda tx: locations.set_server_flags(tx, mailbox.account, inbox, 1, gone))
    assert await counts() == [(19, 14), (0, 0), (0, 0)]
    move = OperationId("move")
    await mailbox.database.write(
        "m", lambda tx: wishes.want_folder(tx, mailbox.account, {ids[0]: inbox, ids[9]: inbox}, mailbox.folders["Archive"], move)
    )  # fmt: skip
    assert await counts() == [(17, 13), (2, 1), (0, 0)]
    await mailbox.database.write("b", lambda tx: wishes.drop(tx, mailbox.account, move))
    assert await counts() == [(19, 14), (0, 0), (0, 0)]
    await mailbox.database.write("r", lambda tx: removal.remove_account_mail(tx, mailbox.account))
    assert await counts() == []


async def test_nothing_goes_on_one_observation(mailbox: Mailbox) -> None:
    ids = await mailbox.store(*[header(uid) for uid in range(1, 6)])
    inbox = mailbox.folders["INBOX"]
    place = (mailbox.account, inbox, 1)

    async def look(present: list[int], now: float) -> None:
        def note(tx) -> None:  # type: ignore[no-untyped-def]
            locations.return_present(tx, *place, present)
            locations.note_missing(tx, *place, present, known_before=[1, 2, 3, 4, 5], now=now)

        await mailbox.database.write("look", note)

    await look([1, 2, 4, 5], 10.0)
    assert len(await mailbox.rows()) == 4
    await look([1, 2, 3, 4, 5], 20.0)
    assert await mailbox.rows() == sorted(ids, reverse=True)
    await look([1, 2, 4, 5], 30.0)
    await look([1, 2, 4, 5], 40.0)
    assert await mailbox.database.read(lambda r: locations.places(r, [ids[2]])) == {}
    # Without a place it is still kept for a while: a move by another program looks like this at first.
    purge = removal.purge_orphans
    assert await mailbox.database.write("p", lambda tx: purge(tx, mailbox.account, now=50.0)) == []
    assert await mailbox.database.write("p", lambda tx: purge(tx, mailbox.account, now=5000.0)) == [ids[2]]


async def test_an_open_operation_keeps_its_message(mailbox: Mailbox) -> None:
    (message_id,) = await mailbox.store(header(1))
    place = await mailbox.database.read(lambda r: locations.places(r, [message_id]))

    def orphan(tx) -> list[MessageId]:  # type: ignore[no-untyped-def]
        locations.remove(tx, [(place[message_id][0].location_id, message_id)], now=1.0)
        tx.execute(
            "INSERT INTO operation (operation_id, kind, account, owner, target, created_at, subject_message) "
            "VALUES ('o', 'log_message', 'crm:1', 'x', 't', 1, ?)",
            (message_id,),
        )
        return removal.purge_orphans(tx, mailbox.account, now=1e9)

    assert await mailbox.database.write("orphan", orphan) == []
    assert await mailbox.database.read(lambda r: messages.envelope(r, message_id)) is not None


async def test_a_message_keeps_its_id_wherever_it_turns_up(mailbox: Mailbox) -> None:
    (first,) = await mailbox.store(header(1))
    (again,) = await mailbox.store(header(1), path="Archive")
    (renumbered,) = await mailbox.store(header(1), validity=2)
    assert first == again == renumbered
    places = await mailbox.database.read(lambda r: locations.places(r, [first]))
    assert sorted((place.folder_id, place.uid_validity) for place in places[first]) == sorted(
        [(mailbox.folders["INBOX"], 2), (mailbox.folders["Archive"], 1)]
    )
    # The same Message-ID alone makes no identity.
    other = header(2, message_id="<1@x>")
    assert (await mailbox.store(other))[0] != first


async def test_ids_are_never_given_twice(mailbox: Mailbox) -> None:
    (first,) = await mailbox.store(header(1, date=1_700_000_000))
    await mailbox.database.write("d", lambda tx: tx.execute("DELETE FROM message WHERE message_id = ?", (first,)))
    (second,) = await mailbox.store(header(2, date=1_700_000_000))
    assert second > first
    assert second >> 20 == first >> 20


async def test_threads_do_not_depend_on_the_order_of_arrival(mailbox: Mailbox) -> None:
    chain = [
        header(1),
        header(2, in_reply_to="<1@x>", references=("<1@x>",)),
        header(3, in_reply_to="<2@x>"),
        header(4, references=("<1@x>", "<missing@x>")),
        header(5, in_reply_to="<missing@x>"),
        header(6, subject="mail 1"),
    ]
    for seed in range(6):
        folder = PATHS[seed % 3]
        shuffled = [
            NewHeader(
                h.uid + 100 * seed, h.flags, 1, h.internal_date + seed, h.size + seed * 1000,
                Envelope(
                    h.envelope.subject, h.envelope.date, h.envelope.from_, (), (), (), (),
                    h.envelope.message_id.replace("@", f"@{seed}."), h.envelope.in_reply_to.replace("@", f"@{seed}."),
                    tuple(reference.replace("@", f"@{seed}.") for reference in h.envelope.references),
                ),
                False,
            )
            for h in chain
        ]  # fmt: skip
        random.Random(seed).shuffle(shuffled)
        ids: dict[int, MessageId] = {}
        for each in shuffled:
            (ids[each.uid - 100 * seed],) = await mailbox.store(each, path=folder)
        found = await mailbox.database.read(lambda r, m=ids[1]: threads.of_message(r, m))
        assert found == sorted(ids[n] for n in (1, 2, 3, 4, 5))
        assert await mailbox.database.read(lambda r, m=ids[6]: threads.of_message(r, m)) == [ids[6]]


async def test_search_finds_words_as_people_type_them(mailbox: Mailbox) -> None:
    one, two = await mailbox.store(header(1, subject="Angebot für Köln"), header(2, subject="東京の会議について"))
    text = BodyText("Der Pelikan\nfliegt", "Der", ("Preisliste.pdf",), True, 1)
    await mailbox.database.write("b", lambda tx: messages.store_body(tx, one, b"raw", text))

    async def find(words: str) -> list[MessageId]:
        return await mailbox.database.read(lambda r: search.find(r, words, limit=50))

    assert await find("koln") == [one]
    assert await find("KÖLN pelik") == [one]
    assert await find('"der pelikan"') == [one]
    assert await find('"pelikan der"') == []
    assert await find("filename:preisliste") == [one]
    assert await find("subject:pelikan") == []
    assert await find("会議") == [two]
    assert await find("京の") == [two]
    assert await find("議会") == []
    assert await find("from:karl") == [two, one]
    assert await find("karl -angebot") == [two]
    assert await find("karl@acme.example") == [two, one]
    await mailbox.database.write("r", lambda tx: search.forget(tx, [one]))
    assert await find("koln") == []


HOSTILE = [
    '"',
    "*",
    "NEAR(",
    "a AND",
    "-x",
    "col:x",
    "^",
    "\x00",
    "(",
    "'; DROP TABLE message --",
    "a OR b",
    "{x} : y",
    "--",
    "from:",
]


@pytest.mark.parametrize("words", HOSTILE)
async def test_nothing_typed_is_an_error(mailbox: Mailbox, words: str) -> None:
    await mailbox.store(header(1))
    assert await mailbox.database.read(lambda r: search.find(r, words, limit=5)) in ([], [*(await mailbox.rows())])


@given(st.text(max_size=60))
def test_every_query_has_even_quotes(words: str) -> None:
    made = search.match_expression(words)
    assert made.count('"') % 2 == 0
    assert "\x00" not in made


async def test_folders_are_hidden_first_and_removed_second(mailbox: Mailbox) -> None:
    await mailbox.store(header(1), path="Trash")
    left = [FolderSeen("INBOX", "/", FolderRole.INBOX, True), FolderSeen("Archive", "/", FolderRole.ARCHIVE, True)]

    async def paths() -> list[str]:
        return [folder.path for folder in await mailbox.database.read(folders.all_folders)]

    for now in (2.0, 3.0):
        await mailbox.database.write("l", lambda tx, at=now: folders.reconcile(tx, mailbox.account, left, now=at))
        assert await paths() == ["INBOX", "Archive"]
    assert await mailbox.database.read(lambda r: folders.state(r, mailbox.folders["Trash"])) is None
    await mailbox.database.write("l", lambda tx: folders.reconcile(tx, mailbox.account, [], now=4.0))
    assert await paths() == ["INBOX", "Archive"]
