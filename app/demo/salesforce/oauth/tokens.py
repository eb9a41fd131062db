"""Authorization codes, access tokens and refresh tokens, kept in the world's file so that they survive a restart.

Refresh-token rotation: each refresh hands out a new token and ends the old one; the reuse of an ended token revokes the
whole grant (help article 005316711).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.demo.salesforce.database import Database, Row

CODE_LIFETIME_S = 120
ACCESS_LIFETIME_S = 7200


@dataclass(frozen=True)
class Grant:
    """What a token stands for: a user in an org, through a client, with scopes."""

    grant_id: str
    org_id: str
    user_id: str
    client_id: str
    scope: str


@dataclass(frozen=True)
class CodeRequest:
    """What an authorization code was asked for with; the token request must agree."""

    org_id: str
    user_id: str
    client_id: str
    redirect_uri: str
    scope: str
    challenge: str


class TokenStore:
    """Codes and tokens. Times are those of the demo clock."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        for statement in _TABLES:
            database.run(statement)

    def issue_code(self, request: CodeRequest) -> str:
        """A code for one use within two minutes. Real ones end in "==", which a URL must escape."""
        code = "aPrx" + secrets.token_urlsafe(48) + "=="
        values = (code, request.org_id, request.user_id, request.client_id, request.redirect_uri, request.scope,
                  request.challenge, self._seconds())  # fmt: skip
        self._database.run("INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return code

    def take_code(self, code: str) -> tuple[CodeRequest, bool] | None:
        """Use a code up; None if unknown or used, else its request and whether it has expired."""
        row = self._database.row("SELECT * FROM codes WHERE code = ?", (code,))
        if row is None:
            return None
        self._database.run("DELETE FROM codes WHERE code = ?", (code,))
        request = CodeRequest(
            row["org"], row["user"], row["client"], row["redirect_uri"], row["scope"], row["challenge"]
        )
        return request, self._seconds() - row["issued"] > CODE_LIFETIME_S

    def open_grant(self, request: CodeRequest) -> Grant:
        """A new grant, without tokens yet."""
        grant = Grant(secrets.token_hex(16), request.org_id, request.user_id, request.client_id, request.scope)
        values = (grant.grant_id, grant.org_id, grant.user_id, grant.client_id, grant.scope)
        self._database.run("INSERT INTO grants VALUES (?, ?, ?, ?, ?)", values)
        return grant

    def issue_access(self, grant: Grant) -> str:
        """An access token: the org's id, "!", and a secret."""
        token = f"{grant.org_id[:15]}!AQ{secrets.token_urlsafe(72)}"
        self.put_access(grant, token)
        return token

    def put_access(self, grant: Grant, token: str) -> None:
        """Make a known text a fresh access token of the grant (the ready-made tokens of the demo logins)."""
        values = (token, grant.grant_id, self._seconds())
        self._database.run("INSERT OR REPLACE INTO access_tokens VALUES (?, ?, ?)", values)

    def issue_refresh(self, grant: Grant) -> str:
        """A refresh token."""
        token = f"5Aep861{secrets.token_urlsafe(64)}"
        self._database.run("INSERT INTO refresh_tokens VALUES (?, ?, 1)", (token, grant.grant_id))
        return token

    def grant_of_access(self, token: str) -> Grant | None:
        """The grant of a valid access token. Its session lasts for two hours after the last use."""
        row = self._database.row("SELECT * FROM access_tokens WHERE token = ?", (token,))
        if row is None or self._seconds() - row["used"] > ACCESS_LIFETIME_S:
            return None
        if self._seconds() - row["used"] > 60:
            self._database.run("UPDATE access_tokens SET used = ? WHERE token = ?", (self._seconds(), token))
        return self._grant(row["grant_id"])

    def grant_of_refresh(self, token: str) -> tuple[Grant, bool] | None:
        """The grant of a refresh token, and whether the token is still the current one."""
        row = self._database.row("SELECT * FROM refresh_tokens WHERE token = ?", (token,))
        grant = None if row is None else self._grant(row["grant_id"])
        return None if row is None or grant is None else (grant, bool(row["current"]))

    def end_refresh(self, token: str) -> None:
        """Rotate a refresh token out: using it again will be noticed."""
        self._database.run("UPDATE refresh_tokens SET current = 0 WHERE token = ?", (token,))

    def revoke_grant(self, grant_id: str) -> None:
        """End a grant with all its tokens."""
        for table in ("access_tokens", "refresh_tokens", "grants"):
            self._database.run(f"DELETE FROM {table} WHERE grant_id = ?", (grant_id,))

    def revoke_access(self, token: str) -> None:
        """End one access token."""
        self._database.run("DELETE FROM access_tokens WHERE token = ?", (token,))

    def expire_access_of(self, user_id: str) -> int:
        """End all access tokens of a user; how many there were."""
        return self._database.run(
            "DELETE FROM access_tokens WHERE grant_id IN (SELECT grant_id FROM grants WHERE user = ?)", (user_id,)
        )

    def revoke_all_of(self, user_id: str) -> int:
        """End all grants of a user; how many there were."""
        grants = self._database.rows("SELECT grant_id FROM grants WHERE user = ?", (user_id,))
        for row in grants:
            self.revoke_grant(row["grant_id"])
        return len(grants)

    def has_approved(self, client_id: str, user_id: str) -> bool:
        """Whether the user has a grant for the client: then the approval page is not shown again."""
        found = self._database.row("SELECT 1 FROM grants WHERE client = ? AND user = ?", (client_id, user_id))
        return found is not None

    def _grant(self, grant_id: str) -> Grant | None:
        row: Row | None = self._database.row("SELECT * FROM grants WHERE grant_id = ?", (grant_id,))
        return None if row is None else Grant(*tuple(row))

    def _seconds(self) -> float:
        return self._now().timestamp()


_TABLES = (
    """CREATE TABLE IF NOT EXISTS codes (code TEXT PRIMARY KEY, org TEXT, user TEXT, client TEXT, redirect_uri TEXT,
    scope TEXT, challenge TEXT, issued REAL)""",
    "CREATE TABLE IF NOT EXISTS grants (grant_id TEXT PRIMARY KEY, org TEXT, user TEXT, client TEXT, scope TEXT)",
    "CREATE TABLE IF NOT EXISTS access_tokens (token TEXT PRIMARY KEY, grant_id TEXT, used REAL)",
    "CREATE TABLE IF NOT EXISTS refresh_tokens (token TEXT PRIMARY KEY, grant_id TEXT, current INTEGER)",
)
