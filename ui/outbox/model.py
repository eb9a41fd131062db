"""The queue as a list: what waits, where to, since when, when next. The feature's only file that calls the core."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.clock import Clock
from app.errors import PermanentError, ValidationFailed
from app.events import EventBus, OperationChanged
from app.model.ids import OperationId
from app.model.operation import Operation, OperationKind, OperationState
from app.outbox.outbox import Outbox
from ui.dispatch import Dispatcher
from ui.text import Words, full_time, one_line, operation_state, short_time, waiting_words
from ui.widgets.labels import plain_tip

ROW_ROLE = int(Qt.ItemDataRole.UserRole)
"""A row as one `OutboxRow`."""

KIND_WORDS = {
    OperationKind.LOG_MESSAGE: "Log mail",
    OperationKind.ATTACH_FILE: "Save file",
    OperationKind.CREATE_RECORD: "Create record",
    OperationKind.SEND_MESSAGE: "Send message",
    OperationKind.SET_FLAGS: "Mark messages",
    OperationKind.MOVE_MESSAGES: "Move messages",
}
_TOO_LATE = {
    "being_sent": Words("This is being sent at this moment.", "Its outcome will be known in a moment."),
    "closed": Words("This is over already.", "There is nothing left to do for it."),
    "operation_unknown": Words("This is over already.", "It is no longer kept here."),
}
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """What the delegate paints. ``can_retry`` and ``can_discard`` say which remedies fit the state."""

    operation_id: OperationId
    kind: OperationKind
    state: OperationState
    title: str
    state_words: str
    detail: str
    since: str
    can_retry: bool
    can_discard: bool


class OutboxModel(QAbstractTableModel):
    """Operations that are not over, and those of the last days when ``include_closed`` is on; failed ones first."""

    counts_changed = Signal(object)
    """`OutboxCounts` after every change."""
    described = Signal(str, object)
    """An operation id and what exactly will be sent: a list of (label, text)."""
    dependants_found = Signal(str, object)
    """An operation that was to be given up, and the titles of those that need it."""
    refused = Signal(object)
    """`Words` on why something cannot be retried or given up."""
    news = Signal(str)
    """A change of the queue that a person who does not look wants to hear."""

    def __init__(
        self, outbox: Outbox, bus: EventBus, clock: Clock, dispatcher: Dispatcher, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._outbox = outbox
        self._clock = clock
        self._dispatcher = dispatcher
        self._operations: list[Operation] = []
        self._rows: list[OutboxRow] = []
        self._include_closed = False
        self._unsubscribe = bus.subscribe(OperationChanged, lambda _event: self.reload())
        self.reload()

    def close(self) -> None:
        """Hear nothing more."""
        self._unsubscribe()

    def show_closed(self, shown: bool) -> None:
        """List what is over, too."""
        self._include_closed = shown
        self.reload()

    def reload(self) -> None:
        """Read the queue again; many changes at once cost one reading."""
        self._dispatcher.start(self._read(), slot="outbox")

    def retry(self, operation_id: str) -> None:
        """Try a refused operation again."""
        self._dispatcher.start(self._outbox.retry(OperationId(operation_id)), on_error=self._on_error)

    def discard(self, operation_id: str, *, with_dependants: bool = False) -> None:
        """Give an operation up; when others need it, `dependants_found` asks first."""

        async def work() -> None:
            await self._outbox.discard(OperationId(operation_id), with_dependants=with_dependants)

        def on_error(error: BaseException, words: Words) -> bool:
            if isinstance(error, ValidationFailed) and not with_dependants:
                self._dispatcher.start(self._tell_dependants(OperationId(operation_id)))
                return True
            return self._on_error(error, words)

        self._dispatcher.start(work(), on_error=on_error)

    def describe(self, operation_id: str) -> None:
        """Ask what exactly will be sent; `described` answers."""

        async def work() -> None:
            self.described.emit(operation_id, await self._outbox.describe(OperationId(operation_id)))

        self._dispatcher.start(work(), slot="outbox-describe")

    def rowCount(self, parent: Index | None = None) -> int:
        """Number of operations."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """One: the delegate paints all of a row."""
        return 0 if parent is not None and parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """`OutboxRow` for `ROW_ROLE`, a sentence for screen readers."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{row.title}. {row.detail}" if row.detail else row.title)
        if role == ROW_ROLE:
            return row
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return f"{row.title}. {row.state_words}. {row.detail}"
        return None

    def row_of(self, operation_id: str) -> int:
        """Where an operation is listed, -1 when it is not."""
        return next((n for n, row in enumerate(self._rows) if row.operation_id == operation_id), -1)

    def _on_error(self, error: BaseException, _words: Words) -> bool:
        words = _TOO_LATE.get(error.code) if isinstance(error, PermanentError) else None
        if words is not None:
            self.refused.emit(words)
            self.reload()
        return words is not None

    async def _tell_dependants(self, operation_id: OperationId) -> None:
        titles = [operation.title for operation in await self._outbox.dependants(operation_id)]
        self.dependants_found.emit(str(operation_id), titles)

    async def _read(self) -> None:
        operations = await self._outbox.list(include_closed=self._include_closed)
        counts = await self._outbox.counts()
        # A person looks here for work, not for flags; what the badge counts and what is listed is the same.
        shown = [op for op in operations if op.state is OperationState.FAILED or not op.kind.is_upkeep]
        shown.sort(key=lambda op: (op.state is not OperationState.FAILED, op.seq))
        told = self._news_of(shown)
        self.beginResetModel()
        self._operations = shown
        self._rows = [self._row(op) for op in shown]
        self.endResetModel()
        self.counts_changed.emit(counts)
        if told:
            self.news.emit(told)

    def _news_of(self, shown: list[Operation]) -> str:
        before = {op.operation_id: op.state for op in self._operations}
        refused = [
            op
            for op in shown
            if op.state is OperationState.FAILED and before.get(op.operation_id, OperationState.FAILED) is not op.state
        ]
        if refused:
            return f"Refused: {one_line(refused[0].title)}"
        had = any(state.is_open for state in before.values())
        return "The outbox is empty" if had and not any(op.state.is_open for op in shown) else ""

    def _row(self, operation: Operation) -> OutboxRow:
        now = dt.datetime.fromtimestamp(self._clock.wall()).astimezone()
        state = operation.state
        words = operation_state(operation)
        detail = ""
        if state is OperationState.FAILED:
            detail = one_line(operation.error_text) or "The server refused this."
        elif state is OperationState.PENDING:
            detail = waiting_words(operation)
        if state.is_open and operation.not_before > self._clock.wall():
            detail = f"{detail}  ·  next try {short_time(int(operation.not_before), now)}".removeprefix("  ·  ")
        return OutboxRow(
            operation_id=operation.operation_id,
            kind=operation.kind,
            state=state,
            title=one_line(operation.title) or KIND_WORDS[operation.kind],
            state_words=words,
            detail=detail,
            since=full_time(int(operation.created_at)),
            can_retry=state is OperationState.FAILED,
            can_discard=state in {OperationState.FAILED, OperationState.PENDING, OperationState.PAUSED},
        )
