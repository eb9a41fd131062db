"""Mail accounts and Salesforce logins as the page shows them. The feature's only file that calls the core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from PySide6.QtCore import QObject, Signal

from app.auth.loopback import SignInCancelled
from app.crm.logins import CrmLogins
from app.crm.sign_in import SalesforceSignIn
from app.errors import AppError, SignInRequired, TransientError
from app.events import AccountsChanged, EventBus, SignedIn
from app.events import SignInRequired as SignInWanted
from app.mail.accounts import MailAccounts
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
    busy_changed = Signal(str, bool)
    """What is going on in words, "" when nothing is, and whether it can be stopped."""
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
        self._work: object | None = None
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

        self._run(work(), "Signing in at the mail server…", words_of=mail_problem)

    def set_password(self, account_id: MailAccountId, password: str) -> None:
        """Try another password and keep it when the server accepts it."""

        async def work() -> None:
            await self._mail.set_password(account_id, password)
            self.added.emit("The password works.")

        self._run(work(), "Signing in at the mail server…", words_of=mail_problem)

    def remove_mail(self, account_id: MailAccountId) -> None:
        """Remove the account, its mail on this computer and its password."""
        self._run(self._mail.remove(account_id), "Removing the account…", can_stop=False)

    def add_salesforce(self, login_url: str, client_id: str) -> None:
        """Sign in through the system browser."""
        self._start_sign_in(lambda cancel: self._sign_in.sign_in(login_url, client_id, cancel=cancel))

    def sign_in_again(self, login_id: CrmLoginId) -> None:
        """Renew a login through the system browser."""
        self._start_sign_in(lambda cancel: self._sign_in.sign_in_again(login_id, cancel=cancel))

    def cancel_sign_in(self) -> None:
        """Stop waiting for the browser or the mail server. Nothing is kept then."""
        if self._cancel is not None:
            self._cancel.set()
        self._dispatcher.cancel("accounts-work")
        # What was cancelled before its first step has no end of its own.
        self._end(self._work)

    def remove_salesforce(self, login_id: CrmLoginId) -> None:
        """Sign out of Salesforce: the token is revoked there and forgotten here."""
        self._run(self._logins.remove(login_id), "Signing out of Salesforce…", can_stop=False)

    def _start_sign_in(self, start: Callable[[asyncio.Event], Coroutine[Any, Any, CrmLogin]]) -> None:
        self._cancel = asyncio.Event()
        cancel = self._cancel

        async def work() -> None:
            login = await start(cancel)
            self.added.emit(f"Signed in to {login.org_name or 'Salesforce'} as {login.display_name or login.username}.")

        self._run(work(), "Waiting for you in the browser…", words_of=sign_in_problem)

    def _run(
        self,
        work: Coroutine[Any, Any, object],
        words: str,
        *,
        can_stop: bool = True,
        words_of: Callable[[BaseException], Words | None] = lambda _error: None,
    ) -> None:
        if self._work is not None:
            work.close()
            return
        mine = self._work = object()
        self.busy_changed.emit(words, can_stop)

        async def guarded() -> None:
            try:
                await work
            finally:
                self._end(mine)

        def on_error(error: BaseException, general: Words) -> bool:
            self.refused.emit(words_of(error) or general)
            return True

        self._dispatcher.start(guarded(), slot="accounts-work", on_error=on_error)

    def _end(self, work: object | None) -> None:
        if work is not None and self._work is work:
            self._work = None
            self.busy_changed.emit("", False)

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


_NOTHING_KEPT = "Nothing was kept."
_MAIL_PROBLEMS = {
    "account_exists": Words("This mailbox is here already.", "", "Its card is in the list above."),
    "no_address": Words("This is not a mail address.", "", "Correct it and try again."),
    "certificate_not_trusted": Words(
        "The mail server's certificate is not trusted.",
        "It is not valid for this name, or nobody this computer trusts has signed it. The password was not sent.",
        "Check the server's name, or ask whoever runs it.",
    ),
    "no_starttls": Words(
        "The mail server offers no encryption on this port.", "The password was not sent.", "Try without STARTTLS."
    ),
}


def mail_problem(error: BaseException) -> Words | None:
    """Why a mail account cannot be signed in at, None where the general words will do."""
    if isinstance(error, SignInRequired):
        return Words(
            "The mail server does not accept this user name or password.",
            _NOTHING_KEPT,
            "Check both. Some providers want a password of its own for each program.",
        )
    if isinstance(error, AppError) and error.code in _MAIL_PROBLEMS:
        return _MAIL_PROBLEMS[error.code]
    if isinstance(error, TransientError):
        return Words(
            "The mail server cannot be reached.", _NOTHING_KEPT, "Check its name and port, and whether you are online."
        )
    return None


_SIGN_IN_PROBLEMS = {
    "login_address": Words("This is not an address to sign in at.", "", "It begins with https:// and names a host."),
    "client_id": Words("This is not a consumer key.", "", "Your administrator gives you the one of the app."),
    "other_user": Words(
        "Somebody else signed in.",
        "What waits here belongs to the user who was signed in before, and nothing of it was sent.",
        "Sign in as that user, or add the other one as a login of its own.",
    ),
    "sign_in_timeout": Words("Nobody signed in in the browser in time.", "Nothing was changed.", "Try again."),
    "callback_ports_taken": Words(
        "The ports that Salesforce answers on are taken by other programs.",
        "Nothing was changed.",
        "Close the other program that is signing in to Salesforce, and try again.",
    ),
    "no_refresh_token": Words(
        "The app in Salesforce does not allow staying signed in.",
        _NOTHING_KEPT,
        "Ask your administrator to grant it the scope refresh_token.",
    ),
}


def sign_in_problem(error: BaseException) -> Words | None:
    """Why signing in at Salesforce did not work, None where the general words will do."""
    if isinstance(error, SignInCancelled):
        return Words("The sign-in was given up.", "Nothing was changed.")
    if isinstance(error, AppError) and error.code in _SIGN_IN_PROBLEMS:
        return _SIGN_IN_PROBLEMS[error.code]
    if isinstance(error, TransientError):
        return Words("Salesforce cannot be reached.", "Nothing was changed.", "Try again once you are online.")
    return None


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
