"""The window: toolbar, panes, pages, bars, keys. It lays out what `ui.joins` puts into its places and holds no logic of any feature.

Places for features:

- ``panes.folders``, ``panes.panel`` (`FoldingPane.set_content`) and ``panes.set_mail(list, reader)``;
- ``add_page(name, widget)`` and ``show_page(name)``: a page that takes the place of list and reader (outbox, accounts, settings); Escape or
  ``show_mail()`` goes back;
- ``toolbar.add_state(widget)``: a chip or button at the right end of the toolbar;
- ``notices`` (`ui.widgets.bars.Strip`) through ``say(Words)``, and ``undo_bar.offer(text, undo)``;
- ``commands.bind(id, slot)``: what an action of `ui.commands` does;
- ``dragging(bool)`` tells that attachments or files are dragged over the window, so that drop zones can show themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import QByteArray, QEvent, QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QCursor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QApplication, QFrame, QMainWindow, QRhiWidget, QStackedWidget, QVBoxLayout, QWidget

from ui.command_palette import CommandPalette
from ui.commands import Commands
from ui.drag import PART_MIME_TYPE
from ui.icons import Icon
from ui.panes import Panes
from ui.start_page import StartPage
from ui.text import Words
from ui.theme import Space, set_role
from ui.toolbar import Toolbar
from ui.widgets.bars import Choice, Strip, UndoBar

FIRST_SIZE = (1280, 800)
LEAST_SIZE = (760, 480)
PASSING_NOTICE_MS = 6_000
DRAG_LOOK_MS = 150
"""How often it is looked whether a drag is still over the window, in milliseconds."""


class MainWindow(QMainWindow):
    """One window for one open profile. ``closed()``: the person closed it. ``dragging(bool)``: see the module.

    ``page_changed(name)``: another page is shown, "" for list and reader.
    """

    closed = Signal()
    dragging = Signal(bool)
    page_changed = Signal(str)

    def __init__(self, settings: QSettings, *, title: str = "Outrigger") -> None:
        super().__init__()
        self._settings = settings
        self._pages: dict[str, QWidget] = {}
        self._back_steps: list[Callable[[], bool]] = []
        self._pane_focus: list[Callable[[], QWidget | None]] = []
        self._focus_before: QWidget | None = None
        self._is_dragging = False
        self.setWindowTitle(title)
        self.setMinimumSize(*LEAST_SIZE)
        self.commands = Commands(self, single_keys=bool(settings.value("keys/single", True, bool)))
        has_menu_button = sys.platform != "darwin"
        self.toolbar = Toolbar(self.commands, has_menu=has_menu_button)
        self.notices = Strip(can_close=True)
        self._notice_timer = QTimer(self)
        self._notice_timer.setSingleShot(True)
        self._notice_timer.timeout.connect(self.notices.hide)
        self._sandbox_line = QFrame()
        set_role(self._sandbox_line, "sandbox_line")
        self._sandbox_line.setFixedHeight(3)
        self._sandbox_line.hide()
        self.panes = Panes(settings)
        self.panes.centre.currentChanged.connect(lambda _index: self.page_changed.emit(self.page))
        self.start_page = StartPage()
        self._shell = QWidget()
        notice_row = QVBoxLayout()
        notice_row.setContentsMargins(Space.S, Space.XS, Space.S, Space.XS)
        notice_row.addWidget(self.notices)
        self._notice_holder = QWidget()
        self._notice_holder.setLayout(notice_row)
        self._notice_holder.hide()
        self.notices.installEventFilter(self)
        column = QVBoxLayout(self._shell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._sandbox_line)
        column.addWidget(self.toolbar)
        column.addWidget(self._notice_holder)
        column.addWidget(self.panes, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start_page)
        self._stack.addWidget(self._shell)
        self.setCentralWidget(self._stack)
        self.undo_bar = UndoBar(self._shell)
        self.palette_popup = CommandPalette(self.commands, self._shell)
        self.palette_popup.closed.connect(self._on_palette_closed)
        self._drag_timer = QTimer(self)
        self._drag_timer.setSingleShot(True)
        self._drag_timer.setInterval(DRAG_LOOK_MS)
        self._drag_timer.timeout.connect(self._on_drag_timeout)
        self._fill_menus(has_menu_button)
        self._bind_own_commands()
        self._restore()
        self._prepare_surface()
        # Never a filter on the application: Python would meet objects that Qt has half built.
        self.setAcceptDrops(True)

    # Places

    def show_shell(self) -> None:
        """The profile is open: show the panes."""
        self.panes.restore()
        self._stack.setCurrentWidget(self._shell)

    def show_start_page(self) -> None:
        """The profile is not open (yet, or any more)."""
        self._stack.setCurrentWidget(self.start_page)

    def add_page(self, name: str, widget: QWidget) -> None:
        """A page that can take the place of list and reader."""
        self._pages[name] = widget
        self.panes.centre.addWidget(widget)

    def show_page(self, name: str) -> None:
        """Show a page. Raises KeyError for a name that was not added."""
        page = self._pages[name]
        self.panes.centre.setCurrentWidget(page)
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_mail(self) -> None:
        """Show list and reader."""
        self.panes.centre.setCurrentWidget(self.panes.mail)

    @property
    def page(self) -> str:
        """The name of the page that is shown, "" for list and reader."""
        current = self.panes.centre.currentWidget()
        return next((name for name, widget in self._pages.items() if widget is current), "")

    def add_pane_focus(self, focus: Callable[[], QWidget | None]) -> None:
        """Let F6 come here: the widget of a pane that takes the keyboard, None while it cannot."""
        self._pane_focus.append(focus)

    def add_back_step(self, step: Callable[[], bool]) -> None:
        """Let Escape come here, before the steps that were added earlier: true when there was something to leave."""
        self._back_steps.insert(0, step)

    def say(self, words: Words, choices: tuple[Choice, ...] = ()) -> None:
        """Show a notice. What passes by itself goes by itself."""
        self.notices.say(
            words.sentence,
            symbol=Icon.WARNING if words.needs_person else Icon.INFO,
            tone="warning" if words.needs_person else "",
            choices=choices,
        )
        if words.needs_person:
            self._notice_timer.stop()
        else:
            self._notice_timer.start(PASSING_NOTICE_MS)

    def set_sandbox(self, on: bool) -> None:
        """Tint the frame while a sandbox org is worked in."""
        self._sandbox_line.setVisible(on)

    def set_dragging(self, on: bool) -> None:
        """A drag of attachments or files began over the window, or is over."""
        self._drag_timer.stop()
        if on != self._is_dragging:
            self._is_dragging = on
            self.dragging.emit(on)

    # Qt

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window and tell that it closes."""
        self._settings.setValue("window/geometry", self.saveGeometry())
        if self._stack.currentWidget() is self._shell:
            self.panes.keep()
        self._settings.setValue("keys/single", self.commands.single_keys)
        self._settings.sync()
        super().closeEvent(event)
        self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the notice its room."""
        # Not Show: inside of a holder that is hidden the notice is never shown, only to its parent.
        if watched is self.notices and event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._notice_holder.setVisible(event.type() is QEvent.Type.ShowToParent)
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Something comes over a part of the window that takes no drops."""
        data = event.mimeData()
        if data.hasFormat(PART_MIME_TYPE) or any(url.isLocalFile() for url in data.urls()):
            self.set_dragging(True)
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Nothing can be dropped on the window itself."""
        event.ignore()

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:
        """It left the window, or went over a part that takes drops."""
        self._drag_timer.start()

    # Own actions

    def _fill_menus(self, has_menu_button: bool) -> None:
        if has_menu_button:
            self.commands.fill(self.toolbar.menu)
            shortcut = QShortcut(QKeySequence("F10"), self)
            shortcut.activated.connect(self.toolbar.open_menu)
        else:
            self.commands.fill(self.menuBar())

    def _bind_own_commands(self) -> None:
        bind = self.commands.bind
        bind("view.palette", self._on_palette_requested)
        bind("app.search", self._on_search_requested)
        bind("app.quit", self.close)
        bind("view.back", self._on_back)
        bind("view.next_pane", lambda: self._go_pane(1))
        bind("view.previous_pane", lambda: self._go_pane(-1))
        bind("view.folders", self.panes.show_folders)
        bind("view.panel", self.panes.show_panel)
        bind("edit.undo", self.undo_bar.undo)
        bind("view.single_keys", self.commands.use_single_keys).setChecked(self.commands.single_keys)
        self.panes.folded_changed.connect(self._on_folded_changed)
        self._on_folded_changed()
        self.toolbar.search.left.connect(lambda: self._go_pane_index(1))

    def _on_folded_changed(self) -> None:
        self.commands.action("view.folders").setChecked(not self.panes.folders.is_folded)
        self.commands.action("view.panel").setChecked(not self.panes.panel.is_folded)

    def _on_palette_requested(self) -> None:
        self._focus_before = self.focusWidget()
        self.palette_popup.open()

    def _on_palette_closed(self) -> None:
        if self._focus_before is not None and self._focus_before.isVisible():
            self._focus_before.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_search_requested(self) -> None:
        self.toolbar.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.toolbar.search.selectAll()

    def _on_back(self) -> None:
        if any(step() for step in self._back_steps):
            return
        if self.page:
            self.show_mail()
        self._go_pane_index(1)

    def _go_pane(self, by: int) -> None:
        widgets = [focus() for focus in self._pane_focus]
        present = [w for w in widgets if w is not None and w.isVisible()]
        if not present:
            return
        focused = QApplication.focusWidget()
        at = next(
            (i for i, w in enumerate(present) if focused is not None and (w is focused or w.isAncestorOf(focused))), -1
        )
        present[(at + by) % len(present)].setFocus(Qt.FocusReason.TabFocusReason)

    def _go_pane_index(self, index: int) -> None:
        if index < len(self._pane_focus):
            widget = self._pane_focus[index]()
            if widget is not None and widget.isVisible():
                widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _prepare_surface(self) -> None:
        # The HTML engine paints through the graphics card. Told of it only at the first HTML mail, Qt would make the native window anew before
        # the person's eyes; an unseen widget of that kind tells it now, without loading the engine.
        if QGuiApplication.platformName() not in ("offscreen", "minimal"):
            unseen = QRhiWidget(self)
            unseen.setFixedSize(1, 1)
            unseen.hide()

    def _restore(self) -> None:
        geometry = self._settings.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(*FIRST_SIZE)

    def _on_drag_timeout(self) -> None:
        # A part of the window that takes drops does not tell us when the drag leaves it.
        if self._is_dragging and self.frameGeometry().contains(QCursor.pos()):
            self._drag_timer.start()
        else:
            self.set_dragging(False)
