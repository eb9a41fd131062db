"""Order within a target, dependencies, and fairness among accounts."""

from __future__ import annotations

from app.errors import Offline
from app.model.crm import JsonObject
from app.model.operation import Operation, OperationKind, OperationState
from tests.app.outbox.record_server import Fault
from tests.app.outbox.rig import Rig


async def test_one_target_keeps_its_order_through_faults(rig: Rig) -> None:
    rig.server.write_faults.extend(
        [Fault("status", 423), Fault("lost"), Fault("status", 503), Fault("dropped"), Fault("late", after_s=300)]
    )
    queued = [await rig.queue("record") for _ in range(6)]
    await rig.drain()
    assert rig.server.keys() == queued


async def test_what_waits_holds_up_its_own_target_alone(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 423))
    first = await rig.queue("t1")
    await rig.replayer.run_once()
    behind = await rig.queue("t1")
    free = await rig.queue("t2")
    assert await rig.replayer.run_once() == 1
    assert await rig.state(free) is OperationState.DONE
    assert await rig.state(behind) is OperationState.PENDING
    await rig.drain()
    assert rig.server.keys() == [free, first, behind]


async def test_a_doubt_holds_up_its_target(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("late", after_s=200))
    first = await rig.queue("t1")
    await rig.replayer.run_once()
    second = await rig.queue("t1")
    await rig.drain()
    assert rig.server.keys() == [first, second]


async def test_a_dependant_waits_and_takes_the_real_id(rig: Rig) -> None:
    create = await rig.queue("contact")
    log = await rig.queue("message", depends_on=(create,))
    rig.server.write_faults.append(Fault("late", after_s=120))
    await rig.replayer.run_once()
    waiting = await rig.operation(log)
    assert (waiting.state, waiting.waits_for) == (OperationState.PENDING, (create,))
    assert ("Waits for", "write to contact") in await rig.outbox.describe(log)
    await rig.drain()
    assert rig.server.keys() == [create, log]
    assert rig.server.records[1].parents == ("r1",)
    assert (await rig.operation(log)).waits_for == ()


async def test_a_failed_parent_lets_only_its_dependants_wait(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 400))
    parent = await rig.queue("contact")
    child = await rig.queue("message", depends_on=(parent,))
    grandchild = await rig.queue("file", depends_on=(child,))
    other = await rig.queue("message")
    await rig.drain()
    assert await rig.state(other) is OperationState.DONE, "the target of a waiting dependant is not blocked"
    assert [await rig.state(each) for each in (parent, child, grandchild)] == [
        OperationState.FAILED,
        OperationState.PENDING,
        OperationState.PENDING,
    ]
    await rig.outbox.retry(parent)
    await rig.drain()
    assert rig.server.keys() == [other, parent, child, grandchild]


async def test_a_thousand_of_one_account_do_not_keep_another_waiting(rig: Rig) -> None:
    for n in range(60):
        await rig.queue(f"bulk-{n}", account="mail:1", kind=OperationKind.SET_FLAGS)
    single = await rig.queue("one", account="crm:1")
    await rig.replayer.run_once()
    assert rig.server.keys().index(single) < 6
    assert len(rig.server.keys()) == 61


async def test_at_most_two_of_an_account_and_four_in_all_are_under_way(rig: Rig) -> None:
    for n in range(8):
        for account in ("crm:1", "crm:2", "mail:1"):
            await rig.queue(f"{account}-{n}", account=account)
    rig.server.hold.clear()
    async with rig.running():
        await rig.until(lambda: rig.server.at_once == 4)
        sending = [each for each in await rig.outbox.list() if each.state is OperationState.SENDING]
        assert len(sending) == 4
        assert max(sum(each.account == account for each in sending) for account in ("crm:1", "crm:2", "mail:1")) == 2
        rig.server.hold.set()
        await rig.until(lambda: len(rig.server.keys()) == 24)
    assert rig.server.most_at_once == 4


async def test_two_of_one_target_are_never_under_way_together(rig: Rig) -> None:
    queued = [await rig.queue("same") for _ in range(5)]
    async with rig.running():
        await rig.until(lambda: len(rig.server.keys()) == 5)
    assert rig.server.most_at_once == 1
    assert rig.server.keys() == queued


async def test_another_server_that_is_missed_holds_up_its_operation_alone(rig: Rig) -> None:
    async def needs_its_body(operation: Operation, results: object) -> JsonObject:
        if operation.target == "body elsewhere":
            raise Offline("the mail server has the body")
        return await perform(operation, {})

    perform = rig.handler.perform
    rig.handler.perform = needs_its_body  # type: ignore[method-assign]
    waiting = await rig.queue("body elsewhere")
    await rig.replayer.run_once()
    others = [await rig.queue(f"t{n}") for n in range(3)]
    assert await rig.replayer.run_once() == 3
    assert rig.connectivity.is_online
    assert await rig.state(waiting) is OperationState.PENDING
    assert sorted(rig.server.keys()) == sorted(others)
