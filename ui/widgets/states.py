"""What a pane shows when it has nothing to list, and while it waits."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui.icons import Icon
from ui.theme import Radius, Space, colour, set_role, tones
from ui.widgets.bars import Choice, IconLabel


class EmptyState(QWidget):
    """A picture, a line, a second line, and at most three buttons, in the middle of a pane."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = IconLabel(Icon.INFO, side=40)
        self._title = QLabel()
        self._detail = QLabel()
        for label, role in ((self._title, "heading"), (self._detail, "muted")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            label.setMaximumWidth(420)
            set_role(label, role)
        self._choices = QHBoxLayout()
        self._choices.setSpacing(Space.S)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        column.setSpacing(Space.S)
        column.addStretch(2)
        column.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(Space.S)
        column.addWidget(_centred(self._title))
        column.addWidget(_centred(self._detail))
        column.addSpacing(Space.S)
        centre = QHBoxLayout()
        centre.addStretch(1)
        centre.addLayout(self._choices)
        centre.addStretch(1)
        column.addLayout(centre)
        column.addStretch(3)

    @property
    def title(self) -> str:
        """The first line shown now."""
        return self._title.text()

    def say(self, symbol: Icon, title: str, detail: str = "", choices: tuple[Choice, ...] = ()) -> None:
        """Show this in place of what was shown before."""
        self._icon.set_icon(symbol, "muted")
        self._title.setText(title)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        self.setAccessibleName(f"{title} {detail}".strip())
        while (item := self._choices.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for choice in choices:
            button = QPushButton(choice.text)
            set_role(button, choice.role)
            button.clicked.connect(lambda _checked=False, chosen=choice.chosen: chosen())
            self._choices.addWidget(button)


def _centred(label: QLabel) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addStretch(1)
    row.addWidget(label, 100)
    row.addStretch(1)
    return holder


class Skeleton(QWidget):
    """Grey bars in the place of text that is on its way; it does not move."""

    def __init__(
        self, parent: QWidget | None = None, *, lines: tuple[float, ...] = (0.92, 0.97, 0.6, 0.0, 0.95, 0.4)
    ) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setAccessibleName("Loading")

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(tones(self).hover))
        width = min(self.width() - 2 * Space.XL, 560)
        for index, share in enumerate(self._lines):
            if share > 0:
                painter.drawRoundedRect(
                    QRectF(Space.XL, Space.XL + index * 26, width * share, 12), Radius.CONTROL, Radius.CONTROL
                )


class Card(QWidget):
    """A raised frame with a heading; features put their rows into ``body``."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=False)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.M)
        column.setSpacing(Space.XS)
        self._title = QLabel(title)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self._title, "strong")
        self._title.setVisible(bool(title))
        column.addWidget(self._title)
        self.body = QVBoxLayout()
        self.body.setSpacing(Space.XS)
        column.addLayout(self.body)
        self._edge = ""

    def set_title(self, title: str) -> None:
        """Change the heading."""
        self._title.setText(title)
        self._title.setVisible(bool(title))

    def set_edge(self, edge: str) -> None:
        """Show "" for a fact, "pending" for a dashed outline, "failed" for a red edge, "drop" for a drop zone."""
        self._edge = edge
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground and outline."""
        chosen = tones(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = painter.pen()
        pen.setWidthF(1.0 if self._edge in {"", "pending"} else 2.0)
        pen.setColor(
            colour(
                {"failed": chosen.danger, "drop": chosen.accent, "pending": chosen.border_strong}.get(
                    self._edge, chosen.border
                )
            )
        )
        if self._edge in {"pending", "drop"}:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(colour(chosen.accent_soft if self._edge == "drop" else chosen.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), Radius.CARD, Radius.CARD)
