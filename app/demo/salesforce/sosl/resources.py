"""search and parameterizedSearch.

The records themselves are searched, so a new record is found at once; a real org's index lags behind.
"""

from __future__ import annotations

from typing import Any

from app.demo.salesforce.database import quoted
from app.demo.salesforce.errors import ApiError, not_implemented, refuse
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.schema import FieldType, SObjectType
from app.demo.salesforce.soql.parser import Parser
from app.demo.salesforce.soql.plan import object_of
from app.demo.salesforce.soql.syntax import FieldPath, Query
from app.demo.salesforce.soql.tokens import SoqlError, tokenize
from app.demo.salesforce.sosl.statement import SCOPES, Returning, Search, parse_search
from app.demo.salesforce.sosl.terms import certain_word, malformed_search, matches, parse_term

MAX_RESULTS = 2000
_DEFAULT_LIMIT = 200
_PARAMETERS = frozenset({"q", "in", "fields", "sobject", "sobjects", "overallLimit", "defaultLimit"})
_SCOPE_TYPES = {
    "EMAIL": (FieldType.EMAIL,),
    "PHONE": (FieldType.PHONE,),
    "ALL": (FieldType.STRING, FieldType.TEXTAREA, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.COMBOBOX),
}


def search(request: Request) -> Response:
    """GET search?q=FIND {...} ..."""
    statement = request.query.get("q")
    if not statement:
        raise malformed_search("A search string has to be specified")
    return _answer(request, parse_search(statement))


def parameterized_search(request: Request) -> Response:
    """GET parameterizedSearch?q=...&sobject=..., or POST with the same as JSON."""
    parameters = request.json_object() if request.method == "POST" else _from_query(request)
    text = parameters.get("q")
    if not isinstance(text, str) or not text.strip():
        raise malformed_search("A search string has to be specified")
    scope = str(parameters.get("in", "ALL")).upper()
    if scope not in SCOPES:
        raise malformed_search(f"unknown search scope: {scope}")
    unknown = sorted(set(parameters) - _PARAMETERS)
    if unknown:
        raise not_implemented(f"the search parameter {unknown[0]}")
    default = _number(parameters.get("defaultLimit"), _DEFAULT_LIMIT)
    shared = _paths(parameters.get("fields"))
    returning = tuple(_returning(one, shared, default) for one in parameters.get("sobjects") or ())
    limit = _number(parameters.get("overallLimit"), MAX_RESULTS)
    return _answer(request, Search(parse_term(text), scope, returning, limit, ""))


def _from_query(request: Request) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    objects: dict[str, dict[str, Any]] = {}
    for name in request.query.get("sobject", "").split(","):
        if name.strip():
            objects[name.strip()] = {"name": name.strip()}
    for name, value in request.query.items():
        owner, _, key = name.partition(".")
        if key and owner in objects:
            objects[owner][key] = value.split(",") if key == "fields" else value
        elif name not in ("sobject", "fields"):
            parameters[name] = value
    if "fields" in request.query:
        parameters["fields"] = request.query["fields"].split(",")
    if objects:
        parameters["sobjects"] = list(objects.values())
    return parameters


def _returning(spec: Any, shared: tuple[FieldPath, ...], default: int) -> Returning:
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise malformed_search("each of sobjects needs a name")
    where = None
    if spec.get("where"):
        parser = Parser(tokenize(str(spec["where"])))
        try:
            where = parser.condition()
            parser.expect_end()
        except SoqlError as exc:
            raise malformed_search(exc.message) from exc
    return Returning(
        FieldPath((spec["name"],), 0),
        _paths(spec.get("fields")) or shared,
        where,
        limit=_number(spec.get("limit"), default),
    )


def _paths(names: Any) -> tuple[FieldPath, ...]:
    if names is None:
        return ()
    if isinstance(names, str):
        names = names.split(",")
    return tuple(FieldPath(tuple(str(name).strip().split(".")), 0) for name in names)


def _number(value: Any, default: int) -> int:
    if value is None:
        return default
    try:
        return min(int(value), MAX_RESULTS)
    except (TypeError, ValueError) as exc:
        raise malformed_search("a limit must be a number") from exc


def _answer(request: Request, wanted: Search) -> Response:
    returning = wanted.returning or tuple(
        Returning(FieldPath((one.name,), 0))
        for one in request.org.schema.objects.values()
        if one.searchable and request.actor.can_read(one)
    )
    found: list[dict[str, Any]] = []
    try:
        for one in returning:
            found += _search_object(request, wanted, one)
    except SoqlError as exc:
        raise _as_search_error(exc, wanted.source) from exc
    limit = min(wanted.limit if wanted.limit is not None else MAX_RESULTS, MAX_RESULTS)
    return Response(body={"searchRecords": found[:limit]})


def _search_object(request: Request, wanted: Search, one: Returning) -> list[dict[str, Any]]:
    sobject = object_of(request.org.tables, request.actor, one.object_name)
    if not sobject.searchable:
        raise refuse("INVALID_TYPE", f"entity type {sobject.name} does not support search")
    ids = _matching_ids(request, wanted, sobject)
    fields = one.fields or (FieldPath(("Id",), 0),)
    query = Query(fields, (), fields, one.object_name, "", one.where, one.order, None, 0, 0, False, 0)
    records = request.org.queries.run_parsed(
        query, request.actor, request.org.moments(request.actor.user_id), request.version, ids
    )
    end = None if one.limit is None else one.offset + one.limit
    return records[one.offset : end]


def _matching_ids(request: Request, wanted: Search, sobject: SObjectType) -> set[str]:
    names = _searched(request, sobject, wanted.scope)
    if not names:
        return set()
    columns = ", ".join(quoted(name) for name in names)
    word = certain_word(wanted.term)
    narrowed = "1"
    parameters: list[str] = []
    if word and word.isascii():
        narrowed = "(" + " OR ".join(f"{quoted(name)} LIKE ?" for name in names) + ")"
        parameters = [f"%{word}%"] * len(names)
    deleted = "AND IsDeleted = 0" if sobject.soft_delete else ""
    rows = request.org.database.rows(
        f"SELECT Id, {columns} FROM {request.org.tables.table(sobject.name)} WHERE {narrowed} {deleted}", parameters
    )
    return {str(row[0]) for row in rows if matches(wanted.term, [str(text) for text in tuple(row)[1:] if text])}


def _searched(request: Request, sobject: SObjectType, scope: str) -> list[str]:
    visible = [one for one in request.actor.visible_fields(sobject) if one.stored]
    if scope == "NAME":
        return [one.name for one in visible if one.name_field or one.name in ("FirstName", "LastName")]
    return [one.name for one in visible if one.type in _SCOPE_TYPES[scope]]


def _as_search_error(exc: SoqlError, source: str) -> ApiError:
    return exc.as_api_error(source) if exc.code != "MALFORMED_QUERY" else malformed_search(exc.message)
