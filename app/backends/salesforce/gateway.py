"""`SalesforceGateway`: the REST API for one login, with simple-salesforce as the wire client.

What simple-salesforce 1.12 leaves open is closed here and in the rooms beside: timeouts and an overall deadline, the full base address (a site's
path, a port, http for a demo world), one refresh and one replay on 401 with all headers kept, strict answers (an HTML page with status 200 is not
a success), validated ids, no redirects, a version chosen at run time, streamed multipart. Blocking calls run in lanes of one thread each, so that a
long upload does not keep the panel waiting.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from app.auth.tokens import AccessToken, LoginTokens
from app.backends.salesforce.answers import composite_answer, is_record_id, new_record_id
from app.backends.salesforce.lane import Lane, NotModified, SessionExpired, Told
from app.backends.salesforce.multipart import MultipartFile
from app.backends.salesforce.wire import Call, not_understood
from app.clock import Clock
from app.crm.ports import ApiUsage, SubRequest, SubResponse
from app.errors import AppError, BugError, LocalError, Offline, RateLimited, SignInRequired, TransientError
from app.model.crm import CrmLogin, JsonObject, JsonValue
from app.model.ids import RecordId, crm_login_key

DEADLINE_S = 120.0
UPLOAD_SLOWEST = 16 * 1024
CHUNK_WAIT_S = 120.0
MOST_ROWS = 50_000
COMPOSITE_PARTS = 25
COMPOSITE_QUERIES = 5

_OBJECT_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_LOCATOR = re.compile(r"[A-Za-z0-9_-]{1,80}")

T = TypeVar("T")


class SalesforceGateway:
    """See `app.crm.ports.CrmGateway`. ``heard`` is told after each call whether Salesforce could be reached.

    While ``may_connect`` says no, every call raises Offline (code ``work_offline``) before a byte is sent.
    """

    def __init__(
        self,
        login: CrmLogin,
        tokens: LoginTokens,
        clock: Clock,
        *,
        heard: Callable[[bool], None] | None = None,
        may_connect: Callable[[], bool] | None = None,
    ) -> None:
        self._account = crm_login_key(login.login_id)
        self._tokens = tokens
        self._heard = heard or _nobody
        self._may_connect = may_connect or _always
        self._told = Told(clock, is_demo=login.is_demo)
        ca_file = login.ca_file if login.is_demo else ""
        self._reads, self._writes, self._uploads = (
            Lane(f"salesforce-{login.login_id}-{name}", self._told, ca_file) for name in ("reads", "writes", "uploads")
        )

    @property
    def usage(self) -> ApiUsage:
        """See `CrmGateway.usage`."""
        return ApiUsage(self._told.used, self._told.maximum, self._told.calls)

    @property
    def longest_call_s(self) -> float:
        """See `CrmGateway.longest_call_s`."""
        return self._told.longest_call_s

    def now(self) -> float:
        """See `CrmGateway.now`."""
        return self._told.now()

    async def query(self, soql: str) -> list[JsonObject]:
        """See `CrmGateway.query`; at most 50,000 rows."""

        def ask(lane: Lane, call: Call) -> list[JsonObject]:
            answer = lane.client.query(soql)
            rows: list[JsonObject] = []
            seen: set[str] = set()
            while True:
                rows += _records(call, answer)
                more = answer.get("nextRecordsUrl")
                if more is None or answer.get("done") is True or len(rows) >= MOST_ROWS:
                    return rows
                # Only the last part of the address counts: the front of it is ours, a site's path included.
                locator = str(more).rsplit("/", 1)[-1]
                if not _LOCATOR.fullmatch(locator) or locator in seen:
                    raise not_understood(call)
                seen.add(locator)
                answer = lane.client.query_more(locator)

        return await self._run(self._reads, ask, is_write=False)

    async def search(self, sosl: str) -> list[JsonObject]:
        """See `CrmGateway.search`."""

        def ask(lane: Lane, call: Call) -> list[JsonObject]:
            answer = lane.client.search(sosl)
            if not isinstance(answer, dict):
                raise not_understood(call)
            return _objects(call, answer.get("searchRecords"))

        return await self._run(self._reads, ask, is_write=False)

    async def composite(self, requests: Sequence[SubRequest], *, all_or_none: bool) -> list[SubResponse]:
        """See `CrmGateway.composite`."""
        queries = sum(request.method == "GET" and request.path.startswith("/query") for request in requests)
        if not 1 <= len(requests) <= COMPOSITE_PARTS or queries > COMPOSITE_QUERIES:
            raise BugError("a composite request takes at most 25 parts, 5 of them queries")
        is_write = any(request.method != "GET" for request in requests)

        def ask(lane: Lane, call: Call) -> list[SubResponse]:
            parts = [
                {
                    "method": request.method,
                    "referenceId": request.reference_id,
                    "url": f"/services/data/v{self._told.version}{request.path}",
                    **({} if request.body is None else {"body": request.body}),
                }
                for request in requests
            ]
            answer = lane.client.restful(
                "composite", method="POST", json={"allOrNone": all_or_none, "compositeRequest": parts}
            )
            return composite_answer(call, requests, answer)

        return await self._run(self._writes if is_write else self._reads, ask, is_write=is_write)

    async def describe(self, object_type: str, *, etag: str = "") -> tuple[JsonObject | None, str]:
        """See `CrmGateway.describe`. The validator holds the answer's ETag and Last-Modified fields."""
        path = f"sobjects/{_checked_type(object_type)}/describe"
        entity_tag, _, modified = etag.partition("\n")
        conditions = {"If-None-Match": entity_tag, "If-Modified-Since": modified}
        headers = {name: value for name, value in conditions.items() if value}

        def ask(lane: Lane, call: Call) -> tuple[JsonObject | None, str]:
            try:
                answer = lane.client.restful(path, headers=headers)
            except NotModified:
                return None, etag
            if not isinstance(answer, dict):
                raise not_understood(call)
            fields = lane.last_headers
            return answer, f"{fields.get('ETag', '')}\n{fields.get('Last-Modified', '')}".rstrip("\n")

        return await self._run(self._reads, ask, is_write=False)

    async def object_types(self) -> dict[str, JsonObject]:
        """See `CrmGateway.object_types`."""

        def ask(lane: Lane, call: Call) -> dict[str, JsonObject]:
            answer = lane.client.restful("sobjects")
            if not isinstance(answer, dict):
                raise not_understood(call)
            return {str(entry.get("name")): entry for entry in _objects(call, answer.get("sobjects"))}

        return await self._run(self._reads, ask, is_write=False)

    async def create(
        self, object_type: str, fields: Mapping[str, JsonValue], *, headers: Mapping[str, str] | None = None
    ) -> RecordId:
        """See `CrmGateway.create`."""
        path = f"sobjects/{_checked_type(object_type)}"

        def ask(lane: Lane, call: Call) -> RecordId:
            answer = lane.client.restful(path, method="POST", json=dict(fields), headers=dict(headers or {}))
            return new_record_id(call, object_type, answer)

        return await self._run(self._writes, ask, is_write=True)

    async def update(self, object_type: str, record_id: RecordId, fields: Mapping[str, JsonValue]) -> None:
        """See `CrmGateway.update`."""
        path = f"sobjects/{_checked_type(object_type)}/{_checked_id(record_id)}"

        def ask(lane: Lane, _call: Call) -> None:
            lane.client.restful(path, method="PATCH", json=dict(fields))

        await self._run(self._writes, ask, is_write=True)

    async def upload_file(
        self, fields: Mapping[str, JsonValue], file_name: str, size: int, chunks: Callable[[], AsyncIterator[bytes]]
    ) -> RecordId:
        """See `CrmGateway.upload_file`."""
        loop = asyncio.get_running_loop()

        def ask(lane: Lane, call: Call) -> RecordId:
            stream = chunks()
            body = MultipartFile(fields, file_name, size, lambda: _next_chunk(stream, loop))
            answer = lane.client.restful(
                "sobjects/ContentVersion", method="POST", data=body, headers={"Content-Type": body.content_type}
            )
            return new_record_id(call, "ContentVersion", answer)

        return await self._run(self._uploads, ask, is_write=True, deadline_s=DEADLINE_S + size / UPLOAD_SLOWEST)

    async def reach(self) -> None:
        """See `CrmGateway.reach`: the public list of API versions."""
        await self._run(self._reads, lambda lane, call: lane.ask_versions(call), is_write=False)

    async def close(self) -> None:
        """See `CrmGateway.close`. What is under way is broken off: a lost write is asked after at the next start."""
        for lane in (self._reads, self._writes, self._uploads):
            await lane.close()
        await self._tokens.close()

    async def _run(
        self, lane: Lane, ask: Callable[[Lane, Call], T], *, is_write: bool, deadline_s: float = DEADLINE_S
    ) -> T:
        if not self._may_connect():
            raise Offline("the person works offline", code="work_offline")
        try:
            result = await self._signed_in(lambda token: lane.run(token, ask, is_write=is_write, deadline_s=deadline_s))
        except Offline:
            self._heard(False)
            raise
        except RateLimited:
            self._heard(True)
            raise
        except (TransientError, SignInRequired, LocalError):
            raise  # no answer of Salesforce, or none about this call
        except AppError:
            self._heard(True)
            raise
        self._heard(True)
        return result

    async def _signed_in(self, attempt: Callable[[AccessToken], Coroutine[Any, Any, T]]) -> T:
        token = await self._tokens.access()
        try:
            return await attempt(token)
        except SessionExpired:
            token = await self._tokens.renew(token)
        try:
            return await attempt(token)
        except SessionExpired:
            await self._tokens.refused()
            raise SignInRequired("Salesforce does not take a fresh access token", account=self._account) from None


def _nobody(_reached: bool) -> None:
    return


def _always() -> bool:
    return True


def _checked_type(object_type: str) -> str:
    if not _OBJECT_TYPE.fullmatch(object_type):
        raise BugError("not an object type")
    return object_type


def _checked_id(record_id: str) -> str:
    if not is_record_id(record_id):
        raise BugError("not a Salesforce record id")
    return quote(record_id, safe="")


def _records(call: Call, answer: object) -> list[JsonObject]:
    if not isinstance(answer, dict):
        raise not_understood(call)
    return _objects(call, answer.get("records"))


def _objects(call: Call, value: object) -> list[JsonObject]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise not_understood(call)
    return value


def _next_chunk(stream: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> bytes:
    async def step() -> bytes:
        return await anext(stream, b"")

    return asyncio.run_coroutine_threadsafe(step(), loop).result(CHUNK_WAIT_S)
