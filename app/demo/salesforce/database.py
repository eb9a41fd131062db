"""The one SQLite file of the demo world, with nested transactions.

Everything runs on the event loop's thread, one request after another, so a transaction is never seen half done.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

Row = sqlite3.Row
Value = str | int | float | None


class Database:
    """A connection with nested transactions and a snapshot to return to.

    ``on_rollback`` work registered inside a transaction runs when it, or one around it, is rolled back: a file that
    was written for a record that never came to be is removed by it.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.create_function("like_folded", 2, _like_folded, deterministic=True)
        self._connection.create_function("folded", 1, _folded, deterministic=True)
        self._connection.create_function("has_value", 2, _has_value, deterministic=True)
        self._depth = 0
        self._undo: list[Callable[[], None]] = []
        self._snapshot: sqlite3.Connection | None = None

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Execute a statement; the number of rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        """The first row of a query, or None."""
        found: Row | None = self._connection.execute(sql, parameters).fetchone()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one it is a savepoint."""
        name = f"level_{self._depth}"
        self._connection.execute("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {name}")
        undo_from = len(self._undo)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("ROLLBACK")
            else:
                self._connection.execute(f"ROLLBACK TO {name}")
                self._connection.execute(f"RELEASE {name}")
            for undo in reversed(self._undo[undo_from:]):
                undo()
            del self._undo[undo_from:]
            raise
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute("COMMIT")
            self._undo.clear()
        else:
            self._connection.execute(f"RELEASE {name}")

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Run ``undo`` if the transaction under way is rolled back."""
        self._undo.append(undo)

    def take_snapshot(self) -> None:
        """Remember the whole file as it is now, for ``restore_snapshot``."""
        if self._snapshot is not None:
            self._snapshot.close()
        self._snapshot = sqlite3.connect(":memory:")
        self._connection.backup(self._snapshot)

    def restore_snapshot(self) -> None:
        """Bring the whole file back to the snapshot. Raises RuntimeError where none was taken."""
        if self._snapshot is None:
            raise RuntimeError("no snapshot was taken")
        self._snapshot.backup(self._connection)

    def close(self) -> None:
        """Write everything into the one file and close it."""
        if self._snapshot is not None:
            self._snapshot.close()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _folded(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _like_folded(text: str | None, pattern: str) -> int | None:
    """LIKE without regard to case for letters beyond ASCII, which SQLite's own LIKE does not fold. Escape: backslash."""
    if text is None:
        return None
    parts = re.findall(r"\\.|.", pattern.casefold(), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return int(re.fullmatch(regex, text.casefold(), re.DOTALL) is not None)


def _has_value(stored: str | None, wanted: str) -> int:
    """True when a multi-select picklist ("a;b") holds every value of ``wanted`` ("a" or "a;b")."""
    held = {part.casefold() for part in (stored or "").split(";")}
    return int(all(part.casefold() in held for part in wanted.split(";")))
