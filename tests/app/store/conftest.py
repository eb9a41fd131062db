"""A database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.events import EventBus
from app.store.database import Database, DatabaseKey


@pytest.fixture
def key() -> DatabaseKey:
    return DatabaseKey.new()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outrigger.db"


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
async def database(path: Path, key: DatabaseKey, bus: EventBus) -> AsyncIterator[Database]:
    opened = await Database.open(path, key, bus=bus, create=True)
    yield opened
    await opened.close()
