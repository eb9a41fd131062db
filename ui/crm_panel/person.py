"""Who wrote: the head of the panel, and the other people of the mail below it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.model.mail import Address
from app.model.operation import OperationState
from ui.crm_panel.cards import LEFT, record_icon
from ui.crm_panel.model import PanelStatus, PersonEntry
from ui.icons import Icon, icon
from ui.text import initials, one_line
from ui.theme import Space, set_role
from ui.widgets.labels import Avatar, Badge, ElidedLabel, plain_tip


class PersonHeader(QWidget):
    """Initials, name, title and company, and the type in a pill; why this person, as the pill's tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._avatar = Avatar(side=40)
        self._name = ElidedLabel("", role="heading")
        self._detail = ElidedLabel("", role="muted")
        self._address = ElidedLabel("", role="small")
        self._kind = Badge()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self._avatar, 0, Qt.AlignmentFlag.AlignTop)
        first = QHBoxLayout()
        first.setSpacing(Space.S)
        first.addWidget(self._name, 1)
        first.addWidget(self._kind)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addLayout(first)
        column.addWidget(self._detail)
        column.addWidget(self._address)
        row.addLayout(column, 1)

    def clear(self) -> None:
        """Show nobody."""
        for label in (self._name, self._detail, self._address):
            label.set_text("")
        self._kind.set_text("")
        self.setToolTip("")

    def show_entry(self, entry: PersonEntry, status: PanelStatus) -> None:
        """Show one person, known or not."""
        self._avatar.set_person(initials(Address(entry.name, entry.address.address)), entry.address.address)
        self._name.set_text(one_line(entry.name))
        self._address.set_text(entry.address.address)
        why = ""
        if entry.match is not None:
            person = entry.match.person
            self._detail.set_text(", ".join(part for part in (person.text("Title"), company_of_match(entry)) if part))
            self._kind.set_text(person.object_type.upper(), "accent")
            why = f"Why this person: the field {entry.match.matched_field} of the {person.object_type} is {entry.address.address}."
        elif entry.waiting is not None:
            is_refused = entry.waiting.state is OperationState.FAILED
            self._detail.set_text(
                "Salesforce refused to create this" if is_refused else "Waits in the outbox to be created"
            )
            self._kind.set_text("NEW", "danger" if is_refused else "warning")
        else:
            unknown = status is PanelStatus.READY
            self._detail.set_text(
                "Not in Salesforce"
                if unknown
                else "Salesforce is asked…"
                if status is PanelStatus.LOADING
                else "Not looked up yet"
            )
            self._kind.set_text("UNKNOWN" if unknown else "", "muted")
        self._detail.setVisible(bool(self._detail.full_text))
        self.setToolTip(plain_tip(why))
        self.setAccessibleName(f"{entry.name}, {self._detail.full_text}")
        self.setAccessibleDescription(why)


def company_of_match(entry: PersonEntry) -> str:
    """The account of a Contact or the company of a Lead, "" where there is none."""
    if entry.match is None:
        return ""
    return entry.match.account.name if entry.match.account else entry.match.person.text("Company")


class OtherPerson(QPushButton):
    """Another person of the mail, or another record with the same address, one click away: name, type, company."""

    def __init__(self, entry: PersonEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "quiet")
        kind = entry.match.person.object_type if entry.match else "new" if entry.waiting else ""
        self.setStyleSheet(LEFT)
        self.setAutoDefault(True)
        self.setIcon(icon(record_icon(kind) if entry.match else Icon.PERSON))
        self.setIconSize(QSize(16, 16))
        self.words = "  ·  ".join(part for part in (one_line(entry.name), kind, company_of_match(entry)) if part)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(plain_tip(f"{self.words}  ·  {entry.address.address}"))
        self.setAccessibleName(f"Show {self.words}")
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the words anew."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        room = max(60, self.width() - 40)
        # A single ampersand would underline the letter after it.
        self.setText(self.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideRight, room).replace("&", "&&"))
