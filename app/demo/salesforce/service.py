"""All orgs of the world with their users and tokens, and the one place where a request becomes an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.demo.salesforce.database import Database
from app.demo.salesforce.errors import ApiError, not_implemented, refuse, resource_missing, session_invalid
from app.demo.salesforce.files import FileStore
from app.demo.salesforce.loading import Fixture, load_records, make_orgs
from app.demo.salesforce.oauth.endpoints import Client, OAuthEndpoints, Rotation
from app.demo.salesforce.oauth.pages import BrowserSessions, DemoUser, OAuthPages
from app.demo.salesforce.oauth.tokens import CodeRequest, Grant, TokenStore
from app.demo.salesforce.org import Org
from app.demo.salesforce.records import BLOB_COLUMN
from app.demo.salesforce.rest.api import Api, check_version, versions
from app.demo.salesforce.rest.limits import ApiUsage
from app.demo.salesforce.rest.message import Request, Response

_WITH_BODY = ("POST", "PATCH", "PUT")
READY_SCOPE = "refresh_token web api id"


@dataclass(frozen=True)
class ReadyLogin:
    """A user with an access token that is valid from the start, for tests and tools that skip the browser."""

    username: str
    password: str
    access_token: str
    client_id: str
    org_id: str


@dataclass(frozen=True)
class ApiCall:
    """A request to /services/data as it came in. ``path`` is decoded, ``segments`` below /services/data."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class SalesforceService:
    """The state of the Salesforce half of the world, without sockets."""

    def __init__(self, fixture: Fixture, database: Database, folder: Path, now: Callable[[], datetime]) -> None:
        self._fixture = fixture
        self.database = database
        self.files = FileStore(folder)
        self.now = now
        database.run("CREATE TABLE IF NOT EXISTS passwords (username TEXT PRIMARY KEY, hash TEXT)")
        database.run("CREATE TABLE IF NOT EXISTS properties (name TEXT PRIMARY KEY, value TEXT)")
        self.orgs: dict[str, Org] = make_orgs(fixture, database, self.files, now)
        self.clients = _clients(fixture)
        self.tokens = TokenStore(database, now)
        self.rotation = Rotation(database.run, database.rows)
        self.usage = {org_id: ApiUsage(org) for org_id, org in self.orgs.items()}
        self.sessions = BrowserSessions()
        self.oauth = OAuthEndpoints(self.tokens, self.orgs, self.clients, self.rotation, now)
        self.pages = OAuthPages(
            self.tokens, self.orgs, self.clients, _offered(fixture), self.sessions, self._stored_hash
        )
        self.api = Api(lambda org: self.usage[org.org_id])
        if self.property("loaded") is None:
            with database.transaction():
                load_records(fixture, self.orgs)
                self.set_property("loaded", now().isoformat())
        self.logins = self._ready_logins()

    def property(self, name: str) -> str | None:
        """A remembered value of the world."""
        row = self.database.row("SELECT value FROM properties WHERE name = ?", (name,))
        return None if row is None else str(row["value"])

    def set_property(self, name: str, value: str) -> None:
        """Remember a value of the world in its file."""
        self.database.run("INSERT OR REPLACE INTO properties VALUES (?, ?)", (name, value))

    def grant_of(self, headers: Mapping[str, str]) -> Grant | None:
        """The grant of the request's bearer token."""
        token = bearer(headers)
        return self.tokens.grant_of_access(token) if token else None

    def username(self, grant: Grant | None) -> str:
        """Who a grant stands for, "" for nobody."""
        user = None if grant is None else self.orgs[grant.org_id].user(grant.user_id)
        return "" if user is None else str(user["Username"])

    def open_call(self, call: ApiCall) -> Request | Response:
        """Check version, sign-in and limit of a request before its body is needed. Raises ApiError."""
        below = call.path.removeprefix("/services/data").strip("/")
        if not below:
            if call.method not in ("GET", "HEAD"):
                raise resource_missing()
            return Response(body=versions())
        first, _, rest = below.partition("/")
        if not first.startswith("v"):
            raise resource_missing()
        version = check_version(first.removeprefix("v"))
        grant = self.grant_of(call.headers)
        if grant is None:
            raise session_invalid()
        if call.method in _WITH_BODY and not _is_acceptable(call.headers.get("content-type", "")):
            raise refuse("UNSUPPORTED_MEDIA_TYPE", "Media Type is not supported by this resource", status=415)
        org = self.orgs[grant.org_id]
        self.usage[org.org_id].count()
        return Request(
            method=call.method,
            path=rest.strip("/"),
            query=call.query,
            headers=call.headers,
            body=b"",
            org=org,
            actor=org.actor(grant.user_id),
            version=version,
        )

    def carry_out(self, request: Request) -> Response:
        """The answer to a request, errors included; an uploaded file that no record took is removed."""
        try:
            return self.api.dispatch(request)
        except ApiError as exc:
            if request.content is not None:
                self.files.remove(request.content.name)
            return Response(exc.status, exc.body())

    def expire_access(self, username: str) -> int:
        """End the access tokens of a user ("": of everybody)."""
        return sum(self.tokens.expire_access_of(user_id) for user_id in self._user_ids(username))

    def revoke(self, username: str) -> int:
        """End all grants of a user ("": of everybody)."""
        return sum(self.tokens.revoke_all_of(user_id) for user_id in self._user_ids(username))

    def switch_rotation(self, username: str, *, on: bool) -> None:
        """Switch refresh-token rotation for a user, or for everybody."""
        for user_id in self._user_ids(username) if username else [""]:
            self.rotation.switch(user_id, on=on)

    def remove_unused_files(self) -> None:
        """Delete contents that no record names (left by a killed process)."""
        used: set[str] = set()
        for org in self.orgs.values():
            rows = self.database.rows(f'SELECT "{BLOB_COLUMN}" AS name FROM {org.tables.table("ContentVersion")}')
            used |= {str(row["name"]) for row in rows if row["name"]}
        self.files.keep_only(used)

    def restore(self) -> None:
        """Bring records, tokens and limits back to the snapshot."""
        self.database.restore_snapshot()
        self.sessions.close_all()
        for org_id, org in self.orgs.items():
            org.queries.forget()
            self.usage[org_id].maximum = org.settings.api_limit
        self.remove_unused_files()

    def _user_ids(self, username: str) -> list[str]:
        found = []
        for org in self.orgs.values():
            if username:
                user = org.user_named(username)
                found += [str(user["Id"])] if user else []
            else:
                found += [str(row["Id"]) for row in org.tables.find("User")]
        if username and not found:
            raise KeyError(username)
        return found

    def _stored_hash(self, username: str) -> str:
        row = self.database.row("SELECT hash FROM passwords WHERE username = ?", (username,))
        return "" if row is None else str(row["hash"])

    def _ready_logins(self) -> list[ReadyLogin]:
        """An access token for each user, kept over a restart as long as it is valid."""
        logins = []
        client_id = next(iter(self.clients))
        for spec in self._fixture["users"]:
            username = str(spec["username"])
            org, user = next((org, user) for org in self.orgs.values() if (user := org.user_named(username)))
            token = self.property(f"token.{username}") or ""
            if self.tokens.grant_of_access(token) is None:
                request = CodeRequest(org.org_id, str(user["Id"]), f"{client_id}.ready", "", READY_SCOPE, "")
                token = self.tokens.issue_access(self.tokens.open_grant(request))
                self.set_property(f"token.{username}", token)
            logins.append(ReadyLogin(username, str(spec["password"]), token, client_id, org.org_id))
        return logins


def _is_acceptable(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("/xml"):
        raise not_implemented("XML bodies")
    return kind in ("application/json", "multipart/form-data", "multipart/related")


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header ("Bearer x" or "OAuth x")."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else ""


def with_body(request: Request, body: bytes, **more: Any) -> Request:
    """The request with its body."""
    return replace(request, body=body, **more)


def _clients(fixture: Fixture) -> dict[str, Client]:
    clients = {}
    for spec in fixture["clients"]:
        clients[str(spec["client_id"])] = Client(
            client_id=str(spec["client_id"]),
            name=str(spec.get("name", "Outrigger")),
            redirect_uris=tuple(spec["redirect_uris"]),
            requires_pkce=bool(spec.get("requires_pkce", True)),
        )
    return clients


def _offered(fixture: Fixture) -> list[DemoUser]:
    users = []
    names = {str(org["id"])[:15]: str(org.get("name", "Demo")) for org in fixture["orgs"]}
    for spec in fixture["users"]:
        name = spec.get("name") or f"{spec.get('first_name', '')} {spec.get('last_name', '')}".strip()
        label = f"{name} ({spec.get('profile') or 'Administrator'})"
        users.append(DemoUser(str(spec["username"]), str(spec["password"]), label, names[str(spec["org"])[:15]]))
    return users
