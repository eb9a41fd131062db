"""A mailbox of our own writing for tests of the screen: names that are long, right-to-left or without letters, HTML, attachments, odd subjects."""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from app.bootstrap import Core
from app.mail import mime
from app.mail.envelope import parse_envelope
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import ConnectionSecurity, Flag, FolderRole, MailServer
from app.store import accounts, folders, messages
from app.store.database import Transaction
from app.store.folders import FolderSeen
from app.store.messages import BodyText, NewHeader

OWNER = "rita@globex.example"
SEEN = frozenset({str(Flag.SEEN)})


@dataclass
class Letter:
    """One mail to be stored. ``age_h``: hours before now. ``folder`` is a folder's path. ``body_here`` False: only its header has come."""

    sender: tuple[str, str]
    subject: str
    text: str = ""
    html: str = ""
    age_h: float = 1.0
    to: Sequence[tuple[str, str]] = (("Rita Rep", OWNER),)
    cc: Sequence[tuple[str, str]] = ()
    flags: frozenset[str] = SEEN
    folder: str = "INBOX"
    files: Sequence[tuple[str, str, bytes]] = ()
    images: dict[str, bytes] = field(default_factory=dict)
    body_here: bool = True

    def raw(self, now: dt.datetime) -> bytes:
        """The message as it would have come (RFC 5322)."""
        message = EmailMessage()
        message["From"] = _mailboxes([self.sender])
        message["To"] = _mailboxes(self.to)
        if self.cc:
            message["Cc"] = _mailboxes(self.cc)
        message["Subject"] = self.subject
        message["Date"] = format_datetime(now - dt.timedelta(hours=self.age_h))
        message["Message-ID"] = f"<{zlib.crc32((self.subject + self.sender[1]).encode()):08x}.{self.age_h}@example.net>"
        message.set_content(self.text or "See the formatted part.")
        if self.html:
            message.add_alternative(self.html, subtype="html")
            for content_id, data in self.images.items():
                html_part = message.get_payload()[1]
                html_part.add_related(data, "image", "png", cid=f"<{content_id}>")
        for name, content_type, data in self.files:
            main, _, sub = content_type.partition("/")
            message.add_attachment(data, main, sub, filename=name)
        return message.as_bytes()


def _mailboxes(people: Sequence[tuple[str, str]]) -> tuple[Address, ...]:
    return tuple(Address(name, addr_spec=address) for name, address in people)


def png(width: int, height: int, rgb: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\x00" + bytes(rgb) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * height))
        + chunk(b"IEND", b"")
    )


NEWSLETTER = """<html><head><style>.card{background:#ffffff;border:1px solid #dddddd}
.b{background:#0b5cad;color:#fff;padding:10px 18px;text-decoration:none}
h1{font-size:22px;color:#123}</style></head><body bgcolor="#eef2f5" style="margin:0">
<table width="640" align="center" cellpadding="0" cellspacing="0" class="card"><tr><td style="padding:24px">
<img src="cid:logo@globex" width="120" height="40" alt="Globex"><h1>Autumn at Globex</h1>
<p>Our new pumps use a third less power. Read how the plant in Linz saved 14,000 kWh in one month.</p>
<p><a class="b" href="https://news.globex.example/autumn?u=1">Read the story</a></p>
<table width="100%" border="0"><tr><td width="50%" style="padding:8px;background:#f6f8fa"><b>Training</b><br>Two days in Graz</td>
<td width="50%" style="padding:8px;background:#f6f8fa"><b>Trade fair</b><br>Hall 4, stand 12</td></tr></table>
<img src="https://track.example/open.gif" width="1" height="1"><img src="https://cdn.example/banner.png">
<p style="color:#888;font-size:11px">You get this because you asked for it. <a href="https://news.globex.example/leave">Leave</a></p>
</td></tr></table></body></html>"""

PLAIN_HTML = """<html><body><p>Hello Rita,</p><p>as promised the <b>revised figures</b>. The second line is new:</p>
<table border="1" cellpadding="6" style="border-collapse:collapse"><tr><th>Item</th><th>Q3</th><th>Q4</th></tr>

<tr><td>Pumps</td><td align="right">41,200</td><td align="right">52,000</td></tr>
<tr><td>Service</td><td align="right">9,800</td><td align="right">11,400</td></tr></table>
<p>Please look at <a href="https://portal.acme.example/offers/4711">the portal</a> too.</p>
<blockquote>On Monday Rita wrote:<br>Could you send me the figures again?</blockquote>
<p>Best regards<br>Karl Klein<br>Head of Purchasing, Acme GmbH</p></body></html>"""

OFFER = """Hello Rita,

thanks for the offer. Two questions before I can take it to the board:

1. Does the price hold until 15 January?
2. Can you deliver in two parts, Linz first?

The drawings are attached, the older ones are at https://portal.acme.example/drawings/2025 (ask me for access).

Best regards
Karl Klein
Head of Purchasing, Acme GmbH

On Monday Rita Rep wrote:
> Dear Karl,
> please find our offer for the Q4 delivery attached.
> It includes installation in Linz and Graz.
"""


def letters() -> list[Letter]:
    """About thirty mails of ten days, newest first."""
    karl = ("Karl Klein", "karl.klein@acme.example")
    mia = ("Mia Moser", "mia.moser@acme.example")
    drawings = [
        ("Drawings Linz rev C.pdf", "application/pdf", b"%PDF-1.4 sample" * 4000),
        ("Q4 figures.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK" + bytes(21_000)),
    ]
    found = [
        Letter(karl, "Re: Offer for the Q4 delivery", OFFER, age_h=0.4, flags=frozenset(), files=drawings, cc=[mia]),
        Letter(
            mia,
            "Invoice 2025-1187",
            "Dear Rita, the invoice is attached. Payment within 30 days.",
            age_h=1.9,
            flags=frozenset(),
            files=[("Invoice 2025-1187.pdf", "application/pdf", bytes(88_000))],
        ),
        Letter(
            ("Globex News", "news@globex.example"),
            "Autumn at Globex: pumps that save a third",
            "Autumn at Globex.",
            NEWSLETTER,
            age_h=3.2,
            images={"logo@globex": png(120, 40, (11, 92, 173))},
        ),
        Letter(
            karl,
            "Revised figures",
            "Hello Rita, as promised the revised figures.",
            PLAIN_HTML,
            age_h=4.1,
            flags=frozenset({str(Flag.SEEN), str(Flag.ANSWERED), str(Flag.FLAGGED)}),
        ),
        Letter(
            ("محمد العلي", "m.alali@example.net"),
            "عرض الأسعار للمضخات الجديدة",
            "مرحبا ريتا، شكرا على العرض. هل يمكن التسليم قبل نهاية الشهر؟",
            age_h=5.0,
            flags=frozenset(),
        ),
        Letter(
            ("山田 花子", "hanako@example.net"),
            "お見積もりの件について",
            "リタ様、お見積もりをありがとうございます。来週お返事いたします。",
            age_h=6.5,
        ),
        Letter(
            (
                "Åsa Öberg-Lindström von und zu Hohenstein-Waldburg",
                "asa.oberg-lindstrom.von.hohenstein@a-very-long-company-name.example",
            ),
            "A subject that is much longer than any list could ever show, because people write the whole mail into it and add more",
            "Short text.",
            age_h=7.2,
            flags=frozenset(),
        ),
        Letter(
            ("🎉 Party Committee", "party@globex.example"),
            "🎂 Cake at four! 🍰🥳",
            "There is cake 🍰 in the kitchen. Come before it is gone 😀",
            age_h=8.0,
        ),
        Letter(
            ("", "noreply@ticket.example"),
            "",
            "Your ticket is attached.",
            age_h=9.0,
            files=[("ticket.ics", "text/calendar", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")],
        ),
        Letter(
            ("IT Support", "support@evil.example"),
            "Update your password",
            "Open the attached program.",
            age_h=20.0,
            files=[
                ("Update.exe", "application/x-msdownload", b"MZ" + bytes(5000)),
                ("readme.txt", "text/plain", b"Read me first.\nThen run it.\n"),
            ],
        ),
        Letter(("David Ben-Gurion", "david@example.net"), "שלום ותודה", "תודה על הפגישה. ניפגש בשבוע הבא.", age_h=26.0),
        Letter(
            ("Lena Vogt", "lena.vogt@initech.example"),
            "Site visit on Thursday",
            "Hi Rita, does 10:00 work for you?",
            age_h=28.0,
        ),
    ]
    subjects = [
        "Maintenance window",
        "Contract draft",
        "Re: Contract draft",
        "Lunch?",
        "Training dates",
        "Spare parts list",
        "Fwd: Spare parts list",
        "Travel plans",
        "Minutes of the meeting",
        "Question about the pump",
        "Delivery note 88123",
    ]
    people = [mia, karl, ("Lena Vogt", "lena.vogt@initech.example"), ("Tom Berger", "tom@hooli.example")]
    found += [
        Letter(
            people[number % 4],
            subjects[number % len(subjects)],
            f"Text number {number}. Some more words follow so that the line is full.",
            age_h=30 + number * 9,
        )
        for number in range(22)
    ]
    found.append(
        Letter(
            ("Rita Rep", OWNER),
            "Re: Site visit on Thursday",
            "Ten is fine.",
            to=[("Lena Vogt", "lena.vogt@initech.example")],
            folder="Sent",
            age_h=27,
        )
    )
    found.append(
        Letter(
            ("Tom Berger", "tom@hooli.example"), "Not brought yet", "", age_h=2.5, flags=frozenset(), body_here=False
        )
    )
    return found


FOLDERS = (
    FolderSeen("INBOX", "/", FolderRole.INBOX, True),
    FolderSeen("Archive", "/", FolderRole.ARCHIVE, True),
    FolderSeen("Drafts", "/", FolderRole.DRAFTS, True),
    FolderSeen("Sent", "/", FolderRole.SENT, True),
    FolderSeen("Spam", "/", FolderRole.JUNK, True),
    FolderSeen("Trash", "/", FolderRole.TRASH, True),
    FolderSeen("Customers", "/", FolderRole.NONE, True),
    FolderSeen("Customers/Acme GmbH", "/", FolderRole.NONE, True),
    FolderSeen("Customers/Initech Österreich Vertriebsgesellschaft mbH & Co. KG", "/", FolderRole.NONE, True),
)


async def add_account(core: Core, address: str = OWNER) -> MailAccountId:
    """A mail account with its folders, as a first LIST would leave it. Nobody answers at its servers."""
    server = MailServer("127.0.0.1", 9, ConnectionSecurity.TLS, address)
    account = await core.database.write(
        "add account", lambda tx: accounts.add_mail_account(tx, address, "Rita Rep", server, server)
    )
    await core.database.write(
        "list folders", lambda tx: folders.reconcile(tx, account.account_id, FOLDERS, now=core.clock.wall())
    )
    return account.account_id


async def store(
    core: Core, account_id: MailAccountId, to_store: Sequence[Letter], *, is_new: bool = False
) -> list[MessageId]:
    """Store mails as a sync would; their ids in that order."""
    now = dt.datetime.fromtimestamp(core.clock.wall(), tz=dt.UTC)
    raws = [letter.raw(now) for letter in to_store]

    def headers(tx: Transaction) -> list[MessageId]:
        made: dict[int, MessageId] = {}
        for path in dict.fromkeys(letter.folder for letter in to_store):
            folder = folders.by_path(tx, account_id, path)
            assert folder is not None
            numbers = [n for n, letter in enumerate(to_store) if letter.folder == path]
            listed = [_header(to_store[n], raws[n], now) for n in numbers]
            ids = messages.store_headers(tx, account_id, folder.folder_id, 1, listed, is_new_mail=is_new)
            made.update(zip(numbers, ids, strict=True))
        return [made[n] for n in range(len(to_store))]

    ids = await core.database.write("store headers", headers)
    bodies = [(ids[n], raws[n], _body(raws[n])) for n, letter in enumerate(to_store) if letter.body_here]
    await core.database.write("store bodies", lambda tx: messages.store_bodies(tx, bodies, mime.PARSER_VERSION))
    return ids


def _header(letter: Letter, raw: bytes, now: dt.datetime) -> NewHeader:
    arrived = int((now - dt.timedelta(hours=letter.age_h)).timestamp())
    envelope = parse_envelope(raw.partition(b"\n\n")[0] + b"\n\n", arrived)
    uid = zlib.crc32(raw) & 0x7FFFFFFF | 1
    return NewHeader(uid, letter.flags, 1, arrived, len(raw), envelope, bool(letter.files))


def _body(raw: bytes) -> BodyText:
    found = mime.extract(raw)
    return BodyText(found.text, found.snippet, found.attachment_names, found.has_attachments, mime.PARSER_VERSION)


async def folder_of(core: Core, account_id: MailAccountId, path: str) -> FolderId:
    """A folder's local number."""
    found = await core.database.read(lambda reader: folders.by_path(reader, account_id, path))
    assert found is not None
    return found.folder_id
