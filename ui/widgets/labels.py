"""Text on one line that never widens its pane, and the small marks beside it."""

from __future__ import annotations

import html

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ui.theme import Space, TextSize, colour, font, px, set_role, tones


def plain_tip(text: str) -> str:
    """A tooltip that says the text as it is: Qt would read what looks like markup, and load what it names."""
    return f"<qt>{html.escape(text)}</qt>" if text else ""


class ElidedLabel(QLabel):
    """One line of plain text that is cut with an ellipsis; the whole text is its tooltip while it is cut.

    ``mode`` is where the ellipsis goes.
    """

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        role: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(parent)
        self._full = ""
        self._mode = mode
        # Mail and records are shown as they are, never as markup.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if role:
            set_role(self, role)
        self.set_text(text)

    @property
    def full_text(self) -> str:
        """The text before it was cut."""
        return self._full

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._full = text
        self.setAccessibleName(text)
        # Cut to nothing the label would not ask for room by itself.
        self.updateGeometry()
        self._cut()

    def sizeHint(self) -> QSize:
        """As wide as the whole text, as high as a line."""
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 2, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        """No least width: the pane decides."""
        return QSize(0, self.fontMetrics().height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut anew."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, self._mode, max(0, self.width()))
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(plain_tip(self._full) if shown != self._full else "")


class Badge(QWidget):
    """A count in a pill; hidden at nought. ``tone`` is "accent", "muted", "warning" or "danger"."""

    def __init__(self, parent: QWidget | None = None, *, tone: str = "muted") -> None:
        super().__init__(parent)
        self._text = ""
        self._tone = tone
        self.hide()

    def set_text(self, text: str, tone: str | None = None) -> None:
        """Show a short text, or nothing for ""."""
        self._text = text
        self._tone = tone or self._tone
        self.setAccessibleName(text)
        if text and self.parentWidget() is None:
            # Shown now it would be a window of its own for a moment; it is shown with its parent.
            self.setAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide, on=False)
            self.setAttribute(Qt.WidgetAttribute.WA_WState_Hidden, on=False)
        else:
            self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the text and its rounding."""
        metrics = self.fontMetrics()
        return QSize(max(px(18), metrics.horizontalAdvance(self._text) + 2 * Space.S), px(18))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the pill."""
        painter = QPainter(self)
        paint_pill(painter, QRectF(self.rect()), self._text, *pill_colours(self, self._tone))


def pill_colours(widget: QWidget, tone: str) -> tuple[str, str]:
    """Ground and text of a pill."""
    chosen = tones(widget)
    return {
        "accent": (chosen.accent_soft, chosen.accent_text),
        "danger": (chosen.danger_soft, chosen.danger),
        "warning": (chosen.warning_soft, chosen.warning),
        "success": (chosen.success_soft, chosen.success),
        "sandbox": (chosen.sandbox, chosen.on_sandbox),
    }.get(tone, (chosen.selected_inactive, chosen.muted))


def paint_pill(painter: QPainter, rect: QRectF, text: str, ground: str, ink: str) -> None:
    """Draw a rounded ground with a small centred text."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(ground))
    radius = rect.height() / 2
    painter.drawRoundedRect(rect, radius, radius)
    painter.setFont(font(TextSize.SMALL, strong=True))
    painter.setPen(colour(ink))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


class Avatar(QWidget):
    """A person's initials on a disc whose colour follows from the address."""

    def __init__(self, parent: QWidget | None = None, *, side: int = 36) -> None:
        super().__init__(parent)
        self._text = ""
        self._hue = 0
        self._side = side
        self.setFixedSize(side, side)

    def set_person(self, initials: str, key: str) -> None:
        """Show initials; ``key`` (an address or record id) chooses the colour."""
        self._text = initials
        self._hue = sum((index + 1) * ord(c) for index, c in enumerate(key.lower()[:60])) * 47 % 360
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the disc."""
        chosen = tones(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = colour(chosen.window).toHsl()
        ground.setHsl(self._hue, 90 if chosen.is_dark else 110, 70 if chosen.is_dark else 215)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawEllipse(self.rect())
        painter.setFont(font(TextSize.LARGE if self._side >= 40 else TextSize.BASE, strong=True))
        painter.setPen(colour(chosen.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)


class WrappedLabel(QWidget):
    """Plain text on at most ``lines`` lines, the last one cut with an ellipsis; the whole text is its tooltip while it is cut."""

    def __init__(
        self, parent: QWidget | None = None, *, size: int = TextSize.TITLE, strong: bool = True, lines: int = 2
    ) -> None:
        super().__init__(parent)
        self._text = ""
        self._size = size
        self._strong = strong
        self._lines = lines
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._text = text
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        """The narrower, the more lines."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The lines that the text takes, at most the ones allowed."""
        return max(1, len(self._broken(width)[0])) * self._line_height()

    def sizeHint(self) -> QSize:
        """As it is in its width of the moment."""
        return QSize(200, self.heightForWidth(max(1, self.width())))

    def minimumSizeHint(self) -> QSize:
        """One line."""
        return QSize(0, self._line_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The number of lines may change."""
        super().resizeEvent(event)
        self.setToolTip(plain_tip(self._text) if self._broken(self.width())[1] else "")
        self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setFont(font(self._size, strong=self._strong))
        painter.setPen(colour(tones(self).text))
        height = self._line_height()
        for number, line in enumerate(self._broken(self.width())[0]):
            painter.drawText(
                QRectF(0, number * height, self.width(), height),
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine),
                line,
            )

    def _line_height(self) -> int:
        return round(px(self._size) * 1.35)

    def _broken(self, width: int) -> tuple[list[str], bool]:
        shape = font(self._size, strong=self._strong)
        layout = QTextLayout(self._text, shape)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        metrics = QFontMetricsF(shape)
        lines: list[str] = []
        is_cut = False
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(1, width))
            start, length = line.textStart(), line.textLength()
            if len(lines) == self._lines - 1 and start + length < len(self._text):
                lines.append(metrics.elidedText(self._text[start:], Qt.TextElideMode.ElideRight, width))
                is_cut = True
                break
            lines.append(self._text[start : start + length].rstrip())
        layout.endLayout()
        return lines, is_cut
