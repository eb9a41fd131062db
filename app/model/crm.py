"""Salesforce values. Record values live in RAM only; what may be stored is said in `app.store`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from app.model.ids import CrmLoginId, RecordId

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class CrmLogin:
    """One user in one org.

    ``login_url`` is where the user signs in, ``instance_url`` where the API answers (a path is kept: Experience Cloud).
    """

    login_id: CrmLoginId
    login_url: str
    instance_url: str
    client_id: str
    org_id: str
    user_id: str
    username: str
    display_name: str
    org_name: str
    is_sandbox: bool
    ca_file: str = ""
    is_demo: bool = False
    needs_sign_in: bool = False


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CrmRecord:
    """Any sObject: ``fields`` by API name as the REST API gave them; parent fields keep the dotted path as key ("Account.Name")."""

    record_id: RecordId
    object_type: str
    name: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)

    def text(self, field_name: str) -> str:
        """The field as text, "" when absent or null."""
        value = self.fields.get(field_name)
        return "" if value is None else str(value)


class SectionState(StrEnum):
    """What a panel section can be: filled, without result, or not to be had (no right to the object, or the query failed)."""

    READY = "ready"
    EMPTY = "empty"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Section:
    """A list of records with its own state, so that one refused object does not empty the panel."""

    state: SectionState
    records: tuple[CrmRecord, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PersonMatch:
    """A Contact or Lead that carries an address.

    ``matched_field`` is the API name of the field that matched ("why this person").
    """

    address: str
    person: CrmRecord
    matched_field: str
    account: CrmRecord | None
    opportunities: Section
    cases: Section
    activities: Section


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What Salesforce knows of some addresses.

    ``people`` keeps the order of the addresses asked for, then Contact before Lead, then last modified first.
    ``unknown`` are the addresses that nobody carries. ``fetched_at`` is wall time; ``api_calls`` is what this look cost
    (0 from RAM).
    """

    login_id: CrmLoginId
    people: tuple[PersonMatch, ...]
    unknown: tuple[str, ...]
    fetched_at: float
    api_calls: int
    from_cache: bool


@dataclass(frozen=True, slots=True)
class FieldDescribe:
    """One field of a describe, trimmed to what forms need (REST API, sObject Describe)."""

    name: str
    label: str
    type: str
    length: int
    is_required: bool
    is_createable: bool
    is_updateable: bool
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectDescribe:
    """One object of a describe. No record values, so it may be stored."""

    name: str
    label: str
    is_createable: bool
    fields: tuple[FieldDescribe, ...]

    def field(self, name: str) -> FieldDescribe | None:
        """The field by API name, None where the user may not see it or it does not exist."""
        return next((f for f in self.fields if f.name == name), None)
