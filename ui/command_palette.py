"""Ctrl+K: every action that can be used now, found by typing, with its shortcut beside it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGraphicsDropShadowEffect,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ui.commands import Command, Commands
from ui.icons import paint_icon
from ui.theme import Radius, Space, TextSize, colour, font, px, set_role, tones

COMMAND_ROLE = int(Qt.ItemDataRole.UserRole)
KEYS_ROLE = int(Qt.ItemDataRole.UserRole) + 1

WIDTH = 520
ROWS_SHOWN = 10


class CommandPalette(QFrame):
    """A frame over the window. ``closed`` tells that it was put away, so that the focus can go back."""

    closed = Signal()

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        set_role(self, "popup")
        self._commands = commands
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type what you want to do")
        self.field.setAccessibleName("Find an action")
        self.field.textChanged.connect(self._fill)
        self.field.installEventFilter(self)
        self._rows = QStandardItemModel(self)
        self.list = QListView()
        set_role(self.list, "popup_list")
        self.list.setModel(self._rows)
        self.list.setItemDelegate(_PaletteDelegate(self.list))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName("Actions")
        self.list.clicked.connect(self._run)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(self.field)
        column.addWidget(self.list)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(32)
        shadow.setOffset(0, 8)
        shadow.setColor(colour("#000000", 0.35))
        self.setGraphicsEffect(shadow)
        self.hide()
        parent.installEventFilter(self)

    def open(self) -> None:
        """Show it with all actions."""
        self.field.clear()
        self._fill("")
        self._place()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def close_palette(self) -> None:
        """Put it away."""
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows, Enter and Escape while typing; a click elsewhere puts it away."""
        if watched is self.field and event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._on_key(event)
        if watched is self.field and event.type() is QEvent.Type.FocusOut and self.isVisible():
            self.close_palette()
        if watched is self.parent() and event.type() is QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        row = self.list.currentIndex().row()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if key == Qt.Key.Key_Down else -1
            if self._rows.rowCount():
                self.list.setCurrentIndex(self._rows.index((row + step) % self._rows.rowCount(), 0))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.list.currentIndex())
            return True
        if key == Qt.Key.Key_Escape:
            self.close_palette()
            return True
        return False

    def _run(self, index: QModelIndex) -> None:
        command = index.data(COMMAND_ROLE)
        if isinstance(command, Command):
            self.close_palette()
            self._commands.action(command.command_id).trigger()

    def _fill(self, text: str) -> None:
        words = text.casefold().split()
        self._rows.clear()
        fitting = [
            (fit, command, action)
            for command, action in self._commands.offered()
            if command.command_id != "view.palette" and (fit := how_well(words, command, action.text())) is not None
        ]
        for _fit, command, action in sorted(fitting, key=lambda found: found[0]):
            item = QStandardItem(action.text())
            item.setData(command, COMMAND_ROLE)
            item.setData(self._commands.keys_in_words(command.command_id), KEYS_ROLE)
            item.setAccessibleText(f"{action.text()}, {self._commands.keys_in_words(command.command_id)}")
            self._rows.appendRow(item)
        if self._rows.rowCount():
            self.list.setCurrentIndex(self._rows.index(0, 0))

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            width = min(px(WIDTH), parent.width() - 2 * Space.L)
            height = min(px(34) * ROWS_SHOWN + px(60), parent.height() - 2 * Space.XL)
            self.setGeometry((parent.width() - width) // 2, min(80, parent.height() // 8), width, height)


def how_well(words: list[str], command: Command, text: str) -> int | None:
    """How well an action fits what was typed (lower is better), None when it does not.

    Best is the beginning of the text, then beginnings of words, then anything inside; ``words`` are in lower case.
    """
    haystack = f"{text} {command.menu}".casefold()
    if not all(word in haystack for word in words):
        return None
    if not words or haystack.startswith(words[0]):
        return 0
    starts = haystack.split()
    return 1 if all(any(start.startswith(word) for start in starts) for word in words) else 2


class _PaletteDelegate(QStyledItemDelegate):
    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(100, px(34))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        command = index.data(COMMAND_ROLE)
        if not isinstance(command, Command):
            return
        chosen = tones(option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(1, 1, -1, -1)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(chosen.selected))
            painter.drawRoundedRect(box, Radius.CONTROL, Radius.CONTROL)
        left = box.left() + Space.S
        if command.symbol is not None:
            paint_icon(painter, command.symbol, QRectF(left, box.center().y() - 8, 16, 16), chosen.muted)
        left += 16 + Space.S
        keys = str(index.data(KEYS_ROLE))
        painter.setFont(font(TextSize.SMALL))
        width = painter.fontMetrics().horizontalAdvance(keys) + 2
        painter.setPen(colour(chosen.muted))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(box.right() - Space.S - width, box.top(), width, box.height()), middle, keys)
        painter.setFont(font())
        painter.setPen(colour(chosen.text))
        room = box.right() - width - 2 * Space.S - left
        text = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, round(room))
        painter.drawText(QRectF(left, box.top(), room, box.height()), middle, text)
        painter.restore()
