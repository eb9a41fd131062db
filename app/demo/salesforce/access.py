"""What a user may do: object and field permissions of the profile, and "not yours" for records of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.demo.salesforce.schema import Field, SObjectType

ADMINISTRATOR = "System Administrator"
_ALWAYS_VISIBLE = ("User", "Organization", "Profile", "Group", "Name")


@dataclass(frozen=True)
class ObjectAccess:
    """Object permissions. With ``edit_scope`` "own" a record can be changed and deleted by its owner alone."""

    read: bool = True
    create: bool = True
    edit: bool = True
    delete: bool = True
    edit_scope: str = "all"


@dataclass(frozen=True)
class Profile:
    """Permissions by object name and by "Object.Field"; what is not named is allowed."""

    name: str
    objects: Mapping[str, ObjectAccess] = field(default_factory=dict)
    hidden_fields: frozenset[str] = frozenset()
    locked_fields: frozenset[str] = frozenset()

    @classmethod
    def from_fixture(cls, name: str, spec: Mapping[str, Any]) -> Profile:
        """A profile from ``{"objects": {name: {...}}, "fields": {"Object.Field": {"read", "edit"}}}``."""
        fields: Mapping[str, Mapping[str, Any]] = spec.get("fields", {})
        return cls(
            name=name,
            objects={key: ObjectAccess(**value) for key, value in spec.get("objects", {}).items()},
            hidden_fields=frozenset(key for key, value in fields.items() if not value.get("read", True)),
            locked_fields=frozenset(key for key, value in fields.items() if not value.get("edit", True)),
        )


@dataclass(frozen=True)
class Actor:
    """Who acts: a user with a profile. ``is_system`` is the world itself (loading data, automatic records)."""

    user_id: str
    profile: Profile
    is_system: bool = False

    def access(self, sobject: SObjectType) -> ObjectAccess:
        """The object permissions on an object."""
        return self.profile.objects.get(sobject.name, ObjectAccess())

    def can_read(self, sobject: SObjectType) -> bool:
        """Whether the object exists for this user at all."""
        return self.is_system or sobject.name in _ALWAYS_VISIBLE or self.access(sobject).read

    def can_see(self, sobject: SObjectType, one: Field) -> bool:
        """Whether the field exists for this user: a hidden one is absent everywhere."""
        if self.is_system or not one.permissionable:
            return True
        return f"{sobject.name}.{one.name}" not in self.profile.hidden_fields

    def can_set(self, sobject: SObjectType, one: Field, *, creating: bool) -> bool:
        """Whether the field may stand in a create or an update by this user."""
        if not (one.createable if creating else one.updateable):
            return False
        if self.is_system or not one.permissionable:
            return True
        key = f"{sobject.name}.{one.name}"
        return key not in self.profile.hidden_fields and key not in self.profile.locked_fields

    def visible_fields(self, sobject: SObjectType) -> list[Field]:
        """The fields that exist for this user."""
        return [one for one in sobject.fields if self.can_see(sobject, one)]

    def may_change(self, sobject: SObjectType, record: Mapping[str, Any]) -> bool:
        """Whether the record is this user's to change, beyond the object permission."""
        if self.is_system or self.access(sobject).edit_scope == "all":
            return True
        return record.get("OwnerId") in (None, self.user_id)
