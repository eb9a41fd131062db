"""Migrations: contiguous, each whole or not at all, with a copy kept before an existing file is changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlcipher3

from app.errors import DatabaseTooNew
from app.events import EventBus
from app.store.database import Database, DatabaseKey
from app.store.migrations import migrate, migration_steps, schema_version, split_statements
from app.store.opening import connect
from tests.app.store.rows import add_row, make_file, names_in, row_names


def old_file(path: Path, key: DatabaseKey, *, version: int = 1) -> None:
    """A file as the first version of the program would have left it, with one row."""
    path.touch(mode=0o600)
    steps = {number: sql for number, sql in migration_steps().items() if number <= version}
    connection = connect(path, key)
    migrate(connection, path, key.database_id, key.generation, is_new=True, steps=steps)
    connection.execute("INSERT INTO mail_account (address, imap, smtp) VALUES ('from the old days', '{}', '{}')")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def migrate_until(path: Path, key: DatabaseKey, statements: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "tests.app.store.migrating_process"),
            *(str(path), key.key_hex, key.database_id, str(statements)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_numbers_follow_each_other_and_every_table_is_strict() -> None:
    steps = migration_steps()
    assert list(steps) == list(range(1, len(steps) + 1))
    for sql in steps.values():
        for statement in split_statements(sql):
            if statement.upper().startswith("CREATE TABLE"):
                assert "STRICT" in statement.rpartition(")")[2], statement


def test_statements_end_where_they_end() -> None:
    script = (
        "-- a comment;\nCREATE TABLE a (\n    x TEXT -- not; here\n) STRICT;\n\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n    DELETE FROM b;\n    DELETE FROM c;\nEND;\nSELECT 1;"
    )
    statements = split_statements(script)
    assert [statement.split()[1] for statement in statements] == ["TABLE", "TRIGGER", "1;"]
    assert all(sqlcipher3.complete_statement(statement) for statement in statements)


def test_each_statement_of_each_migration_is_complete() -> None:
    for sql in migration_steps().values():
        for statement in split_statements(sql):
            assert sqlcipher3.complete_statement(statement), statement


async def test_an_old_file_is_brought_up_and_a_copy_is_kept(path: Path, key: DatabaseKey) -> None:
    old_file(path, key)
    before = path.read_bytes()
    assert await names_in(path, key) == ["from the old days"]
    newest = max(migration_steps())
    copy = path.with_name(f"{path.name}.before-{newest:04}")
    assert copy.read_bytes() == before
    connection = connect(copy, key)
    assert schema_version(connection) == 1
    connection.close()
    connection = connect(path, key)
    assert schema_version(connection) == newest
    connection.close()


async def test_a_new_or_current_file_needs_no_copy(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    await names_in(path, key)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_only_the_newest_copies_are_kept(path: Path, key: DatabaseKey) -> None:
    old_file(path, key)
    for number in (1, 2, 3):
        path.with_name(f"{path.name}.before-000{number}").write_bytes(b"older")
    await names_in(path, key)
    kept = sorted(file.name for file in path.parent.iterdir() if ".before-" in file.name)
    assert kept == [f"{path.name}.before-0003", f"{path.name}.before-{max(migration_steps()):04}"]


async def test_a_migration_that_fails_changes_nothing(path: Path, key: DatabaseKey) -> None:
    old_file(path, key)
    connection = connect(path, key)
    steps = {1: "", 2: "CREATE TABLE fine (x TEXT NOT NULL) STRICT;\nCREATE TABLE fine (x TEXT NOT NULL) STRICT;\n"}
    with pytest.raises(sqlcipher3.Error):
        migrate(connection, path, key.database_id, 1, is_new=False, steps=steps)
    assert schema_version(connection) == 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'fine'").fetchone()[0] == 0
    connection.close()
    assert await names_in(path, key) == ["from the old days"]


async def test_a_file_of_a_newer_program_is_left_alone(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    connection = connect(path, key)
    with pytest.raises(DatabaseTooNew):
        migrate(connection, path, key.database_id, 1, is_new=False, steps={1: ""})
    connection.close()


async def test_a_program_killed_at_any_statement_goes_on_at_its_next_start(path: Path, key: DatabaseKey) -> None:
    # Begin, statements, version and commit of each migration, and what precedes them.
    statements = 4 + sum(len(split_statements(sql)) + 3 for number, sql in migration_steps().items() if number > 1)
    finished = False
    for at in range(0, statements + 6, 5):
        for leftover in path.parent.iterdir():
            leftover.unlink()
        old_file(path, key)
        process = migrate_until(path, key, at)
        finished = "finished" in process.stdout
        assert finished or process.returncode < 0, process.stderr
        database = await Database.open(path, key, bus=EventBus())
        await database.write("add", lambda tx: add_row(tx, "new"))
        assert await database.read(row_names) == ["from the old days", "new"]
        await database.check()
        await database.close()
    assert finished
