"""What clients hear of each other's changes: IDLE, message numbers, CONDSTORE (RFC 9051 7.5, RFC 2177, RFC 7162)."""

from __future__ import annotations

import pytest
from imapclient import IMAPClient

from tests.app.demo.mail.running import RITA, SAM, RawImap, RunningMail, mail

LONG_S = 30
"""How long a test waits for news; the server sends them at once."""


def news(client: IMAPClient) -> list:
    return client.idle_check(timeout=LONG_S)


def test_idle_hears_of_a_delivery_at_once(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.idle()
        mail_world.deliver(mail(9))
        assert (4, b"EXISTS") in news(client)
        assert client.idle_done()[0] == b"No longer idle"
        assert client.search() == [1, 2, 3, 4]


def test_idle_hears_of_flags_and_expunges_of_another_client(mail_world: RunningMail):
    with mail_world.inbox() as watcher, mail_world.inbox() as actor:
        watcher.idle()
        actor.add_flags([2], ["\\Seen"])
        assert news(watcher) == [(2, b"FETCH", (b"UID", 2, b"FLAGS", (b"\\Seen",)))]
        actor.move([1], "Archive")
        assert news(watcher) == [(1, b"EXPUNGE")]
        actor.append("INBOX", mail(8))
        assert news(watcher) == [(3, b"EXISTS")]
        watcher.idle_done()
        assert watcher.search() == [2, 3, 4]


def test_idle_starts_with_what_was_missed(mail_world: RunningMail):
    with mail_world.inbox() as client:
        # IMAPClient asks for the capabilities first, and would be told the news in that reply.
        client.capabilities()
        mail_world.deliver(mail(9))
        client.idle()
        assert news(client) == [(4, b"EXISTS")]
        client.idle_done()


def test_idle_of_another_mailbox_hears_nothing_of_it(mail_world: RunningMail):
    with mail_world.inbox() as client, mail_world.inbox(SAM) as sams:
        sams.idle()
        client.idle()
        mail_world.deliver(mail(9), SAM)
        assert news(sams) == [(1, b"EXISTS")]
        mail_world.deliver(mail(9), RITA)
        assert news(client) == [(4, b"EXISTS")]
        assert client.idle_done()[1] == sams.idle_done()[1] == []


def test_idle_ends_with_done_only(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        raw.send(b"t IDLE\r\n")
        assert raw.line().startswith(b"+ ")
        raw.send(b"NOOP\r\n")
        assert raw.line().startswith(b"t BAD")
        assert raw.ask("NOOP")[-1].startswith(b"t OK")


def test_a_mailbox_deleted_under_an_idle_client_ends_it(mail_world: RunningMail):
    with mail_world.imap() as actor, mail_world.raw_imap() as raw:
        actor.create_folder("Short-lived")
        raw.ask("SELECT Short-lived")
        raw.send(b"t IDLE\r\n")
        raw.line()
        actor.delete_folder("Short-lived")
        assert raw.line().startswith(b"* BYE")
        assert raw.line() == b""


def test_numbers_stay_until_the_client_has_been_told(mail_world: RunningMail):
    """EXPUNGE is not told after FETCH, STORE and SEARCH by number (RFC 9051 7.5.1)."""
    with mail_world.inbox() as actor, mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        actor.delete_messages([1])
        actor.expunge()
        assert raw.ask("FETCH 1:3 (UID)") == [
            b"* 2 FETCH (UID 2)",
            b"* 3 FETCH (UID 3)",
            b"t OK [EXPUNGEISSUED] Fetched",
        ]
        assert raw.ask("SEARCH ALL") == [b"* SEARCH 2 3", b"t OK Searched"]
        assert raw.ask("STORE 3 +FLAGS (\\Seen)")[:-1] == [b"* 3 FETCH (FLAGS (\\Seen))"]
        assert raw.ask("NOOP") == [b"* 1 EXPUNGE", b"t OK Done"]
        assert raw.ask("FETCH 1:2 (UID)")[:-1] == [b"* 1 FETCH (UID 2)", b"* 2 FETCH (UID 3)"]


def test_many_expunges_count_down_correctly(mail_world: RunningMail):
    for number in range(4, 10):
        mail_world.deliver(mail(number))
    with mail_world.inbox() as actor, mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        actor.delete_messages([1, 2, 5, 9])
        actor.expunge()
        mail_world.deliver(mail(11))
        numbers = list(range(1, 10))
        for line in raw.ask("NOOP")[:-1]:
            if line.endswith(b"EXPUNGE"):
                del numbers[int(line.split()[1]) - 1]
            else:
                assert line == b"* 6 EXISTS"
        assert numbers == [3, 4, 6, 7, 8]
        assert raw.ask("FETCH 6 (UID)")[0] == b"* 6 FETCH (UID 10)"


def test_new_flags_are_told_with_the_next_reply(mail_world: RunningMail):
    with mail_world.inbox() as actor, mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        actor.add_flags([3], ["$Work"])
        assert raw.ask("NOOP") == [b"* 3 FETCH (UID 3 FLAGS ($Work))", b"t OK Done"]
        assert raw.ask("NOOP") == [b"t OK Done"]


def _highest(raw: RawImap) -> int:
    return int(raw.ask("STATUS INBOX (HIGHESTMODSEQ)")[0].rpartition(b" ")[2].rstrip(b")"))


def test_mod_sequences_grow_with_every_change(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        start = _highest(raw)
        raw.ask("STORE 1 +FLAGS (\\Seen)")
        after_flags = _highest(raw)
        mail_world.deliver(mail(7))
        after_delivery = _highest(raw)
        raw.ask("UID MOVE 2 Archive")
        assert start < after_flags < after_delivery < _highest(raw)


def test_a_flag_set_again_changes_nothing(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        raw.ask("STORE 1 +FLAGS (\\Seen)")
        before = _highest(raw)
        raw.ask("STORE 1 +FLAGS (\\Seen)")
        assert _highest(raw) == before


def test_changed_since_with_imapclient(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.enable("CONDSTORE")
        before = int(client.select_folder("INBOX")[b"HIGHESTMODSEQ"])
        with mail_world.inbox() as other:
            other.add_flags([2], ["\\Flagged"])
        changed = client.fetch([1, 2, 3], ["FLAGS"], [f"CHANGEDSINCE {before}"])
        assert {uid: found[b"FLAGS"] for uid, found in changed.items()} == {2: (b"\\Flagged",)}
        assert changed[2][b"MODSEQ"][0] > before
        result = client.search(["MODSEQ", before + 1])
        assert result == [2]
        assert result.modseq == changed[2][b"MODSEQ"][0]


def test_unchanged_since_protects_against_lost_updates(mail_world: RunningMail):
    with mail_world.raw_imap() as raw, mail_world.inbox() as other:
        raw.ask("SELECT INBOX (CONDSTORE)")
        before = _highest(raw)
        other.add_flags([2], ["\\Flagged"])
        lines = raw.ask(f"UID STORE 1:3 (UNCHANGEDSINCE {before}) +FLAGS.SILENT (\\Seen)")
        assert lines[-1] == b"t OK [MODIFIED 2] Stored"
        assert sorted(
            line.split(b" (UID ")[1].split()[0] for line in lines[:-1] if b"MODSEQ" in line and b"FLAGS" not in line
        ) == [b"1", b"3"]
        assert b"* 2 FETCH (UID 2 FLAGS (\\Flagged))" in raw.ask("UID FETCH 2 (FLAGS)")


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1 (FLAGS) (CHANGEDSINCE x)",
        "FETCH 1 (FLAGS) (CHANGEDSINCE 99999999999999999999)",
        "STORE 1 (UNCHANGEDSINCE) FLAGS ()",
        "SEARCH MODSEQ x",
    ],
)
def test_mod_sequences_that_are_none(mail_world: RunningMail, command: str):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        assert raw.ask(command)[-1].startswith(b"t BAD")


def test_unsolicited_flags_carry_the_mod_sequence_once_enabled(mail_world: RunningMail):
    with mail_world.raw_imap() as raw, mail_world.inbox() as other:
        assert raw.ask("ENABLE CONDSTORE MAGIC")[0] == b"* ENABLED CONDSTORE"
        raw.ask("SELECT INBOX")
        other.add_flags([1], ["\\Seen"])
        assert b"MODSEQ (" in raw.ask("NOOP")[0]
