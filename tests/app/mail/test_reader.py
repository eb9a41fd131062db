"""Messages that are in the store are read, prepared in a worker, and kept in RAM until they change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.errors import Offline, RecordNotFound
from app.events import EventBus
from app.mail.log_source import StoredMessages
from app.mail.mime import extract
from app.mail.reader import MailReader, MailSearch
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Address, Envelope
from app.store import messages
from app.store.database import Database, DatabaseKey, Transaction
from app.workers import WorkerPool

DAY = 1_760_000_000


def raw_mail(number: int = 1) -> bytes:
    message = EmailMessage()
    message["Subject"] = f"Offer {number}"
    message["From"] = "Karl Klein <karl@acme.example>"
    message["To"] = "Rita Rep <rita@rita.example>"
    message["Message-ID"] = f"<{number}@acme.example>"
    message.set_content("Please find the offer for 80 licences.")
    message.add_alternative('<p>Please find the <b>offer</b></p><img src="https://t.example/x.gif">', subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="offer.pdf")
    return message.as_bytes()


def header(number: int) -> messages.NewHeader:
    envelope = Envelope(
        subject=f"Offer {number}",
        date=DAY + number,
        from_=(Address("Karl Klein", "karl@acme.example"),),
        reply_to=(),
        to=(Address("Rita Rep", "rita@rita.example"),),
        cc=(),
        bcc=(),
        message_id=f"<{number}@acme.example>",
        in_reply_to="",
    )
    return messages.NewHeader(number, frozenset(), 0, DAY + number, len(raw_mail(number)), envelope, True)


class Shelf:
    """A store with one account, one inbox and some messages."""

    def __init__(self, database: Database, reader: MailReader, folder_id: FolderId, asked: list[MessageId]) -> None:
        self.database = database
        self.reader = reader
        self.folder_id = folder_id
        self.asked = asked

    async def ids(self) -> list[MessageId]:
        return [row.message_id for row in await self.reader.rows(None, offset=0, limit=10)]

    async def add_body(self, message_id: MessageId, raw: bytes) -> None:
        parsed = extract(raw)
        body = messages.BodyText(
            parsed.text, parsed.snippet, parsed.attachment_names, parsed.has_attachments, parsed.parser_version
        )
        await self.database.write("body", lambda tx: messages.store_body(tx, message_id, raw, body))


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    bus = EventBus()
    database = await Database.open(tmp_path / "outrigger.db", DatabaseKey.new(), bus=bus, create=True)
    workers = WorkerPool()
    asked: list[MessageId] = []

    async def fetch_body(message_id: MessageId) -> None:
        asked.append(message_id)
        raise Offline("no network in this test")

    reader = MailReader(database, workers, bus, fetch_body)

    def fill(tx: Transaction) -> FolderId:
        account = tx.insert(
            "INSERT INTO mail_account (address, display_name, imap, smtp) VALUES (?, ?, ?, ?)",
            ("rita@rita.example", "Rita Rep", SERVER, SERVER),
        )
        folder = FolderId(
            tx.insert(
                "INSERT INTO folder (account_id, path, name, role) VALUES (?, 'INBOX', 'INBOX', 'inbox')", (account,)
            )
        )
        messages.store_headers(tx, MailAccountId(account), folder, 1, [header(1), header(2)])
        return folder

    folder_id = await database.write("fill", fill)
    yield Shelf(database, reader, folder_id, asked)
    reader.close()
    await workers.close()
    await database.close()


SERVER = '{"host": "localhost", "port": 993, "security": "tls", "user": "rita", "ca_file": ""}'


async def test_rows_come_newest_first(shelf: Shelf) -> None:
    rows = await shelf.reader.rows(shelf.folder_id, offset=0, limit=10)
    assert [row.subject for row in rows] == ["Offer 2", "Offer 1"]
    assert await shelf.reader.count(None) == 2
    assert await shelf.reader.position(None, rows[1].message_id) == 1


async def test_a_stored_message_is_made_ready(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    await shelf.add_body(newest, raw_mail(2))
    content = await shelf.reader.content(newest)
    assert content.text.strip() == "Please find the offer for 80 licences."
    assert "<b>offer</b>" in content.html
    assert content.remote_images == 1
    assert [part.filename for part in content.attachments] == ["offer.pdf"]
    assert await shelf.reader.content(newest) is content
    part, data = await shelf.reader.part(newest, content.attachments[0].part_id)
    assert (part.filename, data) == ("offer.pdf", b"%PDF-1.7")


async def test_a_changed_message_is_read_anew(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    await shelf.add_body(newest, b"Subject: x\r\n\r\n\r\n")
    first = await shelf.reader.content(newest)
    await shelf.add_body(newest, raw_mail(2))
    assert await shelf.reader.content(newest) is not first


async def test_a_body_that_is_not_here_is_asked_for(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    with pytest.raises(Offline):
        await shelf.reader.content(newest)
    assert shelf.asked == [newest]


async def test_a_message_that_cannot_be_parsed_is_shown_as_source(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    bomb = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2000))
    await shelf.database.write("body", lambda tx: messages.store_body(tx, newest, bomb, None))
    content = await shelf.reader.content(newest)
    assert content.problem
    assert content.text.startswith("Content-Type: multipart/mixed")
    assert content.html == ""


async def test_an_unknown_message_is_gone(shelf: Shelf) -> None:
    with pytest.raises(RecordNotFound):
        await shelf.reader.content(MessageId(5))


async def test_search_finds_bodies(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    await shelf.add_body(newest, raw_mail(2))
    found = await MailSearch(shelf.database).search("licences")
    assert [row.message_id for row in found] == [newest]


async def test_what_is_logged_has_no_tracker(shelf: Shelf) -> None:
    newest = (await shelf.ids())[0]
    await shelf.add_body(newest, raw_mail(2))
    source = StoredMessages(shelf.database, shelf.reader)
    data = await source.log_data(newest)
    assert data.is_incoming
    assert data.own_addresses == ("rita@rita.example",)
    assert "t.example" not in data.html
    with pytest.raises(RecordNotFound):
        await source.part(newest, "9.9")
