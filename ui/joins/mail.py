"""Folders, list, reader and mail actions, joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, QSettings, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu, QWidget

from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MessageId
from app.model.mail import FolderRole
from ui.folder_tree.model import FolderTreeModel, Place, PlaceKind
from ui.folder_tree.view import FolderTreeView
from ui.icons import Icon
from ui.mail_actions.model import MailActionsModel
from ui.main_window import MainWindow
from ui.message_list.model import MessageListModel
from ui.message_list.rows import ROW_ROLE, RowLook
from ui.message_list.view import MessageListView
from ui.message_view.model import MessageViewModel
from ui.message_view.view import MessageView
from ui.status.model import StatusModel, Traffic
from ui.status.view import OrgChip, TrafficButton
from ui.text import Words, count
from ui.widgets.bars import Choice, announce

_ON_SELECTION = ("message.archive", "message.delete", "message.flag", "message.unread")
_ON_LIST = ("list.next", "list.previous", "edit.select_all")
_ON_ONE = ("message.reply", "message.reply_all", "message.forward", "message.save_all", "message.source")


@dataclass(frozen=True, slots=True)
class MailModels:
    """The models that this file joins."""

    folders: FolderTreeModel
    messages: MessageListModel
    message: MessageViewModel
    actions: MailActionsModel
    status: StatusModel


class MailJoin:
    """The mail side of one window. ``selected`` are the messages that actions work on, the current one first.

    `ui.joins.crm` hears of the message that is shown through ``models.message.shown`` and of the org through ``models.status.logins_changed``.
    """

    def __init__(self, window: MainWindow, models: MailModels, settings: QSettings) -> None:
        self._window = window
        self._models = models
        self._settings = settings
        self._place: Place | None = None
        self._has_account = True
        self._is_bringing = False
        self.selected: list[MessageId] = []
        self.folders = FolderTreeView(models.folders)
        self.messages = MessageListView(models.messages)
        self.reader = MessageView()
        self.org = OrgChip()
        self.traffic = TrafficButton()
        window.panes.folders.set_content(self.folders)
        window.panes.set_mail(self.messages, self.reader)
        window.toolbar.add_state(self.org)
        window.toolbar.add_state(self.traffic)
        for focus in (self._folders_focus, self._list_focus, self._reader_focus):
            window.add_pane_focus(focus)
        self._bind_commands()
        window.page_changed.connect(lambda _page: self._enable_commands())
        self._join_folders()
        self._join_list()
        self._join_reader()
        self._join_status()
        self._on_selection_changed([])

    def start(self) -> None:
        """Read the first folders and rows."""
        self.folders.choose(str(self._settings.value("place", "inbox:")))
        self._models.folders.refresh()
        self._models.status.refresh()
        self.messages.table.setFocus()

    def close(self) -> None:
        """Remember the place and free the HTML engine."""
        self._settings.setValue("place", self.folders.key)
        for model in (self._models.folders, self._models.messages, self._models.message, self._models.status):
            model.close()
        self.reader.shut_down()

    # Commands

    def _bind_commands(self) -> None:
        window, models = self._window, self._models
        bind = window.commands.bind
        bind("message.archive", lambda: models.actions.archive(self.selected))
        bind("message.delete", lambda: models.actions.delete(self.selected))
        bind("message.flag", self._flag)
        bind("message.unread", self._toggle_seen)
        bind("message.save_all", self.reader.save_all)
        bind("message.source", models.message.show_source)
        bind("edit.select_all", self.messages.table.selectAll)
        bind("list.next", lambda: self.messages.step(1))
        bind("list.previous", lambda: self.messages.step(-1))
        bind("go.inbox", lambda: self._go("inbox:"))
        bind("go.sent", lambda: self._go_role(FolderRole.SENT))
        bind("go.outbox", lambda: self._go("outbox:"))
        bind("app.work_offline", models.status.set_work_offline)
        action = window.commands.action
        self.reader.set_actions(
            [action(name) for name in ("message.reply", "message.archive", "crm.log")],
            [
                action(name)
                for name in (
                    "message.reply_all",
                    "message.forward",
                    "message.delete",
                    "message.flag",
                    "message.unread",
                    "message.save_all",
                    "message.source",
                )
            ],
        )
        for name in ("go.inbox", "go.sent", "go.outbox"):
            window.panes.folders.add_to_strip(action(name))
        window.add_back_step(self._leave)

    def _go(self, key: str) -> None:
        place = self.folders.choose(key)
        if place is not None:
            self._show_place(place)

    def _go_role(self, role: FolderRole) -> None:
        place = self.folders.choose_role(role)
        if place is not None:
            self._show_place(place)

    def _leave(self) -> bool:
        if not self._window.page and self.reader.is_previewing:
            self.reader.close_preview()
            return True
        if not self.reader.question.isHidden():
            self.reader.question.hide()
            return True
        return False

    def _flag(self) -> None:
        looks = self._selected_looks()
        self._models.actions.set_flagged(self.selected, on=not all(look.is_flagged for look in looks))

    def _toggle_seen(self) -> None:
        looks = self._selected_looks()
        self._models.actions.set_seen(self.selected, on=any(look.is_unread for look in looks))

    def _selected_looks(self) -> list[RowLook]:
        model = self._models.messages
        rows = (model.row_of(message_id) for message_id in self.selected)
        looks = (model.index(row, 0).data(ROW_ROLE) for row in rows if row is not None)
        return [look for look in looks if isinstance(look, RowLook)]

    # Folders

    def _join_folders(self) -> None:
        models, folders = self._models.folders, self.folders
        folders.place_chosen.connect(self._on_place_chosen)
        folders.place_clicked.connect(self._show_place)
        folders.messages_dropped.connect(self._on_messages_dropped)
        models.progressed.connect(self._on_progressed)
        models.listed.connect(self._on_folders_listed)

    def _on_place_chosen(self, place: Place) -> None:
        # Folders that are listed anew choose their place again; that must not take another page away.
        if not self._window.page or self.folders.tree.hasFocus():
            self._show_place(place)
        if place.kind is PlaceKind.OUTBOX:
            return
        self._place = place
        self._window.toolbar.search.forget()
        self.messages.set_heading(place.name, "")
        role = FolderRole.INBOX if place.kind is PlaceKind.UNIFIED_INBOX else place.role
        self._models.messages.show_folder(place.folder_id, role)

    def _show_place(self, place: Place) -> None:
        """Bring the part of the window that shows a place to the front."""
        if place.kind is PlaceKind.OUTBOX:
            self._window.show_page("outbox")
        else:
            self._window.show_mail()

    def _on_messages_dropped(self, ids: list[MessageId], place: Place) -> None:
        if place.folder_id is not None:
            self._models.actions.move(ids, place.folder_id, place.name)

    def _on_progressed(self, words: str, share: float) -> None:
        self.folders.set_progress(words, share)
        if self._is_bringing != bool(words):
            self._is_bringing = bool(words)
            self._say_empty()

    def _on_folders_listed(self, has_account: bool) -> None:
        if has_account != self._has_account:
            self._has_account = has_account
            if has_account:
                self.reader.clear(len(self.selected))
            else:
                self._show_first_steps()
        self._say_empty()

    def _show_first_steps(self) -> None:
        commands = self._window.commands
        choices = tuple(
            Choice(text, commands.action(name).trigger, role)
            for name, text, role in (
                ("accounts.add_mail", "Add mail account", "primary"),
                ("app.demo", "Try the demo", ""),
            )
            if commands.action(name).isVisible()
        )
        self.reader.empty.say(
            Icon.MAIL,
            "Welcome to Outrigger",
            "Your mail in the middle, Salesforce beside it, and everything works in the train tunnel too.",
            choices,
        )

    # List

    def _join_list(self) -> None:
        model, view = self._models.messages, self.messages
        view.range_wanted.connect(model.set_range)
        view.table.all_requested.connect(model.know_all)
        model.all_known.connect(self._on_all_known)
        view.selection_changed.connect(self._on_selection_changed)
        view.open_requested.connect(self.reader.focus_body)
        view.menu_requested.connect(self._on_list_menu_requested)
        view.search_closed.connect(self._window.toolbar.search.clear)
        model.about_to_exchange.connect(view.remember_place)
        model.exchanged.connect(view.restore_place)
        model.counted.connect(self._on_counted)
        model.searched.connect(self._on_searched)
        self._window.toolbar.search.searched.connect(self._on_search_changed)

    def _on_all_known(self, number: int) -> None:
        self.messages.table.select_first(number)
        total = self._models.messages.total
        if number < total:
            self._window.say(
                Words(f"The first {count(number)} of {count(total)} messages are selected.", needs_person=False)
            )

    def _on_selection_changed(self, ids: list[MessageId]) -> None:
        self.selected = ids
        self._models.messages.set_selected(ids)
        self._models.message.show(ids)
        self._enable_commands()

    def _enable_commands(self) -> None:
        # On another page nobody sees what is selected, and keys mean what is there: Del in the outbox must not delete a mail.
        number = 0 if self._window.page else len(self.selected)
        commands = self._window.commands
        commands.enable(_ON_SELECTION, number > 0)
        commands.enable(_ON_ONE, number == 1)
        commands.enable(_ON_LIST, not self._window.page)

    def _on_counted(self, total: int) -> None:
        if self._place is None:
            return
        self.messages.set_heading(self._place.name, count(total) if total else "")
        if total:
            self.messages.show_rows()
        else:
            self._say_empty()

    def _say_empty(self) -> None:
        place, model, view = self._place, self._models.messages, self.messages
        if place is None or model.total or model.is_search:
            return
        if not self._has_account:
            view.show_empty(Icon.INBOX, "No mail account yet")
        elif self._is_bringing or (self._models.folders.is_new and place.role is FolderRole.INBOX):
            view.show_empty(Icon.DOWNLOAD, "Your mail is on its way", "The newest comes first.")
        elif place.role is FolderRole.INBOX:
            view.show_empty(Icon.INBOX, "Nothing left to do here", "New mail appears by itself.")
        else:
            view.show_empty(Icon.FOLDER, f"Nothing in {place.name}")

    def _on_search_changed(self, words: str) -> None:
        self._window.show_mail()
        self._models.messages.show_search(words)

    def _on_searched(self, words: str, found: int) -> None:
        self.messages.set_heading(f"“{words}”", count(found) if found else "", is_search=True)
        announce(self.messages, f"{count(found)} found")
        if found:
            self.messages.show_rows()
        else:
            self.messages.show_empty(
                Icon.SEARCH, "Nothing found", "All words must occur. What is not on this computer yet cannot be found."
            )

    def _on_list_menu_requested(self, position: QPoint) -> None:
        menu = QMenu(self.messages)
        commands = self._window.commands
        for name in (
            "message.reply",
            "message.reply_all",
            "message.forward",
            "",
            "message.archive",
            "message.delete",
            "message.flag",
            "message.unread",
            "",
            "crm.log",
        ):
            if name:
                menu.addAction(commands.action(name))
            else:
                menu.addSeparator()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(position)

    # Reader

    def _join_reader(self) -> None:
        model, view = self._models.message, self.reader
        model.loading.connect(view.show_loading)
        model.shown.connect(view.show_message)
        model.failed.connect(view.show_problem)
        model.cleared.connect(view.clear)
        model.resource_ready.connect(view.give_resource)
        model.file_ready.connect(view.take_file)
        model.text_ready.connect(view.show_text_preview)
        model.read.connect(lambda message_id: self._models.actions.set_seen([message_id], on=True, quietly=True))
        view.resource_wanted.connect(model.fetch_resource)
        view.file_wanted.connect(model.make_file)
        view.text_preview_wanted.connect(model.preview_text)
        view.retry_requested.connect(model.reload)
        view.saved.connect(self._on_saved)
        view.attachments.drag_changed.connect(self._window.set_dragging)
        self._models.actions.done.connect(self._on_action_done)

    def _on_saved(self, path: Path) -> None:
        folder = path.parent
        self._window.say(
            Words(f"Saved {path.name} to {folder.name}.", needs_person=False),
            (Choice("Show folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))),),
        )

    def _on_action_done(self, text: str, undo: Callable[[], object]) -> None:
        self._window.undo_bar.offer(text, undo)

    # Status

    def _join_status(self) -> None:
        model = self._models.status
        model.traffic_changed.connect(self._on_traffic_changed)
        model.logins_changed.connect(self._on_logins_changed)
        self.traffic.clicked.connect(lambda: self._go("outbox:"))
        self.org.login_chosen.connect(model.choose_login)

    def _on_traffic_changed(self, traffic: Traffic) -> None:
        self.traffic.set_traffic(traffic)
        number = traffic.open + traffic.failed
        self._models.folders.set_outbox(count(number) if number else "")
        self._window.commands.action("app.work_offline").setChecked(traffic.is_chosen_offline)

    def _on_logins_changed(self, logins: list[CrmLogin], current: CrmLoginId | None) -> None:
        self.org.set_logins(logins, current)
        self._models.messages.set_login(current)
        login = self._models.status.current_login
        self._window.set_sandbox(login is not None and login.is_sandbox)

    # Focus

    def _folders_focus(self) -> QWidget | None:
        return None if self._window.panes.folders.is_folded else self.folders.tree

    def _list_focus(self) -> QWidget | None:
        return self.messages.table if self.messages.table.isVisible() else self.messages.empty

    def _reader_focus(self) -> QWidget | None:
        return self.reader.focus_target()
