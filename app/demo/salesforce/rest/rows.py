"""sObject resources: lists, describe, create, and rows by id or by external id.

Source: "sObject Basic Information", "sObject Rows", "sObject Rows by External ID" of the REST API guide.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from app.demo.salesforce.errors import (
    malformed_id,
    not_implemented,
    refuse,
    resource_missing,
)
from app.demo.salesforce.ids import MalformedId, to_18
from app.demo.salesforce.reading import record_url, whole_record
from app.demo.salesforce.records import BLOB_COLUMN, Record
from app.demo.salesforce.rest.describe import describe_basics, describe_global, describe_object
from app.demo.salesforce.rest.etag import conditional
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.schema import Field, FieldType, SObjectType
from app.demo.salesforce.schema.fields import NUMBER_TYPES
from app.demo.salesforce.writing.writer import Writer


def object_named(request: Request, name: str) -> SObjectType:
    """The object of a path, if it exists for the user. Raises ApiError 404."""
    found = request.org.schema.get(name)
    if found is None or found.name == "Name" or not request.actor.can_read(found):
        raise resource_missing()
    return found


def path_id(text: str) -> str:
    """The id of a path. Raises ApiError."""
    try:
        return to_18(text)
    except MalformedId as exc:
        raise malformed_id(text) from exc


def list_objects(request: Request) -> Response:
    """GET sobjects."""
    return conditional(request, describe_global(request.org.schema, request.actor, request.version))


def object_basics(request: Request, name: str) -> Response:
    """GET sobjects/X. ``recentItems`` is empty: the world does not track what a user has looked at."""
    sobject = object_named(request, name)
    return Response(
        body={"objectDescribe": describe_basics(sobject, request.actor, request.version), "recentItems": []}
    )


def describe(request: Request, name: str) -> Response:
    """GET sobjects/X/describe."""
    sobject = object_named(request, name)
    return conditional(request, describe_object(request.org.schema, sobject, request.actor, request.version))


def create(request: Request, name: str) -> Response:
    """POST sobjects/X: 201 with the id."""
    sobject = object_named(request, name)
    if request.content is not None and sobject.name != "ContentVersion":
        raise not_implemented(f"multipart content for {sobject.name}")
    writer = Writer(request.org, request.actor, request.write_options())
    record_id = writer.create(sobject.name, request.json_object(), request.content)
    return created(request, sobject, record_id)


def created(request: Request, sobject: SObjectType, record_id: str, **more: Any) -> Response:
    """201 with the place of the new record."""
    location = record_url(request.version, sobject.name, record_id)
    return Response(201, {"id": record_id, "success": True, "errors": [], **more}, {"Location": location})


def retrieve(request: Request, name: str, record_id: str) -> Response:
    """GET sobjects/X/id?fields=..."""
    sobject = object_named(request, name)
    _refuse_row_conditions(request)
    record = _row(request, sobject, path_id(record_id))
    changed = _last_modified(record)
    headers = {"Last-Modified": format_datetime(changed, usegmt=True)} if changed else {}
    since = _http_date(request.headers.get("if-modified-since"))
    if changed and since and changed <= since:
        return Response(304, None, headers)
    fields = _asked_fields(request, sobject)
    return Response(200, whole_record(request.org.tables, sobject, fields, record, request.version), headers)


def update(request: Request, name: str, record_id: str) -> Response:
    """PATCH sobjects/X/id: 204."""
    sobject = object_named(request, name)
    _refuse_row_conditions(request)
    record_id = path_id(record_id)
    body = request.json_object()
    record = _row(request, sobject, record_id, for_writing=True)
    unmodified_since = _http_date(request.headers.get("if-unmodified-since"))
    changed = _last_modified(record)
    if unmodified_since and changed and changed > unmodified_since:
        raise refuse("PRECONDITION_FAILED", "The record has been modified since the given date", status=412)
    Writer(request.org, request.actor, request.write_options()).update(sobject.name, record_id, body)
    return Response(204)


def delete(request: Request, name: str, record_id: str) -> Response:
    """DELETE sobjects/X/id: 204."""
    sobject = object_named(request, name)
    record_id = path_id(record_id)
    _row(request, sobject, record_id, for_writing=True)
    Writer(request.org, request.actor, request.write_options()).delete(sobject.name, record_id)
    return Response(204)


def below_row(request: Request, name: str, first: str, second: str) -> Response:
    """GET sobjects/X/id/Field (blob), or sobjects/X/Field/value (by external id)."""
    sobject = object_named(request, name)
    if sobject.get(first) is not None:
        record = one_by_key(request, sobject, first, second)
        fields = _asked_fields(request, sobject)
        return Response(200, whole_record(request.org.tables, sobject, fields, record, request.version))
    field = sobject.get(second)
    if field is None or field.type is not FieldType.BASE64:
        if second.lower() in sobject.by_relationship or request.org.schema.child_named(sobject.name, second):
            raise not_implemented("following a relationship in the path")
        raise resource_missing()
    record = _row(request, sobject, path_id(first))
    if request.in_composite:
        raise refuse("NOT_FOUND", "Blob resources are not allowed in a composite request", status=404)
    blob = record.get(BLOB_COLUMN)
    if not blob:
        return Response(204)
    return Response(200, headers={"Content-Type": "application/octetstream"}, file=request.org.files.path(str(blob)))


def upsert(request: Request, name: str, field_name: str, value: str) -> Response:
    """PATCH sobjects/X/Field/value: 201 for a new record, 200 for a changed one, 300 where several have the value."""
    sobject = object_named(request, name)
    body = request.json_object()
    record_id, was_created = upsert_one(request, sobject, field_name, value, body)
    if was_created:
        return created(request, sobject, record_id, created=True)
    return Response(200, {"id": record_id, "success": True, "errors": [], "created": False})


def delete_by_key(request: Request, name: str, field_name: str, value: str) -> Response:
    """DELETE sobjects/X/Field/value: 204."""
    sobject = object_named(request, name)
    record = one_by_key(request, sobject, field_name, value)
    Writer(request.org, request.actor, request.write_options()).delete(sobject.name, str(record["Id"]))
    return Response(204)


def upsert_one(
    request: Request, sobject: SObjectType, field_name: str, value: str, body: dict[str, Any]
) -> tuple[str, bool]:
    """Change the record with this key or create it; its id and whether it is new. Raises ApiError."""
    field = key_field(sobject, field_name)
    if any(name.lower() == field.name.lower() for name in body):
        raise refuse("INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data.", [])
    writer = Writer(request.org, request.actor, request.write_options())
    if field.type is FieldType.ID:
        record_id = path_id(value)
        writer.update(sobject.name, record_id, body)
        return record_id, False
    matches = by_key(request, sobject, field, value)
    if len(matches) > 1:
        raise SeveralMatches([record_url(request.version, sobject.name, str(one["Id"])) for one in matches])
    if matches:
        writer.update(sobject.name, str(matches[0]["Id"]), body)
        return str(matches[0]["Id"]), False
    if request.query.get("updateOnly", "").lower() == "true":
        raise resource_missing()
    return writer.create(sobject.name, {**body, field.name: value}), True


class SeveralMatches(Exception):
    """The key matches several records; ``urls`` are their places."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(f"{len(urls)} records")
        self.urls = urls


def key_field(sobject: SObjectType, name: str) -> Field:
    """The field of a key in a path: an external id or a field flagged idLookup. Raises ApiError."""
    field = sobject.get(name)
    if field is None or not (field.external_id or field.id_lookup):
        text = f"Provided external ID field does not exist or is not accessible: {name}"
        raise refuse("NOT_FOUND", text, status=404)
    return field


def one_by_key(request: Request, sobject: SObjectType, field_name: str, value: str) -> Record:
    """The one record with this key. Raises ApiError 404 and SeveralMatches."""
    matches = by_key(request, sobject, key_field(sobject, field_name), value)
    if not matches:
        raise resource_missing()
    if len(matches) > 1:
        raise SeveralMatches([record_url(request.version, sobject.name, str(one["Id"])) for one in matches])
    return matches[0]


def by_key(request: Request, sobject: SObjectType, field: Field, value: str) -> list[Record]:
    """The records whose key field has this value."""
    wanted: Any = float(value) if field.type in NUMBER_TYPES else value
    if field.type is FieldType.ID:
        wanted = path_id(value)
    return request.org.tables.find(sobject.name, **{field.name: wanted})


def _row(request: Request, sobject: SObjectType, record_id: str, *, for_writing: bool = False) -> Record:
    if request.org.schema.of_id(record_id) is not sobject:
        raise resource_missing()
    if for_writing:
        return Writer(request.org, request.actor).require(sobject.name, record_id)
    record = request.org.tables.get(sobject.name, record_id)
    if record is None:
        raise resource_missing()
    return record


def _asked_fields(request: Request, sobject: SObjectType) -> list[Field]:
    names = request.query.get("fields")
    if not names:
        return request.actor.visible_fields(sobject)
    fields = []
    for name in (one.strip() for one in names.split(",") if one.strip()):
        if "." in name:
            raise not_implemented("parent fields in the fields parameter")
        field = sobject.get(name)
        if field is None or not request.actor.can_see(sobject, field):
            text = (
                f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom field, be sure "
                "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
                "appropriate names."
            )
            raise refuse("INVALID_FIELD", text)
        fields.append(field)
    id_field = sobject.by_name["id"]
    return fields if id_field in fields else [*fields, id_field]


def _refuse_row_conditions(request: Request) -> None:
    for header in ("if-match", "if-none-match"):
        if header in request.headers:
            raise not_implemented(f"the header {header} on rows")


def _last_modified(record: Record) -> datetime | None:
    text = record.get("LastModifiedDate")
    return datetime.fromisoformat(str(text)).replace(microsecond=0) if text else None


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        when = parsedate_to_datetime(text)
    except ValueError as exc:
        raise refuse("INVALID_HTTP_DATE", f"Invalid HTTP date: {text}") from exc
    return when if when.tzinfo else when.replace(tzinfo=UTC)
