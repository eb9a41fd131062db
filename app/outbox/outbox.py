"""The queue as services and views see it: enqueue, look, retry, undo, discard.

Everything here is one transaction each, committed when the call returns: what is said to be queued survives a crash.
Sending is the business of `app.outbox.replay`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.clock import Clock
from app.errors import BugError, PermanentError, RecordNotFound, ValidationFailed
from app.model.ids import MessageId, OperationId
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.outbox import outcomes
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.handler import DescribingHandler, OperationHandler
from app.outbox.words import payload_in_words
from app.store import operations
from app.store.database import Database, Reader, Transaction

# `Outbox.list` hides the builtin inside the class.
Operations: TypeAlias = "list[Operation]"
Pairs: TypeAlias = "list[tuple[str, str]]"


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How many operations are unfinished: ``open`` still move by themselves or wait for sign-in, ``paused`` are those of
    them that wait for sign-in, ``failed`` wait for a decision.
    """

    open: int
    failed: int
    paused: int


class Outbox:
    """The durable queue. One handler is registered for each kind of operation before one of that kind is queued."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        handlers: Iterable[OperationHandler] = (),
        *,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._database = database
        self._clock = clock
        self._handlers = {handler.kind: handler for handler in handlers}
        self._checkpoint = checkpoint

    def register(self, handler: OperationHandler) -> None:
        """Serve one more kind. Raises BugError when the kind is served already."""
        if handler.kind in self._handlers:
            raise BugError(f"two handlers for {handler.kind}")
        self._handlers[handler.kind] = handler

    def handler(self, kind: OperationKind) -> OperationHandler:
        """The handler of a kind. Raises BugError when there is none."""
        try:
            return self._handlers[kind]
        except KeyError:
            raise BugError(f"no handler for {kind}") from None

    async def enqueue(self, new: NewOperation, operation_id: OperationId | None = None) -> OperationId:
        """Queue a change and make it visible, both or neither, on disk when this returns.

        ``operation_id`` is for callers that need the id beforehand (a new UUID version 4). Raises RecordNotFound when a
        dependency is unknown or was discarded, LocalError (disk full) when it could not be kept: nothing is queued then.
        """
        handler = self.handler(new.kind)
        new_id = operation_id or OperationId(str(uuid.uuid4()))
        now = self._clock.wall()

        def queue(tx: Transaction) -> None:
            for needed in new.depends_on:
                dependency = operations.get(tx, needed)
                if dependency is None or dependency.state is OperationState.DISCARDED:
                    raise RecordNotFound("an operation that this one depends on is gone", code="dependency_gone")
            # While its account waits for sign-in, a new operation waits with the others.
            is_paused = operations.is_account_paused(tx, new.account, outcomes.SIGN_IN)
            state = OperationState.PAUSED if is_paused else OperationState.PENDING
            operation = operations.insert(tx, new, new_id, now=now, state=state)
            if is_paused:
                words = outcomes.paused(operation, outcomes.SIGN_IN, outcomes.SIGN_IN_WORDS)
                operations.save(tx, words, expected=state, now=now)
            handler.apply_local(tx, operation)
            self._checkpoint("in_enqueue")

        self._checkpoint("before_enqueue")
        await self._database.write("queue an operation", queue)
        self._checkpoint("after_enqueue")
        return new_id

    async def list(self, *, include_closed: bool = False) -> Operations:
        """The queue, oldest first; with ``include_closed`` what is done, superseded or discarded too, as long as kept."""
        return await self._database.read(operations.everything if include_closed else operations.unfinished)

    async def get(self, operation_id: OperationId) -> Operation | None:
        """The operation, or None when it is unknown or no longer kept."""
        return await self._database.read(lambda reader: operations.get(reader, operation_id))

    async def pending(self, *, message_id: MessageId | None = None, record_id: str = "") -> Operations:
        """Unfinished operations that concern a message or a record; oldest first."""

        def find(reader: Reader) -> Operations:
            found: dict[OperationId, Operation] = {}
            if message_id is not None:
                found |= {each.operation_id: each for each in operations.of_message(reader, message_id)}
            if record_id:
                found |= {each.operation_id: each for each in operations.of_record(reader, record_id)}
            return sorted(found.values(), key=lambda each: each.seq)

        return await self._database.read(find)

    async def done(self, message_id: MessageId, *, limit: int = 20) -> Operations:
        """What was done lately with a message, oldest first, for as long as it is kept."""
        return await self._database.read(lambda reader: operations.done_of_message(reader, message_id, limit=limit))

    async def dependants(self, operation_id: OperationId) -> Operations:
        """Unfinished operations that wait for this one, directly or through others; oldest first."""
        return await self._database.read(lambda reader: operations.dependants(reader, operation_id))

    async def counts(self) -> OutboxCounts:
        """What the badge shows."""
        by_state = await self._database.read(operations.counts)
        return OutboxCounts(
            open=sum(number for state, number in by_state.items() if state.is_open),
            failed=by_state.get(OperationState.FAILED, 0),
            paused=by_state.get(OperationState.PAUSED, 0),
        )

    async def describe(self, operation_id: OperationId) -> Pairs:
        """What exactly will be sent, as label and text. Raises RecordNotFound when the operation is unknown."""

        def find(reader: Reader) -> tuple[Operation, list[str]]:
            operation = _known(reader, operation_id)
            waits = [operations.get(reader, needed) for needed in operation.waits_for]
            return operation, [each.title for each in waits if each is not None]

        operation, waits_for = await self._database.read(find)
        handler = self.handler(operation.kind)
        says = handler.describe(operation) if isinstance(handler, DescribingHandler) else None
        return [*(says or payload_in_words(operation.payload)), *(("Waits for", title) for title in waits_for)]

    async def retry(self, operation_id: OperationId) -> None:
        """Try again now what waits or has failed.

        What may have been written is asked for before it is written again. Raises RecordNotFound (unknown), PermanentError
        (closed, or being sent at this moment).
        """
        now = self._clock.wall()

        def again(tx: Transaction) -> None:
            operation = _known(tx, operation_id)
            if operation.state is OperationState.FAILED:
                self.handler(operation.kind).apply_local(tx, operation)
                operations.save(tx, outcomes.retried(operation), expected=operation.state, now=now)
            elif operation.state is OperationState.PAUSED:
                operations.resume(tx, operation.account)
            elif operation.state in (OperationState.PENDING, OperationState.CHECKING):
                operations.save(tx, replace(operation, not_before=0.0), expected=operation.state, now=now)
            elif operation.state is OperationState.SENDING:
                raise PermanentError("it is being sent at this moment", code="being_sent")
            else:
                raise PermanentError("it is closed already", code="closed")

        await self._database.write("retry an operation", again)

    async def discard(self, operation_id: OperationId, *, with_dependants: bool = False) -> None:
        """Give an operation up and take its marks back.

        Raises RecordNotFound (unknown), PermanentError (closed, or being sent at this moment), ValidationFailed when others wait
        for it and ``with_dependants`` is false: its ``fields`` are their ids. One that is being checked may be on the
        server already and stays there.
        """
        now = self._clock.wall()

        def give_up(tx: Transaction) -> None:
            operation = _known(tx, operation_id)
            waiting = operations.dependants(tx, operation_id)
            if waiting and not with_dependants:
                raise ValidationFailed(
                    f"{len(waiting)} other operations wait for this one",
                    fields=[each.operation_id for each in waiting],
                    code="has_dependants",
                )
            # Youngest first: marks come off in the reverse order of their making.
            for each in [*reversed(waiting), operation]:
                self._discard(tx, each, now)

        await self._database.write("discard an operation", give_up)

    async def undo(self, operation_id: OperationId) -> bool:
        """Take an operation back before it is sent. False when it is too late, or when others wait for it."""
        now = self._clock.wall()

        def take_back(tx: Transaction) -> bool:
            operation = operations.get(tx, operation_id)
            if operation is None or operation.state not in (OperationState.PENDING, OperationState.PAUSED):
                return False
            if operation.first_sent_at or operation.in_doubt_since or operations.dependants(tx, operation_id):
                return False
            self._discard(tx, operation, now)
            return True

        return await self._database.write("undo an operation", take_back)

    def _discard(self, tx: Transaction, operation: Operation, now: float) -> None:
        if operation.state is OperationState.SENDING:
            raise PermanentError("it is being sent at this moment", code="being_sent")
        if not operation.state.is_open and operation.state is not OperationState.FAILED:
            raise PermanentError("it is closed already", code="closed")
        self.handler(operation.kind).back_out(tx, operation, None)
        operations.save(tx, outcomes.discarded(operation), expected=operation.state, now=now)


def _known(reader: Reader, operation_id: OperationId) -> Operation:
    operation = operations.get(reader, operation_id)
    if operation is None:
        raise RecordNotFound("there is no such operation", code="operation_unknown")
    return operation
