"""What an operation is aimed at, and how it is written into an operation's payload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import PermanentError
from app.model.crm import JsonObject, JsonValue
from app.model.ids import OperationId, RecordId, creating_operation

PEOPLE_TYPES = ("Contact", "Lead", "User")


@dataclass(frozen=True, slots=True)
class RecordTarget:
    """A record by id (or the stand-in of one that is queued), type and name."""

    record_id: RecordId
    object_type: str
    name: str


@dataclass(frozen=True, slots=True)
class PersonTarget(RecordTarget):
    """A Contact, Lead or User, and the address of the mail that stands for it."""

    address: str = ""


def to_json(target: RecordTarget) -> JsonObject:
    """The target as a part of a payload."""
    body: JsonObject = {"record_id": target.record_id, "object_type": target.object_type, "name": target.name}
    if isinstance(target, PersonTarget):
        body["address"] = target.address
    return body


def record_from_json(value: JsonValue) -> RecordTarget:
    """The target out of a payload."""
    body = value if isinstance(value, dict) else {}
    return RecordTarget(RecordId(str(body["record_id"])), str(body["object_type"]), str(body["name"]))


def person_from_json(value: JsonValue) -> PersonTarget:
    """The person out of a payload."""
    body = value if isinstance(value, dict) else {}
    record = record_from_json(body)
    return PersonTarget(record.record_id, record.object_type, record.name, str(body.get("address", "")))


def real_id(record_id: RecordId, results: Mapping[OperationId, JsonObject]) -> RecordId:
    """The Salesforce id: itself, or what the operation behind a stand-in gave. Raises PermanentError (code ``not_created``)."""
    creator = creating_operation(record_id)
    if creator is None:
        return record_id
    made = results.get(creator, {}).get("record_id")
    if not isinstance(made, str) or not made:
        raise PermanentError("the record that this needs was not created", code="not_created")
    return RecordId(made)


def needed_operations(*targets: RecordTarget | None) -> tuple[OperationId, ...]:
    """The operations that must be done before these targets have real ids."""
    creators = (creating_operation(target.record_id) for target in targets if target is not None)
    return tuple(dict.fromkeys(creator for creator in creators if creator is not None))
