"""The token, revoke, userinfo and identity endpoints.

Bodies and error texts: help article "OAuth 2.0 Authorization Errors" and the REST API guide's web-server flow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.demo.salesforce.oauth.tokens import Grant, TokenStore
from app.demo.salesforce.org import Org
from app.demo.salesforce.records import Record

GRANT_TYPES = ("authorization_code", "refresh_token")
_REFRESH_SCOPES = frozenset({"refresh_token", "offline_access"})
_EXPIRED = "expired access/refresh token"


@dataclass(frozen=True)
class Client:
    """An external client app: a public client with the callbacks registered for it."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    requires_pkce: bool = True


@dataclass
class Answer:
    """An answer of an OAuth endpoint: JSON (``body`` a dict), text or HTML (``body`` a string)."""

    status: int = 200
    body: dict[str, Any] | str = ""
    headers: dict[str, str] = field(default_factory=dict)


class OAuthError(Exception):
    """400 with ``error`` and ``error_description``."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.answer = Answer(400, {"error": error, "error_description": description})


class Rotation:
    """Whose refresh tokens rotate: nobody's, everybody's, or those of some users."""

    def __init__(self, database_run: Callable[..., int], rows: Callable[..., list[Any]]) -> None:
        self._run = database_run
        self._rows = rows
        self._run("CREATE TABLE IF NOT EXISTS rotation (user TEXT PRIMARY KEY)")

    def switch(self, user_id: str, *, on: bool) -> None:
        """Switch rotation for a user; "" stands for everybody."""
        if on:
            self._run("INSERT OR IGNORE INTO rotation VALUES (?)", (user_id,))
        elif user_id:
            self._run("DELETE FROM rotation WHERE user = ?", (user_id,))
        else:
            self._run("DELETE FROM rotation")

    def is_on(self, user_id: str) -> bool:
        """Whether a refresh of this user hands out a new refresh token."""
        return bool(self._rows("SELECT 1 FROM rotation WHERE user IN ('', ?)", (user_id,)))


class OAuthEndpoints:
    """What a client calls directly, without a browser."""

    def __init__(
        self,
        tokens: TokenStore,
        orgs: Mapping[str, Org],
        clients: Mapping[str, Client],
        rotation: Rotation,
        now: Callable[[], datetime],
    ) -> None:
        self._tokens = tokens
        self._orgs = orgs
        self._clients = clients
        self._rotation = rotation
        self._now = now

    def token(self, form: Mapping[str, str], base_url: str) -> Answer:
        """POST /services/oauth2/token."""
        try:
            return self._token(form, base_url)
        except OAuthError as exc:
            return exc.answer

    def revoke(self, form: Mapping[str, str]) -> Answer:
        """GET or POST /services/oauth2/revoke: a refresh token takes its access tokens along."""
        token = form.get("token", "")
        refresh = self._tokens.grant_of_refresh(token)
        if refresh is not None:
            self._tokens.revoke_grant(refresh[0].grant_id)
            return Answer(200)
        if self._tokens.grant_of_access(token) is not None:
            self._tokens.revoke_access(token)
            return Answer(200)
        return Answer(400, {"error": "invalid_token", "error_description": f"invalid token: {token[:8]}..."})

    def userinfo(self, bearer: str, base_url: str) -> Answer:
        """GET or POST /services/oauth2/userinfo."""
        grant = self._tokens.grant_of_access(bearer)
        user = None if grant is None else self._orgs[grant.org_id].user(grant.user_id)
        if grant is None or user is None:
            return _no_identity(bearer)
        return Answer(200, {"sub": _identity_url(grant, base_url), **_person(grant, user, base_url)})

    def identity(self, org_id: str, user_id: str, bearer: str, base_url: str) -> Answer:
        """GET /id/{org}/{user}."""
        grant = self._tokens.grant_of_access(bearer)
        user = None if grant is None else self._orgs[grant.org_id].user(grant.user_id)
        if grant is None or user is None:
            return _no_identity(bearer)
        if org_id[:15] != grant.org_id[:15]:
            return Answer(403, "Wrong_Org")
        if user_id[:15] != grant.user_id[:15]:
            return Answer(403, "Missing_OAuth_Token")
        own = {
            "id": _identity_url(grant, base_url),
            "asserted_user": True,
            "username": user["Username"],
            "display_name": user["Name"],
            "nick_name": user["CommunityNickname"] or user["Alias"],
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "timezone": user["TimeZoneSidKey"],
            "mobile_phone": user["MobilePhone"],
            "is_lightning_login_user": False,
        }
        return Answer(200, own | _person(grant, user, base_url))

    def _token(self, form: Mapping[str, str], base_url: str) -> Answer:
        grant_type = form.get("grant_type")
        if not grant_type:
            raise OAuthError("invalid_request", "missing required parameter: grant_type")
        if grant_type not in GRANT_TYPES:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        client = self._clients.get(form.get("client_id", ""))
        if client is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if "client_secret" in form:
            # Public clients must not send one; the text is that of wrong credentials (unverified).
            raise OAuthError("invalid_client", "invalid client credentials")
        if grant_type == "refresh_token":
            return self._refresh(form, client, base_url)
        return self._exchange(form, client, base_url)

    def _exchange(self, form: Mapping[str, str], client: Client, base_url: str) -> Answer:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise OAuthError("invalid_request", f"missing required parameter: {name}")
        taken = self._tokens.take_code(form["code"])
        if taken is None or taken[0].client_id != client.client_id:
            raise OAuthError("invalid_grant", "invalid authorization code")
        request, expired = taken
        if expired:
            raise OAuthError("invalid_grant", "expired authorization code")
        if request.redirect_uri != form["redirect_uri"]:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        _check_verifier(request.challenge, form.get("code_verifier", ""))
        grant = self._tokens.open_grant(request)
        refresh = self._tokens.issue_refresh(grant) if _REFRESH_SCOPES & set(grant.scope.split()) else ""
        return self._tokens_answer(grant, refresh, base_url)

    def _refresh(self, form: Mapping[str, str], client: Client, base_url: str) -> Answer:
        if not form.get("refresh_token"):
            raise OAuthError("invalid_request", "missing required parameter: refresh_token")
        found = self._tokens.grant_of_refresh(form["refresh_token"])
        if found is None or found[0].client_id != client.client_id:
            raise OAuthError("invalid_grant", _EXPIRED)
        grant, is_current = found
        if not is_current:
            self._tokens.revoke_grant(grant.grant_id)
            raise OAuthError("invalid_grant", _EXPIRED)
        user = self._orgs[grant.org_id].user(grant.user_id)
        if user is None or not user["IsActive"]:
            raise OAuthError("inactive_user", "user is inactive")
        refresh = ""
        if self._rotation.is_on(grant.user_id):
            self._tokens.end_refresh(form["refresh_token"])
            refresh = self._tokens.issue_refresh(grant)
        return self._tokens_answer(grant, refresh, base_url)

    def _tokens_answer(self, grant: Grant, refresh: str, base_url: str) -> Answer:
        issued_at = str(int(self._now().timestamp() * 1000))
        identity = _identity_url(grant, base_url)
        signature = hmac.new(grant.client_id.encode(), (identity + issued_at).encode(), hashlib.sha256).digest()
        body = {
            "access_token": self._tokens.issue_access(grant),
            "signature": base64.b64encode(signature).decode(),
            "scope": grant.scope,
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }
        if refresh:
            body["refresh_token"] = refresh
        return Answer(200, body, {"Cache-Control": "no-store"})


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _check_verifier(challenge: str, verifier: str) -> None:
    if not challenge:
        return
    if not verifier:
        raise OAuthError("invalid_grant", "missing required parameter: code_verifier")
    if not hmac.compare_digest(challenge_of(verifier), challenge.rstrip("=")):
        raise OAuthError("invalid_request", "invalid code verifier")


def _no_identity(bearer: str) -> Answer:
    return Answer(403, "Bad_OAuth_Token" if bearer else "Missing_OAuth_Token")


def _identity_url(grant: Grant, base_url: str) -> str:
    return f"{base_url}/id/{grant.org_id}/{grant.user_id}"


def _person(grant: Grant, user: Record, base_url: str) -> dict[str, Any]:
    rest = f"{base_url}/services/data/v{{version}}/"
    return {
        "user_id": grant.user_id,
        "organization_id": grant.org_id,
        "preferred_username": user["Username"],
        "nickname": user["CommunityNickname"] or user["Alias"],
        "name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "given_name": user["FirstName"],
        "family_name": user["LastName"],
        "zoneinfo": user["TimeZoneSidKey"],
        "photos": {"picture": f"{base_url}/profilephoto/005/F", "thumbnail": f"{base_url}/profilephoto/005/T"},
        "active": bool(user["IsActive"]),
        "user_type": "STANDARD",
        "language": user["LanguageLocaleKey"],
        "locale": user["LocaleSidKey"],
        "urls": {
            "rest": rest,
            "sobjects": rest + "sobjects/",
            "query": rest + "query/",
            "search": rest + "search/",
            "profile": f"{base_url}/{grant.user_id}",
            "custom_domain": base_url,
        },
    }
