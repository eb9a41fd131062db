"""Fixtures of the CRM side's tests: a demo world with an org of their own, put back to its start before each test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.app.crm.org_data import org_data
from tests.app.crm.rig import Rig, open_rig
from tests.servers.demo import DemoWorld, running_demo


@pytest.fixture(scope="session")
def crm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoWorld]:
    """The demo world's process."""
    fixture = tmp_path_factory.mktemp("crm") / "org.json"
    fixture.write_text(json.dumps(org_data()), encoding="utf-8")
    with running_demo(fixture=fixture) as world:
        yield world


@pytest.fixture
def world(crm_process: DemoWorld) -> DemoWorld:
    """The demo world as new."""
    crm_process.reset()
    return crm_process


@pytest.fixture
async def rig(world: DemoWorld, tmp_path: Path) -> AsyncIterator[Rig]:
    """The CRM side with a new database, beside the demo world."""
    async with open_rig(world, tmp_path) as opened:
        yield opened
