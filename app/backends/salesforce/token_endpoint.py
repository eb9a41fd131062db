"""Salesforce's OAuth addresses on the wire: token, revoke, userinfo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests

from app.auth.hosts import LoginHost
from app.auth.ports import TokenRefused
from app.backends.salesforce.errors import error_of_answer, json_of
from app.backends.salesforce.wire import Call, Watch, WatchedSession, not_understood
from app.clock import Clock
from app.concurrency import BlockingWorker
from app.errors import RateLimited, TransientError
from app.model.crm import JsonObject

DEADLINE_S = 90.0
BUSY_TEXT = "token request is already being processed"

T = TypeVar("T")


class SalesforceTokenEndpoint:
    """The `TokenEndpoint` of Salesforce. One thread; one session for each authority that is to be trusted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watch = Watch()
        self._worker = BlockingWorker("salesforce-oauth")
        self._sessions: dict[str, WatchedSession] = {}  # of the thread

    async def token(self, host: LoginHost, form: Mapping[str, str]) -> JsonObject:
        """See `TokenEndpoint.token`."""
        return await self._run(self._token, host, dict(form))

    async def revoke(self, host: LoginHost, token: str) -> None:
        """See `TokenEndpoint.revoke`."""
        await self._run(self._revoke, host, token)

    async def user_info(self, host: LoginHost, instance_url: str, access_token: str) -> JsonObject:
        """See `TokenEndpoint.user_info`."""
        return await self._run(self._user_info, host, instance_url, access_token)

    async def close(self) -> None:
        """See `TokenEndpoint.close`."""
        await self._worker.close(self._close)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        # A lost answer of a refresh is no doubt about any record, so none of these counts as a write.
        call = Call(is_write=False)
        timer = asyncio.get_running_loop().call_later(DEADLINE_S, self._watch.abort, call)
        try:
            return await self._worker.run(work, call, *arguments)
        except asyncio.CancelledError:
            self._watch.abort(call)
            raise
        finally:
            timer.cancel()

    def _token(self, call: Call, host: LoginHost, form: dict[str, str]) -> JsonObject:
        answer = self._session(host, call).post(f"{host.url}/services/oauth2/token", data=form)
        return self._object(call, answer)

    def _revoke(self, call: Call, host: LoginHost, token: str) -> None:
        answer = self._session(host, call).post(f"{host.url}/services/oauth2/revoke", data={"token": token})
        if answer.status_code == 200 and not answer.content.lstrip().startswith(b"<"):
            return
        refusal = json_of(answer.headers, answer.content)
        if isinstance(refusal, dict) and refusal.get("error") in ("invalid_token", "unsupported_token_type"):
            return  # it was dead already
        self._raise(call, answer)

    def _user_info(self, call: Call, host: LoginHost, instance_url: str, access_token: str) -> JsonObject:
        answer = self._session(host, call).get(
            f"{instance_url}/services/oauth2/userinfo", headers={"Authorization": f"Bearer {access_token}"}
        )
        return self._object(call, answer)

    def _object(self, call: Call, answer: requests.Response) -> JsonObject:
        if answer.status_code == 200:
            parsed = json_of(answer.headers, answer.content)
            if isinstance(parsed, dict):
                return parsed
        self._raise(call, answer)
        raise not_understood(call)

    def _raise(self, call: Call, answer: requests.Response) -> None:
        """Raise what a refused answer stands for; return where it stands for nothing."""
        refusal = json_of(answer.headers, answer.content)
        word, description = _words(refusal)
        if answer.status_code in (400, 401, 403) and word:
            if word == "rate_limit_exceeded":
                raise RateLimited("Salesforce asks for a pause before the next sign-in", code=word)
            if word == "invalid_grant" and BUSY_TEXT in description:
                # The one case in which the same code means "wait" and not "sign in": only its description tells.
                raise TransientError("another refresh of this token is under way", code="token_busy")
            raise TokenRefused("Salesforce refused the sign-in", code=word, server_text=description)
        if answer.status_code >= 300:
            raise error_of_answer(call, answer.status_code, answer.headers, answer.content, now=self._clock.wall())
        raise not_understood(call)

    def _session(self, host: LoginHost, call: Call) -> WatchedSession:
        ca_file = host.ca_file if host.is_demo else ""
        session = self._sessions.get(ca_file)
        if session is None:
            session = self._sessions[ca_file] = WatchedSession(self._watch, ca_file=ca_file)
        session.call = call
        return session

    def _close(self) -> None:
        for session in self._sessions.values():
            session.close()


def _words(refusal: Any) -> tuple[str, str]:
    if not isinstance(refusal, dict) or not isinstance(refusal.get("error"), str):
        return "", ""
    word = refusal["error"][:64]
    is_word = word.isascii() and word.replace("_", "").replace("-", "").isalnum()
    description = refusal.get("error_description")
    return (word if is_word else "refused"), description if isinstance(description, str) else ""
