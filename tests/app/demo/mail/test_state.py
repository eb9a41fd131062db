"""A restart with a state folder: mail, flags, UIDs and ports come back (RFC 9051 2.3.1.1)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from app.demo.mail import StateUnreadable
from tests.app.demo.mail.running import RITA, SAM, RunningMail, mail, running_mail, two_users


def _picture(running: RunningMail) -> dict:
    with running.imap() as client:
        picture: dict = {"folders": client.list_folders(), "subscribed": client.list_sub_folders()}
        for _flags, _delimiter, name in client.list_folders():
            opened = client.select_folder(name, readonly=True)
            uids = client.search()
            found = client.fetch(uids, ["FLAGS", "INTERNALDATE", "MODSEQ", "BODY.PEEK[]"]) if uids else {}
            picture[name] = (opened[b"UIDVALIDITY"], opened[b"UIDNEXT"], opened[b"HIGHESTMODSEQ"], dict(found))
        return picture


def test_everything_survives_a_restart(tmp_path: Path):
    with running_mail(state=tmp_path) as running:
        with running.inbox() as client:
            client.add_flags([1], ["\\Seen", "$Work"])
            client.move([2], "Archive")
            client.create_folder("Kunden/Grün")
            client.append("Kunden/Grün", mail(7), flags=["\\Flagged"])
            client.unsubscribe_folder("Junk")
            client.delete_messages([3])
            client.expunge()
        with running.smtp() as client:
            client.sendmail(RITA, [SAM], mail(8))
        before = _picture(running)
        submissions = running.call(running.servers.sent)
        ports = (running.servers.imap, running.servers.imaps, running.servers.smtp, running.servers.smtps)
    with running_mail(state=tmp_path) as running:
        assert _picture(running) == before
        assert running.call(running.servers.sent) == submissions
        assert (running.servers.imap, running.servers.imaps, running.servers.smtp, running.servers.smtps) == ports
        assert running.deliver(mail(9)) == 4


def test_new_users_join_an_existing_state(tmp_path: Path):
    rita, sam = two_users()
    with running_mail((rita,), state=tmp_path) as running:
        running.deliver(mail(9))
    with running_mail((rita, sam), state=tmp_path) as running:
        with running.inbox() as client:
            assert client.search() == [1, 2, 3, 4]
        with running.inbox(SAM) as client:
            assert client.search() == []


def test_bodies_that_nobody_needs_are_removed(tmp_path: Path):
    with running_mail(state=tmp_path) as running, running.inbox() as client:
        client.copy([1], "Archive")
        client.delete_messages([1, 2])
        client.expunge()
    with sqlite3.connect(tmp_path / "mail.sqlite") as database:
        assert database.execute("SELECT count(*) FROM body").fetchone() == (2,)
    database.close()


def test_a_port_that_is_taken_is_replaced(tmp_path: Path):
    with running_mail(state=tmp_path) as first:
        taken = first.servers.imaps
        copied = tmp_path / "copy"
        copied.mkdir()
        with sqlite3.connect(copied / "mail.sqlite") as database, sqlite3.connect(tmp_path / "mail.sqlite") as source:
            source.backup(database)
        database.close()
        source.close()
        with running_mail(state=copied) as second:
            assert second.servers.imaps != taken
            with second.inbox() as client:
                assert client.search() == [1, 2, 3]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_state_is_named_and_left_alone(tmp_path: Path, content: bytes):
    (tmp_path / "mail.sqlite").write_bytes(content)
    with pytest.raises(StateUnreadable, match=r"mail\.sqlite"), running_mail(state=tmp_path):
        pass
    assert (tmp_path / "mail.sqlite").read_bytes() == content


def test_a_state_of_a_newer_version_is_refused(tmp_path: Path):
    with running_mail(state=tmp_path):
        pass
    with sqlite3.connect(tmp_path / "mail.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StateUnreadable, match="newer"), running_mail(state=tmp_path):
        pass
