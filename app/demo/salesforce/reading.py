"""What a record shows: its columns, and the fields that are put together when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.demo.salesforce.records import Record, RecordTables, present
from app.demo.salesforce.schema import Field, FieldType, SObjectType

_ADDRESS_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
_RELATION_OF = {"ToIds": "ToAddress", "CcIds": "CcAddress", "BccIds": "BccAddress"}


def record_url(version: str, object_name: str, record_id: str) -> str:
    """The path of a record, as in ``attributes.url``."""
    return f"/services/data/v{version}/sobjects/{object_name}/{record_id}"


def attributes(version: str, object_name: str, record_id: str) -> dict[str, str]:
    """The ``attributes`` of a record."""
    return {"type": object_name, "url": record_url(version, object_name, record_id)}


def shown(tables: RecordTables, sobject: SObjectType, field: Field, record: Mapping[str, Any], version: str) -> Any:
    """The value of a field as JSON shows it. ``record`` needs the Id and the columns the field is made of."""
    if field.stored:
        return present(field, record[field.name])
    record_id = str(record["Id"])
    if field.type is FieldType.BASE64:
        return f"{record_url(version, sobject.name, record_id)}/{field.name}"
    if field.type is FieldType.ADDRESS:
        return _address(field, tables.get(sobject.name, record_id, with_deleted=True) or {})
    return id_list(tables, sobject.name, field.name, record_id)


def id_list(tables: RecordTables, object_name: str, field_name: str, record_id: str) -> list[str] | None:
    """The ids of a JunctionIdList, or None when there are none."""
    if field_name in _RELATION_OF:
        rows = tables.find("EmailMessageRelation", EmailMessageId=record_id, RelationType=_RELATION_OF[field_name])
        ids = [row["RelationId"] for row in rows if row["RelationId"]]
    elif field_name == "ContentDocumentIds":
        ids = [row["ContentDocumentId"] for row in tables.find("ContentDocumentLink", LinkedEntityId=record_id)]
    else:
        record = tables.get(object_name, record_id, with_deleted=True) or {}
        ids = [record["WhoId"]] if record.get("WhoId") else []
    return ids or None


def whole_record(
    tables: RecordTables, sobject: SObjectType, fields: list[Field], record: Record, version: str
) -> dict[str, Any]:
    """A record as GET on its row answers it."""
    body: dict[str, Any] = {"attributes": attributes(version, sobject.name, str(record["Id"]))}
    for field in fields:
        body[field.name] = shown(tables, sobject, field, record, version)
    return body


def _address(field: Field, record: Mapping[str, Any]) -> dict[str, Any] | None:
    stem = field.name.removesuffix("Address")
    parts = {part: record.get(stem + part[0].upper() + part[1:]) for part in _ADDRESS_PARTS}
    return parts if any(value is not None for value in parts.values()) else None
