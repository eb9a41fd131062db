"""What Salesforce's answers mean: the one mapping from status, error code and body to the error tree.

The codes are those of facts page 2.7 (REST API Developer Guide, "Status Codes and Error Responses"); the words of an answer never decide anything.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from typing import Any

from app.backends.salesforce.wire import Call, not_understood
from app.errors import (
    AccessDenied,
    AppError,
    BugError,
    DuplicateFound,
    DuplicateMatch,
    NotSupported,
    OutcomeUnknown,
    PermanentError,
    QuotaExceeded,
    RateLimited,
    RecordNotFound,
    TransientError,
    ValidationFailed,
)

LONGEST_PAUSE_S = 3600.0
LIMIT_PAUSE_S = 900.0

_VALIDATION = frozenset({
    "FIELD_CUSTOM_VALIDATION_EXCEPTION", "FIELD_FILTER_VALIDATION_EXCEPTION", "FIELD_INTEGRITY_EXCEPTION", "INVALID_EMAIL_ADDRESS",
    "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "INVALID_TYPE_ON_FIELD_IN_RECORD",
    "MALFORMED_ID", "NUMBER_OUTSIDE_VALID_RANGE", "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG",
})  # fmt: skip
_ACCESS = frozenset({
    "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "CANNOT_UPDATE_CONVERTED_LEAD",
    "OPERATION_NOT_ALLOWED", "FORBIDDEN",
})  # fmt: skip
_GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "INVALID_QUERY_LOCATOR"})
_NOT_OFFERED = frozenset({"API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "INVALID_TYPE", "NOT_ACCEPTABLE"})
_OURS = frozenset({"JSON_PARSER_ERROR", "MALFORMED_QUERY", "METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE"})
_TRY_AGAIN = frozenset({"UNABLE_TO_LOCK_ROW", "PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"})
_RECORD_ID = re.compile(r"\b[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,79}")


def error_of_answer(call: Call, status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> AppError:
    """The error that an answer of status 300 or more stands for. 401 is the caller's business (one refresh, one replay).

    ``now`` is the server's time in epoch seconds, for a Retry-After given as a date.
    """
    if status in (429, 503):
        return RateLimited(
            "Salesforce asks for a pause; nothing was done", retry_after=retry_after(headers.get("Retry-After"), now)
        )
    if status == 413:
        return PermanentError("the request was larger than the server takes", code="too_large")
    if status == 300:
        return PermanentError("the address fits several records", code="several_records")
    parsed = json_of(headers, body)
    errors = parsed if isinstance(parsed, list) else [parsed]
    if status < 400 or not errors or not is_org_error(errors[0]):
        return _lost(call, status) if status >= 500 else not_understood(call)
    return error_of_record(call, status, errors)


def error_of_record(call: Call, status: int, errors: list[Any]) -> AppError:
    """The error behind a list of Salesforce's own error objects (``[{"errorCode", "message", "fields"}]``), as an answer or a part of one."""
    first = errors[0]
    code = _code(first)
    text = str(first.get("message", ""))
    if status >= 500:
        return _lost(call, status, code)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return RateLimited("the org's API calls are used up for now", retry_after=LIMIT_PAUSE_S, code=code)
    if code == "SERVER_UNAVAILABLE":
        return RateLimited("Salesforce asks for a pause; nothing was done", code=code)
    if code in _TRY_AGAIN:
        return TransientError("Salesforce could not do it at this moment; nothing was done", code=code)
    if code == "DUPLICATES_DETECTED":
        return _duplicates(first, text)
    if code == "DUPLICATE_VALUE":
        found = [DuplicateMatch("", record_id, 100.0) for record_id in _RECORD_ID.findall(text)[-1:]]
        return DuplicateFound("the record is there already", matches=found, server_text=text)
    return _refusal(code, status, errors, text)


def is_org_error(value: object) -> bool:
    """Whether this is an error object of Salesforce's own making, and not any JSON."""
    return isinstance(value, dict) and bool(_CODE.fullmatch(str(value.get("errorCode", value.get("statusCode", "")))))


def json_of(headers: Mapping[str, str], body: bytes) -> Any:
    """The body as JSON where the answer says it is JSON and it is; None otherwise."""
    if "json" not in headers.get("Content-Type", "").lower():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After field (RFC 9110 10.2.3), at most an hour; None where there is none or it makes no sense."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_PAUSE_S)
    moment = http_date(text)
    if moment is None:
        return None
    return min(max(moment - now, 0.0), LONGEST_PAUSE_S)


def http_date(value: str | None) -> float | None:
    """Epoch seconds of an HTTP date, None where it cannot be read."""
    if not value:
        return None
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _refusal(code: str, status: int, errors: list[Any], text: str) -> AppError:
    if code in _VALIDATION:
        names = [str(name) for error in errors if is_org_error(error) for name in _names(error.get("fields"))]
        return ValidationFailed("Salesforce refused a value", fields=names, code=code, server_text=text)
    if code in _ACCESS:
        return AccessDenied("the user's rights in Salesforce do not allow it", code=code, server_text=text)
    if code in _GONE:
        return RecordNotFound("Salesforce does not have the record (any more)", code=code, server_text=text)
    if code == "STORAGE_LIMIT_EXCEEDED":
        return QuotaExceeded("the org's storage is full", code=code, server_text=text)
    if code in _NOT_OFFERED:
        return NotSupported("the org or the user's profile does not offer this", code=code, server_text=text)
    if code in _OURS:
        return BugError(f"Salesforce did not understand the request ({code})", code=code)
    if status == 403:
        return AccessDenied("Salesforce does not allow it", code=code, server_text=text)
    if status == 404:
        return RecordNotFound("Salesforce does not have it (any more)", code=code, server_text=text)
    return PermanentError("Salesforce refused", code=code, server_text=text)


def _lost(call: Call, status: int, code: str = "") -> AppError:
    word = code or f"http_{status}"
    if call.is_write:
        return OutcomeUnknown("Salesforce failed while it was at work; the change may have been made", code=word)
    return TransientError("Salesforce failed while it was at work", code=word)


def _duplicates(error: Mapping[str, Any], text: str) -> DuplicateFound:
    # Two spellings are in use: "duplicateResut" is what real orgs were seen to send.
    result = error.get("duplicateResut", error.get("duplicateResult"))
    result = result if isinstance(result, dict) else {}
    matches = [
        match
        for group in _list(result.get("matchResults"))
        if isinstance(group, dict)
        for found in _list(group.get("matchRecords"))
        if (match := _match(found, str(group.get("entityType", "")))) is not None
    ]
    return DuplicateFound(
        "Salesforce has a record like this already",
        matches=matches,
        can_save_anyway=result.get("allowSave") is True,
        server_text=str(result.get("errorMessage") or text),
    )


def _match(found: object, object_type: str) -> DuplicateMatch | None:
    if not isinstance(found, dict):
        return None
    record = found.get("record")
    record_id = record.get("Id") if isinstance(record, dict) else None
    if not isinstance(record_id, str) or not _RECORD_ID.fullmatch(record_id):
        return None  # a match in a record that the user may not see comes without its id
    confidence = found.get("matchConfidence")
    if not isinstance(confidence, int | float):
        confidence = 0.0
    return DuplicateMatch(object_type, record_id, min(max(float(confidence), 0.0), 100.0))


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("errorCode") or error.get("statusCode"))


def _names(value: object) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
