"""The tables of one org: a table an object, a row a record, in the columns' own types.

Dates are "YYYY-MM-DD", moments "YYYY-MM-DDTHH:MM:SS.mmm+0000" (both sort as text), booleans 0 and 1. Text columns
compare without regard to case, as SOQL does; ids compare exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.demo.salesforce.database import Database, Value, quoted
from app.demo.salesforce.ids import make_id
from app.demo.salesforce.schema import Field, FieldType, Schema, SObjectType
from app.demo.salesforce.schema.fields import ID_TYPES, NUMBER_TYPES

Record = dict[str, Any]

BLOB_COLUMN = "$blob"
"""The column of ContentVersion that names the file with the content; no field shows it."""
_PRIVATE_COLUMNS = {"ContentVersion": (BLOB_COLUMN,)}
_NAMED_OBJECTS = ("FirstName", "LastName", "Email", "Phone", "Title", "Username", "Alias")


def moment(when: datetime) -> str:
    """A moment as the REST API spells it, UTC with milliseconds."""
    utc = when.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}+0000"


class RecordTables:
    """Reading and writing rows by object and id. No rule of Salesforce is applied here."""

    def __init__(self, database: Database, org_id: str, schema: Schema) -> None:
        self.database = database
        self.schema = schema
        self._org = org_id

    def table(self, object_name: str) -> str:
        """The table of an object as an SQL identifier."""
        return quoted(f"{self._org}.{object_name}")

    def create(self) -> None:
        """Make the tables, and the columns that a newer fixture has added."""
        for sobject in self.schema.objects.values():
            columns = {one.name: _column_type(one) for one in sobject.stored_fields}
            columns |= dict.fromkeys(_PRIVATE_COLUMNS.get(sobject.name, ()), "TEXT")
            spelled = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
            table = self.table(sobject.name)
            self.database.run(f"CREATE TABLE IF NOT EXISTS {table} ({spelled})")
            present = {row["name"] for row in self.database.rows(f"PRAGMA table_info({table})")}
            for name in columns.keys() - present:
                self.database.run(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {columns[name]}")
            for one in sobject.stored_fields:
                if _indexed(one):
                    index = quoted(f"{self._org}.{sobject.name}.{one.name}")
                    unique = "UNIQUE" if one.type is FieldType.ID else ""
                    self.database.run(f"CREATE {unique} INDEX IF NOT EXISTS {index} ON {table} ({quoted(one.name)})")
        self.database.run(
            "CREATE TABLE IF NOT EXISTS sequences (org TEXT, name TEXT, value INTEGER, PRIMARY KEY (org, name))"
        )

    def next_number(self, name: str, start: int = 1) -> int:
        """The next value of a running number of this org."""
        key = (self._org, name)
        self.database.run("INSERT OR IGNORE INTO sequences VALUES (?, ?, ?)", (*key, start - 1))
        self.database.run("UPDATE sequences SET value = value + 1 WHERE org = ? AND name = ?", key)
        row = self.database.row("SELECT value FROM sequences WHERE org = ? AND name = ?", key)
        assert row is not None
        return int(row["value"])

    def new_id(self, sobject: SObjectType) -> str:
        """A fresh id for a record of this object."""
        while True:
            record_id = make_id(sobject.key_prefix, self.next_number(f"id.{sobject.name}"))
            if not self.exists(sobject.name, record_id):
                return record_id

    def get(self, object_name: str, record_id: str, *, with_deleted: bool = False) -> Record | None:
        """The columns of a record, or None."""
        row = self.database.row(f"SELECT * FROM {self.table(object_name)} WHERE Id = ?", (record_id,))
        if row is None:
            return None
        record = dict(zip(row.keys(), row, strict=True))
        return record if with_deleted or not record.get("IsDeleted") else None

    def exists(self, object_name: str, record_id: str) -> bool:
        """Whether a record has this id, deleted or not."""
        return self.get(object_name, record_id, with_deleted=True) is not None

    def find(self, object_name: str, **equals: Value) -> list[Record]:
        """The records that are not deleted and whose columns have these values."""
        sobject = self.schema.objects[object_name]
        terms = [f"{quoted(name)} IS ?" for name in equals]
        if sobject.soft_delete:
            terms.append("IsDeleted = 0")
        where = " AND ".join(terms) or "1"
        rows = self.database.rows(f"SELECT * FROM {self.table(object_name)} WHERE {where}", tuple(equals.values()))
        return [dict(zip(row.keys(), row, strict=True)) for row in rows]

    def insert(self, object_name: str, record: Mapping[str, Any]) -> None:
        """Add a row; unnamed columns are null."""
        names = ", ".join(quoted(name) for name in record)
        marks = ", ".join("?" for _ in record)
        self.database.run(f"INSERT INTO {self.table(object_name)} ({names}) VALUES ({marks})", tuple(record.values()))
        self._keep_name(object_name, str(record["Id"]))

    def update(self, object_name: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change columns of a row."""
        if not changes:
            return
        spelled = ", ".join(f"{quoted(name)} = ?" for name in changes)
        self.database.run(
            f"UPDATE {self.table(object_name)} SET {spelled} WHERE Id = ?", (*changes.values(), record_id)
        )
        self._keep_name(object_name, record_id)

    def remove(self, object_name: str, record_id: str) -> None:
        """Take a row away for good: for objects without a recycle bin."""
        self.database.run(f"DELETE FROM {self.table(object_name)} WHERE Id = ?", (record_id,))

    def _keep_name(self, object_name: str, record_id: str) -> None:
        """The row of the Name object that a polymorphic parent (Who, What, Owner) is read from."""
        name_field = self.schema.objects[object_name].name_field
        if name_field is None:
            return
        record = self.get(object_name, record_id, with_deleted=True)
        assert record is not None
        entry: Record = {"Id": record_id, "Type": object_name, "Name": record.get(name_field.name)}
        entry |= {name: record.get(name) for name in _NAMED_OBJECTS}
        entry["IsActive"] = record.get("IsActive", 1)
        table = self.table("Name")
        self.database.run(f"DELETE FROM {table} WHERE Id = ?", (record_id,))
        columns = ", ".join(quoted(name) for name in entry)
        marks = ", ".join("?" for _ in entry)
        self.database.run(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(entry.values()))


def present(field: Field, value: Any) -> Any:
    """A stored value as JSON shows it."""
    if value is None:
        return None
    if field.type is FieldType.BOOLEAN:
        return bool(value)
    return value


def _column_type(field: Field) -> str:
    if field.type is FieldType.BOOLEAN or field.type is FieldType.INT:
        return "INTEGER"
    if field.type in NUMBER_TYPES:
        return "REAL"
    if field.type in ID_TYPES or field.type in (FieldType.DATE, FieldType.DATETIME):
        return "TEXT"
    return "TEXT COLLATE NOCASE"


def _indexed(field: Field) -> bool:
    people = ("CreatedById", "LastModifiedById")
    return (
        field.type in ID_TYPES or field.id_lookup or field.name in ("Checksum", "CreatedDate", "SystemModstamp")
    ) and field.name not in people
