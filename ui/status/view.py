"""The chip of the org and the button of the outbox."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId
from ui.icons import Icon, icon
from ui.status.model import Traffic
from ui.text import one_line
from ui.theme import Space, TextSize, colour, font, px, set_role, tones
from ui.widgets.bars import announce
from ui.widgets.labels import paint_pill, pill_colours

CHIP_WIDTH = 220
"""Widest org chip, in device-independent pixels."""


class OrgChip(QToolButton):
    """The org that is worked in: a dot, its name, SANDBOX on amber where it is one. A menu changes it where there are several."""

    login_chosen = Signal(object)
    sign_in_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "chip")
        self._login: CrmLogin | None = None
        self._menu = QMenu(self)
        self.clicked.connect(self._on_clicked)
        self.set_logins([], None)

    def set_logins(self, logins: list[CrmLogin], current: CrmLoginId | None) -> None:
        """Show the current login; offer the others."""
        self._login = next((login for login in logins if login.login_id == current), None)
        self._menu.clear()
        group = QActionGroup(self._menu)
        for login in logins:
            action = QAction(self._name(login), self._menu, checkable=True, checked=login.login_id == current)
            action.triggered.connect(lambda _checked=False, login_id=login.login_id: self.login_chosen.emit(login_id))
            group.addAction(action)
            self._menu.addAction(action)
        self.setVisible(bool(logins))
        if self._login is not None:
            state = "Sign in again to reach it." if self._login.needs_sign_in else self._login.username
            self.setToolTip(f"{self._name(self._login)}\n{state}")
            self.setAccessibleName(f"Salesforce org {self._name(self._login)}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Dot, name and pill, up to `CHIP_WIDTH`."""
        if self._login is None:
            return QSize(0, 28)
        width = (
            Space.M + 8 + Space.S + self.fontMetrics().horizontalAdvance(one_line(self._login.org_name, 80)) + Space.M
        )
        return QSize(min(px(CHIP_WIDTH), width + (self._pill_width() + Space.S if self._login.is_sandbox else 0)), 28)

    def minimumSizeHint(self) -> QSize:
        """It may shrink to its dot and a few letters."""
        return QSize(min(self.sizeHint().width(), px(90)), 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame of a chip, then its parts."""
        super().paintEvent(event)
        if self._login is None:
            return
        chosen = tones(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, right = float(Space.M), self.width() - Space.S
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(
            colour(
                chosen.warning
                if self._login.needs_sign_in
                else chosen.sandbox
                if self._login.is_sandbox
                else chosen.accent
            )
        )
        painter.drawEllipse(QRectF(left, self.height() / 2 - 4, 8, 8))
        left += 8 + Space.S
        if self._login.is_sandbox:
            width = self._pill_width()
            box = QRectF(right - width, self.height() / 2 - 9, width, 18)
            paint_pill(painter, box, "SANDBOX", *pill_colours(self, "sandbox"))
            right -= round(width + Space.S)
        painter.setFont(font())
        painter.setPen(colour(chosen.text))
        name = painter.fontMetrics().elidedText(
            one_line(self._login.org_name, 80), Qt.TextElideMode.ElideRight, round(right - left)
        )
        painter.drawText(QRectF(left, 0, right - left, self.height()), int(Qt.AlignmentFlag.AlignVCenter), name)

    def _pill_width(self) -> int:
        painter_font = font(TextSize.SMALL, strong=True)
        return round(len("SANDBOX") * painter_font.pixelSize() * 0.78) + Space.M

    def _name(self, login: CrmLogin) -> str:
        suffix = " (sandbox)" if login.is_sandbox else ""
        return f"{one_line(login.org_name or login.username, 80)}{suffix}"

    def _on_clicked(self) -> None:
        if self._login is not None and self._login.needs_sign_in:
            self.sign_in_requested.emit()
        elif len(self._menu.actions()) > 1:
            self._menu.popup(self.mapToGlobal(self.rect().bottomLeft()))


class TrafficButton(QToolButton):
    """What waits, in words: quiet when nothing does, grey offline, colour only when it needs the person."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "quiet")
        self.setIconSize(QSize(16, 16))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._words = ""
        self.set_traffic(Traffic(True, False, 0, 0, 0, ""))

    def set_traffic(self, traffic: Traffic) -> None:
        """Show a state of the outbox, and have it said when it changed."""
        symbol = Icon.OUTBOX if traffic.is_online else Icon.OFFLINE
        tone = "muted"
        if traffic.failed:
            symbol, tone = Icon.FAILED, "danger"
        elif traffic.paused:
            symbol, tone = Icon.KEY, "warning"
        elif traffic.open and traffic.is_online:
            symbol = Icon.SYNC
        self.setIcon(icon(symbol, tone))
        self.setText(f" {traffic.words}" if traffic.words else "")
        set_role(self, "quiet" if traffic.words else "icon")
        self.setToolTip("Outbox: " + (traffic.words or "nothing is waiting"))
        self.setAccessibleName(self.toolTip())
        if traffic.words != self._words:
            self._words = traffic.words
            announce(self, self.toolTip())
        self.updateGeometry()
