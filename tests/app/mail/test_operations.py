"""Flags and moves through the outbox: at once on screen, in the end on the server, backed out when refused, and never a mail lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.events import MessagesChanged, MessagesRemoved
from app.model.mail import Flag
from app.model.operation import OperationState
from app.store.database import DatabaseKey
from tests.app.mail.rig import Rig, mail, open_rig
from tests.servers.mail_servers import KINDS, MailHost, running_host
from tests.servers.proxy import running_proxy
from tests.servers.secrets_in_memory import InMemorySecretStore


class Killed(BaseException):
    """The process ends here. Not an Exception: no handler of the program may survive it."""


class KillAt:
    """A checkpoint that ends the program the first time it comes by a name."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if name == self.name:
            self.name = ""
            raise Killed


@pytest.fixture(scope="module", params=[(kind, bare) for kind in KINDS for bare in (False, True)])
def any_host(request: pytest.FixtureRequest) -> Iterator[MailHost]:
    kind, is_bare = request.param
    without = ("MOVE", "UIDPLUS", "CONDSTORE", "QRESYNC", "IDLE") if is_bare else ()
    with running_host(kind, without=without) as host:
        yield host


async def filled(rig: Rig, *raws: bytes) -> Rig:
    rig.host.append("INBOX", *raws)
    await rig.add_account()
    await rig.sync.sync_now()
    return rig


async def test_a_flag_is_shown_at_once_and_reaches_the_server(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1), mail(2))
    ids = await rig.ids("INBOX")
    rig.heard.listen(MessagesChanged)
    (operation,) = await rig.actions.set_flag([ids["Offer 1"]], Flag.SEEN, True)
    assert Flag.SEEN in (await rig.flags("INBOX"))["Offer 1"]
    assert Flag.SEEN not in host.flags("INBOX")["Offer 1"]
    assert await rig.reader.count(await rig.folder("INBOX"), unread_only=True) == 1
    assert any(isinstance(e, MessagesChanged) and ids["Offer 1"] in e.message_ids for e in rig.heard.events)
    await rig.replay()
    assert Flag.SEEN in host.flags("INBOX")["Offer 1"]
    assert (await rig.operation(operation)).state is OperationState.DONE
    await rig.sync.sync_now()
    assert Flag.SEEN in (await rig.flags("INBOX"))["Offer 1"]


async def test_sync_does_not_overwrite_a_wish(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1))
    (message_id,) = (await rig.ids("INBOX")).values()
    await rig.actions.set_flag([message_id], Flag.SEEN, True)
    host.command("INBOX", "STORE", "1:*", "+FLAGS", "(\\Flagged)")
    await rig.sync.sync_now()
    assert (await rig.flags("INBOX"))["Offer 1"] == {Flag.SEEN, Flag.FLAGGED}
    await rig.replay()
    assert host.flags("INBOX")["Offer 1"] == {"\\Seen", "\\Flagged"}


async def test_opposite_wishes_cancel(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1))
    (message_id,) = (await rig.ids("INBOX")).values()
    (first,) = await rig.actions.set_flag([message_id], Flag.FLAGGED, True)
    (second,) = await rig.actions.set_flag([message_id], Flag.FLAGGED, False)
    assert (await rig.operation(first)).state is OperationState.SUPERSEDED
    assert (await rig.flags("INBOX"))["Offer 1"] == frozenset()
    await rig.replay()
    assert (await rig.operation(second)).state is OperationState.DONE
    assert host.flags("INBOX")["Offer 1"] == frozenset()


async def test_a_flag_that_is_there_already_asks_nothing(rig: Rig) -> None:
    await filled(rig, mail(1))
    (message_id,) = (await rig.ids("INBOX")).values()
    assert await rig.actions.set_flag([message_id], Flag.SEEN, False) == []


async def test_many_messages_change_in_one_operation(host: MailHost, rig: Rig) -> None:
    await filled(rig, *[mail(number) for number in range(1, 31)])
    ids = await rig.ids("INBOX")
    assert len(await rig.actions.set_flag(ids.values(), Flag.SEEN, True)) == 1
    await rig.replay()
    assert all(Flag.SEEN in flags for flags in host.flags("INBOX").values())


async def test_a_move_is_shown_at_once_and_keeps_the_message(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1), mail(2))
    ids = await rig.ids("INBOX")
    rig.heard.listen(MessagesRemoved)
    (operation,) = await rig.actions.archive([ids["Offer 1"]])
    assert await rig.subjects("INBOX") == ["Offer 2"]
    assert await rig.ids("Archive") == {"Offer 1": ids["Offer 1"]}
    assert host.subjects("INBOX") == ["Offer 1", "Offer 2"]
    assert any(isinstance(event, MessagesRemoved) for event in rig.heard.events)
    await rig.replay()
    assert (await rig.operation(operation)).state is OperationState.DONE
    assert (host.subjects("INBOX"), host.subjects("Archive")) == (["Offer 2"], ["Offer 1"])
    for _ in range(3):
        await rig.sync.sync_now()
        assert await rig.subjects("INBOX") == ["Offer 2"]
        assert await rig.ids("Archive") == {"Offer 1": ids["Offer 1"]}
    assert (await rig.reader.content(ids["Offer 1"])).text.startswith("Hello")


async def test_a_flag_follows_a_message_that_moves(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1))
    ids = await rig.ids("INBOX")
    await rig.actions.archive(ids.values())
    await rig.actions.set_flag(ids.values(), Flag.FLAGGED, True)
    await rig.replay()
    assert host.flags("Archive") == {"Offer 1": {"\\Flagged"}}
    await rig.sync.sync_now()
    assert await rig.flags("Archive") == {"Offer 1": {Flag.FLAGGED}}


async def test_moved_there_and_back_before_anything_was_sent(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1))
    ids = await rig.ids("INBOX")
    await rig.actions.archive(ids.values())
    await rig.actions.move(ids.values(), await rig.folder("INBOX"))
    assert await rig.ids("INBOX") == ids
    assert await rig.subjects("Archive") == []
    await rig.replay()
    await rig.sync.sync_now()
    assert (host.subjects("INBOX"), host.subjects("Archive")) == (["Offer 1"], [])
    assert await rig.ids("INBOX") == ids


async def test_moved_on_before_the_first_move_was_sent(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1))
    ids = await rig.ids("INBOX")
    await rig.actions.archive(ids.values())
    await rig.actions.move(ids.values(), await rig.folder("Junk"))
    assert await rig.ids("Junk") == ids
    assert await rig.subjects("Archive") == []
    await rig.replay()
    await rig.sync.sync_now()
    assert (host.subjects("INBOX"), host.subjects("Archive"), host.subjects("Junk")) == ([], [], ["Offer 1"])
    assert await rig.ids("Junk") == ids


async def test_undo_before_and_after_it_was_sent(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1), mail(2))
    ids = await rig.ids("INBOX")
    unsent = await rig.actions.delete([ids["Offer 1"]])
    await rig.actions.undo(unsent)
    assert (await rig.operation(unsent[0])).state is OperationState.DISCARDED
    assert await rig.ids("INBOX") == ids
    done = await rig.actions.delete([ids["Offer 2"]])
    flagged = await rig.actions.set_flag([ids["Offer 1"]], Flag.SEEN, True)
    await rig.replay()
    assert host.subjects("Trash") == ["Offer 2"]
    await rig.actions.undo([*done, *flagged])
    assert await rig.ids("INBOX") == ids
    await rig.replay()
    await rig.sync.sync_now()
    assert sorted(host.subjects("INBOX")) == ["Offer 1", "Offer 2"]
    assert host.subjects("Trash") == []
    assert Flag.SEEN not in host.flags("INBOX")["Offer 1"]
    assert await rig.ids("INBOX") == ids


async def test_deleted_in_the_trash_is_gone(host: MailHost, rig: Rig) -> None:
    await filled(rig, mail(1), mail(2))
    ids = await rig.ids("INBOX")
    await rig.actions.delete(ids.values())
    await rig.replay()
    await rig.sync.sync_now()
    await rig.actions.delete([ids["Offer 1"]])
    assert await rig.subjects("Trash") == ["Offer 2"]
    await rig.replay()
    await rig.sync.sync_now()
    assert await rig.subjects("Trash") == ["Offer 2"]
    kept = {subject for subject, flags in host.flags("Trash").items() if "\\Deleted" not in flags}
    assert kept == {"Offer 2"}


async def test_a_move_that_is_refused_is_backed_out(host: MailHost, rig: Rig) -> None:
    with host.client() as client:
        client.create("Doomed")
    await filled(rig, mail(1))
    ids = await rig.ids("INBOX")
    doomed = await rig.folder("Doomed")
    with host.client() as client:
        client.delete("Doomed")
    (operation,) = await rig.actions.move(ids.values(), doomed)
    assert await rig.subjects("INBOX") == []
    await rig.replay()
    assert (await rig.operation(operation)).state is OperationState.FAILED
    assert await rig.ids("INBOX") == ids
    assert host.subjects("INBOX") == ["Offer 1"]


async def test_a_folder_that_is_needed_is_made(host: MailHost, rig: Rig) -> None:
    with host.client() as client:
        client.delete("Archive")
    await filled(rig, mail(1))
    ids = await rig.ids("INBOX")
    await rig.actions.archive(ids.values())
    assert await rig.ids("Archive") == ids
    await rig.replay()
    assert host.subjects("Archive") == ["Offer 1"]
    await rig.sync.sync_now()
    assert await rig.ids("Archive") == ids


async def test_offline_it_waits_and_burns_no_attempt(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1))
    with running_proxy(host.host, host.imaps_port) as proxy:
        await rig.add_account(imap_port=proxy.port)
        await rig.sync.sync_now()
        ids = await rig.ids("INBOX")
        proxy.faults.refuse = True
        proxy.drop_all()
        (operation,) = await rig.actions.archive(ids.values())
        await rig.replayer.run_once()
        waiting = await rig.operation(operation)
        assert (waiting.state, waiting.attempts) == (OperationState.PENDING, 0)
        proxy.heal()
        await rig.sync.sync_now()  # learns that the server is back
        await rig.outbox.retry(operation)
        await rig.replay()
        assert (host.subjects("INBOX"), host.subjects("Archive")) == ([], ["Offer 1"])


@pytest.mark.parametrize(
    "name", ["after_begin", "move_floor_noted", "move_copied", "move_done", "move_settled", "after_perform"]
)
async def test_killed_at_every_step_of_a_move(host: MailHost, tmp_path: Path, name: str) -> None:
    key, secrets, kill = DatabaseKey.new(), InMemorySecretStore(), KillAt(name)
    # The last one has no Message-ID, and two of them look alike to a careless eye.
    raws = [mail(1), mail(2), mail(3).replace(b"Message-ID: <3@acme.example>\r\n", b"")]
    host.append("INBOX", *raws)
    host.append("Archive", mail(1))
    async with open_rig(host, tmp_path, key=key, secrets=secrets, checkpoint=kill) as rig:
        await rig.add_account()
        await rig.sync.sync_now()
        ids = await rig.ids("INBOX")
        await rig.actions.archive(ids.values())
        with pytest.raises(BaseException) as raised:  # noqa: PT011 - its type is what the next line is about
            await rig.replay()
        assert (
            raised.group_contains(Killed)
            if isinstance(raised.value, BaseExceptionGroup)
            else raised.errisinstance(Killed)
        )
    assert name in kill.seen
    async with open_rig(host, tmp_path, key=key, secrets=secrets) as rig:
        assert await rig.subjects("INBOX") == []
        await rig.replay()
        for _ in range(2):
            await rig.sync.sync_now()
            assert await rig.subjects("INBOX") == []
            assert sorted(await rig.subjects("Archive")) == ["Offer 1", "Offer 1", "Offer 2", "Offer 3"]
        assert {*ids.values()} <= {*(await _ids_in(rig, "Archive"))}
    left = {subject for subject, flags in host.flags("INBOX").items() if "\\Deleted" not in flags}
    assert left == set()
    assert sorted(host.subjects("Archive")) == ["Offer 1", "Offer 1", "Offer 2", "Offer 3"]


async def test_the_answer_of_a_move_is_lost(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1), mail(2))
    with running_proxy(host.host, host.imaps_port) as proxy:
        await rig.add_account(imap_port=proxy.port)
        await rig.sync.sync_now()
        ids = await rig.ids("INBOX")
        await rig.actions.archive(ids.values())
        harmed = 0

        def harm(at: int) -> None:
            nonlocal harmed
            harmed = at
            proxy.faults.reset_after = True
            proxy.faults.times = 1

        # Each answer in turn is lost once, the outcome is always the same.
        for at in range(1, 4):
            harm(at)
            await rig.replayer.run_once()
            for operation_id in await rig.states():
                if (await rig.operation(operation_id)).state.is_open:
                    await rig.outbox.retry(operation_id)
        proxy.heal()
        await rig.sync.sync_now()
        await rig.replay()
        await rig.sync.sync_now()
    kept = {subject for subject, flags in host.flags("INBOX").items() if "\\Deleted" not in flags}
    assert (kept, sorted(host.subjects("Archive"))) == (set(), ["Offer 1", "Offer 2"])
    assert await rig.ids("Archive") == ids


async def _ids_in(rig: Rig, path: str) -> list[int]:
    rows = await rig.reader.rows(await rig.folder(path), offset=0, limit=100)
    return [row.message_id for row in rows]
