"""Cards of the Salesforce panel: a record in a few lines, a group of them, and the drop zone that each card becomes during a drag."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QDate, QLocale, QMimeData, QRectF, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.model.crm import CrmRecord, Section, SectionState
from app.model.operation import Operation, OperationKind, OperationState
from ui.crm_panel.model import failure_words, target_of
from ui.drag import dragged_files, dragged_part
from ui.icons import Icon
from ui.text import one_line, waiting_words
from ui.theme import Radius, Space, colour, set_role, tones
from ui.widgets.bars import IconLabel
from ui.widgets.labels import Badge, ElidedLabel, plain_tip
from ui.widgets.states import Card

LONGEST_NOTE = 280
LEFT = "text-align: left; padding: 0 4px;"
"""Dress of a button that is a line of a list."""
_ICONS = {
    "Account": Icon.COMPANY,
    "Opportunity": Icon.OPPORTUNITY,
    "Case": Icon.CASE,
    "Contact": Icon.CONTACT,
    "Lead": Icon.LEAD,
    "Task": Icon.TASK,
    "Event": Icon.CALENDAR,
}
_STATE_WORDS = {
    OperationState.SENDING: "Being sent",
    OperationState.CHECKING: "Checking whether it arrived",
    OperationState.PAUSED: "Waits for you to sign in",
    OperationState.DONE: "Saved in Salesforce",
}
_KIND_ICONS = {
    OperationKind.LOG_MESSAGE: Icon.LOG,
    OperationKind.ATTACH_FILE: Icon.ATTACHMENT,
    OperationKind.CREATE_RECORD: Icon.CONTACT,
}


def record_icon(object_type: str) -> Icon:
    """The picture of an object type; custom objects share one."""
    return _ICONS.get(object_type, Icon.NOTE)


def amount_text(record: CrmRecord) -> str:
    """An opportunity's amount in the user's own number format, "" when it has none or may not be seen."""
    value = record.fields.get("Amount")
    if not isinstance(value, int | float):
        return ""
    number = QLocale().toString(float(value), "f", 0)
    currency = record.text("CurrencyIsoCode")
    return f"{number} {currency}".strip()


def date_text(value: str) -> str:
    """A Salesforce date or date-time as a short local date, "" when it is none."""
    date = QDate.fromString(value[:10], Qt.DateFormat.ISODate)
    return QLocale().toString(date, QLocale.FormatType.ShortFormat) if date.isValid() else ""


def facts_of(record: CrmRecord) -> list[tuple[str, str]]:
    """At most four labelled facts of a record that its fields hold; fields the user may not see are absent, not blank."""
    kinds: dict[str, list[tuple[str, Callable[[], str]]]] = {
        "Opportunity": [
            ("Stage", lambda: record.text("StageName")),
            ("Amount", lambda: amount_text(record)),
            ("Closes", lambda: date_text(record.text("CloseDate"))),
        ],
        "Case": [
            ("Status", lambda: record.text("Status")),
            ("Priority", lambda: record.text("Priority")),
            ("Opened", lambda: date_text(record.text("CreatedDate"))),
        ],
        "Account": [
            ("Industry", lambda: record.text("Industry")),
            ("Phone", lambda: record.text("Phone")),
            ("City", lambda: record.text("BillingCity")),
        ],
    }
    return [(label, text) for label, read in kinds.get(record.object_type, []) if (text := read())]


def lines_of(record: CrmRecord) -> list[str]:
    """The facts of a record in at most two lines: what it is at, then its measure and date."""
    facts = dict(facts_of(record))
    if record.object_type == "Opportunity":
        closes = f"closes {facts['Closes']}" if "Closes" in facts else ""
        lines = [(facts.get("Stage", ""),), (facts.get("Amount", ""), closes)]
    elif record.object_type == "Case":
        opened = f"opened {facts['Opened']}" if "Opened" in facts else ""
        lines = [(facts.get("Status", ""), facts.get("Priority", ""), opened)]
    else:
        lines = [(facts.get("Industry", ""), facts.get("City", "")), (facts.get("Phone", ""),)]
    joined = ["  ·  ".join(word for word in words if word) for words in lines]
    return [line for line in joined if line]


class RecordCard(Card):
    """One record. Opens by click or Enter; takes files and parts of mails by drop and tells them with its own ``RecordTarget``."""

    open_requested = Signal(str)
    part_dropped = Signal(object, str, object)
    files_dropped = Signal(object, object)

    def __init__(self, record: CrmRecord, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.target = target_of(record)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        facts = facts_of(record)
        self.setAccessibleName(f"{record.object_type} {record.name}")
        self.setAccessibleDescription(", ".join(f"{label} {text}" for label, text in facts))
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(IconLabel(record_icon(record.object_type), "accent_text"))
        head.addWidget(ElidedLabel(heading_of(record), role="strong"), 1)
        self.body.addLayout(head)
        self._lines = [ElidedLabel(line, role="muted") for line in lines_of(record)]
        self._hint = ElidedLabel(f"Save to {record.name}", role="link")
        for label in (*self._lines, self._hint):
            label.setContentsMargins(Space.XL, 0, 0, 0)
            self.body.addWidget(label)
        self._hint.hide()
        self._edge_at_rest = ""
        self._is_zone = False

    def set_operations(self, operations: Sequence[Operation]) -> None:
        """Show the edge of what waits for or failed on this record."""
        mine = [op for op in operations if op.subject_record == self.target.record_id]
        failed = any(op.state is OperationState.FAILED for op in mine)
        waiting = any(op.state.is_open for op in mine)
        self._edge_at_rest = "failed" if failed else "pending" if waiting else ""
        self.set_edge(self._edge_at_rest)

    def show_drop_zone(self, shown: bool) -> None:
        """Become a labelled drop zone while something that it may take is dragged over the window."""
        self._is_zone = shown
        self._show_hint(shown)

    def _show_hint(self, shown: bool) -> None:
        # In place of the last line: a card that grew under the pointer would push the others away from it.
        self._hint.setVisible(shown)
        for line in self._lines[-1:]:
            line.setVisible(not shown)
        self.set_edge("drop" if shown else self._edge_at_rest)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take mail parts and local files."""
        if can_take(event.mimeData()):
            self._show_hint(shown=True)
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """A copy is made, whatever key is held."""
        if can_take(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Look as before: a zone stays one while the drag goes on elsewhere."""
        self._show_hint(self._is_zone)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell what was dropped; a part of a mail keeps its identity."""
        self.show_drop_zone(shown=False)
        data = event.mimeData()
        part = dragged_part(data)
        if part is not None:
            self.part_dropped.emit(part[0], part[1], self.target)
        elif paths := dragged_files(data):
            self.files_dropped.emit(paths, self.target)
        else:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a ring while the keyboard is here."""
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(colour(tones(self).accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), Radius.CARD, Radius.CARD)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open the record."""
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.open_requested.emit(str(self.target.record_id))
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and space open the record."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.open_requested.emit(str(self.target.record_id))
        else:
            super().keyPressEvent(event)


class SectionBox(QWidget):
    """A heading with a count and the cards below it."""

    def __init__(self, title: str, parent: QWidget | None = None, *, counts: bool = True) -> None:
        super().__init__(parent)
        self._counts = counts
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        head = QHBoxLayout()
        self._label = QLabel(title)
        set_role(self._label, "strong")
        self._count = Badge()
        head.addWidget(self._label)
        head.addWidget(self._count)
        head.addStretch(1)
        column.addLayout(head)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self._note, "muted")
        column.addWidget(self._note)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(Space.S)
        column.addLayout(self._rows)

    def show_section(self, section: Section, empty: str, make_row: Callable[[CrmRecord], QWidget]) -> list[QWidget]:
        """Fill the box; the widgets made for its records."""
        clear_layout(self._rows)
        note = {
            SectionState.EMPTY: empty,
            SectionState.DENIED: "Your rights in Salesforce do not include these.",
            SectionState.FAILED: "These could not be read just now. Refresh to try again.",
        }.get(section.state, "")
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._count.set_text(str(len(section.records)) if section.records and self._counts else "")
        made = [make_row(record) for record in section.records]
        for row in made:
            self._rows.addWidget(row)
        return made


class ActivityRow(QWidget):
    """One line of the timeline: picture, subject, date."""

    def __init__(self, record: CrmRecord, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.XS, 0, 0, 0)
        row.setSpacing(Space.S)
        is_mail = record.text("TaskSubtype") == "Email" or record.object_type == "EmailMessage"
        row.addWidget(IconLabel(Icon.MAIL if is_mail else record_icon(record.object_type)))
        subject = record.text("Subject") or record.name
        row.addWidget(ElidedLabel(subject), 1)
        when = next(filter(None, map(record.text, ("MessageDate", "ActivityDate", "StartDateTime", "CreatedDate"))), "")
        date = QLabel(date_text(when))
        set_role(date, "small")
        row.addWidget(date)
        self.setAccessibleName(f"{subject}, {date.text()}")


class OperationRow(Card):
    """What waits in the outbox for this mail or person, or was refused, with the remedy on the spot."""

    retry_requested = Signal(str)
    discard_requested = Signal(str)

    def __init__(self, operation: Operation, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        failed = operation.state is OperationState.FAILED
        self.set_edge("failed" if failed else "" if operation.state is OperationState.DONE else "pending")
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(IconLabel(_KIND_ICONS.get(operation.kind, Icon.CLOUD), "danger" if failed else "muted"))
        head.addWidget(ElidedLabel(operation.title, role="strong"), 1)
        is_done = operation.state is OperationState.DONE
        symbol, tone = (
            (Icon.FAILED, "danger") if failed else (Icon.LOGGED, "success") if is_done else (Icon.QUEUED, "muted")
        )
        head.addWidget(IconLabel(symbol, tone))
        self.body.addLayout(head)
        words = failure_words(operation) if failed else _STATE_WORDS.get(operation.state) or waiting_words(operation)
        words = one_line(words)
        # A server may answer with a page; the outbox shows all of it.
        note = QLabel(words if len(words) <= LONGEST_NOTE else f"{words[:LONGEST_NOTE].rstrip()}…")
        note.setWordWrap(True)
        note.setTextFormat(Qt.TextFormat.PlainText)
        note.setToolTip(plain_tip(words) if len(words) > LONGEST_NOTE else "")
        set_role(note, "danger" if failed else "small")
        self.body.addWidget(note)
        self.setAccessibleName(f"{operation.title}: {words}")
        if failed:
            self._add_remedies(operation)

    def _add_remedies(self, operation: Operation) -> None:
        row = QHBoxLayout()
        row.addStretch(1)
        for text, signal in (("Discard", self.discard_requested), ("Try again", self.retry_requested)):
            button = QPushButton(text)
            button.setAccessibleName(f"{text}: {operation.title}")
            set_role(button, "quiet")
            button.clicked.connect(lambda _checked=False, s=signal: s.emit(str(operation.operation_id)))
            row.addWidget(button)
        self.body.addLayout(row)


def heading_of(record: CrmRecord) -> str:
    """A card's first line: the name; a case's number comes before its subject."""
    number = record.text("CaseNumber")
    subject = record.text("Subject")
    return f"{number} {subject}".strip() if number else record.name


def can_take(data: QMimeData) -> bool:
    """Whether drag data holds a mail part or at least one local file."""
    return dragged_part(data) is not None or bool(dragged_files(data))


def clear_layout(layout: QVBoxLayout | QHBoxLayout) -> None:
    """Remove every widget of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
