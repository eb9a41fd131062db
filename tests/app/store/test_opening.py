"""Every way in which a file can be wrong is told apart, and nothing is ever replaced by an empty database."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.errors import AppError, DatabaseTooNew, DatabaseUnreadable
from app.events import EventBus
from app.store.database import Database, DatabaseKey, LastExit
from app.store.opening import connect, open_mark, set_aside
from tests.app.store.rows import add_row, make_file, names_in, row_names

PAGE = 4096


async def kind_of(path: Path, key: DatabaseKey) -> str:
    before = contents(path.parent)
    with pytest.raises(DatabaseUnreadable) as caught:
        await Database.open(path, key, bus=EventBus())
    after = contents(path.parent)
    assert {name for name in after if name == path.name} == {name for name in before if name == path.name}
    assert after.get(path.name) == before.get(path.name)
    assert caught.value.message
    return caught.value.kind


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x40]))


def killed_writer(path: Path, key: DatabaseKey, saved: int) -> None:
    """Let a process write, and kill it once it has heard that ``saved`` rows are saved."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.store.writer_process", str(path), key.key_hex, key.database_id, "1000000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    count = 0
    for line in process.stdout:
        count += "saved" in line
        if count == saved:
            break
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    process.stdout.close()


async def test_a_wrong_key(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    assert await kind_of(path, dataclasses.replace(DatabaseKey.new(), database_id=key.database_id)) == "wrong_key"
    assert await names_in(path, key) == ["row 0"]


async def test_a_damaged_first_page_looks_like_a_wrong_key(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    flip(path, 100)
    assert await kind_of(path, key) == "wrong_key"


@pytest.mark.parametrize("name", ["missing", "emptied"])
async def test_a_missing_and_an_emptied_file(path: Path, key: DatabaseKey, name: str) -> None:
    await make_file(path, key)
    os.truncate(path, 0) if name == "emptied" else path.unlink()
    assert await kind_of(path, key) == name
    assert path.exists() == (name == "emptied")


async def test_a_file_without_tables_is_no_new_database(path: Path, key: DatabaseKey) -> None:
    connection = connect_new(path, key)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    assert await kind_of(path, key) == "emptied"


async def test_a_plain_file(path: Path, key: DatabaseKey) -> None:
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE meta (x)")
    plain.commit()
    plain.close()
    assert await kind_of(path, key) == "not_encrypted"


async def test_another_database_under_the_same_key(path: Path, key: DatabaseKey, tmp_path: Path) -> None:
    await make_file(path, key)
    other = tmp_path / "other.db"
    await make_file(other, dataclasses.replace(DatabaseKey.new(), key_hex=key.key_hex))
    shutil.copyfile(other, path)
    assert await kind_of(path, key) == "replaced"


async def test_an_older_generation_of_the_same_database(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    assert await kind_of(path, dataclasses.replace(key, generation=2)) == "replaced"
    assert await names_in(path, key) == ["row 0"]


async def test_a_newer_program_wrote_it(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    connection = connect(path, key)
    connection.execute("PRAGMA user_version = 9999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with pytest.raises(DatabaseTooNew):
        await Database.open(path, key, bus=EventBus())
    with pytest.raises(DatabaseTooNew):
        await Database.open(path, key, bus=EventBus(), create=True)


async def test_garbage(path: Path, key: DatabaseKey) -> None:
    path.write_bytes(os.urandom(10 * PAGE))
    assert await kind_of(path, key) == "wrong_key"
    for size in (1, 511, 512, PAGE - 1):
        path.write_bytes(os.urandom(size))
        assert await kind_of(path, key) == "emptied"


async def test_a_truncated_file_is_found_at_the_next_start_after_a_crash(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=40, filler=9000)
    os.truncate(path, path.stat().st_size // PAGE // 2 * PAGE)
    open_mark(path).touch()
    assert await kind_of(path, key) == "damaged"


async def test_a_flipped_bit_is_found_at_the_next_start_after_a_crash(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=40, filler=9000)
    flip(path, path.stat().st_size // PAGE // 2 * PAGE + 77)
    open_mark(path).touch()
    assert await kind_of(path, key) == "damaged"


async def test_a_flipped_bit_is_found_by_reading_and_by_the_check(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=40, filler=9000)
    flip(path, (path.stat().st_size // PAGE - 3) * PAGE + 77)
    database = await Database.open(path, key, bus=EventBus())
    assert database.last_exit is LastExit.CLEAN
    try:
        with pytest.raises(DatabaseUnreadable) as caught:
            await database.read(
                lambda reader: reader.rows("SELECT sum(length(display_name)), count(*) FROM mail_account")
            )
        assert caught.value.kind == "damaged"
        with pytest.raises(DatabaseUnreadable):
            await database.check()
    finally:
        await database.close()


async def test_a_sound_file_passes_the_check(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=40, filler=9000)
    database = await Database.open(path, key, bus=EventBus())
    await database.write("add", add_row)
    await database.check()
    assert not database.needs_check
    await database.close()


class LaterClock(SystemClock):
    """The machine's clock, some days on."""

    def __init__(self, days: float) -> None:
        self._ahead = days * 86400

    def wall(self) -> float:
        return super().wall() + self._ahead


async def test_a_check_is_due_every_week(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key)
    for days, is_due in ((6.0, False), (8.0, True), (14.0, False), (16.0, True), (-1.0, True)):
        database = await Database.open(path, key, bus=EventBus(), clock=LaterClock(days))
        assert database.needs_check == is_due, days
        if is_due:
            await database.check()
        assert not database.needs_check
        await database.close()


async def test_a_killed_program_loses_nothing_that_it_was_told_is_saved(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=0)
    for round_number in range(3):
        saved = len(await names_in(path, key))
        killed_writer(path, key, 5)
        database = await Database.open(path, key, bus=EventBus())
        assert database.last_exit is LastExit.UNCLEAN, round_number
        assert len(await database.read(row_names)) >= saved + 5
        await database.close()


async def test_a_log_that_vanished_after_a_crash_is_noticed(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=3)
    killed_writer(path, key, 2)
    path.with_name(f"{path.name}-wal").unlink()
    database = await Database.open(path, key, bus=EventBus())
    assert database.last_exit is LastExit.LOG_MISSING
    assert len(await database.read(row_names)) >= 3
    await database.close()
    database = await Database.open(path, key, bus=EventBus())
    assert database.last_exit is LastExit.CLEAN
    await database.close()


async def test_a_failed_open_leaves_the_mark_of_the_crash(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=40, filler=9000)
    flip(path, path.stat().st_size // PAGE // 2 * PAGE + 77)
    open_mark(path).touch()
    assert await kind_of(path, key) == "damaged"
    assert await kind_of(path, key) == "damaged"


async def test_setting_aside_keeps_file_and_log_readable(path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=2)
    killed_writer(path, key, 3)
    aside = set_aside(path, now=1_800_000_000)
    assert aside.name == "outrigger.db.damaged-20270115T080000Z"
    assert not [file for file in path.parent.iterdir() if not file.name.startswith(aside.name)]
    assert len(await names_in(aside, key)) >= 5
    await make_file(path, key, rows=1)
    assert set_aside(path, now=1_800_000_000).name == "outrigger.db.damaged-20270115T080000Z-2"


async def test_a_folder_that_may_not_be_written(tmp_path: Path, key: DatabaseKey) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AppError) as caught:
        await Database.open(tmp_path / "file" / "x.db", key, bus=EventBus(), create=True)
    assert caught.value.code in ("profile_not_writable", "database_unreadable")


def connect_new(path: Path, key: DatabaseKey):
    path.touch()
    return connect(path, key)
