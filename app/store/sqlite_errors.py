"""SQLite's result codes turned into this program's errors: decided in one place, by number, never by text."""

from __future__ import annotations

import sqlcipher3

from app.errors import AppError, BugError, DatabaseUnreadable, DiskFull, LocalError, TransientError

PRIMARY_CODE_MASK = 0xFF


def primary_code(error: Exception) -> int:
    """The primary result code (sqlite.org/rescode.html); 0 where the library gave none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & PRIMARY_CODE_MASK


def translate(error: Exception, name: str) -> AppError:
    """The error of ours for one of SQLite's. ``name`` says what was being done.

    SQLite's own words are quoted only where they name tables and columns, never values.
    """
    code = primary_code(error)
    if code == sqlcipher3.SQLITE_FULL:
        return DiskFull(f"{name}: the disk is full")
    if code in (sqlcipher3.SQLITE_BUSY, sqlcipher3.SQLITE_LOCKED):
        return TransientError(f"{name}: the database is locked", code="database_locked")
    if code == sqlcipher3.SQLITE_NOTADB:
        return DatabaseUnreadable("the key does not fit, or the first page is damaged", kind="wrong_key")
    if code == sqlcipher3.SQLITE_CORRUPT:
        return DatabaseUnreadable("the database is damaged", kind="damaged")
    if code == sqlcipher3.SQLITE_IOERR:
        return LocalError(f"{name}: the disk reported an error", code="disk_error")
    if code in (sqlcipher3.SQLITE_READONLY, sqlcipher3.SQLITE_PERM, sqlcipher3.SQLITE_CANTOPEN):
        return LocalError(f"{name}: the database may not be opened for writing", code="profile_not_writable")
    if isinstance(
        error, sqlcipher3.InterfaceError | sqlcipher3.ProgrammingError | sqlcipher3.IntegrityError
    ) or code in (
        sqlcipher3.SQLITE_ERROR,
        sqlcipher3.SQLITE_MISUSE,
        sqlcipher3.SQLITE_MISMATCH,
    ):
        return BugError(f"{name}: {error}")
    return LocalError(f"{name}: the database could not be read or written (code {code})", code="database_error")
