"""The one painter of list rows: two lines and a half, day headings, marks at the right edge."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from app.model.mail import Flag
from ui.icons import Icon, paint_icon
from ui.message_list.rows import PERSON_WORDS, ROW_ROLE, PersonMark, RowLook
from ui.text import LOG_STATES
from ui.theme import Radius, Space, TextSize, Tones, colour, font, px, tones

LEFT = 26
"""Where text begins: room for the unread dot before it."""
RIGHT = 14
MARK = 16
"""Side of the small pictures, in device-independent pixels."""

_PERSON_ICONS = {PersonMark.CONTACT: Icon.CONTACT, PersonMark.LEAD: Icon.LEAD, PersonMark.UNKNOWN: Icon.UNKNOWN_PERSON}
_LOG_ICONS = {"queued": Icon.QUEUED, "sending": Icon.SYNC, "logged": Icon.LOGGED, "failed": Icon.FAILED}
_LOG_TONES = {"queued": "muted", "sending": "muted", "logged": "success", "failed": "danger"}
_ONE_LINE = int(
    Qt.TextFlag.TextSingleLine
    | Qt.AlignmentFlag.AlignVCenter
    | Qt.AlignmentFlag.AlignLeft
    | Qt.AlignmentFlag.AlignAbsolute
)
_ONE_LINE_RIGHT = int(Qt.TextFlag.TextSingleLine | Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)

Index = QModelIndex | QPersistentModelIndex


def row_height() -> int:
    """Height of a row without a day heading, in device-independent pixels."""
    return px(76)


def day_height() -> int:
    """Height of a day heading."""
    return px(30)


class MessageDelegate(QStyledItemDelegate):
    """Paints `RowLook` values. Rows that are still on their way are grey bars."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fonts: dict[tuple[int, bool], tuple[QFont, QFontMetricsF]] = {}
        self._fonts_for = 0

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """The plain height; the view sets the heights itself and never asks for a million hints."""
        return QSize(200, row_height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row into ``option.rect``."""
        chosen = tones(option.widget)
        look = index.data(ROW_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # The ellipsis of a right-to-left line belongs at its left end.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        if isinstance(look, RowLook):
            rect = QRect(option.rect)
            if look.day:
                self._paint_day(painter, QRect(rect.x(), rect.y(), rect.width(), day_height()), look.day, chosen)
                rect.setTop(rect.top() + day_height())
            self._paint_ground(painter, rect, option, chosen)
            self._paint_row(painter, rect, look, chosen)
        else:
            self._paint_waiting(painter, option.rect, chosen)
        painter.restore()

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        """Words for the marks under the pointer."""
        look = index.data(ROW_ROLE)
        if event.type() is not QEvent.Type.ToolTip or not isinstance(look, RowLook):
            return super().helpEvent(event, view, option, index)
        if event.pos().x() > option.rect.right() - 3 * (MARK + Space.S):
            words = [
                PERSON_WORDS[look.person],
                LOG_STATES.get(look.message.logged, "") if look.message.logged else "",
                "Has attachments" if look.message.has_attachments else "",
                "A change waits to be sent" if look.message.pending else "",
            ]
            text = "\n".join(word for word in words if word)
        else:
            text = f"{look.message.sender.display} <{look.message.sender.address}>\n{look.subject}"
        QToolTip.showText(event.globalPos(), text, view)
        return True

    def _font(self, size: int, *, strong: bool) -> tuple[QFont, QFontMetricsF]:
        if self._fonts_for != px(100):
            self._fonts.clear()
            self._fonts_for = px(100)
        if (size, strong) not in self._fonts:
            made = font(size, strong=strong)
            self._fonts[size, strong] = (made, QFontMetricsF(made))
        return self._fonts[size, strong]

    def _paint_day(self, painter: QPainter, rect: QRect, day: str, chosen: Tones) -> None:
        small, _ = self._font(TextSize.SMALL, strong=True)
        painter.setFont(small)
        painter.setPen(colour(chosen.muted))
        painter.drawText(rect.adjusted(LEFT, Space.S, -RIGHT, 0), _ONE_LINE, day)

    def _paint_ground(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, chosen: Tones) -> None:
        state = option.state
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        is_active = option.widget.hasFocus()
        box = QRectF(rect).adjusted(Space.XS + 1, 1, -Space.XS - 1, -1)
        if is_selected or state & QStyle.StateFlag.State_MouseOver:
            ground = chosen.hover if not is_selected else (chosen.selected if is_active else chosen.selected_inactive)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(ground))
            painter.drawRoundedRect(box, Radius.CONTROL, Radius.CONTROL)
        if not is_selected:
            painter.setPen(QPen(colour(chosen.border), 1))
            painter.drawLine(
                QPointF(rect.left() + LEFT, rect.bottom() + 0.5), QPointF(rect.right() - RIGHT, rect.bottom() + 0.5)
            )
        if state & QStyle.StateFlag.State_HasFocus and is_active:
            painter.setPen(QPen(colour(chosen.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), Radius.CONTROL, Radius.CONTROL)

    def _paint_row(self, painter: QPainter, rect: QRect, look: RowLook, chosen: Tones) -> None:
        left, right = rect.left() + LEFT, rect.right() - RIGHT
        top = rect.top() + px(9)
        first, second, third = px(19), px(19), px(18)
        if look.is_unread:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(chosen.accent))
            painter.drawEllipse(QPointF(rect.left() + LEFT / 2 + 2, top + first / 2), 4, 4)
        small, small_metrics = self._font(TextSize.SMALL, strong=False)
        when_width = small_metrics.horizontalAdvance(look.when) + 2
        self._text(
            painter, QRectF(right - when_width, top, when_width, first), look.when, small, chosen.muted, at_right=True
        )
        base, base_metrics = self._font(TextSize.BASE, strong=look.is_unread)
        room = right - left - when_width - Space.S
        marks = self._before_who(look)
        x = float(left)
        for name in marks:
            paint_icon(painter, name, QRectF(x, top + (first - 14) / 2, 14, 14), chosen.muted)
            x += 14 + Space.XS
        who = base_metrics.elidedText(look.who, Qt.TextElideMode.ElideRight, room - (x - left))
        self._text(painter, QRectF(x, top, room - (x - left), first), who, base, chosen.text)

        top += first
        room = self._paint_marks(painter, right, top, second, self._line_two(look, chosen)) - left
        subject = base_metrics.elidedText(look.subject or "(no subject)", Qt.TextElideMode.ElideRight, room)
        self._text(
            painter, QRectF(left, top, room, second), subject, base, chosen.text if look.subject else chosen.muted
        )

        top += second
        room = self._paint_marks(painter, right, top, third, self._line_three(look, chosen)) - left
        snippet = small_metrics.elidedText(look.snippet, Qt.TextElideMode.ElideRight, room)
        self._text(painter, QRectF(left, top, room, third), snippet, small, chosen.muted)

    def _before_who(self, look: RowLook) -> list[Icon]:
        flags = look.message.flags
        marks = []
        if Flag.ANSWERED in flags:
            marks.append(Icon.REPLY)
        if Flag.FORWARDED in flags:
            marks.append(Icon.FORWARD)
        return marks

    def _line_two(self, look: RowLook, chosen: Tones) -> list[tuple[Icon, str]]:
        marks = []
        if look.message.has_attachments:
            marks.append((Icon.ATTACHMENT, chosen.muted))
        if look.is_flagged:
            marks.append((Icon.FLAG_ON, chosen.warning))
        if look.message.pending == "failed":
            marks.append((Icon.WARNING, chosen.danger))
        elif look.message.pending and look.message.logged not in {"queued", "sending"}:
            marks.append((Icon.CLOCK, chosen.muted))
        return marks

    def _line_three(self, look: RowLook, chosen: Tones) -> list[tuple[Icon, str]]:
        marks = []
        if look.message.logged in _LOG_ICONS:
            tone = _LOG_TONES[look.message.logged]
            marks.append((_LOG_ICONS[look.message.logged], str(getattr(chosen, tone))))
        if look.person in _PERSON_ICONS:
            is_known = look.person is not PersonMark.UNKNOWN
            marks.append((_PERSON_ICONS[look.person], chosen.accent_text if is_known else chosen.muted))
        return marks

    def _paint_marks(
        self, painter: QPainter, right: int, top: int, height: int, marks: list[tuple[Icon, str]]
    ) -> float:
        x = float(right)
        for name, value in marks:
            x -= MARK
            paint_icon(painter, name, QRectF(x, top + (height - MARK) / 2, MARK, MARK), value)
            x -= Space.XS
        return x - (Space.XS if marks else 0)

    def _text(
        self, painter: QPainter, rect: QRectF, text: str, shape: QFont, value: str, *, at_right: bool = False
    ) -> None:
        painter.setFont(shape)
        painter.setPen(colour(value))
        painter.drawText(rect, _ONE_LINE_RIGHT if at_right else _ONE_LINE, text)

    def _paint_waiting(self, painter: QPainter, rect: QRect, chosen: Tones) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(chosen.hover))
        for offset, share in ((14, 0.45), (34, 0.7), (53, 0.85)):
            width = (rect.width() - LEFT - RIGHT) * share
            painter.drawRoundedRect(QRectF(rect.left() + LEFT, rect.top() + px(offset), width, px(8)), 4, 4)
