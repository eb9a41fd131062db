"""What the Salesforce panel shows of the selected mail, and what it can ask for. The feature's only file that calls the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.crm.actions import CrmActions, PersonTarget, RecordTarget
from app.crm.logins import CrmLogins
from app.crm.lookup import ContactLookup
from app.crm.names import split_name
from app.errors import Offline, PermanentError, SignInRequired, TransientError, ValidationFailed
from app.events import AccountsChanged, ConnectivityChanged, EventBus, LookupExpired, OperationChanged, SignedIn
from app.model.crm import CrmLogin, CrmRecord, LookupResult, PersonMatch
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId, crm_login_key, local_record_id
from app.model.mail import Address
from app.model.operation import Operation, OperationKind, OperationState
from app.outbox.outbox import Outbox
from ui.dispatch import Dispatcher
from ui.text import Words, words_for

__all__ = [
    "CrmPanelModel",
    "PanelState",
    "PanelStatus",
    "PersonEntry",
    "RecordTarget",
    "failure_words",
    "target_of",
]

PEOPLE_TYPES = frozenset({"Contact", "Lead", "User"})
MAX_RECENT = 8
MAX_ADDRESSES = 20
"""More recipients than this are looked up only when the person asks: a mail to a whole company is not a meeting of people."""


class PanelStatus(Enum):
    """What the panel can be."""

    NO_LOGIN = auto()
    NO_MESSAGE = auto()
    LOADING = auto()
    READY = auto()
    OFFLINE = auto()
    SIGN_IN = auto()
    FAILED = auto()


_WITHOUT_DATA = frozenset({PanelStatus.OFFLINE, PanelStatus.SIGN_IN, PanelStatus.FAILED})
_LOG_IS_ON = {
    "queued": "The log of this mail waits in the outbox.",
    "sending": "This mail is being logged.",
    "logged": "This mail is logged in Salesforce already.",
}


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """Somebody of the mail: with a match in Salesforce, with a record that waits in the outbox, or unknown there."""

    address: Address
    match: PersonMatch | None = None
    waiting: Operation | None = None

    @property
    def name(self) -> str:
        """How to call them."""
        return self.match.person.name if self.match else self.address.display

    @property
    def first_and_last_name(self) -> tuple[str, str]:
        """The name as the fields of a Contact or Lead want it."""
        return split_name(self.address)

    @property
    def target(self) -> PersonTarget | None:
        """The record that a log may name, real or still to be made."""
        if self.match:
            person = self.match.person
            return PersonTarget(person.record_id, person.object_type, person.name, self.address.address)
        if self.waiting:
            stand_in = local_record_id(self.waiting.operation_id)
            return PersonTarget(
                stand_in, str(self.waiting.payload.get("object_type", "Contact")), self.name, self.address.address
            )
        return None


@dataclass(frozen=True, slots=True)
class PanelState:
    """Everything the view needs to paint. ``operations`` are those of this mail and these records that are not over or have failed."""

    status: PanelStatus
    login: CrmLogin | None = None
    message_id: MessageId | None = None
    people: tuple[PersonEntry, ...] = ()
    chosen: int = 0
    fetched_at: float = 0.0
    log_state: str = ""
    operations: tuple[Operation, ...] = ()
    recent: tuple[RecordTarget, ...] = ()
    problem: Words | None = field(default=None)

    @property
    def person(self) -> PersonEntry | None:
        """The one whose card is open."""
        return self.people[self.chosen] if self.chosen < len(self.people) else None

    @property
    def people_to_log(self) -> tuple[PersonTarget, ...]:
        """One record for each address of the mail: the chosen one where several carry it, else the first."""
        chosen = self.person
        of_address: dict[str, PersonTarget] = {}
        for entry in self.people:
            key = entry.address.address.lower()
            if (target := entry.target) is not None and (key not in of_address or entry is chosen):
                of_address[key] = target
        return tuple(of_address.values())

    @property
    def recent_records(self) -> tuple[RecordTarget, ...]:
        """Records last worked on that a log may be related to: what can be offered while nobody can be looked up."""
        return tuple(one for one in self.recent if one.object_type not in PEOPLE_TYPES)[:MAX_RECENT]

    @property
    def log_problem(self) -> str:
        """Why the mail cannot be logged now, "" when it can."""
        if self.login is None:
            return "Sign in to Salesforce to log mails."
        if self.message_id is None:
            return "Select a mail to log it."
        if self.log_state in _LOG_IS_ON:
            return _LOG_IS_ON[self.log_state]
        if self.people_to_log or (self.status in _WITHOUT_DATA and self.recent_records):
            return ""
        if self.status is PanelStatus.LOADING:
            return "Salesforce is being asked who this is."
        if self.status in _WITHOUT_DATA:
            return "Nobody of this mail could be looked up, and there is no record that you worked on lately."
        return "Nobody of this mail is in Salesforce. Create a contact or lead first."

    @property
    def log_targets(self) -> tuple[RecordTarget, ...]:
        """Open opportunities and cases of the chosen person that a log may be related to, opportunities first."""
        match = self.person.match if self.person else None
        if match is None:
            return ()
        return tuple(target_of(record) for section in (match.opportunities, match.cases) for record in section.records)


def target_of(record: CrmRecord) -> RecordTarget:
    """A record as something to attach or log to."""
    return RecordTarget(record.record_id, record.object_type, record.name)


class CrmPanelModel(QObject):
    """Follows the selection. ``queued`` says which operations one click made, so that the window can offer to take them back."""

    state_changed = Signal(object)
    queued = Signal(str, object)
    """A sentence and the list of `OperationId` behind it."""
    dependants_found = Signal(str, object)
    """An operation that was to be given up, and the titles of those that need it."""
    created = Signal()
    create_refused = Signal(str)
    """Why a new person cannot be queued as it was filled in."""

    def __init__(
        self,
        lookup: ContactLookup,
        actions: CrmActions,
        logins: CrmLogins,
        outbox: Outbox,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._lookup = lookup
        self._actions = actions
        self._logins = logins
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._addresses: tuple[Address, ...] = ()
        self._wanted_login: CrmLoginId | None = None
        self._state = PanelState(PanelStatus.NO_LOGIN)
        self._unsubscribe = [
            bus.subscribe(AccountsChanged, lambda _event: self._reload_logins()),
            bus.subscribe(SignedIn, lambda _event: self._reload_logins()),
            bus.subscribe(OperationChanged, self._on_operation_changed),
            bus.subscribe(ConnectivityChanged, self._on_connectivity_changed),
            bus.subscribe(LookupExpired, self._on_lookup_expired),
        ]
        self._reload_logins()

    @property
    def state(self) -> PanelState:
        """What is shown now."""
        return self._state

    def close(self) -> None:
        """Hear nothing more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()

    def use_login(self, login_id: CrmLoginId | None) -> None:
        """Work in another org; None keeps to the first."""
        if login_id is not None and login_id != self._wanted_login:
            self._wanted_login = login_id
            self._reload_logins()

    def show_message(self, message_id: MessageId, addresses: Sequence[Address]) -> None:
        """Follow the selection: ``addresses`` in the order of the mail (sender first), the user's own left out."""
        distinct = {a.address.lower(): a for a in reversed(addresses) if "@" in a.address}
        ordered = tuple(dict.fromkeys(distinct[a.address.lower()] for a in addresses if a.address.lower() in distinct))
        self._addresses = ordered[:MAX_ADDRESSES]
        # Nothing of the mail before may stand beside this one, not for a moment.
        self._set(
            PanelState(
                PanelStatus.LOADING if self._state.login else PanelStatus.NO_LOGIN,
                login=self._state.login,
                message_id=message_id,
                people=self._unknown_people(),
                recent=self._state.recent,
            )
        )
        self._load(refresh=False)

    def show_nothing(self) -> None:
        """No mail is selected."""
        self._addresses = ()
        self._dispatcher.cancel("crm-panel")
        status = PanelStatus.NO_MESSAGE if self._state.login else PanelStatus.NO_LOGIN
        self._set(PanelState(status, login=self._state.login, recent=self._state.recent))

    def refresh(self) -> None:
        """Ask Salesforce again, whatever RAM holds."""
        self._load(refresh=True)

    def choose(self, index: int) -> None:
        """Open another person's card."""
        self._set(replace(self._state, chosen=max(0, min(index, len(self._state.people) - 1))))

    def log(self, related_to: RecordTarget | None) -> None:
        """Queue the log of the mail to its known people and one record."""
        state = self._state
        people = state.people_to_log
        if state.login is None or state.message_id is None:
            return
        login_id, message_id = state.login.login_id, state.message_id

        async def work() -> None:
            operation = await self._actions.log_message(login_id, message_id, people=people, related_to=related_to)
            where = related_to.name if related_to else ", ".join(person.name for person in people[:2])
            self.queued.emit(f"Log to {where} is in the outbox" if where else "Log is in the outbox", [operation])

        self._dispatcher.start(work())

    def attach_part(self, message_id: MessageId, part_id: str, target: RecordTarget) -> None:
        """Queue an attachment of a mail for a record."""
        if (login := self._state.login) is None:
            return

        async def work() -> None:
            operation = await self._actions.attach_part(login.login_id, message_id, part_id, target)
            self.queued.emit(f"File for {target.name} is in the outbox", [operation])

        self._dispatcher.start(work())

    def attach_files(self, paths: Sequence[Path], target: RecordTarget) -> None:
        """Queue files of this computer for a record."""
        if (login := self._state.login) is None:
            return

        async def work() -> None:
            operations = [await self._actions.attach_file(login.login_id, path, target) for path in paths]
            count = "File" if len(operations) == 1 else f"{len(operations)} files"
            self.queued.emit(f"{count} for {target.name} in the outbox", operations)

        self._dispatcher.start(work())

    def create(self, object_type: str, values: dict[str, str]) -> None:
        """Queue a new Contact or Lead."""
        state = self._state
        if state.login is None:
            return
        login_id, message_id = state.login.login_id, state.message_id

        async def work() -> None:
            operation = await self._actions.create_person(login_id, object_type, values, source_message=message_id)
            self.created.emit()
            self.queued.emit(f"New {object_type} is in the outbox", [operation])

        def on_error(error: BaseException, words: Words) -> bool:
            self.create_refused.emit(_create_problem(error) or words.sentence)
            return True

        self._dispatcher.start(work(), on_error=on_error)

    def retry(self, operation_id: OperationId) -> None:
        """Try a failed operation again."""
        self._dispatcher.start(self._outbox.retry(operation_id))

    def discard(self, operation_id: OperationId, *, with_dependants: bool = False) -> None:
        """Give an operation up; when others need it, `dependants_found` asks first."""

        async def ask() -> None:
            titles = [operation.title for operation in await self._outbox.dependants(operation_id)]
            self.dependants_found.emit(operation_id, titles)

        def on_error(error: BaseException, _words: Words) -> bool:
            if isinstance(error, ValidationFailed) and not with_dependants:
                self._dispatcher.start(ask())
                return True
            # It went out, or was given up elsewhere, a moment before: what is shown now says so.
            if isinstance(error, PermanentError):
                self._reload_operations()
                return True
            return False

        self._dispatcher.start(self._outbox.discard(operation_id, with_dependants=with_dependants), on_error=on_error)

    def open_url(self, record_id: RecordId) -> str:
        """The record's page in Salesforce, for the system browser; "" for one that is not there yet."""
        login = self._state.login
        if login is None or record_id.startswith("local:"):
            return ""
        return f"{login.instance_url.rstrip('/')}/{record_id}"

    def _load(self, *, refresh: bool) -> None:
        login = self._state.login
        if login is None or self._state.message_id is None:
            return
        addresses = [a.address for a in self._addresses]
        cached = None if refresh else self._lookup.cached(login.login_id, addresses)
        if cached is not None:
            # An answer that is still under way belongs to what was shown before.
            self._dispatcher.cancel("crm-panel")
            self._show_result(cached)
            return
        if not refresh:
            self._set(replace(self._state, status=PanelStatus.LOADING, people=self._unknown_people()))
        self._reload_operations()
        self._fetch(refresh=refresh)

    def _fetch(self, *, refresh: bool) -> None:
        login, message_id = self._state.login, self._state.message_id
        if login is None or message_id is None:
            return
        asked = (message_id, login.login_id, self._addresses)
        addresses = [a.address for a in self._addresses]

        def is_shown() -> bool:
            now = self._state.login
            return now is not None and asked == (self._state.message_id, now.login_id, self._addresses)

        async def work() -> None:
            result = await self._lookup.people(login.login_id, addresses, refresh=refresh)
            # An answer belongs to the mail and org that asked for it; another mail finds it in RAM when it is opened.
            if is_shown():
                self._show_result(result)

        def on_error(error: BaseException, words: Words) -> bool:
            if is_shown():
                self._show_failure(error, words)
            return True

        self._dispatcher.start(work(), slot="crm-panel", on_error=on_error)

    def _show_failure(self, error: BaseException, words: Words) -> None:
        status = PanelStatus.FAILED
        if isinstance(error, SignInRequired):
            status = PanelStatus.SIGN_IN
        elif isinstance(error, Offline | TransientError):
            status = PanelStatus.OFFLINE
        self._set(replace(self._state, status=status, people=self._unknown_people(), problem=words, fetched_at=0.0))
        self._reload_operations()

    def _show_result(self, result: LookupResult) -> None:
        by_address: dict[str, list[PersonMatch]] = {}
        for match in result.people:
            by_address.setdefault(match.address.lower(), []).append(match)
        entries: list[PersonEntry] = []
        for address in self._addresses:
            matches = by_address.get(address.address.lower(), [])
            entries += [PersonEntry(address, match) for match in matches] or [PersonEntry(address)]
        chosen = min(self._state.chosen, max(0, len(entries) - 1))
        self._set(
            replace(
                self._state,
                status=PanelStatus.READY,
                people=tuple(entries),
                chosen=chosen,
                fetched_at=result.fetched_at,
                problem=None,
            )
        )
        self._reload_operations()

    def _unknown_people(self) -> tuple[PersonEntry, ...]:
        return tuple(PersonEntry(address) for address in self._addresses)

    def _reload_operations(self) -> None:
        self._dispatcher.start(self._read_operations(), slot="crm-panel-operations")

    async def _read_operations(self) -> None:
        message_id, login = self._state.message_id, self._state.login
        operations = await self._outbox.list()
        recent = tuple(await self._actions.targets(login.login_id)) if login else ()
        logs = await self._actions.log_state([message_id]) if message_id is not None else {}
        done = await self._outbox.done(message_id) if message_id is not None else []
        if self._state.message_id != message_id or self._state.login != login:
            return
        # What waits for another org is no business of this one.
        account = crm_login_key(login.login_id) if login else ""
        operations = [op for op in operations if op.account == account]
        creates = [
            op
            for op in operations
            if op.kind is OperationKind.CREATE_RECORD and op.state is not OperationState.DISCARDED
        ]
        people = tuple(
            replace(entry, waiting=_waiting_for(entry, creates)) if entry.match is None else entry
            for entry in self._state.people
        )
        shown = {str(e.target.record_id) for e in people if e.target} | {
            str(t.record_id) for t in self._state.log_targets
        }
        concerned = tuple(
            op
            for op in operations
            if op.kind in {OperationKind.LOG_MESSAGE, OperationKind.ATTACH_FILE, OperationKind.CREATE_RECORD}
            and (op.subject_message == message_id or op.subject_record in shown)
        )
        # A log has a line of its own; a file that arrived is told here.
        concerned += tuple(op for op in done if op.account == account and op.kind is OperationKind.ATTACH_FILE)
        log_state = logs.get(message_id, "") if message_id is not None else ""
        self._set(replace(self._state, people=people, operations=concerned, recent=recent, log_state=log_state))

    def _reload_logins(self) -> None:
        self._dispatcher.start(self._read_logins(), slot="crm-panel-logins")

    async def _read_logins(self) -> None:
        logins = await self._logins.list()
        wanted = (login for login in logins if login.login_id == self._wanted_login)
        login = next(wanted, logins[0] if logins else None)
        if login is None:
            self._dispatcher.cancel("crm-panel")
            self._set(PanelState(PanelStatus.NO_LOGIN, message_id=self._state.message_id))
            return
        message_id = self._state.message_id
        is_other = self._state.login is None or self._state.login.login_id != login.login_id
        if message_id is None:
            self._set(PanelState(PanelStatus.NO_MESSAGE, login=login))
        elif is_other or self._state.status is not PanelStatus.READY:
            people = self._unknown_people()
            self._set(PanelState(PanelStatus.LOADING, login=login, message_id=message_id, people=people))
            self._load(refresh=False)
        else:
            self._set(replace(self._state, login=login))

    def _on_operation_changed(self, event: OperationChanged) -> None:
        self._reload_operations()
        # A write that is over made looked-up values stale; what is still fresh in RAM costs nothing to ask for.
        is_shown = event.subject_message == self._state.message_id or event.subject_record != ""
        if event.state is OperationState.DONE and is_shown and self._state.status is PanelStatus.READY:
            self._fetch(refresh=False)

    def _on_connectivity_changed(self, event: ConnectivityChanged) -> None:
        if event.is_online and self._state.status in {PanelStatus.OFFLINE, PanelStatus.FAILED}:
            self._load(refresh=False)

    def _on_lookup_expired(self, event: LookupExpired) -> None:
        # Values must leave the screen when they leave RAM; a mail that is open is asked for anew.
        login = self._state.login
        if login is None or login.login_id != event.login_id or self._state.status is not PanelStatus.READY:
            return
        addresses = [a.address for a in self._addresses]
        if self._lookup.cached(login.login_id, addresses) is None:
            people = self._unknown_people()
            self._set(replace(self._state, people=people, status=PanelStatus.LOADING, fetched_at=0.0))
            self._load(refresh=False)

    def _set(self, state: PanelState) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)


def _waiting_for(entry: PersonEntry, creates: Sequence[Operation]) -> Operation | None:
    for operation in creates:
        values = operation.payload.get("fields")
        if isinstance(values, dict) and str(values.get("Email", "")).lower() == entry.address.address.lower():
            return operation
    return None


def _create_problem(error: BaseException) -> str:
    fields = ", ".join(error.fields) if isinstance(error, ValidationFailed) else ""
    if not fields:
        return ""
    if isinstance(error, ValidationFailed) and error.code == "STRING_TOO_LONG":
        return f"Too long for Salesforce: {fields}."
    return f"Your Salesforce also asks for: {fields}. These cannot be filled in here; create the record in Salesforce."


def failure_words(operation: Operation) -> str:
    """Why an operation failed, in the server's or our words."""
    if operation.error_text:
        return operation.error_text
    return words_for(TransientError(operation.error_code or "failed")).title
