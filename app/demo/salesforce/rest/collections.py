"""sObject collections: up to 200 records in one request, with a result for each in request order.

Source: "sObject Collections" of the REST API guide.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from app.demo.salesforce.errors import ApiError, ErrorEntry, refuse
from app.demo.salesforce.reading import whole_record
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.rest.rows import SeveralMatches, object_named, path_id, upsert_one
from app.demo.salesforce.schema import SObjectType
from app.demo.salesforce.writing.writer import Writer

MAX_RECORDS = 200
MAX_TYPE_CHUNKS = 10
MAX_RETRIEVED = 2000
_ROLLED_BACK = ErrorEntry(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    (),
)


class _Undo(Exception):
    """Takes the whole collection back."""


def create_all(request: Request) -> Response:
    """POST composite/sobjects."""
    body, records = _records(request)
    writer = Writer(request.org, request.actor, request.write_options())

    def create(record: dict[str, Any]) -> dict[str, Any]:
        return _success(writer.create(_type_of(request, record).name, record))

    return _answer(request, records, create, all_or_none=body.get("allOrNone") is True)


def update_all(request: Request) -> Response:
    """PATCH composite/sobjects."""
    body, records = _records(request)
    writer = Writer(request.org, request.actor, request.write_options())

    def update(record: dict[str, Any]) -> dict[str, Any]:
        sobject = _type_of(request, record)
        own = {name: value for name, value in record.items() if name.lower() != "id"}
        text = next((value for name, value in record.items() if name.lower() == "id"), None)
        if not isinstance(text, str):
            raise refuse("MISSING_ARGUMENT", "Id not specified in an update call", [])
        record_id = path_id(text)
        if request.org.schema.of_id(record_id) is not sobject:
            raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        writer.update(sobject.name, record_id, own)
        return _success(record_id)

    return _answer(request, records, update, all_or_none=body.get("allOrNone") is True)


def delete_all(request: Request) -> Response:
    """DELETE composite/sobjects?ids=a,b&allOrNone=true."""
    ids = [one.strip() for one in request.query.get("ids", "").split(",") if one.strip()]
    _check_size(ids)
    writer = Writer(request.org, request.actor, request.write_options())

    def delete(text: str) -> dict[str, Any]:
        record_id = path_id(text)
        sobject = request.org.schema.of_id(record_id)
        if sobject is None or not request.actor.can_read(sobject):
            raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        writer.delete(sobject.name, record_id)
        return _success(record_id)

    return _answer(request, ids, delete, all_or_none=request.query.get("allOrNone", "").lower() == "true")


def upsert_all(request: Request, name: str, field_name: str) -> Response:
    """PATCH composite/sobjects/X/Field: each record changes the one with its key, or is created."""
    body, records = _records(request)
    sobject = object_named(request, name)

    def upsert(record: dict[str, Any]) -> dict[str, Any]:
        if _type_of(request, record) is not sobject:
            raise refuse("INVALID_TYPE", f"all records must be of type {sobject.name}", [])
        value = next((one for key, one in record.items() if key.lower() == field_name.lower()), None)
        if value is None:
            raise refuse("MISSING_ARGUMENT", f"{field_name} not specified", [])
        own = {key: one for key, one in record.items() if key.lower() != field_name.lower()}
        try:
            record_id, created = upsert_one(request, sobject, field_name, str(value), own)
        except SeveralMatches as exc:
            text = f"{field_name}: more than one record found for external id field: {exc.urls}"
            raise refuse("DUPLICATE_EXTERNAL_ID", text, [field_name]) from exc
        return {**_success(record_id), "created": created}

    return _answer(request, records, upsert, all_or_none=body.get("allOrNone") is True)


def retrieve_all(request: Request, name: str) -> Response:
    """GET and POST composite/sobjects/X: the records of the ids in order, null for one that is not there."""
    sobject = object_named(request, name)
    if request.method == "POST":
        body = request.json_object()
        ids, names = body.get("ids"), body.get("fields")
    else:
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        names = [one for one in request.query.get("fields", "").split(",") if one]
    if not isinstance(ids, list) or not isinstance(names, list) or not names:
        raise refuse("INVALID_FIELD", "ids and fields must be specified")
    if len(ids) > MAX_RETRIEVED:
        raise refuse("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_RETRIEVED} records")
    fields = []
    for one in names:
        field = sobject.get(str(one).strip())
        if field is None or not request.actor.can_see(sobject, field):
            raise refuse("INVALID_FIELD", f"No such column '{one}' on sobject of type {sobject.name}")
        fields.append(field)
    found: list[dict[str, Any] | None] = []
    for one in ids:
        record = request.org.tables.get(sobject.name, path_id(str(one).strip()))
        found.append(record and whole_record(request.org.tables, sobject, fields, record, request.version))
    return Response(body=found)


def _records(request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    body = request.json_object()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise refuse("JSON_PARSER_ERROR", "records must be an array of objects")
    _check_size(records)
    return body, records


def _check_size(records: list[Any]) -> None:
    if not records:
        raise refuse("INVALID_FIELD", "At least one record must be specified")
    if len(records) > MAX_RECORDS:
        raise refuse("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_RECORDS} records")


def _type_of(request: Request, record: dict[str, Any]) -> SObjectType:
    name = _type_name(record)
    sobject = request.org.schema.get(name) if isinstance(name, str) else None
    if sobject is None or not request.actor.can_read(sobject):
        raise refuse("INVALID_TYPE", f"sObject type '{name}' is not supported.", [])
    return sobject


def _type_name(record: Any) -> Any:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    return attributes.get("type") if isinstance(attributes, dict) else None


def _answer(
    request: Request, records: list[Any], act: Callable[[Any], dict[str, Any]], *, all_or_none: bool
) -> Response:
    results: list[dict[str, Any]] = []
    _check_chunks(records)
    try:
        with request.org.database.transaction():
            results.extend(_one(request, record, act) for record in records)
            if all_or_none and not all(one["success"] for one in results):
                raise _Undo
    except _Undo:
        results = [
            {"success": False, "errors": [_ROLLED_BACK.as_result()]} if one["success"] else one for one in results
        ]
    return Response(body=results)


def _one(request: Request, record: Any, act: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    try:
        with request.org.database.transaction():
            return act(record)
    except ApiError as exc:
        if exc.status == 501:
            raise
        return {"success": False, "errors": [entry.as_result() for entry in exc.entries]}


def _check_chunks(records: list[Any]) -> None:
    """Records of one type side by side are a chunk; ten chunks are allowed."""
    types = [_type_name(one) for one in records]
    chunks = 1 + sum(1 for before, after in pairwise(types) if before != after)
    if chunks > MAX_TYPE_CHUNKS:
        text = f"Request contains more than {MAX_TYPE_CHUNKS} chunks; sort the records by type"
        raise refuse("INVALID_TYPE", text)


def _success(record_id: str) -> dict[str, Any]:
    return {"id": record_id, "success": True, "errors": []}
