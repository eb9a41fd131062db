"""One life of the real window, offscreen, in a process of its own: `story` starts it, it plays an act and ends.

Standard input is one JSON object: profile, world (the demo world's line), plot, act ("before": from the first start to the death in the middle
of the work; "after": from the restart to the end), pictures (a folder, or ""), number (of the first picture). Standard output is one JSON
object a line for each step: ``said``, and ``number`` of the next picture.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qasync
from PySide6.QtCore import QMimeData, QModelIndex, Qt
from PySide6.QtWidgets import QApplication, QLabel

from app.paths import Profile
from tests.end2end.plot import Plot
from tests.end2end.stage import Stage, StoryStuck
from tests.servers.sudden_death import die
from ui.crm_panel.cards import OperationRow, RecordCard
from ui.crm_panel.person_form import PersonForm
from ui.crm_panel.view import CrmPanelView
from ui.demo_world import DemoWorld
from ui.drag import part_data
from ui.main import Program, Target
from ui.message_list.rows import ROW_ROLE, RowLook
from ui.message_list.view import MessageListView
from ui.message_view.attachments import AttachmentChip
from ui.message_view.view import MessageView
from ui.outbox.view import OutboxView
from ui.start_page import StartPage
from ui.status.view import OrgChip, TrafficButton
from ui.widgets.labels import ElidedLabel

PASSPHRASE = "correct horse battery staple"
LIGHT_SIZE = (1280, 800)
LARGE_SIZE = (1920, 1080)
PAGE_TURNS_S = 2.0
"""The page of an HTML mail is made anew in the other colours by the engine's own process."""


class Actor:
    """Rita at the window."""

    def __init__(self, stage: Stage, plot: Plot, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._plot = plot
        self._say = say

    async def play_before(self) -> None:
        """First start, accounts, inbox, reading, offline, four wishes, death."""
        stage, plot = self._stage, self._plot
        await self._get_in()
        await stage.until("both accounts", self._has_accounts)
        stage.command("app.accounts")
        await self._step("accounts")
        stage.command("go.inbox")
        await self._select(plot.known_subject)
        await stage.until("Karl's card", lambda: self._card(plot.opportunity_name) is not None)
        await self._step("mail and panel")
        stage.command("app.work_offline")
        await stage.until("the offline state", lambda: "ffline" in self._traffic())
        await self._step("offline")
        await self._log_to_the_opportunity()
        await self._drop_the_file()
        await self._select(plot.stranger_subject)
        await self._create_the_stranger()
        await self._log_to_the_new_contact()
        stage.command("go.outbox")
        # Four wishes for Salesforce, and perhaps that a mail was read.
        await stage.until("four waiting rows", lambda: self._outbox_rows() >= 4)
        await self._step("outbox before the crash")
        die()

    async def play_after(self) -> None:
        """Restart with pending marks, online, replay, done; then the window in other sizes and colours."""
        stage, plot = self._stage, self._plot
        await self._get_in()
        await stage.until("the offline state", lambda: "ffline" in self._traffic())
        await self._select(plot.known_subject)
        await stage.until("pending marks", lambda: len(stage.seen(OperationRow)) >= 2)
        await self._step("restarted with pending marks")
        stage.command("go.outbox")
        # Four wishes for Salesforce, and perhaps that a mail was read.
        await stage.until("four waiting rows", lambda: self._outbox_rows() >= 4)
        await self._step("outbox after the crash")
        stage.command("app.work_offline")
        await self._step("online again")
        await stage.until("an empty outbox", lambda: self._outbox_rows() == 0)
        await self._step("outbox empty")
        stage.command("go.inbox")
        await self._select(plot.stranger_subject)
        await stage.until("the new contact's card", lambda: self._panel_says("Head of Finance"))
        await stage.until("its mail among its activities", lambda: self._panel_says("Logged in Salesforce"))
        await self._step("the new contact in Salesforce")
        await self._select(plot.known_subject)
        await stage.until("the solid log mark", lambda: self._panel_says("Logged in Salesforce"))
        await self._step("done")
        await self._in_other_clothes()
        self._say("end")
        stage.window.close()

    # Steps

    async def _get_in(self) -> None:
        stage = self._stage
        await stage.until("a window", stage.has_window)
        stage.window.resize(*LIGHT_SIZE)
        page = stage.window.start_page
        await stage.until("the first page", lambda: not page.isVisible() or self._asks(page))
        if page.isVisible():
            await self._step("first start" if stage.number == 1 else "start")
            if page.button("Use a passphrase vault"):
                await stage.press("Use a passphrase vault")
                await stage.type_into(page.again, PASSPHRASE)
            await stage.type_into(page.passphrase, PASSPHRASE)
            await stage.press("Make the vault" if page.again.isVisible() else "Open")
            await stage.until("the panes", lambda: not page.isVisible())
        elif stage.number == 1:
            # There is a keychain: nothing is asked.
            await self._step("first start")

    @staticmethod
    def _asks(page: StartPage) -> bool:
        return page.passphrase.isVisible() or page.button("Use a passphrase vault") is not None

    def _has_accounts(self) -> bool:
        orgs = self._stage.seen(OrgChip)
        return bool(orgs) and bool(self._rows())

    async def _select(self, subject: str) -> None:
        await self._stage.until(f"the mail {subject}", lambda: self._row(subject) is not None)
        index = self._row(subject)
        assert index is not None
        self._stage.click_row(self._list().table, index)

        def is_shown() -> bool:
            look = self._stage.find(MessageView).look
            return look is not None and look.content.envelope.subject == subject

        await self._stage.until(f"the mail {subject} in the reader", is_shown)

    async def _log_to_the_opportunity(self) -> None:
        stage = self._stage
        await stage.press("Log mail")
        await self._step("where does it belong")
        await stage.press(self._plot.opportunity_name)
        await stage.until("a queued log", lambda: self._panel_says("Log waits in the outbox"))
        await self._step("mail logged, waiting")

    async def _drop_the_file(self) -> None:
        stage, plot = self._stage, self._plot
        chip = stage.find(AttachmentChip, lambda one: one.attachment.part.filename == plot.file_name)
        look = stage.find(MessageView).look
        assert look is not None
        data = part_data(look.message_id, chip.attachment.part.part_id, Path(plot.file_name))
        card = self._card(plot.opportunity_name)
        assert card is not None
        stage.drag_over(card, data)
        await self._step("attachment over the opportunity")
        self._drop(card, data)
        await stage.until("a waiting file", lambda: self._waits_on_panel(plot.file_name))
        await self._step("attachment dropped, waiting")

    def _drop(self, card: RecordCard, data: QMimeData) -> None:
        # The panel may have been painted anew meanwhile.
        current = self._card(self._plot.opportunity_name)
        self._stage.drop_on(current or card, data)

    async def _create_the_stranger(self) -> None:
        stage, plot = self._stage, self._plot
        await stage.press("New contact")
        form = stage.find(PersonForm)
        assert form.fields["Email"].text() == plot.stranger, "the form is filled from the sender"
        await stage.type_into(form.fields["Title"], "Head of Finance")
        await self._step("new contact")
        stage.click(form.save)
        await stage.until("a waiting contact", lambda: self._panel_says("Waits in the outbox to be created"))
        await self._step("contact created, waiting")

    async def _log_to_the_new_contact(self) -> None:
        await self._stage.press("Log mail")
        await self._stage.until("a queued log", lambda: self._panel_says("Log waits in the outbox"))
        await self._step("mail logged to the new contact, waiting")

    async def _in_other_clothes(self) -> None:
        stage = self._stage
        stage.command("view.dark")
        await asyncio.sleep(PAGE_TURNS_S)
        await self._step("dark")
        stage.window.resize(*LARGE_SIZE)
        await self._step("dark and large")
        stage.command("view.light")
        await asyncio.sleep(PAGE_TURNS_S)
        await self._step("light and large")
        stage.window.resize(*LIGHT_SIZE)

    async def _step(self, name: str) -> None:
        await self._stage.picture(name)
        self._say(name)

    # Eyes

    def _list(self) -> MessageListView:
        return self._stage.find(MessageListView)

    def _rows(self) -> list[QModelIndex]:
        lists = self._stage.seen(MessageListView)
        if not lists:
            return []
        model = lists[0].table.model()
        return [model.index(row, 0) for row in range(min(model.rowCount(), 60))]

    def _row(self, subject: str) -> QModelIndex | None:
        for index in self._rows():
            look = index.data(ROW_ROLE)
            if isinstance(look, RowLook) and look.subject == subject:
                return index
        return None

    def _card(self, name: str) -> RecordCard | None:
        cards = self._stage.seen(RecordCard, lambda card: card.target.name == name)
        return cards[0] if cards else None

    def _traffic(self) -> str:
        buttons = self._stage.seen(TrafficButton)
        return f"{buttons[0].text()} {buttons[0].accessibleName()}" if buttons else ""

    def _panel_says(self, words: str) -> bool:
        panel = self._stage.seen(CrmPanelView)
        return bool(panel) and any(
            words in label.text() for label in panel[0].findChildren(QLabel) if label.isVisible()
        )

    def _waits_on_panel(self, words: str) -> bool:
        return any(
            words in _full_text(label) for row in self._stage.seen(OperationRow) for label in row.findChildren(QLabel)
        )

    def _outbox_rows(self) -> int:
        pages = self._stage.seen(OutboxView)
        return pages[0].table.model().rowCount() if pages else -1


async def live(asked: dict[str, Any], application: QApplication) -> None:
    stage = Stage(application, Path(asked["pictures"]) if asked["pictures"] else None, asked["number"])
    actor = Actor(stage, Plot(**asked["plot"]), lambda step: _tell({"said": step, "number": stage.number}))
    target = Target(Profile(Path(asked["profile"])), world=DemoWorld.from_line(json.dumps(asked["world"])))
    program = asyncio.create_task(Program(application).run(target))
    play = asyncio.create_task(actor.play_before() if asked["act"] == "before" else actor.play_after())
    try:
        await asyncio.wait({program, play}, return_when=asyncio.FIRST_COMPLETED)
        if not play.done():
            raise StoryStuck("the program ended before the story")
        play.result()
        await program
    finally:
        for task in (play, program):
            task.cancel()
        await asyncio.gather(play, program, return_exceptions=True)


def _full_text(label: QLabel) -> str:
    return label.full_text if isinstance(label, ElidedLabel) else label.text()


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Outrigger")
    application.setQuitOnLastWindowClosed(False)
    asked = json.loads(sys.stdin.readline())
    with qasync.QEventLoop(application) as loop:
        loop.run_until_complete(live(asked, application))
