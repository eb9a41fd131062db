"""Authorization code with PKCE, refresh with rotation, revocation, identity: facts page sections 1.2 to 1.6."""

from __future__ import annotations

import http.server
import threading
import urllib.parse
import urllib.request

import pytest

from tests.app.demo.salesforce.conftest import PROD
from tests.app.demo.salesforce.rest_client import Rest
from tests.app.demo.salesforce.sign_in import (
    CALLBACK,
    CLIENT,
    authorize_url,
    callback_values,
    exchange,
    new_code,
    refresh,
    sign_in,
    token_request,
    verifier_and_challenge,
)
from tests.servers.demo import DemoWorld

EXPIRED = {"error": "invalid_grant", "error_description": "expired access/refresh token"}


def test_the_whole_flow(world: DemoWorld) -> None:
    verifier, challenge = verifier_and_challenge()
    url = world.approve(authorize_url(world, challenge), "rita@rita.example", "rita-demo", follow=False)
    # facts 1.2: 302 {redirect_uri}?code=aPrx...%3D%3D&state=...
    assert url.startswith(f"{CALLBACK}?code=aPrx")
    assert "%3D%3D&state=s%3D1%26x" in url
    answer = exchange(world, callback_values(url)["code"], verifier)
    assert answer.status == 200
    # facts 1.3: no expires_in
    assert set(answer.body) == {
        "access_token", "refresh_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at",
    }  # fmt: skip
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["scope"] == "id api web refresh_token"
    assert answer.body["instance_url"] == world.salesforce
    assert answer.body["access_token"].startswith(f"{PROD[:15]}!")
    rest = Rest(answer.body["instance_url"], answer.body["access_token"])
    user_id = rest.id_of("User", "rita@rita.example", "Username")
    assert answer.body["id"] == f"{world.salesforce}/id/{PROD}/{user_id}"
    assert rest.create("Contact", LastName="By Rita")


def test_a_browser_is_sent_to_the_loopback_receiver(world: DemoWorld) -> None:
    """The scripted browser fetches the callback, as a browser does."""
    seen: list[str] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: a test says nothing."""

    for port in (1717, 1718, 1719):
        try:
            server = http.server.HTTPServer(("localhost", port), Receiver)
        except OSError:
            continue
        break
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    _, challenge = verifier_and_challenge()
    callback = f"http://localhost:{server.server_port}/OauthRedirect"
    world.approve(authorize_url(world, challenge, redirect_uri=callback), "rita@rita.example", "rita-demo")
    thread.join()
    server.server_close()
    assert seen[0].startswith("/OauthRedirect?code=aPrx")


def test_denial(world: DemoWorld) -> None:
    _, challenge = verifier_and_challenge()
    url = world.approve(authorize_url(world, challenge), "rita@rita.example", "rita-demo", deny=True, follow=False)
    assert callback_values(url) == {
        "error": "access_denied",
        "error_description": "end-user denied authorization",
        "state": "s=1&x",
    }


def test_a_wrong_password_shows_the_page_again(world: DemoWorld) -> None:
    _, challenge = verifier_and_challenge()
    with pytest.raises(AssertionError, match="Please check your username and password"):
        world.approve(authorize_url(world, challenge), "rita@rita.example", "wrong", follow=False)


def test_the_page_offers_every_user_and_stays_on_its_host(world: DemoWorld) -> None:
    with urllib.request.urlopen(authorize_url(world, "x" * 43), timeout=30) as answer:
        page = answer.read().decode()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action" not in policy
    for label in ("Rita Rep (Sales)", "Sam Support (Support)", "Ana Alvarez (Sales)"):
        assert label in page


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"client_id": "unknown"}, "error=invalid_client_id"),
        ({"redirect_uri": "http://localhost:9999/OauthRedirect"}, "error=redirect_uri_mismatch"),
        ({"redirect_uri": "http://127.0.0.1:1717/OauthRedirect"}, "error=redirect_uri_mismatch"),
        ({"redirect_uri": "http://evil.example/"}, "error=redirect_uri_mismatch"),
        ({"redirect_uri": ""}, "error=redirect_uri_mismatch"),
    ],
)
def test_what_is_shown_in_the_browser_and_never_redirected(
    world: DemoWorld, changes: dict[str, str], shown: str
) -> None:
    _, challenge = verifier_and_challenge()
    with pytest.raises(AssertionError, match=shown):
        world.approve(authorize_url(world, challenge, **changes), "rita@rita.example", "rita-demo", follow=False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "api everything"}, "invalid_scope"),
    ],
)
def test_what_goes_back_to_the_callback(world: DemoWorld, changes: dict[str, str], error: str) -> None:
    _, challenge = verifier_and_challenge()
    url = world.approve(authorize_url(world, challenge, **changes), "rita@rita.example", "rita-demo", follow=False)
    assert callback_values(url)["error"] == error
    assert callback_values(url)["state"] == "s=1&x"


@pytest.mark.parametrize("method", ["", "S256"])
def test_a_missing_challenge_method_is_s256(world: DemoWorld, method: str) -> None:
    verifier, challenge = verifier_and_challenge()
    code = new_code(world, challenge, code_challenge_method=method)
    assert exchange(world, code, verifier).status == 200


def test_the_verifier_must_fit(world: DemoWorld) -> None:
    # facts 1.2: mismatch -> invalid_request; challenge sent but verifier missing -> invalid_grant
    verifier, challenge = verifier_and_challenge()
    wrong = exchange(world, new_code(world, challenge), verifier + "x")
    missing = exchange(world, new_code(world, challenge), "")
    assert (wrong.status, wrong.body["error"]) == (400, "invalid_request")
    assert (missing.status, missing.body["error"]) == (400, "invalid_grant")


def test_a_code_works_once_and_not_for_long(world: DemoWorld) -> None:
    verifier, challenge = verifier_and_challenge()
    code = new_code(world, challenge)
    assert exchange(world, code, verifier).status == 200
    again = exchange(world, code, verifier)
    assert again.body == {"error": "invalid_grant", "error_description": "invalid authorization code"}
    late = new_code(world, challenge)
    world.advance(121)
    assert exchange(world, late, verifier).body == {
        "error": "invalid_grant",
        "error_description": "expired authorization code",
    }


def test_a_code_is_bound_to_its_callback(world: DemoWorld) -> None:
    verifier, challenge = verifier_and_challenge()
    other = CALLBACK.replace("1717", "1718")
    answer = exchange(world, new_code(world, challenge), verifier, redirect_uri=other)
    assert answer.body["error"] == "redirect_uri_mismatch"


@pytest.mark.parametrize(
    ("values", "error", "description"),
    [
        ({}, "invalid_request", "missing required parameter: grant_type"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "refresh_token"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "refresh_token", "client_id": "x"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "refresh_token", "client_id": CLIENT}, "invalid_request",
         "missing required parameter: refresh_token"),
        ({"grant_type": "authorization_code", "client_id": CLIENT}, "invalid_request", "missing required parameter: code"),
        ({"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": "5Aepxx"}, "invalid_grant",
         "expired access/refresh token"),
        ({"grant_type": "authorization_code", "client_id": CLIENT, "code": "x", "redirect_uri": CALLBACK},
         "invalid_grant", "invalid authorization code"),
    ],
)  # fmt: skip
def test_error_bodies_of_the_token_endpoint(
    world: DemoWorld, values: dict[str, str], error: str, description: str
) -> None:
    # facts 1.4, HTTP 400
    answer = token_request(world, **values)
    assert (answer.status, answer.body) == (400, {"error": error, "error_description": description})


def test_a_public_client_must_not_send_a_secret(world: DemoWorld) -> None:
    # facts 1.5.3
    tokens = sign_in(world)
    answer = refresh(world, tokens["refresh_token"], client_secret="s3cret")
    assert (answer.status, answer.body["error"]) == (400, "invalid_client")


def test_the_token_endpoint_takes_post_only(world: DemoWorld) -> None:
    assert Rest(world.salesforce, "").call("GET", "/services/oauth2/token?grant_type=refresh_token").status == 405


def test_no_refresh_token_without_its_scope(world: DemoWorld) -> None:
    assert "refresh_token" not in sign_in(world, scope="api id")


def test_refresh_without_rotation(world: DemoWorld) -> None:
    tokens = sign_in(world)
    world.expire_tokens("rita@rita.example")
    old = Rest(world.salesforce, tokens["access_token"])
    assert old.get("limits").code == "INVALID_SESSION_ID"
    answer = refresh(world, tokens["refresh_token"])
    assert answer.status == 200
    assert "refresh_token" not in answer.body
    assert old.with_token(answer.body["access_token"]).get("limits").status == 200
    assert refresh(world, tokens["refresh_token"]).status == 200


def test_rotation_and_reuse(world: DemoWorld) -> None:
    # facts 1.5.4: reuse of a rotated-out token revokes the current one and all access tokens
    tokens = sign_in(world)
    world.rotate_tokens("rita@rita.example")
    first = refresh(world, tokens["refresh_token"]).body
    assert first["refresh_token"] != tokens["refresh_token"]
    second = refresh(world, first["refresh_token"]).body
    rest = Rest(world.salesforce, second["access_token"])
    assert rest.get("limits").status == 200
    reused = refresh(world, tokens["refresh_token"])
    assert (reused.status, reused.body) == (400, EXPIRED)
    assert refresh(world, second["refresh_token"]).body == EXPIRED
    assert rest.get("limits").code == "INVALID_SESSION_ID"
    world.rotate_tokens("rita@rita.example", on=False)
    again = sign_in(world)
    assert "refresh_token" not in refresh(world, again["refresh_token"]).body


def test_access_ends_two_hours_after_the_last_use(world: DemoWorld) -> None:
    tokens = sign_in(world)
    rest = Rest(world.salesforce, tokens["access_token"])
    world.advance(7000)
    assert rest.get("limits").status == 200
    world.advance(7000)
    assert rest.get("limits").status == 200
    world.advance(7300)
    assert rest.get("limits").code == "INVALID_SESSION_ID"


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_revoke(world: DemoWorld, kind: str) -> None:
    # facts 1.3: 200 empty; revoking a refresh token kills its access tokens
    tokens = sign_in(world)
    rest = Rest(world.salesforce, "")
    answer = rest.form("/services/oauth2/revoke", token=tokens[kind])
    assert (answer.status, answer.raw) == (200, b"")
    assert rest.with_token(tokens["access_token"]).get("limits").code == "INVALID_SESSION_ID"
    assert (refresh(world, tokens["refresh_token"]).status == 200) is (kind == "access_token")
    unknown = rest.form("/services/oauth2/revoke", token=tokens[kind])
    assert (unknown.status, unknown.body["error"]) == (400, "invalid_token")


def test_an_administrator_revokes(world: DemoWorld) -> None:
    tokens = sign_in(world)
    others = sign_in(world, "sam@rita.example")
    world.revoke_tokens("rita@rita.example")
    assert refresh(world, tokens["refresh_token"]).body == EXPIRED
    assert Rest(world.salesforce, tokens["access_token"]).get("limits").status == 401
    assert refresh(world, others["refresh_token"]).status == 200


def test_who_am_i(world: DemoWorld) -> None:
    tokens = sign_in(world)
    rest = Rest(world.salesforce, tokens["access_token"])
    info = rest.call("GET", "/services/oauth2/userinfo").body
    assert info["preferred_username"] == "rita@rita.example"
    assert info["organization_id"] == PROD
    assert info["sub"] == tokens["id"]
    assert info["urls"]["rest"] == f"{world.salesforce}/services/data/v{{version}}/"
    identity = rest.call("GET", tokens["id"].removeprefix(world.salesforce)).body
    assert (identity["username"], identity["display_name"]) == ("rita@rita.example", "Rita Rep")
    assert identity["user_id"] == info["user_id"]


@pytest.mark.parametrize("path", ["/services/oauth2/userinfo", f"/id/{PROD}/0055e0000000001AAA"])
def test_who_am_i_with_a_bad_token(world: DemoWorld, path: str) -> None:
    rest = Rest(world.salesforce, "")
    assert (rest.call("GET", path).status, rest.call("GET", path).body) == (403, "Missing_OAuth_Token")
    assert rest.with_token("nonsense").call("GET", path).body == "Bad_OAuth_Token"


def test_the_org_follows_from_the_user(world: DemoWorld) -> None:
    tokens = sign_in(world, "rita@rita.example.sandbox")
    rest = Rest(world.salesforce, tokens["access_token"])
    assert rest.query("SELECT Name, IsSandbox FROM Organization")[0]["IsSandbox"] is True
    assert [one["LastName"] for one in rest.query("SELECT LastName FROM Contact")] == ["Sandbox"]


def test_oauth_over_tls_gives_a_tls_instance(world: DemoWorld) -> None:
    tokens = sign_in(world)
    rest = Rest.of(world, tls=True).with_token("")
    answer = rest.form(
        "/services/oauth2/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"], client_id=CLIENT
    )
    assert answer.body["instance_url"] == world.salesforce_tls


def test_oauth_costs_no_api_call(world: DemoWorld) -> None:
    world.clear_requests()
    sign_in(world)
    assert world.api_calls() == 0
    bodies = [one.get("body") for one in world.requests()]
    assert bodies == [None] * len(bodies)


def test_opening_a_record_without_a_new_login(world: DemoWorld) -> None:
    # facts 1.6: a single-use frontdoor_uri; redirect_uri is a relative path
    rest = Rest.of(world)
    contact = rest.id_of("Contact", "Karl Klein")
    path = f"/lightning/r/Contact/{contact}/view"
    answer = rest.call("GET", "/services/oauth2/singleaccess?" + urllib.parse.urlencode({"redirect_uri": path}))
    uri = answer.body["frontdoor_uri"]
    assert uri.startswith(f"{world.salesforce}/secur/frontdoor.jsp?otp=")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(uri, timeout=30) as page:
        assert page.url == world.salesforce + path
        assert "karl@acme.example" in page.read().decode()
    second = Rest(world.salesforce, "").call("GET", uri.removeprefix(world.salesforce))
    assert second.status == 403
    outside = rest.form("/services/oauth2/singleaccess", redirect_uri="//evil.example/")
    assert (outside.status, outside.body["error"]) == (400, "invalid_request")
