"""The database and its key together: when a new key may be made, and when it must not.

The key is one secret, ``database``: version, raw key, database id and generation. The one rule that matters: a new key is never made while a
database file is there, and a database file is never made while a key is there that once had one; the other way round people lost their mail.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from app.auth.ports import SecretStore
from app.clock import Clock
from app.concurrency import BlockingWorker
from app.errors import DatabaseKeyMissing, DatabaseUnreadable
from app.events import EventBus
from app.store.database import Database, DatabaseKey
from app.store.opening import rekey, set_aside

SECRET_NAME = "database"  # noqa: S105 - the name of a secret, not a secret
NEXT_SECRET_NAME = "database next"  # noqa: S105 - likewise; the key that is coming while it changes
BEING_MADE = 0
"""The generation that the keychain holds until the file is complete. No service has run on such a file, so nothing in it can be lost."""
_FORM = re.compile(r"1:([0-9a-f]{64}):([0-9a-f-]{36}):([0-9]{1,9})")


async def open_database(path: Path, secrets: SecretStore, *, bus: EventBus, clock: Clock) -> Database:
    """Open the profile's database; the first time, make it and its key.

    Raises SecretStoreUnavailable, DatabaseKeyMissing, DatabaseUnreadable of every kind, DatabaseTooNew, DiskFull, LocalError.
    """
    key = await read_key(secrets)
    if key is not None and key.generation != BEING_MADE:
        return await _open_with(path, secrets, key, bus=bus, clock=clock)
    if key is None:
        if _is_there(path):
            raise DatabaseKeyMissing("the database is there and its key is not in the keychain")
        key = DatabaseKey.new()
        await _keep_key(secrets, replace(key, generation=BEING_MADE))
    else:
        # An earlier first start did not come to its end.
        key = replace(key, generation=1)
        try:
            database = await Database.open(path, key, bus=bus, clock=clock)
        except DatabaseUnreadable:
            if _is_there(path):
                set_aside(path, now=clock.wall(), mark="unfinished")
        else:
            await _finish(database, secrets, key)
            return database
    database = await Database.open(path, key, bus=bus, create=True, clock=clock)
    await _finish(database, secrets, key)
    return database


async def renew_key(path: Path, secrets: SecretStore, *, clock: Clock) -> None:
    """Encrypt the whole database under a new key; nobody may have it open. A crash at any point is mended by the next `open_database`.

    Raises like `open_database`, and DiskFull: the file is written once more before the old pages go.
    """
    database = await open_database(path, secrets, bus=EventBus(), clock=clock)
    await database.close()
    old = await read_key(secrets)
    assert old is not None
    new = replace(DatabaseKey.new(), database_id=old.database_id, generation=old.generation + 1)
    await secrets.set(NEXT_SECRET_NAME, _written(new))
    worker = BlockingWorker("database-rekey")
    try:
        await worker.run(rekey, path, old, new)
    finally:
        await worker.close()
    await _adopt(secrets, new)


async def start_over(path: Path, secrets: SecretStore, *, clock: Clock) -> Path | None:
    """On a person's wish: set the unreadable database aside and forget its marker, so that the next start makes a new one.

    The old key is kept in the keychain under ``database <id>``, so that the file can still be read if it turns up again or is mended. Returns
    where the file is now; None where there was none.
    """
    try:
        key = await read_key(secrets)
    except DatabaseKeyMissing:
        key = None
    aside = set_aside(path, now=clock.wall()) if _is_there(path) else None
    if key is not None:
        await secrets.set(f"{SECRET_NAME} {key.database_id}", _written(key))
    await secrets.delete(SECRET_NAME)
    return aside


async def read_key(secrets: SecretStore) -> DatabaseKey | None:
    """The database's key; None where there is none. Raises DatabaseKeyMissing (``database_key_damaged``) for an entry that is no key."""
    return await _read(secrets, SECRET_NAME)


async def _read(secrets: SecretStore, name: str) -> DatabaseKey | None:
    text = await secrets.get(name)
    if text is None:
        return None
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise DatabaseKeyMissing("the keychain's entry for the database is damaged", code="database_key_damaged")
    return DatabaseKey(parts[1], parts[2], int(parts[3]))


async def _open_with(path: Path, secrets: SecretStore, key: DatabaseKey, *, bus: EventBus, clock: Clock) -> Database:
    try:
        return await Database.open(path, key, bus=bus, clock=clock)
    except DatabaseUnreadable as error:
        # A change of the key may have been interrupted after the file had changed and before the keychain had.
        following = await _read(secrets, NEXT_SECRET_NAME) if error.kind == "wrong_key" else None
        if following is None or following.database_id != key.database_id:
            raise
    database = await Database.open(path, following, bus=bus, clock=clock)
    try:
        await _adopt(secrets, following)
    except BaseException:
        await database.close()
        raise
    return database


async def _adopt(secrets: SecretStore, key: DatabaseKey) -> None:
    await _keep_key(secrets, key)
    await secrets.delete(NEXT_SECRET_NAME)


async def _finish(database: Database, secrets: SecretStore, key: DatabaseKey) -> None:
    try:
        await _keep_key(secrets, key)
    except BaseException:
        await database.close()
        raise


async def _keep_key(secrets: SecretStore, key: DatabaseKey) -> None:
    await secrets.set(SECRET_NAME, _written(key))


def _written(key: DatabaseKey) -> str:
    return f"1:{key.key_hex}:{key.database_id}:{key.generation}"


def _is_there(path: Path) -> bool:
    return path.exists() or path.with_name(f"{path.name}-wal").exists()
