"""Numbered migrations: ``NNNN_name.sql``, each run once in one transaction, ``PRAGMA user_version`` counting them.

Before an existing file is changed a copy is kept beside it. A file of a newer version is refused in words.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from app.errors import DatabaseTooNew, DatabaseUnreadable


def migrate(connection: Any, path: Path, database_id: str, generation: int, *, is_new: bool) -> None:
    """Bring the open database to the newest version and check that it is the one the keychain's marker names.

    Raises DatabaseTooNew, DatabaseUnreadable (``replaced`` when the marker differs, ``emptied`` when an existing file has no tables).
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    steps = migration_steps()
    newest = max(steps)
    if version > newest:
        raise DatabaseTooNew(f"the database has version {version}, this program knows {newest}")
    if version == 0 and not is_new:
        raise DatabaseUnreadable("the database has no tables", kind="emptied")
    if version != 0:
        _check_marker(connection, database_id, generation)
    if not is_new and version < newest:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(path, path.with_name(f"{path.name}.before-{newest:04}"))
    for number in range(version + 1, newest + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in split_statements(steps[number]):
                connection.execute(statement)
            if number == 1:
                connection.execute("INSERT INTO meta (only_row, database_id, generation) VALUES (1, ?, ?)", (database_id, generation))
            connection.execute(f"PRAGMA user_version={number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def migration_steps() -> dict[int, str]:
    """The SQL of every migration by number; the numbers are 1, 2, 3 … without a gap."""
    steps = {
        int(entry.name[:4]): entry.read_text(encoding="utf-8")
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".sql")
    }
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


def _check_marker(connection: Any, database_id: str, generation: int) -> None:
    row = connection.execute("SELECT database_id, generation FROM meta").fetchone()
    if row is None or row[0] != database_id or int(row[1]) < generation:
        raise DatabaseUnreadable("the database is not the one that this key was made for", kind="replaced")
