"""One field of an object, and short constructors for each field type.

The flags are those of ``DescribeFieldResult`` in the REST API guide, in Python spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class FieldType(StrEnum):
    """The values of ``type`` in a describe."""

    ID = "id"
    STRING = "string"
    TEXTAREA = "textarea"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    COMBOBOX = "combobox"
    BOOLEAN = "boolean"
    INT = "int"
    DOUBLE = "double"
    CURRENCY = "currency"
    PERCENT = "percent"
    DATE = "date"
    DATETIME = "datetime"
    REFERENCE = "reference"
    BASE64 = "base64"
    ADDRESS = "address"
    ID_LIST = "junctionIdList"


TEXT_TYPES = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXTAREA,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.PICKLIST,
        FieldType.MULTIPICKLIST,
        FieldType.COMBOBOX,
    }
)
NUMBER_TYPES = frozenset({FieldType.INT, FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT})
ID_TYPES = frozenset({FieldType.ID, FieldType.REFERENCE})
COMPUTED_ON_READ = frozenset({FieldType.ADDRESS, FieldType.BASE64, FieldType.ID_LIST})
"""Types without a column of their own: put together when a record is read."""


@dataclass(frozen=True)
class Field:
    """A field: its type, its limits and what may be done with it.

    ``default`` is stored when a create leaves the field out. ``components`` names the columns of a compound address.
    ``defaulted`` fields are filled by the server when a create leaves them out.
    """

    name: str
    type: FieldType
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    name_field: bool = False
    calculated: bool = False
    auto_number: bool = False
    restricted_picklist: bool = False
    values: tuple[str, ...] = ()
    value_labels: tuple[str, ...] = ()
    default: Any = None
    reference_to: tuple[str, ...] = ()
    relationship_name: str = ""
    child_relationship: str = ""
    cascade_delete: bool = False
    compound: str = ""
    components: tuple[str, ...] = ()
    html: bool = False
    defaulted: bool = False

    @property
    def custom(self) -> bool:
        """Defined by an administrator."""
        return self.name.endswith("__c")

    @property
    def stored(self) -> bool:
        """Has a column in the object's table."""
        return self.type not in COMPUTED_ON_READ

    @property
    def polymorphic(self) -> bool:
        """The reference may point at several objects: its parent is read through the Name object."""
        return len(self.reference_to) > 1

    @property
    def required(self) -> bool:
        """A create must give a value."""
        return self.createable and not self.nillable and not self.defaulted and self.default is None

    @property
    def permissionable(self) -> bool:
        """Field-level security applies: not to system fields and required ones."""
        return (self.createable or self.updateable or self.calculated) and (self.nillable or self.custom)

    @property
    def is_text(self) -> bool:
        """Compared as text without regard to case."""
        return self.type in TEXT_TYPES


def label_of(name: str) -> str:
    """A readable label from an API name: ``MailingStreet`` becomes "Mailing Street"."""
    plain = name.removesuffix("__c").replace("_", " ")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain)


def make(name: str, kind: FieldType, **flags: Any) -> Field:
    """A field with a label made from its name unless one is given."""
    flags.setdefault("label", label_of(name))
    return Field(name=name, type=kind, **flags)


def string(name: str, length: int, **flags: Any) -> Field:
    """A single-line text."""
    return make(name, FieldType.STRING, length=length, **flags)


def textarea(name: str, length: int, **flags: Any) -> Field:
    """A text of several lines; above 255 characters it is a long text area, which no query can filter, sort or group."""
    if length > 255:
        flags = {"filterable": False, "sortable": False, "groupable": False, **flags}
    return make(name, FieldType.TEXTAREA, length=length, **flags)


def email(name: str, **flags: Any) -> Field:
    """An e-mail address, stored in lower case."""
    return make(name, FieldType.EMAIL, length=flags.pop("length", 80), **flags)


def phone(name: str, **flags: Any) -> Field:
    """A telephone number, kept as typed."""
    return make(name, FieldType.PHONE, length=40, **flags)


def url(name: str, length: int = 255, **flags: Any) -> Field:
    """An address of a page or picture."""
    return make(name, FieldType.URL, length=length, **flags)


def picklist(name: str, values: Iterable[str], **flags: Any) -> Field:
    """One of several values; only a restricted one refuses others."""
    return make(name, FieldType.PICKLIST, values=tuple(values), length=flags.pop("length", 255), **flags)


def boolean(name: str, *, default: bool = False, **flags: Any) -> Field:
    """True or false, never null."""
    return make(name, FieldType.BOOLEAN, default=default, nillable=False, defaulted=True, **flags)


def integer(name: str, **flags: Any) -> Field:
    """A whole number."""
    return make(name, FieldType.INT, precision=flags.pop("digits", 9), **flags)


def number(name: str, precision: int = 18, scale: int = 2, **flags: Any) -> Field:
    """A decimal number."""
    return make(name, FieldType.DOUBLE, precision=precision, scale=scale, **flags)


def currency(name: str, precision: int = 18, scale: int = 2, **flags: Any) -> Field:
    """An amount of money."""
    return make(name, FieldType.CURRENCY, precision=precision, scale=scale, **flags)


def percent(name: str, precision: int = 3, scale: int = 0, **flags: Any) -> Field:
    """A percentage; 12 means 12 %."""
    return make(name, FieldType.PERCENT, precision=precision, scale=scale, **flags)


def date(name: str, **flags: Any) -> Field:
    """A calendar day."""
    return make(name, FieldType.DATE, **flags)


def datetime_(name: str, **flags: Any) -> Field:
    """A moment, in UTC."""
    return make(name, FieldType.DATETIME, groupable=False, **flags)


def reference(name: str, *targets: str, relationship: str = "", child: str = "", **flags: Any) -> Field:
    """An id of a record of one of ``targets``. ``relationship`` defaults to the name without "Id"."""
    parent = relationship or name.removesuffix("Id")
    return make(
        name,
        FieldType.REFERENCE,
        length=18,
        reference_to=targets,
        relationship_name=parent,
        child_relationship=child,
        **{"label": label_of(parent) + " ID", **flags},
    )


def id_list(name: str, **flags: Any) -> Field:
    """A JunctionIdList: an array of ids in a request, read from the rows of a junction object."""
    return make(name, FieldType.ID_LIST, filterable=False, sortable=False, groupable=False, **flags)


def read_only(field: Field) -> Field:
    """The same field, set by the server alone."""
    return replace(field, createable=False, updateable=False)


def address(name: str) -> tuple[Field, ...]:
    """A compound address (``MailingAddress``) with its components (``MailingStreet`` and so on)."""
    stem = name.removesuffix("Address")
    compound = make(
        name,
        FieldType.ADDRESS,
        createable=False,
        updateable=False,
        filterable=False,
        sortable=False,
        groupable=False,
        components=tuple(stem + part for part in ("Street", "City", "State", "PostalCode", "Country")),
    )
    return (
        textarea(stem + "Street", 255, compound=name),
        string(stem + "City", 40, compound=name),
        string(stem + "State", 80, compound=name),
        string(stem + "PostalCode", 20, compound=name),
        string(stem + "Country", 80, compound=name),
        make(stem + "Latitude", FieldType.DOUBLE, precision=18, scale=15, compound=name),
        make(stem + "Longitude", FieldType.DOUBLE, precision=18, scale=15, compound=name),
        compound,
    )


def system_fields(*, soft_delete: bool = True) -> tuple[Field, ...]:
    """The fields that every object has and only the server sets."""
    fixed: dict[str, Any] = {"createable": False, "updateable": False, "nillable": False, "defaulted": True}
    people = {"child": "", **fixed}
    fields = [
        datetime_("CreatedDate", **fixed),
        reference("CreatedById", "User", **people),
        datetime_("LastModifiedDate", **fixed),
        reference("LastModifiedById", "User", **people),
        datetime_("SystemModstamp", **fixed),
    ]
    if soft_delete:
        fields.insert(0, make("IsDeleted", FieldType.BOOLEAN, label="Deleted", default=False, **fixed))
    return tuple(fields)


def id_field(label: str) -> Field:
    """The record id."""
    return make(
        "Id",
        FieldType.ID,
        label=f"{label} ID",
        length=18,
        createable=False,
        updateable=False,
        nillable=False,
        defaulted=True,
        id_lookup=True,
    )
