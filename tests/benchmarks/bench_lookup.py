"""How long it takes to know who wrote, on a link with 50 ms of delay.

The first look is set beside the smallest query on the same connection, and beside the two to three calls, one after the other, that the product it is
compared with describes. The second look comes from RAM.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.crm.soql import in_list
from tests.app.crm.org_data import org_data
from tests.app.crm.rig import KARL, LEE, MIA, Rig, open_rig
from tests.benchmarks.rows import Row
from tests.servers.demo import running_demo

NAME = "lookup"
ROUNDS = 15
DELAY_S = 0.05
ADDRESSES = [KARL, MIA, LEE, "nobody@nowhere.example"]


def run() -> list[Row]:
    """Medians of several rounds in turn, in milliseconds."""
    return asyncio.run(_run())


async def _run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fixture = folder / "org.json"
        fixture.write_text(json.dumps(org_data()), encoding="utf-8")
        with running_demo(fixture=fixture) as world:
            async with open_rig(world, folder) as rig:
                return await _measured(rig)


async def _measured(rig: Rig) -> list[Row]:
    login = await rig.sign_in()
    gateway = await rig.logins.gateway(login.login_id)
    await rig.lookup.people(login.login_id, ADDRESSES)
    rig.world.faults("delay", path_regex="/services/data", times=-1, s=DELAY_S)
    people = in_list([KARL, MIA, LEE])

    async def one_by_one() -> None:
        rows = await gateway.query(f"SELECT Id, Name, Email, AccountId FROM Contact WHERE Email IN {people}")
        accounts = in_list({str(row["AccountId"]) for row in rows})
        await gateway.query(
            f"SELECT Id, Name, StageName FROM Opportunity WHERE AccountId IN {accounts} AND IsClosed = false"
        )
        await gateway.query(f"SELECT Id, Subject FROM Task WHERE WhoId IN {in_list(str(row['Id']) for row in rows)}")

    async def bare() -> None:
        await gateway.query("SELECT Id FROM Organization LIMIT 1")

    async def cold() -> None:
        await rig.lookup.people(login.login_id, ADDRESSES, refresh=True)

    async def warm() -> None:
        await rig.lookup.people(login.login_id, ADDRESSES)

    figures: dict[str, list[float]] = {"bare": [], "cold": [], "steps": [], "warm": []}
    for _ in range(ROUNDS):
        for name, work in (("bare", bare), ("cold", cold), ("steps", one_by_one), ("warm", warm)):
            figures[name].append(await _milliseconds(work))
    bare, first, steps, again = (statistics.median(figures[name]) for name in ("bare", "cold", "steps", "warm"))
    return [
        Row.compared("lookup", ours=first, peer=bare, peer_name="one row in one round trip", goal="<= 1.5", unit="ms"),
        Row.compared("lookup", ours=first, peer=steps, peer_name="three calls in a row", goal="<= 0.5", unit="ms"),
        Row.compared("lookup_from_ram", ours=again, peer=first, peer_name="the first look", goal="<= 0.05", unit="ms"),
    ]


async def _milliseconds(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000.0
