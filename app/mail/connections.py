"""Connections to mail servers: made when first needed, with the account's password from the secret store.

An account has up to three at a time: one that waits for news of the inbox, one for bulk work, and one for what a person or an operation
asks for. The last is shared by this class; the other two belong to their tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

from app.auth.ports import SecretStore
from app.errors import Offline, OutcomeUnknown, PermanentError, RecordNotFound, SignInRequired, TransientError
from app.mail.ports import FolderStatus, MailBackend, MailSender
from app.model.ids import MailAccountId, mail_account_key
from app.model.mail import MailAccount
from app.store import accounts
from app.store.database import Database

BackendFactory: TypeAlias = "Callable[[MailAccount, str], MailBackend]"
"""Makes an unconnected backend for an account and its password."""
SenderFactory: TypeAlias = "Callable[[MailAccount, str], MailSender]"
Report: TypeAlias = "Callable[[bool, str], None]"
"""`Connectivity.report`: whether a server of an account (by its key) could be reached."""
MayConnect: TypeAlias = "Callable[[], bool]"
"""False while the person works offline."""

WORK_OFFLINE = "work_offline"
_NOT_THE_LINE = frozenset({WORK_OFFLINE, "not_connected"})
_BROKEN = frozenset({"connection_lost", "bad_answer"})


def secret_name(account_id: MailAccountId) -> str:
    """Under which name the secret store keeps an account's password."""
    return f"{mail_account_key(account_id)}:password"


class MailConnections:
    """Makes connections, and keeps one of each account for short work. `close` ends them."""

    def __init__(
        self,
        database: Database,
        secrets: SecretStore,
        make_backend: BackendFactory,
        make_sender: SenderFactory,
        *,
        report: Report,
        may_connect: MayConnect,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._make_backend = make_backend
        self._make_sender = make_sender
        self._report = report
        self._may_connect = may_connect
        self._kept: dict[MailAccountId, MailBackend] = {}
        self._locks: dict[MailAccountId, asyncio.Lock] = {}

    async def account(self, account_id: MailAccountId) -> MailAccount:
        """The account. Raises RecordNotFound when it was removed."""
        found = await self._database.read(lambda reader: accounts.mail_account(reader, account_id))
        if found is None:
            raise RecordNotFound("the mail account was removed", code="account_gone")
        return found

    async def open(self, account_id: MailAccountId) -> MailBackend:
        """A connected backend of its own; whoever asked closes it. Raises Offline, SignInRequired, TransientError, PermanentError."""
        account = await self.account(account_id)
        backend = self._make_backend(account, await self._password(account_id))
        try:
            with self.reporting(account_id):
                await backend.connect()
        except BaseException:
            await backend.close()
            raise
        return backend

    async def sender(self, account_id: MailAccountId) -> MailSender:
        """A sender; whoever asked closes it."""
        account = await self.account(account_id)
        return self._make_sender(account, await self._password(account_id))

    @contextlib.asynccontextmanager
    async def folder(
        self, account_id: MailAccountId, path: str, *, read_only: bool = False
    ) -> AsyncIterator[tuple[MailBackend, FolderStatus]]:
        """The account's shared connection with a folder opened, for short work; others wait meanwhile.

        A connection that the server gave up since its last use is made anew before anything is changed over it.
        """
        lock = self._locks.setdefault(account_id, asyncio.Lock())
        async with lock:
            backend, status = await self._opened(account_id, path, read_only)
            try:
                with self.reporting(account_id):
                    yield backend, status
            except (TransientError, asyncio.CancelledError):
                await self._drop(account_id)
                raise

    @contextlib.contextmanager
    def reporting(self, account_id: MailAccountId) -> Iterator[None]:
        """Tell connectivity what happens inside: out of reach, or answered. A connection that broke says neither."""
        key = mail_account_key(account_id)
        try:
            yield
        except Offline as error:
            if error.code not in _NOT_THE_LINE:
                self._report(False, key)
            raise
        except OutcomeUnknown:
            raise
        except TransientError as error:
            if error.code not in _BROKEN:
                self._report(True, key)
            raise
        except (SignInRequired, PermanentError):
            self._report(True, key)
            raise
        self._report(True, key)

    async def _opened(self, account_id: MailAccountId, path: str, read_only: bool) -> tuple[MailBackend, FolderStatus]:
        kept = self._kept.get(account_id)
        if kept is not None:
            try:
                return kept, await kept.select(path, read_only=read_only)
            except TransientError:
                await self._drop(account_id)
            except asyncio.CancelledError:
                await self._drop(account_id)
                raise
        backend = await self.open(account_id)
        self._kept[account_id] = backend
        try:
            with self.reporting(account_id):
                return backend, await backend.select(path, read_only=read_only)
        except (TransientError, asyncio.CancelledError):
            await self._drop(account_id)
            raise

    async def _drop(self, account_id: MailAccountId) -> None:
        backend = self._kept.pop(account_id, None)
        if backend is not None:
            await backend.close()

    async def _password(self, account_id: MailAccountId) -> str:
        if not self._may_connect():
            raise Offline("working offline was chosen", code=WORK_OFFLINE)
        password = await self._secrets.get(secret_name(account_id))
        if password is None:
            raise SignInRequired("the password of the mail account is missing", account=mail_account_key(account_id))
        return password

    async def close(self) -> None:
        """End all kept connections."""
        for account_id in list(self._kept):
            await self._drop(account_id)

    async def forget(self, account_id: MailAccountId) -> None:
        """End the kept connection of an account (removed, or its password changed)."""
        async with self._locks.setdefault(account_id, asyncio.Lock()):
            await self._drop(account_id)
