"""The sample mail is like a rep's real life: many, mixed, threaded, odd, and every one of them readable."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import zipfile
import zlib
from collections import Counter
from datetime import timedelta
from email.header import decode_header, make_header
from email.message import Message
from xml.etree import ElementTree as ET

import pytest

from app.demo.mail import MailboxData, MessageData
from app.demo.sample import WorldData
from tests.app.demo.sample.conftest import NOW

Letters = list[tuple[str, MessageData, Message]]


def subject(message: Message) -> str:
    return str(make_header(decode_header(message["Subject"] or "")))


def attachments(letters: Letters, media_type: str) -> list[bytes]:
    return [
        part.get_payload(decode=True)
        for _folder, _data, message in letters
        for part in message.walk()
        if part.get_content_type() == media_type
    ]


def conversations(letters: Letters) -> dict[str, list[Message]]:
    """Messages by the first Message-ID of their References."""
    found: dict[str, list[Message]] = {}
    for _folder, _data, message in letters:
        root = (message["References"] or message["Message-ID"] or "").split()[0]
        found.setdefault(root, []).append(message)
    return found


def test_there_are_enough_of_them(letters: Letters, sam: MailboxData):
    assert len(letters) >= 400
    assert 50 <= sum(len(folder.messages) for folder in sam.folders) < len(letters) / 3
    assert len(conversations(letters)) >= 120


def test_they_cover_three_months_and_are_dense_at_the_end(letters: Letters):
    ages = [(NOW - data.internal_date).total_seconds() / 86400 for _folder, data, _message in letters]
    assert min(ages) >= 0
    assert 80 < max(ages) < 100
    inbox = [NOW - data.internal_date for folder, data, _message in letters if folder == "INBOX"]
    today = sum(age < timedelta(hours=15) for age in inbox)
    yesterday = sum(timedelta(hours=15) <= age < timedelta(hours=39) for age in inbox)
    assert today >= 12
    assert yesterday >= 8
    assert sum(age < 15 for age in ages) > sum(60 <= age < 75 for age in ages)


def test_every_one_parses_without_a_defect(letters: Letters, sam: MailboxData):
    for folder, data, message in letters:
        assert message.defects == [], (folder, message["Message-ID"])
        assert data.raw.count(b"\n") == data.raw.count(b"\r\n") == data.raw.count(b"\r"), message["Message-ID"]
        for part in message.walk():
            assert part.defects == [], (folder, message["Message-ID"])
        if folder != "Drafts":
            assert message["From"]
            assert message["Date"]
    for folder_data in sam.folders:
        assert all(b"\r\n\r\n" in data.raw for data in folder_data.messages)


def test_lines_are_no_longer_than_the_standard_allows(letters: Letters):
    for _folder, data, message in letters:
        assert max(map(len, data.raw.split(b"\r\n"))) <= 998, message["Message-ID"]


def test_message_ids_are_unique(letters: Letters):
    ids = Counter(message["Message-ID"] for _folder, _data, message in letters)
    assert ids.most_common(1)[0][1] == 1
    assert all(re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", name) for name in ids)


def test_long_threads_quote_and_refer(letters: Letters):
    long = [thread for thread in conversations(letters).values() if len(thread) >= 12]
    assert len(long) >= 2
    for thread in long:
        ordered = sorted(thread, key=lambda message: len((message["References"] or "").split()))
        for number, message in enumerate(ordered):
            assert len((message["References"] or "").split()) == number
            if number:
                assert message["In-Reply-To"] == ordered[number - 1]["Message-ID"]
                text = next(part for part in message.walk() if part.get_content_type() == "text/plain")
                assert "\n>" in text.get_payload(decode=True).decode(text.get_content_charset("utf-8"))


def test_replies_come_after_what_they_answer(letters: Letters):
    dates = {message["Message-ID"]: data.internal_date for _folder, data, message in letters}
    for _folder, data, message in letters:
        before = dates.get(message["In-Reply-To"])
        if before is not None:
            assert before < data.internal_date, message["Message-ID"]


@pytest.mark.parametrize(
    ("language", "pattern", "least"),
    [
        ("German", r"Mit freundlichen Grüßen|Viele Grüße|Beste Grüße|Freundliche Grüße", 60),
        ("French", r"[Cc]ordialement|Bien à vous", 8),
        ("Spanish", r"Un saludo|Saludos cordiales|Atentamente", 8),
        ("Japanese", r"よろしくお願い", 4),
        ("Arabic", r"مع أطيب التحيات|فائق الاحترام", 4),
        ("Russian", r"Здравствуйте", 1),
        ("English", r"Best regards|Kind regards|Many thanks|Best wishes", 150),
        ("emoji", r"[\U0001f300-\U0001faff☕❤]", 8),
    ],
)
def test_languages(letters: Letters, language: str, pattern: str, least: int):
    found = 0
    for _folder, _data, message in letters:
        text = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
        if text is not None:
            charset = text.get_content_charset("utf-8")
            shown = text.get_payload(decode=True).decode("utf-8" if charset == "unknown-8bit" else charset, "replace")
            found += bool(re.search(pattern, shown + subject(message)))
    assert found >= least, language


def test_newsletters_are_tables_with_remote_pictures_and_a_pixel(letters: Letters):
    found = 0
    for _folder, _data, message in letters:
        if (message["Precedence"] or "") != "bulk":
            continue
        found += 1
        html = (
            next(part for part in message.walk() if part.get_content_type() == "text/html")
            .get_payload(decode=True)
            .decode()
        )
        assert html.count("<table") >= 2
        assert "@media" in html
        assert 'width="1" height="1"' in html
        assert re.search(r'<img src="https://open\.[a-z.-]+\.example/', html)
        assert message["List-Id"]
        assert message["List-Unsubscribe"].startswith("<https://")
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found >= 25


def test_inline_pictures_are_referred_to(letters: Letters):
    found = 0
    for _folder, _data, message in letters:
        inline = {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]}
        html = "".join(
            part.get_payload(decode=True).decode() for part in message.walk() if part.get_content_type() == "text/html"
        )
        assert all(f"cid:{name}" in html for name in inline)
        assert set(re.findall(r'"cid:([^"]+)"', html)) == inline, message["Message-ID"]
        found += bool(inline)
    assert found >= 20


def test_invitations(letters: Letters):
    calendars = attachments(letters, "text/calendar")
    assert len(calendars) >= 3
    for raw in calendars:
        text = raw.decode()
        assert text.startswith("BEGIN:VCALENDAR\r\n")
        assert text.endswith("END:VCALENDAR\r\n")
        assert "METHOD:REQUEST" in text
        assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
        assert re.search(r"^DTSTART:\d{8}T\d{6}Z\r$", text, re.MULTILINE)


def test_pdfs_open(letters: Letters):
    found = attachments(letters, "application/pdf")
    assert len(found) >= 30
    for raw in found:
        assert raw.startswith(b"%PDF-1.4\n")
        start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", raw).group(1))
        assert raw[start : start + 5] == b"xref\n"
        offsets = re.findall(rb"^(\d{10}) 00000 n", raw[start:], re.MULTILINE)
        for number, offset in enumerate(offsets, 1):
            assert raw[int(offset) :].startswith(b"%d 0 obj\n" % number)
        for packed in re.findall(rb"/FlateDecode >>\nstream\n(.*?)\nendstream", raw, re.DOTALL):
            assert zlib.decompress(packed).startswith((b"BT", b"q "))


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_pdfs_can_be_read_by_another_program(letters: Letters, tmp_path):
    target = tmp_path / "offer.pdf"
    target.write_bytes(attachments(letters, "application/pdf")[0])
    shown = subprocess.run(["pdftotext", str(target), "-"], capture_output=True, check=True, text=True)
    assert shown.stdout.strip()
    assert shown.stderr == ""


def test_office_files_and_archives_open(letters: Letters):
    documents = attachments(letters, "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    sheets = attachments(letters, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    archives = attachments(letters, "application/zip")
    assert len(documents) >= 2
    assert len(sheets) >= 5
    assert archives
    for raw in [*documents, *sheets, *archives]:
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            assert opened.testzip() is None
    for raw in [*documents, *sheets]:
        with zipfile.ZipFile(io.BytesIO(raw)) as opened:
            names = opened.namelist()
            assert names[0] == "[Content_Types].xml"
            for name in names:
                ET.fromstring(opened.read(name))
            for override in ET.fromstring(opened.read("[Content_Types].xml")).iter():
                if override.get("PartName"):
                    assert override.get("PartName").lstrip("/") in names


def test_pictures_open(letters: Letters):
    found = attachments(letters, "image/png")
    assert len(found) >= 20
    for raw in found:
        assert raw.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])
        data, at = b"", 8
        while at < len(raw):
            size, kind = int.from_bytes(raw[at : at + 4]), raw[at + 4 : at + 8]
            body = raw[at + 8 : at + 8 + size]
            assert int.from_bytes(raw[at + 8 + size : at + 12 + size]) == zlib.crc32(kind + body)
            data += body if kind == b"IDAT" else b""
            at += 12 + size
        assert len(zlib.decompress(data)) == height * (width * 3 + 1)


def test_odd_charsets(letters: Letters):
    charsets = Counter(part.get_content_charset() for _f, _d, message in letters for part in message.walk())
    for charset in ("iso-8859-1", "windows-1252", "iso-2022-jp", "koi8-r", "unknown-8bit"):
        assert charsets[charset] >= 1, charset
    for _folder, _data, message in letters:
        for part in message.walk():
            charset = part.get_content_charset()
            if part.get_content_type() == "text/plain" and charset not in {None, "unknown-8bit", "us-ascii"}:
                text = part.get_payload(decode=True).decode(charset)
                # A "?" inside a word would be a letter that the charset does not have.
                assert not re.search(r"[^\W\d_]\?[^\W\d_]", re.sub(r"https?://\S+", "", text)), message["Message-ID"]


def test_very_long_subjects_and_names(letters: Letters):
    assert max(len(subject(message)) for _f, _d, message in letters) > 300
    assert max(len(str(make_header(decode_header(message["From"])))) for _f, _d, message in letters) > 120


def test_what_must_never_be_logged_is_there(letters: Letters):
    by_domain = Counter(message["From"].rpartition("@")[2].rstrip(">") for _f, _d, message in letters)
    assert by_domain["hr.example"] >= 3
    assert sum(bool(message["List-Id"]) and message["Precedence"] == "list" for _f, _d, message in letters) >= 2
    assert sum(message["Sensitivity"] == "Private" for _f, _d, message in letters) == 1
    assert sum(message.get_content_type() == "multipart/signed" for _f, _d, message in letters) == 1
    internal = [
        message
        for _f, _d, message in letters
        if set(re.findall(r"@([\w.-]+)", " ".join(str(message[name] or "") for name in ("From", "To", "Cc"))))
        == {"rita.example"}
    ]
    assert len(internal) >= 20


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_signature_is_valid(letters: Letters, tmp_path):
    raw = next(data.raw for _f, data, message in letters if message.get_content_type() == "multipart/signed")
    (tmp_path / "mail.eml").write_bytes(raw)
    checked = subprocess.run(
        ["openssl", "smime", "-verify", "-noverify", "-in", str(tmp_path / "mail.eml")],
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0
    assert b"NB-55-20917" in checked.stdout


def test_the_mail_with_a_signature_and_a_quoted_one(letters: Letters):
    message = next(message for _f, _d, message in letters if "lee2@newco.example" in message["From"])
    text = (
        next(part for part in message.walk() if part.get_content_type() == "text/plain")
        .get_payload(decode=True)
        .decode()
    )
    own, _line, quoted = text.partition("wrote:")
    for line in (
        "Leonie Lorenz",
        "Head of Maintenance",
        "NewCo Systems Ltd",
        "+44 20 7946 0344",
        "+44 7700 900344",
        "BS1 5TY",
    ):
        assert line in own
    assert "Hale Reliability Consulting" not in own
    assert "> Hale Reliability Consulting" in quoted


def test_the_mail_with_documents(letters: Letters):
    message = next(message for _f, _d, message in letters if subject(message) == "Documents for line 4")
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert set(parts) == {"offer.pdf", "plan.xlsx", "logo.png"}
    assert 3_900_000 < len(parts["offer.pdf"].get_payload(decode=True)) < 4_600_000
    assert parts["logo.png"]["Content-Disposition"].startswith("inline")
    assert "https://drive.google.com/" in str(message).replace("=\n", "")


def test_folders_and_their_uses(rita: MailboxData):
    folders = {folder.name: folder for folder in rita.folders}
    uses = {name: folder.special_use for name, folder in folders.items() if folder.special_use}
    assert uses == {
        "Drafts": "\\Drafts",
        "Sent": "\\Sent",
        "Archive": "\\Archive",
        "Junk": "\\Junk",
        "Trash": "\\Trash",
    }
    for name in ("INBOX", "Drafts", "Sent", "Archive", "Junk", "Trash", "Customers/Acme"):
        assert folders[name].messages, name
    assert sum(name.startswith("Customers/") for name in folders) >= 4
    assert all("\\Draft" in data.flags for data in folders["Drafts"].messages)
    assert all("rita@rita.example" in data.raw.split(b"\r\n")[0].decode() for data in folders["Sent"].messages)


def test_flags_are_mixed(letters: Letters):
    inbox = [data.flags for folder, data, _message in letters if folder == "INBOX"]
    flags = Counter(flag for one in inbox for flag in one)
    unread = sum("\\Seen" not in one for one in inbox)
    assert 15 <= unread <= len(inbox) / 2
    assert flags["\\Answered"] >= 20
    assert flags["\\Flagged"] >= 3
    assert flags["$Forwarded"] >= 1


def test_answered_mails_have_their_answer_in_sent(letters: Letters):
    answers = {message["In-Reply-To"] for folder, _d, message in letters if folder == "Sent"}
    threads = {
        reference
        for folder, _d, message in letters
        if folder == "Sent"
        for reference in (message["References"] or "").split()
    }
    answered = [message for _f, data, message in letters if "\\Answered" in data.flags]
    assert sum(message["Message-ID"] in answers for message in answered) > len(answered) / 2
    assert all(message["Message-ID"] in threads for message in answered)


def test_bodies_differ(letters: Letters):
    """Nobody writes the same mail twenty times."""
    first = Counter()
    for folder, _data, message in letters:
        part = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
        if part is not None and not message["Auto-Submitted"] and folder != "Junk":
            payload = part.get_payload(decode=True)
            first[re.split(rb"\r?\n>", payload)[0]] += 1
    assert first.most_common(1)[0][1] <= 2


def test_base64_is_base64(letters: Letters):
    for _folder, _data, message in letters:
        for part in message.walk():
            if part["Content-Transfer-Encoding"] == "base64":
                base64.b64decode(part.get_payload().replace("\n", "").replace("\r", ""), validate=True)


def test_sams_mailbox_has_the_complaint(sam: MailboxData, world: WorldData):
    inbox = next(folder for folder in sam.folders if folder.name == "INBOX")
    complaint = [data for data in inbox.messages if b"IMG_2231.png" in data.raw]
    assert len(complaint) == 1
    assert any(
        b"mia@home.example" in data.raw.split(b"\r\n\r\n")[0] and b"References:" in data.raw for data in inbox.messages
    )
    assert {box.user for box in world.mailboxes} == {"rita@rita.example", "sam@rita.example", "ana@rita.example"}
