"""Rows that the tests of the store write and count."""

from __future__ import annotations

from pathlib import Path

from app.events import EventBus
from app.store.database import Database, DatabaseKey, Reader, Transaction


def add_row(tx: Transaction, name: str = "row", filler: int = 0) -> int:
    return tx.insert(
        "INSERT INTO mail_account (address, display_name, imap, smtp) VALUES (?, ?, '{}', '{}')", (name, "x" * filler)
    )


def row_names(reader: Reader) -> list[str]:
    return [str(row[0]) for row in reader.rows("SELECT address FROM mail_account ORDER BY account_id")]


async def make_file(path: Path, key: DatabaseKey, *, rows: int = 1, filler: int = 0) -> None:
    """A closed database with some rows."""
    database = await Database.open(path, key, bus=EventBus(), create=True)
    for number in range(rows):
        await database.write("add", lambda tx, number=number: add_row(tx, f"row {number}", filler))
    await database.close()


async def names_in(path: Path, key: DatabaseKey) -> list[str]:
    database = await Database.open(path, key, bus=EventBus())
    try:
        return await database.read(row_names)
    finally:
        await database.close()
