"""What goes wrong, in the words of the REST API: an HTTP status and one or more error entries.

The texts follow the error catalogue of the API guide; each function names one kind of refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ErrorEntry:
    """One element of an error body. ``fields`` is None where Salesforce leaves the key out."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_rest(self) -> dict[str, Any]:
        """The entry as single-record resources spell it (``errorCode``)."""
        entry: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = list(self.fields)
        return entry

    def as_result(self) -> dict[str, Any]:
        """The entry as sObject collections spell it (``statusCode``)."""
        return {**self.extra, "statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class ApiError(Exception):
    """A request is refused with ``status`` and a JSON array of entries."""

    def __init__(self, status: int, entries: Sequence[ErrorEntry]) -> None:
        super().__init__(f"{status} {entries[0].code}")
        self.status = status
        self.entries = tuple(entries)

    def body(self) -> list[dict[str, Any]]:
        """The JSON body of the answer."""
        return [entry.as_rest() for entry in self.entries]


def refuse(
    code: str, message: str, fields: Iterable[str] | None = None, *, status: int = 400, **extra: Any
) -> ApiError:
    """An error of one entry."""
    return ApiError(status, [ErrorEntry(code, message, None if fields is None else tuple(fields), extra)])


def not_implemented(what: str) -> ApiError:
    """501: the demo world knows this exists at Salesforce, and does not do it (never a false success)."""
    return refuse("NOT_IMPLEMENTED", f"The demo world does not implement {what}.", status=501)


def session_invalid() -> ApiError:
    """401 without ``fields``, as a real org answers an unknown or expired access token."""
    return refuse("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def resource_missing() -> ApiError:
    """404 of an unknown path or record."""
    return refuse("NOT_FOUND", "The requested resource does not exist", status=404)


def method_not_allowed(method: str, allowed: Iterable[str]) -> ApiError:
    """405 in the words of the sObject resources."""
    text = f"HTTP Method '{method}' not allowed. Allowed are {','.join(allowed)}"
    return refuse("METHOD_NOT_ALLOWED", text, status=405)


def malformed_id(text: str) -> ApiError:
    """400 for a text in the place of an id."""
    return refuse("MALFORMED_ID", f"malformed id {text}", [])


def no_such_column(field_name: str, object_name: str) -> ApiError:
    """400 for a field in a request body that the object does not have."""
    return refuse("INVALID_FIELD", f"No such column '{field_name}' on sobject of type {object_name}")


def fields_not_writable(names: Sequence[str]) -> ApiError:
    """400 of field-level security and of read-only fields."""
    text = (
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set."
    )
    return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", text, names)


def required_missing(names: Sequence[str]) -> ApiError:
    """400 that lists every missing required field at once."""
    return refuse("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", names)


def invalid_cross_reference(names: Iterable[str] = ()) -> ApiError:
    """400 for an id whose record does not exist, is deleted or is of a type the field does not take."""
    return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", names)


def insufficient_access(*, cross_reference: bool = False) -> ApiError:
    """403: the user sees the record and may not change it, or may not use the object."""
    target = "cross-reference id" if cross_reference else "object id"
    text = f"insufficient access rights on {target}"
    return refuse("INSUFFICIENT_ACCESS_OR_READONLY", text, [], status=403)


def limit_exceeded() -> ApiError:
    """403, not 429, and without Retry-After: the daily API request limit is used up."""
    return refuse("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
