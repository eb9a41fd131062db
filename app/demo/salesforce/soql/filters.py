"""Conditions of a WHERE clause as SQL.

SOQL knows two truth values where SQL knows three: a comparison with a null field is false, and its negation true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

from app.demo.salesforce.database import Value
from app.demo.salesforce.ids import MalformedId, to_18
from app.demo.salesforce.records import moment
from app.demo.salesforce.schema import Field, FieldType
from app.demo.salesforce.schema.fields import ID_TYPES, NUMBER_TYPES
from app.demo.salesforce.soql.ranges import day_range
from app.demo.salesforce.soql.syntax import (
    Comparison,
    Condition,
    FieldPath,
    Junction,
    Literal,
    LiteralKind,
    Membership,
    Not,
    SemiJoin,
)
from app.demo.salesforce.soql.tokens import SoqlError, malformed


@dataclass(frozen=True)
class Column:
    """A field at the end of a path, and the SQL expression of its column."""

    sql: str
    field: Field
    object_name: str


@dataclass(frozen=True)
class Moments:
    """Now, and the time zone in which a day begins and ends for the user."""

    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        """The user's calendar day."""
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> str:
        """The first moment of a day in the user's time zone, as stored."""
        return moment(datetime.combine(day, time(), self.zone))


class FilterCompiler:
    """Turns conditions into SQL text, collecting parameters in ``parameters``.

    ``resolve`` finds the column of a path; ``semi_join`` compiles an inner query for a column.
    """

    def __init__(
        self,
        resolve: Callable[[FieldPath], Column],
        semi_join: Callable[[SemiJoin, Column], tuple[str, list[Value]]],
        moments: Moments,
    ) -> None:
        self._resolve = resolve
        self._semi_join = semi_join
        self._moments = moments
        self.parameters: list[Value] = []

    def compile(self, condition: Condition, *, under_or: bool = False) -> str:
        """The SQL of a condition. Raises SoqlError."""
        if isinstance(condition, Junction):
            either = under_or or condition.operator == "OR"
            parts = [self.compile(one, under_or=either) for one in condition.conditions]
            return _joined(condition.operator, parts)
        if isinstance(condition, Not):
            return f"(NOT COALESCE({self.compile(condition.condition, under_or=under_or)}, 0))"
        column = self._filterable(condition.path)
        if isinstance(condition, SemiJoin):
            if under_or:
                raise malformed("Semi join sub-selects are not allowed with the 'OR' operator", condition.path.start)
            inner, parameters = self._semi_join(condition, column)
            self.parameters += parameters
            operator = "NOT IN" if condition.negated else "IN"
            return f"({column.sql} {operator} ({inner}))"
        if isinstance(condition, Membership):
            return self._membership(condition, column)
        return self._comparison(condition, column)

    def _filterable(self, path: FieldPath) -> Column:
        column = self._resolve(path)
        if not column.field.filterable:
            raise SoqlError(
                "INVALID_FIELD", f"field '{column.field.name}' can not be filtered in a query call", path.start
            )
        return column

    def _comparison(self, condition: Comparison, column: Column) -> str:
        operator, value = condition.operator, condition.value
        if value.like_only and operator != "LIKE":
            raise malformed("Invalid string literal. Illegal character sequence in string literal.", value.start)
        if value.kind is LiteralKind.NULL or (
            value.kind is LiteralKind.STRING and not value.text and operator != "LIKE"
        ):
            if operator not in ("=", "!="):
                raise SoqlError(
                    "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type.value} field", value.start
                )
            return f"({column.sql} IS {'NOT ' if operator == '!=' else ''}NULL)"
        if value.kind is LiteralKind.RANGE:
            return self._range(operator, value, column)
        if operator == "LIKE":
            return self._like(value, column)
        if operator not in ("=", "!=") and column.field.type in (*ID_TYPES, FieldType.BOOLEAN):
            raise SoqlError(
                "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type.value} field", value.start
            )
        parameter = self._parameter(value, column)
        left, mark = self._operands(column, parameter)
        self.parameters.append(parameter)
        if operator in ("=", "!="):
            return f"({left} {'IS NOT' if operator == '!=' else '='} {mark})"
        return f"({left} {operator} {mark})"

    def _membership(self, condition: Membership, column: Column) -> str:
        multi = column.field.type is FieldType.MULTIPICKLIST
        if (condition.operator in ("INCLUDES", "EXCLUDES")) != multi:
            raise SoqlError(
                "INVALID_QUERY_FILTER_OPERATOR",
                f"invalid operator on {column.field.type.value} field",
                condition.path.start,
            )
        if multi:
            return self._selected(condition, column)
        joined = self._one_of(condition, column)
        return f"(NOT COALESCE({joined}, 0))" if condition.operator == "NOT IN" else joined

    def _one_of(self, condition: Membership, column: Column) -> str:
        plain: list[Value] = []
        others: list[Literal] = []
        for value in condition.values:
            simple = value.kind not in (LiteralKind.NULL, LiteralKind.RANGE) and value.text and not value.like_only
            if simple and (value.text.isascii() or not column.field.is_text):
                plain.append(self._parameter(value, column))
            else:
                others.append(value)
        terms = []
        if plain:
            self.parameters += plain
            terms.append(f"({column.sql} IN ({', '.join('?' * len(plain))}))")
        terms += [self._comparison(Comparison(condition.path, "=", value), column) for value in others]
        return _joined("OR", terms)

    def _selected(self, condition: Membership, column: Column) -> str:
        terms = []
        for value in condition.values:
            self.parameters.append(str(self._parameter(value, column)))
            terms.append(f"has_value({column.sql}, ?)")
        joined = _joined("OR", terms)
        return f"(NOT {joined})" if condition.operator == "EXCLUDES" else joined

    def _like(self, value: Literal, column: Column) -> str:
        if not column.field.is_text or value.kind is not LiteralKind.STRING:
            raise SoqlError(
                "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type.value} field", value.start
            )
        self.parameters.append(value.pattern)
        if value.pattern.isascii():
            return f"({column.sql} LIKE ? ESCAPE '\\')"
        return f"(like_folded({column.sql}, ?))"

    def _range(self, operator: str, value: Literal, column: Column) -> str:
        if column.field.type not in (FieldType.DATE, FieldType.DATETIME):
            raise _wrong_type(column, value)
        try:
            first, after = day_range(value.text, value.count, self._moments.today)
            if column.field.type is FieldType.DATE:
                start, end = first.isoformat(), after.isoformat()
            else:
                start, end = self._moments.midnight(first), self._moments.midnight(after)
        except (OverflowError, ValueError) as exc:
            raise malformed(f"Invalid date: {value.text}:{value.count}", value.start) from exc
        simple = {"<": ("<", start), "<=": ("<", end), ">": (">=", end), ">=": (">=", start)}
        if operator in simple:
            sign, bound = simple[operator]
            self.parameters.append(bound)
            return f"({column.sql} {sign} ?)"
        if operator not in ("=", "!="):
            raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", "invalid operator on date field", value.start)
        self.parameters += [start, end]
        inside = f"({column.sql} >= ? AND {column.sql} < ?)"
        return inside if operator == "=" else f"(NOT COALESCE({inside}, 0))"

    def _parameter(self, value: Literal, column: Column) -> Value:
        kind = column.field.type
        if kind in ID_TYPES:
            return _id_parameter(value, column)
        if column.field.is_text and value.kind is LiteralKind.STRING:
            return value.text.lower() if kind is FieldType.EMAIL else value.text
        if kind is FieldType.BOOLEAN and value.kind is LiteralKind.BOOLEAN:
            return int(value.text == "true")
        if kind in NUMBER_TYPES and value.kind is LiteralKind.NUMBER:
            return float(value.text)
        if kind is FieldType.DATE and value.kind is LiteralKind.DATE:
            return _checked_date(value)
        if kind is FieldType.DATETIME and value.kind is LiteralKind.DATETIME:
            return _checked_moment(value)
        raise _wrong_type(column, value)

    def _operands(self, column: Column, parameter: Value) -> tuple[str, str]:
        if column.field.is_text and isinstance(parameter, str) and not parameter.isascii():
            return f"folded({column.sql})", "folded(?)"
        return column.sql, "?"


def _joined(operator: str, terms: list[str]) -> str:
    """Terms joined two by two: SQLite limits the depth of an expression, and a plain chain is as deep as it is long."""
    while len(terms) > 1:
        pairs = [terms[at : at + 2] for at in range(0, len(terms), 2)]
        terms = [f"({pair[0]} {operator} {pair[1]})" if len(pair) == 2 else pair[0] for pair in pairs]
    return terms[0]


def _id_parameter(value: Literal, column: Column) -> str:
    if value.kind is LiteralKind.STRING:
        try:
            return to_18(value.text)
        except MalformedId:
            pass
        raise SoqlError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value.text}", value.start)
    raise _wrong_type(column, value)


def _checked_date(value: Literal) -> str:
    try:
        return date.fromisoformat(value.text).isoformat()
    except ValueError as exc:
        raise malformed(f"Invalid date: {value.text}", value.start) from exc


def _checked_moment(value: Literal) -> str:
    try:
        return moment(datetime.fromisoformat(value.text).astimezone(UTC))
    except (ValueError, OverflowError) as exc:
        raise malformed(f"Invalid datetime: {value.text}", value.start) from exc


def _wrong_type(column: Column, value: Literal) -> SoqlError:
    names = {"datetime": "dateTime", "reference": "ID", "id": "ID", "int": "integer"}
    wanted = names.get(column.field.type.value, column.field.type.value)
    quotes = "should be" if column.field.is_text or column.field.type in ID_TYPES else "should not be"
    text = f"value of filter criterion for field '{column.field.name}' must be of type {wanted} and {quotes} enclosed in quotes"
    return SoqlError("INVALID_FIELD", text, value.start)
