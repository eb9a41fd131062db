"""`MailBackend`: one suite over ImapBackend on Dovecot and on the demo server, with all extensions and with hardly any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from app.backends.imap import ImapBackend, ImapTimeouts
from app.errors import NotSupported, Offline, PermanentError, SignInRequired, TransientError, ValidationFailed
from app.mail.ports import Capability, MailBackend
from app.model.mail import ConnectionSecurity, FolderRole
from tests.servers.mail_servers import KINDS, MailHost, running_host
from tests.servers.proxy import Proxy, running_proxy

BARE = (
    "MOVE",
    "UIDPLUS",
    "CONDSTORE",
    "QRESYNC",
    "SPECIAL-USE",
    "LIST-EXTENDED",
    "IDLE",
    "ENABLE",
    "LITERAL+",
    "SASL-IR",
)
VARIANTS = [(kind, without) for kind in KINDS for without in ((), BARE)]


def mail(number: int, *, subject: str = "", extra: str = "", body: str = "Hello\r\n") -> bytes:
    return (
        f"From: Karl Klein <karl@acme.example>\r\nTo: rita@rita.example\r\nSubject: {subject or f'Offer {number}'}\r\n"
        f"Message-ID: <{number}@acme.example>\r\n{extra}\r\n{body}"
    ).encode()


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda v: v[0] + ("-bare" if v[1] else ""))
def any_host(request: pytest.FixtureRequest) -> Iterator[MailHost]:
    with running_host(request.param[0], without=request.param[1]) as host:
        yield host


@pytest.fixture
def host(any_host: MailHost) -> MailHost:
    """A server whose folders are empty again."""
    for folder in ("INBOX", "Archive", "Trash", "Sent"):
        any_host.expunge(folder, "1:*")
    return any_host


@pytest.fixture
async def backend(host: MailHost) -> AsyncIterator[MailBackend]:
    made = ImapBackend(host.account(), host.password)
    await made.connect()
    yield made
    await made.close()


async def test_folders_have_their_roles(backend: MailBackend) -> None:
    roles = {folder.path: folder.role for folder in await backend.folders() if folder.is_selectable}
    assert roles["INBOX"] is FolderRole.INBOX
    assert {path: roles[path] for path in ("Drafts", "Sent", "Trash", "Junk", "Archive")} == {
        "Drafts": FolderRole.DRAFTS,
        "Sent": FolderRole.SENT,
        "Trash": FolderRole.TRASH,
        "Junk": FolderRole.JUNK,
        "Archive": FolderRole.ARCHIVE,
    }


async def test_headers_and_bodies_come_as_they_were_put(host: MailHost, backend: MailBackend) -> None:
    mixed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
    parts = (
        "--x\r\nContent-Type: text/plain\r\n\r\nSee the file\r\n--x\r\nContent-Type: application/pdf\r\n"
        'Content-Disposition: attachment; filename="a.pdf"\r\n\r\n%PDF\r\n--x--\r\n'
    )
    raws = [mail(1), mail(2, extra=mixed, body=parts)]
    host.append("INBOX", raws[0], flags="(\\Seen)")
    host.append("INBOX", raws[1])
    status = await backend.select("INBOX", read_only=True)
    uids = await backend.uids()
    assert (status.exists, len(uids)) == (2, 2)
    assert status.uid_next in (0, uids[-1] + 1)
    headers = await backend.headers([*uids, uids[-1] + 50])
    assert [header.uid for header in headers] == uids
    assert b"Subject: Offer 1" in headers[0].header
    assert "\\Seen" in headers[0].flags
    assert "\\Seen" not in headers[1].flags
    assert [header.has_attachments for header in headers] == [False, True]
    assert [header.size for header in headers] == [len(raw) for raw in raws]
    assert all(header.internal_date > 1_600_000_000 for header in headers)
    assert await backend.bodies(uids) == dict(zip(uids, raws, strict=True))
    assert "\\Seen" not in {change.uid: change for change in await backend.flags(uids)}[uids[1]].flags


async def test_uids_from_a_number_on(host: MailHost, backend: MailBackend) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    await backend.select("INBOX")
    uids = await backend.uids()
    assert await backend.uids(first=uids[1]) == uids[1:]
    assert await backend.uids(first=uids[-1] + 1) == []


async def test_flags_are_added_and_taken(host: MailHost, backend: MailBackend) -> None:
    host.append("INBOX", mail(1), mail(2), flags="(\\Flagged)")
    await backend.select("INBOX")
    uids = await backend.uids()
    await backend.store_flags(uids[:1], add=frozenset({"\\Seen", "$Forwarded"}), remove=frozenset({"\\Flagged"}))
    changed = {change.uid: change.flags - {"\\Recent"} for change in await backend.flags(None)}
    assert changed == {uids[0]: frozenset({"\\Seen", "$Forwarded"}), uids[1]: frozenset({"\\Flagged"})}


async def test_changes_since_a_mod_sequence(host: MailHost, backend: MailBackend) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    before = await backend.select("INBOX", read_only=True)
    uids = await backend.uids()
    if Capability.CONDSTORE not in await backend.connect():
        assert before.highest_mod_seq == 0
        return
    assert before.highest_mod_seq > 0
    host.command("INBOX", "STORE", str(uids[1]), "+FLAGS", "(\\Answered)")
    after = await backend.select("INBOX", read_only=True)
    assert after.highest_mod_seq > before.highest_mod_seq
    changes = await backend.flags(None, changed_since=before.highest_mod_seq)
    assert [(change.uid, "\\Answered" in change.flags) for change in changes] == [(uids[1], True)]


async def test_messages_move(host: MailHost, backend: MailBackend) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    await backend.select("INBOX")
    uids = await backend.uids()
    if Capability.MOVE in await backend.connect():
        result = await backend.move(uids[:2], "Archive")
    else:
        with pytest.raises(NotSupported):
            await backend.move(uids[:2], "Archive")
        result = await backend.copy(uids[:2], "Archive")
        assert await backend.remove(uids[:2]) is True
    assert host.subjects("INBOX") == ["Offer 3"]
    assert host.subjects("Archive") == ["Offer 1", "Offer 2"]
    if Capability.UIDPLUS in await backend.connect():
        status = await backend.select("Archive")
        assert result.uid_validity == status.uid_validity
        assert list(result.uids) == uids[:2]
        assert list(result.uids.values()) == await backend.uids()
    else:
        # Dovecot tells them even when it does not announce that it can.
        assert set(result.uids) <= set(uids[:2])


async def test_only_the_named_messages_are_removed(host: MailHost, backend: MailBackend) -> None:
    host.append("INBOX", mail(1), mail(2), mail(3))
    await backend.select("INBOX")
    uids = await backend.uids()
    host.command("INBOX", "STORE", str(uids[2]), "+FLAGS", "(\\Deleted)")
    has_uidplus = Capability.UIDPLUS in await backend.connect()
    assert await backend.remove(uids[:1]) is has_uidplus
    assert host.subjects("INBOX") == (["Offer 2", "Offer 3"] if has_uidplus else ["Offer 1", "Offer 2", "Offer 3"])
    if not has_uidplus:
        assert "\\Deleted" in host.flags("INBOX")["Offer 1"]


async def test_a_message_is_appended_and_found_again(host: MailHost, backend: MailBackend) -> None:
    uid = await backend.append("Sent", mail(7), flags=frozenset({"\\Seen"}), internal_date=1_700_000_000)
    found = await backend.find_by_message_id("Sent", "<7@acme.example>")
    assert len(found) == 1
    assert uid in (None, found[0])
    (header,) = await backend.headers(found)
    assert (header.internal_date, "\\Seen" in header.flags) == (1_700_000_000, True)
    assert await backend.find_by_message_id("Sent", '<no"such\\thing@acme.example>') == []


async def test_a_folder_is_created_once(host: MailHost, backend: MailBackend) -> None:
    name = "Kunden/Müller & Söhne"
    await backend.create_folder(name)
    await backend.create_folder(name)
    assert name in [folder.path for folder in await backend.folders()]
    await backend.append(name, mail(1), flags=frozenset(), internal_date=0)
    assert (await backend.select(name)).exists == 1
    with host.client() as client:
        client.delete('"Kunden/M&APw-ller &- S&APY-hne"')


async def test_news_ends_idle(host: MailHost, backend: MailBackend) -> None:
    await backend.select("INBOX", read_only=True)
    if Capability.IDLE not in await backend.connect():
        with pytest.raises(NotSupported):
            await backend.idle(1)
        return
    assert await backend.idle(0.2) is False
    await backend.select("INBOX", read_only=True)
    waiting = asyncio.create_task(backend.idle(60))
    await asyncio.sleep(0.2)
    host.append("INBOX", mail(1))
    assert await waiting is True
    assert (await backend.select("INBOX")).exists == 1


async def test_idle_can_be_interrupted(host: MailHost, backend: MailBackend) -> None:
    await backend.select("INBOX")
    if Capability.IDLE not in await backend.connect():
        await backend.interrupt()
        with pytest.raises(Offline):
            await backend.uids()
        return
    waiting = asyncio.create_task(backend.idle(600))
    await asyncio.sleep(0.2)
    await backend.interrupt()
    assert await waiting is False


async def test_a_folder_that_is_not_there(backend: MailBackend) -> None:
    with pytest.raises(PermanentError):
        await backend.select("No such folder")
    assert (await backend.select("INBOX")).exists == 0


@pytest.mark.parametrize("bad", ["a\r\nA1 DELETE INBOX", "x\ny", "x\x00y"])
async def test_no_argument_can_carry_a_command(host: MailHost, backend: MailBackend, bad: str) -> None:
    host.append("INBOX", mail(1))
    await backend.select("INBOX")
    with pytest.raises(ValidationFailed):
        await backend.find_by_message_id("INBOX", bad)
    with pytest.raises(ValidationFailed):
        await backend.store_flags([1], add=frozenset({bad}), remove=frozenset())
    with pytest.raises(ValidationFailed):
        await backend.select(bad)
    with pytest.raises(ValidationFailed):
        await backend.append(bad, mail(2), flags=frozenset(), internal_date=0)
    assert host.subjects("INBOX") == ["Offer 1"]


async def test_a_line_break_in_a_password_sends_nothing(host: MailHost) -> None:
    made = ImapBackend(host.account(), "x\r\nA1 DELETE Sent")
    async with _closing(made):
        with pytest.raises((ValidationFailed, SignInRequired)):
            await made.connect()
    assert host.subjects("Sent") == []


async def test_a_wrong_password_asks_to_sign_in(host: MailHost) -> None:
    made = ImapBackend(host.account(), "wrong")
    async with _closing(made):
        with pytest.raises(SignInRequired) as raised:
            await made.connect()
        assert raised.value.account == "mail:1"
        with pytest.raises(Offline):
            await made.folders()


async def test_starttls_where_it_is_asked_for(host: MailHost) -> None:
    account = replace(host.account(), imap=host.imap(security=ConnectionSecurity.STARTTLS))
    made = ImapBackend(account, host.password)
    async with _closing(made):
        await made.connect()
        assert await made.folders()


async def test_a_certificate_that_nobody_vouches_for(host: MailHost) -> None:
    account = replace(host.account(), imap=replace(host.imap(), ca_file=""))
    made = ImapBackend(account, host.password)
    async with _closing(made):
        with pytest.raises(PermanentError) as raised:
            await made.connect()
    assert raised.value.code == "certificate_not_trusted"


async def test_a_server_that_is_not_there(host: MailHost) -> None:
    with running_proxy(host.host, host.imaps_port) as proxy:
        port = proxy.port
    made = ImapBackend(host.account(imap_port=port), host.password)
    async with _closing(made):
        with pytest.raises(Offline):
            await made.connect()


@pytest.fixture
def proxy(host: MailHost) -> Iterator[Proxy]:
    with running_proxy(host.host, host.imaps_port) as running:
        yield running


async def test_the_network_fails_while_reading(host: MailHost, proxy: Proxy) -> None:
    host.append("INBOX", mail(1, body="x" * 200_000))
    made = ImapBackend(host.account(imap_port=proxy.port), host.password)
    async with _closing(made):
        await made.connect()
        await made.select("INBOX")
        uids = await made.uids()
        proxy.faults.cut_after = proxy.server_bytes + 60_000
        with pytest.raises(TransientError):
            await made.bodies(uids)
        proxy.heal()
        with pytest.raises(Offline):
            await made.uids()
        await made.connect()
        await made.select("INBOX")
        assert len((await made.bodies(uids))[uids[0]]) > 200_000


async def test_the_network_falls_silent(host: MailHost, proxy: Proxy) -> None:
    made = ImapBackend(host.account(imap_port=proxy.port), host.password, timeouts=ImapTimeouts(5, 1, 2))
    async with _closing(made):
        await made.connect()
        proxy.faults.stall = True
        with pytest.raises(TransientError):
            await made.select("INBOX")
        proxy.heal()


async def test_a_dead_line_ends_idle(host: MailHost, proxy: Proxy) -> None:
    made = ImapBackend(host.account(imap_port=proxy.port), host.password, timeouts=ImapTimeouts(5, 1, 2))
    async with _closing(made):
        capabilities = await made.connect()
        await made.select("INBOX")
        call = made.idle(600) if Capability.IDLE in capabilities else made.uids()
        waiting = asyncio.create_task(call)
        await asyncio.sleep(0.2)
        proxy.drop_all()
        if Capability.IDLE in capabilities:
            with pytest.raises(TransientError):
                await waiting
        else:
            assert await waiting == []
            with pytest.raises(TransientError):
                await made.uids()


async def test_a_cancelled_call_leaves_no_thread_behind(host: MailHost, proxy: Proxy) -> None:
    made = ImapBackend(host.account(imap_port=proxy.port), host.password)
    async with _closing(made):
        await made.connect()
        proxy.faults.stall = True
        waiting = asyncio.create_task(made.select("INBOX"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        proxy.heal()


@asynccontextmanager
async def _closing(backend: ImapBackend) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await backend.close()
