"""What services and views ask of the queue."""

from __future__ import annotations

import uuid

import pytest

from app.errors import AppError, BugError, PermanentError, RecordNotFound, ValidationFailed
from app.events import OperationChanged
from app.model.ids import MessageId, OperationId
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.store import operations
from app.store.database import Transaction
from tests.app.outbox.record_handler import RecordHandler
from tests.app.outbox.record_server import Fault
from tests.app.outbox.rig import Rig


async def test_a_queued_operation_and_its_mark_are_one_transaction(rig: Rig) -> None:
    def breaks(tx: Transaction, operation: Operation) -> None:
        RecordHandler._mark(tx, operation, "pending")
        raise PermanentError("this may not be queued")

    rig.handler.apply_local = breaks  # type: ignore[method-assign]
    with pytest.raises(PermanentError):
        await rig.queue()
    assert await rig.outbox.list(include_closed=True) == []
    assert await rig.database.read(lambda reader: reader.rows("SELECT * FROM mark")) == []
    assert rig.events == []


async def test_queueing_tells_after_the_commit_whom_it_concerns(rig: Rig) -> None:
    operation_id = await rig.queue(message=77, record="003A")
    assert rig.events == [OperationChanged(operation_id, OperationState.PENDING, 77, "003A")]
    await rig.replayer.run_once()
    assert [event.state for event in rig.events] == [
        OperationState.PENDING,
        OperationState.SENDING,
        OperationState.DONE,
    ]


async def test_the_caller_may_choose_the_id(rig: Rig) -> None:
    chosen = OperationId(str(uuid.uuid4()))
    given = await rig.outbox.enqueue(
        NewOperation(OperationKind.LOG_MESSAGE, "crm:1", "00D1/0051", "t", "title", {}), operation_id=chosen
    )
    assert given == chosen
    assert (await rig.operation(chosen)).title == "title"


async def test_a_dependency_must_be_there(rig: Rig) -> None:
    with pytest.raises(RecordNotFound):
        await rig.queue(depends_on=(OperationId("11111111-1111-4111-8111-111111111111"),))
    parent = await rig.queue()
    await rig.outbox.discard(parent)
    with pytest.raises(RecordNotFound):
        await rig.queue(depends_on=(parent,))


async def test_a_kind_without_a_handler_is_not_queued_and_none_registers_twice(rig: Rig) -> None:
    with pytest.raises(BugError):
        await rig.queue(kind=OperationKind.SEND_MESSAGE)
    with pytest.raises(BugError):
        rig.outbox.register(RecordHandler(rig.server.url))
    rig.outbox.register(RecordHandler(rig.server.url, kind=OperationKind.SEND_MESSAGE))
    await rig.queue(kind=OperationKind.SEND_MESSAGE)


async def test_undo_before_sending_leaves_nothing(rig: Rig) -> None:
    operation_id = await rig.queue()
    assert await rig.outbox.undo(operation_id)
    assert await rig.mark(operation_id) == ""
    assert await rig.replayer.run_once() == 0
    assert await rig.outbox.list() == []
    assert not await rig.outbox.undo(operation_id)


async def test_undo_is_too_late_once_a_byte_may_have_left(rig: Rig) -> None:
    rig.server.write_faults.extend([Fault("status", 423), Fault("dropped")])
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    assert await rig.state(operation_id) is OperationState.PENDING
    assert not await rig.outbox.undo(operation_id)
    rig.clock.advance(3)
    await rig.replayer.run_once()
    assert await rig.state(operation_id) is OperationState.CHECKING
    assert not await rig.outbox.undo(operation_id)


async def test_undo_after_offline_is_possible(rig: Rig) -> None:
    await rig.server.down()
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    assert await rig.outbox.undo(operation_id)


async def test_discard_asks_about_what_waits_for_it(rig: Rig) -> None:
    parent = await rig.queue("contact")
    child = await rig.queue("message", depends_on=(parent,))
    grandchild = await rig.queue("file", depends_on=(child,))
    assert not await rig.outbox.undo(parent)
    with pytest.raises(ValidationFailed) as refused:
        await rig.outbox.discard(parent)
    assert refused.value.fields == (child, grandchild)
    assert [each.operation_id for each in await rig.outbox.dependants(parent)] == [child, grandchild]
    await rig.outbox.discard(parent, with_dependants=True)
    assert await rig.outbox.list() == []
    assert await rig.database.read(lambda reader: reader.rows("SELECT * FROM mark")) == []


async def test_a_failed_one_loses_its_mark_when_discarded(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 400))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    assert await rig.mark(operation_id) == "refused validation_failed"
    await rig.outbox.discard(operation_id)
    assert await rig.mark(operation_id) == ""
    with pytest.raises(PermanentError):
        await rig.outbox.discard(operation_id)
    with pytest.raises(PermanentError):
        await rig.outbox.retry(operation_id)


async def test_what_is_being_sent_can_be_neither_discarded_nor_undone_nor_retried(rig: Rig) -> None:
    operation_id = await rig.queue()
    rig.server.hold.clear()
    async with rig.running():
        await rig.until(lambda: rig.server.at_once == 1)
        with pytest.raises(PermanentError) as refused:
            await rig.outbox.discard(operation_id)
        assert refused.value.code == "being_sent"
        with pytest.raises(PermanentError):
            await rig.outbox.retry(operation_id)
        assert not await rig.outbox.undo(operation_id)
        rig.server.hold.set()
        await rig.until_state(operation_id, OperationState.DONE)


async def test_discarded_while_in_doubt_stays_discarded(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("late", after_s=100))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    await rig.outbox.discard(operation_id)
    rig.clock.advance(2000)
    await rig.drain()
    assert await rig.state(operation_id) is OperationState.DISCARDED
    assert rig.server.writes == [operation_id]


async def test_retry_tries_at_once_what_waits(rig: Rig) -> None:
    rig.server.write_faults.extend([Fault("status", 423)] * 8)
    operation_id = await rig.queue()
    for _ in range(8):
        await rig.replayer.run_once()
        await rig.outbox.retry(operation_id)
    assert await rig.replayer.run_once() == 1


async def test_counts_and_pending_marks(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 400))
    failed = await rig.queue("a", message=5)
    await rig.replayer.run_once()
    done = await rig.queue("b", message=5)
    await rig.replayer.run_once()
    waiting = await rig.queue("c", message=5, record="003A")
    counts = await rig.outbox.counts()
    assert (counts.open, counts.failed, counts.paused) == (1, 1, 0)
    assert [each.operation_id for each in await rig.outbox.pending(message_id=MessageId(5))] == [failed, waiting]
    assert [each.operation_id for each in await rig.outbox.pending(record_id="003A")] == [waiting]
    assert await rig.outbox.pending(message_id=MessageId(6), record_id="003B") == []
    states = await rig.database.read(lambda r: operations.youngest_states(r, [MessageId(5), MessageId(6)]))
    assert states == {MessageId(5): "pending"}
    assert [each.operation_id for each in await rig.outbox.list(include_closed=True)] == [failed, done, waiting]


async def test_describe_says_what_will_be_sent(rig: Rig) -> None:
    operation_id = await rig.queue()
    assert await rig.outbox.describe(operation_id) == [("Target", "t1"), ("Is html", "no")]
    with pytest.raises(RecordNotFound):
        await rig.outbox.describe(OperationId("nobody"))

    class Speaking(RecordHandler):
        def describe(self, operation: Operation) -> list[tuple[str, str]]:
            return [("Subject", "Offer")]

    rig.outbox.register(Speaking(rig.server.url, kind=OperationKind.SEND_MESSAGE))
    spoken = await rig.queue(kind=OperationKind.SEND_MESSAGE)
    assert await rig.outbox.describe(spoken) == [("Subject", "Offer")]


async def test_supersede_closes_only_what_was_never_sent(rig: Rig) -> None:
    first = await rig.queue(kind=OperationKind.SET_FLAGS)
    second = await rig.queue(kind=OperationKind.SET_FLAGS)
    by = await rig.operation(second)
    assert await rig.database.write("test", lambda tx: operations.supersede(tx, first, by=by))
    assert await rig.state(first) is OperationState.SUPERSEDED
    assert not await rig.database.write("test", lambda tx: operations.supersede(tx, first, by=by))
    await rig.drain()
    assert rig.server.keys() == [second]


async def test_what_is_closed_long_ago_goes_and_what_others_need_stays(rig: Rig) -> None:
    old = await rig.queue("a")
    parent = await rig.queue("b")
    await rig.replayer.run_once()
    await rig.server.down()
    child = await rig.queue("c", depends_on=(parent,))
    rig.clock.advance(40 * 86400)
    await rig.restart()
    await rig.replayer.run_once()
    assert await rig.outbox.get(old) is None
    assert (await rig.operation(parent)).result["record_id"] in ("r1", "r2")
    await rig.server.up()
    await rig.drain()
    assert await rig.state(child) is OperationState.DONE


async def test_errors_speak_of_no_title(rig: Rig) -> None:
    parent = await rig.queue("secret name")
    await rig.queue("x", depends_on=(parent,))
    with pytest.raises(AppError) as refused:
        await rig.outbox.discard(parent)
    assert "secret" not in str(refused.value)
