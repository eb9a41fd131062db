"""Strips that speak without a dialog: notices, undo, questions in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from ui.icons import Icon, icon, paint_icon
from ui.theme import Space, set_role, tones

UNDO_MS = 6_000
"""How long an undo bar stays, in milliseconds."""


def announce(widget: QWidget, message: str) -> None:
    """Have a screen reader say something now."""
    if message and QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, message))


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of a strip. ``role`` is a button role of the style sheet."""

    text: str
    chosen: Callable[[], object]
    role: str = "quiet"


class IconLabel(QWidget):
    """A picture as a label. ``tone`` is a tone of `ui.theme.Tones`."""

    def __init__(self, name: Icon, tone: str = "muted", side: int = 16, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._tone = tone
        self.setFixedSize(side, side)

    def set_icon(self, name: Icon, tone: str) -> None:
        """Show another picture."""
        self._name = name
        self._tone = tone
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it in the colours of the moment."""
        painter = QPainter(self)
        paint_icon(painter, self._name, QRectF(self.rect()), str(getattr(tones(self), self._tone)))


class Strip(QFrame):
    """One line: picture, text that wraps, buttons, and a cross when it can be put away. ``tone`` is "", "warning", "danger" or "success"."""

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None, *, can_close: bool = False) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(Space.M, Space.XS, Space.S, Space.XS)
        self._grid.setHorizontalSpacing(Space.S)
        self._grid.setVerticalSpacing(Space.XS)
        self._grid.setColumnStretch(1, 1)
        self._icon = IconLabel(Icon.INFO)
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._label.setMinimumWidth(0)
        self._buttons = QWidget()
        self._choices = QHBoxLayout(self._buttons)
        self._choices.setContentsMargins(0, 0, 0, 0)
        self._choices.setSpacing(Space.XS)
        self._close = QToolButton()
        self._close.setIcon(icon(Icon.CLOSE))
        self._close.setIconSize(QSize(16, 16))
        self._close.setAccessibleName("Close this notice")
        set_role(self._close, "icon")
        self._close.clicked.connect(self._on_close_clicked)
        if not can_close:
            self._close.hide()
        self._grid.addWidget(self._icon, 0, 0, Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(self._label, 0, 1)
        self._grid.addWidget(self._buttons, 0, 2)
        self._grid.addWidget(self._close, 0, 3, Qt.AlignmentFlag.AlignTop)
        self._is_stacked = False
        self.setMinimumHeight(36)
        self.hide()

    @property
    def text(self) -> str:
        """What it says now."""
        return self._label.text()

    def say(self, text: str, *, symbol: Icon = Icon.INFO, tone: str = "", choices: tuple[Choice, ...] = ()) -> None:
        """Show a text with buttons, in place of what was shown before."""
        set_role(self, f"{tone}_strip" if tone else "strip")
        set_role(self._label, tone)
        self._icon.set_icon(symbol, tone or "muted")
        self._label.setText(text)
        self.setAccessibleName(text)
        while (item := self._choices.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for choice in choices:
            button = QPushButton(choice.text)
            set_role(button, choice.role)
            button.clicked.connect(lambda _checked=False, chosen=choice.chosen: chosen())
            self._choices.addWidget(button)
        self._buttons.setVisible(bool(choices))
        self._arrange()
        self.show()
        announce(self, text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Buttons go below the text where they would squeeze it."""
        super().resizeEvent(event)
        self._arrange()

    def button(self, text: str) -> QPushButton | None:
        """The button of that text, while it is shown."""
        found = (self._choices.itemAt(i) for i in range(self._choices.count()))
        buttons = (item.widget() for item in found if item is not None)
        return next((b for b in buttons if isinstance(b, QPushButton) and b.text() == text), None)

    def _arrange(self) -> None:
        text = self._label.fontMetrics().horizontalAdvance(self._label.text())
        room = self.width() - self._buttons.sizeHint().width() - 96
        is_stacked = not self._buttons.isHidden() and text > room and room < 360
        if is_stacked != self._is_stacked:
            self._is_stacked = is_stacked
            self._grid.removeWidget(self._buttons)
            if is_stacked:
                self._grid.addWidget(self._buttons, 1, 1, 1, 2, Qt.AlignmentFlag.AlignLeft)
            else:
                self._grid.addWidget(self._buttons, 0, 2)
            self.updateGeometry()

    def _on_close_clicked(self) -> None:
        self.hide()
        self.dismissed.emit()


class UndoBar(Strip):
    """Says what was done and offers to take it back for six seconds; floats at the bottom left of its parent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, can_close=True)
        self._undo: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(UNDO_MS)
        self._timer.timeout.connect(self._expire)
        self.dismissed.connect(self._expire)
        parent.installEventFilter(self)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back now."""
        return self._undo is not None

    def offer(self, text: str, undo: Callable[[], object]) -> None:
        """Say ``text``; ``undo`` is called at most once."""
        self._undo = undo
        self.say(text, symbol=Icon.CHECK, choices=(Choice("Undo", self.undo, "accent"),))
        set_role(self, "popup")
        self._place()
        self.raise_()
        self._timer.start()

    def undo(self) -> None:
        """Take the last thing back, if its time is not over."""
        undo, self._undo = self._undo, None
        self._timer.stop()
        self.hide()
        if undo is not None:
            undo()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner when the window changes its size."""
        if watched is self.parent() and event.type() is QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape puts it away."""
        if event.key() == Qt.Key.Key_Escape:
            self._on_close_clicked()
        else:
            super().keyPressEvent(event)

    def _expire(self) -> None:
        self._undo = None
        self._timer.stop()
        self.hide()

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is None:
            return
        width = min(420, parent.width() - 2 * Space.L)
        height = max(44, self.heightForWidth(width) if self.hasHeightForWidth() else self.sizeHint().height())
        self.setGeometry(Space.L, parent.height() - height - Space.L, width, height)
