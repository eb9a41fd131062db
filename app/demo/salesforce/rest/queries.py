"""query, queryAll and their pages."""

from __future__ import annotations

import re

from app.demo.salesforce.errors import not_implemented, refuse
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.soql.run import PAGE

_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


def query(request: Request) -> Response:
    """GET query?q=SELECT ..."""
    return _run(request, with_deleted=False)


def query_all(request: Request) -> Response:
    """GET queryAll?q=SELECT ...: deleted records too."""
    return _run(request, with_deleted=True)


def query_more(request: Request, locator: str) -> Response:
    """GET query/01g...-2000: the next page."""
    return Response(body=request.org.queries.more(locator, request.actor))


def _run(request: Request, *, with_deleted: bool) -> Response:
    for name in ("explain", "columns"):
        if name in request.query:
            raise not_implemented(f"the query parameter {name}")
    statement = request.query.get("q")
    if not statement:
        raise refuse("MALFORMED_QUERY", "A query string has to be specified")
    match = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    answer = request.org.queries.run(
        statement,
        request.actor,
        request.org.moments(request.actor.user_id),
        request.version,
        page=int(match.group(1)) if match else PAGE,
        with_deleted=with_deleted,
    )
    return Response(body=answer)
