"""A process that migrates a file and kills itself before its n-th statement: ``python -m tests.app.store.migrating_process FILE KEY ID N``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from app.store.database import DatabaseKey
from app.store.migrations import migrate
from app.store.opening import connect


class DyingConnection:
    """A real connection whose process dies before one of its statements."""

    def __init__(self, connection: Any, statements: int) -> None:
        self._connection = connection
        self._left = statements

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, *args: Any) -> Any:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._connection.execute(*args)


if __name__ == "__main__":
    file, made_key = Path(sys.argv[1]), DatabaseKey(sys.argv[2], sys.argv[3], 1)
    opened = connect(file, made_key)
    migrate(DyingConnection(opened, int(sys.argv[4])), file, made_key.database_id, 1, is_new=False)
    opened.close()
    print("finished")
