"""The token endpoint's answers, and certificates. Sources: facts page 1.3 and 1.4, reliability page N1."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from app.auth.hosts import LoginHost
from app.auth.oauth import refresh_form
from app.auth.ports import TokenRefused
from app.backends.salesforce import SalesforceTokenEndpoint
from app.clock import SystemClock
from app.errors import AppError, Offline, RateLimited, TransientError
from tests.servers.raw_http import RawHttp, Reply, Request, html_reply, json_reply, raw_http, refused_url, reply

FORM = refresh_form("client", "refresh-1")


@asynccontextmanager
async def endpoint(
    answer: Callable[[Request], Reply], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[SalesforceTokenEndpoint, RawHttp]]:
    async with raw_http(answer, tls=tls) as server:
        desk = SalesforceTokenEndpoint(SystemClock())
        try:
            yield desk, server
        finally:
            await desk.close()


async def test_a_grant_goes_out_as_a_form_and_comes_back_as_it_is() -> None:
    async with endpoint(lambda _request: json_reply(200, {"access_token": "a"})) as (desk, server):
        host = LoginHost(f"{server.url}/partners", is_demo=True)
        assert await desk.token(host, FORM) == {"access_token": "a"}
        (request,) = server.requests
        assert (request.method, request.path) == ("POST", "/partners/services/oauth2/token")
        assert request.form == FORM
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "client_secret" not in request.form


REFUSALS: list[tuple[Reply, type[AppError], str]] = [
    (
        json_reply(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"}),
        TokenRefused,
        "invalid_grant",
    ),
    (
        json_reply(400, {"error": "invalid_grant", "error_description": "token request is already being processed"}),
        TransientError,
        "token_busy",
    ),
    (json_reply(400, {"error": "invalid_client_id"}), TokenRefused, "invalid_client_id"),
    (json_reply(400, {"error": "inactive_user"}), TokenRefused, "inactive_user"),
    (json_reply(401, {"error": "invalid_client"}), TokenRefused, "invalid_client"),
    (json_reply(400, {"error": "rate_limit_exceeded"}), RateLimited, "rate_limit_exceeded"),
    (json_reply(400, {"error": "<script>"}), TokenRefused, "refused"),
    (html_reply(200), Offline, "captive_portal"),
    (html_reply(400), Offline, "captive_portal"),
    (reply(302, Location="https://evil.example"), Offline, "captive_portal"),
    (json_reply(200, ["a list"]), Offline, "captive_portal"),
    (html_reply(503), RateLimited, "rate_limited"),
    (html_reply(500), TransientError, "http_500"),
    (Reply(b"", "reset"), TransientError, "connection_lost"),
    (Reply(b"HTTP/1.1 200 OK\r\nContent-Le", "close"), TransientError, ""),
]


@pytest.mark.parametrize(("said", "kind", "code"), REFUSALS, ids=lambda value: str(value)[:40])
async def test_what_refusals_mean(said: Reply, kind: type[AppError], code: str) -> None:
    async with endpoint(lambda _request: said) as (desk, server):
        with pytest.raises(kind) as caught:
            await desk.token(LoginHost(server.url, is_demo=True), FORM)
        assert type(caught.value) is kind or code == ""
        assert not code or caught.value.code == code
        assert len(server.requests) == 1
        assert "refresh-1" not in str(caught.value)


async def test_nobody_there() -> None:
    desk = SalesforceTokenEndpoint(SystemClock())
    try:
        with pytest.raises(Offline):
            await desk.token(LoginHost(refused_url(), is_demo=True), FORM)
    finally:
        await desk.close()


@pytest.mark.parametrize(
    "said",
    [reply(200), json_reply(400, {"error": "invalid_token"}), json_reply(400, {"error": "unsupported_token_type"})],
    ids=["ended", "dead already", "dead already, other words"],
)
async def test_revoking(said: Reply) -> None:
    async with endpoint(lambda _request: said) as (desk, server):
        await desk.revoke(LoginHost(server.url, is_demo=True), "refresh-1")
        assert server.requests[0].path == "/services/oauth2/revoke"
        assert server.requests[0].form == {"token": "refresh-1"}


@pytest.mark.parametrize(
    "said", [html_reply(200), html_reply(502), Reply(b"", "reset"), json_reply(400, {"error": "x"})]
)
async def test_a_revocation_that_did_not_happen_is_no_success(said: Reply) -> None:
    async with endpoint(lambda _request: said) as (desk, server):
        with pytest.raises(AppError):
            await desk.revoke(LoginHost(server.url, is_demo=True), "refresh-1")


async def test_user_info_carries_the_token_to_the_instance() -> None:
    async with endpoint(lambda _request: json_reply(200, {"user_id": "005"})) as (desk, server):
        host = LoginHost("http://127.0.0.1:1", is_demo=True)
        assert await desk.user_info(host, f"{server.url}/site", "access-1") == {"user_id": "005"}
        (request,) = server.requests
        assert (request.path, request.headers["authorization"]) == ("/site/services/oauth2/userinfo", "Bearer access-1")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def context_for(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_demo_world_brings_its_own_authority(authority: trustme.CA, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    answer = json_reply(200, {"access_token": "a"})
    async with endpoint(lambda _request: answer, tls=context_for(authority, "127.0.0.1")) as (desk, server):
        host = LoginHost(server.url, str(ca_file), is_demo=True)
        assert await desk.token(host, FORM) == {"access_token": "a"}


@pytest.mark.parametrize("case", ["unknown authority", "wrong host", "authority of a login that is no demo"])
async def test_a_certificate_that_is_not_to_be_trusted_gets_no_token(
    case: str, authority: trustme.CA, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    name = "elsewhere.example" if case == "wrong host" else "127.0.0.1"
    async with endpoint(lambda _request: json_reply(200, {}), tls=context_for(authority, name)) as (desk, server):
        host = LoginHost(server.url, "" if case == "unknown authority" else str(ca_file), is_demo="demo" not in case)
        with pytest.raises(Offline) as caught:
            await desk.token(host, FORM)
        assert caught.value.code == "certificate_refused"
        assert server.requests == []
