"""The Salesforce panel beside the reader: the person first, what can be done, then opportunities, cases, activities, and what waits."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.model.crm import CrmRecord, Section, SectionState
from app.model.mail import Address
from app.model.operation import OperationState
from ui.crm_panel.cards import ActivityRow, OperationRow, RecordCard, SectionBox, clear_layout, heading_of, record_icon
from ui.crm_panel.model import PanelState, PanelStatus, PersonEntry, target_of
from ui.crm_panel.person_form import PersonForm
from ui.icons import Icon, icon
from ui.text import initials
from ui.theme import Space, set_role
from ui.widgets.bars import Choice, IconLabel, Strip
from ui.widgets.labels import Avatar, Badge, ElidedLabel
from ui.widgets.scroll import scrolled
from ui.widgets.states import EmptyState, Skeleton

_EMPTY = Section(SectionState.EMPTY)
_LOG_WORDS = {
    "queued": ("Log waits for the network", Icon.QUEUED),
    "sending": ("Being logged", Icon.QUEUED),
    "logged": ("Logged in Salesforce", Icon.LOGGED),
    "failed": ("Log was refused", Icon.FAILED),
}


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
    sign_in_requested = Signal()
    add_login_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "sidebar")
        self.setAccessibleName("Salesforce")
        self._state = PanelState(PanelStatus.NO_LOGIN)
        self._cards: list[RecordCard] = []
        self._pages = QStackedWidget()
        self._empty = EmptyState()
        self._skeleton = Skeleton(lines=(0.5, 0.7, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.6))
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._skeleton)
        self._pages.addWidget(self._build_body())
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
        self._state = state
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
        targets = self._state.log_targets
        opportunities = [t for t in targets if t.object_type == "Opportunity"]
        if not targets:
            self.log_requested.emit(None)
        elif len(opportunities) == 1 and len(targets) == 1:
            self.log_requested.emit(targets[0])
        else:
            self._ask_where()

    def start_create(self, object_type: str) -> None:
        """Open the form for a new person, filled from the chosen address."""
        entry = self._state.person
        if entry is not None and entry.match is None:
            self._form.open_for(object_type, entry)

    def show_drop_zones(self, shown: bool) -> None:
        """Label every card that may take what is dragged over the window."""
        for card in self._cards:
            card.show_drop_zone(shown=shown)

    def _build_body(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        self._notice = Strip()
        self._notice.hide()
        self._person = _PersonHeader()
        self._others = QVBoxLayout()
        self._others.setSpacing(Space.XS)
        self._actions = _ActionRow()
        self._actions.log.clicked.connect(self.start_log)
        self._actions.contact.clicked.connect(lambda: self.start_create("Contact"))
        self._actions.lead.clicked.connect(lambda: self.start_create("Lead"))
        self._actions.refresh.clicked.connect(self.refresh_requested)
        self._where = _WhereChooser()
        self._where.chosen.connect(self.log_requested)
        self._form = PersonForm()
        self._form.submitted.connect(self.create_requested)
        self._waiting = QVBoxLayout()
        self._waiting.setSpacing(Space.S)
        self._account = SectionBox("Account")
        self._opportunities = SectionBox("Opportunities")
        self._cases = SectionBox("Cases")
        self._activities = SectionBox("Activities")
        self._as_of = QLabel()
        set_role(self._as_of, "small")
        self._as_of.setWordWrap(True)
        column.addWidget(self._notice)
        column.addWidget(self._person)
        column.addLayout(self._others)
        column.addWidget(self._actions)
        column.addWidget(self._where)
        column.addWidget(self._form)
        column.addLayout(self._waiting)
        for box in (self._account, self._opportunities, self._cases, self._activities):
            column.addWidget(box)
        column.addStretch(1)
        column.addWidget(self._as_of)
        return scrolled(content)

    def _show_empty(self, symbol: Icon, title: str, detail: str, *choices: Choice) -> None:
        self._cards = []
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
        any_known = any(e.target is not None for e in state.people)
        can_create = not known and state.status in {PanelStatus.READY, PanelStatus.OFFLINE}
        self._actions.show_for(can_log=any_known and state.log_state in {"", "failed"}, can_create=can_create)
        self._actions.log_line.show_state(state.log_state)
        if not can_create:
            self._form.hide()
        if state.log_state not in {"", "failed"}:
            self._where.hide()
        self._show_waiting(state)
        self._show_records(state, entry)
        self._as_of.setText(_as_of_words(state))
        self._pages.setCurrentIndex(2)

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
        clear_layout(self._others)
        for index, entry in enumerate(state.people):
            if index != state.chosen:
                button = _OtherPerson(entry)
                button.clicked.connect(lambda _checked=False, i=index: self.person_chosen.emit(i))
                self._others.addWidget(button)

    def _show_waiting(self, state: PanelState) -> None:
        clear_layout(self._waiting)
        for operation in state.operations:
            if operation.state in {OperationState.DISCARDED, OperationState.SUPERSEDED}:
                continue
            row = OperationRow(operation)
            row.retry_requested.connect(self.retry_requested)
            row.discard_requested.connect(self.discard_requested)
            self._waiting.addWidget(row)

    def _show_records(self, state: PanelState, entry: PersonEntry) -> None:
        match = entry.match
        self._cards = []
        boxes = (self._account, self._opportunities, self._cases, self._activities)
        for box in boxes:
            box.setVisible(match is not None)
        if match is None:
            return
        account = Section(SectionState.READY, (match.account,)) if match.account else _EMPTY
        self._account.setVisible(match.account is not None)
        self._account.show_section(account, "", self._make_card)
        self._opportunities.show_section(match.opportunities, "No open opportunities.", self._make_card)
        self._cases.show_section(match.cases, "No open cases.", self._make_card)
        self._activities.show_section(match.activities, "No recent activities.", ActivityRow)
        for card in self._cards:
            card.set_operations(state.operations)

    def _make_card(self, record: CrmRecord) -> QWidget:
        card = RecordCard(record)
        card.open_requested.connect(self.record_opened)
        card.part_dropped.connect(self.part_dropped)
        card.files_dropped.connect(self.files_dropped)
        self._cards.append(card)
        return card

    def _ask_where(self) -> None:
        match = self._state.person.match if self._state.person else None
        if match is not None:
            self._where.ask([*match.opportunities.records, *match.cases.records])


class _PersonHeader(QWidget):
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

    def show_entry(self, entry: PersonEntry, status: PanelStatus) -> None:
        """Show one person, known or not."""
        self._avatar.set_person(initials(Address(entry.name, entry.address.address)), entry.address.address)
        self._name.set_text(entry.name)
        self._address.set_text(entry.address.address)
        if entry.match is not None:
            person = entry.match.person
            company = entry.match.account.name if entry.match.account else person.text("Company")
            self._detail.set_text(", ".join(part for part in (person.text("Title"), company) if part))
            self._kind.set_text(person.object_type.upper(), "accent")
            self._kind.setToolTip(f"Found because {entry.match.matched_field} is this address.")
        elif entry.waiting is not None:
            self._detail.set_text("Waits in the outbox to be created")
            self._kind.set_text("NEW", "warning")
            self._kind.setToolTip("")
        else:
            unknown = status is PanelStatus.READY
            self._detail.set_text("Not in Salesforce" if unknown else "Not looked up yet")
            self._kind.set_text("UNKNOWN" if unknown else "", "muted")
            self._kind.setToolTip("")
        self._detail.setVisible(bool(self._detail.full_text))


class _OtherPerson(QToolButton):
    """Another person of the mail, one click away."""

    def __init__(self, entry: PersonEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "quiet")
        kind = entry.match.person.object_type if entry.match else "new" if entry.waiting else "unknown"
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIcon(icon(record_icon(kind) if entry.match else Icon.PERSON))
        self.setIconSize(QSize(16, 16))
        text = f"{entry.name}  ·  {kind}"
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, 250))
        self.setToolTip(entry.address.address)
        self.setAccessibleName(f"Show {text}")


class _ActionRow(QWidget):
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
        self.log_line = _LogLine()
        for button in (self.log, self.contact, self.lead):
            row.addWidget(button)
        row.addWidget(self.log_line)
        row.addStretch(1)
        row.addWidget(self.refresh)

    def show_for(self, *, can_log: bool, can_create: bool) -> None:
        self.log.setVisible(can_log)
        self.contact.setVisible(can_create)
        self.lead.setVisible(can_create)


class _WhereChooser(QFrame):
    """Asks once, in place, which record a log belongs to."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "strip")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        self._column.setSpacing(Space.XS)
        self.hide()

    def ask(self, records: list[CrmRecord]) -> None:
        clear_layout(self._column)
        question = QLabel("Where does this mail belong?")
        set_role(question, "strong")
        self._column.addWidget(question)
        first = None
        for record in records:
            button = self._add_choice(heading_of(record), record)
            first = first or button
        self._add_choice("To the person only", None)
        self.show()
        if first is not None:
            first.setFocus()

    def _add_choice(self, text: str, record: CrmRecord | None) -> QToolButton:
        button = QToolButton()
        set_role(button, "quiet")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIcon(icon(record_icon(record.object_type) if record else Icon.PERSON))
        button.setText(button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, 230))
        button.setAccessibleName(text)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        target = target_of(record) if record else None
        button.clicked.connect(lambda _checked=False: self._choose(target))
        self._column.addWidget(button)
        return button

    def _choose(self, target: object) -> None:
        self.hide()
        self.chosen.emit(target)


class _LogLine(QWidget):
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
        words, symbol = _LOG_WORDS.get(state, ("", Icon.LOGGED))
        tone = {"logged": "success", "failed": "danger"}.get(state, "muted")
        self._icon.set_icon(symbol, tone)
        self._text.setText(words)
        set_role(self._text, tone)
        self.setVisible(bool(words))


def _as_of_words(state: PanelState) -> str:
    if state.fetched_at <= 0:
        return ""
    time = QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(state.fetched_at)).time(), QLocale.FormatType.ShortFormat
    )
    org = state.login.org_name if state.login else ""
    return f"As of {time}" + (f" from {org}" if org else "") + ". Kept in memory only, for a few minutes."
