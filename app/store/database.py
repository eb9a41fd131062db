"""The encrypted database: one writer thread, several reader threads, events published after commit.

Opened with SQLCipher's raw key in WAL mode with ``synchronous=FULL`` (``NORMAL`` loses acknowledged commits at a power cut). A wrong key, an
emptied, replaced or damaged file and a file of a newer version are errors of their own: never a silent new database.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import sqlcipher3

from app.concurrency import BlockingWorker
from app.errors import BugError, DatabaseUnreadable, DiskFull, LocalError, TransientError
from app.events import Event, EventBus
from app.store.migrations import migrate

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = "Sequence[object] | dict[str, object]"

BUSY_TIMEOUT_S = 5.0
SQLITE_FULL = "database or disk is full"
PLAIN_HEADER = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class DatabaseKey:
    """What the keychain keeps for one database: 64 hex digits of raw key, and the marker that tells our file from an emptied or older one."""

    key_hex: str
    database_id: str
    generation: int

    @classmethod
    def new(cls) -> DatabaseKey:
        """A random key for a database that does not exist yet."""
        return cls(secrets.token_hex(32), str(uuid.uuid4()), 1)

    def __post_init__(self) -> None:
        # SQLCipher takes any other length for a passphrase without a word.
        if not re.fullmatch(r"[0-9a-f]{64}", self.key_hex):
            raise DatabaseUnreadable("the database key is not 64 hexadecimal digits", kind="wrong_key")

    def __repr__(self) -> str:
        return f"DatabaseKey(database_id={self.database_id!r}, generation={self.generation})"


class Reader(Protocol):
    """What a reading function gets."""

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query."""
        ...

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row, or None."""
        ...

    def each(self, sql: str, parameters: Parameters = ()) -> Iterator[Row]:
        """Rows one by one, for large results."""
        ...


class Snapshot:
    """A `Reader` on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """See `Reader.rows`."""
        return list(self._connection.execute(sql, parameters).fetchall())

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """See `Reader.row`."""
        found: Row | None = self._connection.execute(sql, parameters).fetchone()
        return found

    def each(self, sql: str, parameters: Parameters = ()) -> Iterator[Row]:
        """See `Reader.each`."""
        yield from self._connection.execute(sql, parameters)


class Transaction(Snapshot):
    """A writing transaction. What it publishes is heard only after its commit."""

    def __init__(self, connection: Any, name: str) -> None:
        super().__init__(connection)
        self.name = name
        self.events: list[Event] = []

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement; the number of rows it changed."""
        return int(self._connection.execute(sql, parameters).rowcount)

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one INSERT; the row id it made."""
        return int(self._connection.execute(sql, parameters).lastrowid)

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""
        self._connection.executemany(sql, parameters)

    def publish(self, *events: Event) -> None:
        """Tell these facts after the commit."""
        self.events.extend(events)


class Database:
    """The open file. All methods are for the loop's thread; the work happens in the database's own threads."""

    def __init__(self, path: Path, bus: EventBus, writer: BlockingWorker, readers: Sequence[BlockingWorker], connections: list[Any]) -> None:
        self.path = path
        self._bus = bus
        self._writer = writer
        self._readers = list(readers)
        self._connections = connections  # [0] belongs to the writer's thread, [1:] to the readers'
        self._next_reader = 0

    @classmethod
    async def open(cls, path: Path, key: DatabaseKey, *, bus: EventBus, create: bool = False, readers: int = 2) -> Database:
        """Open the file at ``path``, or make it when ``create`` is true and no file is there.

        Raises DatabaseUnreadable (wrong key, damaged, emptied, missing, replaced, not encrypted), DatabaseTooNew, DiskFull, LocalError.
        """
        writer = BlockingWorker("database-writer")
        reader_workers = [BlockingWorker(f"database-reader-{n}") for n in range(readers)]
        connections: list[Any] = []
        try:
            connections.append(await writer.run(_open_writer, path, key, create))
            for worker in reader_workers:
                connections.append(await worker.run(_connect, path, key, True))
        except BaseException:
            for worker, connection in zip([writer, *reader_workers], connections, strict=False):
                await worker.run(connection.close)
            for worker in [writer, *reader_workers]:
                await worker.close()
            raise
        return cls(path, bus, writer, reader_workers, connections)

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run a reading function in a reader's thread on a consistent snapshot."""
        index = self._next_reader
        self._next_reader = (index + 1) % len(self._readers)
        return await self._readers[index].run(_read, self._connections[index + 1], fn)

    async def write(self, name: str, fn: Callable[[Transaction], T]) -> T:
        """Run a writing function in one transaction; commit; publish its events. ``name`` is for errors and logs.

        Raises DiskFull, TransientError (locked), LocalError; whatever ``fn`` raises rolls back and passes through.
        """
        result, events = await self._writer.run(_write, self._connections[0], name, fn)
        self._bus.publish(*events)
        return result

    async def close(self) -> None:
        """Checkpoint and close every connection."""
        for worker, connection in zip(self._readers, self._connections[1:], strict=True):
            await worker.close(connection.close)
        await self._writer.close(lambda: _close_writer(self._connections[0]))


def _connect(path: Path, key: DatabaseKey, query_only: bool) -> Any:
    connection = sqlcipher3.connect(str(path), isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=True)
    try:
        # A key cannot be bound as a parameter; it was checked to be 64 hexadecimal digits. No trace callback may be set before this line.
        connection.execute(f"PRAGMA key=\"x'{key.key_hex}'\"")
        connection.execute("PRAGMA cipher_log_level=NONE")
        version = connection.execute("PRAGMA cipher_version").fetchone()
        if not version or not version[0]:
            raise DatabaseUnreadable("the SQLite library has no encryption", kind="not_encrypted")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA trusted_schema=OFF")
        if query_only:
            connection.execute("PRAGMA query_only=ON")
    except sqlcipher3.DatabaseError as error:
        connection.close()
        raise _translate(error, "open") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _open_writer(path: Path, key: DatabaseKey, create: bool) -> Any:
    exists = path.exists()
    if exists and path.stat().st_size == 0:
        raise DatabaseUnreadable("the database file is empty", kind="emptied")
    if exists and path.open("rb").read(len(PLAIN_HEADER)) == PLAIN_HEADER:
        raise DatabaseUnreadable("the database file is not encrypted", kind="not_encrypted")
    if not exists and not create:
        raise DatabaseUnreadable("the database file is missing", kind="missing")
    if not exists:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connect(path, key, False)
    try:
        migrate(connection, path, key.database_id, key.generation, is_new=not exists)
    except sqlcipher3.DatabaseError as error:
        connection.close()
        raise _translate(error, "migrate") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _close_writer(connection: Any) -> None:
    with contextlib.suppress(sqlcipher3.DatabaseError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _read(connection: Any, fn: Callable[[Reader], T]) -> T:
    try:
        connection.execute("BEGIN")
        try:
            return fn(Snapshot(connection))
        finally:
            connection.execute("ROLLBACK")
    except sqlcipher3.DatabaseError as error:
        raise _translate(error, "read") from None


def _write(connection: Any, name: str, fn: Callable[[Transaction], T]) -> tuple[T, list[Event]]:
    transaction = Transaction(connection, name)
    try:
        # A deferred transaction that turns into a writer fails at once when another writer is busy; IMMEDIATE waits.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = fn(transaction)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        try:
            connection.execute("COMMIT")
        except sqlcipher3.DatabaseError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlcipher3.DatabaseError as error:
        raise _translate(error, name) from None
    return result, transaction.events


def _translate(error: Exception, name: str) -> LocalError | TransientError | BugError:
    text = str(error)
    if SQLITE_FULL in text:
        return DiskFull(f"{name}: the disk is full")
    if "locked" in text or "busy" in text:
        return TransientError(f"{name}: the database is locked", code="database_locked")
    if "not a database" in text or "hmac check failed" in text:
        return DatabaseUnreadable("the key does not fit, or the first page is damaged", kind="wrong_key")
    if "malformed" in text or "corrupt" in text:
        return DatabaseUnreadable("the database is damaged", kind="damaged")
    if isinstance(error, sqlcipher3.IntegrityError | sqlcipher3.ProgrammingError) or "no such" in text or "syntax error" in text:
        # SQLite's own words name tables and columns, never values.
        return BugError(f"{name}: {text}")
    return LocalError(f"{name}: the database could not be read or written ({type(error).__name__})")
