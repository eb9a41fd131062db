"""The parts of a parsed SOQL statement. ``start`` is the place in the statement, for error texts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias


@dataclass(frozen=True)
class FieldPath:
    """``Name``, ``Account.Name`` or ``Account.Owner.Name``."""

    names: tuple[str, ...]
    start: int

    @property
    def text(self) -> str:
        """The path as written."""
        return ".".join(self.names)


class LiteralKind(Enum):
    """What a value in a condition is."""

    STRING = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    NULL = auto()
    DATE = auto()
    DATETIME = auto()
    RANGE = auto()


@dataclass(frozen=True)
class Literal:
    """A value. ``pattern`` is a string's text for LIKE; a RANGE is a date literal such as TODAY or LAST_N_DAYS:7."""

    kind: LiteralKind
    text: str
    start: int
    pattern: str = ""
    count: int = 0
    like_only: bool = False


@dataclass(frozen=True)
class Comparison:
    """``path operator value`` with = != < > <= >= or LIKE."""

    path: FieldPath
    operator: str
    value: Literal


@dataclass(frozen=True)
class Membership:
    """``path [NOT] IN (values)`` or INCLUDES and EXCLUDES."""

    path: FieldPath
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class SemiJoin:
    """``path [NOT] IN (SELECT ...)``."""

    path: FieldPath
    negated: bool
    query: Query


@dataclass(frozen=True)
class Not:
    """``NOT condition``."""

    condition: Condition


@dataclass(frozen=True)
class Junction:
    """Conditions joined by AND or by OR."""

    operator: str
    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Membership | SemiJoin | Not | Junction"


@dataclass(frozen=True)
class OrderTerm:
    """One column to sort by."""

    path: FieldPath
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A statement. ``is_count`` is ``SELECT COUNT() FROM``; ``subqueries`` stand in the select list."""

    fields: tuple[FieldPath, ...]
    subqueries: tuple[Query, ...]
    select_order: tuple[FieldPath | Query, ...]
    source: FieldPath
    alias: str
    where: Condition | None
    order: tuple[OrderTerm, ...]
    limit: int | None
    offset: int
    offset_start: int
    is_count: bool
    start: int
