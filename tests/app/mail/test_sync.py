"""Sync against real servers: what is there comes, what changes is followed, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from app.backends.imap import ImapTimeouts
from app.errors import Offline, SignInRequired
from app.events import MessagesStored, SignedIn, SyncProgressed
from app.events import SignInRequired as SignInRequiredEvent
from app.model.mail import FolderRole
from app.store import folders, messages, search
from app.store.database import DatabaseKey, Reader
from tests.app.mail.rig import Rig, mail, open_rig
from tests.servers.mail_servers import MailHost
from tests.servers.proxy import running_proxy
from tests.servers.secrets_in_memory import InMemorySecretStore


async def test_everything_comes_newest_first(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", *[mail(number) for number in range(1, 251)])
    host.append("Archive", mail(900, subject="Kept"))
    rig.heard.listen(SyncProgressed)
    await rig.add_account()
    await rig.sync.sync_now()
    assert await rig.subjects("INBOX") == [f"Offer {number}" for number in range(250, 0, -1)]
    assert await rig.subjects("Archive") == ["Kept"]
    stored = [event for event in rig.heard.events if isinstance(event, MessagesStored)]
    assert len(stored[0].message_ids) == 100
    assert min(stored[0].message_ids) > max(stored[1].message_ids)
    assert not any(event.is_new_mail for event in stored)
    inbox = await rig.folder("INBOX")
    progress = [e for e in rig.heard.events if isinstance(e, SyncProgressed) and e.folder_id == inbox]
    assert [e.done for e in progress] == sorted(e.done for e in progress)
    assert (progress[-1].done, progress[-1].total, progress[-1].is_finished) == (250, 250, True)


async def test_bodies_are_kept_and_can_be_found(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1, body="The pelican flies over Köln\r\n"), mail(2, subject="見積書を送ります"))
    await rig.add_account()
    await rig.sync.sync_now()
    ids = await rig.ids("INBOX")
    assert (await rig.reader.content(ids["Offer 1"])).text.startswith("The pelican")
    assert await rig.reader.source(ids["Offer 1"]) == mail(1, body="The pelican flies over Köln\r\n")
    row = await rig.reader.row(ids["Offer 1"])
    assert row is not None
    assert row.snippet == "The pelican flies over Köln"
    assert [found.subject for found in await rig.search.search("pelican koln")] == ["Offer 1"]
    assert [found.subject for found in await rig.search.search("pelic")] == ["Offer 1"]
    assert [found.subject for found in await rig.search.search("積書")] == ["見積書を送ります"]
    assert [found.subject for found in await rig.search.search("from:karl -pelican")] == ["見積書を送ります"]
    assert await rig.search.search("書積") == []
    inbox = await rig.folder("INBOX")
    assert await rig.database.read(lambda r: search.completeness(r, inbox)) == search.IndexCount(2, 2, 2)


async def test_a_new_mail_is_in_the_list_by_itself(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1))
    await rig.add_account()
    async with rig.running():
        await rig.heard.until(lambda event: isinstance(event, MessagesStored))
        await rig.sync.sync_now()
        delivered = time.monotonic()
        host.append("INBOX", mail(2, subject="News"))
        event = await rig.heard.until(lambda each: isinstance(each, MessagesStored) and each.is_new_mail)
        print(f"in the list after {time.monotonic() - delivered:.2f} s")
        assert event.folder_id == await rig.folder("INBOX")
        assert await rig.subjects("INBOX") == ["News", "Offer 1"]

        async def has_body() -> bool:
            return (await rig.reader.row(event.message_ids[0])).snippet != ""

        await rig.eventually(has_body)


async def test_flags_of_another_program_are_followed(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    await rig.add_account()
    await rig.sync.sync_now()
    inbox = await rig.folder("INBOX")
    assert await rig.reader.count(inbox, unread_only=True) == 3
    host.command("INBOX", "STORE", "1:*", "+FLAGS", "(\\Seen)")
    await rig.sync.sync_now()
    assert await rig.reader.count(inbox, unread_only=True) == 0
    assert all("\\Seen" in flags for flags in (await rig.flags("INBOX")).values())


async def test_what_another_program_deletes_leaves_the_list_and_then_the_store(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", *[mail(number) for number in range(1, 6)])
    await rig.add_account()
    await rig.sync.sync_now()
    ids = await rig.ids("INBOX")
    uids = await _uids(rig, host)
    host.expunge("INBOX", str(uids[1]))
    await rig.sync.sync_now()
    assert await rig.subjects("INBOX") == ["Offer 5", "Offer 4", "Offer 3", "Offer 1"]
    # One look is not enough to lose it.
    assert await rig.database.read(lambda r: messages.raw(r, ids["Offer 2"])) is not None


async def test_a_move_by_another_program_keeps_the_message(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    await rig.add_account()
    await rig.sync.sync_now()
    before = await rig.ids("INBOX")
    uids = await _uids(rig, host)
    host.command("INBOX", "COPY", str(uids[0]), "Archive")
    host.expunge("INBOX", str(uids[0]))
    await rig.sync.sync_now()
    assert await rig.subjects("INBOX") == ["Offer 3", "Offer 2"]
    assert await rig.ids("Archive") == {"Offer 1": before["Offer 1"]}


async def test_a_new_uid_validity_costs_no_message(host: MailHost, rig: Rig) -> None:
    with host.client() as client:
        client.create("Box")
    host.append("Box", *[mail(number) for number in range(1, 121)])
    await rig.add_account()
    await rig.sync.sync_now()
    before = await rig.ids("Box")
    validity = await _validity(rig, "Box")
    await asyncio.sleep(1.1)  # Dovecot's UIDVALIDITY is a time in seconds
    with host.client() as client:
        # What a server does that is restored from a backup: the same messages in a folder that is made anew.
        client.create("Box2")
        client.select("Box")
        assert client.uid("COPY", "1:*", "Box2")[0] == "OK"
        client.select("INBOX")
        client.delete("Box")
        client.create("Box")
        client.select("Box2")
        assert client.uid("COPY", "1:*", "Box")[0] == "OK"
        client.select("INBOX")
        client.delete("Box2")
    for _ in range(2):
        await rig.sync.sync_now()
        assert await _validity(rig, "Box") != validity
        assert await rig.ids("Box") == before
        assert await rig.reader.count(await rig.folder("Box")) == 120
    bodies = await rig.database.read(lambda r: [messages.raw(r, each) is not None for each in before.values()])
    assert all(bodies)
    with host.client() as client:
        client.delete("Box")


async def test_an_inbox_that_was_numbered_anew(host: MailHost, rig: Rig) -> None:
    if host.dovecot is None:
        return  # only Dovecot's files can be made to lose their numbers
    host.append("INBOX", *[mail(number) for number in range(1, 31)])
    await rig.add_account()
    await rig.sync.sync_now()
    before, validity = await rig.ids("INBOX"), await _validity(rig, "INBOX")
    host.dovecot.renumber("INBOX")
    await rig.sync.sync_now()
    assert await _validity(rig, "INBOX") != validity
    assert await rig.ids("INBOX") == before


async def test_folders_come_and_go(host: MailHost, rig: Rig) -> None:
    with host.client() as client:
        client.create('"Customers/Acme"')
    host.append("Customers/Acme", mail(1, subject="Deep"))
    await rig.add_account()
    await rig.sync.sync_now()
    assert await rig.subjects("Customers/Acme") == ["Deep"]
    deep = (await rig.ids("Customers/Acme"))["Deep"]
    with host.client() as client:
        assert client.rename('"Customers/Acme"', '"Customers/Acme Ltd"')[0] == "OK"
    await rig.sync.sync_now()
    assert (await rig.ids("Customers/Acme Ltd"))["Deep"] == deep
    await rig.sync.sync_now()
    paths = {folder.path for folder in await rig.reader.folders()}
    assert "Customers/Acme" not in paths
    with host.client() as client:
        assert client.delete('"Customers/Acme Ltd"')[0] == "OK"


async def test_two_true_copies_in_one_folder_are_two_messages(host: MailHost, rig: Rig) -> None:
    with host.client() as client:
        for _ in range(2):
            client.append("INBOX", "", '"24-Nov-2026 10:00:00 +0000"', mail(1))
    await rig.add_account()
    await rig.sync.sync_now()
    assert await rig.subjects("INBOX") == ["Offer 1", "Offer 1"]


async def test_one_bad_mail_does_not_stop_a_folder(host: MailHost, rig: Rig) -> None:
    bad = [
        b"\xff\xfe\x00\x01 no header at all",
        b"From: a@[\r\nDate: 1 Jan 99999999999 00:00:00 +0000\r\nSubject: =?zz-9?q?odd?=\r\n\r\nx",
        b"Subject: nested\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 500,
        b"Subject: utf7\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-",
        b"Subject: " + b"=?utf-8?b?QUFB?= " * 3000 + b"\r\n\r\nx",
    ]  # fmt: skip
    host.append("INBOX", mail(1), *[raw.replace(b"\x00", b"") for raw in bad], mail(2))
    await rig.add_account()
    await rig.sync.sync_now()
    inbox = await rig.folder("INBOX")
    assert await rig.reader.count(inbox) == 7
    subjects = await rig.subjects("INBOX")
    assert {"Offer 1", "Offer 2"} <= set(subjects)
    assert (await rig.database.read(lambda r: search.completeness(r, inbox))).bodies == 7


async def test_sync_goes_on_where_it_was_cut(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", *[mail(number, body="text\r\n" * 300) for number in range(1, 301)])
    with running_proxy(host.host, host.imaps_port) as proxy:
        await rig.add_account(imap_port=proxy.port)
        proxy.faults.cut_after = 150_000
        proxy.faults.times = 3
        async with rig.running():
            await rig.eventually(lambda: _has_all(rig, 300))
        assert proxy.connections > 3
    assert await rig.subjects("INBOX") == [f"Offer {number}" for number in range(300, 0, -1)]


async def test_killed_between_header_and_body(host: MailHost, tmp_path: Path) -> None:
    host.append("INBOX", *[mail(number) for number in range(1, 151)])
    key, secrets = DatabaseKey.new(), InMemorySecretStore()
    async with open_rig(host, tmp_path, key=key, secrets=secrets) as rig:
        await rig.add_account()
        backend = await rig.connections.open((await rig.accounts.list())[0].account_id)
        account = rig.sync._account((await rig.accounts.list())[0].account_id)
        await account._list_folders(backend)
        await rig.sync._folder_sync.look(backend, await rig.folder("INBOX"))
        await backend.close()
        assert await _missing_bodies(rig) == (100, 100)
    async with open_rig(host, tmp_path, key=key, secrets=secrets) as rig:
        assert len(await rig.subjects("INBOX")) == 100
        await rig.sync.sync_now()
        assert await _missing_bodies(rig) == (150, 0)
        assert await rig.subjects("INBOX") == [f"Offer {number}" for number in range(150, 0, -1)]


async def test_a_body_is_fetched_when_it_is_opened(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1))
    await rig.add_account()
    (account,) = await rig.accounts.list()
    backend = await rig.connections.open(account.account_id)
    syncing = rig.sync._account(account.account_id)
    await syncing._list_folders(backend)
    await rig.sync._folder_sync.look(backend, await rig.folder("INBOX"))
    await backend.close()
    (message_id,) = (await rig.ids("INBOX")).values()
    rig.connectivity.set_work_offline(True)
    with pytest.raises(Offline):
        await rig.reader.content(message_id)
    rig.connectivity.set_work_offline(False)
    assert (await rig.reader.content(message_id)).text.strip() == "Hello Rita"


async def test_a_wrong_password_waits_for_its_person(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1))
    account = await rig.add_account()
    name = f"mail:{account.account_id}:password"
    await rig.secrets.set(name, "wrong")
    rig.heard.listen(SignInRequiredEvent)
    with pytest.raises(SignInRequired):
        await rig.sync.sync_now()
    async with rig.running():
        await rig.heard.until(lambda event: isinstance(event, SignInRequiredEvent))
        await rig.secrets.set(name, host.password)
        rig.bus.publish(SignedIn(f"mail:{account.account_id}"))
        await rig.heard.until(lambda event: isinstance(event, MessagesStored))
    asked = [event for event in rig.heard.events if isinstance(event, SignInRequiredEvent)]
    assert len(asked) == 1


async def test_working_offline_is_kept_to(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1))
    with running_proxy(host.host, host.imaps_port) as proxy:
        await rig.add_account(imap_port=proxy.port)
        async with rig.running():
            await rig.heard.until(lambda event: isinstance(event, MessagesStored))
            await rig.sync.sync_now()
            rig.connectivity.set_work_offline(True)
            with pytest.raises(Offline):
                await rig.sync.sync_now()
            opened = proxy.connections
            host.append("INBOX", mail(2))
            await asyncio.sleep(0.7)
            assert proxy.connections == opened
            assert await rig.subjects("INBOX") == ["Offer 1"]
            rig.connectivity.set_work_offline(False)
            await rig.heard.until(lambda event: isinstance(event, MessagesStored) and event.is_new_mail)


async def test_connectivity_hears_of_the_network(host: MailHost, rig: Rig) -> None:
    with running_proxy(host.host, host.imaps_port) as proxy:
        await rig.add_account(imap_port=proxy.port)
        await rig.sync.sync_now()
        assert rig.connectivity.is_online
        proxy.faults.refuse = True
        with pytest.raises(Offline):
            await rig.sync.sync_now()
        assert not rig.connectivity.is_online
        proxy.heal()
        await rig.sync.sync_now()
        assert rig.connectivity.is_online


async def test_a_silent_server_does_not_hold_sync_for_ever(host: MailHost, tmp_path: Path) -> None:
    with running_proxy(host.host, host.imaps_port) as proxy:
        async with open_rig(host, tmp_path, imap_timeouts=ImapTimeouts(2, 1, 2)) as rig:
            await rig.add_account(imap_port=proxy.port)
            await rig.sync.sync_now()
            proxy.faults.stall = True
            with pytest.raises(Offline):
                await rig.sync.sync_now()
            proxy.heal()


async def test_an_account_that_is_removed_leaves_nothing(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1, body="pelican\r\n"))
    account = await rig.add_account()
    async with rig.running():
        await rig.heard.until(lambda event: isinstance(event, MessagesStored))
        await rig.sync.sync_now()
        await rig.accounts.remove(account.account_id)
        await asyncio.sleep(0.1)
    assert await rig.reader.folders() == []
    assert await rig.search.search("pelican") == []
    assert rig.secrets.secrets == {}
    left = await rig.database.read(
        lambda r: [
            r.row(f"SELECT count(*) FROM {t}")[0] for t in ("message", "location", "body", "folder", "folder_span")
        ]  # type: ignore[index]
    )
    assert left == [0, 0, 0, 0, 0]


async def _uids(rig: Rig, host: MailHost) -> list[int]:
    with host.client() as client:
        client.select("INBOX", readonly=True)
        return [int(uid) for uid in client.uid("SEARCH", "ALL")[1][0].split()]


async def _validity(rig: Rig, path: str) -> int:
    folder_id = await rig.folder(path)
    state = await rig.database.read(lambda reader: folders.state(reader, folder_id))
    assert state is not None
    return state.uid_validity


async def _has_all(rig: Rig, count: int) -> bool:
    return bool(await rig.reader.folders()) and await _missing_bodies(rig) == (count, 0)


async def _missing_bodies(rig: Rig) -> tuple[int, int]:
    def count(reader: Reader) -> tuple[int, int]:
        accounts = reader.rows("SELECT account_id FROM mail_account")
        inbox = folders.by_role(reader, accounts[0][0], FolderRole.INBOX)
        if inbox is None:
            return (0, 0)
        found = search.completeness(reader, inbox.folder_id)
        return found.stored, found.stored - found.bodies

    return await rig.database.read(count)
