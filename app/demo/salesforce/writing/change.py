"""A write under way, and what an object's own behaviour is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.demo.salesforce.access import Actor
from app.demo.salesforce.files import StoredFile
from app.demo.salesforce.org import Org
from app.demo.salesforce.records import Record
from app.demo.salesforce.schema import SObjectType
from app.demo.salesforce.writing.values import SourceText

CONTENT = "$content"
"""Where base64 content of a body stands among the values until behaviour has stored it."""


@dataclass(frozen=True)
class WriteOptions:
    """What the request says beside the values.

    ``allow_save`` and ``include_record_details`` come from ``Sforce-Duplicate-Rule-Header``; ``source`` is the text of
    the body, for the places in error texts; ``version`` is the API version, for URLs in error bodies. ``loading`` is
    set while a fixture comes in: references may point at records that follow.
    """

    allow_save: bool = False
    include_record_details: bool = False
    version: str = "68.0"
    loading: bool = False
    source: SourceText = field(default_factory=SourceText)


@dataclass
class Change:
    """A write under way. ``values`` are the columns to set; behaviour may add to them before the row is written.

    ``old`` is the record before an update or delete, empty for a create. ``id_lists`` and ``content`` are what has no
    column: JunctionIdLists and an uploaded file.
    """

    sobject: SObjectType
    record_id: str
    values: Record
    old: Record = field(default_factory=dict)
    id_lists: dict[str, list[str] | None] = field(default_factory=dict)
    content: StoredFile | None = None

    @property
    def creating(self) -> bool:
        """Whether this is a create."""
        return not self.old

    def now(self, name: str) -> Any:
        """A column as it will be after the write."""
        return self.values.get(name, self.old.get(name))

    def changes(self, name: str) -> bool:
        """Whether the write sets a column to something new."""
        return name in self.values and self.values[name] != self.old.get(name)


class Writing(Protocol):
    """What behaviour may use of the writer (see `Writer`)."""

    org: Org
    actor: Actor
    options: WriteOptions

    def as_system(self) -> Writing:
        """A writer beyond the user's permissions."""

    def create(self, object_name: str, body: Mapping[str, Any], content: StoredFile | None = None) -> str:
        """Create a record; its id."""

    def update(self, object_name: str, record_id: str, body: Mapping[str, Any]) -> None:
        """Change a record."""

    def delete(self, object_name: str, record_id: str) -> None:
        """Delete a record."""

    def referenced(self, record_id: str, targets: tuple[str, ...], field_name: str, label: str) -> Record:
        """The record that a reference points at."""


class Behaviour:
    """What an object does by itself around a write. The plain one does nothing."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Check and complete ``change.values`` before the row is written. May raise ApiError."""

    def after_write(self, writing: Writing, change: Change) -> None:
        """Write what follows from the row."""

    def before_delete(self, writing: Writing, change: Change) -> None:
        """Refuse a deletion, or delete what goes along."""
