"""A lane: one thread, one session, one simple-salesforce client, and the strict reading of every answer's head."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from app.auth.tokens import AccessToken
from app.backends.salesforce.errors import error_of_answer, http_date, json_of
from app.backends.salesforce.wire import Call, Watch, WatchedSession, not_understood
from app.clock import Clock
from app.concurrency import BlockingWorker
from app.errors import AppError, NotSupported

OLDEST_VERSION = 57
NEWEST_VERSION = 68
LONGEST_CALL_S = 600.0
IDLE_LIMIT_S = 50.0

_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d{1,12})/(\d{1,12})")

T = TypeVar("T")


class SessionExpired(Exception):
    """The access token is not taken (401): renew it once and send again; nothing was done."""


class NotModified(Exception):
    """The answer to a conditional request: what the caller has is still right (304)."""


class Told:
    """What Salesforce told in the heads of its answers, shared by the lanes of one login."""

    def __init__(self, clock: Clock, *, is_demo: bool) -> None:
        self._clock = clock
        self._is_demo = is_demo
        self._ahead = 0.0
        self.used = 0
        self.maximum = 0
        self.calls = 0
        self.version = ""
        self.longest_call_s = LONGEST_CALL_S

    def now(self) -> float:
        """The server's time in epoch seconds."""
        return self._clock.wall() + self._ahead

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take in the head of an answer."""
        moment = http_date(headers.get("Date"))
        if moment is not None:
            self._ahead = moment - self._clock.wall()
        usage = _USAGE.search(headers.get("Sforce-Limit-Info", ""))
        if usage is not None:
            self.used, self.maximum = int(usage[1]), int(usage[2])
        longest = headers.get("X-Demo-Longest-Call", "") if self._is_demo else ""
        if longest.isascii() and longest.isdigit():
            self.longest_call_s = min(float(longest), LONGEST_CALL_S)


class Lane:
    """Runs one call after the other in a thread of its own. Everything with a leading underscore but `run` and `close` belongs to that thread."""

    def __init__(self, name: str, told: Told, ca_file: str) -> None:
        self._told = told
        self._watch = Watch()
        self._worker = BlockingWorker(name)
        self._ca_file = ca_file
        self._running: set[Call] = set()
        self._session: OrgSession | None = None
        self._client: Salesforce | None = None
        self._token: AccessToken | None = None

    @property
    def client(self) -> Salesforce:
        """The wire client, signed in."""
        assert self._client is not None
        return self._client

    @property
    def last_headers(self) -> Mapping[str, str]:
        """The head of the last answer."""
        assert self._session is not None
        return self._session.last_headers

    def ask_versions(self, call: Call) -> None:
        """Choose the newest API version that the org and this program both know. The list is public: asking costs no API call."""
        assert self._session is not None
        is_write, call.is_write = call.is_write, False
        try:
            answer = self._session.request("GET", self._session.base)
            listed = json_of(answer.headers, answer.content)
            if not isinstance(listed, list):
                raise not_understood(call)
        finally:
            call.is_write = is_write
        versions = [entry.get("version") for entry in listed if isinstance(entry, dict)]
        known = [int(match[1]) for text in versions if (match := re.fullmatch(r"(\d{2,3})\.0", str(text)))]
        usable = [number for number in known if OLDEST_VERSION <= number <= NEWEST_VERSION]
        if not usable:
            raise NotSupported("the org offers no API version that this program knows", code="api_version")
        self._told.version = f"{max(usable)}.0"

    async def run(self, token: AccessToken, ask: Callable[[Lane, Call], T], *, is_write: bool, deadline_s: float) -> T:
        """Run ``ask`` in the thread. After ``deadline_s`` seconds, or when the awaiting task is cancelled, its connection is broken off."""
        call = Call(is_write=is_write)
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def begun() -> None:
            # Time spent behind another call of the lane does not count.
            if call in self._running:
                timers.append(loop.call_later(deadline_s, self._watch.abort, call))

        self._running.add(call)
        try:
            return await self._worker.run(self._work, token, ask, call, lambda: loop.call_soon_threadsafe(begun))
        except asyncio.CancelledError:
            self._watch.abort(call)
            raise
        finally:
            self._running.discard(call)
            for timer in timers:
                timer.cancel()

    async def close(self) -> None:
        """Break off what runs and end the thread."""
        for call in self._running:
            self._watch.abort(call)
        await self._worker.close(self._close_session)

    def _work(self, token: AccessToken, ask: Callable[[Lane, Call], T], call: Call, begun: Callable[[], object]) -> T:
        begun()
        self._sign_in(token, call)
        try:
            return ask(self, call)
        except (AppError, SessionExpired, NotModified):
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, SalesforceError):
            # simple-salesforce parses what came; whatever it stumbles over is not the answer that was asked for.
            raise not_understood(call) from None

    def _sign_in(self, token: AccessToken, call: Call) -> None:
        if self._session is None:
            self._session = OrgSession(self._watch, self._told, ca_file=self._ca_file)
        self._session.open(token.instance_url, call)
        if not self._told.version:
            self.ask_versions(call)
        if self._client is None or self._token != token:
            self._client = _client(token, self._told.version, self._session)
            self._token = token

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()


class OrgSession(WatchedSession):
    """A session that takes nothing for a success but what Salesforce answers: the right status, JSON, its own address."""

    def __init__(self, watch: Watch, told: Told, *, ca_file: str) -> None:
        super().__init__(watch, ca_file=ca_file)
        self._told = told
        self.base = ""
        self._used_at = time.monotonic()
        self.last_headers: Mapping[str, str] = {}

    def open(self, instance_url: str, call: Call) -> None:
        """Begin a call to this address and no other."""
        self.base = f"{instance_url}/services/data"
        self.call = call

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """See `WatchedSession.request`.

        Raises SessionExpired for 401, NotModified for 304, and the error tree for every other status that is no success.
        """
        address = str(url)
        if address != self.base and not address.startswith(f"{self.base}/"):
            raise NotSupported("a request would have left the address of the org", code="foreign_address")
        if ".." in urlsplit(address).path:
            raise NotSupported("a request would have left its path", code="foreign_address")
        if time.monotonic() - self._used_at > IDLE_LIMIT_S:
            # A connection that a sleeping laptop or a silent router cut would only be noticed after the whole read timeout.
            self.close()
        try:
            answer = super().request(method, url, *args, **kwargs)
        finally:
            self._used_at = time.monotonic()
            # The list of versions is public and costs no call.
            self._told.calls += self.call.was_sent and address != self.base
        self._told.hear(answer.headers)
        self.last_headers = answer.headers
        self._judge(str(method).upper(), answer)
        return answer

    def _judge(self, method: str, answer: requests.Response) -> None:
        status = answer.status_code
        if status == 401:
            raise SessionExpired
        if status == 304:
            raise NotModified
        if status >= 300:
            raise error_of_answer(self.call, status, answer.headers, answer.content, now=self._told.now())
        if method in ("PATCH", "DELETE"):
            if status != 204 or answer.content:
                raise not_understood(self.call)
            return
        if status not in (200, 201) or "json" not in answer.headers.get("Content-Type", "").lower():
            raise not_understood(self.call)


def _client(token: AccessToken, version: str, session: requests.Session) -> Salesforce:
    client = Salesforce(
        session_id=token.value,
        instance_url=token.instance_url,
        version=version,
        session=session,
        object_pairs_hook=dict,
    )
    # The library keeps only the host of the address and puts https:// before it: a site's path, a port or a demo world's http would be lost.
    client.base_url = f"{token.instance_url}/services/data/v{version}/"
    client.headers.pop("X-PrettyPrint", None)
    return client
