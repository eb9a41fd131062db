"""What waits is woken on time: by the clock, by news of the network, by sign-in, by a call."""

from __future__ import annotations

from app.errors import Offline
from app.events import AccountReachable, ConnectivityChanged
from app.model.operation import OperationState
from tests.app.outbox.record_server import Fault
from tests.app.outbox.rig import Rig


async def test_a_new_operation_is_sent_at_once(rig: Rig) -> None:
    async with rig.running():
        await rig.until_state(await rig.queue(), OperationState.DONE)


async def test_a_long_deferral_is_woken_on_time(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 503, headers=(("Retry-After", "3000"),)))
    async with rig.running():
        operation_id = await rig.queue()
        await rig.until(lambda: len(rig.server.writes) == 1)
        await rig.until_state(operation_id, OperationState.PENDING)
        for _ in range(50):
            await rig.until(lambda: rig.clock.next_alarm_in is not None)
            rig.clock.advance(60)
        assert len(rig.server.writes) == 1
        rig.clock.advance(600)
        await rig.until_state(operation_id, OperationState.DONE)


async def test_time_that_passed_while_the_machine_slept_counts(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 423))
    operation_id = await rig.queue()
    await rig.replayer.run_once()
    rig.clock.jump_wall(8 * 3600)
    assert await rig.replayer.run_once() == 1
    assert await rig.state(operation_id) is OperationState.DONE


async def test_offline_is_noticed_and_replay_goes_on_at_once_when_back(rig: Rig) -> None:
    asked: list[float] = []

    async def probe() -> None:
        asked.append(rig.clock.monotonic())
        if rig.server._runner is None:
            raise Offline("no route")

    rig.connectivity.register_probe("crm:1", probe)
    heard: list[object] = []
    rig.bus.subscribe(ConnectivityChanged, heard.append)
    rig.bus.subscribe(AccountReachable, heard.append)
    await rig.server.down()
    async with rig.running():
        first = await rig.queue("t1")
        await rig.until(lambda: ConnectivityChanged(False, False) in heard)
        second = await rig.queue("t2")
        for _ in range(8):
            seen = len(asked)
            await rig.until(lambda: rig.clock.next_alarm_in is not None)
            rig.clock.advance(60)
            await rig.until(lambda seen=seen: len(asked) > seen)
        assert (await rig.operation(first)).attempts == 0
        assert (await rig.operation(second)).error_code == "", "nothing is tried while the server is out of reach"
        await rig.server.up()
        rig.clock.advance(60)
        await rig.until_state(first, OperationState.DONE)
        await rig.until_state(second, OperationState.DONE)
    assert heard == [
        AccountReachable("crm:1", False),
        ConnectivityChanged(False, False),
        AccountReachable("crm:1", True),
        ConnectivityChanged(True, False),
    ]


async def test_working_offline_sends_nothing_until_it_ends(rig: Rig) -> None:
    rig.connectivity.set_work_offline(True)
    async with rig.running():
        operation_id = await rig.queue()
        rig.replayer.wake()
        for _ in range(5):
            await rig.until(lambda: rig.clock.next_alarm_in is not None)
            rig.clock.advance(1000)
        assert (await rig.operation(operation_id)).attempts == 0
        assert rig.server.writes == []
        rig.connectivity.set_work_offline(False)
        await rig.until_state(operation_id, OperationState.DONE)


async def test_a_servers_wish_to_wait_outlasts_news_of_the_network(rig: Rig) -> None:
    rig.server.write_faults.append(Fault("status", 503, headers=(("Retry-After", "300"),)))
    await rig.queue("t1")
    await rig.replayer.run_once()
    second = await rig.queue("t2")
    rig.connectivity.set_work_offline(True)
    rig.connectivity.set_work_offline(False)
    rig.connectivity.report(False, "crm:1")
    rig.connectivity.report(True, "crm:1")
    assert await rig.replayer.run_once() == 0
    assert await rig.state(second) is OperationState.PENDING
    rig.clock.advance(331)
    assert await rig.replayer.run_once() == 2


async def test_stopping_in_the_middle_of_a_call_leaves_a_doubt_that_the_next_start_asks_for(rig: Rig) -> None:
    rig.server.hold.clear()
    operation_id = await rig.queue()
    async with rig.running():
        await rig.until(lambda: rig.server.at_once == 1)
    assert await rig.state(operation_id) is OperationState.SENDING
    rig.server.hold.set()
    await rig.restart()
    await rig.drain()
    assert rig.server.keys() == [operation_id]
    assert rig.server.reads[0] == operation_id
