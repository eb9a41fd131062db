"""Every action of the program: its words, picture, place in the menus, and keys.

A part of the window offers an action with ``commands.bind("message.reply", slot)``; an action that nobody bound is in no menu and no palette.
Whether it can be used now is its `QAction.setEnabled`. Single keys (``j``, ``e``, ``g i`` …) can be switched off as a whole; shortcuts with Ctrl
stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from ui.icons import Icon, icon

MENUS = ("File", "Edit", "View", "Go", "Message", "Salesforce", "Help")


@dataclass(frozen=True, slots=True)
class Command:
    """``keys`` always work; ``single`` are keys without Ctrl that can be switched off. ``group`` changes draw a rule in the menu.

    ``short`` is what a button says where ``text`` is too long.
    """

    command_id: str
    text: str
    menu: str
    group: int = 0
    symbol: Icon | None = None
    keys: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    is_checkable: bool = False
    short: str = ""


COMMANDS = (
    Command("mail.write", "Write new mail", "File", 0, Icon.WRITE, ("Ctrl+N",), ("C",)),
    Command("mail.drafts", "Continue drafts", "File", 0, Icon.DRAFTS),
    Command("mail.sync", "Get mail now", "File", 0, Icon.REFRESH, ("F5",)),
    Command("app.work_offline", "Work offline", "File", 1, Icon.OFFLINE, is_checkable=True),
    Command("accounts.add_mail", "Add mail account…", "File", 2, Icon.PLUS),
    Command("accounts.add_salesforce", "Sign in to Salesforce…", "File", 2, Icon.SIGN_IN),
    Command("app.accounts", "Accounts", "File", 2, Icon.ACCOUNT),
    Command("app.settings", "Settings", "File", 2, Icon.SETTINGS, ("Ctrl+,",)),
    Command("app.demo", "Try the demo", "File", 3, Icon.DEMO),
    Command("app.leave_demo", "Leave the demo", "File", 3, Icon.BACK),
    Command("app.quit", "Quit", "File", 4, None, ("Ctrl+Q",)),
    Command("edit.undo", "Undo last change to mail", "Edit", 0, Icon.UNDO, ("Ctrl+Z",), ("Z",)),
    Command("edit.select_all", "Select all messages", "Edit", 1, None, ("Ctrl+A",)),
    Command("app.search", "Search", "Edit", 2, Icon.SEARCH, ("Ctrl+F",), ("/",)),
    Command("view.palette", "All actions", "View", 0, Icon.COMMAND, ("Ctrl+K",)),
    Command("view.folders", "Folder pane", "View", 1, None, ("Ctrl+Shift+1",), is_checkable=True),
    Command("view.panel", "Salesforce panel", "View", 1, None, ("Ctrl+Shift+2",), is_checkable=True),
    Command("view.next_pane", "Next pane", "View", 2, None, ("F6",)),
    Command("view.previous_pane", "Previous pane", "View", 2, None, ("Shift+F6",)),
    Command("view.back", "Back", "View", 2, Icon.BACK, ("Esc",)),
    Command("view.system", "Light or dark as the system", "View", 3, None, is_checkable=True),
    Command("view.light", "Light", "View", 3, None, is_checkable=True),
    Command("view.dark", "Dark", "View", 3, None, is_checkable=True),
    Command("view.single_keys", "Shortcuts without Ctrl", "View", 4, Icon.KEYBOARD, is_checkable=True),
    Command("go.inbox", "Inbox", "Go", 0, Icon.INBOX, ("Ctrl+1",), ("G, I",)),
    Command("go.sent", "Sent", "Go", 0, Icon.SENT, ("Ctrl+2",), ("G, S",)),
    Command("go.outbox", "Outbox", "Go", 0, Icon.OUTBOX, ("Ctrl+3",), ("G, O",)),
    Command("list.next", "Next message", "Go", 1, None, (), ("J",)),
    Command("list.previous", "Previous message", "Go", 1, None, (), ("K",)),
    Command("message.reply", "Reply", "Message", 0, Icon.REPLY, ("Ctrl+R",), ("R",)),
    Command("message.reply_all", "Reply to all", "Message", 0, Icon.REPLY_ALL, ("Ctrl+Shift+R",), ("A",)),
    Command("message.forward", "Forward", "Message", 0, Icon.FORWARD, ("Ctrl+Shift+F",), ("F",)),
    Command("message.archive", "Archive", "Message", 1, Icon.ARCHIVE, (), ("E",)),
    Command("message.delete", "Delete", "Message", 1, Icon.DELETE, ("Del",), ("#",)),
    Command("message.flag", "Flag", "Message", 2, Icon.FLAG, (), ("S",)),
    Command("message.unread", "Read or unread", "Message", 2, Icon.MAIL, ("Ctrl+U",), ("U",)),
    Command("message.save_all", "Save all attachments", "Message", 3, Icon.SAVE),
    Command("message.source", "Show source", "Message", 3, Icon.SOURCE),
    Command("crm.log", "Log in Salesforce", "Salesforce", 0, Icon.LOG, ("Ctrl+L",), ("L",), short="Log"),
    Command("crm.task", "New task", "Salesforce", 0, Icon.TASK, (), ("T",)),
    Command("crm.create_contact", "New contact from sender…", "Salesforce", 1, Icon.CONTACT),
    Command("crm.create_lead", "New lead from sender…", "Salesforce", 1, Icon.LEAD),
    Command("crm.attach_parts", "Save attachments to a record…", "Salesforce", 1, Icon.ATTACHMENT, ("Ctrl+Shift+S",)),
    Command("crm.attach_file", "Attach a file to a record…", "Salesforce", 1, Icon.ATTACHMENT),
    Command("crm.refresh", "Look up again", "Salesforce", 2, Icon.REFRESH, ("Ctrl+Shift+L",)),
    Command("app.keys", "Keyboard shortcuts", "Help", 0, Icon.KEYBOARD, ("F1",)),
    Command("app.doctor", "Doctor", "Help", 0, Icon.CASE),
    Command("app.about", "About Outrigger", "Help", 1, Icon.INFO),
)


class Commands(QObject):
    """The actions of one window. ``changed`` comes when one was bound or the keys changed."""

    changed = Signal()

    def __init__(self, window: QWidget, *, single_keys: bool = True) -> None:
        super().__init__(window)
        self._window = window
        self._single_keys = single_keys
        self._known = {command.command_id: command for command in COMMANDS}
        self._actions: dict[str, QAction] = {}
        self._bound: set[str] = set()
        for command in COMMANDS:
            action = QAction(command.text, window)
            action.setObjectName(command.command_id)
            # Qt puts picture and words of a button closer together than they read well.
            action.setIconText(f" {command.short or command.text}")
            action.setToolTip(command.text)
            action.setCheckable(command.is_checkable)
            action.setVisible(False)
            action.setMenuRole(_menu_role(command.command_id))
            if command.symbol is not None:
                action.setIcon(icon(command.symbol, "text"))
            # On the window itself: a key of an action that sits in a menu alone would not work while the menu bar is hidden.
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            window.addAction(action)
            self._actions[command.command_id] = action
        self._set_keys()

    @property
    def single_keys(self) -> bool:
        """Whether keys without Ctrl work."""
        return self._single_keys

    def use_single_keys(self, on: bool) -> None:
        """Switch keys without Ctrl on or off."""
        self._single_keys = on
        self._set_keys()
        self.changed.emit()

    def action(self, command_id: str) -> QAction:
        """The action of an id. Raises KeyError for an id that is not in `COMMANDS`."""
        return self._actions[command_id]

    def bind(self, command_id: str, slot: Callable[[], object] | Callable[[bool], object]) -> QAction:
        """Let an action do something, and show it. A checkable action gives its state to ``slot``."""
        action = self._actions[command_id]
        if self._known[command_id].is_checkable:
            action.triggered.connect(lambda checked: slot(checked))  # type: ignore[call-arg]
        else:
            action.triggered.connect(lambda _checked=False: slot())  # type: ignore[call-arg]
        action.setVisible(True)
        self._bound.add(command_id)
        self.changed.emit()
        return action

    def enable(self, command_ids: Iterable[str], on: bool) -> None:
        """Let actions be used or not."""
        for command_id in command_ids:
            self._actions[command_id].setEnabled(on)

    def offered(self) -> list[tuple[Command, QAction]]:
        """What can be done now, in the order of the menus."""
        return [
            (command, self._actions[command.command_id])
            for command in COMMANDS
            if command.command_id in self._bound and self._actions[command.command_id].isEnabled()
        ]

    def keys_in_words(self, command_id: str) -> str:
        """The shortcuts as they are written ("Ctrl+R or R")."""
        shortcuts = self._actions[command_id].shortcuts()
        return " or ".join(_written(shortcut) for shortcut in shortcuts)

    def fill(self, bar: QMenuBar | QMenu) -> None:
        """Put every action into the menus of a menu bar or of a menu."""
        for name in MENUS:
            menu = bar.addMenu(name)
            group: int | None = None
            for command in COMMANDS:
                if command.menu != name:
                    continue
                if group is not None and command.group != group:
                    menu.addSeparator()
                group = command.group
                menu.addAction(self._actions[command.command_id])
            # Rules between groups that nobody bound would be left over, and so would a menu without entries.
            menu.setSeparatorsCollapsible(True)
            menu.menuAction().setVisible(False)
            self.changed.connect(lambda menu=menu: _show_if_used(menu))
            _show_if_used(menu)

    def _set_keys(self) -> None:
        for command_id, action in self._actions.items():
            command = self._known[command_id]
            keys = command.keys + (command.single if self._single_keys else ())
            action.setShortcuts([QKeySequence(key) for key in keys])


def _show_if_used(menu: QMenu) -> None:
    menu.menuAction().setVisible(any(a.isVisible() and not a.isSeparator() for a in menu.actions()))


def _menu_role(command_id: str) -> QAction.MenuRole:
    # macOS moves these into the application's own menu; it must not guess from the words.
    return {
        "app.quit": QAction.MenuRole.QuitRole,
        "app.settings": QAction.MenuRole.PreferencesRole,
        "app.about": QAction.MenuRole.AboutRole,
    }.get(command_id, QAction.MenuRole.NoRole)


def _written(shortcut: QKeySequence) -> str:
    text = shortcut.toString(QKeySequence.SequenceFormat.NativeText)
    return (
        text.lower().replace(", ", " then ")
        if "+" not in text and len(text) <= 4 and not text.startswith("F")
        else text
    )
