"""Everything outside /services/data: OAuth endpoints and pages, single access, the page of a record."""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from aiohttp import web

from app.demo.salesforce.errors import not_implemented, resource_missing
from app.demo.salesforce.ids import MalformedId, to_18
from app.demo.salesforce.oauth.endpoints import Answer
from app.demo.salesforce.oauth.pages import APPROVE, AUTHORIZE, COOKIE, LOGIN, cookie
from app.demo.salesforce.oauth.tokens import Grant
from app.demo.salesforce.rest.message import Response
from app.demo.salesforce.service import ApiCall, SalesforceService, bearer

_FORM = "application/x-www-form-urlencoded"
_NOT_DONE = (
    "/.well-known/", "/id/keys", "/services/oauth2/introspect", "/services/oauth2/register", "/services/oauth2/device",
    "/services/oauth2/echo", "/services/Soap", "/services/async", "/services/apexrest", "/services/auth",
    "/services/headless", "/profilephoto/",
)  # fmt: skip


class Site:
    """Answers by path and method; knows nothing of faults."""

    def __init__(self, service: SalesforceService) -> None:
        self._service = service
        self._single_use: dict[str, tuple[Grant, str]] = {}

    def answer(self, http: web.Request, call: ApiCall, body: bytes) -> Response:
        """The answer to a request outside /services/data."""
        base_url = f"{http.scheme}://{http.host}"
        answer = self._answer(call, body, base_url, http.cookies.get(COOKIE, ""))
        if answer is None:
            done = not call.path.startswith(_NOT_DONE)
            error = resource_missing() if done else not_implemented(f"the path {call.path}")
            return Response(error.status, error.body())
        headers = dict(answer.headers)
        if isinstance(answer.body, str):
            kind = "text/html; charset=utf-8" if answer.body.startswith("<!") else "text/plain; charset=utf-8"
            headers.setdefault("Content-Type", kind)
        return Response(answer.status, answer.body, headers)

    def _answer(self, call: ApiCall, body: bytes, base_url: str, sid: str) -> Answer | None:
        form = _form(call, body)
        reading, posting = call.method in ("GET", "HEAD"), call.method == "POST"
        oauth, pages = self._service.oauth, self._service.pages
        if call.path == "/services/oauth2/token":
            return oauth.token(form, base_url) if posting else _only("POST")
        if call.path == "/services/oauth2/revoke":
            return oauth.revoke({**call.query, **form})
        if call.path == "/services/oauth2/userinfo":
            return oauth.userinfo(bearer(call.headers), base_url)
        if call.path == "/services/oauth2/singleaccess":
            return self._single_access(call, {**call.query, **form}, base_url)
        if call.path == AUTHORIZE:
            return pages.authorize(call.query if reading else form, sid)
        if call.path == LOGIN and posting:
            return pages.login(form)
        if call.path == APPROVE and posting:
            return pages.decide(form, sid)
        if call.path == "/secur/frontdoor.jsp":
            return self._front_door({**call.query, **form})
        parts = call.path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "id":
            return oauth.identity(parts[1], parts[2], bearer(call.headers), base_url)
        if parts[:2] == ["lightning", "r"] and len(parts) >= 4:
            return self._record_page(parts[-2] if parts[-1] == "view" else parts[-1], sid)
        return None

    def _single_access(self, call: ApiCall, values: Mapping[str, str], base_url: str) -> Answer:
        """A front door for one use. ``redirect_uri`` is a path of this host. Source: help, frontdoor_singleaccess."""
        grant = self._service.grant_of(call.headers)
        if grant is None:
            return Answer(401, {"error": "invalid_token", "error_description": "Session expired or invalid"})
        if not {"web", "full"} & set(grant.scope.split()):
            return Answer(403, {"error": "insufficient_scope", "error_description": "the web scope is missing"})
        path = values.get("redirect_uri") or "/"
        if not path.startswith("/") or path.startswith("//"):
            return Answer(
                400, {"error": "invalid_request", "error_description": "redirect_uri must be a relative path"}
            )
        otp = secrets.token_urlsafe(32)
        self._single_use[otp] = (grant, path)
        return Answer(200, {"frontdoor_uri": f"{base_url}/secur/frontdoor.jsp?otp={quote(otp)}"})

    def _front_door(self, values: Mapping[str, str]) -> Answer:
        grant_and_path = self._single_use.pop(values.get("otp", ""), None)
        if grant_and_path is None and values.get("sid"):
            grant = self._service.tokens.grant_of_access(values["sid"])
            path = values.get("retURL") or "/"
            grant_and_path = (grant, path) if grant and path.startswith("/") and not path.startswith("//") else None
        if grant_and_path is None:
            return Answer(403, "This link has been used or is not valid.")
        grant, path = grant_and_path
        sid = self._service.sessions.open(grant.org_id, grant.user_id)
        return Answer(302, "", {"Location": path, "Set-Cookie": cookie(sid)})

    def _record_page(self, record_id: str, sid: str) -> Answer:
        """A plain page with what the user may see of a record."""
        session = self._service.sessions.get(sid)
        if session is None:
            return Answer(401, "Please open this page from the app: you are not logged in.")
        org = self._service.orgs[session.org_id]
        try:
            full_id = to_18(record_id)
        except MalformedId:
            return Answer(404, "There is no such page.")
        sobject, actor = org.schema.of_id(full_id), org.actor(session.user_id)
        record = org.tables.get(sobject.name, full_id) if sobject and actor.can_read(sobject) else None
        if sobject is None or record is None:
            return Answer(404, "There is no such record.")
        rows = "".join(
            f"<tr><th>{html.escape(one.label)}</th><td>{html.escape(str(record[one.name]))}</td></tr>"
            for one in actor.visible_fields(sobject)
            if one.stored and record.get(one.name) is not None
        )
        title = html.escape(sobject.label)
        return Answer(200, f"<!doctype html><title>{title}</title><h1>{title}</h1><table>{rows}</table>")


def _form(call: ApiCall, body: bytes) -> dict[str, str]:
    if not call.headers.get("content-type", "").startswith(_FORM):
        return {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _only(method: str) -> Answer:
    return Answer(405, {"error": "invalid_request", "error_description": f"{method} is the only method here"})
