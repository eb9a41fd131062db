"""Numbered migrations: ``NNNN_name.sql``, each run once in one transaction, ``PRAGMA user_version`` counting them.

Before an existing file is changed a copy is kept beside it. A file of a newer version is refused in words. A program that is killed in the middle
of a migration goes on with that migration at its next start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from app.errors import BugError, DatabaseTooNew, DatabaseUnreadable
from app.paths import folder_error, sync_folder

COPIES_KEPT = 2


def migrate(
    connection: Any,
    path: Path,
    database_id: str,
    generation: int,
    *,
    is_new: bool,
    steps: Mapping[int, str] | None = None,
) -> None:
    """Bring the open database to the newest version. The copy made before is ``<name>.before-<version>``, encrypted like the file.

    ``steps`` are the migrations by number, this program's own where none are given.

    Raises DatabaseTooNew, DiskFull, LocalError; SQLite's errors pass through.
    """
    version = schema_version(connection)
    steps = migration_steps() if steps is None else steps
    newest = max(steps)
    if version > newest:
        raise DatabaseTooNew(f"the database has version {version}, this program knows {newest}")
    if version == newest:
        return
    if not is_new:
        _keep_copy(connection, path, newest)
    for number in range(version + 1, newest + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in split_statements(steps[number]):
                connection.execute(statement)
            if number == 1:
                connection.execute(
                    "INSERT INTO meta (only_row, database_id, generation) VALUES (1, ?, ?)", (database_id, generation)
                )
            connection.execute(f"PRAGMA user_version={number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def schema_version(connection: Any) -> int:
    """The number of the last migration that the file has had; 0 for a file without tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_marker(connection: Any, database_id: str, generation: int) -> None:
    """Raises DatabaseUnreadable (replaced) unless the file is the one that the keychain's marker names, or a later state of it."""
    row = connection.execute("SELECT database_id, generation FROM meta").fetchone()
    if row is None or row[0] != database_id or int(row[1]) < generation:
        raise DatabaseUnreadable("the database is not the one that this key was made for", kind="replaced")


def migration_steps() -> dict[int, str]:
    """The SQL of every migration by number; the numbers are 1, 2, 3 … without a gap."""
    steps: dict[int, str] = {}
    for entry in resources.files(__name__).iterdir():
        if entry.name.endswith(".sql"):
            number = int(entry.name[:4])
            if number in steps:
                raise BugError(f"two migrations have the number {number}")
            steps[number] = entry.read_text(encoding="utf-8")
    if sorted(steps) != list(range(1, len(steps) + 1)):
        raise BugError(f"the migrations {sorted(steps)} have a gap")
    return dict(sorted(steps.items()))


def split_statements(script: str) -> list[str]:
    """The statements of a script. A statement ends with ``;`` at the end of a line; lines of a trigger's body are indented."""
    statements: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        if line.startswith("--") or (not line.strip() and not lines):
            continue
        lines.append(line)
        if line.endswith(";") and not line.startswith((" ", "\t")):
            statements.append("\n".join(lines))
            lines = []
    if "".join(lines).strip():
        statements.append("\n".join(lines))
    return statements


def _keep_copy(connection: Any, path: Path, newest: int) -> None:
    # The log is folded in first, so that one file is the whole database.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = path.with_name(f"{path.name}.before-{newest:04}")
    part = path.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as target, path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        part.replace(copy)
        for older in sorted(path.parent.glob(f"{path.name}.before-[0-9][0-9][0-9][0-9]"))[:-COPIES_KEPT]:
            older.unlink()
        sync_folder(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise folder_error(error, "no copy of the database could be kept before the update") from error
