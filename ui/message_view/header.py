"""The head of a message: subject, people and time, actions; every header field on demand."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.model.mail import Address, Flag
from ui.icons import Icon, icon
from ui.message_view.looks import MessageLook
from ui.text import full_time, one_line, people
from ui.theme import Space, TextSize, set_role
from ui.widgets.flow import FlowLayout
from ui.widgets.labels import ElidedLabel, WrappedLabel

ADDRESSES_SHOWN = 40
"""More recipients than this are counted, not listed."""


class MessageHeader(QFrame):
    """Shows one message's head. Its buttons are the window's actions (`set_actions`)."""

    sender_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.subject = WrappedLabel(size=TextSize.TITLE, lines=2)
        self._from = ElidedLabel(role="strong")
        self._from.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._to = ElidedLabel(role="muted")
        self._time = QLabel()
        set_role(self._time, "small")
        self._more = QToolButton()
        self._more.setIcon(icon(Icon.DETAILS))
        self._more.setIconSize(QSize(16, 16))
        self._more.setCheckable(True)
        self._more.setToolTip("Show all addresses and dates")
        self._more.setAccessibleName("Details of the message")
        set_role(self._more, "icon")
        self._more.toggled.connect(self._on_more_toggled)
        people_row = QHBoxLayout()
        people_row.setSpacing(Space.XS)
        people_row.addWidget(self._from, 0)
        people_row.addWidget(self._to, 1)
        people_row.addWidget(self._more)
        people_row.addSpacing(Space.XS)
        people_row.addWidget(self._time)
        self._details = QWidget()
        self._form = QFormLayout(self._details)
        self._form.setContentsMargins(0, Space.XS, 0, Space.XS)
        self._form.setHorizontalSpacing(Space.M)
        self._form.setVerticalSpacing(Space.XS)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self._details.hide()
        holder = QWidget()
        self._buttons = FlowLayout(holder, Space.XS)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.L, Space.XS)
        column.setSpacing(Space.S)
        column.addWidget(self.subject)
        column.addLayout(people_row)
        column.addWidget(self._details)
        column.addWidget(holder)
        self._look: MessageLook | None = None

    def set_actions(self, shown: list[QAction], more: list[QAction]) -> None:
        """The buttons of the action row: ``shown`` with words, ``more`` in a menu behind three dots."""
        for action in shown:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setIconSize(QSize(16, 16))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            set_role(button, "action")
            if not action.isVisible():
                button.hide()
            action.changed.connect(lambda button=button, action=action: button.setVisible(action.isVisible()))
            self._buttons.addWidget(button)
        if more:
            button = QToolButton()
            button.setIcon(icon(Icon.MORE, "text"))
            button.setIconSize(QSize(16, 16))
            button.setToolTip("More actions")
            button.setAccessibleName("More actions")
            set_role(button, "icon")
            menu = QMenu(button)
            menu.addActions(more)
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            self._buttons.addWidget(button)

    def show_message(self, look: MessageLook) -> None:
        """Show another message's head, or the same one again after its flags changed."""
        is_other = self._look is None or self._look.message_id != look.message_id
        self._look = look
        envelope = look.content.envelope
        self.subject.set_text(one_line(envelope.subject) or "(no subject)")
        sender = envelope.from_[0] if envelope.from_ else Address("", "")
        self._from.set_text(one_line(sender.display, 200) or "(no sender)")
        self._from.setToolTip(sender.address)
        recipients = people(envelope.to + envelope.cc, look.own)
        flagged = "   ⚑" if look.row is not None and Flag.FLAGGED in look.row.flags else ""
        self._to.set_text((f"→  {recipients}" if recipients else "") + flagged)
        self._time.setText(full_time(envelope.date))
        if is_other:
            self._more.setChecked(False)
        if self._more.isChecked():
            self._fill_details()

    def _on_more_toggled(self, checked: bool) -> None:
        if checked:
            self._fill_details()
        self._details.setVisible(checked)

    def _fill_details(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        if self._look is None:
            return
        envelope = self._look.content.envelope
        for name, addresses in (
            ("From", envelope.from_),
            ("Reply to", envelope.reply_to if envelope.reply_to != envelope.from_ else ()),
            ("To", envelope.to),
            ("Cc", envelope.cc),
            ("Bcc", envelope.bcc),
        ):
            if addresses:
                self._add_row(name, _listed(addresses))
        self._add_row("Date", full_time(envelope.date))
        if envelope.message_id:
            self._add_row("Message-ID", one_line(envelope.message_id, 300))

    def _add_row(self, name: str, value: str) -> None:
        label = QLabel(name)
        set_role(label, "small")
        text = QLabel(value)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        text.setMinimumWidth(80)
        text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._form.addRow(label, text)


def _listed(addresses: tuple[Address, ...]) -> str:
    lines = [
        f"{one_line(a.name, 200)} <{one_line(a.address, 320)}>" if a.name else one_line(a.address, 320)
        for a in addresses[:ADDRESSES_SHOWN]
    ]
    if len(addresses) > ADDRESSES_SHOWN:
        lines.append(f"and {len(addresses) - ADDRESSES_SHOWN} more")
    return "\n".join(lines)
