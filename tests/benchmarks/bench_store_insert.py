"""How fast rows go into the encrypted store, beside plain SQLite with the same durability.

Both write the same mails of 6 kB, 100 a transaction, in WAL mode with ``synchronous=FULL``: the store through its own threads and events, the peer by
bare calls of the standard library's sqlite3.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from app.events import EventBus
from app.store.database import Database, DatabaseKey, Transaction
from tests.benchmarks.rows import Row

NAME = "store-insert"
ROUNDS = 5
TRANSACTIONS = 20
ROWS_A_TRANSACTION = 100
BODY_BYTES = 6_000
CREATE = "CREATE TABLE bench (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, body BLOB NOT NULL) STRICT"
INSERT = "INSERT INTO bench (subject, body) VALUES (?, ?)"


def run() -> list[Row]:
    """Rows a second, the median of several rounds in turn."""
    seeded = random.Random(7)
    mails = [(f"Subject {n}", seeded.randbytes(BODY_BYTES)) for n in range(ROWS_A_TRANSACTION)]
    ours, peers = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(asyncio.run(_store(Path(folder), mails)))
        with tempfile.TemporaryDirectory() as folder:
            peers.append(_plain(Path(folder), mails))
    return [
        Row.compared(
            "rows into the encrypted store",
            ours=statistics.median(ours),
            peer=statistics.median(peers),
            peer_name="sqlite3, not encrypted",
            goal=">= 0.5",
            unit="rows/s",
        )
    ]


async def _store(folder: Path, mails: list[tuple[str, bytes]]) -> float:
    database = await Database.open(folder / "bench.db", DatabaseKey.new(), bus=EventBus(), create=True)
    try:
        await database.write("create", lambda transaction: transaction.execute(CREATE))

        def insert(transaction: Transaction) -> None:
            transaction.execute_many(INSERT, mails)

        started = time.perf_counter()
        for _ in range(TRANSACTIONS):
            await database.write("insert", insert)
        return TRANSACTIONS * ROWS_A_TRANSACTION / (time.perf_counter() - started)
    finally:
        await database.close()


def _plain(folder: Path, mails: list[tuple[str, bytes]]) -> float:
    connection = sqlite3.connect(folder / "bench.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(CREATE)
        started = time.perf_counter()
        for _ in range(TRANSACTIONS):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, mails)
            connection.execute("COMMIT")
        return TRANSACTIONS * ROWS_A_TRANSACTION / (time.perf_counter() - started)
    finally:
        connection.close()
