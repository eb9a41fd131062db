"""The tokens of one login: the access token in RAM only, one refresh at a time, a rotated refresh token saved before anything else happens.

Salesforce can replace the refresh token at every refresh and then revokes everything when the old one is used again (refresh-token rotation). So
there is one refresh at a time, and the new token is durable before the new access token is handed out. A process that dies between the answer and
the save has to sign in again; nothing else is lost by it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.auth.hosts import LoginHost
from app.auth.oauth import TokenGrant, is_same_id, refresh_form
from app.auth.ports import RefreshTokenStore, TokenEndpoint, TokenRefused
from app.clock import Clock
from app.errors import BugError, NotSupported, SignInRequired, TransientError, ValidationFailed
from app.model.crm import JsonObject

BUSY_TRIES = 5
BUSY_FIRST_WAIT_S = 0.5
CLOSE_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a request carries, and where it may go."""

    value: str = field(repr=False)
    instance_url: str


class LoginTokens:
    """Access tokens for one login.

    ``account`` is its key (``crm:1``); ``org_id`` and ``user_id`` are who it is, and a token of anybody else is refused.
    """

    def __init__(
        self,
        account: str,
        host: LoginHost,
        client_id: str,
        *,
        org_id: str,
        user_id: str,
        endpoint: TokenEndpoint,
        store: RefreshTokenStore,
        clock: Clock,
    ) -> None:
        self.account = account
        self._host = host
        self._client_id = client_id
        self._owner = (org_id, user_id)
        self._endpoint = endpoint
        self._store = store
        self._clock = clock
        self._current: AccessToken | None = None
        self._unsaved: tuple[str, AccessToken] | None = None
        self._renewal: asyncio.Task[AccessToken] | None = None

    async def access(self) -> AccessToken:
        """The token in RAM, or a new one.

        Raises SignInRequired, Offline, RateLimited, TransientError. Where the answer of a refresh was lost, asking again is right: if the server
        had rotated the token already, nothing but a sign-in could have helped, and if it had not, nothing is lost.
        """
        return self._current or await self._renewed()

    async def renew(self, stale: AccessToken) -> AccessToken:
        """A token other than ``stale``, which the server no longer takes. Raises like `access`."""
        if self._current is not None and self._current.value != stale.value:
            return self._current
        self._current = None
        return await self._renewed()

    async def refused(self) -> None:
        """The server took not even a fresh token: note that somebody must sign in."""
        self._current = None
        await self._store.refused()

    def adopt(self, token: AccessToken) -> None:
        """Use the token that a sign-in has just brought; its refresh token is saved already."""
        self._unsaved = None
        self._current = token

    def forget(self) -> None:
        """Drop the access token from RAM."""
        self._current = None

    async def close(self, *, wait_s: float = CLOSE_WAIT_S) -> None:
        """Forget; a refresh that is under way gets a moment to be saved, so that a rotated token is not lost to the end of the program."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal], timeout=wait_s)
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
        self._current = None

    async def _renewed(self) -> AccessToken:
        if self._renewal is None:
            # A task of its own: a caller that is cancelled must not keep the new refresh token from being saved.
            self._renewal = asyncio.create_task(self._renew(), name=f"renew-token-{self.account}")
            self._renewal.add_done_callback(self._renewal_ended)
        return await asyncio.shield(self._renewal)

    def _renewal_ended(self, task: asyncio.Task[AccessToken]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # heard here, so that it is not reported as lost when every caller has gone

    async def _renew(self) -> AccessToken:
        if self._unsaved is None:
            self._unsaved = await self._ask()
        refresh_token, access = self._unsaved
        await self._store.save(refresh_token, access.instance_url)
        self._unsaved = None
        self._current = access
        return access

    async def _ask(self) -> tuple[str, AccessToken]:
        wait = BUSY_FIRST_WAIT_S
        for last_try in (*[False] * (BUSY_TRIES - 1), True):
            refresh_token = await self._store.load()
            if not refresh_token:
                raise SignInRequired("the login has no refresh token", account=self.account)
            try:
                answer = await self._endpoint.token(self._host, refresh_form(self._client_id, refresh_token))
            except TransientError as error:
                if error.code != "token_busy" or last_try:
                    raise
                await self._clock.sleep(wait)
                wait *= 2
                continue
            except TokenRefused as error:
                await self._store.refused()
                raise SignInRequired(
                    "Salesforce no longer takes the refresh token", account=self.account, code=error.code
                ) from None
            return self._checked(answer, refresh_token)
        raise BugError("the last try raises or returns")

    def _checked(self, answer: JsonObject, refresh_token: str) -> tuple[str, AccessToken]:
        try:
            grant = TokenGrant.read(answer, self._host)
        except (NotSupported, ValidationFailed) as error:
            # Not the server's refusal of any operation: what answered was not Salesforce, or Salesforce in disorder.
            raise TransientError(error.message, code=error.code) from None
        if not (is_same_id(grant.org_id, self._owner[0]) and is_same_id(grant.user_id, self._owner[1])):
            raise TransientError("the token answer belongs to another user", code="other_user")
        return grant.refresh_token or refresh_token, AccessToken(grant.access_token, grant.instance_url)
