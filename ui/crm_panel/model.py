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
from app.errors import Offline, SignInRequired, TransientError
from app.events import AccountsChanged, ConnectivityChanged, EventBus, LookupExpired, OperationChanged, SignedIn
from app.model.crm import CrmLogin, CrmRecord, LookupResult, PersonMatch
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId, local_record_id
from app.model.mail import Address
from app.model.operation import Operation, OperationKind, OperationState
from app.outbox.outbox import Outbox
from ui.dispatch import Dispatcher
from ui.text import Words, words_for

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
    """Follows the selection. ``logged`` says which operations one click made, so that the window can offer to take them back."""

    state_changed = Signal(object)
    queued = Signal(str, object)
    """A sentence and the list of `OperationId` behind it."""

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
            bus.subscribe(LookupExpired, lambda _event: self._on_lookup_expired()),
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
        self._set(replace(self._state, message_id=message_id, chosen=0, log_state="", problem=None))
        self._load(refresh=False)

    def show_nothing(self) -> None:
        """No mail is selected."""
        self._addresses = ()
        self._dispatcher.cancel("crm-panel")
        status = PanelStatus.NO_MESSAGE if self._state.login else PanelStatus.NO_LOGIN
        self._set(PanelState(status, login=self._state.login))

    def refresh(self) -> None:
        """Ask Salesforce again, whatever RAM holds."""
        self._load(refresh=True)

    def choose(self, index: int) -> None:
        """Open another person's card."""
        self._set(replace(self._state, chosen=max(0, min(index, len(self._state.people) - 1))))

    def log(self, related_to: RecordTarget | None) -> None:
        """Queue the log of the mail to all its known people and one record."""
        state = self._state
        people = [target for entry in state.people if (target := entry.target) is not None]
        if state.login is None or state.message_id is None:
            return
        login_id, message_id = state.login.login_id, state.message_id
        waiting = tuple(entry.waiting.operation_id for entry in state.people if entry.waiting)

        async def work() -> None:
            operation = await self._actions.log_message(
                login_id, message_id, people=people, related_to=related_to, depends_on=waiting
            )
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
            self.queued.emit(f"New {object_type} is in the outbox", [operation])

        self._dispatcher.start(work())

    def retry(self, operation_id: OperationId) -> None:
        """Try a failed operation again."""
        self._dispatcher.start(self._outbox.retry(operation_id))

    def discard(self, operation_id: OperationId) -> None:
        """Give an operation up."""
        self._dispatcher.start(self._outbox.discard(operation_id))

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
            self._show_result(cached)
            return
        if not refresh:
            self._set(replace(self._state, status=PanelStatus.LOADING, people=self._unknown_people()))
        self._reload_operations()
        self._dispatcher.start(
            self._fetch(login, addresses, refresh=refresh), slot="crm-panel", on_error=self._on_fetch_failed
        )

    def _refresh_quietly(self) -> None:
        login = self._state.login
        if login is not None and self._state.message_id is not None:
            addresses = [a.address for a in self._addresses]
            self._dispatcher.start(
                self._fetch(login, addresses, refresh=False), slot="crm-panel", on_error=self._on_fetch_failed
            )

    async def _fetch(self, login: CrmLogin, addresses: list[str], *, refresh: bool) -> None:
        message_id = self._state.message_id
        result = await self._lookup.people(login.login_id, addresses, refresh=refresh)
        # An answer belongs to the mail that asked for it; another one is already served from RAM when it is opened.
        if self._state.message_id == message_id:
            self._show_result(result)

    def _on_fetch_failed(self, error: BaseException, words: Words) -> bool:
        status = PanelStatus.FAILED
        if isinstance(error, SignInRequired):
            status = PanelStatus.SIGN_IN
        elif isinstance(error, Offline | TransientError):
            status = PanelStatus.OFFLINE
        self._set(replace(self._state, status=status, people=self._unknown_people(), problem=words, fetched_at=0.0))
        self._reload_operations()
        return True

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
        if self._state.message_id != message_id:
            return
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
        log_state = logs.get(message_id, "") if message_id is not None else ""
        self._set(replace(self._state, people=people, operations=concerned, recent=recent, log_state=log_state))

    def _reload_logins(self) -> None:
        self._dispatcher.start(self._read_logins(), slot="crm-panel-logins")

    async def _read_logins(self) -> None:
        logins = await self._logins.list()
        wanted = (login for login in logins if login.login_id == self._wanted_login)
        login = next(wanted, logins[0] if logins else None)
        if login is None:
            self._set(PanelState(PanelStatus.NO_LOGIN))
            return
        has_message = self._state.message_id is not None
        self._set(
            replace(self._state, login=login, status=PanelStatus.LOADING if has_message else PanelStatus.NO_MESSAGE)
        )
        if has_message:
            self._load(refresh=False)

    def _on_operation_changed(self, event: OperationChanged) -> None:
        self._reload_operations()
        # A write that is over made looked-up values stale; what is still fresh in RAM costs nothing to ask for.
        is_shown = event.subject_message == self._state.message_id or event.subject_record != ""
        if event.state is OperationState.DONE and is_shown and self._state.status is PanelStatus.READY:
            self._refresh_quietly()

    def _on_connectivity_changed(self, event: ConnectivityChanged) -> None:
        if event.is_online and self._state.status in {PanelStatus.OFFLINE, PanelStatus.FAILED}:
            self._load(refresh=False)

    def _on_lookup_expired(self) -> None:
        # Values must leave the screen when they leave RAM; a mail that is open is asked for anew.
        if self._state.status is PanelStatus.READY:
            self._set(replace(self._state, people=self._unknown_people(), status=PanelStatus.LOADING))
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


def failure_words(operation: Operation) -> str:
    """Why an operation failed, in the server's or our words."""
    if operation.error_text:
        return operation.error_text
    return words_for(TransientError(operation.error_code or "failed")).title
