"""Random operations, faults, deaths and waits against a model of what must come of them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import AppError, PermanentError
from app.model.ids import OperationId
from app.model.operation import OperationKind, OperationState
from app.outbox.checkpoints import CHECKPOINTS
from tests.app.outbox.record_server import Fault
from tests.app.outbox.rig import OWNERS, Rig, open_rig

LOST = ("lost", "dropped", "late")
ACCOUNTS = ("crm:1", "crm:2")
TARGETS = ("a", "b")


class Death(BaseException):
    """The process ends here: whatever was not committed is gone, whatever was is there."""


@dataclass(frozen=True)
class Queue:
    account: str
    target: str
    kind: OperationKind
    needs: int | None


@dataclass(frozen=True)
class Break:
    fault: Fault


@dataclass(frozen=True)
class BreakReading:
    fault: Fault


@dataclass(frozen=True)
class Send:
    """Send what is due; the program dies at the pass of a checkpoint, where one is named."""

    die_at: str = ""
    die_at_pass: int = 1


@dataclass(frozen=True)
class Wait:
    seconds: float
    wall_jump: float


@dataclass(frozen=True)
class Network:
    is_up: bool


@dataclass(frozen=True)
class SignIn:
    is_valid: bool


@dataclass(frozen=True)
class OtherOwner:
    account: str
    is_other: bool


@dataclass(frozen=True)
class GiveUp:
    place: int
    how: str


LOST_ANSWERS = st.one_of(
    st.just(Fault("lost")),
    st.just(Fault("dropped")),
    st.just(Fault("status", 500)),
    st.builds(Fault, kind=st.just("late"), after_s=st.floats(0.1, 599)),
    st.builds(Fault, kind=st.just("late"), after_s=st.floats(0.1, 599)),
)
OTHER_FAULTS = st.sampled_from(
    [
        Fault("status", 400),
        Fault("status", 401),
        Fault("status", 409),
        Fault("status", 423),
        Fault("status", 503),
        Fault("status", 503, headers=(("Retry-After", "77"),)),
        Fault("garbage"),
        Fault("none"),
    ]
)
READ_FAULTS = st.sampled_from([Fault("dropped"), Fault("status", 401), Fault("status", 423), Fault("status", 503)])
QUEUE = st.builds(
    Queue,
    account=st.sampled_from(ACCOUNTS),
    target=st.sampled_from(TARGETS),
    kind=st.sampled_from([OperationKind.LOG_MESSAGE, OperationKind.LOG_MESSAGE, OperationKind.SET_FLAGS]),
    needs=st.one_of(st.none(), st.integers(0, 5)),
)
SEND = st.builds(Send)
DIE = st.builds(Send, die_at=st.sampled_from(CHECKPOINTS), die_at_pass=st.integers(1, 3))
WAIT = st.builds(Wait, seconds=st.one_of(st.floats(0, 60), st.floats(0, 700)), wall_jump=st.just(0.0))
# What matters most comes most often: a lost answer, then a look, a wait or a death in the middle of its doubt.
STEPS = st.one_of(
    QUEUE,
    QUEUE,
    st.builds(Break, fault=LOST_ANSWERS),
    st.builds(Break, fault=LOST_ANSWERS),
    st.builds(Break, fault=OTHER_FAULTS),
    SEND,
    SEND,
    DIE,
    DIE,
    WAIT,
    WAIT,
    st.builds(BreakReading, fault=READ_FAULTS),
    st.builds(Wait, seconds=st.floats(0, 60), wall_jump=st.sampled_from([86400.0, -86400.0])),
    st.builds(Network, is_up=st.booleans()),
    st.builds(SignIn, is_valid=st.booleans()),
    st.builds(OtherOwner, account=st.sampled_from(ACCOUNTS), is_other=st.booleans()),
    st.builds(GiveUp, place=st.integers(0, 5), how=st.sampled_from(["undo", "discard", "retry"])),
)


@dataclass
class Model:
    """What was accepted, in order, and what was taken back before it can have been sent."""

    accepted: list[OperationId] = field(default_factory=list)
    place: dict[OperationId, Queue] = field(default_factory=dict)
    needs: dict[OperationId, OperationId] = field(default_factory=dict)
    undone: set[OperationId] = field(default_factory=set)
    discarded: set[OperationId] = field(default_factory=set)


@pytest.mark.timeout(600)  # a failing example is made small before it is shown
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.lists(QUEUE, min_size=1, max_size=4), steps=st.lists(STEPS, min_size=10, max_size=30))
def test_nothing_is_lost_doubled_or_invented(first: list[object], steps: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_live(Path(folder) / "mail.db", [*first, *steps]))


async def _live(path: Path, steps: list[object]) -> None:
    async with open_rig(path) as rig:
        model = Model()
        for step in steps:
            await _take(rig, model, step)
        await _heal(rig)
        await rig.drain()
        await _compare(rig, model)


async def _take(rig: Rig, model: Model, step: object) -> None:
    match step:
        case Queue():
            await _queue(rig, model, step)
        case Break(fault=fault):
            rig.server.write_faults.append(fault)
        case BreakReading(fault=fault):
            rig.server.read_faults.append(fault)
        case Send(die_at=die_at, die_at_pass=die_at_pass):
            await _send(rig, die_at, die_at_pass)
        case Wait(seconds=seconds, wall_jump=wall_jump):
            rig.clock.advance(seconds)
            rig.clock.jump_wall(wall_jump)
            # The server's time does not jump with the client's clock.
            rig.server.forwarded_s -= wall_jump
        case Network(is_up=is_up):
            await rig.server.down()
            if is_up:
                await rig.server.up()
        case SignIn(is_valid=is_valid):
            rig.server.is_signed_in = is_valid
        case OtherOwner(account=account, is_other=is_other):
            rig.owners[account] = "00D1/0059" if is_other else OWNERS[account]
        case GiveUp(place=place, how=how):
            await _give_up(rig, model, place, how)


async def _queue(rig: Rig, model: Model, step: Queue) -> None:
    needed = model.accepted[step.needs] if step.needs is not None and step.needs < len(model.accepted) else None
    depends_on = () if needed is None else (needed,)
    try:
        operation_id = await rig.queue(step.target, account=step.account, kind=step.kind, depends_on=depends_on)
    except AppError:
        assert needed in model.undone | model.discarded
        return
    model.accepted.append(operation_id)
    model.place[operation_id] = step
    if needed is not None:
        model.needs[operation_id] = needed


async def _send(rig: Rig, die_at: str, die_at_pass: int) -> None:
    passes = 0

    def checkpoint(name: str) -> None:
        nonlocal passes
        passes += name == die_at
        if name == die_at and passes == die_at_pass:
            raise Death

    if not die_at:
        await rig.replayer.run_once()
        return
    await rig.restart(checkpoint=checkpoint)
    with contextlib.suppress(Death):
        await rig.replayer.run_once()
    await rig.restart()


async def _give_up(rig: Rig, model: Model, place: int, how: str) -> None:
    if place >= len(model.accepted):
        return
    operation_id = model.accepted[place]
    try:
        if how == "retry":
            await rig.outbox.retry(operation_id)
        elif how == "undo":
            if await rig.outbox.undo(operation_id):
                model.undone.add(operation_id)
        else:
            below = [each.operation_id for each in await rig.outbox.dependants(operation_id)]
            await rig.outbox.discard(operation_id, with_dependants=True)
            model.discarded |= {operation_id, *below}
    except PermanentError as error:
        if error.code not in ("closed", "being_sent"):
            raise


async def _heal(rig: Rig) -> None:
    """The network is back, the person has signed in as the right user, and retries what was refused.

    Answers still get lost.
    """
    rig.server.write_faults = deque(fault for fault in rig.server.write_faults if fault.kind in LOST)
    rig.server.read_faults.clear()
    rig.server.is_signed_in = True
    for account in ACCOUNTS:
        rig.owners[account] = OWNERS[account]
    await rig.server.down()
    await rig.server.up()
    await rig.restart()
    await rig.drain()
    for operation in await rig.outbox.list():
        if operation.state is OperationState.FAILED:
            await rig.outbox.retry(operation.operation_id)


async def _compare(rig: Rig, model: Model) -> None:
    keys = rig.server.keys()
    given_up = model.undone | model.discarded
    assert len(keys) == len(set(keys)), "doubled"
    assert set(model.accepted) - given_up <= set(keys), "lost"
    assert set(keys) <= set(model.accepted), "invented"
    assert not set(keys) & model.undone, "sent although taken back in time"
    numbers = {record.key: f"r{record.number}" for record in rig.server.records}
    for operation_id in model.accepted:
        state = await rig.state(operation_id)
        if operation_id in given_up:
            assert state is OperationState.DISCARDED
            assert await rig.mark(operation_id) == ""
            continue
        assert state is OperationState.DONE
        assert await rig.mark(operation_id) == f"done {numbers[operation_id]}"
    for child, parent in model.needs.items():
        if child in keys:
            assert rig.server.records[keys.index(child)].parents == (numbers[parent],)
