"""Mail accounts and Salesforce logins as the page shows them. The feature's only file that calls the core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.mail.accounts import MailAccounts
from PySide6.QtCore import QObject, Signal

from app.crm.logins import CrmLogins
from app.crm.sign_in import SalesforceSignIn
from app.events import AccountsChanged, EventBus, SignedIn
from app.events import SignInRequired as SignInWanted
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId, crm_login_key, mail_account_key
from app.model.mail import ConnectionSecurity, MailAccount, MailServer
from ui.dispatch import Dispatcher
from ui.text import Words

PRODUCTION = "https://login.salesforce.com"
SANDBOX = "https://test.salesforce.com"
IMAPS_PORT, SUBMISSIONS_PORT = 993, 465


@dataclass(frozen=True, slots=True)
class MailForm:
    """What the person typed to add a mail account; the password goes to the keychain and nowhere else."""

    address: str
    name: str
    imap_host: str
    imap_port: int
    imap_starttls: bool
    smtp_host: str
    smtp_port: int
    smtp_starttls: bool
    user: str


@dataclass(frozen=True, slots=True)
class AccountsState:
    """All accounts and which of them wait for their person (account keys)."""

    mail: tuple[MailAccount, ...] = ()
    crm: tuple[CrmLogin, ...] = ()
    waiting: frozenset[str] = frozenset()


class AccountsModel(QObject):
    """Adds, removes, signs in again."""

    state_changed = Signal(object)
    busy_changed = Signal(str)
    """What is going on in words, "" when nothing is."""
    refused = Signal(object)
    """`Words` for the form that is open."""
    added = Signal(str)
    """What was added, in words; the form may close."""

    def __init__(
        self,
        mail: MailAccounts,
        logins: CrmLogins,
        sign_in: SalesforceSignIn,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._mail = mail
        self._logins = logins
        self._sign_in = sign_in
        self._dispatcher = dispatcher
        self._state = AccountsState()
        self._waiting: set[str] = set()
        self._cancel: asyncio.Event | None = None
        self._unsubscribe = [
            bus.subscribe(AccountsChanged, lambda _event: self.reload()),
            bus.subscribe(SignInWanted, lambda event: self._on_sign_in_required(event.account)),
            bus.subscribe(SignedIn, lambda event: self._on_signed_in(event.account)),
        ]
        self.reload()

    @property
    def state(self) -> AccountsState:
        """What is shown now."""
        return self._state

    def close(self) -> None:
        """Hear nothing more."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()

    def reload(self) -> None:
        """Read the accounts again."""
        self._dispatcher.start(self._read(), slot="accounts")

    def add_mail(self, form: MailForm, password: str) -> None:
        """Sign in at the servers and keep the account when they accept it."""
        imap = _server(form.imap_host, form.imap_port, form.imap_starttls, form.user)
        smtp = _server(form.smtp_host, form.smtp_port, form.smtp_starttls, form.user)

        async def work() -> None:
            await self._mail.add(form.address, form.name, imap, smtp, password)
            self.added.emit("The mail account works. Mail is being brought.")

        self._run(work(), "Signing in at the mail server…")

    def set_password(self, account_id: MailAccountId, password: str) -> None:
        """Try another password and keep it when the server accepts it."""

        async def work() -> None:
            await self._mail.set_password(account_id, password)
            self.added.emit("The password works.")

        self._run(work(), "Signing in at the mail server…")

    def remove_mail(self, account_id: MailAccountId) -> None:
        """Remove the account, its mail on this computer and its password."""
        self._run(self._mail.remove(account_id), "Removing the account…")

    def add_salesforce(self, login_url: str, client_id: str) -> None:
        """Sign in through the system browser."""
        self._start_sign_in(lambda cancel: self._sign_in.sign_in(login_url, client_id, cancel=cancel))

    def sign_in_again(self, login_id: CrmLoginId) -> None:
        """Renew a login through the system browser."""
        self._start_sign_in(lambda _cancel: self._sign_in.sign_in_again(login_id))

    def cancel_sign_in(self) -> None:
        """Stop waiting for the browser."""
        if self._cancel is not None:
            self._cancel.set()
        self._dispatcher.cancel("accounts-work")
        self.busy_changed.emit("")

    def remove_salesforce(self, login_id: CrmLoginId) -> None:
        """Sign out of Salesforce: the token is revoked there and forgotten here."""
        self._run(self._logins.remove(login_id), "Signing out of Salesforce…")

    def _start_sign_in(self, start: Callable[[asyncio.Event], Coroutine[Any, Any, CrmLogin]]) -> None:
        self._cancel = asyncio.Event()
        cancel = self._cancel

        async def work() -> None:
            login = await start(cancel)
            self.added.emit(f"Signed in to {login.org_name or 'Salesforce'} as {login.display_name or login.username}.")

        self._run(work(), "Waiting for you in the browser…")

    def _run(self, work: Coroutine[Any, Any, object], words: str) -> None:
        async def guarded() -> None:
            self.busy_changed.emit(words)
            try:
                await work
            finally:
                self.busy_changed.emit("")

        self._dispatcher.start(guarded(), slot="accounts-work", on_error=self._on_error)

    def _on_error(self, _error: BaseException, words: Words) -> bool:
        self.refused.emit(words)
        return True

    async def _read(self) -> None:
        mail = tuple(await self._mail.list())
        crm = tuple(await self._logins.list())
        self._waiting |= {crm_login_key(login.login_id) for login in crm if login.needs_sign_in}
        known = {mail_account_key(a.account_id) for a in mail} | {crm_login_key(login.login_id) for login in crm}
        self._waiting &= known
        self._publish(AccountsState(mail, crm, frozenset(self._waiting)))

    def _on_sign_in_required(self, account: str) -> None:
        self._waiting.add(account)
        self._publish(AccountsState(self._state.mail, self._state.crm, frozenset(self._waiting)))

    def _on_signed_in(self, account: str) -> None:
        self._waiting.discard(account)
        self.reload()

    def _publish(self, state: AccountsState) -> None:
        self._state = state
        self.state_changed.emit(state)


def _server(host: str, port: int, starttls: bool, user: str) -> MailServer:
    security = ConnectionSecurity.STARTTLS if starttls else ConnectionSecurity.TLS
    return MailServer(host.strip(), port, security, user.strip())


def login_url_of(kind: str, typed: str) -> str:
    """The sign-in address of a choice ("production", "sandbox", "custom"); "" when a typed one is no https address."""
    if kind == "production":
        return PRODUCTION
    if kind == "sandbox":
        return SANDBOX
    text = typed.strip().rstrip("/")
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return text if parts.scheme == "https" and "." in host and " " not in text else ""


def guess_servers(address: str) -> tuple[str, str]:
    """IMAP and SMTP hosts worth trying first for an address; "" without a domain."""
    domain = address.partition("@")[2].strip().lower()
    return (f"imap.{domain}", f"smtp.{domain}") if "." in domain else ("", "")
