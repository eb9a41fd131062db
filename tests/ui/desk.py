"""The real window over the real services of an open profile: what a person sits at. No server answers; what is stored is all there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.backends.system_browser import SystemBrowser
from app.bootstrap import Core, Services
from app.bootstrap.services import join_services
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId, MessageId
from app.store import accounts
from tests.ui.sample_mail import Letter, add_account, letters, store
from tests.ui.waiting import turns, until
from ui.dispatch import Dispatcher
from ui.joins.mail import MailJoin, MailModels
from ui.main import Joins
from ui.main_window import MainWindow


@dataclass
class Desk:
    """The window and what is behind it."""

    core: Core
    services: Services
    window: MainWindow
    joins: Joins
    account: MailAccountId
    ids: list[MessageId]

    @property
    def mail(self) -> MailJoin:
        return self.joins.mail

    @property
    def models(self) -> MailModels:
        return self.joins.mail_models

    async def listed(self) -> None:
        """Until the first rows are there."""
        await until(lambda: self.models.messages.message(0) is not None, "the first rows")
        await turns()

    async def choose(self, subject: str) -> None:
        """Select the first mail whose subject begins so, and wait until it is shown."""
        model = self.models.messages
        row = next(
            row for row in range(model.total) if (m := model.message(row)) is not None and m.subject.startswith(subject)
        )
        self.mail.messages.table.go_to(row)
        await until(
            lambda: (
                self.models.message.look is not None
                and self.models.message.look.content.envelope.subject.startswith(subject)
            ),
            f"{subject} to be shown",
        )
        await turns()

    def press(self, key: Qt.Key | str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the focus is."""
        target = QApplication.focusWidget() or self.window
        if isinstance(key, str):
            QTest.keyClicks(target, key)
        else:
            QTest.keyClick(target, key, modifier)

    def has_focus(self, widget: QWidget) -> bool:
        """Whether the keyboard is in a widget or in something inside of it."""
        focused = QApplication.focusWidget()
        return focused is not None and (focused is widget or widget.isAncestorOf(focused))


@asynccontextmanager
async def open_desk(
    core: Core,
    *,
    mails: Sequence[Letter] | None = None,
    size: tuple[int, int] = (1280, 800),
    login: CrmLogin | None = None,
    has_account: bool = True,
) -> AsyncIterator[Desk]:
    """A window on a profile with one account and these mails (`letters` where none are given)."""
    account = MailAccountId(0)
    ids: list[MessageId] = []
    if has_account:
        account = await add_account(core)
        ids = await store(core, account, letters() if mails is None else mails)
    if login is not None:
        await core.database.write("keep login", lambda tx: accounts.keep_crm_login(tx, login, "refresh"))
    services = await join_services(core, SystemBrowser())
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
            yield Desk(core, services, window, joins, account, ids)
        finally:
            joins.close()
            await dispatcher.finish()
            dispatcher.close()
            window.close()
            window.deleteLater()


def sandbox_login(*, is_sandbox: bool = True, needs_sign_in: bool = False) -> CrmLogin:
    """A Salesforce login that nobody answers for."""
    return CrmLogin(
        CrmLoginId(0), "https://127.0.0.1:9", "https://127.0.0.1:9", "client", "00D5e0000000SBXEA2", "0055e000000RITAAA2",
        "rita@globex.example", "Rita Rep", "Globex", is_sandbox, needs_sign_in=needs_sign_in,
    )  # fmt: skip
