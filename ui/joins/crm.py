"""Salesforce panel, outbox, accounts, composer and settings, joined to the mail side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId, MessageId, OperationId, RecordId
from app.model.mail import Address, OutgoingMessage
from ui.accounts.model import AccountsModel, AccountsState
from ui.accounts.view import AccountsView
from ui.composer.model import ComposerModel
from ui.composer.view import ComposerWindow
from ui.crm_panel.model import CrmPanelModel, PanelState
from ui.crm_panel.view import CrmPanelView
from ui.joins.mail import MailJoin, MailModels
from ui.main_window import MainWindow
from ui.message_view.looks import MessageLook
from ui.outbox.model import OutboxModel
from ui.outbox.view import OutboxView
from ui.settings.model import SettingsModel
from ui.settings.view import SettingsView
from ui.text import Words
from ui.widgets.bars import Choice

MOST_DRAFTS = 10
"""Windows that are opened at once for drafts, the last saved first."""


@dataclass(frozen=True, slots=True)
class CrmModels:
    """The models that this file joins; ``compose`` makes the model of one more message to write."""

    panel: CrmPanelModel
    outbox: OutboxModel
    accounts: AccountsModel
    settings: SettingsModel
    compose: Callable[[], ComposerModel]


class CrmJoin:
    """The Salesforce side of one window, and the pages. ``undo`` takes operations back that have not gone out."""

    def __init__(
        self,
        window: MainWindow,
        mail: MailJoin,
        mail_models: MailModels,
        models: CrmModels,
        undo: Callable[[list[OperationId]], object],
    ) -> None:
        self._window = window
        self._mail = mail
        self._mail_models = mail_models
        self._models = models
        self._undo = undo
        self._composers: list[ComposerWindow] = []
        self._warned: frozenset[str] = frozenset()
        self._parts: list[tuple[MessageId, str]] = []
        self.panel = CrmPanelView()
        self.outbox = OutboxView(models.outbox)
        self.accounts = AccountsView()
        self.settings = SettingsView()
        window.panes.panel.set_content(self.panel)
        for name, page in (("outbox", self.outbox), ("accounts", self.accounts), ("settings", self.settings)):
            window.add_page(name, page)
            page.close_requested.connect(self._leave_page)
        window.add_back_step(self._leave_question)
        window.add_pane_focus(lambda: self.panel if not window.panes.panel.is_folded else None)
        self._join_panel()
        self._join_outbox()
        self._join_accounts()
        self._join_settings()
        self._bind_commands()

    def close(self) -> None:
        """Keep what is being written and stop listening."""
        for composer in tuple(self._composers):
            composer.close()
        for model in (self._models.panel, self._models.outbox, self._models.accounts, self._models.settings):
            model.close()

    def write_to(self, address: str = "") -> None:
        """Write a new message."""
        self._open_composer().start_new(to=address)

    # Panel

    def _join_panel(self) -> None:
        model, view = self._models.panel, self.panel
        model.state_changed.connect(self._on_panel_changed)
        model.queued.connect(self._on_queued)
        model.created.connect(view.close_form)
        model.create_refused.connect(view.refuse_create)
        model.dependants_found.connect(view.ask_discard)
        self._mail_models.message.shown.connect(self._on_message_shown)
        self._mail_models.message.cleared.connect(lambda _count: model.show_nothing())
        self._mail_models.status.logins_changed.connect(self._on_logins_changed)
        view.log_requested.connect(model.log)
        view.create_requested.connect(model.create)
        view.refresh_requested.connect(model.refresh)
        view.person_chosen.connect(model.choose)
        view.record_opened.connect(self._on_record_opened)
        view.part_dropped.connect(model.attach_part)
        view.files_dropped.connect(model.attach_files)
        view.retry_requested.connect(model.retry)
        view.discard_requested.connect(lambda operation: model.discard(OperationId(operation)))
        view.discard_all_requested.connect(
            lambda operation: model.discard(OperationId(operation), with_dependants=True)
        )
        view.sign_in_requested.connect(lambda: self._window.show_page("accounts"))
        view.add_login_requested.connect(self._show_salesforce_form)
        self._window.dragging.connect(view.show_drop_zones)
        # What was dropped on a card is over; the window hears nothing of it.
        view.part_dropped.connect(lambda *_: self._window.set_dragging(False))
        view.files_dropped.connect(lambda *_: self._window.set_dragging(False))

    def _on_panel_changed(self, state: PanelState) -> None:
        self.panel.show_state(state)
        commands = self._window.commands
        person = state.person
        is_unknown = person is not None and person.target is None and state.login is not None
        commands.enable(("crm.log",), not state.log_problem)
        log = commands.action("crm.log")
        log.setToolTip(state.log_problem or log.text())
        commands.enable(("crm.create_contact", "crm.create_lead"), is_unknown)
        commands.enable(("crm.attach_file",), bool(state.log_targets))
        has_match = state.person is not None and state.person.match is not None
        commands.enable(("crm.attach_parts",), has_match and bool(self._parts))
        commands.enable(("crm.refresh",), state.login is not None and state.message_id is not None)

    def _on_message_shown(self, look: MessageLook) -> None:
        envelope = look.content.envelope
        people: list[Address] = [*envelope.from_, *envelope.reply_to, *envelope.to, *envelope.cc, *envelope.bcc]
        others = [address for address in people if address.address.lower() not in look.own]
        self._parts = [(look.message_id, one.part.part_id) for one in look.attachments]
        if self._models.panel.state.message_id != look.message_id:
            self._models.panel.show_message(look.message_id, others)

    def _on_logins_changed(self, _logins: list[CrmLogin], current: CrmLoginId | None) -> None:
        self._models.panel.use_login(current)

    def _on_queued(self, text: str, operations: list[OperationId]) -> None:
        self._window.undo_bar.offer(text, lambda: self._undo(operations))

    def _on_record_opened(self, record_id: str) -> None:
        url = self._models.panel.open_url(RecordId(record_id))
        if url:
            QDesktopServices.openUrl(QUrl(url))

    def _attach_file(self) -> None:
        targets = self._models.panel.state.log_targets
        if not targets:
            return
        dialog = QFileDialog(self._window, f"Save a file to {targets[0].name}")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(
            lambda names: self._models.panel.attach_files([Path(name) for name in names], targets[0])
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # Outbox

    def _join_outbox(self) -> None:
        model, view = self._models.outbox, self.outbox
        view.retry_requested.connect(model.retry)
        view.discard_requested.connect(model.discard)
        view.discard_all_requested.connect(lambda operation: model.discard(operation, with_dependants=True))
        view.description_requested.connect(model.describe)
        view.closed_toggled.connect(model.show_closed)

    # Accounts

    def _join_accounts(self) -> None:
        model, view = self._models.accounts, self.accounts
        model.state_changed.connect(self._on_accounts_changed)
        model.busy_changed.connect(view.show_busy)
        model.refused.connect(view.show_refused)
        model.added.connect(view.show_added)
        view.add_mail_requested.connect(model.add_mail)
        view.add_salesforce_requested.connect(model.add_salesforce)
        view.password_requested.connect(lambda account, password: model.set_password(MailAccountId(account), password))
        view.sign_in_requested.connect(lambda login: model.sign_in_again(CrmLoginId(login)))
        view.cancel_requested.connect(model.cancel_sign_in)
        view.remove_mail_requested.connect(lambda account: model.remove_mail(MailAccountId(account)))
        view.remove_salesforce_requested.connect(lambda login: model.remove_salesforce(CrmLoginId(login)))
        view.demo_requested.connect(self._window.commands.action("app.demo").trigger)

    def _on_accounts_changed(self, state: AccountsState) -> None:
        self.accounts.show_state(state)
        # One notice for an account that waits, not one for every try.
        if state.waiting - self._warned:
            self._window.say(
                Words("An account needs you to sign in again.", "What waits for it is kept."),
                (Choice("Accounts", lambda: self._window.show_page("accounts"), "primary"),),
            )
        self._warned = state.waiting

    def _show_salesforce_form(self) -> None:
        self._window.show_page("accounts")
        self.accounts.show_salesforce_form()

    def _show_mail_form(self) -> None:
        self._window.show_page("accounts")
        self.accounts.show_mail_form()

    # Settings

    def _join_settings(self) -> None:
        model, view = self._models.settings, self.settings
        model.state_changed.connect(view.show_state)
        view.theme_chosen.connect(model.set_theme)
        view.lookup_minutes_chosen.connect(model.set_lookup_minutes)
        view.poll_minutes_chosen.connect(model.set_poll_minutes)
        model.reload()

    # Composer

    def _on_mail_link_activated(self, url: str) -> None:
        self.write_to(unquote(url.partition(":")[2].partition("?")[0]))

    def _reply(self, *, to_all: bool) -> None:
        if len(self._mail.selected) == 1:
            message_id = self._mail.selected[0]
            self._open_composer().start_reply(message_id, to_all=to_all)

    def _forward(self) -> None:
        if len(self._mail.selected) == 1:
            self._open_composer().start_forward(self._mail.selected[0])

    def _resume_drafts(self) -> None:
        model = self._models.compose()
        model.drafts_found.connect(self._on_drafts_found)
        model.find_drafts()

    def _on_drafts_found(self, drafts: list[OutgoingMessage]) -> None:
        shown = {composer.message_id for composer in self._composers}
        kept = [draft for draft in drafts if draft.message_id not in shown][:MOST_DRAFTS]
        for draft in kept:
            self._open_composer().resume(draft)
        if not kept:
            self._window.say(Words("No draft is kept on this computer.", needs_person=False))

    def _open_composer(self) -> ComposerModel:
        model = self._models.compose()
        composer = ComposerWindow(model)
        self._composers.append(composer)
        composer.closed.connect(lambda: self._forget_composer(composer))
        composer.sent.connect(lambda operation: self._on_queued("Message is in the outbox", [OperationId(operation)]))
        model.kept.connect(self._on_draft_kept)
        composer.show()
        return model

    def _on_draft_kept(self, draft: OutgoingMessage) -> None:
        self._window.say(
            Words("The draft is kept on this computer.", needs_person=False),
            (Choice("Continue writing", lambda: self._on_drafts_found([draft])),),
        )

    def _forget_composer(self, composer: ComposerWindow) -> None:
        if composer in self._composers:
            self._composers.remove(composer)
            composer.deleteLater()

    # Commands

    def _bind_commands(self) -> None:
        bind = self._window.commands.bind
        bind("mail.write", self.write_to)
        self._mail.reader.mail_link_activated.connect(self._on_mail_link_activated)
        bind("message.reply", lambda: self._reply(to_all=False))
        bind("message.reply_all", lambda: self._reply(to_all=True))
        bind("message.forward", self._forward)
        bind("mail.drafts", self._resume_drafts)
        bind("accounts.add_mail", self._show_mail_form)
        bind("accounts.add_salesforce", self._show_salesforce_form)
        bind("app.accounts", lambda: self._window.show_page("accounts"))
        bind("app.settings", lambda: self._window.show_page("settings"))
        bind("crm.log", self._start_log)
        bind("crm.create_contact", lambda: self._start_create("Contact"))
        bind("crm.create_lead", lambda: self._start_create("Lead"))
        bind("crm.attach_file", self._attach_file)
        bind("crm.attach_parts", self._attach_parts)
        bind("crm.refresh", self._models.panel.refresh)

    def _attach_parts(self) -> None:
        self._window.panes.show_panel(on=True)
        self.panel.start_attach(self._parts)

    def _start_log(self) -> None:
        self._window.panes.show_panel(on=True)
        self.panel.start_log()

    def _start_create(self, object_type: str) -> None:
        self._window.panes.show_panel(on=True)
        self.panel.start_create(object_type)

    def _leave_question(self) -> bool:
        if self._window.page == "accounts":
            return self.accounts.leave_form()
        return not self._window.panes.panel.is_folded and self.panel.leave_question()

    def _leave_page(self) -> None:
        self._mail.folders.choose("inbox:")
        self._window.show_mail()
