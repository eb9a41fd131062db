"""How the database file is opened: the recipe, and every way in which a file can be wrong.

Recipe: the raw key first (before any tracing), encryption asserted, WAL with ``synchronous=FULL`` (``NORMAL`` loses acknowledged commits at a
power cut), temporary tables in memory (on disk they would be plain text), then the marker: database id and generation must be those that the
keychain names, because an emptied or exchanged file looks healthy to SQLite.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlcipher3

from app.errors import DatabaseUnreadable
from app.paths import folder_error, sync_folder
from app.store.migrations import check_marker, migrate, schema_version
from app.store.sqlite_errors import translate

BUSY_TIMEOUT_S = 5.0
PLAIN_HEADER = b"SQLite format 3\x00"
SMALLEST_FILE = 4096
"""One page. SQLite takes anything shorter for an empty database and writes over it."""
CHECK_AT_OPEN_BYTES = 512 << 20
"""Above this size the check after a crash runs in the background: half a gigabyte takes some seconds."""
WRITER_CACHE_KIB = 48 * 1024
READER_CACHE_KIB = 16 * 1024
LARGEST_IDLE_LOG = 64 << 20
CHECK_EVERY_S = 7 * 86400


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


class LastExit(StrEnum):
    """How the program that had the file open before us ended."""

    NONE = "none"
    CLEAN = "clean"
    UNCLEAN = "unclean"
    LOG_MISSING = "log_missing"
    """Killed, and the write-ahead log has vanished since: the newest changes may be missing, and nothing can tell."""


@dataclass(frozen=True, slots=True)
class OpenedWriter:
    """The writing connection and what was found on the way. ``needs_check`` is true where a check is due and was left for the background."""

    connection: Any
    last_exit: LastExit
    needs_check: bool


def connect(path: Path, key: DatabaseKey, *, query_only: bool = False) -> Any:
    """One connection by the recipe.

    Raises DatabaseUnreadable, DiskFull, TransientError, LocalError.
    """
    try:
        # mode=rw: a file that has vanished is an error here, never a new and empty database.
        connection = sqlcipher3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S
        )
    except sqlcipher3.Error as error:
        raise translate(error, "open") from None
    try:
        # A key cannot be bound as a parameter; it was checked to be 64 hexadecimal digits.
        connection.execute(f"PRAGMA key=\"x'{key.key_hex}'\"")
        connection.execute("PRAGMA cipher_log_level=NONE")
        if not _pragma(connection, "cipher_version") or _pragma(connection, "cipher_status") != "1":
            raise DatabaseUnreadable("the SQLite library has no encryption", kind="not_encrypted")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if _pragma(connection, "journal_mode=WAL") != "wal":
            raise DatabaseUnreadable("the database cannot be put into write-ahead mode", kind="damaged")
        connection.execute("PRAGMA synchronous=FULL")
        # macOS: fsync alone does not reach the platter there; elsewhere these two do nothing.
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA checkpoint_fullfsync=ON")
        connection.execute("PRAGMA foreign_keys=ON")
        # After a large first sync the log gives its space back.
        connection.execute(f"PRAGMA journal_size_limit={LARGEST_IDLE_LOG}")
        # The library's 2 MB would have every page of the text index decrypted and merged again and again.
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB if query_only else WRITER_CACHE_KIB}")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA trusted_schema=OFF")
        if _pragma(connection, "temp_store") != 2:
            raise DatabaseUnreadable("the SQLite library would keep temporary tables on disk", kind="not_encrypted")
        if query_only:
            connection.execute("PRAGMA query_only=ON")
    except sqlcipher3.Error as error:
        connection.close()
        raise translate(error, "open") from None
    except BaseException:
        connection.close()
        raise
    return connection


def open_writer(path: Path, key: DatabaseKey, *, create: bool, now: float) -> OpenedWriter:
    """Open the file for writing, check it where that is due, bring it to the newest version.

    ``create`` makes a file where there is none. Raises DatabaseUnreadable of every kind, DatabaseTooNew, DiskFull, LocalError.
    """
    is_new = _require_file(path, create=create)
    last_exit = LastExit.NONE if is_new else _last_exit(path)
    connection = connect(path, key)
    needs_check = False
    try:
        if not is_new:
            version = schema_version(connection)
            if version == 0:
                raise DatabaseUnreadable("the database has no tables", kind="emptied")
            check_marker(connection, key.database_id, key.generation)
            if last_exit is not LastExit.CLEAN:
                # The check of pages gives false alarms over a log that a power cut left; folded in first, it does not.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                needs_check = path.stat().st_size > CHECK_AT_OPEN_BYTES
                if not needs_check:
                    require_sound(connection)
        migrate(connection, path, key.database_id, key.generation, is_new=is_new)
        if is_new:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if last_exit in (LastExit.NONE, LastExit.UNCLEAN, LastExit.LOG_MISSING) and not needs_check:
            connection.execute("UPDATE meta SET checked_at = ?", (int(now),))
        checked_at = int(connection.execute("SELECT checked_at FROM meta").fetchone()[0])
        needs_check = needs_check or not 0 <= now - checked_at < CHECK_EVERY_S
        _require_encrypted(path)
        _mark_open(path)
    except sqlcipher3.Error as error:
        connection.close()
        raise translate(error, "open") from None
    except BaseException:
        connection.close()
        raise
    return OpenedWriter(connection, last_exit, needs_check)


def close_writer(connection: Any, path: Path) -> None:
    """Fold the log into the file, close, and note that the exit was clean."""
    with contextlib.suppress(sqlcipher3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with contextlib.suppress(OSError):
        open_mark(path).unlink(missing_ok=True)


def rekey(path: Path, old: DatabaseKey, new: DatabaseKey) -> None:
    """Encrypt every page anew under ``new``, whose generation the file takes on. One transaction: a crash leaves the old key or the new one.

    Nobody else may have the file open. Raises like `open_writer`.
    """
    connection = connect(path, old)
    try:
        check_marker(connection, old.database_id, old.generation)
        # The file may be a generation ahead of the keychain, never behind it: so it goes first.
        connection.execute("UPDATE meta SET generation = ?", (new.generation,))
        connection.execute(f"PRAGMA rekey=\"x'{new.key_hex}'\"")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlcipher3.Error as error:
        raise translate(error, "change the key") from None
    finally:
        connection.close()


def require_sound(connection: Any) -> None:
    """Check every page's seal and every tree. Neither finds what the other does. Raises DatabaseUnreadable (damaged)."""
    try:
        problems = connection.execute("PRAGMA cipher_integrity_check").fetchall()
        if not problems:
            problems = [row for row in connection.execute("PRAGMA integrity_check(1)").fetchall() if row[0] != "ok"]
    except sqlcipher3.Error as error:
        raise translate(error, "check") from None
    if problems:
        raise DatabaseUnreadable("the database is damaged: a page does not match its seal", kind="damaged")


def set_aside(path: Path, *, now: float, mark: str = "damaged") -> Path:
    """Rename the file and its log to ``….damaged-<UTC time>``, so that nothing is lost and the name is free; the new path.

    Raises LocalError. Only on a person's wish: the program never does it by itself.
    """
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.{mark}-{stamp}")
    count = 1
    while target.exists():
        count += 1
        target = path.with_name(f"{path.name}.{mark}-{stamp}-{count}")
    try:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
        open_mark(path).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise folder_error(error, "the database cannot be set aside") from error
    return target


def open_mark(path: Path) -> Path:
    """The empty file that stands beside the database while a program has it open."""
    return path.with_name(f"{path.name}-open")


def _require_file(path: Path, *, create: bool) -> bool:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if not create:
            raise DatabaseUnreadable("the database file is missing", kind="missing") from None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            sync_folder(path.parent)
        except OSError as error:
            raise folder_error(error, "the database cannot be made") from error
        return True
    except OSError as error:
        raise folder_error(error, "the database cannot be read") from error
    if size < SMALLEST_FILE:
        raise DatabaseUnreadable("the database file is empty", kind="emptied")
    _require_encrypted(path)
    return False


def _require_encrypted(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(len(PLAIN_HEADER))
    except OSError as error:
        raise folder_error(error, "the database cannot be read") from error
    if header == PLAIN_HEADER:
        raise DatabaseUnreadable("the database file is not encrypted", kind="not_encrypted")


def _last_exit(path: Path) -> LastExit:
    log = path.with_name(f"{path.name}-wal")
    if open_mark(path).exists():
        return LastExit.UNCLEAN if log.exists() else LastExit.LOG_MISSING
    return LastExit.UNCLEAN if log.exists() and log.stat().st_size > 0 else LastExit.CLEAN


def _mark_open(path: Path) -> None:
    try:
        os.close(os.open(open_mark(path), os.O_CREAT | os.O_WRONLY, 0o600))
        sync_folder(path.parent)
    except OSError as error:
        raise folder_error(error, "the profile cannot be written") from error


def _pragma(connection: Any, pragma: str) -> Any:
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    return None if row is None else row[0]
