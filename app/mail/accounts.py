"""Mail accounts: added only when both servers let the user in, removed with all that was kept of them."""

from __future__ import annotations

import asyncio

from app.auth.ports import SecretStore
from app.errors import BugError, RecordNotFound, SecretStoreUnavailable, ValidationFailed
from app.events import EventBus, SignedIn
from app.mail.connections import BackendFactory, MailConnections, SenderFactory, secret_name
from app.model.ids import MailAccountId, mail_account_key
from app.model.mail import MailAccount, MailServer
from app.store import accounts, removal
from app.store.database import Database, Reader, Transaction

_UNSAVED = MailAccountId(0)


class MailAccounts:
    """The mailboxes this profile reads. Passwords go to the secret store and nowhere else."""

    def __init__(
        self,
        database: Database,
        bus: EventBus,
        secrets: SecretStore,
        connections: MailConnections,
        make_backend: BackendFactory,
        make_sender: SenderFactory,
    ) -> None:
        self._database = database
        self._bus = bus
        self._secrets = secrets
        self._connections = connections
        self._make_backend = make_backend
        self._make_sender = make_sender
        self._adding = asyncio.Lock()

    async def list(self) -> list[MailAccount]:
        """All accounts, oldest first."""
        return await self._database.read(accounts.mail_accounts)

    async def add(
        self,
        address: str,
        display_name: str,
        imap: MailServer,
        smtp: MailServer,
        password: str,
        is_demo: bool = False,
    ) -> MailAccount:
        """Sign in at both servers, then keep the account and its password.

        Raises ValidationFailed (not an address, or there already), SignInRequired, Offline, TransientError, PermanentError (certificate, no
        TLS, no password login), SecretStoreUnavailable. Nothing is kept then.
        """
        checked = MailAccount(_UNSAVED, _checked_address(address), display_name.strip(), imap, smtp, is_demo)
        if await self._database.read(lambda reader: _is_known(reader, checked)):
            raise ValidationFailed("this mailbox is there already", fields=("address",), code="account_exists")
        await self._verify(checked, password)

        async with self._adding:
            # Sync begins as soon as the row is there, so the password must be there first.
            account_id = await self._database.read(accounts.next_mail_account_id)
            await self._secrets.set(secret_name(account_id), password)
            try:
                account = await self._database.write("add a mail account", lambda tx: _keep(tx, checked, account_id))
            except BaseException:
                await self._secrets.delete(secret_name(account_id))
                raise
        self._bus.publish(SignedIn(mail_account_key(account.account_id)))
        return account

    async def remove(self, account_id: MailAccountId) -> None:
        """Forget an account with its mail, its index entries and its password. What the server has stays there.

        Raises RecordNotFound, SecretStoreUnavailable (then all but the password is gone).
        """

        def forget(tx: Transaction) -> bool:
            removal.remove_account_mail(tx, account_id)
            return accounts.remove_mail_account(tx, account_id)

        if not await self._database.write("remove a mail account", forget):
            raise RecordNotFound("there is no such mail account", code="account_gone")
        await self._connections.forget(account_id)
        await self._secrets.delete(secret_name(account_id))

    async def set_password(self, account_id: MailAccountId, password: str) -> None:
        """Sign in at both servers with a new password, then keep it; what waited for it goes on. Raises like `add`."""
        account = await self._connections.account(account_id)
        await self._verify(account, password)
        await self._secrets.set(secret_name(account_id), password)
        await self._connections.forget(account_id)
        await self._database.write(
            "note that an account is signed in", lambda tx: accounts.set_mail_paused(tx, account_id, False)
        )
        self._bus.publish(SignedIn(mail_account_key(account_id)))

    async def check(self, account_id: MailAccountId) -> None:
        """Sign in at both servers with the kept password, and leave. Raises like `add`."""
        account = await self._connections.account(account_id)
        password = await self._secrets.get(secret_name(account_id))
        if password is None:
            raise SecretStoreUnavailable("the password of the mail account is missing", code="password_missing")
        await self._verify(account, password)

    async def _verify(self, account: MailAccount, password: str) -> None:
        backend = self._make_backend(account, password)
        try:
            await backend.connect()
        finally:
            await backend.close()
        sender = self._make_sender(account, password)
        try:
            await sender.verify()
        finally:
            await sender.close()


def _keep(tx: Transaction, new: MailAccount, expected: MailAccountId) -> MailAccount:
    account = accounts.add_mail_account(tx, new.address, new.display_name, new.imap, new.smtp, is_demo=new.is_demo)
    if account.account_id != expected:
        raise BugError("a mail account got another number than its password")
    return account


def _is_known(reader: Reader, account: MailAccount) -> bool:
    def key(one: MailAccount) -> tuple[str, int, str]:
        return (one.imap.host.lower(), one.imap.port, one.imap.user)

    return any(key(one) == key(account) for one in accounts.mail_accounts(reader))


def _checked_address(address: str) -> str:
    address = address.strip()
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(character.isspace() or ord(character) < 33 for character in address):
        raise ValidationFailed("this is no mail address", fields=("address",), code="no_address")
    return address
