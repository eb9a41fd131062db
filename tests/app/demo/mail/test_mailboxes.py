"""Mailboxes as a whole: LIST to STATUS (RFC 9051 6.3, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

import pytest
from imapclient.exceptions import IMAPClientError

from tests.app.demo.mail.running import RunningMail, mail


def names(client) -> list[str]:
    return [name for _flags, _delimiter, name in client.list_folders()]


def test_special_uses_are_told(mail_world: RunningMail):
    with mail_world.imap() as client:
        uses = {name: flags for flags, _delimiter, name in client.list_folders()}
        assert b"\\Sent" in uses["Sent"]
        assert b"\\Junk" in uses["Junk"]
        for use, name in [
            (b"\\Drafts", "Drafts"),
            (b"\\Trash", "Trash"),
            (b"\\Archive", "Archive"),
            (b"\\Sent", "Sent"),
        ]:
            assert client.find_special_folder(use) == name


def test_create_rename_and_delete(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.create_folder("Customers/Acme/Offers")
        assert {"Customers", "Customers/Acme", "Customers/Acme/Offers"} <= set(names(client))
        client.append("Customers/Acme/Offers", mail(5))
        client.rename_folder("Customers", "Kunden")
        assert "Customers" not in names(client)
        assert client.folder_status("Kunden/Acme/Offers", ["MESSAGES"]) == {b"MESSAGES": 1}
        client.delete_folder("Kunden/Acme/Offers")
        assert "Kunden/Acme/Offers" not in names(client)


@pytest.mark.parametrize(
    "name",
    [
        "Kunden/Überwachung & Söhne",
        "東海精機",
        "عملاء",
        "🎄 2026",
        "A & B",
        'say "hi"',
        "back\\slash",
        "with (brackets)",
    ],
)
def test_names_of_all_kinds(mail_world: RunningMail, name: str):
    with mail_world.imap() as client:
        client.create_folder(name)
        assert name in names(client)
        client.append(name, mail(1))
        assert client.select_folder(name)[b"EXISTS"] == 1
        client.unselect_folder()
        client.rename_folder(name, "plain")
        assert name not in names(client)


@pytest.mark.parametrize("name", ['""', "a//b", '"a*"', '"%"', "&bad", '"&AOT"', '"tab\tname"', "x" * 600, '"\xe4"'])
def test_names_that_cannot_be(mail_world: RunningMail, name: str):
    with mail_world.raw_imap() as raw:
        reply = raw.ask(b"CREATE " + name.encode("latin-1"))[-1]
        assert reply.startswith((b"t BAD", b"t NO [CANNOT]"))
        assert not any(b"bad" in line or b"a//b" in line for line in raw.ask('LIST "" *')[:-1])


def test_inbox_is_one_in_any_case_and_cannot_go(mail_world: RunningMail):
    with mail_world.imap() as client:
        assert client.select_folder("iNbOx")[b"EXISTS"] == 3
        with pytest.raises(IMAPClientError, match="CANNOT"):
            client.delete_folder("inbox")
        with pytest.raises(IMAPClientError, match="ALREADYEXISTS"):
            client.create_folder("Inbox")


def test_renaming_the_inbox_moves_its_messages(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.rename_folder("INBOX", "Old mail")
        assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 0}
        assert client.folder_status("Old mail", ["MESSAGES"]) == {b"MESSAGES": 3}


def test_a_mailbox_made_again_has_another_validity(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.create_folder("Again")
        client.append("Again", mail(1))
        first = client.folder_status("Again", ["UIDVALIDITY", "UIDNEXT"])
        client.delete_folder("Again")
        client.create_folder("Again")
        second = client.folder_status("Again", ["UIDVALIDITY", "UIDNEXT"])
        assert second[b"UIDVALIDITY"] > first[b"UIDVALIDITY"]
        assert (first[b"UIDNEXT"], second[b"UIDNEXT"]) == (2, 1)


def test_a_renamed_mailbox_keeps_uids_and_validity(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.create_folder("Before")
        client.append("Before", mail(1))
        before = client.folder_status("Before", ["UIDVALIDITY", "UIDNEXT"])
        client.rename_folder("Before", "After")
        assert client.folder_status("After", ["UIDVALIDITY", "UIDNEXT"]) == before


def test_deleting_above_others_keeps_the_name(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.create_folder("Top/Below")
        client.append("Top", mail(1))
        client.delete_folder("Top")
        flags = {name: flags for flags, _delimiter, name in client.list_folders()}
        assert b"\\Noselect" in flags["Top"]
        with pytest.raises(IMAPClientError, match="NONEXISTENT"):
            client.select_folder("Top")
        with pytest.raises(IMAPClientError, match="HASCHILDREN"):
            client.delete_folder("Top")
        client.create_folder("Top")
        assert client.select_folder("Top")[b"EXISTS"] == 0


def test_what_does_not_exist(mail_world: RunningMail):
    with mail_world.imap() as client:
        for act in (
            lambda: client.select_folder("Nowhere"),
            lambda: client.delete_folder("Nowhere"),
            lambda: client.rename_folder("Nowhere", "Somewhere"),
            lambda: client.folder_status("Nowhere"),
            lambda: client.subscribe_folder("Nowhere"),
        ):
            with pytest.raises(IMAPClientError, match="NONEXISTENT"):
                act()
        with pytest.raises(IMAPClientError, match="TRYCREATE"):
            client.append("Nowhere", mail(1))
        with pytest.raises(IMAPClientError, match="CANNOT"):
            client.rename_folder("Sent", "Sent/Sent")
        with pytest.raises(IMAPClientError, match="ALREADYEXISTS"):
            client.rename_folder("Sent", "Trash")


def test_subscriptions(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.create_folder("Deep/Down")
        before = {name for _f, _d, name in client.list_sub_folders()}
        assert "Deep/Down" not in before
        client.subscribe_folder("Deep/Down")
        assert {name for _f, _d, name in client.list_sub_folders()} == before | {"Deep/Down"}
        # "%" stops at the level above, which is told although nobody has subscribed to it (RFC 3501 6.3.9).
        assert ((b"\\Noselect",), b"/", "Deep") in client.list_sub_folders("", "%")
        client.delete_folder("Deep/Down")
        assert "Deep/Down" in {name for _f, _d, name in client.list_sub_folders()}
        client.unsubscribe_folder("Deep/Down")
        assert {name for _f, _d, name in client.list_sub_folders()} == before


def test_status(mail_world: RunningMail):
    with mail_world.imap() as client:
        client.select_folder("INBOX")
        client.add_flags([1], ["\\Seen"])
        client.add_flags([2], ["\\Deleted"])
        client.unselect_folder()
        status = client.folder_status(
            "INBOX", ["MESSAGES", "UIDNEXT", "UNSEEN", "RECENT", "HIGHESTMODSEQ", "DELETED", "SIZE"]
        )
        assert {key: status[key] for key in (b"MESSAGES", b"UIDNEXT", b"UNSEEN", b"RECENT", b"DELETED")} == {
            b"MESSAGES": 3,
            b"UIDNEXT": 4,
            b"UNSEEN": 2,
            b"RECENT": 0,
            b"DELETED": 1,
        }
        assert status[b"SIZE"] == sum(len(mail(n)) for n in (1, 2, 3))
        with pytest.raises(IMAPClientError, match="BAD"):
            client.folder_status("INBOX", ["MAGIC"])


def test_select_and_examine_say_what_they_must(mail_world: RunningMail):
    with mail_world.imap() as client:
        opened = client.select_folder("INBOX")
        assert opened[b"EXISTS"] == 3
        assert opened[b"RECENT"] == 0
        assert opened[b"UIDNEXT"] == 4
        assert opened[b"UNSEEN"] == [b"1"]
        assert b"\\*" in opened[b"PERMANENTFLAGS"]
        assert opened[b"READ-WRITE"]
        assert int(opened[b"HIGHESTMODSEQ"]) > 1
        read_only = client.select_folder("INBOX", readonly=True)
        assert read_only[b"READ-ONLY"]
        assert read_only[b"PERMANENTFLAGS"] == ()
        assert read_only[b"UIDVALIDITY"] == opened[b"UIDVALIDITY"]


def test_nothing_changes_in_an_examined_mailbox(mail_world: RunningMail):
    with mail_world.inbox(readonly=True) as client:
        client.fetch([1], ["BODY[]"])
        assert client.get_flags([1]) == {1: ()}
        for act in (lambda: client.add_flags([1], ["\\Seen"]), lambda: client.move([1], "Trash"), client.expunge):
            with pytest.raises(IMAPClientError, match="READ-ONLY"):
                act()


def test_a_select_that_fails_leaves_nothing_selected(mail_world: RunningMail):
    with mail_world.inbox() as client:
        with pytest.raises(IMAPClientError):
            client.select_folder("Nowhere")
        # imaplib keeps a state of its own, which believes otherwise.
        client._imap.state = "SELECTED"
        with pytest.raises(IMAPClientError, match="not valid in this state"):
            client.fetch([1], ["FLAGS"])


def test_list_patterns(mail_world: RunningMail):
    with mail_world.imap() as client:
        for name in ("A/B/C", "A/D", "Axe"):
            client.create_folder(name)
        assert [name for _f, _d, name in client.list_folders("", "A%")] == ["A", "Archive", "Axe"]
        assert [name for _f, _d, name in client.list_folders("", "A/%")] == ["A/B", "A/D"]
        assert [name for _f, _d, name in client.list_folders("A/", "*")] == ["A/B", "A/B/C", "A/D"]
        assert [name for _f, _d, name in client.list_folders("", "*C")] == ["A/B/C"]
        assert [name for _f, _d, name in client.list_folders("", "inbox")] == ["INBOX"]
        flags = {name: flags for flags, _delimiter, name in client.list_folders()}
        assert b"\\HasChildren" in flags["A"]
        assert b"\\HasNoChildren" in flags["Axe"]


def test_list_of_nothing_tells_the_delimiter(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        assert raw.ask('LIST "" ""')[0] == b'* LIST (\\Noselect) "/" ""'


def test_extended_list(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        raw.ask("CREATE Top/Below")
        raw.ask("SUBSCRIBE Top/Below")
        assert raw.ask("CREATE Gone")[-1].startswith(b"t OK")
        raw.ask("SUBSCRIBE Gone")
        raw.ask("DELETE Gone")
        special = raw.ask('LIST (SPECIAL-USE) "" "*"')
        assert len(special) == 6
        assert all(b"\\Noselect" not in line for line in special)
        subscribed = raw.ask('LIST (SUBSCRIBED) "" "*" RETURN (CHILDREN)')
        assert b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" "Gone"' in subscribed
        recursive = raw.ask('LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"')
        assert b'* LIST (\\HasChildren) "/" "Top" ("CHILDINFO" ("SUBSCRIBED"))' in recursive
        several = raw.ask('LIST "" ("INBOX" "Sent") RETURN (STATUS (MESSAGES UNSEEN) SPECIAL-USE)')
        assert several[:-1] == [
            b'* LIST (\\HasNoChildren) "/" "INBOX"',
            b'* STATUS "INBOX" (MESSAGES 3 UNSEEN 3)',
            b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
            b'* STATUS "Sent" (MESSAGES 0 UNSEEN 0)',
        ]
        assert raw.ask('LIST (RECURSIVEMATCH) "" "*"')[-1].startswith(b"t BAD")
        assert raw.ask('LIST (MAGIC) "" "*"')[-1].startswith(b"t BAD")


def test_create_with_a_special_use(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        assert raw.ask("CREATE Starred (USE (\\Flagged))")[-1].startswith(b"t OK")
        assert b'* LIST (\\HasNoChildren \\Flagged) "/" "Starred"' in raw.ask('LIST "" Starred')
        assert raw.ask("CREATE Other (USE (\\Sent))")[-1].startswith(b"t NO [USEATTR]")
        assert raw.ask("CREATE Other (USE (\\Magic))")[-1].startswith(b"t NO [USEATTR]")
