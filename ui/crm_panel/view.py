"""The Salesforce panel beside the reader: the person first, what can be done, then opportunities, cases, activities, and what waits."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.model.crm import CrmRecord, PersonMatch, Section, SectionState
from app.model.ids import MessageId
from app.model.operation import Operation, OperationState
from ui.crm_panel.cards import LEFT, ActivityRow, OperationRow, RecordCard, SectionBox, clear_layout
from ui.crm_panel.log_row import ActionRow, WhereChooser
from ui.crm_panel.model import PanelState, PanelStatus, PersonEntry
from ui.crm_panel.person import OtherPerson, PersonHeader
from ui.crm_panel.person_form import PersonForm
from ui.icons import Icon
from ui.theme import Space, set_role
from ui.widgets.bars import Choice, Strip
from ui.widgets.scroll import scrolled
from ui.widgets.states import EmptyState, Skeleton

MOST_OTHERS = 5
"""Other people of a mail that are listed before they are folded."""

_EMPTY = Section(SectionState.EMPTY)
_LOG_IS_ON = frozenset({"queued", "sending", "logged"})


class CrmPanelView(QFrame):
    """Shows a `PanelState`; wishes go out as signals, targets as ``RecordTarget``."""

    log_requested = Signal(object)
    create_requested = Signal(str, object)
    refresh_requested = Signal()
    person_chosen = Signal(int)
    record_opened = Signal(str)
    part_dropped = Signal(object, str, object)
    files_dropped = Signal(object, object)
    retry_requested = Signal(str)
    discard_requested = Signal(str)
    discard_all_requested = Signal(str)
    sign_in_requested = Signal()
    add_login_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "sidebar")
        self.setAccessibleName("Salesforce")
        self._state = PanelState(PanelStatus.NO_LOGIN)
        self._cards: list[RecordCard] = []
        self._parts: tuple[tuple[MessageId, str], ...] = ()
        self._shown_match: PersonMatch | None = None
        self._shown_others: tuple[object, ...] = ()
        self._shown_waiting: tuple[Operation, ...] = ()
        self._is_unfolded = False
        self._pages = QStackedWidget()
        self._empty = EmptyState()
        self._skeleton = Skeleton(lines=(0.5, 0.7, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.6))
        self._body = self._build_body()
        for page in (self._empty, self._skeleton, self._body):
            self._pages.addWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._sandbox = QLabel("SANDBOX")
        self._sandbox.setAlignment(Qt.AlignmentFlag.AlignCenter)
        set_role(self._sandbox, "sandbox")
        self._sandbox.hide()
        outer.addWidget(self._sandbox)
        outer.addWidget(self._pages, 1)
        self.show_state(self._state)

    def show_state(self, state: PanelState) -> None:
        """Paint this."""
        before, self._state = self._state, state
        if _subject(before) != _subject(state):
            # A question or form that was opened for another mail, org or person is none of this one's.
            for part in (self._where, self._where_files, self._form, self._question):
                part.hide()
            self._is_unfolded = False
        elif state.status is not PanelStatus.READY:
            for chooser in (self._where, self._where_files):
                if chooser.is_about_records:
                    chooser.hide()
        self._sandbox.setVisible(bool(state.login and state.login.is_sandbox))
        if state.status is PanelStatus.NO_LOGIN:
            choice = Choice("Add Salesforce…", self.add_login_requested.emit, "primary")
            self._show_empty(
                Icon.CLOUD, "No Salesforce yet", "Sign in to see who writes to you and to log mails.", choice
            )
        elif state.status is PanelStatus.NO_MESSAGE:
            self._show_empty(Icon.CONTACT, "No mail selected", "People and records of the selected mail appear here.")
        elif state.status is PanelStatus.LOADING and not state.people:
            self._pages.setCurrentWidget(self._skeleton)
        else:
            self._show_body(state)

    def start_log(self) -> None:
        """Log at once where only one record fits; ask in place where several do."""
        if self._state.log_problem:
            return
        targets = self._state.log_targets
        opportunities = [t for t in targets if t.object_type == "Opportunity"]
        if not self._state.people_to_log:
            self._where.ask_recent(self._state.recent_records)
        elif not targets:
            self.log_requested.emit(None)
        elif len(opportunities) == 1 and len(targets) == 1:
            self.log_requested.emit(targets[0])
        else:
            self._ask_where()

    def start_attach(self, parts: Sequence[tuple[MessageId, str]]) -> None:
        """Ask in place on which record attachments of the mail are to be saved: what a drop does, for the keyboard."""
        match = self._state.person.match if self._state.person else None
        if match is None or not parts:
            return
        self._parts = tuple(parts)
        records = [*match.opportunities.records, *match.cases.records, *([match.account] if match.account else [])]
        noun = "this attachment" if len(parts) == 1 else f"these {len(parts)} attachments"
        self._where_files.ask_for_files(f"Where do you want to save {noun}?", records)

    def start_create(self, object_type: str) -> None:
        """Open the form for a new person, filled from the chosen address."""
        entry = self._state.person
        if entry is not None and entry.match is None:
            self._form.open_for(object_type, entry)

    def show_drop_zones(self, shown: bool) -> None:
        """Label every card that may take what is dragged over the window."""
        for card in self._cards:
            card.show_drop_zone(shown=shown)

    def ask_discard(self, operation_id: str, titles: list[str]) -> None:
        """Ask in place whether what needs an operation is given up with it."""
        names = ", ".join(titles[:3]) + ("" if len(titles) <= 3 else f" and {len(titles) - 3} more")

        def confirmed() -> None:
            self._question.hide()
            self.discard_all_requested.emit(operation_id)

        self._question.say(
            f"These need it and would be discarded too: {names}.",
            symbol=Icon.WARNING,
            tone="warning",
            choices=(Choice("Discard all", confirmed, "danger"), Choice("Keep", self._question.hide)),
        )

    def refuse_create(self, text: str) -> None:
        """Say at the form why a person cannot be created so; what was typed stays."""
        self._form.refuse(text)

    def close_form(self) -> None:
        """Put the form away: what was typed is queued."""
        self._form.hide()

    def leave_question(self) -> bool:
        """Close the question or form that is open; false when there is none."""
        for part in (self._where, self._where_files, self._form, self._question):
            if not part.isHidden():
                focused: QWidget | None = self.focusWidget()
                held_focus = focused is not None and part.isAncestorOf(focused)
                part.hide()
                if held_focus:
                    self._actions.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return False

    def _build_body(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        self._notice = Strip()
        self._question = Strip(can_close=True)
        self._person = PersonHeader()
        self._others = QVBoxLayout()
        self._others.setSpacing(Space.XS)
        self._actions = ActionRow()
        self._actions.log.clicked.connect(self.start_log)
        self._actions.contact.clicked.connect(lambda: self.start_create("Contact"))
        self._actions.lead.clicked.connect(lambda: self.start_create("Lead"))
        self._actions.refresh.clicked.connect(self.refresh_requested)
        self._where = WhereChooser()
        self._where.chosen.connect(self.log_requested)
        self._where_files = WhereChooser()
        self._where_files.chosen.connect(self._on_files_placed)
        self._form = PersonForm()
        self._form.submitted.connect(self.create_requested)
        self._waiting = QVBoxLayout()
        self._waiting.setSpacing(Space.S)
        self._account = SectionBox("Account", counts=False)
        self._opportunities = SectionBox("Opportunities")
        self._cases = SectionBox("Cases")
        self._activities = SectionBox("Activities")
        self._boxes = (self._account, self._opportunities, self._cases, self._activities)
        self._as_of = QLabel()
        set_role(self._as_of, "small")
        self._as_of.setWordWrap(True)
        column.addWidget(self._notice)
        column.addWidget(self._person)
        column.addLayout(self._others)
        column.addWidget(self._actions)
        column.addWidget(self._where)
        column.addWidget(self._where_files)
        column.addWidget(self._form)
        column.addLayout(self._waiting)
        column.addWidget(self._question)
        for box in self._boxes:
            box.hide()
            column.addWidget(box)
        column.addStretch(1)
        column.addWidget(self._as_of)
        return scrolled(content)

    def _show_empty(self, symbol: Icon, title: str, detail: str, *choices: Choice) -> None:
        # Values of a person must not live on behind another page.
        self._person.clear()
        self._forget_records()
        self._shown_others = self._shown_waiting = ()
        clear_layout(self._others)
        clear_layout(self._waiting)
        self._empty.say(symbol, title, detail, choices)
        self._pages.setCurrentWidget(self._empty)

    def _show_body(self, state: PanelState) -> None:
        self._show_notice(state)
        entry = state.person
        if entry is None:
            self._show_empty(
                Icon.UNKNOWN_PERSON, "Nobody to look up", "This mail has no sender or recipient besides you."
            )
            return
        self._person.show_entry(entry, state.status)
        self._show_others(state)
        known = entry.match is not None or entry.waiting is not None
        can_create = not known and state.status in {PanelStatus.READY, PanelStatus.OFFLINE}
        self._actions.show_for(state.log_problem, is_on=state.log_state in _LOG_IS_ON, can_create=can_create)
        self._actions.log_line.show_state(state.log_state)
        if not can_create:
            self._form.hide()
        if state.log_state in _LOG_IS_ON:
            self._where.hide()
        self._show_waiting(state)
        self._show_records(state, entry)
        self._as_of.setText(_as_of_words(state))
        self._pages.setCurrentWidget(self._body)

    def _show_notice(self, state: PanelState) -> None:
        if state.problem is None:
            self._notice.hide()
            return
        choices: tuple[Choice, ...] = (Choice("Try again", self.refresh_requested.emit),)
        if state.status is PanelStatus.SIGN_IN:
            choices = (Choice("Sign in", self.sign_in_requested.emit, "primary"),)
            self._notice.say("Salesforce needs you to sign in again. What waits for it is kept.", choices=choices)
        elif state.status is PanelStatus.OFFLINE:
            self._notice.say(
                "No current data: Salesforce cannot be reached. What you do here waits and goes out by itself."
            )
        else:
            self._notice.say(state.problem.sentence, choices=choices)

    def _show_others(self, state: PanelState) -> None:
        others = [(index, entry) for index, entry in enumerate(state.people) if index != state.chosen]
        key = (tuple(others), self._is_unfolded)
        if key == self._shown_others:
            return
        self._shown_others = key
        clear_layout(self._others)
        cut = len(others) if self._is_unfolded or len(others) <= MOST_OTHERS + 1 else MOST_OTHERS
        for index, entry in others[:cut]:
            button = OtherPerson(entry)
            button.clicked.connect(lambda _checked=False, i=index: self.person_chosen.emit(i))
            self._others.addWidget(button)
        if cut < len(others):
            more = QPushButton()
            set_role(more, "quiet")
            more.setStyleSheet(LEFT)
            more.setAutoDefault(True)
            more.setText(f"{len(others) - cut} more")
            more.setAccessibleName(f"Show {len(others) - cut} more people")
            more.clicked.connect(self._unfold)
            self._others.addWidget(more)

    def _unfold(self) -> None:
        self._is_unfolded = True
        self._show_others(self._state)
        item = self._others.itemAt(MOST_OTHERS)
        if item is not None and (button := item.widget()) is not None:
            button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_waiting(self, state: PanelState) -> None:
        over = {OperationState.DISCARDED, OperationState.SUPERSEDED}
        shown = tuple(operation for operation in state.operations if operation.state not in over)
        if shown == self._shown_waiting:
            return
        self._shown_waiting = shown
        clear_layout(self._waiting)
        for operation in shown:
            row = OperationRow(operation)
            row.retry_requested.connect(self.retry_requested)
            row.discard_requested.connect(self.discard_requested)
            self._waiting.addWidget(row)

    def _show_records(self, state: PanelState, entry: PersonEntry) -> None:
        match = entry.match
        if match is None:
            self._forget_records()
        elif match is not self._shown_match:
            self._forget_records()
            self._shown_match = match
            for box in self._boxes:
                box.show()
            account = Section(SectionState.READY, (match.account,)) if match.account else _EMPTY
            self._account.setVisible(match.account is not None)
            self._account.show_section(account, "", self._make_card)
            self._opportunities.show_section(match.opportunities, "No open opportunities.", self._make_card)
            self._cases.show_section(match.cases, "No open cases.", self._make_card)
            self._activities.show_section(match.activities, "No recent activities.", ActivityRow)
        for card in self._cards:
            card.set_operations(state.operations)

    def _forget_records(self) -> None:
        self._shown_match = None
        self._cards = []
        for box in self._boxes:
            box.show_section(_EMPTY, "", ActivityRow)
            box.hide()

    def _make_card(self, record: CrmRecord) -> QWidget:
        card = RecordCard(record)
        card.open_requested.connect(self.record_opened)
        card.part_dropped.connect(self.part_dropped)
        card.files_dropped.connect(self.files_dropped)
        self._cards.append(card)
        return card

    def _on_files_placed(self, target: object) -> None:
        for message_id, part_id in self._parts:
            self.part_dropped.emit(message_id, part_id, target)

    def _ask_where(self) -> None:
        match = self._state.person.match if self._state.person else None
        if match is not None:
            self._where.ask([*match.opportunities.records, *match.cases.records])


def _subject(state: PanelState) -> tuple[object, ...]:
    """Whom and what the panel is about."""
    person = state.person
    return (state.login and state.login.login_id, state.message_id, person.address if person else None)


def _as_of_words(state: PanelState) -> str:
    if state.fetched_at <= 0:
        return ""
    time = QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(state.fetched_at)).time(), QLocale.FormatType.ShortFormat
    )
    org = state.login.org_name if state.login else ""
    return f"As of {time}" + (f" from {org}" if org else "") + ". Kept in memory only, for a few minutes."
