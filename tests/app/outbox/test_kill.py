"""The process is killed at every named point of the queue's work: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.outbox.checkpoints import CHECKPOINTS
from app.store.database import DatabaseKey
from tests.app.outbox.mortal_program import ATTACH, CREATE, FLAG, LAST, LOG
from tests.app.outbox.record_server import Fault, RecordServer
from tests.servers.sudden_death import DEATH

ALL = {CREATE, LOG, ATTACH, FLAG, LAST}


@dataclass
class Lives:
    """One profile, and the processes that live on it one after the other."""

    database: Path
    server: RecordServer
    key: DatabaseKey

    async def one(self, die_at: str = "", die_at_pass: int = 1) -> tuple[int, dict[str, list[str]]]:
        """The return code of one process, and what it told when it came to its end."""
        asked = {
            "database": str(self.database),
            "key": [self.key.key_hex, self.key.database_id, self.key.generation],
            "url": self.server.url,
            "offset": self.server.forwarded_s,
            "die_at": die_at,
            "die_at_pass": die_at_pass,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.app.outbox.mortal_program",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        told, _ = await process.communicate(json.dumps(asked).encode() + b"\n")
        assert process.returncode is not None
        return process.returncode, json.loads(told) if told else {}

    def assert_each_exactly_once(self, told: dict[str, list[str]]) -> None:
        keys = self.server.keys()
        assert sorted(keys) == sorted(ALL)
        assert keys.index(CREATE) < keys.index(LOG)
        assert max(keys.index(CREATE), keys.index(ATTACH)) < keys.index(LAST)
        numbers = {record.key: f"r{record.number}" for record in self.server.records}
        assert self.server.records[keys.index(LOG)].parents == (numbers[CREATE],)
        assert told == {key: ["done", f"done {numbers[key]}"] for key in ALL}


@pytest.fixture
def faults() -> list[Fault]:
    return [
        Fault("status", 401),
        Fault("status", 423),
        Fault("lost"),
        Fault("status", 400),
        Fault("late", after_s=250),
        Fault("dropped"),
    ]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
async def test_killed_at_every_point(tmp_path: Path, checkpoint: str, faults: list[Fault]) -> None:
    server = RecordServer(time.time)
    server.write_faults.extend(faults)
    await server.up()
    lives = Lives(tmp_path / "mail.db", server, DatabaseKey.new())
    try:
        code, _ = await lives.one(checkpoint)
        assert code == DEATH, "the point was never passed"
        code, told = await lives.one()
        assert code == 0
        lives.assert_each_exactly_once(told)
    finally:
        await server.down()


@pytest.mark.parametrize("seed", range(3))
async def test_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    server = RecordServer(time.time)
    server.write_faults.extend(
        dice.choice(
            [Fault("lost"), Fault("late", after_s=dice.uniform(1, 599)), Fault("dropped"), Fault("status", 503)]
        )
        for _ in range(6)
    )
    await server.up()
    lives = Lives(tmp_path / "mail.db", server, DatabaseKey.new())
    try:
        for _ in range(6):
            code, told = await lives.one(dice.choice(CHECKPOINTS), dice.randint(1, 3))
            assert code in (0, DEATH)
            if code == 0:
                break
        else:
            code, told = await lives.one()
            assert code == 0
        lives.assert_each_exactly_once(told)
    finally:
        await server.down()
