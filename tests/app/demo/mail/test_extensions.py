"""Each extension can be left out: then nobody announces it and its commands are unknown."""

from __future__ import annotations

import pytest
from imapclient.exceptions import CapabilityError

from app.demo.mail import ALL_EXTENSIONS, Extension
from tests.app.demo.mail.running import mail, running_mail

COMMANDS = {
    Extension.IDLE: ["IDLE"],
    Extension.MOVE: ["MOVE 1 Archive", "UID MOVE 1 Archive"],
    Extension.UIDPLUS: ["UID EXPUNGE 1"],
    Extension.UNSELECT: ["UNSELECT"],
    Extension.NAMESPACE: ["NAMESPACE"],
    Extension.ID: ["ID NIL"],
    Extension.CONDSTORE: [
        "STATUS INBOX (HIGHESTMODSEQ)",
        "FETCH 1 (MODSEQ)",
        "FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
        "SEARCH MODSEQ 1",
        "SELECT INBOX (CONDSTORE)",
        "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
    ],
    Extension.ESEARCH: ["SEARCH RETURN (COUNT) ALL"],
    Extension.LIST_EXTENDED: ['LIST (SUBSCRIBED) "" *', 'LIST "" ("a" "b")', 'LIST "" * RETURN (CHILDREN)'],
    Extension.LIST_STATUS: ['LIST "" * RETURN (STATUS (MESSAGES))'],
    Extension.SPECIAL_USE: ['LIST "" * RETURN (SPECIAL-USE)'],
    Extension.CREATE_SPECIAL_USE: ["CREATE X (USE (\\Flagged))"],
}


@pytest.mark.parametrize("extension", sorted(COMMANDS))
def test_without_the_extension(extension: Extension):
    with running_mail(extensions=ALL_EXTENSIONS - {extension}) as running, running.raw_imap() as raw:
        assert extension.value.encode() not in raw.ask("CAPABILITY")[0].split()
        raw.ask("SELECT INBOX")
        for command in COMMANDS[extension]:
            assert raw.ask(command)[-1].startswith(b"t BAD"), command


def test_without_any_extension_mail_can_be_read():
    with running_mail(extensions=frozenset()) as running, running.inbox() as client:
        assert client.capabilities() == (b"IMAP4REV1",)
        assert client.append("INBOX", mail(8)) == b"Stored"
        assert client.copy([1], "Archive") is None
        client.add_flags([1], ["\\Deleted"])
        client.expunge()
        assert client.search() == [2, 3, 4]
        with pytest.raises(CapabilityError):
            client.move([2], "Archive")


def test_enable_and_initial_responses_can_be_missing_too():
    with running_mail(extensions=ALL_EXTENSIONS - {Extension.ENABLE, Extension.SASL_IR}) as running:
        with running.raw_imap(sign_in=False) as raw:
            assert raw.ask("AUTHENTICATE PLAIN AGEAYg==")[-1].startswith(b"t BAD")
        with running.raw_imap() as raw:
            assert raw.ask("ENABLE CONDSTORE")[-1].startswith(b"t BAD")


def test_a_literal_that_does_not_wait_is_refused_and_skipped():
    with running_mail(extensions=ALL_EXTENSIONS - {Extension.LITERAL_PLUS}) as running, running.raw_imap() as raw:
        assert raw.ask(b"SELECT {5+}\r\nINBOX")[-1].startswith(b"t NO [TOOBIG]")
        raw.send(b"t SELECT {5}\r\n")
        assert raw.line().startswith(b"+ ")
        raw.send(b"INBOX\r\n")
        assert raw.until(b"t ")[-1].startswith(b"t OK")


def test_special_uses_are_not_told_without_the_extension():
    with (
        running_mail(extensions=ALL_EXTENSIONS - {Extension.SPECIAL_USE, Extension.CHILDREN}) as running,
        running.imap() as client,
    ):
        assert {flags for flags, _delimiter, _name in client.list_folders()} == {()}
