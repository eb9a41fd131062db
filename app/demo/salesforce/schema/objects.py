"""Objects, and the schema of an org with the relationships between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from app.demo.salesforce.schema.fields import Field, id_field, system_fields


@dataclass(frozen=True)
class ChildRelationship:
    """``child.field_name`` points at the parent; ``name`` is the relationship's name in a subquery ("" if it has none)."""

    name: str
    child: str
    field_name: str
    cascade_delete: bool


@dataclass(frozen=True)
class SObjectType:
    """One object: its fields by API name, and what may be done with its records at all (profiles narrow it)."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: tuple[Field, ...] = field(repr=False)
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    queryable: bool = True
    searchable: bool = False
    soft_delete: bool = True
    feed_enabled: bool = False

    @property
    def custom(self) -> bool:
        """Defined by an administrator."""
        return self.name.endswith("__c")

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by lower-case API name: SOQL and request bodies take any case."""
        return {one.name.lower(): one for one in self.fields}

    @cached_property
    def by_relationship(self) -> dict[str, Field]:
        """Reference fields by lower-case relationship name."""
        return {one.relationship_name.lower(): one for one in self.fields if one.relationship_name}

    @cached_property
    def stored_fields(self) -> tuple[Field, ...]:
        """The fields that are columns."""
        return tuple(one for one in self.fields if one.stored)

    @cached_property
    def name_field(self) -> Field | None:
        """The field that names a record to a person."""
        return next((one for one in self.fields if one.name_field), None)

    def get(self, name: str) -> Field | None:
        """The field of this API name in any case."""
        return self.by_name.get(name.lower())


class Schema:
    """All objects of one org."""

    def __init__(self, objects: Iterable[SObjectType]) -> None:
        self.objects = {one.name: one for one in objects}
        self._by_lower = {name.lower(): one for name, one in self.objects.items()}
        self._by_prefix = {one.key_prefix: one for one in self.objects.values() if one.key_prefix}
        self._children: dict[str, list[ChildRelationship]] = {name: [] for name in self.objects}
        for child in self.objects.values():
            for one in child.fields:
                for target in one.reference_to:
                    if target in self._children:
                        self._children[target].append(
                            ChildRelationship(one.child_relationship, child.name, one.name, one.cascade_delete)
                        )

    def get(self, name: str) -> SObjectType | None:
        """The object of this API name in any case."""
        return self._by_lower.get(name.lower())

    def of_id(self, record_id: str) -> SObjectType | None:
        """The object whose key prefix the id carries."""
        return self._by_prefix.get(record_id[:3])

    def children_of(self, name: str) -> list[ChildRelationship]:
        """The relationships that point at this object."""
        return self._children[name]

    def child_named(self, parent: str, relationship: str) -> ChildRelationship | None:
        """The child relationship of this name, in any case."""
        wanted = relationship.lower()
        return next((one for one in self._children[parent] if one.name and one.name.lower() == wanted), None)


def sobject(
    name: str,
    key_prefix: str,
    *fields: Field | tuple[Field, ...],
    label: str = "",
    plural: str = "",
    createable: bool = True,
    updateable: bool = True,
    deletable: bool = True,
    searchable: bool = False,
    soft_delete: bool = True,
    feed_enabled: bool = False,
) -> SObjectType:
    """An object with the id and the system fields added; a tuple among the fields is spread (compound addresses)."""
    title = label or name
    flat: list[Field] = [id_field(title)]
    for one in fields:
        flat.extend(one if isinstance(one, tuple) else (one,))
    flat.extend(system_fields(soft_delete=soft_delete))
    return SObjectType(
        name=name,
        label=title,
        label_plural=plural or title + "s",
        key_prefix=key_prefix,
        fields=tuple(flat),
        createable=createable,
        updateable=updateable,
        deletable=deletable,
        searchable=searchable,
        soft_delete=soft_delete,
        feed_enabled=feed_enabled,
    )
