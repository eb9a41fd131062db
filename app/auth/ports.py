"""What signing in needs from outside: a place for secrets, the user's own browser, the token endpoint, a durable place for refresh tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.auth.hosts import LoginHost
from app.errors import PermanentError
from app.model.crm import JsonObject


class SecretStore(Protocol):
    """Short secrets (at most 1,280 characters) by name, kept by the operating system or by a vault that a passphrase seals.

    Every method raises SecretStoreUnavailable when the store is absent, locked or does not answer in time. Implementations check by reading
    back that a write took place.
    """

    @property
    def description(self) -> str:
        """Where secrets are kept, in words for the user ("Secret Service", "Windows Credential Manager", "passphrase vault")."""
        ...

    async def get(self, name: str) -> str | None:
        """The secret, or None when there is none of that name."""
        ...

    async def set(self, name: str, value: str) -> None:
        """Keep a secret under a name, replacing what was there."""
        ...

    async def delete(self, name: str) -> None:
        """Forget a secret; no error when it is not there."""
        ...

    async def close(self) -> None:
        """End the store's thread."""
        ...


class Browser(Protocol):
    """Opens an address where the user is signed in already: the system's browser, never a window of ours."""

    async def open(self, url: str) -> None:
        """Show the page. Raises LocalError when no browser can be started."""
        ...


class TokenRefused(PermanentError):
    """The token endpoint refused for good: ``code`` is OAuth's error word, ``server_text`` its description."""

    code = "token_refused"


class TokenEndpoint(Protocol):
    """The OAuth addresses of Salesforce, without any state.

    Every method raises Offline, RateLimited, TransientError (also with code ``token_busy``: another refresh of this token is under way, and
    ``connection_lost``: the answer was lost), TokenRefused.
    """

    async def token(self, host: LoginHost, form: Mapping[str, str]) -> JsonObject:
        """POST the form to ``/services/oauth2/token``; the answer as it came."""
        ...

    async def revoke(self, host: LoginHost, token: str) -> None:
        """End a token and what hangs on it; no error when it was dead already."""
        ...

    async def user_info(self, host: LoginHost, instance_url: str, access_token: str) -> JsonObject:
        """GET ``/services/oauth2/userinfo``."""
        ...

    async def close(self) -> None:
        """End the thread; never raises."""
        ...


class RefreshTokenStore(Protocol):
    """The durable, sealed place of one login's refresh token."""

    async def load(self) -> str:
        """The refresh token, "" when there is none."""
        ...

    async def save(self, refresh_token: str, instance_url: str) -> None:
        """Keep a token and the API's address; durable when it returns."""
        ...

    async def refused(self) -> None:
        """Note that the login must be signed in again."""
        ...
