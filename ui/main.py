"""The program: application, loop, profile, models, window.

``--profile DIR`` opens another profile. ``--demo FILE`` (or ``-`` for standard input) reads a demo world's announcement and works in a demo
profile with its accounts. ``--smoke-test`` starts a demo world, shows the window on it without a screen, and exits 0 when mail is listed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import logging
import multiprocessing
import os
import secrets as random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import qasync
from PySide6.QtCore import QLocale, QSettings, Qt
from PySide6.QtWidgets import QApplication

from app.auth.ports import SecretStore
from app.bootstrap import DemoBrowser, Services, open_app, open_vault, start_over
from app.errors import AppError, SecretStoreUnavailable
from app.events import SettingsChanged
from app.model.ids import OperationId
from app.paths import Profile
from ui.accounts.model import AccountsModel
from ui.app_icon import application_icon
from ui.composer.model import ComposerModel
from ui.crm_panel.model import CrmPanelModel
from ui.demo_world import DemoProcess, DemoWorld, add_mail_account, sign_in_salesforce
from ui.dispatch import Dispatcher
from ui.doctor.model import DoctorModel
from ui.folder_tree.model import FolderTreeModel
from ui.joins.crm import CrmJoin, CrmModels
from ui.joins.help import HelpJoin
from ui.joins.mail import MailJoin, MailModels
from ui.mail_actions.model import MailActionsModel
from ui.main_window import MainWindow
from ui.message_list.model import MessageListModel
from ui.message_view.model import MessageViewModel
from ui.outbox.model import OutboxModel
from ui.settings.model import SettingsModel
from ui.start_page import StartAnswer
from ui.status.model import StatusModel
from ui.text import is_expected, words_for
from ui.theme import Appearance

_log = logging.getLogger(__name__)

SMOKE_TEST_S = 180.0
"""A built program on a slow machine starts two processes and syncs within this."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to open next. ``world`` is a demo world that runs already; ``starts_demo`` starts one of our own."""

    profile: Profile
    world: DemoWorld | None = None
    starts_demo: bool = False
    is_smoke_test: bool = False

    @property
    def is_demo(self) -> bool:
        """Whether the window shows a demo world."""
        return self.world is not None or self.starts_demo


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code."""
    multiprocessing.freeze_support()
    options = _parser().parse_args(argv)
    if options.smoke_test:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # The HTML engine is loaded long after the application is made, and then wants to find this.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Outrigger")
    application.setApplicationDisplayName("Outrigger")
    application.setDesktopFileName("outrigger")
    application.setWindowIcon(application_icon())
    application.setQuitOnLastWindowClosed(False)
    with contextlib.ExitStack() as stack:
        try:
            target = _first_target(options, stack)
        except (AppError, OSError) as error:
            print(words_for(error).sentence, file=sys.stderr)
            return 1
        loop = stack.enter_context(qasync.QEventLoop(application))
        program = Program(application)
        return int(loop.run_until_complete(program.run(target)))


class Program:
    """Opens one profile after the other until the person quits."""

    def __init__(self, application: QApplication) -> None:
        if QLocale().language() is QLocale.Language.C:
            # Without a locale Qt writes numbers for programs, not for people: no groups of thousands, dates in three columns.
            QLocale.setDefault(QLocale(QLocale.Language.English))
        self._appearance = Appearance(application)

    async def run(self, target: Target) -> int:
        """Show ``target``, then what the person asks for; the exit code."""
        code = 0
        following: Target | None = target
        home = replace(target, world=None, starts_demo=False) if not target.is_demo else Target(Profile.default())
        while following is not None:
            sitting = Sitting(self._appearance, following, home)
            following = await sitting.run()
            code = sitting.exit_code
        return code


class Sitting:
    """One window over one profile, from opening to closing."""

    def __init__(self, appearance: Appearance, target: Target, home: Target) -> None:
        self._appearance = appearance
        self._target = target
        self._home = home
        self._next: Target | None = None
        self._leaving = asyncio.Event()
        self._vault: SecretStore | None = None
        self._browser = DemoBrowser() if target.is_demo else None
        self.exit_code = 0
        self._settings = QSettings(str(target.profile.root / "window.ini"), QSettings.Format.IniFormat)
        appearance.choose(_theme_of(str(self._settings.value("theme", "system"))))
        self._window = MainWindow(self._settings, title="Outrigger demo" if target.is_demo else "Outrigger")
        self._window.closed.connect(self._leaving.set)

    async def run(self) -> Target | None:
        """Show the window until it is left; what to open next."""
        self._window.show()
        async with contextlib.AsyncExitStack() as stack:
            world = await self._demo_world(stack)
            services = await self._open(stack)
            if services is not None:
                await self._work(services, world)
        if self._vault is not None:
            await self._vault.close()
        self._window.hide()
        self._window.deleteLater()
        return self._next

    async def _demo_world(self, stack: contextlib.AsyncExitStack) -> DemoWorld | None:
        if not self._target.starts_demo:
            return self._target.world
        state = None if self._target.is_smoke_test else self._target.profile.root / "world"
        process = DemoProcess(state)
        stack.push_async_callback(process.stop)
        while not self._leaving.is_set():
            try:
                return await process.start()
            except AppError as error:
                if self._target.is_smoke_test or await self._ask(error) is StartAnswer.QUIT:
                    self.exit_code = 1
                    self._leave(None)
        return None

    async def _open(self, stack: contextlib.AsyncExitStack) -> Services | None:
        """The services of the profile, or None when the person gave up. Every problem is a page in the window."""
        while not self._leaving.is_set():
            try:
                if self._target.is_smoke_test and self._vault is None:
                    # The profile lives for seconds, and a build machine has no keychain.
                    self._vault = await open_vault(self._target.profile, random.token_urlsafe(24))
                return await stack.enter_async_context(
                    open_app(self._target.profile, secrets=self._vault, browser=self._browser)
                )
            except Exception as error:  # noqa: BLE001 - whatever keeps a profile closed is told in the window
                if not is_expected(error):
                    _log.error("opening the profile raised %s", type(error).__name__)
                if self._target.is_smoke_test:
                    print(words_for(error).sentence, file=sys.stderr)
                    self.exit_code = 1
                    return None
                await self._answer_problem(error)
        return None

    async def _answer_problem(self, error: Exception) -> None:
        answer = await self._ask(error)
        if answer is StartAnswer.QUIT:
            self._leave(None)
        elif answer is StartAnswer.START_OVER:
            try:
                await start_over(self._target.profile, secrets=self._vault)
            except AppError as other:
                await self._answer_problem(other)

    async def _ask(self, error: Exception) -> StartAnswer:
        """Show a problem and wait for what the person chooses; a vault that was opened or made is kept."""
        page, profile = self._window.start_page, self._target.profile
        self._window.show_start_page()
        can_make_vault = not profile.database.exists() and not profile.vault_file.exists()
        if isinstance(error, SecretStoreUnavailable) and profile.vault_file.exists():
            page.show_unlock("" if error.code == "passphrase_needed" else words_for(error).title)
        else:
            page.show_error(error, where=str(profile.database), can_make_vault=can_make_vault)
        while True:
            answer, passphrase = await self._chosen()
            if answer in (StartAnswer.UNLOCK_VAULT, StartAnswer.MAKE_VAULT):
                try:
                    await self._take_vault(passphrase)
                except AppError as problem:
                    page.refuse(words_for(problem).title)
                    continue
            if answer is not StartAnswer.QUIT:
                page.show_opening()
            return answer

    async def _take_vault(self, passphrase: str) -> None:
        vault = await open_vault(self._target.profile, passphrase)
        if self._vault is not None:
            await self._vault.close()
        self._vault = vault

    async def _chosen(self) -> tuple[StartAnswer, str]:
        chosen: asyncio.Future[tuple[StartAnswer, str]] = asyncio.get_running_loop().create_future()

        def choose(answer: StartAnswer, passphrase: str) -> None:
            if not chosen.done():
                chosen.set_result((answer, passphrase))

        def give_up() -> None:
            choose(StartAnswer.QUIT, "")

        answered = self._window.start_page.answered.connect(choose)
        closed = self._window.closed.connect(give_up)
        try:
            return await chosen
        finally:
            self._window.start_page.answered.disconnect(answered)
            self._window.closed.disconnect(closed)

    def _leave(self, following: Target | None) -> None:
        self._next = following
        self._leaving.set()
        self._window.close()

    async def _work(self, services: Services, world: DemoWorld | None) -> None:
        async with asyncio.TaskGroup() as group:
            dispatcher = Dispatcher(group)
            dispatcher.failed.connect(self._window.say)
            joins = Joins(self._window, services, dispatcher, self._settings, self._target.profile)
            stop_hearing = services.bus.subscribe(SettingsChanged, lambda _event: self._follow_theme(services))
            self._follow_theme(services)
            self._bind_commands(services, dispatcher, joins)
            self._window.show_shell()
            joins.mail.start()
            if world is not None:
                dispatcher.start(self._bring_demo(world, services))
            if self._target.is_smoke_test:
                dispatcher.start(self._watch_smoke_test(joins.mail_models.messages))
            await self._leaving.wait()
            stop_hearing()
            joins.close()
            await dispatcher.finish()
            dispatcher.close()

    def _bind_commands(self, services: Services, dispatcher: Dispatcher, joins: Joins) -> None:
        bind = self._window.commands.bind
        for choice in ("system", "light", "dark"):
            bind(
                f"view.{choice}",
                lambda _checked=False, choice=choice: joins.crm_models.settings.set_theme(choice),
            )
        bind("mail.sync", lambda: dispatcher.start(services.sync.sync_now()))
        if self._target.is_demo:
            bind("app.leave_demo", lambda: self._leave(self._home))
        else:
            demo = Profile(self._target.profile.root.with_name(f"{self._target.profile.root.name} demo"))
            bind("app.demo", lambda: self._leave(Target(demo, starts_demo=True)))

    def _follow_theme(self, services: Services) -> None:
        theme = _theme_of(services.settings.theme)
        self._settings.setValue("theme", theme)
        if theme != self._appearance.choice:
            self._appearance.choose(theme)
        for choice in ("system", "light", "dark"):
            self._window.commands.action(f"view.{choice}").setChecked(choice == theme)

    async def _bring_demo(self, world: DemoWorld, services: Services) -> None:
        await add_mail_account(world, services.accounts.mail)
        login = world.salesforce_login
        if self._browser is not None and login is not None and login.password:
            self._browser.sign_in_as(login.user, login.password)
            await sign_in_salesforce(world, login, services.accounts.crm, services.sign_in)

    async def _watch_smoke_test(self, messages: MessageListModel) -> None:
        shown = asyncio.Event()
        messages.dataChanged.connect(lambda *_: shown.set() if messages.message(0) is not None else None)
        messages.modelReset.connect(lambda: shown.set() if messages.message(0) is not None else None)
        try:
            async with asyncio.timeout(SMOKE_TEST_S):
                await shown.wait()
        except TimeoutError:
            self.exit_code = 1
        self._window.grab()
        self._leave(None)


class Joins:
    """The models and views of an open profile."""

    def __init__(
        self, window: MainWindow, services: Services, dispatcher: Dispatcher, settings: QSettings, profile: Profile
    ) -> None:
        bus, mailboxes = services.bus, services.accounts.mail
        self.mail_models = MailModels(
            folders=FolderTreeModel(services.reader, mailboxes, bus, dispatcher),
            messages=MessageListModel(
                services.reader,
                services.search,
                services.lookup,
                bus,
                dispatcher,
                now=lambda: dt.datetime.fromtimestamp(services.clock.wall(), tz=dt.UTC).astimezone(),
            ),
            message=MessageViewModel(services.reader, services.files, mailboxes, bus, dispatcher),
            actions=MailActionsModel(services.mail_actions, dispatcher),
            status=StatusModel(services.outbox, services.connectivity, services.accounts.crm, bus, dispatcher),
        )
        self.crm_models = CrmModels(
            panel=CrmPanelModel(
                services.lookup, services.crm_actions, services.accounts.crm, services.outbox, bus, dispatcher
            ),
            outbox=OutboxModel(services.outbox, bus, services.clock, dispatcher),
            accounts=AccountsModel(mailboxes, services.accounts.crm, services.sign_in, bus, dispatcher),
            settings=SettingsModel(services.settings, services.secrets_place, str(profile.root), bus, dispatcher),
            compose=lambda: ComposerModel(services.composer, mailboxes, dispatcher),
        )
        self.mail = MailJoin(window, self.mail_models, settings)
        self.crm = CrmJoin(
            window,
            self.mail,
            self.mail_models,
            self.crm_models,
            lambda operations: dispatcher.start(_undo_all(services, operations)),
        )
        self.help = HelpJoin(window, DoctorModel(services.doctor, dispatcher))

    def close(self) -> None:
        """Stop listening and keep what is being written."""
        self.crm.close()
        self.mail.close()


async def _undo_all(services: Services, operations: list[OperationId]) -> None:
    for operation in operations:
        await services.outbox.undo(operation)


def _theme_of(value: str) -> str:
    return value if value in ("system", "light", "dark") else "system"


def _first_target(options: argparse.Namespace, stack: contextlib.ExitStack) -> Target:
    if options.smoke_test:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outrigger-", ignore_cleanup_errors=True)))
        return Target(Profile(folder / "profile"), starts_demo=True, is_smoke_test=True)
    profile = Profile(options.profile) if options.profile else Profile.default()
    if not options.demo:
        return Target(profile)
    line = sys.stdin.readline() if options.demo == "-" else Path(options.demo).read_text(encoding="utf-8")
    if not options.profile:
        profile = Profile(profile.root.with_name(f"{profile.root.name} demo"))
    return Target(profile, world=DemoWorld.from_line(line))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="outrigger", description="Mail with Salesforce beside it.")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="keep everything in this folder")
    parser.add_argument(
        "--demo", metavar="FILE", help="work in the demo world that this file announces; - reads standard input"
    )
    parser.add_argument(
        "--smoke-test", action="store_true", help="show the window on a demo world without a screen, then exit"
    )
    return parser
