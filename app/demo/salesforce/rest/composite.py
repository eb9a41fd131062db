"""composite: up to 25 subrequests in one call, with references between them and all-or-none.

Source: "Composite" of the REST API guide; the shape of an answer as recorded from a real org.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from app.demo.salesforce.errors import ApiError, refuse
from app.demo.salesforce.rest.message import Request, Response

MAX_SUBREQUESTS = 25
MAX_QUERIES = 5
_REFERENCE = re.compile(r"@\{\s*([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\s*\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9_]+")
_COUNTED = re.compile(r"query(?:all)?(?:/|$)|composite/sobjects", re.IGNORECASE)
_COMPOSABLE = re.compile(r"(?:sobjects|query|queryall|composite/sobjects)(?:/|$)", re.IGNORECASE)
_URL = re.compile(r"/services/data/v(\d+\.\d)(?:/(.*))?")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."

Dispatch = Callable[[Request], Response]


@dataclass(frozen=True)
class Subrequest:
    """One part of a composite request, as sent."""

    method: str
    url: str
    reference_id: str
    body: Any
    headers: Mapping[str, str]

    @property
    def resource(self) -> str:
        """The path below the version, without the query."""
        match = _URL.fullmatch(self.url.partition("?")[0])
        return (match.group(2) or "").strip("/") if match else ""


class _Rollback(Exception):
    """Takes all subrequests back."""


def composite(request: Request, dispatch: Dispatch) -> Response:
    """POST composite. Always 200 once the request itself is well formed."""
    body = request.json_object()
    parts = _subrequests(body)
    answers: list[dict[str, Any]] = []
    if body.get("allOrNone") is not True:
        _run_all(request, parts, dispatch, answers)
        return Response(body={"compositeResponse": answers})
    try:
        with request.org.database.transaction():
            _run_all(request, parts, dispatch, answers)
            if any(one["httpStatusCode"] >= 400 for one in answers):
                raise _Rollback
    except _Rollback:
        answers = [one if one["httpStatusCode"] >= 400 else _halted(one["referenceId"]) for one in answers]
    return Response(body={"compositeResponse": answers})


def _run_all(request: Request, parts: list[Subrequest], dispatch: Dispatch, answers: list[dict[str, Any]]) -> None:
    bodies: dict[str, Any] = {}
    for part in parts:
        answer = _run_one(request, part, bodies, dispatch)
        bodies[part.reference_id] = answer["body"]
        answers.append(answer)


def _run_one(request: Request, part: Subrequest, bodies: dict[str, Any], dispatch: Dispatch) -> dict[str, Any]:
    try:
        url = _substitute(part.url, bodies, quoting=True)
        body = _substitute_in(part.body, bodies)
        response = dispatch(_as_request(request, part, url, body))
    except ApiError as exc:
        response = Response(exc.status, exc.body())
    return {
        "body": response.body,
        "httpHeaders": response.headers,
        "httpStatusCode": response.status,
        "referenceId": part.reference_id,
    }


def _as_request(request: Request, part: Subrequest, url: str, body: Any) -> Request:
    split = urlsplit(url)
    match = _URL.fullmatch(split.path)
    if match is None or split.scheme or split.netloc:
        raise refuse("NOT_FOUND", "The requested resource does not exist", status=404)
    if match.group(1) != request.version:
        # the guide asks for the version of the composite request in every subrequest; the error text is unverified
        raise refuse("INVALID_INPUT", f"The API version of a subrequest must be v{request.version}: {url[:60]}")
    text = b"" if body is None else json.dumps(body).encode()
    return replace(
        request,
        method=part.method,
        path=unquote(match.group(2) or "").strip("/"),
        query=dict(parse_qsl(split.query, keep_blank_values=True)),
        headers={name.lower(): str(value) for name, value in part.headers.items()},
        body=text,
        content=None,
        in_composite=True,
    )


def _subrequests(body: dict[str, Any]) -> list[Subrequest]:
    listed = body.get("compositeRequest")
    if not isinstance(listed, list) or not listed:
        raise refuse("JSON_PARSER_ERROR", "compositeRequest must be an array with at least one subrequest")
    if len(listed) > MAX_SUBREQUESTS:
        raise refuse("LIMIT_EXCEEDED", f"The composite request exceeded the limit of {MAX_SUBREQUESTS} subrequests")
    parts = [_subrequest(one) for one in listed]
    seen: set[str] = set()
    for part in parts:
        if part.reference_id in seen:
            raise refuse("INVALID_INPUT", f"Duplicate referenceId {part.reference_id} in the composite request")
        seen.add(part.reference_id)
    counted = sum(1 for part in parts if _COUNTED.match(part.resource))
    if counted > MAX_QUERIES:
        text = f"The composite request exceeded the limit of {MAX_QUERIES} query and sObject collections subrequests"
        raise refuse("LIMIT_EXCEEDED", text)
    return parts


def _subrequest(listed: Any) -> Subrequest:
    if not isinstance(listed, dict):
        raise refuse("JSON_PARSER_ERROR", "each subrequest must be an object")
    method, url, reference_id = listed.get("method"), listed.get("url"), listed.get("referenceId")
    if not isinstance(method, str) or not isinstance(url, str) or not isinstance(reference_id, str):
        raise refuse("JSON_PARSER_ERROR", "each subrequest needs the strings method, url and referenceId")
    if not _REFERENCE_ID.fullmatch(reference_id):
        raise refuse("INVALID_INPUT", f"Invalid referenceId {reference_id}: letters, digits and _ only")
    headers = listed.get("httpHeaders") or {}
    if not isinstance(headers, dict):
        raise refuse("JSON_PARSER_ERROR", "httpHeaders must be an object")
    part = Subrequest(method.upper(), url, reference_id, listed.get("body"), headers)
    if part.resource and not _COMPOSABLE.match(part.resource):
        # the guide's list of composable resources has no search and no nested composite; the text is unverified
        raise refuse(
            "INVALID_INPUT", f"The resource {part.resource.split('/')[0]} can not be used in a composite request"
        )
    return part


def _substitute_in(value: Any, bodies: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return _substitute(value, bodies, quoting=False)
    if isinstance(value, list):
        return [_substitute_in(one, bodies) for one in value]
    if isinstance(value, dict):
        return {name: _substitute_in(one, bodies) for name, one in value.items()}
    return value


def _substitute(text: str, bodies: dict[str, Any], *, quoting: bool) -> Any:
    whole = _REFERENCE.fullmatch(text)
    if whole and not quoting:
        return _referenced(whole, bodies)

    def spelled(match: re.Match[str]) -> str:
        value = str(_referenced(match, bodies))
        return quote(value, safe="") if quoting else value

    return _REFERENCE.sub(spelled, text)


def _referenced(match: re.Match[str], bodies: dict[str, Any]) -> Any:
    name, path = match.group(1), match.group(2)
    value = bodies.get(name)
    for step in _STEP.finditer(path):
        key, index = step.group(1), step.group(2)
        if key is not None and isinstance(value, dict):
            value = value.get(key)
        elif index is not None and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            value = None
    if value is None or isinstance(value, dict | list):
        text = f"Invalid reference specified. No value for {name}{path} found in {name}"
        raise refuse("PROCESSING_HALTED", text)
    return value


def _halted(reference_id: str) -> dict[str, Any]:
    return {
        "body": [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}],
        "httpHeaders": {},
        "httpStatusCode": 400,
        "referenceId": reference_id,
    }
