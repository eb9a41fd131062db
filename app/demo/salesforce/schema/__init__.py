"""Objects and fields of an org: the standard ones, those of the fixture, and how describe answers them."""

from __future__ import annotations

from app.demo.salesforce.schema.fields import Field, FieldType
from app.demo.salesforce.schema.objects import ChildRelationship, Schema, SObjectType

__all__ = ["ChildRelationship", "Field", "FieldType", "SObjectType", "Schema"]
