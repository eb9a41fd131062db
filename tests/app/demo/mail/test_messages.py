"""FETCH, STORE, COPY, MOVE, APPEND and EXPUNGE (RFC 9051 6.3.12, 6.4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from imapclient.exceptions import IMAPClientError

from tests.app.demo.mail.running import RunningMail, mail


def test_fetch_of_the_usual_items(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.normalise_times = False
        found = client.fetch([2], ["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY.PEEK[]"])[2]
        assert found[b"FLAGS"] == ()
        assert found[b"RFC822.SIZE"] == len(mail(2))
        assert found[b"INTERNALDATE"].astimezone(UTC) == datetime(2026, 11, 24, 9, 2, tzinfo=UTC)
        assert found[b"BODY[]"] == mail(2)
        envelope = found[b"ENVELOPE"]
        assert envelope.subject == b"Offer 2"
        assert envelope.message_id == b"<2@acme.example>"
        assert (envelope.from_[0].name, envelope.from_[0].mailbox, envelope.from_[0].host) == (
            b"Karl Klein",
            b"karl",
            b"acme.example",
        )
        assert envelope.sender == envelope.reply_to == envelope.from_


def test_sections_and_partials(mail_world: RunningMail):
    with mail_world.inbox() as client:
        found = client.fetch(
            [1], ["BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "BODY.PEEK[]<10.7>", "BODY.PEEK[1]", "BODY.PEEK[2]"]
        )[1]
        assert found[b"BODY[HEADER]"] + found[b"BODY[TEXT]"] == mail(1)
        assert found[b"BODY[]<10>"] == mail(1)[10:17]
        assert found[b"BODY[1]"] == b"Hello\r\n"
        assert found[b"BODY[2]"] is None
        fields = client.fetch(
            [1], ["BODY.PEEK[HEADER.FIELDS (subject X-None)]", "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM TO DATE)]"]
        )[1]
        assert fields[b"BODY[HEADER.FIELDS (SUBJECT X-NONE)]"] == b"Subject: Offer 1\r\n\r\n"
        assert fields[b"BODY[HEADER.FIELDS.NOT (SUBJECT FROM TO DATE)]"] == b"Message-ID: <1@acme.example>\r\n\r\n"
        assert client.fetch([1], ["BODY.PEEK[]<9999.10>"])[1][b"BODY[]<9999>"] == b""


def test_old_names_of_sections(mail_world: RunningMail):
    with mail_world.inbox() as client:
        found = client.fetch([1], ["RFC822.HEADER", "RFC822.TEXT"])[1]
        assert found[b"RFC822.HEADER"] + found[b"RFC822.TEXT"] == mail(1)
        assert client.fetch([1], ["RFC822"])[1][b"RFC822"] == mail(1)


def test_reading_marks_as_seen_and_peeking_does_not(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.fetch([1], ["BODY.PEEK[]", "RFC822.HEADER"])
        assert client.get_flags([1]) == {1: ()}
        assert client.fetch([1], ["BODY[TEXT]"])[1][b"FLAGS"] == (b"\\Seen",)
        client.fetch([2], ["RFC822"])
        assert client.get_flags([1, 2, 3]) == {1: (b"\\Seen",), 2: (b"\\Seen",), 3: ()}


def test_macros(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        assert b"ENVELOPE" in raw.ask("FETCH 1 ALL")[0]
        assert b"ENVELOPE" not in raw.ask("FETCH 1 FAST")[0]
        assert b" BODY (" in raw.ask("FETCH 1 FULL")[0]


@pytest.mark.parametrize(
    "items",
    [
        "MAGIC",
        "(FLAGS MAGIC)",
        "()",
        "BODY[",
        "BODY[]<1>",
        "BODY[]<1.0>",
        "BODY[0]",
        "BODY[MIME]",
        "BODY[1.]x",
        "BODY[HEADER.FIELDS]",
        "BODY[HEADER.FIELDS ()]",
    ],
)
def test_items_that_do_not_exist(mail_world: RunningMail, items: str):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        assert raw.ask(f"FETCH 1 {items}")[-1].startswith(b"t BAD")


def test_numbers_that_do_not_exist(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        for numbers in ("4", "0", "1:9", "1,5", "4294967296", "99999999999999999999", "x", "1:", "-1"):
            assert raw.ask(f"FETCH {numbers} FLAGS")[-1].startswith(b"t BAD")
        # UIDs may name what is not there (RFC 9051 6.4.9).
        assert raw.ask("UID FETCH 77,900:* (FLAGS)")[:-1] == [b"* 3 FETCH (UID 3 FLAGS ())"]
        assert raw.ask("FETCH *:2 (UID)")[:-1] == [b"* 2 FETCH (UID 2)", b"* 3 FETCH (UID 3)"]


def test_store_in_all_its_forms(mail_world: RunningMail):
    with mail_world.inbox() as client:
        assert client.add_flags([1], ["\\Seen", "$Forwarded"]) == {1: (b"$Forwarded", b"\\Seen")}
        assert client.remove_flags([1], ["\\Seen"]) == {1: (b"$Forwarded",)}
        assert client.set_flags([1, 2], ["\\Flagged"]) == {1: (b"\\Flagged",), 2: (b"\\Flagged",)}
        assert client.add_flags([3], ["\\Answered"], silent=True) is None
        assert client.get_flags([3]) == {3: (b"\\Answered",)}
        client.add_flags([3], ["$forwarded"])
        client.add_flags([3], ["$Forwarded"])
        assert client.get_flags([3]) == {3: (b"$forwarded", b"\\Answered")}


@pytest.mark.parametrize("flag", ["\\Recent", "\\Magic", "(\\Seen"])
def test_flags_that_cannot_be_set(mail_world: RunningMail, flag: str):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        assert raw.ask(f"STORE 1 +FLAGS {flag}")[-1].startswith(b"t BAD")
        assert raw.ask("FETCH 1 FLAGS")[0] == b"* 1 FETCH (FLAGS ())"


def test_copy_keeps_flags_and_dates(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.add_flags([2], ["\\Flagged"])
        before = client.fetch([2], ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"])[2]
        client.copy([2, 3], "Archive")
        client.select_folder("Archive")
        after = client.fetch([1], ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"])[1]
        for key in (b"INTERNALDATE", b"FLAGS", b"BODY[]"):
            assert after[key] == before[key]


def test_copy_tells_the_new_uids(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        assert raw.ask("UID COPY 2:3 Archive")[-1].endswith(b" 2:3 1:2] Copied")
        assert raw.ask("UID COPY 77 Archive")[-1] == b"t OK Copied"


def test_copy_to_nowhere_copies_nothing(mail_world: RunningMail):
    with mail_world.inbox() as client:
        with pytest.raises(IMAPClientError, match="TRYCREATE"):
            client.copy([1], "Nowhere")
        with pytest.raises(IMAPClientError, match="TRYCREATE"):
            client.move([1], "Nowhere")
        assert client.search() == [1, 2, 3]


def test_move(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("SELECT INBOX")
        lines = raw.ask("UID MOVE 1,3 Archive")
        assert lines[0].startswith(b"* OK [COPYUID ")
        assert lines[0].endswith(b" 1,3 1:2] Moved")
        assert lines[1:] == [b"* 3 EXPUNGE", b"* 1 EXPUNGE", b"t OK Moved"]
        assert raw.ask("FETCH 1:* (UID)")[:-1] == [b"* 1 FETCH (UID 2)"]
        assert raw.ask("STATUS Archive (MESSAGES UIDNEXT)")[0] == b'* STATUS "Archive" (MESSAGES 2 UIDNEXT 3)'
        assert raw.ask("MOVE 1 INBOX")[0].endswith(b" 2 4] Moved")


def test_append_with_flags_and_date(mail_world: RunningMail):
    with mail_world.imap() as client:
        when = datetime(2020, 2, 29, 13, 5, 9, tzinfo=UTC)
        reply = client.append("Drafts", mail(8), flags=["\\Draft", "\\Seen", "$label"], msg_time=when)
        assert b"APPENDUID" in reply
        assert reply.split()[2].rstrip(b"]") == b"1"
        client.select_folder("Drafts")
        found = client.fetch([1], ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"])[1]
        assert set(found[b"FLAGS"]) == {b"\\Draft", b"\\Seen", b"$label"}
        assert found[b"BODY[]"] == mail(8)
        client.normalise_times = False
        assert client.fetch([1], ["INTERNALDATE"])[1][b"INTERNALDATE"].astimezone(UTC) == when


def test_append_to_the_selected_mailbox_is_told(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.append("INBOX", mail(9))
        assert client.search() == [1, 2, 3, 4]


def test_append_that_makes_no_sense(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        assert raw.ask("APPEND INBOX {0+}\r\n")[-1].startswith(b"t NO [CANNOT]")
        assert raw.ask('APPEND INBOX "quoted"')[-1].startswith(b"t BAD")
        assert raw.ask('APPEND INBOX " 1-Foo-2020 00:00:00 +0000" {1+}\r\nx')[-1].startswith(b"t BAD")
        assert raw.ask('APPEND INBOX "31-Feb-2020 00:00:00 +0000" {1+}\r\nx')[-1].startswith(b"t BAD")
        assert raw.ask("APPEND INBOX (\\Recent) {1+}\r\nx")[-1].startswith(b"t BAD")
        assert raw.ask("STATUS INBOX (MESSAGES)")[0] == b'* STATUS "INBOX" (MESSAGES 3)'


def test_eight_bit_and_binary_content_comes_back_as_it_was(mail_world: RunningMail):
    # imaplib itself turns a lone CR or LF into CRLF.
    raw_mail = b"Subject: caf\xe9 \xff\r\n\r\n" + bytes(range(14, 256)) * 40 + b"\r\n"
    with mail_world.imap() as client:
        client.append("INBOX", raw_mail)
        client.select_folder("INBOX")
        found = client.fetch([4], ["BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE"])[4]
        assert found[b"BODY[]"] == raw_mail
        assert found[b"ENVELOPE"].subject == b"caf\xe9 \xff"


def test_expunge_uid_expunge_and_close(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.add_flags([1, 3], ["\\Deleted"])
        client.uid_expunge([1, 2])
        assert client.search() == [2, 3]
        client.expunge()
        assert client.search() == [2]
        client.add_flags([2], ["\\Deleted"])
        client.unselect_folder()
        assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 1}
        client.select_folder("INBOX")
        client.close_folder()
        assert client.folder_status("INBOX", ["MESSAGES", "UIDNEXT"]) == {b"MESSAGES": 0, b"UIDNEXT": 4}


def test_uids_are_never_used_again(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.delete_messages([3])
        client.expunge()
        client.append("INBOX", mail(7))
        assert client.search() == [1, 2, 4]


def test_a_large_message(mail_world: RunningMail):
    big = mail(1, body="0123456789abcdef" * 4 + "\r\n") + b"A" * (6 << 20) + b"\r\n"
    with mail_world.imap() as client:
        client.append("INBOX", big)
        client.select_folder("INBOX")
        assert client.fetch([4], ["BODY.PEEK[]"])[4][b"BODY[]"] == big
