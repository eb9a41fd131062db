"""A gateway on a server whose answers the test writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.auth.hosts import LoginHost
from app.auth.tokens import LoginTokens
from app.backends.salesforce import SalesforceGateway, SalesforceTokenEndpoint
from app.clock import SystemClock
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId
from tests.servers.raw_http import RawHttp, Reply, Request, json_reply, raw_http, reply

ORG = "00D5e000000PRODEA4"
USER = "0055e000000RITAEA4"
VERSIONS = [
    {"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"},
    {"version": "50.0"},
    {"version": "99.0"},
]


@dataclass
class TokenShelf:
    """A `RefreshTokenStore` in memory."""

    token: str = "refresh-1"
    saved: list[tuple[str, str]] = field(default_factory=list)
    refusals: int = 0

    async def load(self) -> str:
        return self.token

    async def save(self, refresh_token: str, instance_url: str) -> None:
        self.token = refresh_token
        self.saved.append((refresh_token, instance_url))

    async def refused(self) -> None:
        self.token = ""
        self.refusals += 1


@dataclass
class Org:
    """The server's side: ``answer`` serves everything but tokens and versions."""

    answer: Callable[[Request], Reply] = lambda _request: reply(500)
    site: str = ""
    server: RawHttp | None = None
    granted: int = 0
    versions: Reply = field(default_factory=lambda: json_reply(200, VERSIONS))

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url + self.site

    @property
    def calls(self) -> list[Request]:
        """API requests, without tokens and the list of versions."""
        assert self.server is not None
        return [request for request in self.server.requests if "/services/data/" in request.path]

    async def called(self) -> None:
        """Wait for the first API request."""
        assert self.server is not None
        await self.server.until(lambda request: "/services/data/" in request.path)

    def serve(self, request: Request) -> Reply:
        if request.path == f"{self.site}/services/oauth2/token":
            self.granted += 1
            return json_reply(200, self.grant())
        if request.path == f"{self.site}/services/data":
            return self.versions
        return self.answer(request)

    def grant(self) -> dict[str, str]:
        return {
            "access_token": f"access-{self.granted}",
            "instance_url": self.url,
            "id": f"{self.url}/id/{ORG}/{USER}",
            "token_type": "Bearer",
        }


@dataclass
class Connected:
    org: Org
    gateway: SalesforceGateway
    shelf: TokenShelf
    heard: list[bool]


@asynccontextmanager
async def connected(
    answer: Callable[[Request], Reply] | None = None,
    *,
    site: str = "",
    url: str = "",
    is_demo: bool = True,
    may_connect: Callable[[], bool] | None = None,
) -> AsyncIterator[Connected]:
    """A gateway, signed in at a server of the test (or at ``url``)."""
    org = Org(answer or (lambda _request: reply(500)), site)
    async with raw_http(org.serve) as server:
        org.server = server
        address = url or org.url
        login = CrmLogin(
            CrmLoginId(1), address, address, "client", ORG, USER, "rita", "Rita", "", False, is_demo=is_demo
        )
        clock = SystemClock()
        endpoint = SalesforceTokenEndpoint(clock)
        shelf = TokenShelf()
        tokens = LoginTokens(
            "crm:1",
            LoginHost(address, "", is_demo),
            "client",
            org_id=ORG,
            user_id=USER,
            endpoint=endpoint,
            store=shelf,
            clock=clock,
        )
        heard: list[bool] = []
        gateway = SalesforceGateway(login, tokens, clock, heard=heard.append, may_connect=may_connect)
        try:
            yield Connected(org, gateway, shelf, heard)
        finally:
            await gateway.close()
            await endpoint.close()
