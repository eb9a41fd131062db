"""What one row of the list looks like, apart from how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Qt

from app.model.mail import Flag, MessageRow
from ui.text import LOG_STATES

ROW_ROLE = int(Qt.ItemDataRole.UserRole)
"""The model's role for a `RowLook`, or None while the row is on its way. One role for all: a role a field costs a call a field."""


class PersonMark(StrEnum):
    """What Salesforce is known to say of the sender. Nothing is asked for the list's sake."""

    NOT_LOOKED_UP = "not_looked_up"
    UNKNOWN = "unknown"
    CONTACT = "contact"
    LEAD = "lead"


PERSON_WORDS = {
    PersonMark.NOT_LOOKED_UP: "",
    PersonMark.UNKNOWN: "Not in Salesforce",
    PersonMark.CONTACT: "Contact in Salesforce",
    PersonMark.LEAD: "Lead in Salesforce",
}


@dataclass(frozen=True, slots=True)
class RowLook:
    """One row ready to be painted. ``day`` is the heading above it, "" inside of a day; ``who`` and ``when`` are already short."""

    message: MessageRow
    who: str
    when: str
    subject: str
    snippet: str
    day: str
    person: PersonMark

    @property
    def is_unread(self) -> bool:
        """Whether it was not read yet."""
        return Flag.SEEN not in self.message.flags

    @property
    def is_flagged(self) -> bool:
        """Whether it carries the flag."""
        return Flag.FLAGGED in self.message.flags

    @property
    def spoken(self) -> str:
        """The row in one sentence, for a screen reader."""
        message = self.message
        parts = [
            "Unread" if self.is_unread else "",
            self.who,
            self.subject,
            self.when,
            "flagged" if self.is_flagged else "",
            "answered" if Flag.ANSWERED in message.flags else "",
            "with attachments" if message.has_attachments else "",
            PERSON_WORDS[self.person],
            LOG_STATES.get(message.logged, "") if message.logged else "",
            "change waiting" if message.pending else "",
            self.snippet,
        ]
        return ". ".join(part for part in parts if part)
