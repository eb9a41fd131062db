"""The real window beside a demo world: Salesforce answers, mail is what the test stored, and a scripted browser signs in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from app.auth.ports import Browser
from app.bootstrap import Core, DemoBrowser
from app.bootstrap.services import join_services
from app.model.crm import CrmLogin
from app.model.ids import MailAccountId, MessageId
from app.model.operation import Operation, OperationState
from tests.servers.demo import DemoWorld
from tests.ui.desk import Desk
from tests.ui.sample_mail import Letter, add_account, store
from tests.ui.waiting import turns, until
from ui.crm_panel.cards import RecordCard
from ui.crm_panel.model import CrmPanelModel, PanelStatus
from ui.crm_panel.view import CrmPanelView
from ui.dispatch import Dispatcher
from ui.joins.crm import CrmJoin
from ui.main import Joins
from ui.main_window import MainWindow
from ui.widgets.labels import ElidedLabel

W = TypeVar("W", bound=QWidget)

RITA = "rita@rita.example"
KARL = ("Karl Klein", "karl@acme.example")
MIA = ("Mia Moser", "mia@acme.example")
LEE = ("Lee Long", "lee@newco.example")
STRANGER = ("Nora Neu", "nora.neu@nova.example")


def mail_from(
    sender: tuple[str, str], subject: str, *, age_h: float = 1.0, cc: Sequence[tuple[str, str]] = ()
) -> Letter:
    """A short mail to the owner."""
    return Letter(sender, subject, f"Hello Rita,\n\n{subject}.\n", age_h=age_h, cc=cc)


@dataclass
class OrgDesk(Desk):
    """A desk whose Salesforce answers."""

    world: DemoWorld
    browser: DemoBrowser

    @property
    def crm(self) -> CrmJoin:
        return self.joins.crm

    @property
    def panel(self) -> CrmPanelView:
        return self.joins.crm.panel

    @property
    def panel_model(self) -> CrmPanelModel:
        return self.joins.crm_models.panel

    async def sign_in(self, user: str = RITA, service: str = "salesforce") -> CrmLogin:
        """Sign a user in as the program does."""
        demo = self.world.login(user, service)
        self.browser.sign_in_as(user, demo.password)
        return await self.services.sign_in.sign_in(self.world.salesforce, demo.client_id, is_demo=True)

    async def open(self, subject: str, status: PanelStatus = PanelStatus.READY) -> None:
        """Select a mail and wait until the panel is what it should be for it, its operations read."""
        await self.choose(subject)
        await self.panel_is(status)

    async def panel_is(self, status: PanelStatus) -> None:
        """Wait for a state of the panel."""
        await until(lambda: self.panel_model.state.status is status, f"the panel to be {status}")
        await asyncio.sleep(0.05)
        await turns()

    async def operations(self, number: int) -> list[Operation]:
        """The unfinished operations, once there are so many."""
        found: list[Operation] = []

        async def look() -> bool:
            found[:] = await self.services.outbox.list()
            return len(found) == number

        for _ in range(2000):
            if await look():
                await turns()
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(found)} operations, not {number}")

    async def replay(self) -> None:
        """Send what waits, until nothing moves any more."""
        for _ in range(50):
            await self.services.replayer.run_once()
            if not any(
                op.state is OperationState.PENDING and not op.waits_for for op in await self.services.outbox.list()
            ):
                break
        await turns()

    def cards(self) -> list[RecordCard]:
        """The record cards that are to be seen, top to bottom."""
        return seen(self.panel, RecordCard)

    def card(self, name: str) -> RecordCard:
        """The card of a record."""
        return next(card for card in self.cards() if card.target.name == name)


def seen(root: QWidget, kind: type[W]) -> list[W]:
    """The visible widgets of a kind below a widget."""
    return [widget for widget in root.findChildren(kind) if widget.isVisible()]


def words(root: QWidget) -> str:
    """Everything a person can read below a widget."""
    labels = seen(root, QLabel)
    texts = [label.full_text if isinstance(label, ElidedLabel) else label.text() for label in labels]
    return "\n".join([*texts, *(button.text().replace("&&", "&") for button in seen(root, QAbstractButton))])


def everything_held(root: QWidget) -> str:
    """Every text that widgets hold, seen or not, with tooltips and names for screen readers."""
    texts: list[str] = []
    for widget in root.findChildren(QWidget):
        texts += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription()]
        if isinstance(widget, ElidedLabel):
            texts.append(widget.full_text)
        elif isinstance(widget, QLabel | QAbstractButton):
            texts.append(widget.text())
    return "\n".join(texts)


def button(root: QWidget, text: str) -> QAbstractButton:
    """The visible button that says this."""
    found = [one for one in seen(root, QAbstractButton) if one.text().replace("&&", "&").startswith(text)]
    assert found, f"no button {text} among {[one.text() for one in seen(root, QAbstractButton)]}"
    return found[0]


def click(widget: QWidget) -> None:
    """Click into the middle of a widget."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def drag_over(widget: QWidget, data: QMimeData) -> bool:
    """Bring a drag over a widget as Qt does; whether the widget would take it."""
    middle, copy = widget.rect().center(), Qt.DropAction.CopyAction
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(middle, copy, data, left, none)
    QApplication.sendEvent(widget, enter)
    move = QDragMoveEvent(middle, copy, data, left, none)
    move.setAccepted(enter.isAccepted())
    QApplication.sendEvent(widget, move)
    return enter.isAccepted() and move.isAccepted()


def drag_away(widget: QWidget) -> None:
    """Take the drag elsewhere."""
    QApplication.sendEvent(widget, QDragLeaveEvent())


def drop(widget: QWidget, data: QMimeData) -> bool:
    """Let go of a drag over a widget; whether the widget took it."""
    event = QDropEvent(
        QPointF(widget.rect().center()),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.setAccepted(False)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@asynccontextmanager
async def open_org_desk(
    core: Core,
    world: DemoWorld,
    mails: Sequence[Letter] = (),
    *,
    browser: Browser | None = None,
    size: tuple[int, int] = (1280, 800),
    has_account: bool = True,
) -> AsyncIterator[OrgDesk]:
    """A window on a profile with these mails, nobody signed in yet. Nothing is sent unless the test says so."""
    demo_browser = DemoBrowser()
    account = MailAccountId(0)
    ids: list[MessageId] = []
    if has_account:
        account = await add_account(core)
        ids = await store(core, account, mails)
    services = await join_services(core, browser or demo_browser)
    settings = QSettings(str(core.profile.root / "window.ini"), QSettings.Format.IniFormat)
    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        window = MainWindow(settings)
        dispatcher.failed.connect(window.say)
        joins = Joins(window, services, dispatcher, settings, core.profile)
        window.resize(*size)
        window.show()
        window.activateWindow()
        window.show_shell()
        joins.mail.start()
        try:
            yield OrgDesk(core, services, window, joins, account, ids, world, demo_browser)
        finally:
            joins.close()
            await dispatcher.finish()
            dispatcher.close()
            window.close()
            window.deleteLater()
