"""Create, update and delete, each in a transaction: checks, behaviour of the object, rules, row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.demo.salesforce.access import Actor
from app.demo.salesforce.errors import (
    ApiError,
    fields_not_writable,
    insufficient_access,
    invalid_cross_reference,
    no_such_column,
    not_implemented,
    refuse,
    required_missing,
    resource_missing,
)
from app.demo.salesforce.files import StoredFile
from app.demo.salesforce.org import Org
from app.demo.salesforce.records import BLOB_COLUMN, Record, moment
from app.demo.salesforce.schema import Field, FieldType, SObjectType
from app.demo.salesforce.writing.behaviours import behaviour_of
from app.demo.salesforce.writing.change import CONTENT, Change, WriteOptions
from app.demo.salesforce.writing.rules import check_duplicates, check_validation_rules
from app.demo.salesforce.writing.values import id_list_value, refuse_nested, stored_value


class Writer:
    """Writes to one org on behalf of a user."""

    def __init__(self, org: Org, actor: Actor, options: WriteOptions | None = None) -> None:
        self.org = org
        self.actor = actor
        self.options = options or WriteOptions()

    def as_system(self) -> Writer:
        """A writer for what the org does by itself in this user's name, beyond the user's permissions."""
        return Writer(self.org, Actor(self.actor.user_id, self.actor.profile, is_system=True), self.options)

    def create(self, object_name: str, body: Mapping[str, Any], content: StoredFile | None = None) -> str:
        """Create a record; its id. Raises ApiError, and then nothing was written."""
        sobject = self.org.schema.objects[object_name]
        if not self.actor.is_system and not (sobject.createable and self.actor.access(sobject).create):
            raise insufficient_access()
        with self.org.database.transaction():
            change = Change(sobject, "", {}, content=content)
            self._take_body(change, body)
            change.record_id = str(change.values.get("Id") or self.org.tables.new_id(sobject))
            self._set_defaults(change)
            self._write(change)
        return change.record_id

    def update(self, object_name: str, record_id: str, body: Mapping[str, Any]) -> None:
        """Change fields of a record. Raises ApiError, and then nothing was written."""
        sobject, old = self._own_record(object_name, record_id, "edit")
        with self.org.database.transaction():
            change = Change(sobject, record_id, {}, old=old)
            self._take_body(change, body)
            self._write(change)

    def delete(self, object_name: str, record_id: str) -> None:
        """Move a record to the recycle bin, with what goes along. Raises ApiError."""
        sobject, old = self._own_record(object_name, record_id, "delete")
        with self.org.database.transaction():
            behaviour_of(object_name).before_delete(self, Change(sobject, record_id, {}, old=old))
            self._release_children(sobject, record_id)
            if sobject.soft_delete:
                self._stamp_and_update(sobject, record_id, {"IsDeleted": 1})
            else:
                self.org.tables.remove(object_name, record_id)

    def require(self, object_name: str, record_id: str) -> Record:
        """A record that must exist. Raises ApiError 404."""
        record = self.org.tables.get(object_name, record_id)
        if record is None:
            if self.org.tables.exists(object_name, record_id):
                raise refuse("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
            raise resource_missing()
        return record

    def referenced(self, record_id: str, targets: tuple[str, ...], field_name: str, label: str) -> Record:
        """The record a reference points at, of one of the ``targets``. Raises ApiError."""
        found = self.org.schema.of_id(record_id)
        if found is None or found.name not in targets:
            raise refuse("MALFORMED_ID", f"{label}: id value of incorrect type: {record_id}", [field_name])
        record = self.org.tables.get(found.name, record_id)
        if record is None:
            if self.org.tables.exists(found.name, record_id):
                raise refuse("ENTITY_IS_DELETED", "entity is deleted", [])
            raise invalid_cross_reference([field_name] if self.actor.is_system else ())
        return record

    def _own_record(self, object_name: str, record_id: str, right: str) -> tuple[SObjectType, Record]:
        sobject = self.org.schema.objects[object_name]
        record = self.require(object_name, record_id)
        if not self.actor.is_system:
            possible = sobject.updateable if right == "edit" else sobject.deletable
            if not possible or not getattr(self.actor.access(sobject), right):
                raise insufficient_access()
            if not self.actor.may_change(sobject, record):
                raise insufficient_access()
        return sobject, record

    def _take_body(self, change: Change, body: Mapping[str, Any]) -> None:
        refused: list[str] = []
        for name, value in body.items():
            if name == "attributes":
                continue
            one = change.sobject.get(name)
            if one is None:
                self._refuse_unknown(change.sobject, name, value)
            elif one.name == "Id" and not change.creating:
                raise refuse("INVALID_FIELD", "The Id field should not be specified in the sobject data.", [])
            elif not self.actor.is_system and not self.actor.can_set(change.sobject, one, creating=change.creating):
                refused.append(one.name)
            elif one.type is FieldType.ID_LIST:
                change.id_lists[one.name] = id_list_value(one, value, self.options.source)
            elif one.type is FieldType.BASE64:
                change.values[CONTENT] = value
            elif one.stored:
                change.values[one.name] = stored_value(one, value, self.options.source)
            else:
                refused.append(one.name)
        if refused:
            raise fields_not_writable(refused)

    def _refuse_unknown(self, sobject: SObjectType, name: str, value: Any) -> None:
        link = sobject.by_relationship.get(name.lower())
        if link is not None and value is not None:
            refuse_nested(name, value)
            raise not_implemented(f"setting the relationship {name} in a body")
        raise no_such_column(name, sobject.name)

    def _set_defaults(self, change: Change) -> None:
        for one in change.sobject.stored_fields:
            if one.name not in change.values:
                if one.default is not None:
                    change.values[one.name] = stored_value(one, one.default, self.options.source)
                elif one.name == "OwnerId":
                    change.values["OwnerId"] = self.actor.user_id
        change.values["Id"] = change.record_id

    def _write(self, change: Change) -> None:
        behaviour = behaviour_of(change.sobject.name)
        behaviour.before_write(self, change)
        change.values.pop(CONTENT, None)
        if not self.actor.is_system:
            self._check_required(change)
        if not self.options.loading:
            self._check_references(change)
        self._check_unique(change)
        if not self.actor.is_system and change.creating:
            check_duplicates(self.org, self.actor, change.sobject, change.values, self.options)
        self._stamp(change)
        if change.creating:
            if change.content is not None:
                change.values[BLOB_COLUMN] = change.content.name
            self.org.tables.insert(change.sobject.name, change.values)
        else:
            self.org.tables.update(change.sobject.name, change.record_id, change.values)
        behaviour.after_write(self, change)
        if not self.actor.is_system:
            changed = frozenset(name for name in change.values if change.creating or change.changes(name))
            check_validation_rules(self.org, change.sobject, change.record_id, changed)

    def _stamp(self, change: Change) -> None:
        now = moment(self.org.now())
        stamps = {"LastModifiedDate": now, "LastModifiedById": self.actor.user_id, "SystemModstamp": now}
        if change.creating:
            stamps |= {"CreatedDate": now, "CreatedById": self.actor.user_id}
        for name, value in stamps.items():
            if change.sobject.get(name) is not None and not (self.actor.is_system and change.values.get(name)):
                change.values[name] = value

    def _stamp_and_update(self, sobject: SObjectType, record_id: str, values: Record) -> None:
        now = moment(self.org.now())
        stamps = {"LastModifiedDate": now, "LastModifiedById": self.actor.user_id, "SystemModstamp": now}
        self.org.tables.update(sobject.name, record_id, {**values, **stamps})

    def _check_required(self, change: Change) -> None:
        if change.creating:
            missing = [
                one.name for one in change.sobject.fields if one.required and change.values.get(one.name) is None
            ]
        else:
            missing = [
                one.name
                for one in change.sobject.fields
                if not one.nillable and one.name in change.values and change.values[one.name] is None
            ]
        if missing:
            raise required_missing(missing)

    def _check_references(self, change: Change) -> None:
        for one in change.sobject.stored_fields:
            value = change.values.get(one.name)
            if one.type is FieldType.REFERENCE and value and change.changes(one.name):
                targets = tuple(name for name in one.reference_to if name in self.org.schema.objects)
                self.referenced(str(value), targets, one.name, one.label)

    def _check_unique(self, change: Change) -> None:
        for one in change.sobject.stored_fields:
            value = change.values.get(one.name)
            if not one.unique or value is None or not change.changes(one.name):
                continue
            for other in self.org.tables.find(change.sobject.name, **{one.name: value}):
                if other["Id"] != change.record_id:
                    raise duplicate_value(one, str(other["Id"]))

    def _release_children(self, sobject: SObjectType, record_id: str) -> None:
        """Delete what belongs to the record, and empty the lookups that point at it."""
        for relationship in self.org.schema.children_of(sobject.name):
            child = self.org.schema.objects[relationship.child]
            link = child.by_name[relationship.field_name.lower()]
            for row in self.org.tables.find(child.name, **{link.name: record_id}):
                if relationship.cascade_delete:
                    self.as_system().delete(child.name, str(row["Id"]))
                elif link.nillable and child.soft_delete:
                    self.org.tables.update(child.name, str(row["Id"]), {link.name: None})


def duplicate_value(one: Field, other_id: str) -> ApiError:
    """400 for a value that a unique field holds already."""
    text = f"duplicate value found: {one.name} duplicates value on record with id: {other_id}"
    return refuse("DUPLICATE_VALUE", text, [one.name])
