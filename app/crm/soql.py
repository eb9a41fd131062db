r"""SOQL text from values: one quoting function, and nothing else puts a value into a query.

Escapes are those of the SOQL and SOSL Reference ("Quoted String Escape Sequences"): ``\\ \' \" \n \r \t \b \f \uXXXX``; any other backslash is an
error there. A string in WHERE may have 4,000 characters.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from urllib.parse import quote as percent_encoded

from app.errors import ValidationFailed

LONGEST_STRING = 4000

_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,5}")


def quoted(value: str) -> str:
    """A string literal. Raises ValidationFailed where the value is longer than SOQL takes."""
    if len(value) > LONGEST_STRING:
        raise ValidationFailed("a value is longer than a Salesforce query takes", code="value_too_long")
    return "'" + "".join(_escaped(character) for character in value) + "'"


def in_list(values: Iterable[str]) -> str:
    """A list for IN: ``('a','b')``; there must be at least one value."""
    literals = ",".join(quoted(value) for value in values)
    if not literals:
        raise ValueError("IN needs a value")
    return f"({literals})"


def date_time(epoch_s: float) -> str:
    """A dateTime literal in UTC, whole seconds, rounded down."""
    moment = dt.datetime.fromtimestamp(max(0.0, epoch_s), tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def field_name(name: str) -> str:
    """The name of a field, perhaps with its path (``Account.Name``), checked to be nothing but a name."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a field name")
    return name


def select(fields: Iterable[str], object_type: str, where: str = "", *, order_by: str = "", limit: int = 0) -> str:
    """A query from its clauses. ``fields`` are names or whole child queries in brackets; values in ``where`` went through `quoted`."""
    clauses = ["SELECT", ", ".join(fields), "FROM", object_type]
    if where:
        clauses += ["WHERE", where]
    if order_by:
        clauses += ["ORDER BY", order_by]
    if limit:
        clauses += ["LIMIT", str(limit)]
    return " ".join(clauses)


def query_path(soql: str) -> str:
    """The path of a query as a part of a composite request."""
    return f"/query/?q={percent_encoded(soql, safe='')}"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character < " " or character in "\x7f\u2028\u2029":
        return f"\\u{ord(character):04x}"
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"  # half of a pair cannot be written in UTF-8
    return character
