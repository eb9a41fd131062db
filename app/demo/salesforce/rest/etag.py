"""ETag, If-None-Match and If-Modified-Since for describe: its content changes only with the fixture."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from app.demo.salesforce.rest.message import Request, Response


def conditional(request: Request, body: Any) -> Response:
    """200 with ETag and Last-Modified, or 304 when the client's copy is current.

    Last-Modified is when the org's data were loaded.
    """
    tag = '"' + hashlib.md5(json.dumps(body).encode(), usedforsecurity=False).hexdigest()[:8] + '"'
    organization = request.org.tables.get("Organization", request.org.org_id) or {}
    loaded = datetime.fromisoformat(str(organization.get("SystemModstamp") or "2026-01-01T00:00:00+0000"))
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(loaded.astimezone(UTC).replace(microsecond=0), usegmt=True),
    }
    if _is_current(request, tag, loaded.replace(microsecond=0)):
        return Response(304, None, headers)
    return Response(200, body, headers)


def _is_current(request: Request, tag: str, loaded: datetime) -> bool:
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        return tag in (one.strip().replace('-gzip"', '"') for one in wanted.split(","))
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return loaded <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
