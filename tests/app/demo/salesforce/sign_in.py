"""The authorization code flow with PKCE, by hand."""

from __future__ import annotations

import base64
import hashlib
import secrets
import urllib.parse
from typing import Any

from tests.app.demo.salesforce.rest_client import Answer, Rest
from tests.servers.demo import DemoWorld

CALLBACK = "http://localhost:1717/OauthRedirect"
CLIENT = "3MVG9test.client"


def verifier_and_challenge() -> tuple[str, str]:
    """A PKCE verifier and its S256 challenge (RFC 7636)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


def authorize_url(world: DemoWorld, challenge: str, **changes: str) -> str:
    """The address to open in the browser; an empty value leaves a parameter out."""
    values = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "scope": "id api web refresh_token",
        "state": "s=1&x",
        "code_challenge": challenge,
    } | changes
    query = urllib.parse.urlencode({name: value for name, value in values.items() if value})
    return f"{world.salesforce}/services/oauth2/authorize?{query}"


def callback_values(url: str) -> dict[str, str]:
    """The parameters of a callback."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def new_code(world: DemoWorld, challenge: str, user: str = "rita@rita.example", **changes: str) -> str:
    """A code for a user who allows everything."""
    url = authorize_url(world, challenge, **changes)
    password = world.login(user).password
    return callback_values(world.approve(url, user, password, follow=False))["code"]


def token_request(world: DemoWorld, **values: str) -> Answer:
    """POST to the token endpoint; an empty value leaves a parameter out."""
    return Rest(world.salesforce, "").form(
        "/services/oauth2/token", **{name: value for name, value in values.items() if value}
    )


def exchange(world: DemoWorld, code: str, verifier: str, **changes: str) -> Answer:
    """The token request for a code."""
    values = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": CLIENT,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    return token_request(world, **(values | changes))


def sign_in(world: DemoWorld, user: str = "rita@rita.example", **changes: str) -> dict[str, Any]:
    """The whole flow; the token answer."""
    verifier, challenge = verifier_and_challenge()
    answer = exchange(world, new_code(world, challenge, user, **changes), verifier)
    assert answer.status == 200, answer.body
    tokens: dict[str, Any] = answer.body
    return tokens


def refresh(world: DemoWorld, token: str, **changes: str) -> Answer:
    """The token request for a refresh token."""
    return token_request(
        world, **({"grant_type": "refresh_token", "refresh_token": token, "client_id": CLIENT} | changes)
    )
