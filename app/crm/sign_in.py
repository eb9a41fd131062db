"""Signing in at Salesforce through the user's own browser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from app.auth.hosts import LoginHost, check_login_url
from app.auth.loopback import LoopbackReceiver
from app.auth.oauth import CALLBACK_PORTS, AuthorizationRequest, TokenGrant, is_same_id
from app.auth.ports import Browser, TokenEndpoint
from app.auth.tokens import AccessToken
from app.crm.logins import CrmLogins, host_of
from app.crm.schema import CrmSchema
from app.errors import AppError, NotSupported, ValidationFailed
from app.model.crm import CrmLogin, JsonObject
from app.model.ids import CrmLoginId


class SalesforceSignIn:
    """Brings logins in. ``with_web`` asks for the scope that opening records without a new sign-in needs."""

    def __init__(
        self,
        logins: CrmLogins,
        schema: CrmSchema,
        endpoint: TokenEndpoint,
        browser: Browser,
        *,
        with_web: bool = False,
        ports: Sequence[int] = CALLBACK_PORTS,
    ) -> None:
        self._logins = logins
        self._schema = schema
        self._endpoint = endpoint
        self._browser = browser
        self._with_web = with_web
        self._ports = ports

    async def sign_in(
        self,
        login_url: str,
        client_id: str,
        *,
        ca_file: str = "",
        is_demo: bool = False,
        cancel: asyncio.Event | None = None,
    ) -> CrmLogin:
        """Sign a user in and keep the login. ``ca_file`` is for demo logins only.

        Raises ValidationFailed (address, client id), SignInCancelled (a PermanentError: the user said no, or ``cancel`` was set), TokenRefused,
        LocalError (no browser, ports taken), Offline, RateLimited, TransientError (code ``sign_in_timeout`` after 5 minutes), NotSupported.
        """
        host = LoginHost(check_login_url(login_url, is_demo=is_demo), ca_file if is_demo else "", is_demo)
        if ca_file and not is_demo:
            raise ValidationFailed("an authority of its own is for demo logins only", code="ca_file")
        return await self._signed_in(host, client_id.strip(), None, cancel)

    async def sign_in_again(self, login_id: CrmLoginId, *, cancel: asyncio.Event | None = None) -> CrmLogin:
        """Sign the same user in again, so that what waits can go on. Raises like `sign_in`, and ValidationFailed (code ``other_user``)."""
        login = await self._logins.login(login_id)
        return await self._signed_in(host_of(login), login.client_id, login, cancel)

    async def _signed_in(
        self, host: LoginHost, client_id: str, expected: CrmLogin | None, cancel: asyncio.Event | None
    ) -> CrmLogin:
        if not client_id or not client_id.isascii() or not client_id.isprintable() or " " in client_id:
            raise ValidationFailed("the consumer key of the app in Salesforce is missing", code="client_id")
        grant = await self._granted(host, client_id, cancel)
        if expected is not None and not (
            is_same_id(grant.org_id, expected.org_id) and is_same_id(grant.user_id, expected.user_id)
        ):
            await self._give_back(host, grant)
            raise ValidationFailed("another user signed in; what waits stays bound to its own user", code="other_user")
        user = await self._endpoint.user_info(host, grant.instance_url, grant.access_token)
        before = {login.login_id for login in await self._logins.list()}
        login = await self._logins.keep(
            _login(host, client_id, grant, user),
            grant.refresh_token,
            AccessToken(grant.access_token, grant.instance_url),
        )
        return await self._described(login, is_new=login.login_id not in before)

    async def _granted(self, host: LoginHost, client_id: str, cancel: asyncio.Event | None) -> TokenGrant:
        # The state is needed to listen and the port to ask, so the request is completed once the receiver stands.
        draft = AuthorizationRequest.new(host, client_id, "", with_web=self._with_web)
        async with LoopbackReceiver(draft.state, self._ports) as receiver:
            request = draft.sent_back_to(receiver.redirect_uri)
            await self._browser.open(request.url)
            code = await receiver.code(cancel=cancel)
            answer = await self._endpoint.token(host, request.exchange_form(code))
        grant = TokenGrant.read(answer, host)
        if not grant.refresh_token:
            await self._give_back(host, grant)
            raise NotSupported("the app in Salesforce does not grant staying signed in", code="no_refresh_token")
        return grant

    async def _give_back(self, host: LoginHost, grant: TokenGrant) -> None:
        with contextlib.suppress(AppError):
            await self._endpoint.revoke(host, grant.refresh_token or grant.access_token)

    async def _described(self, login: CrmLogin, *, is_new: bool) -> CrmLogin:
        """The login with its org's name and kind; a new login whose user may not use the API at all is taken back."""
        try:
            gateway = await self._logins.gateway(login.login_id)
            rows = await gateway.query("SELECT Id, Name, IsSandbox FROM Organization LIMIT 1")
            if rows:
                login = await self._logins.describe_org(
                    login.login_id,
                    org_name=str(rows[0].get("Name") or ""),
                    is_sandbox=rows[0].get("IsSandbox") is True,
                )
            # Whether mails are logged as EmailMessage or as Task, and how long a body may be, is needed offline too.
            await self._schema.has_enhanced_email(login.login_id)
        except NotSupported:
            if is_new:
                await self._logins.remove(login.login_id, even_if_not_revoked=True)
            raise
        except AppError:
            return login  # offline by now, say: the name comes with the next sign-in, all else works without it
        return login


def _login(host: LoginHost, client_id: str, grant: TokenGrant, user: JsonObject) -> CrmLogin:
    for name, granted in (("organization_id", grant.org_id), ("user_id", grant.user_id)):
        if not is_same_id(str(user.get(name, "")), granted):
            raise NotSupported("Salesforce gave two answers on who signed in", code="identity_differs")
    username = user.get("preferred_username") or user.get("username") or ""
    return CrmLogin(
        login_id=CrmLoginId(0),
        login_url=host.url,
        instance_url=grant.instance_url,
        client_id=client_id,
        org_id=grant.org_id,
        user_id=grant.user_id,
        username=str(username),
        display_name=str(user.get("name") or user.get("display_name") or username),
        org_name="",
        is_sandbox=_looks_like_sandbox(host.url) or _looks_like_sandbox(grant.instance_url),
        ca_file=host.ca_file,
        is_demo=host.is_demo,
    )


def _looks_like_sandbox(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    return name == "test.salesforce.com" or ".sandbox." in name
