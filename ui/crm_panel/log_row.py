"""Logging and its neighbours: the row of buttons, the state of the log, and the question where it belongs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.model.crm import CrmRecord
from ui.crm_panel.cards import LEFT, clear_layout, heading_of, record_icon
from ui.crm_panel.model import RecordTarget, target_of
from ui.icons import Icon, icon
from ui.text import one_line
from ui.theme import Space, set_role
from ui.widgets.bars import IconLabel, announce
from ui.widgets.labels import plain_tip

_LOG_WORDS = {
    "queued": ("Log waits in the outbox", Icon.QUEUED),
    "sending": ("Being logged", Icon.QUEUED),
    "logged": ("Logged in Salesforce", Icon.LOGGED),
    "failed": ("Log was refused", Icon.FAILED),
}


class ActionRow(QWidget):
    """What can be done with the mail and its person. It takes the keyboard on behalf of its first button."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.log = QPushButton("Log mail")
        self.log.setToolTip("Log this mail in Salesforce (L)")
        set_role(self.log, "primary")
        self.contact = QPushButton("New contact")
        self.lead = QPushButton("New lead")
        self.refresh = QToolButton()
        self.refresh.setIcon(icon(Icon.REFRESH))
        self.refresh.setIconSize(QSize(16, 16))
        self.refresh.setToolTip("Ask Salesforce again")
        self.refresh.setAccessibleName("Ask Salesforce again")
        set_role(self.refresh, "icon")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        self.log_line = LogLine()
        for button in (self.log, self.contact, self.lead):
            row.addWidget(button)
        row.addWidget(self.log_line)
        row.addStretch(1)
        row.addWidget(self.refresh)

    def show_for(self, problem: str, *, is_on: bool, can_create: bool) -> None:
        """``problem`` is why the mail cannot be logged, ``is_on`` that it is logged or about to be."""
        self.log.setVisible(not is_on and not (problem and can_create))
        self.log.setEnabled(not problem)
        self.log.setToolTip(problem or "Log this mail in Salesforce (L)")
        self.contact.setVisible(can_create)
        self.lead.setVisible(can_create)
        can_log = not problem and not is_on
        self.setFocusProxy(self.log if can_log else self.contact if can_create else self.refresh)


class WhereChooser(QFrame):
    """Asks once, in place, which record a log belongs to. Arrows and Tab go through the answers, Escape closes it."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "strip")
        self.is_about_records = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        self._column.setSpacing(Space.XS)
        self.hide()

    @property
    def answers(self) -> list[QPushButton]:
        """The buttons, first to last."""
        items = (self._column.itemAt(i) for i in range(self._column.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [widget for widget in widgets if isinstance(widget, QPushButton)]

    def ask(self, records: list[CrmRecord]) -> None:
        """Ask with the open records of the person, and the person alone as the last answer."""
        answers: list[tuple[str, RecordTarget | None]] = [(heading_of(one), target_of(one)) for one in records]
        self._ask("Where does this mail belong?", [*answers, ("To the person only", None)])
        self.is_about_records = True

    def ask_recent(self, records: Sequence[RecordTarget]) -> None:
        """Ask with records that were worked on lately, while nobody can be looked up."""
        self._ask("Where does this mail belong? You worked on these lately:", [(one.name, one) for one in records])
        self.is_about_records = False

    def ask_for_files(self, question: str, records: list[CrmRecord]) -> None:
        """Ask where files belong: records only."""
        self._ask(question, [(heading_of(one), target_of(one)) for one in records])
        self.is_about_records = True

    def hideEvent(self, event: QHideEvent) -> None:
        """Forget the records' names."""
        super().hideEvent(event)
        if self.isHidden():
            self.is_about_records = False
            clear_layout(self._column)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go up and down through the answers."""
        if event.key() == Qt.Key.Key_Down:
            self.focusNextChild()
        elif event.key() == Qt.Key.Key_Up:
            self.focusPreviousChild()
        else:
            super().keyPressEvent(event)

    def _ask(self, question: str, answers: Sequence[tuple[str, RecordTarget | None]]) -> None:
        clear_layout(self._column)
        label = QLabel(question)
        label.setWordWrap(True)
        label.setContentsMargins(Space.XS, 0, 0, 0)
        set_role(label, "strong")
        self._column.addWidget(label)
        for text, target in answers:
            self._add_answer(one_line(text), target)
        self.setAccessibleName(question)
        self.show()
        announce(self, question)
        for button in self.answers[:1]:
            button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _add_answer(self, text: str, target: RecordTarget | None) -> None:
        button = QPushButton()
        set_role(button, "quiet")
        button.setStyleSheet(LEFT)
        button.setAutoDefault(True)
        button.setIcon(icon(record_icon(target.object_type) if target else Icon.PERSON))
        shown = button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, 230)
        button.setIconSize(QSize(16, 16))
        button.setText(shown.replace("&", "&&"))
        button.setToolTip(plain_tip(text) if shown != text else "")
        button.setAccessibleName(text)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda _checked=False: self._choose(target))
        self._column.addWidget(button)

    def _choose(self, target: RecordTarget | None) -> None:
        self.hide()
        self.chosen.emit(target)


class LogLine(QWidget):
    """The state of this mail's log, in words and a picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = IconLabel(Icon.LOGGED, "success")
        self._text = QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self._icon)
        row.addWidget(self._text, 1)

    def show_state(self, state: str) -> None:
        """Say it; nothing for a mail that is not logged."""
        words, symbol = _LOG_WORDS.get(state, ("", Icon.LOGGED))
        tone = {"logged": "success", "failed": "danger"}.get(state, "muted")
        self._icon.set_icon(symbol, tone)
        self._text.setText(words)
        set_role(self._text, tone)
        self.setVisible(bool(words))
