"""The key and the file together: no new key beside an old file, no new file beside an old key."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.errors import AppError, DatabaseKeyMissing, DatabaseUnreadable, SecretStoreUnavailable
from app.events import EventBus
from app.store.database import Database, DatabaseKey
from app.store.keys import NEXT_SECRET_NAME, SECRET_NAME, open_database, read_key, renew_key, start_over
from app.store.opening import set_aside
from tests.app.store.rows import add_row, row_names
from tests.servers.secrets_in_memory import InMemorySecretStore


@pytest.fixture
def secrets() -> InMemorySecretStore:
    return InMemorySecretStore()


async def opened_names(path: Path, secrets: InMemorySecretStore) -> list[str]:
    database = await open_database(path, secrets, bus=EventBus(), clock=SystemClock())
    try:
        return await database.read(row_names)
    finally:
        await database.close()


async def first_start(path: Path, secrets: InMemorySecretStore) -> None:
    database = await open_database(path, secrets, bus=EventBus(), clock=SystemClock())
    await database.write("add", lambda tx: add_row(tx, "kept"))
    await database.close()


async def refused(path: Path, secrets: InMemorySecretStore, error: type[AppError]) -> AppError:
    """That opening fails so, and that neither file nor secrets changed by it."""
    file = path.read_bytes() if path.exists() else None
    kept = dict(secrets.secrets)
    with pytest.raises(error) as caught:
        await open_database(path, secrets, bus=EventBus(), clock=SystemClock())
    assert secrets.secrets == kept
    assert (path.read_bytes() if path.exists() else None) == file
    return caught.value


async def test_the_first_start_makes_both_and_the_next_finds_them(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    assert await opened_names(path, secrets) == ["kept"]
    key = await read_key(secrets)
    assert key is not None
    assert key.generation == 1
    assert len(secrets.secrets[SECRET_NAME]) < 1280


async def test_a_missing_key_is_never_replaced(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    kept = secrets.secrets.pop(SECRET_NAME)
    await refused(path, secrets, DatabaseKeyMissing)
    os.truncate(path, 0)
    await refused(path, secrets, DatabaseKeyMissing)
    secrets.secrets[SECRET_NAME] = kept
    error = await refused(path, secrets, DatabaseUnreadable)
    assert isinstance(error, DatabaseUnreadable)
    assert error.kind == "emptied"


async def test_a_key_without_its_file_makes_no_new_one(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    path.unlink()
    error = await refused(path, secrets, DatabaseUnreadable)
    assert isinstance(error, DatabaseUnreadable)
    assert error.kind == "missing"
    assert not path.exists()


@pytest.mark.parametrize(
    "text", ["", "1:abc", "garbage", "2:" + "a" * 64 + ":" + "b" * 36 + ":1", "1:" + "g" * 64 + ":" + "b" * 36 + ":1"]
)
async def test_a_damaged_key_is_told_apart_from_a_missing_one(
    path: Path, secrets: InMemorySecretStore, text: str
) -> None:
    await first_start(path, secrets)
    secrets.secrets[SECRET_NAME] = text
    assert (await refused(path, secrets, DatabaseKeyMissing)).code == "database_key_damaged"


async def test_a_locked_keychain_makes_nothing(path: Path, secrets: InMemorySecretStore) -> None:
    secrets.is_locked = True
    await refused(path, secrets, SecretStoreUnavailable)
    assert not path.exists()
    secrets.is_locked = False
    await first_start(path, secrets)
    secrets.is_locked = True
    await refused(path, secrets, SecretStoreUnavailable)


class DyingSecretStore(InMemorySecretStore):
    """Fails at the n-th write, as a keychain that is locked in the middle would."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.writes = writes

    async def set(self, name: str, value: str) -> None:
        if self.writes == 0:
            raise SecretStoreUnavailable("locked meanwhile", code="secret_store_locked")
        self.writes -= 1
        await super().set(name, value)


@pytest.mark.parametrize("writes", [0, 1])
async def test_a_first_start_that_did_not_end_is_done_again(path: Path, writes: int) -> None:
    dying = DyingSecretStore(writes)
    with pytest.raises(SecretStoreUnavailable):
        await open_database(path, dying, bus=EventBus(), clock=SystemClock())
    secrets = InMemorySecretStore(dying.secrets)
    await first_start(path, secrets)
    assert await opened_names(path, secrets) == ["kept"]


@pytest.mark.parametrize("left", [b"", b"half a page", os.urandom(8192), None])
async def test_what_an_unfinished_first_start_left_is_put_aside(
    path: Path, secrets: InMemorySecretStore, left: bytes | None
) -> None:
    await first_start(path, secrets)
    secrets.secrets[SECRET_NAME] = secrets.secrets[SECRET_NAME].rpartition(":")[0] + ":0"
    if left is None:
        path.unlink()
    else:
        path.write_bytes(left)
    assert await opened_names(path, secrets) == []
    assert secrets.secrets[SECRET_NAME].endswith(":1")
    assert len([one for one in path.parent.iterdir() if "unfinished" in one.name]) == (left is not None)


async def test_starting_over_keeps_the_file_and_its_key(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    old = secrets.secrets[SECRET_NAME]
    key = await read_key(secrets)
    assert key is not None
    aside = await start_over(path, secrets, clock=SystemClock())
    assert aside is not None
    assert aside.exists()
    assert await opened_names(path, secrets) == []
    assert secrets.secrets[f"{SECRET_NAME} {key.database_id}"] == old
    # What was set aside can be put back, with its key.
    set_aside(path, now=0)
    aside.rename(path)
    secrets.secrets[SECRET_NAME] = old
    assert await opened_names(path, secrets) == ["kept"]


async def test_starting_over_without_a_file_or_with_a_damaged_key(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    path.unlink()
    assert await start_over(path, secrets, clock=SystemClock()) is None
    assert await opened_names(path, secrets) == []
    secrets.secrets[SECRET_NAME] = "garbage"
    assert await start_over(path, secrets, clock=SystemClock()) is not None
    assert await opened_names(path, secrets) == []


class FailingSecretStore(InMemorySecretStore):
    """Stops the caller at its n-th call, before or after it took effect: where a program was killed."""

    def __init__(self, secrets: dict[str, str], call: int, *, is_done_first: bool) -> None:
        super().__init__(secrets)
        self._call = call
        self._is_done_first = is_done_first

    async def set(self, name: str, value: str) -> None:
        await self._pass(super().set(name, value))

    async def delete(self, name: str) -> None:
        await self._pass(super().delete(name))

    async def _pass(self, call: Coroutine[None, None, None]) -> None:
        self._call -= 1
        if self._call == 0 and not self._is_done_first:
            call.close()
            raise ConnectionAbortedError
        await call
        if self._call == 0:
            raise ConnectionAbortedError


async def test_a_new_key_replaces_the_old_one_everywhere(path: Path, secrets: InMemorySecretStore) -> None:
    await first_start(path, secrets)
    old = await read_key(secrets)
    before = path.read_bytes()
    await renew_key(path, secrets, clock=SystemClock())
    new = await read_key(secrets)
    assert old is not None
    assert new is not None
    assert (new.database_id, new.generation) == (old.database_id, 2)
    assert new.key_hex != old.key_hex
    assert list(secrets.secrets) == [SECRET_NAME]
    assert await opened_names(path, secrets) == ["kept"]
    with pytest.raises(DatabaseUnreadable):
        await Database.open(path, old, bus=EventBus())
    # The file of the day before, under its own key, is an older generation.
    path.write_bytes(before)
    with pytest.raises(DatabaseUnreadable) as caught:
        await Database.open(path, replace(new, key_hex=old.key_hex), bus=EventBus())
    assert caught.value.kind == "replaced"


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("is_done_first", [False, True])
async def test_a_change_of_the_key_survives_a_stop_at_every_step(
    path: Path, secrets: InMemorySecretStore, call: int, is_done_first: bool
) -> None:
    await first_start(path, secrets)
    failing = FailingSecretStore(secrets.secrets, call, is_done_first=is_done_first)
    with pytest.raises(ConnectionAbortedError):
        await renew_key(path, failing, clock=SystemClock())
    assert await opened_names(path, secrets) == ["kept"]
    await renew_key(path, secrets, clock=SystemClock())
    assert await opened_names(path, secrets) == ["kept"]
    assert list(secrets.secrets) == [SECRET_NAME]


async def test_a_program_killed_while_the_key_changes_opens_again(path: Path, secrets: InMemorySecretStore) -> None:
    database = await open_database(path, secrets, bus=EventBus(), clock=SystemClock())
    for number in range(40):
        await database.write("add", lambda tx, number=number: add_row(tx, f"row {number}", 200_000))
    await database.close()
    changed = 0
    for delay in (0.0, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15):
        old = await read_key(secrets)
        assert old is not None
        new = replace(DatabaseKey.new(), database_id=old.database_id, generation=old.generation + 1)
        secrets.secrets[NEXT_SECRET_NAME] = f"1:{new.key_hex}:{new.database_id}:{new.generation}"
        kill_during_rekey(path, old, new, delay)
        assert len(await opened_names(path, secrets)) == 40
        changed += await read_key(secrets) == new
    assert changed >= 1


def kill_during_rekey(path: Path, old: DatabaseKey, new: DatabaseKey, delay: float) -> None:
    code = (
        "import sys; from pathlib import Path; from app.store.opening import DatabaseKey, rekey\n"
        "_, path, old, new, id, generation = sys.argv\n"
        "print('begin', flush=True)\n"
        "rekey(Path(path), DatabaseKey(old, id, int(generation)), DatabaseKey(new, id, int(generation) + 1))\n"
        "print('end', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), old.key_hex, new.key_hex, old.database_id, str(old.generation)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"begin\n"
    time.sleep(delay)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
