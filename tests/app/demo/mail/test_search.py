"""SEARCH (RFC 9051 6.4.4, RFC 4731)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from app.demo.mail import FolderData, MailboxData, MessageData
from tests.app.demo.mail.running import PASSWORD, RITA, RawImap, mail, running_mail

EXTRA = "Cc: Mia <mia@acme.example>\r\nX-Priority: 1\r\n"
JAPANESE = """From: =?utf-8?B?55Sw5Lit?= <k.tanaka@tokai-seiki.example>
To: rita@rita.example
Subject: =?iso-2022-jp?B?GyRCOCtAUSRqGyhC?=
 =?utf-8?Q?_und_M=C3=BCnchen?=
Date: Fri, 20 Nov 2026 23:30:00 -0800
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

44GK5LiW6Kmx44Gr44Gq44Gj44Gm44GE44G+44GZ
--b
Content-Type: text/html; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

<p>Gr=FC=DFe <b>aus</b> K=F6ln</p>
--b--
""".replace("\n", "\r\n").encode()


@pytest.fixture(scope="module")
def folder() -> MailboxData:
    return MailboxData(
        RITA,
        PASSWORD,
        folders=(
            FolderData(
                "INBOX",
                "",
                (
                    MessageData(
                        mail(1, extra=EXTRA),
                        datetime(2026, 11, 1, 12, tzinfo=UTC),
                        ("\\Seen", "\\Answered"),
                    ),
                    MessageData(
                        mail(2, subject="Rechnung", body="x" * 5000),
                        datetime(2026, 11, 10, 12, tzinfo=UTC),
                        ("\\Flagged", "$Work"),
                    ),
                    MessageData(JAPANESE, datetime(2026, 11, 21, 7, 30, tzinfo=UTC), ("\\Draft", "\\Deleted")),
                    MessageData(b"no header at all", datetime(2026, 11, 22, tzinfo=UTC)),
                ),
            ),
        ),
    )


@pytest.fixture(scope="module")
def client(folder: MailboxData) -> Iterator[IMAPClient]:
    with running_mail((folder,)) as running, running.inbox() as client:
        yield client


@pytest.fixture(scope="module")
def raw(folder: MailboxData) -> Iterator[RawImap]:
    with running_mail((folder,)) as running, running.raw_imap() as raw:
        raw.ask("EXAMINE INBOX")
        yield raw


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (["ALL"], [1, 2, 3, 4]),
        (["SEEN"], [1]),
        (["UNSEEN"], [2, 3, 4]),
        (["ANSWERED"], [1]),
        (["UNANSWERED", "UNFLAGGED"], [3, 4]),
        (["FLAGGED"], [2]),
        (["DRAFT"], [3]),
        (["UNDRAFT", "UNDELETED"], [1, 2, 4]),
        (["DELETED"], [3]),
        (["KEYWORD", "$work"], [2]),
        (["UNKEYWORD", "$Work"], [1, 3, 4]),
        (["NEW"], []),
        (["RECENT"], []),
        (["OLD"], [1, 2, 3, 4]),
        (["FROM", "KARL"], [1, 2]),
        (["FROM", "田中"], [3]),
        (["TO", "rita@"], [1, 2, 3]),
        (["CC", "mia"], [1]),
        (["BCC", "anybody"], []),
        (["SUBJECT", "offer 1"], [1]),
        (["SUBJECT", "見積り"], [3]),
        (["SUBJECT", "und münchen"], [3]),
        (["HEADER", "X-Priority", ""], [1]),
        (["HEADER", "message-id", "2@acme"], [2]),
        (["BODY", "hello"], [1]),
        (["BODY", "お世話"], [3]),
        (["BODY", "GRÜSSE"], [3]),
        (["BODY", "aus"], [3]),
        (["BODY", "<b>"], []),
        (["TEXT", "rechnung"], [2]),
        (["TEXT", "köln"], [3]),
        (["LARGER", 4000], [2]),
        (["SMALLER", 100], [4]),
        (["SINCE", date(2026, 11, 10)], [2, 3, 4]),
        (["BEFORE", date(2026, 11, 10)], [1]),
        (["ON", date(2026, 11, 21)], [3]),
        (["SENTON", date(2026, 11, 20)], [3]),
        (["SENTSINCE", date(2026, 11, 24)], [1, 2]),
        (["SENTBEFORE", date(2026, 11, 24)], [3]),
        (["UID", "2:3"], [2, 3]),
        (["UID", "4:*"], [4]),
        (["UID", "900:*"], [4]),
        (["NOT", "SEEN"], [2, 3, 4]),
        (["OR", "SEEN", "FLAGGED"], [1, 2]),
        (["OR", ["SEEN", "ANSWERED"], ["NOT", ["UNDELETED"]]], [1, 3]),
        ([["FROM", "karl"], "UNSEEN"], [2]),
    ],
)
def test_search_keys(client: IMAPClient, criteria: list, expected: list[int]):
    assert client.search(criteria, "UTF-8") == expected


def test_search_by_number(raw: RawImap):
    assert raw.ask("SEARCH 2:3 UNSEEN")[0] == b"* SEARCH 2 3"
    assert raw.ask("UID SEARCH *")[0] == b"* SEARCH 4"
    assert raw.ask("SEARCH 1,4 NOT 4")[0] == b"* SEARCH 1"
    assert raw.ask("SEARCH FLAGGED SEEN")[0] == b"* SEARCH"


def test_extended_results(raw: RawImap):
    assert raw.ask("SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN")[0] == b'* ESEARCH (TAG "t") MIN 2 MAX 4 ALL 2:4 COUNT 3'
    assert raw.ask("UID SEARCH RETURN () ALL")[0] == b'* ESEARCH (TAG "t") UID ALL 1:4'
    assert raw.ask("SEARCH RETURN (COUNT) NEW")[0] == b'* ESEARCH (TAG "t") COUNT 0'
    assert raw.ask("SEARCH RETURN (MIN ALL) NEW")[0] == b'* ESEARCH (TAG "t")'
    assert raw.ask("SEARCH RETURN (MAGIC) ALL")[-1].startswith(b"t BAD")


def test_charsets(client: IMAPClient):
    with pytest.raises(IMAPClientError, match=r"BADCHARSET \(US-ASCII UTF-8\)"):
        client.search(["SUBJECT", "x"], "KOI8-R")


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "MAGIC",
        "SINCE yesterday",
        "SINCE 31-Feb-2026",
        "SINCE 1-Foo-2026",
        "LARGER x",
        "LARGER 99999999999",
        "NOT",
        "OR SEEN",
        "(",
        "()",
        "UID",
        "HEADER x",
        "((SEEN)",
        "(" * 60 + "ALL" + ")" * 60,
    ],
)
def test_nonsense_is_refused(raw: RawImap, keys: str):
    assert raw.ask(f"SEARCH {keys}")[-1].startswith(b"t BAD")
