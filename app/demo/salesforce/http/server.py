"""The Salesforce server on two ports, http and TLS: authentication, faults, counting, headers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

from aiohttp import web

from app.demo.clock import DemoClock
from app.demo.faults import KINDS, FaultRule, HttpFaults, Target
from app.demo.salesforce.errors import ApiError, refuse
from app.demo.salesforce.http.journal import MAX_BODY, Entry, Journal
from app.demo.salesforce.http.ports import Ports, reset_transport
from app.demo.salesforce.http.site import Site
from app.demo.salesforce.http.wire import (
    Payload,
    UploadCut,
    raw_answer,
    read_payload,
    send_part,
    to_json,
)
from app.demo.salesforce.rest.message import Request, Response
from app.demo.salesforce.service import ApiCall, SalesforceService, with_body

MAX_URL = 16_384
_CAPTIVE_PORTAL = (
    "<!doctype html><html><head><title>Welcome</title></head><body><h1>Log in to this network</h1></body></html>"
)


@dataclass
class Exchange:
    """A request under way."""

    http: web.Request
    entry: Entry
    call: ApiCall
    target: Target
    rule: FaultRule | None = None


class SalesforceServer:
    """Serves `SalesforceService` over http and TLS."""

    def __init__(
        self, service: SalesforceService, faults: HttpFaults, clock: DemoClock, journal: Journal, *, host: str,
        tls: ssl.SSLContext, ports: Mapping[str, int],
    ) -> None:  # fmt: skip
        self._service = service
        self._faults = faults
        self._clock = clock
        self._journal = journal
        self._site = Site(service)
        self._ports = Ports(self._handle, host, {"http": ports.get("http", 0), "https": ports.get("https", 0)}, tls)

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports by scheme."""
        return self._ports.numbers

    async def start(self) -> None:
        """Listen."""
        await self._ports.up()

    async def set_network(self, *, up: bool) -> None:
        """Down: connections are reset and new ones refused. Up: as before, on the same ports."""
        if up:
            await self._ports.up()
        else:
            await self._ports.down()

    async def close(self) -> None:
        """Stop listening and end all connections."""
        await self._ports.close()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        path = http.rel_url.path
        headers = {name.lower(): value for name, value in http.headers.items()}
        where = "salesforce" if path.startswith("/services/data") else "oauth"
        grant = self._service.grant_of(headers)
        user = self._service.username(grant)
        now = format_datetime(self._clock.now(), usegmt=True)
        entry = self._journal.open(self._clock.now().isoformat(), http.method, http.raw_path, user)
        query = dict(parse_qsl(http.rel_url.raw_query_string, keep_blank_values=True))
        target = Target(where, http.method, http.raw_path, user, grant.org_id if grant else "")
        exchange = Exchange(http, entry, ApiCall(http.method, path, query, headers), target)
        exchange.rule = self._faults.strike(target)
        if exchange.rule is not None:
            entry.fault = exchange.rule.kind
        if exchange.rule is not None and exchange.rule.kind == "drop_before":
            return self._cut(exchange)
        try:
            answer = await self._answer(exchange)
        except UploadCut:
            return self._cut(exchange)
        return await self._send(exchange, answer, now)

    def _cut(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.http.transport is not None:
            reset_transport(exchange.http.transport)
        return web.Response(status=500)

    async def _answer(self, exchange: Exchange) -> Response | None:
        """The answer to send, or None where the connection was cut instead."""
        cut_at = int(exchange.rule.number("bytes")) if exchange.rule and exchange.rule.kind == "cut_upload" else None
        if exchange.target.where == "oauth":
            payload = await read_payload(exchange.http, None, cut_at)
            return await self._with_fault(exchange, payload, None)
        try:
            if len(exchange.http.raw_path) > MAX_URL:
                raise refuse("URI_TOO_LONG", "The requested URI is longer than 16,384 bytes", status=414)
            # a request without valid sign-in is refused before its body counts, and costs no call
            opened = self._service.open_call(exchange.call)
            if isinstance(opened, Response):
                return opened
            exchange.entry.api_calls = 1
            payload = await read_payload(exchange.http, self._service.files, cut_at)
        except ApiError as exc:
            return Response(exc.status, exc.body())
        return await self._with_fault(exchange, payload, opened)

    async def _with_fault(self, exchange: Exchange, payload: Payload, opened: Request | None) -> Response | None:
        entry = exchange.entry
        entry.request_bytes = payload.size
        text = payload.body[:MAX_BODY].decode(errors="replace")
        if opened is not None and payload.body:
            entry.body = text
        if exchange.rule is None:
            target = exchange.target
            exchange.rule = self._faults.strike(
                Target(target.where, target.method, target.path, target.user, target.org, text)
            )
        rule = exchange.rule
        if rule is None:
            return self._carry_out(exchange, payload, opened)
        entry.fault = rule.kind
        if rule.kind == "delay" and rule.arguments.get("when", "before") == "before":
            await asyncio.sleep(rule.number("s"))
        if KINDS[rule.kind].commits:
            answer = self._carry_out(exchange, payload, opened)
            if rule.kind == "delay" and rule.arguments.get("when") == "after":
                await asyncio.sleep(rule.number("s"))
            return self._spoil(rule, answer)
        if rule.kind == "late_commit":
            due = self._clock.now() + timedelta(seconds=rule.number("after_s"))
            self._clock.call_at(due, lambda: self._commit_late(exchange, payload, opened))
        elif payload.content is not None:
            self._service.files.remove(payload.content.name)
        return self._spoil(rule, None)

    def _carry_out(self, exchange: Exchange, payload: Payload, opened: Request | None) -> Response:
        exchange.entry.committed = True
        if opened is None:
            return self._site.answer(exchange.http, exchange.call, payload.body)
        return self._service.carry_out(with_body(opened, payload.body, content=payload.content))

    def _commit_late(self, exchange: Exchange, payload: Payload, opened: Request | None) -> None:
        exchange.entry.status = self._carry_out(exchange, payload, opened).status

    def _spoil(self, rule: FaultRule, answer: Response | None) -> Response | None:
        """What the fault makes of the answer; None cuts the connection."""
        given = rule.arguments
        if rule.kind == "error":
            return Response(int(given.get("status", 500)), given.get("body"), dict(given.get("headers") or {}))
        if rule.kind == "html":
            page = {"Content-Type": "text/html; charset=utf-8", **(given.get("headers") or {})}
            return Response(int(given.get("status", 200)), str(given.get("body") or _CAPTIVE_PORTAL), page)
        if answer is not None and rule.kind == "empty_201":
            return Response(201, None, {"Content-Type": "application/json;charset=UTF-8"})
        if answer is not None and rule.kind == "not_json":
            page = {"Content-Type": "application/json;charset=UTF-8", "X-Raw": "1"}
            return Response(answer.status, str(given.get("body") or '{"id":"00'), page)
        return answer if rule.kind in ("delay", "cut_after") else None

    async def _send(self, exchange: Exchange, answer: Response | None, date: str) -> web.StreamResponse:
        if answer is None:
            return self._cut(exchange)
        exchange.entry.status = answer.status
        headers = {"Date": date, **self._world_headers(exchange), **answer.headers}
        is_raw = headers.pop("X-Raw", None) is not None
        if answer.file is not None:
            response: web.StreamResponse = web.FileResponse(answer.file, headers=headers)
            body = b""
            if exchange.rule is not None and exchange.rule.kind == "cut_after":
                body = answer.file.read_bytes()
        else:
            body = self._body_bytes(exchange, answer, headers, is_raw=is_raw)
            response = web.Response(status=answer.status, body=body, headers=headers)
        if exchange.rule is not None and exchange.rule.kind == "cut_after":
            exchange.entry.status = 0
            raw = raw_answer(response, body, date)
            send_part(exchange.http, raw[: int(exchange.rule.number("bytes"))])
        return response

    def _body_bytes(self, exchange: Exchange, answer: Response, headers: dict[str, str], *, is_raw: bool) -> bytes:
        if answer.body is None:
            return b""
        if isinstance(answer.body, str) and (is_raw or "Content-Type" in headers):
            return answer.body.encode()
        headers.setdefault("Content-Type", "application/json;charset=UTF-8")
        return to_json(answer.body, pretty=exchange.http.headers.get("X-PrettyPrint") == "1")

    def _world_headers(self, exchange: Exchange) -> dict[str, str]:
        longest = self._faults.longest_call_s
        headers = {
            "X-Demo-Longest-Call": f"{longest:g}",
            "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store",
        }
        usage = self._service.usage.get(exchange.target.org)
        if usage is not None and exchange.target.where == "salesforce":
            headers["Sforce-Limit-Info"] = usage.header
        return headers
