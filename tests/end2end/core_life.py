"""One life of the core, in a process of its own: `campaign` starts it, kills it and starts it again.

Standard input is one JSON object: profile, secrets, world (the demo world's line), offset (of the world's clock), plot
(null: only add the accounts and sync once), death ({"at": checkpoint, "pass": n}, {"step": what the person has done,
"after_s": seconds later} or {}). Standard output is one JSON object a line: ``said`` for each step, ``secrets`` and
``states`` at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from app.bootstrap import Services, open_app
from app.concurrency import BlockingWorker
from app.model.operation import Operation, OperationState
from app.paths import Profile
from tests.end2end.person import Person, add_accounts
from tests.end2end.plot import RITA, Plot
from tests.servers.clock import ForwardClock
from tests.servers.demo import DemoWorld
from tests.servers.secrets_in_memory import InMemorySecretStore
from tests.servers.sudden_death import die

QUIET_S = 1.0
STEP_S = 15.0
WITHIN_S = 240.0


class WorldAhead:
    """Lets time pass for the demo world and this process alike; its calls block, so they run in a thread."""

    def __init__(self, world: DemoWorld, clock: ForwardClock) -> None:
        self._world = world
        self._clock = clock
        self._worker = BlockingWorker("demo-admin")

    async def forward(self, seconds: float) -> None:
        await self._worker.run(self._world.advance, seconds)
        self._clock.forward(seconds)

    async def close(self) -> None:
        await self._worker.close()


class BrowserOfRita:
    """Signs in by the pages of the demo world, as a person does."""

    def __init__(self, world: DemoWorld) -> None:
        self._world = world

    async def open(self, url: str) -> None:
        login = self._world.login(RITA)
        worker = BlockingWorker("browser")
        try:
            await worker.run(self._world.approve, url, login.user, login.password)
        finally:
            await worker.close()


async def live(asked: dict[str, Any]) -> None:
    passes = 0
    death = asked["death"]

    def checkpoint(name: str) -> None:
        nonlocal passes
        if name == death.get("at"):
            passes += 1
            if passes == death["pass"]:
                die()

    async def say(step: str) -> None:
        _tell({"said": step})
        if step == death.get("step") and death["after_s"] == 0:
            die()
        if step == death.get("step"):
            # From a thread, so that it comes in the middle of whatever is done then.
            timer = threading.Timer(death["after_s"], die)
            timer.daemon = True
            timer.start()

    world = DemoWorld.from_line(json.dumps(asked["world"]), None)  # type: ignore[arg-type]
    clock = ForwardClock(asked["offset"])
    ahead = WorldAhead(world, clock)
    secrets = InMemorySecretStore(asked["secrets"])
    profile = Profile(Path(asked["profile"]))
    async with open_app(
        profile, secrets=secrets, browser=BrowserOfRita(world), clock=clock, checkpoint=checkpoint
    ) as services:
        if asked["plot"] is None:
            await add_accounts(services, world)
            await services.sync.sync_now()
        else:
            person = Person(services, Plot(**asked["plot"]), say)
            await person.live_the_story()
            await _until_nothing_moves(services, ahead)
        _tell({"secrets": secrets.secrets})
        _tell({"states": [_row(each) for each in await services.outbox.list(include_closed=True)]})
    await ahead.close()


async def _until_nothing_moves(services: Services, ahead: WorldAhead) -> None:
    """Let time pass whenever the queue has nothing to do but wait."""
    seen: list[Any] = []
    quiet_since = time.monotonic()
    async with asyncio.timeout(WITHIN_S):
        while True:
            moving = [each for each in await services.outbox.list() if each.state.is_open]
            if not moving:
                return
            now = [(each.operation_id, each.state, each.attempts, each.not_before) for each in moving]
            if now != seen:
                seen, quiet_since = now, time.monotonic()
            waits = [each.not_before - services.clock.wall() for each in moving if not each.waits_for]
            if all(wait > 0 for wait in waits) and not _is_sending(moving):
                await ahead.forward(min(waits) + 0.5)
            elif time.monotonic() - quiet_since > QUIET_S and not _is_sending(moving):
                # Its account rests: nothing in the rows tells how long.
                await ahead.forward(STEP_S)
            await asyncio.sleep(0.02)


def _is_sending(operations: list[Operation]) -> bool:
    return any(each.state is OperationState.SENDING for each in operations)


def _row(operation: Operation) -> dict[str, Any]:
    return {
        "kind": operation.kind,
        "state": operation.state,
        "attempts": operation.attempts,
        "error": f"{operation.error_code} {operation.error_text}".strip(),
    }


def _tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    asyncio.run(live(json.loads(sys.stdin.readline())))
