"""The demo server and Dovecot answer alike: envelopes, structures, parts and searches over a good part of the sample mailbox."""

from __future__ import annotations

import shutil
import ssl
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from imapclient import IMAPClient

from app.demo.mail import FolderData, MailboxData
from app.demo.sample import load_world
from tests.app.demo.mail.running import PASSWORD, RITA, STARTED, running_mail
from tests.app.demo.mail.test_structure import NESTED
from tests.servers.dovecot import running_dovecot

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin:/usr/bin") if sys.platform == "linux" else None
pytestmark = [pytest.mark.needs_dovecot, pytest.mark.skipif(DOVECOT is None, reason="Dovecot is not installed")]
STRANGE = [
    b"\r\nno header\r\n",
    b'From: Group: a@b.example, "C, D" <c@d.example>;\r\nTo: undisclosed-recipients:;\r\nSubject:\r\n\r\n',
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n--x\r\n\r\nsecond\r\n--x--\r\n",
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner body\r\n",
    b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: one\r\n\r\n1\r\n--d--\r\n",
    (
        b'Content-Type: text/plain; name="a \\"b\\" c"; charset=us-ascii\r\n'
        b"Content-Disposition: inline; filename=x.txt\r\nContent-Language: de, en\r\n\r\nx"
    ),
    b"Subject: folded\r\n   twice\r\n\tover\r\nMessage-ID:   <spaces@x.example>\r\n\r\n",
]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[IMAPClient, IMAPClient]]:
    """Two clients with the same messages under the same UIDs: ours and Dovecot's."""
    world = load_world(None, STARTED)
    raws = [data.raw for folder in world.mailboxes[0].folders for data in folder.messages if len(data.raw) < 200_000]
    # A line end behind a closing delimiter belongs to the next delimiter (RFC 2046 5.1.1); Dovecot counts it to the part before.
    nested = NESTED.replace(b"--deep--\r\n", b"--deep--\r\n\r\n").replace(b"--inner--\r\n", b"--inner--\r\n\r\n")
    raws = [*raws[::5], nested, *STRANGE]
    with (
        running_dovecot() as dovecot,
        running_mail((MailboxData(RITA, PASSWORD, folders=(FolderData("INBOX"),)),)) as running,
        running.imap() as ours,
    ):
        context = ssl.create_default_context(cafile=dovecot.ca_file)
        theirs = IMAPClient(dovecot.host, dovecot.imaps_port, ssl_context=context)
        theirs.plain_login(dovecot.user, dovecot.password)
        for client in (ours, theirs):
            for raw in raws:
                client.append("INBOX", raw, msg_time=STARTED)
            client.select_folder("INBOX")
        assert ours.search() == theirs.search()
        yield ours, theirs
        theirs.logout()


def lowered(value: Any) -> Any:
    """A structure with all words in lower case: case does not count in them, and Dovecot keeps it as it was written."""
    if isinstance(value, bytes):
        return value.lower()
    return [lowered(one) for one in value] if isinstance(value, tuple | list) else value


def fetched(both: tuple[IMAPClient, IMAPClient], item: str) -> list[tuple[int, Any, Any]]:
    """UID and both answers for every message."""
    ours, theirs = both
    uids = ours.search()
    first, second = (client.fetch(uids, [item]) for client in (ours, theirs))
    (key,) = set(first[uids[0]]) - {b"SEQ"}
    return [(uid, first[uid].get(key), second[uid].get(key)) for uid in uids]


@pytest.mark.parametrize(
    "item",
    [
        "RFC822.SIZE",
        "INTERNALDATE",
        "ENVELOPE",
        "BODY.PEEK[]",
        "BODY.PEEK[HEADER]",
        "BODY.PEEK[TEXT]",
        "BODY.PEEK[TEXT]<5.40>",
        "BODY.PEEK[HEADER.FIELDS (SUBJECT REFERENCES X-NONE)]",
        "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT RECEIVED)]",
    ],
)
def test_items_are_the_same(both: tuple[IMAPClient, IMAPClient], item: str):
    for uid, ours, theirs in fetched(both, item):
        assert ours == theirs, uid


def test_structures_are_the_same(both: tuple[IMAPClient, IMAPClient]):
    for uid, ours, theirs in fetched(both, "BODYSTRUCTURE"):
        assert lowered(ours) == lowered(theirs), uid


@pytest.mark.parametrize("section", ["1", "2", "1.2", "2.MIME", "3", "3.2"])
def test_parts_are_the_same(both: tuple[IMAPClient, IMAPClient], section: str):
    """Dovecot gives an empty text for a part that is not there, and leaves the line end before a delimiter to the multipart inside."""
    different = [
        uid
        for uid, ours, theirs in fetched(both, f"BODY.PEEK[{section}]")
        if (ours or b"").rstrip(b"\r\n") != (theirs or b"").rstrip(b"\r\n")
    ]
    assert different == []


@pytest.mark.parametrize(
    "criteria",
    [
        ["FROM", "karl"],
        ["TO", "sam@"],
        ["CC", "mia"],
        ["SUBJECT", "offer"],
        ["SUBJECT", "見積"],
        ["BODY", "gateway"],
        ["BODY", "Grüße"],
        ["BODY", "よろしく"],
        ["TEXT", "Überwachung"],
        ["HEADER", "List-Id", ""],
        ["HEADER", "X-Spam-Flag", "yes"],
        ["LARGER", 5000],
        ["SMALLER", 900],
        ["SENTSINCE", date(2026, 11, 20)],
        ["SENTON", date(2026, 11, 23)],
        ["OR", "FROM", "mia", "FROM", "karl"],
        ["NOT", ["TEXT", "the"]],
    ],
)
def test_searches_find_the_same(both: tuple[IMAPClient, IMAPClient], criteria: list):
    ours, theirs = (client.search(criteria, "UTF-8") for client in both)
    assert ours == theirs
