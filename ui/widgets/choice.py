"""Fields that look like what they are in every appearance: a list to choose from, a number to step through."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSpinBox,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)

from ui.icons import Icon, paint_icon
from ui.theme import Space, colour, set_role, tones

ARROW = 16
# The style sheet dresses every line edit; the one inside of a number field is dressed by the field around it. The small arrows are made narrow
# and not switched off: without buttons a dressed field leaves its text no room.
_NUMBER = """
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: 0; }
QSpinBox::up-arrow, QSpinBox::down-arrow { width: 0; height: 0; }
QLineEdit { border: 0; padding: 0 8px; min-height: 0; background: transparent; }
"""


class ChoiceBox(QComboBox):
    """A combo box with its arrow, which a style sheet alone cannot draw in the colours of the moment."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the arrow over the field."""
        super().paintEvent(event)
        painter = QPainter(self)
        box = QRectF(self.width() - ARROW - Space.S, (self.height() - ARROW) / 2, ARROW, ARROW)
        chosen = tones(self)
        paint_icon(painter, Icon.COLLAPSE, box, chosen.muted if self.isEnabled() else chosen.border_strong)


class CheckBox(QCheckBox):
    """A check box whose box and tick keep their contrast in every appearance."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw box and tick over the style's own."""
        super().paintEvent(event)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        place = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        box = QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5)
        chosen = tones(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = chosen.accent if self.isChecked() or self.hasFocus() else chosen.muted
        painter.setPen(QPen(colour(edge if self.isEnabled() else chosen.border_strong), 2 if self.hasFocus() else 1))
        painter.setBrush(colour(chosen.accent if self.isChecked() else chosen.surface))
        painter.drawRoundedRect(box, 3, 3)
        if self.isChecked():
            paint_icon(painter, Icon.CHECK, box.adjusted(1, 1, -1, -1), chosen.on_accent)


class NumberBox(QSpinBox):
    """A whole number between bounds, typed or stepped with the arrow keys, without the small arrows."""

    def __init__(self, low: int, high: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(low, high)
        self.setStyleSheet(_NUMBER)


class Stepper(QWidget):
    """A `NumberBox` between two buttons that are large enough to be hit. It takes the keyboard on behalf of its number."""

    def __init__(self, number: NumberBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = number
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        row.addWidget(number)
        for text, name, step in (("\u2212", "Less", number.stepDown), ("+", "More", number.stepUp)):
            button = QToolButton()
            button.setText(text)
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.setAutoRepeat(True)
            set_role(button, "icon")
            button.clicked.connect(lambda _checked=False, step=step: step())
            row.addWidget(button)
        row.addStretch(1)
        self.setFocusProxy(number)
