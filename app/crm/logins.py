"""Salesforce logins: who is signed in, the gateway of each, and how to leave again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeAlias

from app.auth.hosts import LoginHost
from app.auth.ports import RefreshTokenStore, TokenEndpoint, TokenRefused
from app.auth.tokens import AccessToken, LoginTokens
from app.clock import Clock
from app.crm.ports import CrmGateway
from app.errors import RecordNotFound
from app.events import SignedIn, SignInRequired
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, crm_login_key
from app.store import accounts
from app.store.database import Database, Transaction

GatewayFactory: TypeAlias = Callable[[CrmLogin, LoginTokens], CrmGateway]


def owner_of(login: CrmLogin) -> str:
    """What binds an operation to its user in its org: ``<org_id>/<user_id>``."""
    return f"{login.org_id}/{login.user_id}"


def host_of(login: CrmLogin) -> LoginHost:
    """Where the login signs in."""
    return LoginHost(login.login_url, login.ca_file if login.is_demo else "", login.is_demo)


class CrmLogins:
    """All Salesforce logins of the profile. ``make_gateway`` builds the wire client of one."""

    def __init__(self, database: Database, endpoint: TokenEndpoint, clock: Clock, make_gateway: GatewayFactory) -> None:
        self._database = database
        self._endpoint = endpoint
        self._clock = clock
        self._make_gateway = make_gateway
        self._lock = asyncio.Lock()
        self._open: dict[CrmLoginId, tuple[LoginTokens, CrmGateway]] = {}
        self._when_gone: list[Callable[[CrmLoginId], None]] = []

    async def list(self) -> list[CrmLogin]:
        """All logins, oldest first."""
        return await self._database.read(accounts.crm_logins)

    async def login(self, login_id: CrmLoginId) -> CrmLogin:
        """One login. Raises RecordNotFound (code ``login_gone``)."""
        found = await self._database.read(lambda reader: accounts.crm_login(reader, login_id))
        if found is None:
            raise RecordNotFound("the Salesforce login is gone", code="login_gone")
        return found

    async def gateway(self, login_id: CrmLoginId) -> CrmGateway:
        """The login's gateway, made at the first call. Raises RecordNotFound."""
        async with self._lock:
            if login_id not in self._open:
                self._open[login_id] = self._opened(await self.login(login_id))
            return self._open[login_id][1]

    def opened(self, login_id: CrmLoginId) -> CrmGateway | None:
        """The login's gateway if there is one by now."""
        opened = self._open.get(login_id)
        return None if opened is None else opened[1]

    async def keep(self, login: CrmLogin, refresh_token: str, access: AccessToken) -> CrmLogin:
        """Keep a login that has just signed in: durable first, then in use. The same user in the same org keeps its number."""

        def write(tx: Transaction) -> CrmLogin:
            kept = accounts.keep_crm_login(tx, login, refresh_token)
            tx.publish(SignedIn(crm_login_key(kept.login_id)))
            return kept

        async with self._lock:
            kept = await self._database.write("keep Salesforce login", write)
            await self._close_one(kept.login_id)
            self._open[kept.login_id] = self._opened(kept)
            self._open[kept.login_id][0].adopt(access)
            return kept

    async def describe_org(self, login_id: CrmLoginId, *, org_name: str, is_sandbox: bool) -> CrmLogin:
        """Note the org's name and kind."""

        def write(tx: Transaction) -> CrmLogin | None:
            accounts.set_crm_org(tx, login_id, org_name, is_sandbox)
            return accounts.crm_login(tx, login_id)

        changed = await self._database.write("note the org", write)
        if changed is None:
            raise RecordNotFound("the Salesforce login is gone", code="login_gone")
        return changed

    async def remove(self, login_id: CrmLoginId, *, even_if_not_revoked: bool = False) -> None:
        """Sign out: end the token at Salesforce, then forget the login and all that is stored for it.

        Raises Offline, RateLimited or TransientError when Salesforce could not be told, and then nothing is removed; ``even_if_not_revoked``
        removes it all the same (an administrator can end the token in Salesforce).
        """
        login = await self.login(login_id)
        token = await self._database.read(lambda reader: accounts.refresh_token(reader, login_id))
        if token and not even_if_not_revoked:
            # What Salesforce does not take any more need not be ended.
            with contextlib.suppress(TokenRefused):
                await self._endpoint.revoke(host_of(login), token)
        async with self._lock:
            await self._close_one(login_id)
            await self._database.write("remove Salesforce login", lambda tx: accounts.remove_crm_login(tx, login_id))
        for tell in self._when_gone:
            tell(login_id)

    def when_gone(self, tell: Callable[[CrmLoginId], None]) -> None:
        """Have ``tell`` called after a login was removed."""
        self._when_gone.append(tell)

    async def close(self) -> None:
        """End all gateways."""
        async with self._lock:
            for login_id in list(self._open):
                await self._close_one(login_id)

    def _opened(self, login: CrmLogin) -> tuple[LoginTokens, CrmGateway]:
        tokens = LoginTokens(
            crm_login_key(login.login_id),
            host_of(login),
            login.client_id,
            org_id=login.org_id,
            user_id=login.user_id,
            endpoint=self._endpoint,
            store=StoredRefreshToken(self._database, login.login_id),
            clock=self._clock,
        )
        return tokens, self._make_gateway(login, tokens)

    async def _close_one(self, login_id: CrmLoginId) -> None:
        opened = self._open.pop(login_id, None)
        if opened is not None:
            await opened[1].close()


class StoredRefreshToken(RefreshTokenStore):
    """The column of the encrypted database that holds one login's refresh token."""

    def __init__(self, database: Database, login_id: CrmLoginId) -> None:
        self._database = database
        self._login_id = login_id

    async def load(self) -> str:
        """See `RefreshTokenStore.load`; "" also while the login waits for its person, so that a dead token is not tried over and over."""
        login = await self._database.read(lambda reader: accounts.crm_login(reader, self._login_id))
        if login is None or login.needs_sign_in:
            return ""
        return await self._database.read(lambda reader: accounts.refresh_token(reader, self._login_id))

    async def save(self, refresh_token: str, instance_url: str) -> None:
        """See `RefreshTokenStore.save`."""
        await self._database.write(
            "save refresh token",
            lambda tx: accounts.keep_refresh_token(tx, self._login_id, refresh_token, instance_url),
        )

    async def refused(self) -> None:
        """See `RefreshTokenStore.refused`; told to the program once."""

        def write(tx: Transaction) -> None:
            login = accounts.crm_login(tx, self._login_id)
            if login is not None and not login.needs_sign_in:
                accounts.set_needs_sign_in(tx, self._login_id, True)
                tx.publish(SignInRequired(crm_login_key(self._login_id)))

        await self._database.write("note that a sign-in is needed", write)
