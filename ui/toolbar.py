"""The bar at the top: write, search, and at its right end whatever tells a state."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from ui.commands import Commands
from ui.icons import Icon, icon
from ui.theme import Space, set_role

SEARCH_AFTER_MS = 250
"""Typing that pauses this long is searched for."""


class SearchField(QLineEdit):
    """``searched(words)`` while typing pauses and at Enter; "" when it was emptied. ``left()`` at Escape or the arrow down."""

    searched = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Search all mail")
        self.setAccessibleName("Search all mail")
        self.setClearButtonEnabled(True)
        self._picture = QAction(icon(Icon.SEARCH), "", self)
        self.addAction(self._picture, QLineEdit.ActionPosition.LeadingPosition)
        self.setMaximumWidth(560)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SEARCH_AFTER_MS)
        self._timer.timeout.connect(self._search)
        self._last = ""
        self.textEdited.connect(lambda _text: self._timer.start())
        self.textChanged.connect(lambda text: None if text else self._search())
        self.returnPressed.connect(self._search)

    def forget(self) -> None:
        """Empty it without a search."""
        self._timer.stop()
        self._last = ""
        self.blockSignals(True)
        self.clear()
        self.blockSignals(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape empties it and goes back; down goes to the results."""
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
            self.left.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Escape is ours before it is the window's "back"."""
        is_override = event.type() is QEvent.Type.ShortcutOverride
        if is_override and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def _search(self) -> None:
        self._timer.stop()
        words = self.text().strip()
        if words != self._last:
            self._last = words
            self.searched.emit(words)


class Toolbar(QFrame):
    """Menu, Write, search, and a row of states (`add_state`)."""

    def __init__(self, commands: Commands, *, has_menu: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "toolbar")
        self.search = SearchField()
        self._menu_button = QToolButton()
        self._menu_button.setIcon(icon(Icon.MENU, "text"))
        self._menu_button.setIconSize(QSize(20, 20))
        self._menu_button.setToolTip("Menu (F10)")
        self._menu_button.setAccessibleName("Menu")
        set_role(self._menu_button, "icon")
        self.menu = QMenu(self._menu_button)
        self._menu_button.setMenu(self.menu)
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        if not has_menu:
            self._menu_button.hide()
        self.write = QToolButton()
        self.write.setText("Write")
        self.write.setIcon(icon(Icon.WRITE, "on_accent"))
        self.write.setIconSize(QSize(16, 16))
        self.write.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        set_role(self.write, "primary")
        action = commands.action("mail.write")
        self.write.clicked.connect(action.trigger)
        action.changed.connect(lambda: self._follow(action))
        self._follow(action)
        self._states = QHBoxLayout()
        self._states.setSpacing(Space.S)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        row.setSpacing(Space.S)
        row.addWidget(self._menu_button)
        row.addWidget(self.write)
        row.addSpacing(Space.S)
        row.addWidget(self.search, 10)
        row.addStretch(1)
        row.addLayout(self._states)
        self.installEventFilter(self)

    def add_state(self, widget: QWidget) -> None:
        """Put something at the right end."""
        self._states.addWidget(widget)

    def open_menu(self) -> None:
        """Open the menu by the keyboard."""
        self._menu_button.showMenu()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A narrow bar shows Write as a picture."""
        if watched is self and event.type() is QEvent.Type.Resize:
            is_narrow = self.width() < 700
            style = Qt.ToolButtonStyle
            self.write.setToolButtonStyle(style.ToolButtonIconOnly if is_narrow else style.ToolButtonTextBesideIcon)
        return super().eventFilter(watched, event)

    def _follow(self, action: QAction) -> None:
        self.write.setVisible(action.isVisible())
        self.write.setEnabled(action.isEnabled())
        self.write.setToolTip(action.text())
