"""A process that writes rows until it is stopped, and says what it was told about each: ``python -m tests.app.store.writer_process FILE KEY ID N``.

Prints ``begun``, then for each row its number and ``saved``, ``refused`` or ``unknown``; ``ready`` between two tells the parent where to look.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.errors import AppError
from app.events import EventBus
from app.store.database import Database, DatabaseKey, Transaction


async def write_rows(path: Path, key: DatabaseKey, count: int) -> None:
    database = await Database.open(path, key, bus=EventBus(), readers=1)
    print("begun", flush=True)
    for number in range(count):

        def add(tx: Transaction, number: int = number) -> None:
            tx.execute(
                "INSERT INTO mail_account (address, display_name, imap, smtp) VALUES (?, ?, '{}', '{}')",
                (f"row {number}", "x" * 6000),
            )

        try:
            await database.write("add row", add)
        except AppError as error:
            print(number, "unknown" if error.code == "commit_unknown" else "refused", flush=True)
        else:
            print(number, "saved", flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(write_rows(Path(sys.argv[1]), DatabaseKey(sys.argv[2], sys.argv[3], 1), int(sys.argv[4])))
