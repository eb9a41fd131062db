"""User, Organization, Profile, Group and Name, and how a whole schema is put together from a fixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.demo.salesforce.schema.activities import activity_objects
from app.demo.salesforce.schema.content import content_objects
from app.demo.salesforce.schema.crm import CRM_OBJECTS, owner
from app.demo.salesforce.schema.fields import (
    Field,
    FieldType,
    boolean,
    email,
    label_of,
    make,
    phone,
    picklist,
    read_only,
    reference,
    string,
    textarea,
    url,
)
from app.demo.salesforce.schema.objects import Schema, SObjectType, sobject

USER = sobject(
    "User",
    "005",
    string("Username", 80, nillable=False, id_lookup=True),
    string("LastName", 80, nillable=False),
    string("FirstName", 40),
    read_only(string("Name", 121, label="Full Name", name_field=True, nillable=False, defaulted=True)),
    string("CompanyName", 80),
    string("Department", 80),
    string("Title", 80),
    email("Email", length=128, nillable=False, id_lookup=True),
    phone("Phone"),
    phone("MobilePhone"),
    string("Alias", 8, nillable=False),
    string("CommunityNickname", 40, label="Nickname"),
    boolean("IsActive", label="Active", default=True),
    picklist("TimeZoneSidKey", ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "GMT"),
             nillable=False, defaulted=True, default="Europe/Berlin"),
    picklist("LocaleSidKey", ("en_US", "en_GB", "de_DE"), nillable=False, defaulted=True, default="en_US"),
    picklist("LanguageLocaleKey", ("en_US", "de", "fr", "es", "ja"), nillable=False, defaulted=True, default="en_US"),
    picklist("EmailEncodingKey", ("UTF-8", "ISO-8859-1"), nillable=False, defaulted=True, default="UTF-8"),
    reference("ProfileId", "Profile", child="Users", nillable=False),
    picklist("UserType", ("Standard", "PowerPartner", "CSPLitePortal"), createable=False, updateable=False,
             defaulted=True, default="Standard", restricted_picklist=True),
    reference("ManagerId", "User", relationship="Manager", child=""),
    url("SmallPhotoUrl", createable=False, updateable=False),
    url("FullPhotoUrl", createable=False, updateable=False),
    searchable=True,
    soft_delete=False,
    createable=False,
    deletable=False,
)  # fmt: skip

ORGANIZATION = sobject(
    "Organization",
    "00D",
    string("Name", 80, nillable=False, name_field=True),
    string("Division", 80),
    phone("Phone"),
    string("PrimaryContact", 80),
    picklist("LanguageLocaleKey", ("en_US", "de"), default="en_US", defaulted=True),
    picklist("TimeZoneSidKey", ("Europe/Berlin", "GMT"), default="Europe/Berlin", defaulted=True),
    picklist("DefaultLocaleSidKey", ("en_US", "de_DE"), default="en_US", defaulted=True),
    read_only(picklist("OrganizationType", ("Developer Edition", "Enterprise Edition", "Unlimited Edition"))),
    read_only(string("NamespacePrefix", 15)),
    read_only(string("InstanceName", 5)),
    read_only(boolean("IsSandbox")),
    read_only(boolean("IsReadOnly")),
    soft_delete=False,
    createable=False,
    deletable=False,
)

PROFILE = sobject(
    "Profile",
    "00e",
    string("Name", 255, nillable=False, name_field=True),
    picklist("UserType", ("Standard",), restricted_picklist=True, default="Standard", defaulted=True),
    textarea("Description", 255),
    soft_delete=False,
    createable=False,
    updateable=False,
    deletable=False,
)

GROUP = sobject(
    "Group",
    "00G",
    string("Name", 40, nillable=False, name_field=True),
    string("DeveloperName", 80, nillable=False),
    picklist("Type", ("Regular", "Queue"), restricted_picklist=True, nillable=False),
    soft_delete=False,
    createable=False,
    updateable=False,
    deletable=False,
)

NAME = SObjectType(
    name="Name",
    label="Name",
    label_plural="Names",
    key_prefix="",
    fields=(
        make("Id", FieldType.ID, length=18, createable=False, updateable=False),
        *(
            make(name, FieldType.STRING, length=255, createable=False, updateable=False)
            for name in ("Name", "Type", "FirstName", "LastName", "Email", "Phone", "Title", "Username", "Alias")
        ),
        make("IsActive", FieldType.BOOLEAN, createable=False, updateable=False),
    ),
    createable=False,
    updateable=False,
    deletable=False,
    soft_delete=False,
)
"""The parent of a polymorphic reference (Who, What, Owner): the fields that all targets share. Not queried by itself."""

_TEXT_LENGTH = {"string": 255, "url": 255, "email": 80, "phone": 40, "textarea": 255, "picklist": 255}


class FixtureError(ValueError):
    """The fixture describes something the demo world cannot build; the text names the place."""


def build_schema(custom: Mapping[str, Mapping[str, Any]], *, enhanced_email: bool) -> Schema:
    """The objects of an org: the standard ones, with the fixture's custom objects and fields.

    ``custom`` maps an object name to ``{"label", "plural", "fields": [...]}``; a standard object there gains fields.
    Raises FixtureError.
    """
    custom_names = tuple(sorted(name for name in custom if name.endswith("__c")))
    standard = (
        *CRM_OBJECTS,
        *activity_objects(custom_names, enhanced_email=enhanced_email),
        *content_objects(custom_names, enhanced_email=enhanced_email),
        USER,
        ORGANIZATION,
        PROFILE,
        GROUP,
        NAME,
    )
    objects = [_with_custom_fields(one, custom.get(one.name, {})) for one in standard]
    known = {one.name for one in objects} | set(custom_names)
    unknown = sorted(set(custom) - known - {"EmailMessage", "EmailMessageRelation"})
    if unknown:
        raise FixtureError(f"objects: {', '.join(unknown)} is neither a standard object nor named ...__c")
    for number, name in enumerate(custom_names):
        objects.append(_custom_object(name, custom[name], f"a{number:02d}"))
    return Schema(objects)


def _with_custom_fields(base: SObjectType, extra: Mapping[str, Any]) -> SObjectType:
    added = tuple(_custom_field(base.name, one) for one in extra.get("fields", ()))
    return replace(base, fields=base.fields + added) if added else base


def _custom_object(name: str, spec: Mapping[str, Any], key_prefix: str) -> SObjectType:
    label = spec.get("label") or label_of(name)
    return sobject(
        name,
        key_prefix,
        owner("Group", "User"),
        string("Name", 80, label=f"{label} Name", name_field=True),
        tuple(_custom_field(name, one) for one in spec.get("fields", ())),
        label=label,
        plural=spec.get("plural") or label + "s",
        searchable=True,
        feed_enabled=True,
    )


def _custom_field(object_name: str, spec: Mapping[str, Any]) -> Field:
    try:
        name, kind = spec["name"], FieldType(spec["type"])
    except (KeyError, ValueError) as exc:
        raise FixtureError(f"objects.{object_name}: a field needs a name and a known type ({exc})") from exc
    if not name.endswith("__c"):
        raise FixtureError(f"objects.{object_name}.{name}: custom fields end in __c")
    flags: dict[str, Any] = {
        "label": spec.get("label") or label_of(name),
        "nillable": not spec.get("required", False),
        "external_id": bool(spec.get("external_id", False)),
        "unique": bool(spec.get("unique", False)),
        "id_lookup": bool(spec.get("external_id", False)),
    }
    if kind is FieldType.REFERENCE:
        targets = spec.get("reference_to") or ()
        targets = (targets,) if isinstance(targets, str) else tuple(targets)
        if not targets:
            raise FixtureError(f"objects.{object_name}.{name}: a reference needs reference_to")
        parent = spec.get("relationship_name") or name.removesuffix("__c") + "__r"
        return reference(name, *targets, relationship=parent, child=spec.get("child_relationship", ""), **flags)
    if kind is FieldType.BOOLEAN:
        flags.pop("nillable")
        return boolean(name, default=bool(spec.get("default", False)), **flags)
    length = int(spec.get("length") or _TEXT_LENGTH.get(kind.value, 0))
    if kind in (FieldType.PICKLIST, FieldType.MULTIPICKLIST):
        flags |= {"values": tuple(spec.get("values", ())), "restricted_picklist": bool(spec.get("restricted", False))}
    if kind is FieldType.TEXTAREA:
        return textarea(name, length, default=spec.get("default"), **flags)
    precision, scale = int(spec.get("precision", 18)), int(spec.get("scale", 2))
    if kind in (FieldType.DOUBLE, FieldType.CURRENCY, FieldType.PERCENT):
        flags |= {"precision": precision, "scale": scale}
    return make(name, kind, length=length, default=spec.get("default"), **flags)
