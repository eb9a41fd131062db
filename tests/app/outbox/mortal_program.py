"""The program that `test_kill` starts and kills: queues what is not queued yet, sends until nothing is left, tells the states.

Standard input is one JSON object: database, key (three parts), url, offset (seconds that its clock is ahead), die_at (name of a checkpoint
or ""), die_at_pass (which time it is passed).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Literal

import aiohttp

from app.connectivity import Connectivity
from app.events import EventBus, SignedIn
from app.model.ids import OperationId
from app.model.operation import NewOperation, OperationKind, OperationState
from app.outbox.outbox import Outbox
from app.outbox.replay import Replayer
from app.store.database import Database, DatabaseKey
from tests.app.outbox.record_handler import MARKS, RecordHandler
from tests.servers.clock import ForwardClock
from tests.servers.sudden_death import die

OWNER = "00D1/0051"
CREATE, LOG, ATTACH, FLAG, LAST = (OperationId(f"{n}0000000-0000-4000-8000-000000000000") for n in range(1, 6))
STORY = (
    (CREATE, OperationKind.LOG_MESSAGE, "contact", ()),
    (LOG, OperationKind.LOG_MESSAGE, "message", (CREATE,)),
    (ATTACH, OperationKind.LOG_MESSAGE, "message", ()),
    (FLAG, OperationKind.SET_FLAGS, "flags", ()),
    (LAST, OperationKind.LOG_MESSAGE, "message", (CREATE, ATTACH)),
)
STEP_S = 30.0


async def live(asked: dict[str, Any]) -> dict[str, list[str]]:
    passes = 0

    def checkpoint(name: str) -> None:
        nonlocal passes
        if name == asked["die_at"]:
            passes += 1
            if passes == asked["die_at_pass"]:
                die()

    bus = EventBus()
    clock = ForwardClock(asked["offset"])
    path = Path(asked["database"])
    database = await Database.open(path, DatabaseKey(*asked["key"]), bus=bus, create=not path.exists())
    await database.write("make the table of marks", lambda tx: tx.execute(MARKS))
    handlers = (
        RecordHandler(asked["url"]),
        RecordHandler(asked["url"], kind=OperationKind.SET_FLAGS, longest_call_s=0.0),
    )
    outbox = Outbox(database, clock, handlers, checkpoint=checkpoint)
    replayer = Replayer(
        database, bus, clock, outbox, Connectivity(bus, clock), lambda _reader, _account: OWNER, checkpoint=checkpoint
    )
    for operation_id, kind, target, depends_on in STORY:
        if await outbox.get(operation_id) is None:
            new = NewOperation(kind, "crm:1", OWNER, target, "", {}, depends_on=depends_on)
            await outbox.enqueue(new, operation_id)
    while (next_step := await _one_round(outbox, replayer, bus)) != "finished":
        if next_step == "wait":
            await _forward(clock, asked["url"])
    rows = await database.read(lambda r: r.rows("SELECT operation_id, words FROM mark"))
    marks = {row[0]: row[1] for row in rows}
    ended = {
        each.operation_id: [each.state, marks[each.operation_id]] for each in await outbox.list(include_closed=True)
    }
    await database.close()
    return ended


async def _one_round(outbox: Outbox, replayer: Replayer, bus: EventBus) -> Literal["finished", "wait", "go on"]:
    """Send what is due and do what a person would do about the rest."""
    await replayer.run_once()
    states = {each.operation_id: each.state for each in await outbox.list()}
    for operation_id, state in states.items():
        if state is OperationState.FAILED:
            await outbox.retry(operation_id)
        elif state is OperationState.PAUSED:
            bus.publish(SignedIn("crm:1"))
    if OperationState.FAILED in states.values() or OperationState.PAUSED in states.values():
        return "go on"
    return "wait" if states else "finished"


async def _forward(clock: ForwardClock, url: str) -> None:
    clock.forward(STEP_S)
    async with aiohttp.ClientSession() as session, session.post(f"{url}/forward", json={"seconds": STEP_S}):
        pass


if __name__ == "__main__":
    print(json.dumps(asyncio.run(live(json.loads(sys.stdin.readline())))))
