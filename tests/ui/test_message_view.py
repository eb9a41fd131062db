"""The reader over real mail: HTML through the whole pipeline, links, attachments, previews, source."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest

from app.bootstrap import Core
from app.mail.mime import raster_type
from app.model.mail import Part
from tests.ui.desk import Desk, open_desk
from tests.ui.hostile import listening
from tests.ui.sample_mail import Letter, letters, png
from tests.ui.waiting import turns, until
from ui.drag import dragged_part, part_data
from ui.message_view.looks import Attachment
from ui.message_view.model import FileUse
from ui.theme import READING_WIDTH

KARL = ("Karl Klein", "karl.klein@acme.example")


class Opened(QObject):
    """Stands where the system would open addresses and files."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[QUrl] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.urls.append(url)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """What would have been opened outside of the program."""
    taker = Opened()
    for scheme in ("http", "https", "file"):
        QDesktopServices.setUrlHandler(scheme, taker, "take")
    yield taker
    for scheme in ("http", "https", "file"):
        QDesktopServices.unsetUrlHandler(scheme)


async def _html_text(desk: Desk) -> str:
    body = desk.mail.reader.html_body
    assert body is not None
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    body.page.toPlainText(found.set_result)
    return await found


async def _html_says(desk: Desk, words: str) -> None:
    await until(lambda: desk.mail.reader.html_body is not None)
    for _ in range(400):
        if words in await _html_text(desk):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{words!r} is not in {await _html_text(desk)!r}")


async def test_the_engine_is_not_loaded_for_plain_mail(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        assert desk.mail.reader.html_body is None
        await desk.choose("Revised figures")
        assert desk.mail.reader.html_body is not None
        await _html_says(desk, "revised figures")


async def test_a_hostile_mail_reaches_nothing_and_says_what_was_left_out(core: Core) -> None:
    async with listening() as listener:
        hostile = Letter(KARL, "Hostile", "x", f"<html><body>{listener.document()}</body></html>")
        async with open_desk(core, mails=[hostile]) as desk:
            await desk.listed()
            await desk.choose("Hostile")
            await _html_says(desk, "Hostile")
            await asyncio.sleep(1.0)
            assert "remote image" in desk.mail.reader.images.text
            assert desk.mail.reader.html_body is not None
            # The cleaner left nothing for the walls to stop.
            assert desk.mail.reader.html_body.blocked == []
        assert listener.heard == []


async def test_inline_images_come_from_the_mail(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        asked: list[tuple[str, str]] = []
        given: list[tuple[str, int]] = []
        desk.mail.reader.resource_wanted.connect(lambda _request, kind, name: asked.append((kind, name)))
        desk.models.message.resource_ready.connect(lambda _request, kind, data: given.append((kind, len(data))))
        await desk.choose("Autumn at Globex")
        await until(lambda: given)
        assert asked == [("cid", "logo@globex")]
        assert given[0][0] == "image/png"
        assert given[0][1] > 0


async def test_going_on_quickly_never_shows_the_wrong_mail(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        shown: list[bool] = []
        desk.models.message.shown.connect(lambda look: shown.append([look.message_id] == desk.mail.selected))
        for _ in range(3):
            for row in range(12):
                desk.mail.messages.table.go_to(row)
                await asyncio.sleep(0.005)
        await until(lambda: desk.models.message.look is not None)
        await asyncio.sleep(0.3)
        assert shown
        assert all(shown)


async def test_the_text_column_keeps_its_width(core: Core) -> None:
    async with open_desk(core, size=(1920, 1080)) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        assert desk.mail.reader.plain.viewport().width() <= READING_WIDTH
        assert desk.mail.reader.width() > READING_WIDTH + 100


async def test_details_on_demand(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        header = desk.mail.reader.header
        plain = header.sizeHint().height()
        header._more.setChecked(True)
        await turns()
        assert header.sizeHint().height() > plain
        words = [label.text() for label in header._details.findChildren(type(header._time)) if label.isVisible()]
        assert "Karl Klein <karl.klein@acme.example>" in words
        assert any("Mia Moser <mia.moser@acme.example>" in word for word in words)
        await desk.choose("Site visit")
        assert not header._details.isVisible()


async def test_a_link_whose_host_was_seen_opens_at_once(core: Core, opened: Opened) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Revised figures")
        reader, url = desk.mail.reader, "https://portal.acme.example/offers/4711"
        reader._on_link_hovered(url)
        assert reader._link_line.full_text.startswith("portal.acme.example")
        reader._on_link_activated(url)
        assert opened.urls == [QUrl(url)]
        assert reader.question.isHidden()


async def test_a_link_that_nobody_looked_at_asks_first(core: Core, opened: Opened) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Revised figures")
        reader, url = desk.mail.reader, "https://portal.acme.example/offers/4711"
        reader._on_link_activated(url)
        assert opened.urls == []
        assert "portal.acme.example" in reader.question.text
        button = reader.question.button("Open")
        assert button is not None
        button.click()
        assert opened.urls == [QUrl(url)]
        assert reader.question.isHidden()


async def test_a_lying_link_asks_even_after_a_look(core: Core, opened: Opened) -> None:
    lie = Letter(KARL, "Lie", "x", '<p><a href="https://evil.example/login">https://bank.example/login</a></p>')
    async with open_desk(core, mails=[lie]) as desk:
        await desk.listed()
        await desk.choose("Lie")
        await _html_says(desk, "bank.example")
        reader = desk.mail.reader
        reader._on_link_hovered("https://evil.example/login")
        reader._on_link_activated("https://evil.example/login")
        assert opened.urls == []
        assert "evil.example" in reader.question.text
        assert "bank.example" in reader.question.text


async def test_a_link_in_plain_text_is_told_and_followed(core: Core, opened: Opened) -> None:
    async with open_desk(core, size=(1600, 900)) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        body = desk.mail.reader.plain
        line = next(
            block
            for number in range(body.document().blockCount())
            if "https://" in (block := body.document().findBlockByNumber(number)).text()
        )
        cursor = body.textCursor()
        cursor.setPosition(line.position() + line.text().index("https://") + 12)
        where = body.cursorRect(cursor).center()
        assert body.link_at(where) == "https://portal.acme.example/drawings/2025"
        assert body.link_at(QPoint(5, 5)) == ""
        QTest.mouseMove(body.viewport(), where)
        await turns()
        QTest.mouseClick(body.viewport(), Qt.MouseButton.LeftButton, pos=where)
        await turns()
        if not opened.urls:
            button = desk.mail.reader.question.button("Open")
            assert button is not None
            button.click()
        assert opened.urls == [QUrl("https://portal.acme.example/drawings/2025")]


async def test_an_attachment_opens_as_a_file_and_goes_with_the_program(core: Core, opened: Opened) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        chip = desk.mail.reader.attachments.chips[0]
        QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
        await until(lambda: opened.urls)
        path = Path(opened.urls[0].toLocalFile())
        assert path.name == "Drawings Linz rev C.pdf"
        assert path.read_bytes().startswith(b"%PDF")
        if sys.platform != "win32":
            assert path.parent.stat().st_mode & 0o077 == 0
        assert core.profile.root in path.parents
    await core.stack.aclose()
    assert not path.exists()


async def test_a_program_is_not_opened_without_a_word(core: Core, opened: Opened, tmp_path: Path) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Update your password")
        reader = desk.mail.reader
        program = reader.attachments.chips[0]
        assert program.attachment.is_program
        assert not program.attachment.can_preview
        QTest.mouseClick(program, Qt.MouseButton.LeftButton)
        await turns()
        assert opened.urls == []
        assert "Update.exe can run as a program" in reader.question.text
        button = reader.question.button("Open anyway")
        assert button is not None
        button.click()
        await until(lambda: opened.urls)
        assert opened.urls[0].fileName() == "Update.exe"


async def test_saving_never_replaces_a_file(core: Core, tmp_path: Path) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        saved: list[Path] = []
        desk.mail.reader.saved.connect(saved.append)
        part = desk.mail.reader.attachments.chips[1].attachment.part
        for number in (1, 2):
            desk.mail.reader.file_wanted.emit(part.part_id, FileUse.SAVE, tmp_path)
            await until(lambda number=number: len(saved) == number)
        assert [path.name for path in saved] == ["Q4 figures.xlsx", "Q4 figures (2).xlsx"]
        assert saved[0].read_bytes() == saved[1].read_bytes() == b"PK" + bytes(21_000)
        assert "Saved Q4 figures" in desk.window.notices.text


async def test_a_text_attachment_is_previewed_here(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Update your password")
        reader = desk.mail.reader
        QTest.mouseClick(reader.attachments.chips[1], Qt.MouseButton.LeftButton)
        await until(lambda: reader.is_previewing)
        assert "Read me first." in reader.preview_text.toPlainText()
        desk.press(Qt.Key.Key_Escape)
        assert not reader.is_previewing
        assert "Open the attached program" in reader.plain.toPlainText()


async def test_an_image_attachment_is_previewed_in_the_walled_engine(core: Core) -> None:
    picture = Letter(KARL, "Photo", "See the photo.", files=[("photo.png", "image/png", png(300, 200, (10, 120, 200)))])
    async with open_desk(core, mails=[picture]) as desk:
        await desk.listed()
        await desk.choose("Photo")
        given: list[str] = []
        desk.models.message.resource_ready.connect(lambda _request, kind, _data: given.append(kind))
        QTest.mouseClick(desk.mail.reader.attachments.chips[0], Qt.MouseButton.LeftButton)
        await until(lambda: given)
        assert given == ["image/png"]
        assert desk.mail.reader.is_previewing
        desk.press(Qt.Key.Key_Escape)
        await turns()
        assert not desk.mail.reader.is_previewing


async def test_a_picture_that_is_none_is_not_shown_as_one(core: Core) -> None:
    fake = Letter(KARL, "Fake", "x", files=[("photo.png", "image/png", b"<svg onload=alert(1)>")])
    async with open_desk(core, mails=[fake]) as desk:
        await desk.listed()
        await desk.choose("Fake")
        given: list[tuple[str, bytes]] = []
        desk.models.message.resource_ready.connect(lambda _request, kind, data: given.append((kind, bytes(data))))
        QTest.mouseClick(desk.mail.reader.attachments.chips[0], Qt.MouseButton.LeftButton)
        await until(lambda: given)
        assert given == [("", b"")]


async def test_the_source_is_shown_as_it_came(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Revised figures")
        desk.window.commands.action("message.source").trigger()
        await until(lambda: desk.mail.reader.is_previewing)
        source = desk.mail.reader.preview_text.toPlainText()
        assert source.startswith("From: Karl Klein")
        assert "Content-Type: multipart/alternative" in source


async def test_a_dragged_attachment_is_a_real_file_and_a_part(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        chip = desk.mail.reader.attachments.chips[0]
        wanted: list[str] = []
        ready: list[Path] = []
        desk.mail.reader.attachments.file_wanted.connect(wanted.append)
        desk.models.message.file_ready.connect(lambda _part, path, _use: ready.append(path))
        changed: list[bool] = []
        desk.mail.reader.attachments.drag_changed.connect(changed.append)
        QTest.mousePress(chip, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
        for x in (14, 30, 60):
            QTest.mouseMove(chip, QPoint(x, 12))
        await until(lambda: ready, "the file of the drag")
        await until(lambda: changed == [True, False], "the drag to begin and end")
        QTest.mouseRelease(chip, Qt.MouseButton.LeftButton, pos=QPoint(60, 12))
        assert wanted == [chip.attachment.part.part_id]
        data = part_data(desk.mail.selected[0], chip.attachment.part.part_id, ready[0])
        assert dragged_part(data) == (desk.mail.selected[0], chip.attachment.part.part_id)
        assert Path(data.urls()[0].toLocalFile()).read_bytes().startswith(b"%PDF")


async def test_an_unreadable_mail_is_shown_with_its_problem(core: Core) -> None:
    deep = Letter(KARL, "Deep", "x", "<div>" * 100 + "text" + "</div>" * 100)
    async with open_desk(core, mails=[deep, *letters()[:2]]) as desk:
        await desk.listed()
        await desk.choose("Deep")
        assert desk.models.message.look is not None
        assert desk.mail.reader.header.subject.text == "Deep"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(1, 1, (0, 0, 0)), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF0000WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", ""),
        (b"%PDF-1.4", ""),
        (b"", ""),
    ],
)
def test_images_are_told_by_their_first_bytes(data: bytes, kind: str) -> None:
    assert raster_type(data) == kind


def test_only_what_is_safe_is_previewed() -> None:
    def attachment(name: str, kind: str, *, is_program: bool = False) -> Attachment:
        return Attachment(Part("2", kind, name, 10, "", is_attachment=True), is_program)

    assert attachment("a.png", "image/png").can_preview
    assert attachment("a.txt", "text/plain").can_preview
    assert not attachment("a.svg", "image/svg+xml").can_preview
    assert not attachment("a.html", "text/html").can_preview
    assert not attachment("a.txt", "text/plain", is_program=True).can_preview
