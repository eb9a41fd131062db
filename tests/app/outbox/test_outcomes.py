"""Every row of the design's table of outcomes, with a server that really answers so."""

from __future__ import annotations

import pytest

from app.errors import DatabaseUnreadable
from app.events import SignedIn, SignInRequired
from app.model.operation import OperationKind, OperationState
from app.outbox.attempt import DOUBT_MARGIN_S, MOST_ATTEMPTS
from tests.app.outbox.record_server import Fault
from tests.app.outbox.rig import OWNER, Rig

DOUBT_S = 600 + DOUBT_MARGIN_S


async def test_done_is_settled_with_its_mark(rig: Rig) -> None:
    operation_id = await rig.queue()
    assert await rig.mark(operation_id) == "pending"
    assert await rig.replayer.run_once() == 1
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.attempts, operation.result) == (OperationState.DONE, 1, {"record_id": "r1"})
    assert operation.in_doubt_since == 0
    assert await rig.mark(operation_id) == "done r1"
    assert rig.server.keys() == [operation_id]


async def test_refused_connection_burns_no_attempt_and_goes_on_when_back(rig: Rig) -> None:
    operation_id = await rig.queue()
    await rig.server.down()
    assert await rig.replayer.run_once() == 0
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.attempts, operation.first_sent_at) == (OperationState.PENDING, 0, 0)
    assert operation.error_code == "offline"
    assert operation.not_before > rig.clock.wall()
    assert not rig.connectivity.is_online
    await rig.server.up()
    assert await rig.replayer.run_once() == 0, "the backoff is not over"
    rig.clock.advance(5)
    assert await rig.replayer.run_once() == 1
    assert rig.connectivity.is_online


async def test_retry_after_is_obeyed_by_the_whole_account(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 503, headers=(("Retry-After", "120"),)))
    first = await rig.queue("t1")
    await rig.replayer.run_once()
    second = await rig.queue("t2")
    other_account = await rig.queue("t3", account="crm:2")
    assert await rig.replayer.run_once() == 1
    assert await rig.state(other_account) is OperationState.DONE
    operation = await rig.operation(first)
    assert (operation.attempts, operation.error_code) == (0, "rate_limited")
    rig.clock.advance(119)
    assert await rig.replayer.run_once() == 0
    rig.clock.advance(15)
    assert await rig.replayer.run_once() == 2
    assert await rig.state(second) is OperationState.DONE


async def test_not_done_is_tried_again_with_growing_waits(rig: Rig) -> None:
    rig.server.write_faults.extend([Fault("status", 423)] * 6)
    operation_id = await rig.queue()
    waits = []
    for _ in range(6):
        await rig.replayer.run_once()
        waits.append((await rig.operation(operation_id)).not_before - rig.clock.wall())
        rig.clock.advance(waits[-1] + 0.01)
    assert all(2.0**n / 2 <= wait <= 2.0**n for n, wait in enumerate(waits))
    assert await rig.replayer.run_once() == 1
    assert (await rig.operation(operation_id)).attempts == 7


async def test_what_never_works_is_given_up_visibly_and_can_be_started_anew(rig: Rig) -> None:
    rig.server.write_faults.extend([Fault("status", 423)] * MOST_ATTEMPTS)
    operation_id = await rig.queue()
    await rig.drain()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.error_code) == (OperationState.FAILED, "gave_up")
    assert await rig.mark(operation_id) == "refused gave_up"
    await rig.outbox.retry(operation_id)
    assert await rig.mark(operation_id) == "pending"
    assert await rig.replayer.run_once() == 1
    assert rig.server.keys() == [operation_id]


@pytest.mark.parametrize("fault", [Fault("lost"), Fault("status", 500), Fault("status", 502), Fault("status", 504)])
async def test_lost_answer_is_asked_for_at_once(rig: Rig, fault: Fault) -> None:
    rig.server.write_faults.append(fault)
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    assert rig.server.reads == [operation_id]
    assert len(rig.server.writes) == 1
    if fault.kind == "lost":
        assert await rig.state(operation_id) is OperationState.DONE
        assert await rig.mark(operation_id) == "done r1"
    else:
        assert await rig.state(operation_id) is OperationState.CHECKING


async def test_absent_waits_out_the_longest_call_and_asks_again_before_writing(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.attempts) == (OperationState.CHECKING, 1)
    assert operation.not_before == pytest.approx(rig.clock.wall() + DOUBT_S)
    rig.clock.advance(DOUBT_S - 1)
    assert await rig.replayer.run_once() == 0
    rig.clock.advance(2)
    assert await rig.replayer.run_once() == 1
    assert rig.server.reads == [operation_id, operation_id]
    assert len(rig.server.writes) == 2
    assert rig.server.keys() == [operation_id]


async def test_late_commit_is_found_and_not_written_twice(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("late", after_s=599))
    operation_id = await rig.queue()
    await rig.drain()
    assert rig.server.writes == [operation_id]
    assert rig.server.keys() == [operation_id]
    assert await rig.mark(operation_id) == "done r1"


async def test_the_doubt_survives_a_restart_and_does_not_begin_anew(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    rig.clock.advance(400)
    await rig.restart()
    assert await rig.replayer.run_once() == 0
    rig.clock.advance(DOUBT_S - 401)
    assert await rig.replayer.run_once() == 0
    rig.clock.advance(2)
    assert await rig.replayer.run_once() == 1
    assert rig.server.keys() == [operation_id]


async def test_a_jump_of_the_wall_clock_does_not_end_a_doubt(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("late", after_s=86400 + 500))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    rig.clock.jump_wall(86400)
    await rig.replayer.run_once()
    assert len(rig.server.writes) == 1
    rig.clock.advance(501)
    await rig.drain()
    assert rig.server.writes == [operation_id]
    assert await rig.state(operation_id) is OperationState.DONE


async def test_a_wall_clock_set_back_does_not_hold_up_a_backoff(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 423))
    await rig.queue()
    await rig.replayer.run_once()
    rig.clock.jump_wall(-86400)
    rig.clock.advance(2)
    assert await rig.replayer.run_once() == 1


async def test_a_restart_after_the_clock_went_back_waits_the_whole_doubt(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    rig.clock.jump_wall(-3600)
    await rig.restart()
    rig.clock.advance(DOUBT_S - 5)
    await rig.replayer.run_once()
    assert len(rig.server.writes) == 1
    await rig.drain()
    assert rig.server.keys() == [operation_id]


async def test_writing_twice_without_harm_needs_no_wait(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    operation_id = await rig.queue(kind=OperationKind.SET_FLAGS)
    assert await rig.replayer.run_once() == 1
    assert rig.server.reads == [operation_id]
    assert len(rig.server.writes) == 2


async def test_a_question_that_fails_is_asked_again(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("lost"))
    rig.server.read_faults.extend([Fault("dropped"), Fault("status", 503), Fault("status", 423)])
    operation_id = await rig.queue()
    await rig.drain()
    assert rig.server.writes == [operation_id]
    assert len(rig.server.reads) == 4
    assert await rig.state(operation_id) is OperationState.DONE


async def test_undecidable_is_shown_and_sent_again_only_on_a_persons_word(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    rig.server.read_faults.append(Fault("status", 300))
    operation_id = await rig.queue()
    await rig.drain()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.error_code, operation.error_text) == (
        OperationState.FAILED,
        "undecidable",
        "nobody can tell",
    )
    rig.clock.advance(100_000)
    await rig.restart()
    assert await rig.replayer.run_once() == 0
    assert len(rig.server.writes) == 1
    await rig.outbox.retry(operation_id)
    assert await rig.replayer.run_once() == 1
    assert len(rig.server.writes) == 2


async def test_undecidable_sent_again_early_still_waits_for_the_lost_call(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("dropped"))
    rig.server.read_faults.append(Fault("status", 300))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    await rig.outbox.retry(operation_id)
    await rig.outbox.retry(operation_id)
    assert await rig.replayer.run_once() == 0
    rig.clock.advance(DOUBT_S + 1)
    assert await rig.replayer.run_once() == 1


async def test_sign_in_pauses_the_account_asks_once_and_goes_on(rig: Rig) -> None:
    operations = [await rig.queue(f"t{n}") for n in range(5)]
    other = await rig.queue("t9", account="mail:1", kind=OperationKind.SET_FLAGS)
    rig.server.is_signed_in = False
    await rig.replayer.run_once()
    assert [await rig.state(each) for each in operations] == [OperationState.PAUSED] * 5
    assert len([event for event in rig.events if event == SignInRequired("crm:1")]) == 1
    assert (await rig.operation(operations[0])).attempts == 0
    counts = await rig.outbox.counts()
    assert await rig.state(other) is OperationState.PAUSED
    # The sixth is a flag: upkeep is no work that a person counts.
    assert (counts.open, counts.paused, counts.failed) == (5, 5, 0)
    newer = await rig.queue("t1")
    assert await rig.state(newer) is OperationState.PAUSED
    rig.server.is_signed_in = True
    async with rig.running():
        rig.bus.publish(SignedIn("crm:1"))
        await rig.until_state(newer, OperationState.DONE)
        rig.bus.publish(SignedIn("mail:1"))
        await rig.until_state(other, OperationState.DONE)
    assert sorted(rig.server.keys()) == sorted([*operations, newer, other])


async def test_sign_in_needed_for_the_question_keeps_the_doubt(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("lost"))
    rig.server.read_faults.append(Fault("status", 401))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    operation = await rig.operation(operation_id)
    assert operation.state is OperationState.PAUSED
    assert operation.in_doubt_since > 0
    await rig.restart()
    assert await rig.replayer.run_once() == 1
    assert rig.server.writes == [operation_id]


async def test_refused_for_good_is_taken_back_and_shown_with_its_fields(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 400))
    refused = await rig.queue()
    other = await rig.queue()
    assert await rig.replayer.run_once() == 2
    operation = await rig.operation(refused)
    assert (operation.state, operation.error_code, operation.error_text, operation.error_fields) == (
        OperationState.FAILED,
        "validation_failed",
        "Last name is missing",
        ("LastName",),
    )
    assert await rig.mark(refused) == "refused validation_failed"
    assert await rig.state(other) is OperationState.DONE, "the next one of its target goes on"


async def test_duplicates_are_kept_for_the_view(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 409))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    assert (await rig.operation(operation_id)).result == {
        "matches": [{"object_type": "Contact", "record_id": "003A", "confidence": 90.0}],
        "can_save_anyway": True,
    }


async def test_a_bug_fails_visibly_and_never_loops(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("garbage"))
    operation_id = await rig.queue()
    await rig.drain()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.error_code) == (OperationState.FAILED, "bug")
    assert len(rig.server.writes) == 1
    await rig.outbox.retry(operation_id)
    await rig.drain()
    assert rig.server.writes == [operation_id], "what may have been written is asked for first"
    assert await rig.state(operation_id) is OperationState.DONE


async def test_a_bug_when_settling_is_shown_and_mended_by_retry(rig: Rig) -> None:
    rig.handler.breaks_when_settling = True
    operation_id = await rig.queue()
    await rig.drain()
    assert (await rig.operation(operation_id)).error_code == "bug"
    rig.handler.breaks_when_settling = False
    await rig.outbox.retry(operation_id)
    await rig.drain()
    assert rig.server.writes == [operation_id]
    assert await rig.mark(operation_id) == "done r1"


async def test_a_bug_when_backing_out_still_ends_in_failed(rig: Rig) -> None:
    rig.handler.breaks_when_backing_out = True
    rig.server.write_faults.append(Fault("status", 400))
    operation_id = await rig.queue()
    assert await rig.replayer.run_once() == 1
    assert (await rig.operation(operation_id)).error_code == "validation_failed"


async def test_a_full_disk_stops_the_sending_and_leaves_a_doubt(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 507))
    first = await rig.queue("t1")
    second = await rig.queue("t2")
    async with rig.running():
        await rig.until(lambda: any(getattr(event, "code", "") == "disk_full" for event in rig.events))
        assert await rig.state(first) is OperationState.CHECKING
        rig.clock.advance(61)
        await rig.until_state(second, OperationState.DONE)
    await rig.drain()
    assert sorted(rig.server.keys()) == sorted([first, second])


async def test_an_unreadable_database_ends_the_sending(rig: Rig) -> None:
    async def perform(operation: object, results: object) -> dict[str, object]:
        raise DatabaseUnreadable("page 7", kind="damaged")

    rig.handler.perform = perform  # type: ignore[method-assign,assignment]
    operation_id = await rig.queue()
    with pytest.raises(DatabaseUnreadable):
        await rig.replayer.run()
    assert await rig.state(operation_id) is OperationState.CHECKING


async def test_nothing_is_ever_sent_under_another_owner(rig: Rig) -> None:
    operation_id = await rig.queue()
    mine = await rig.queue("t2", account="crm:2")
    rig.owners["crm:1"] = "00D1/0059"
    await rig.drain()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.error_code) == (OperationState.PAUSED, "other_owner")
    assert "another sign-in" in operation.error_text
    assert rig.server.writes == [mine]
    await rig.restart()
    rig.bus.publish(SignedIn("crm:1"))
    await rig.drain()
    assert rig.server.writes == [mine]
    rig.owners["crm:1"] = OWNER
    await rig.restart()
    await rig.drain()
    assert rig.server.keys() == [mine, operation_id]


async def test_operations_of_a_removed_account_say_so(rig: Rig) -> None:
    operation_id = await rig.queue()
    del rig.owners["crm:1"]
    await rig.drain()
    assert (await rig.operation(operation_id)).error_code == "account_removed"
    assert rig.server.writes == []


async def test_the_same_user_added_again_takes_up_what_was_left(rig: Rig) -> None:
    operation_id = await rig.queue()
    del rig.owners["crm:1"]
    await rig.drain()
    rig.owners["crm:7"] = "00D1/0059"
    rig.bus.publish(SignedIn("crm:7"))
    await rig.drain()
    assert (await rig.operation(operation_id)).error_code == "account_removed", "another user is not the same"
    rig.owners["crm:8"] = OWNER
    rig.bus.publish(SignedIn("crm:8"))
    await rig.drain()
    operation = await rig.operation(operation_id)
    assert (operation.state, operation.account) == (OperationState.DONE, "crm:8")
    assert rig.server.keys() == [operation_id]


async def test_a_kind_without_a_handler_fails_visibly(rig: Rig) -> None:
    operation_id = await rig.queue()
    rig.outbox._handlers.clear()
    await rig.drain()
    assert (await rig.operation(operation_id)).error_code == "bug"
