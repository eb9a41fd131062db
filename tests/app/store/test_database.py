"""Transactions, readers beside the writer, events after the commit."""

from __future__ import annotations

import asyncio
import stat
import sys
import threading
from pathlib import Path

import pytest
import sqlcipher3

from app.errors import BugError, DiskFull, LocalError, TransientError
from app.events import AccountsChanged, EventBus
from app.store.database import Database, DatabaseKey, Reader, Transaction
from app.store.opening import PLAIN_HEADER, connect
from app.store.sqlite_errors import translate
from tests.app.store.rows import add_row, names_in, row_names


async def test_what_is_written_is_read_and_survives(database: Database, path: Path, key: DatabaseKey) -> None:
    number = await database.write("add", lambda tx: add_row(tx, "one"))
    assert number == 1
    assert await database.read(row_names) == ["one"]
    await database.close()
    assert await names_in(path, key) == ["one"]


async def test_an_error_rolls_everything_back_and_passes_through(database: Database) -> None:
    def fail(tx: Transaction) -> None:
        add_row(tx, "never")
        tx.publish(AccountsChanged())
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.write("fail", fail)
    assert await database.read(row_names) == []
    await database.write("add", add_row)
    assert await database.read(row_names) == ["row"]


async def test_events_come_after_the_commit_and_before_the_caller(database: Database, bus: EventBus) -> None:
    heard: list[str] = []
    bus.subscribe(AccountsChanged, lambda _: heard.append(threading.current_thread().name))

    def add(tx: Transaction) -> None:
        tx.publish(AccountsChanged())
        add_row(tx)
        heard.append("in the transaction")

    await database.write("add", add)
    assert heard == ["in the transaction", threading.main_thread().name]


async def test_events_of_a_failed_transaction_are_never_heard(database: Database, bus: EventBus) -> None:
    heard: list[AccountsChanged] = []
    bus.subscribe(AccountsChanged, heard.append)

    def fail(tx: Transaction) -> None:
        tx.publish(AccountsChanged())
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own error, without words
        await database.write("fail", fail)
    assert heard == []


async def test_a_cancelled_caller_loses_no_event(database: Database, bus: EventBus) -> None:
    heard = asyncio.Event()
    bus.subscribe(AccountsChanged, lambda _: heard.set())
    loop = asyncio.get_running_loop()
    begun, go_on = asyncio.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        tx.publish(AccountsChanged())
        add_row(tx)

    task = asyncio.create_task(database.write("slow", slow))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.wait_for(heard.wait(), 10)
    assert await database.read(row_names) == ["row"]


async def test_readers_and_the_writer_do_not_wait_for_each_other(database: Database) -> None:
    await database.write("add", lambda tx: add_row(tx, "first"))
    loop = asyncio.get_running_loop()
    reading, go_on = asyncio.Event(), threading.Event()

    def slow_read(reader: Reader) -> tuple[list[str], list[str]]:
        before = row_names(reader)
        loop.call_soon_threadsafe(reading.set)
        go_on.wait(10)
        return before, row_names(reader)

    slow = asyncio.create_task(database.read(slow_read))
    await reading.wait()
    # With one reader busy in the middle of its snapshot, a write and another read both come to their end.
    await database.write("add", lambda tx: add_row(tx, "second"))
    assert await database.read(row_names) == ["first", "second"]
    assert await database.read(row_names) == ["first", "second"]
    go_on.set()
    assert await slow == (["first"], ["first"])


async def test_a_reader_cannot_write(database: Database) -> None:
    def sneak(reader: Reader) -> None:
        reader.rows("DELETE FROM mail_account")

    await database.write("add", add_row)
    with pytest.raises(LocalError):
        await database.read(sneak)
    assert await database.read(row_names) == ["row"]


async def test_our_own_mistakes_are_bugs_without_values(database: Database) -> None:
    with pytest.raises(BugError, match="no such table"):
        await database.read(lambda reader: reader.rows("SELECT * FROM nowhere WHERE x = ?", ("SECRET",)))

    def twice(tx: Transaction) -> None:
        for _ in range(2):
            tx.execute("INSERT INTO meta (only_row, database_id, generation) VALUES (1, 'SECRET', 1)")

    with pytest.raises(BugError) as caught:
        await database.write("twice", twice)
    assert "SECRET" not in str(caught.value)


async def test_another_writer_makes_us_wait_and_then_say_so(database: Database, path: Path, key: DatabaseKey) -> None:
    other = connect(path, key)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(database.write("add", add_row))
    await asyncio.sleep(0.05)
    assert not writing.done()
    other.execute("ROLLBACK")
    await writing
    other.close()
    assert await database.read(row_names) == ["row"]


async def test_files_are_for_their_owner_and_not_plain(database: Database, path: Path) -> None:
    await database.write("add", lambda tx: add_row(tx, "CANARY", 5000))
    files = sorted(path.parent.iterdir())
    assert {file.name for file in files} == {path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-open"}
    for file in files:
        data = file.read_bytes()
        assert not data.startswith(PLAIN_HEADER)
        assert b"CANARY" not in data
        assert b"CREATE TABLE" not in data
        if sys.platform != "win32":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_recipe_holds_on_every_connection(database: Database) -> None:
    def pragmas(reader: Reader) -> dict[str, object]:
        names = ("cipher_status", "journal_mode", "synchronous", "temp_store", "foreign_keys", "trusted_schema")
        return {name: (reader.row(f"PRAGMA {name}") or (None,))[0] for name in names}

    wanted = {
        "cipher_status": "1",
        "journal_mode": "wal",
        "synchronous": 2,
        "temp_store": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }
    assert await database.read(pragmas) == wanted
    assert await database.write("look", pragmas) == wanted


async def test_closing_twice_and_closing_cleanly(database: Database, path: Path) -> None:
    await database.write("add", add_row)
    await database.close()
    await database.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
async def test_a_write_that_does_not_fit_is_refused_and_nothing_is_written(database: Database, path: Path) -> None:
    import resource

    await database.write("add", lambda tx: add_row(tx, "before"))
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, old[1]))
    try:
        with pytest.raises(LocalError):
            await database.write("add", lambda tx: add_row(tx, "too large", 5_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert await database.read(row_names) == ["before"]
    await database.write("add", lambda tx: add_row(tx, "after"))
    assert await database.read(row_names) == ["before", "after"]


def test_codes_decide_not_words() -> None:
    def error(code: int) -> Exception:
        made = sqlcipher3.DatabaseError("whatever")
        made.sqlite_errorcode = code
        return made

    assert isinstance(translate(error(sqlcipher3.SQLITE_FULL), "x"), DiskFull)
    assert isinstance(translate(error(sqlcipher3.SQLITE_BUSY), "x"), TransientError)
    assert isinstance(translate(error(sqlcipher3.SQLITE_ERROR), "x"), BugError)
    assert translate(error(sqlcipher3.SQLITE_IOERR | (10 << 8)), "x").code == "disk_error"
    assert translate(error(sqlcipher3.SQLITE_CANTOPEN), "x").code == "profile_not_writable"


def test_a_key_is_exactly_64_hexadecimal_digits() -> None:
    for wrong in ("", "ab" * 31 + "a", "ab" * 33, "zz" * 32, "AB" * 32, "x'" + "ab" * 31, "ab" * 32 + "\n"):
        with pytest.raises(LocalError):
            DatabaseKey(wrong, "id", 1)
    assert "ab" * 32 not in repr(DatabaseKey("ab" * 32, "id", 1))
