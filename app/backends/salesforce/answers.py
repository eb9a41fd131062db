"""Strict reading of what writes answer: an id that is one, ``success`` that is true, parts that belong to their requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from app.backends.salesforce.errors import error_of_record, is_org_error
from app.backends.salesforce.wire import Call, not_understood
from app.crm.ports import SubRequest, SubResponse
from app.errors import AppError
from app.model.crm import JsonValue
from app.model.ids import RecordId

# Key prefixes of the objects that the client creates ("Standard Field and Object Key Prefixes"); others are not checked.
KEY_PREFIXES = {
    "Account": "001", "Contact": "003", "ContentVersion": "068", "ContentDocumentLink": "06A", "Case": "500", "EmailMessage": "02s",
    "Event": "00U", "Lead": "00Q", "Opportunity": "006", "Task": "00T",
}  # fmt: skip

_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def is_record_id(value: object) -> bool:
    """Whether this is a Salesforce id of 15 or 18 characters; anything else must not get into a path."""
    return isinstance(value, str) and bool(_RECORD_ID.fullmatch(value))


def new_record_id(call: Call, object_type: str, answer: object) -> RecordId:
    """The id out of the answer to a create (``{"id", "success": true, "errors": []}``); anything less is not taken for a success."""
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise not_understood(call)
    record_id = answer.get("id")
    if not isinstance(record_id, str) or not is_record_id(record_id):
        raise not_understood(call)
    prefix = KEY_PREFIXES.get(object_type)
    if prefix is not None and not record_id.startswith(prefix):
        raise not_understood(call)
    return RecordId(record_id)


def composite_answer(call: Call, requests: Sequence[SubRequest], answer: object) -> list[SubResponse]:
    """The parts of a composite answer in the order of the requests; each must answer its request."""
    parts = answer.get("compositeResponse") if isinstance(answer, dict) else None
    if not isinstance(parts, list) or len(parts) != len(requests):
        raise not_understood(call)
    by_reference = {part.get("referenceId"): part for part in parts if isinstance(part, dict)}
    return [_part(call, request, by_reference.get(request.reference_id)) for request in requests]


def _part(call: Call, request: SubRequest, part: dict[str, Any] | None) -> SubResponse:
    status = None if part is None else part.get("httpStatusCode")
    if part is None or not isinstance(status, int) or isinstance(status, bool):
        raise not_understood(call)
    body: JsonValue = part.get("body")
    if status >= 300:
        return SubResponse(request.reference_id, status, body, _part_error(call, status, body))
    if request.method == "POST":
        new_record_id(call, request.path.split("/")[2] if request.path.startswith("/sobjects/") else "", body)
    elif not (isinstance(body, dict | list) if request.method == "GET" else status == 204):
        raise not_understood(call)
    return SubResponse(request.reference_id, status, body)


def _part_error(call: Call, status: int, body: JsonValue) -> AppError:
    errors = body if isinstance(body, list) else [body]
    if not errors or not is_org_error(errors[0]):
        return not_understood(call)
    # The outer answer came, so nothing is in doubt: a part that failed did not take place.
    return error_of_record(Call(is_write=False), status, errors)
