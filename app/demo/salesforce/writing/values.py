"""JSON values of a request as column values, or the error that Salesforce answers for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from app.demo.salesforce.errors import ApiError, malformed_id, not_implemented, refuse
from app.demo.salesforce.ids import MalformedId, to_18
from app.demo.salesforce.records import moment
from app.demo.salesforce.schema import Field, FieldType
from app.demo.salesforce.schema.fields import NUMBER_TYPES
from app.demo.salesforce.soql.tokens import whole

_EMAIL = re.compile(
    r"[^\s@<>(),;:\\\"\[\]]+@[A-Za-z0-9\u0080-\uffff](?:[A-Za-z0-9\u0080-\uffff.-]*[A-Za-z0-9\u0080-\uffff])?"
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:T|$)")
_JSON_NAMES: dict[type, str] = {
    str: "VALUE_STRING",
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
}
_TYPE_NAMES = {FieldType.ID_LIST: "<unknown>"}


class SourceText:
    """The text of the request body, to say at which line and column a value stands."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    def place_of(self, field_name: str, value: Any) -> str:
        """``[line:1, column:146]`` of the field's value; of the body's start where it is not found."""
        spelled = json.dumps(value, ensure_ascii=False)
        key = re.compile(rf'"{re.escape(field_name)}"\s*:\s*(?={re.escape(spelled[:20])})', re.IGNORECASE)
        match = key.search(self._text)
        at = match.end() if match else 0
        line = self._text.count("\n", 0, at) + 1
        return f"[line:{line}, column:{at - (self._text.rfind(chr(10), 0, at) + 1) + 1}]"


def cannot_deserialize(field: Field, value: Any, source: SourceText) -> ApiError:
    """400 JSON_PARSER_ERROR for a JSON value of a kind that the field does not take."""
    kind, shown = _JSON_NAMES.get(type(value), "START_OBJECT"), str(value)
    if isinstance(value, list):
        kind, shown = "START_ARRAY", "["
    elif isinstance(value, dict):
        shown = "{"
    elif isinstance(value, bool):
        shown = str(value).lower()
    wanted = _TYPE_NAMES.get(field.type, field.type.value)
    text = (
        f"Cannot deserialize instance of {wanted} from {kind} value {shown} or request may be missing a required field "
        f"at {source.place_of(field.name, value)}"
    )
    return refuse("JSON_PARSER_ERROR", text)


def stored_value(field: Field, value: Any, source: SourceText) -> Any:
    """The column value of a field. Raises ApiError."""
    if value is None:
        return 0 if field.type is FieldType.BOOLEAN else None
    if field.is_text:
        return _text(field, value, source)
    if field.type is FieldType.BOOLEAN:
        return _boolean(field, value, source)
    if field.type in NUMBER_TYPES:
        return _number(field, value, source)
    if field.type is FieldType.DATE:
        return _date(field, value, source)
    if field.type is FieldType.DATETIME:
        return _moment(field, value, source)
    return reference_id(field, value, source)


def reference_id(field: Field, value: Any, source: SourceText) -> str | None:
    """An id in its 18-character form; "" is null. Raises ApiError."""
    if not isinstance(value, str):
        raise cannot_deserialize(field, value, source)
    if not value:
        return None
    try:
        return to_18(value)
    except MalformedId as exc:
        raise malformed_id(value) from exc


def id_list_value(field: Field, value: Any, source: SourceText) -> list[str] | None:
    """The ids of a JunctionIdList; None for null. Raises ApiError: only an array will do."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise cannot_deserialize(field, value, source)
    ids = [reference_id(field, one, source) for one in value]
    return list(dict.fromkeys(one for one in ids if one))


def refuse_nested(name: str, value: Any) -> None:
    """A parent named by its external id (``"Account": {"Ext__c": "x"}``) is not done here."""
    if isinstance(value, Mapping):
        raise not_implemented(f"setting the relationship {name} by an external id")


def _text(field: Field, value: Any, source: SourceText) -> str | None:
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, int | float):
        value = str(value)
    elif not isinstance(value, str):
        raise cannot_deserialize(field, value, source)
    value = whole(value)
    if field.type is not FieldType.TEXTAREA:
        value = value.strip()
    if not value:
        return None
    if field.length and len(value) > field.length:
        text = f"{field.label}: data value too large: {value} (max length={field.length})"
        raise refuse("STRING_TOO_LONG", text, [field.name])
    if field.type is FieldType.EMAIL:
        if not _EMAIL.fullmatch(value):
            raise refuse("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {value}", [field.name])
        return str(value.lower())
    if field.restricted_picklist and field.type in (FieldType.PICKLIST, FieldType.MULTIPICKLIST):
        return _picked(field, value)
    return str(value)


def _picked(field: Field, value: str) -> str:
    known = {one.casefold(): one for one in field.values}
    parts = value.split(";") if field.type is FieldType.MULTIPICKLIST else [value]
    for part in parts:
        if part.casefold() not in known:
            raise refuse(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{field.label}: bad value for restricted picklist field: {part}",
                [field.name],
            )
    return ";".join(known[part.casefold()] for part in parts)


def _boolean(field: Field, value: Any, source: SourceText) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return int(value.lower() == "true")
    raise cannot_deserialize(field, value, source)


def _number(field: Field, value: Any, source: SourceText) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise cannot_deserialize(field, value, source)
    if value == "":
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation as exc:
        raise cannot_deserialize(field, value, source) from exc
    whole_digits = field.precision - field.scale
    if not exact.is_finite() or (whole_digits and abs(exact) >= Decimal(10) ** whole_digits):
        text = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise refuse("NUMBER_OUTSIDE_VALID_RANGE", text, [field.name])
    if field.type is FieldType.INT:
        if exact != exact.to_integral_value():
            raise cannot_deserialize(field, value, source)
        return int(exact)
    return float(exact.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _date(field: Field, value: Any, source: SourceText) -> str | None:
    if value == "":
        return None
    if isinstance(value, str) and _DAY.match(value):
        try:
            return date.fromisoformat(value[:10]).isoformat()
        except ValueError:
            pass
    raise cannot_deserialize(field, value, source)


def _moment(field: Field, value: Any, source: SourceText) -> str | None:
    if value == "":
        return None
    if isinstance(value, str) and "T" in value:
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            when = None
        if when is not None and when.tzinfo is not None:
            try:
                return moment(when.astimezone(UTC))
            except OverflowError:
                pass
    raise cannot_deserialize(field, value, source)
