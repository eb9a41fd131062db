"""Plain text as it came: one column, links that can be clicked, quotations quieter. No HTML is ever made of it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent, QResizeEvent, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from ui.message_view.links import urls_in
from ui.theme import READING_WIDTH, Space, TextSize, colour, font, px, set_role, tones

LOOKED_THROUGH_CHARS = 4_000
"""Longest line that is searched for links."""


class PlainBody(QPlainTextEdit):
    """Read-only text. ``link_hovered(url)`` ("" when it ends), ``link_activated(url)``."""

    link_hovered = Signal(str)
    link_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "reading")
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName("Message text")
        self.viewport().setMouseTracking(True)
        self.document().setDocumentMargin(0)
        self._lines = _Lines(self.document(), self)
        self._hovered = ""
        self._pressed = QPoint()
        self._fit()

    def show_text(self, text: str) -> None:
        """Show a text from its beginning."""
        self.setFont(font(TextSize.BASE))
        self.setPlainText(text)
        self.verticalScrollBar().setValue(0)

    def link_at(self, position: QPoint) -> str:
        """The link under a point of the viewport, "" for none."""
        cursor = self.cursorForPosition(position)
        block = cursor.block()
        line = block.text()
        if len(line) > LOOKED_THROUGH_CHARS or not self._is_on_text(position):
            return ""
        at = cursor.positionInBlock()
        return next((url for start, end, url in urls_in(line) if start <= at <= end), "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column."""
        self._fit()
        super().resizeEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell the link under the pointer."""
        super().mouseMoveEvent(event)
        self._hover(self.link_at(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a click began."""
        self._pressed = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click that selects nothing follows a link."""
        super().mouseReleaseEvent(event)
        here = event.position().toPoint()
        is_click = (here - self._pressed).manhattanLength() < 4 and not self.textCursor().hasSelection()
        if event.button() == Qt.MouseButton.LeftButton and is_click and (url := self.link_at(here)):
            self.link_activated.emit(url)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._hover("")

    def changeEvent(self, event: QEvent) -> None:
        """Colours follow light and dark."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and hasattr(self, "_lines"):
            self._lines.rehighlight()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """No blinking cursor in a text that cannot be written."""
        super().focusInEvent(event)
        self.setCursorWidth(0)

    def _hover(self, url: str) -> None:
        if url != self._hovered:
            self._hovered = url
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if url else Qt.CursorShape.IBeamCursor)
            self.link_hovered.emit(url)

    def _is_on_text(self, position: QPoint) -> bool:
        cursor = self.cursorForPosition(position)
        box = self.cursorRect(cursor)
        return box.top() <= position.y() <= box.bottom() and abs(box.center().x() - position.x()) <= box.height() * 2

    def _fit(self) -> None:
        right = max(int(Space.XL), self.width() - Space.XL - px(READING_WIDTH))
        self.setViewportMargins(Space.XL, Space.XS, right, 0)


class _Lines(QSyntaxHighlighter):
    def __init__(self, document: QTextDocument, body: PlainBody) -> None:
        super().__init__(document)
        self._body = body

    def highlightBlock(self, text: str) -> None:
        """Quotations in a quieter tone, links underlined."""
        chosen = tones(self._body)
        if text.lstrip().startswith(">"):
            quiet = QTextCharFormat()
            quiet.setForeground(colour(chosen.muted))
            self.setFormat(0, len(text), quiet)
        if len(text) <= LOOKED_THROUGH_CHARS:
            link = QTextCharFormat()
            link.setForeground(colour(chosen.accent_text))
            link.setFontUnderline(True)
            for start, end, _url in urls_in(text):
                self.setFormat(start, end - start, link)
