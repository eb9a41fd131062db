"""A fixture becomes orgs with users and records.

The form of the fixture is described in resources/demo/README.md. An id that begins with "@" is an alias: the record
gets an id of its own, and the alias stands for it in every reference of the same org.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from app.demo.salesforce.access import ADMINISTRATOR, Profile
from app.demo.salesforce.database import Database
from app.demo.salesforce.errors import ApiError
from app.demo.salesforce.files import FileStore
from app.demo.salesforce.ids import MalformedId, make_id, to_18
from app.demo.salesforce.org import DuplicateRule, Org, OrgSettings, ValidationRule
from app.demo.salesforce.records import Record
from app.demo.salesforce.schema import Field, FieldType
from app.demo.salesforce.schema.setup import FixtureError
from app.demo.salesforce.soql.parser import parse_condition
from app.demo.salesforce.soql.tokens import SoqlError
from app.demo.salesforce.writing.change import WriteOptions
from app.demo.salesforce.writing.writer import Writer

_FIRST = (
    "Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Case", "ContentVersion", "Task", "Event",
    "EmailMessage", "EmailMessageRelation", "ContentDocumentLink", "FeedItem",
)  # fmt: skip
_USER_FIELDS = {"username": "Username", "email": "Email", "title": "Title", "phone": "Phone", "department": "Department",
                "time_zone": "TimeZoneSidKey", "locale": "LocaleSidKey", "language": "LanguageLocaleKey"}  # fmt: skip
_DEFAULT_MATCH_RULES = {"Contact": "Standard_Contact_Match_Rule_v1_1", "Lead": "Standard_Lead_Match_Rule_v1_0"}

Fixture = Mapping[str, Any]


def make_orgs(fixture: Fixture, database: Database, files: FileStore, now: Callable[[], datetime]) -> dict[str, Org]:
    """The orgs of a fixture by id, with their tables made and still as empty or full as the file has them."""
    orgs: dict[str, Org] = {}
    with database.transaction():
        for spec in fixture["orgs"]:
            settings = _settings(spec, fixture)
            org = Org(settings, fixture.get("objects", {}), database, files, now)
            org.tables.create()
            orgs[settings.org_id] = org
    return orgs


def load_records(fixture: Fixture, orgs: Mapping[str, Org]) -> None:
    """Fill empty orgs with the users and records of the fixture. Raises FixtureError."""
    for org in orgs.values():
        with org.database.transaction():
            _Loader(org, fixture).load()


def password_hash(password: str) -> str:
    """What is kept of a user's password."""
    return hashlib.scrypt(password.encode(), salt=b"demo world", n=2**4, r=8, p=1).hex()


def _settings(spec: Mapping[str, Any], fixture: Fixture) -> OrgSettings:
    try:
        org_id = to_18(spec["id"])
    except (KeyError, MalformedId) as exc:
        raise FixtureError("orgs: every org needs an id of 15 or 18 characters") from exc
    rules = fixture.get("rules", {})
    return OrgSettings(
        org_id=org_id,
        name=str(spec.get("name", "Demo")),
        is_sandbox=bool(spec.get("sandbox", False)),
        enhanced_email=bool(spec.get("enhanced_email", True)),
        api_limit=int(spec.get("api_limit", 100_000)),
        validation_rules=tuple(_validation_rule(one) for one in rules.get("validation", ())),
        duplicate_rules=tuple(_duplicate_rule(one) for one in rules.get("duplicate", ())),
        profiles={name: Profile.from_fixture(name, one) for name, one in fixture.get("profiles", {}).items()},
    )


def _validation_rule(spec: Mapping[str, Any]) -> ValidationRule:
    try:
        parse_condition(spec["condition"])
    except (SoqlError, ApiError) as exc:
        raise FixtureError(f"rules.validation: the condition of {spec.get('name')} is no WHERE clause") from exc
    return ValidationRule(
        object_name=spec["object"],
        name=spec.get("name", ""),
        condition=spec["condition"],
        message=spec["message"],
        field=spec.get("field", ""),
        on_change_of=tuple(spec.get("on_change_of", ())),
    )


def _duplicate_rule(spec: Mapping[str, Any]) -> DuplicateRule:
    if spec.get("action") not in ("alert", "block"):
        raise FixtureError(f"rules.duplicate: {spec.get('name')} needs the action alert or block")
    return DuplicateRule(
        object_name=spec["object"],
        name=spec.get("name") or f"Standard_{spec['object']}_Duplicate_Rule",
        action=spec["action"],
        match=tuple(tuple(one) for one in spec["match"]),
        match_rule=spec.get("match_rule") or _DEFAULT_MATCH_RULES.get(spec["object"], "Custom_Match_Rule"),
        message=spec.get("message") or DuplicateRule.message,
    )


class _Loader:
    """Brings the fixture's part for one org in, through the same writer as every other write."""

    def __init__(self, org: Org, fixture: Fixture) -> None:
        self._org = org
        self._fixture = fixture
        self._aliases: dict[str, str] = {}
        self._references: list[tuple[str, Field, str]] = []

    def load(self) -> None:
        """Organization, profiles, users, then records by object."""
        records = self._fixture.get("records", {})
        own: Mapping[str, list[Record]] = records.get(self._org.org_id) or records.get(self._org.org_id[:15]) or {}
        self._load_organization()
        self._load_users()
        self._name_aliases(own)
        unknown = [name for name in own if name not in self._org.schema.objects]
        if unknown:
            raise FixtureError(f"records: unknown objects {', '.join(unknown)}")
        for name in (*_FIRST, *(one for one in own if one not in _FIRST)):
            for record in own.get(name, ()):
                self._create(name, record)
        self._check_references()

    def _load_organization(self) -> None:
        settings = self._org.settings
        writer = Writer(self._org, self._org.system(), WriteOptions(loading=True))
        organization = {"Id": settings.org_id, "Name": settings.name, "IsSandbox": settings.is_sandbox,
                        "OrganizationType": "Enterprise Edition", "InstanceName": "DEMO1"}  # fmt: skip
        writer.create("Organization", organization)

    def _load_users(self) -> None:
        users = [one for one in self._fixture.get("users", ()) if to_18(one["org"]) == self._org.org_id]
        names = dict.fromkeys(
            [ADMINISTRATOR, *self._fixture.get("profiles", {}), *(self._profile(one) for one in users)]
        )
        profiles: dict[str, str] = {}
        for name in names:
            profiles[name] = self._create("Profile", {"Name": name})
        for spec in users:
            user_id = self._create("User", self._user(spec, profiles))
            self._aliases[str(spec.get("alias", ""))] = user_id
            self._org.database.run(
                "INSERT OR REPLACE INTO passwords VALUES (?, ?)",
                (spec["username"].lower(), password_hash(spec["password"])),
            )

    def _profile(self, spec: Mapping[str, Any]) -> str:
        return str(spec.get("profile") or ADMINISTRATOR)

    def _user(self, spec: Mapping[str, Any], profiles: Mapping[str, str]) -> Record:
        first, _, last = str(spec.get("name", "")).rpartition(" ")
        record: Record = {
            "FirstName": spec.get("first_name", first),
            "LastName": spec.get("last_name", last) or spec["username"],
            "ProfileId": profiles[self._profile(spec)],
            "Email": spec.get("email") or spec["username"],
            "Alias": str(spec["username"])[:8],
        }
        record |= {name: spec[key] for key, name in _USER_FIELDS.items() if spec.get(key)}
        if spec.get("id"):
            record["Id"] = spec["id"]
        return record

    def _name_aliases(self, records: Mapping[str, list[Record]]) -> None:
        for name, rows in records.items():
            sobject = self._org.schema.objects.get(name)
            for row in rows:
                alias = str(row.get("Id", ""))
                if sobject is not None and alias.startswith("@"):
                    number = self._org.tables.next_number(f"id.{name}")
                    self._aliases[alias] = make_id(sobject.key_prefix, number)

    def _create(self, object_name: str, record: Mapping[str, Any]) -> str:
        sobject = self._org.schema.objects[object_name]
        body: Record = {}
        for name, value in record.items():
            one = sobject.get(name)
            if one is None:
                raise FixtureError(f"records.{object_name}: no field {name}")
            body[one.name] = self._with_ids(value) if one.type in _ID_KINDS else value
            if one.type is FieldType.REFERENCE and body[one.name]:
                self._references.append((object_name, one, str(body[one.name])))
        created_by = str(body.get("CreatedById") or body.get("OwnerId") or self._org.system().user_id)
        system = self._org.system()
        writer = Writer(self._org, type(system)(created_by, system.profile, is_system=True), WriteOptions(loading=True))
        if object_name == "ContentVersion" and "VersionData" not in body and not body.get("ContentUrl"):
            body["VersionData"] = base64.b64encode(b"").decode()
        try:
            return writer.create(object_name, body)
        except ApiError as exc:
            raise FixtureError(f"records.{object_name}: {exc.entries[0].message}") from exc

    def _with_ids(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._with_ids(one) for one in value]
        if isinstance(value, str) and value.startswith("@"):
            if value not in self._aliases:
                raise FixtureError(f"records: the alias {value} names no record")
            return self._aliases[value]
        return value

    def _check_references(self) -> None:
        for object_name, one, text in self._references:
            record_id = to_18(text)
            target = self._org.schema.of_id(record_id)
            if (
                target is None
                or target.name not in one.reference_to
                or self._org.tables.get(target.name, record_id) is None
            ):
                raise FixtureError(f"records.{object_name}.{one.name}: {text} is no record the field can point at")


_ID_KINDS = (FieldType.ID, FieldType.REFERENCE, FieldType.ID_LIST)
