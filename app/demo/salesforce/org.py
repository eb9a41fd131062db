"""One org: its schema, records, users, rules and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.demo.salesforce.access import ADMINISTRATOR, Actor, Profile
from app.demo.salesforce.database import Database
from app.demo.salesforce.files import FileStore
from app.demo.salesforce.records import Record, RecordTables
from app.demo.salesforce.schema import Schema
from app.demo.salesforce.schema.setup import build_schema
from app.demo.salesforce.soql.filters import Moments
from app.demo.salesforce.soql.run import QueryRunner


@dataclass(frozen=True)
class ValidationRule:
    """A record for which ``condition`` (a WHERE clause) holds is refused with ``message``.

    With ``on_change_of`` the rule looks only at creates and at updates that change one of these fields.
    """

    object_name: str
    name: str
    condition: str
    message: str
    field: str = ""
    on_change_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class DuplicateRule:
    """Two records of an object are duplicates when all fields of one of the ``match`` sets are equal.

    ``action`` "alert" can be overridden by ``allowSave=true``, "block" cannot.
    """

    object_name: str
    name: str
    action: str
    match: tuple[tuple[str, ...], ...]
    match_rule: str
    message: str = "You're creating a duplicate record. We recommend you use an existing record instead."


@dataclass(frozen=True)
class OrgSettings:
    """What the fixture says about an org. ``api_limit`` is DailyApiRequests.Max."""

    org_id: str
    name: str
    is_sandbox: bool = False
    enhanced_email: bool = True
    api_limit: int = 100_000
    validation_rules: tuple[ValidationRule, ...] = ()
    duplicate_rules: tuple[DuplicateRule, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)


class Org:
    """The services around the records of one org."""

    def __init__(
        self,
        settings: OrgSettings,
        custom_objects: Mapping[str, Mapping[str, Any]],
        database: Database,
        files: FileStore,
        now: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.schema: Schema = build_schema(custom_objects, enhanced_email=settings.enhanced_email)
        self.tables = RecordTables(database, settings.org_id, self.schema)
        self.database = database
        self.files = files
        self.now = now
        self.queries = QueryRunner(self.tables)

    @property
    def org_id(self) -> str:
        """The 18-character id."""
        return self.settings.org_id

    def user(self, user_id: str) -> Record | None:
        """A user's record."""
        return self.tables.get("User", user_id)

    def user_named(self, username: str) -> Record | None:
        """The user who signs in with this name."""
        found = self.tables.find("User", Username=username)
        return found[0] if found else None

    def actor(self, user_id: str) -> Actor:
        """The user with the permissions of the profile. Raises KeyError for an unknown user."""
        user = self.user(user_id)
        if user is None:
            raise KeyError(user_id)
        profile = self.tables.get("Profile", str(user["ProfileId"]))
        name = str(profile["Name"]) if profile else ADMINISTRATOR
        return Actor(user_id, self.settings.profiles.get(name, Profile(name)))

    def system(self) -> Actor:
        """The world itself, acting in the name of the first user: every permission, no rules."""
        row = self.database.row(f"SELECT Id FROM {self.tables.table('User')} ORDER BY rowid LIMIT 1")
        return Actor(row["Id"] if row else self.org_id, Profile(ADMINISTRATOR), is_system=True)

    def moments(self, user_id: str) -> Moments:
        """Now, in the user's time zone (UTC where this machine does not know the zone)."""
        user = self.user(user_id)
        return Moments(self.now(), _zone(str(user["TimeZoneSidKey"])) if user else UTC)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
