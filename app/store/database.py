"""The encrypted database: one writer thread, several reader threads, events published after commit.

How a file is opened, and what can be wrong with it, is in `app.store.opening`. A commit that reports an error may still have reached the disk; the
writer finds out before it says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import sqlcipher3

from app.clock import Clock, SystemClock
from app.concurrency import BlockingWorker
from app.errors import AppError, DiskFull, LocalError
from app.events import Event, EventBus
from app.store.opening import DatabaseKey, LastExit, close_writer, connect, open_writer, require_sound
from app.store.sqlite_errors import translate

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = "Sequence[object] | dict[str, object]"

__all__ = ["Database", "DatabaseKey", "LastExit", "Parameters", "Reader", "Row", "Snapshot", "Transaction"]

READERS = 2


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
    """The open file. All methods are for the loop's thread; the work happens in the database's own threads.

    One writer and several readers: in WAL mode neither waits for the other.
    """

    def __init__(self, path: Path, writer: _Writer, readers: list[_Reader], clock: Clock, *, needs_check: bool) -> None:
        self.path = path
        self._clock = clock
        self.last_exit = writer.last_exit
        self.needs_check = needs_check
        self._writer = writer
        self._readers = readers
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        key: DatabaseKey,
        *,
        bus: EventBus,
        create: bool = False,
        readers: int = READERS,
        clock: Clock | None = None,
    ) -> Database:
        """Open the file at ``path``, or make it when ``create`` is true and no file is there.

        Raises DatabaseUnreadable (wrong key, damaged, emptied, missing, replaced, not encrypted), DatabaseTooNew, DiskFull, LocalError.
        """
        clock = clock or SystemClock()
        writer = _Writer(path, key, bus)
        opened: list[_Reader] = []
        try:
            needs_check = await writer.worker.run(writer.open, create, clock.wall())
            for number in range(readers):
                reader = _Reader(path, key, number)
                opened.append(reader)
                await reader.worker.run(reader.open)
        except BaseException:
            for reader in opened:
                await reader.worker.close(reader.close)
            await writer.worker.close(writer.close)
            raise
        return cls(path, writer, opened, clock, needs_check=needs_check)

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run a reading function in the least busy reader's thread, on one consistent snapshot.

        Raises DatabaseUnreadable (damaged), TransientError, LocalError; what ``fn`` raises passes through.
        """
        reader = min(self._readers, key=lambda one: one.waiting)
        reader.waiting += 1
        try:
            return await reader.worker.run(reader.read, fn)
        finally:
            reader.waiting -= 1

    async def write(self, name: str, fn: Callable[[Transaction], T]) -> T:
        """Run a writing function in one transaction; commit; publish its events. ``name`` is for errors and logs.

        When this raises nothing was written, but for LocalError with the code ``commit_unknown``: the disk failed so badly that only the next
        start can tell. Events are published even where the waiting task was cancelled meanwhile. Raises DiskFull, TransientError (locked),
        LocalError; what ``fn`` raises rolls back and passes through.
        """
        return await self._writer.worker.run(self._writer.write, name, fn)

    async def check(self) -> None:
        """Check the whole file in a reader's thread, while the others go on. Raises DatabaseUnreadable (damaged), LocalError."""
        await self._writer.worker.run(self._writer.checkpoint)
        reader = self._readers[-1]
        reader.waiting += 1
        try:
            await reader.worker.run(reader.check)
        finally:
            reader.waiting -= 1
        now = int(self._clock.wall())
        await self.write("note the check", lambda tx: tx.execute("UPDATE meta SET checked_at = ?", (now,)))
        self.needs_check = False

    async def close(self) -> None:
        """Fold the log into the file and close every connection. Calling it twice does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for reader in self._readers:
            await reader.worker.close(reader.close)
        await self._writer.worker.close(self._writer.close)


class _Reader:
    """A reading connection. All but `waiting` belongs to the thread of ``worker``."""

    def __init__(self, path: Path, key: DatabaseKey, number: int) -> None:
        self.worker = BlockingWorker(f"database-reader-{number}")
        self.waiting = 0
        self._path = path
        self._key = key
        self._connection: Any = None

    def open(self) -> None:
        self._connection = connect(self._path, self._key, query_only=True)

    def read(self, fn: Callable[[Reader], T]) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN")
            try:
                return fn(Snapshot(connection))
            finally:
                _roll_back(connection)
        except sqlcipher3.Error as error:
            raise translate(error, "read") from None

    def check(self) -> None:
        require_sound(self._connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _Writer:
    """The writing connection. All but construction belongs to the thread of ``worker``."""

    def __init__(self, path: Path, key: DatabaseKey, bus: EventBus) -> None:
        self.worker = BlockingWorker("database-writer")
        self.last_exit = LastExit.NONE
        self._path = path
        self._key = key
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._connection: Any = None
        self._is_open = False

    def open(self, create: bool, now: float) -> bool:
        opened = open_writer(self._path, self._key, create=create, now=now)
        self._connection = opened.connection
        self._is_open = True
        self.last_exit = opened.last_exit
        return opened.needs_check

    def write(self, name: str, fn: Callable[[Transaction], T]) -> T:
        if self._connection is None:
            self._connection = connect(self._path, self._key)
        connection = self._connection
        transaction = Transaction(connection, name)
        try:
            # A deferred transaction that turns into a writer fails at once when another writer is busy; IMMEDIATE waits.
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes
            try:
                result = fn(transaction)
                number = _count(connection) if connection.total_changes != before else None
            except BaseException:
                _roll_back(connection)
                raise
        except sqlcipher3.Error as error:
            raise translate(error, name) from None
        try:
            connection.execute("COMMIT")
        except sqlcipher3.Error as error:
            self._settle_commit(number, translate(error, name))
        if transaction.events:
            # Posted before this call's own result, so that whoever awaits the write finds its events published.
            self._loop.call_soon_threadsafe(self._bus.publish, *transaction.events)
        return result

    def checkpoint(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlcipher3.Error as error:
            raise translate(error, "checkpoint") from None

    def close(self) -> None:
        if self._connection is None and self._is_open:
            # The disk failed in the middle of a commit; where it works again, the file is still closed in good order.
            with contextlib.suppress(AppError):
                self._connection = connect(self._path, self._key)
        if self._connection is not None:
            close_writer(self._connection, self._path)

    def _settle_commit(self, number: int | None, reported: AppError) -> None:
        """Find out whether a commit that reported an error took place; raises ``reported`` unless it did.

        The frames of such a commit may lie in the log, whole, where a later recovery would find them. So where it did not take place another
        one is written over them at once: only then is "nothing was written" true for good.
        """
        _roll_back(self._connection)
        with contextlib.suppress(sqlcipher3.Error):
            self._connection.close()
        self._connection = None
        try:
            connection = connect(self._path, self._key)
            try:
                if number is not None and connection.execute("SELECT writes FROM meta").fetchone()[0] >= number:
                    self._connection = connection
                    return
                connection.execute("BEGIN IMMEDIATE")
                _count(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        except (AppError, sqlcipher3.Error):
            if isinstance(reported, DiskFull):
                # The commit's last frame was never written whole, so no recovery can take it for a commit.
                raise reported from None
            raise LocalError(
                f"{reported.message}; whether the change was saved will be known after a restart", code="commit_unknown"
            ) from None
        self._connection = connection
        raise reported


def _count(connection: Any) -> int:
    """Count this transaction in the file, so that its commit can be recognised later."""
    return int(connection.execute("UPDATE meta SET writes = writes + 1 RETURNING writes").fetchone()[0])


def _roll_back(connection: Any) -> None:
    if connection.in_transaction:
        with contextlib.suppress(sqlcipher3.Error):
            connection.execute("ROLLBACK")
