"""What is well and what is not, in plain words, with what to do: keychain, database, disk, network, each account."""

from __future__ import annotations

import secrets as random
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.auth.ports import SecretStore
from app.connectivity import Connectivity
from app.crm.logins import CrmLogins
from app.errors import (
    AppError,
    DatabaseKeyMissing,
    DatabaseTooNew,
    DatabaseUnreadable,
    DiskFull,
    Offline,
    ProfileInUse,
    SecretStoreUnavailable,
)
from app.mail.accounts import MailAccounts
from app.model.crm import CrmLogin
from app.model.mail import MailAccount
from app.settings import Settings
from app.store.database import Database, LastExit

LEAST_FREE_BYTES = 500 << 20
TEST_SECRET = "doctor"  # noqa: S105 - the name of a secret, not a secret

_ADVICE = {
    "secret_store_absent": "Start your desktop's keychain, or choose a vault sealed by a passphrase (--vault at the first start).",
    "secret_store_locked": "Unlock the keychain and try again.",
    "secret_store_hung": "Look for a window in which the keychain asks for its password, then try again.",
    "secret_store_unreachable": "Sign out of the desktop and in again, then try again.",
    "secret_store_forgetful": "Choose another keychain, or a vault sealed by a passphrase.",
    "passphrase_needed": "Give the vault's passphrase (--vault, passphrase on the input stream).",
    "wrong_passphrase": "Type the passphrase again. There is no other way to open the vault.",
    "vault_missing": "This profile was not made with a vault: start without --vault, or put the vault's file back.",
    "vault_damaged": "Put the vault's file back from a backup.",
    "passphrase_too_short": "Choose a longer passphrase.",
    "database_key_missing": (
        "Nothing was changed. Bring the keychain back that you used before (another login keyring, a restored backup). Only if the key is lost for"
        " good: doctor --set-aside-database keeps the file and starts anew; mail comes again from the server, unsent changes are lost."
    ),
    "database_key_damaged": "Nothing was changed. Bring the keychain back from a backup; doctor --set-aside-database starts anew.",
    "database_too_new": "Install the newest version of Outrigger. The database was not changed.",
    "disk_full": "Free some space. Nothing that was saved is lost.",
    "profile_in_use": "Close the other Outrigger, or choose another profile (--profile).",
    "profile_not_writable": "Check who owns the profile's folder and that its disk can be written.",
    "disk_error": "The disk reported an error: make a copy of the profile's folder, then check the disk.",
    "commit_unknown": "Close and start again: then it is known whether the last change was saved.",
    "offline": "Nothing is lost: it goes on by itself when the server can be reached. Check the network.",
    "rate_limited": "Nothing is lost: it goes on by itself later.",
    "sign_in_required": "Sign in again to this account.",
    "database_locked": "Try again; another program reads the profile's database.",
}
_UNREADABLE = {
    "wrong_key": "The key in the keychain does not fit, or the file's beginning is damaged. Put the right keychain or a backup of the file back.",
    "damaged": "Put a backup of the file back. What the mail server and Salesforce have is safe there; unsent changes are in the file.",
    "emptied": "Something emptied the file. Put a backup of it back.",
    "missing": "The key is there and the file is not: is the disk that holds the profile connected? Put the file back.",
    "replaced": "The file is not the one that the keychain's key was made for, or an older copy of it. Put the right one back.",
    "not_encrypted": "Outrigger reads encrypted databases only. Put the right file back.",
}
_START_ANEW = " To start anew and keep the file: doctor --set-aside-database."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``what_to_do`` is "" where nothing needs doing."""

    name: str
    is_ok: bool
    words: str
    what_to_do: str = ""


def advice(error: AppError) -> str:
    """What a person can do about an error; "" where the error's own words say it all."""
    if isinstance(error, DatabaseUnreadable):
        return _UNREADABLE.get(error.kind, "") + _START_ANEW
    return _ADVICE.get(error.code) or _ADVICE.get(type(error).code, "")


def findings_of_error(error: AppError) -> list[Finding]:
    """The findings where the profile did not open: what stands in the way."""
    if isinstance(error, SecretStoreUnavailable):
        name = "keychain"
    elif isinstance(error, DatabaseKeyMissing | DatabaseUnreadable | DatabaseTooNew):
        name = "database"
    elif isinstance(error, DiskFull):
        name = "disk"
    elif isinstance(error, ProfileInUse):
        name = "profile"
    else:
        name = "start"
    return [Finding(name, is_ok=False, words=error.message, what_to_do=advice(error))]


class Doctor:
    """Looks at everything of an open profile. It asks only the servers of the accounts that are there."""

    def __init__(
        self,
        folder: Path,
        secrets: SecretStore,
        database: Database,
        settings: Settings,
        connectivity: Connectivity,
        mail: MailAccounts,
        crm: CrmLogins,
    ) -> None:
        self._folder = folder
        self._secrets = secrets
        self._database = database
        self._settings = settings
        self._connectivity = connectivity
        self._mail = mail
        self._crm = crm

    async def run(self) -> list[Finding]:
        """All findings, the foundations first. Never raises for what it finds."""
        findings = [await self._keychain(), await self._database_file(), self._disk(), *self._repairs()]
        accounts = [await self._mailbox(one) for one in await self._mail.list()]
        accounts += [await self._salesforce(one) for one in await self._crm.list()]
        return [*findings, self._network(accounts), *(finding for finding, _ in accounts)]

    async def _keychain(self) -> Finding:
        value = random.token_hex(8)
        try:
            await self._secrets.set(TEST_SECRET, value)
            came_back = await self._secrets.get(TEST_SECRET)
            await self._secrets.delete(TEST_SECRET)
        except AppError as error:
            return Finding("keychain", is_ok=False, words=error.message, what_to_do=advice(error))
        if came_back != value:
            return Finding(
                "keychain",
                is_ok=False,
                words="it does not give back what it takes",
                what_to_do=_ADVICE["secret_store_forgetful"],
            )
        return Finding("keychain", is_ok=True, words=f"{self._secrets.description} keeps and gives back secrets")

    async def _database_file(self) -> Finding:
        try:
            await self._database.check()
        except AppError as error:
            return Finding("database", is_ok=False, words=error.message, what_to_do=advice(error))
        if self._database.last_exit is LastExit.LOG_MISSING:
            return Finding(
                "database",
                is_ok=False,
                words="sound, but its log had vanished after a crash: the newest changes before it may be missing",
                what_to_do="Look through the outbox and do again what is missing; mail comes again by itself.",
            )
        after = (
            " (the last exit was a crash; nothing is missing)" if self._database.last_exit is LastExit.UNCLEAN else ""
        )
        size = self._database.path.stat().st_size
        return Finding("database", is_ok=True, words=f"encrypted and sound, {size >> 20} MB{after}")

    def _disk(self) -> Finding:
        free = shutil.disk_usage(self._folder).free
        if free < LEAST_FREE_BYTES:
            return Finding("disk", is_ok=False, words=f"only {free >> 20} MB are free", what_to_do=_ADVICE["disk_full"])
        return Finding("disk", is_ok=True, words=f"{free >> 30} GB free")

    def _repairs(self) -> list[Finding]:
        return [
            Finding("settings", is_ok=False, words=repair.words, what_to_do="Set it again if you want another value.")
            for repair in self._settings.repairs
        ]

    def _network(self, accounts: list[tuple[Finding, AppError | None]]) -> Finding:
        if self._connectivity.work_offline:
            return Finding("network", is_ok=True, words="you chose to work offline")
        if not accounts:
            return Finding(
                "network", is_ok=True, words="not asked: there is no account yet, and no other server is ever asked"
            )
        missed = [error for _, error in accounts if isinstance(error, Offline)]
        if len(missed) == len(accounts):
            return Finding("network", is_ok=False, words="no server can be reached", what_to_do=_ADVICE["offline"])
        return Finding("network", is_ok=True, words=f"{len(accounts) - len(missed)} of {len(accounts)} servers answer")

    async def _mailbox(self, account: MailAccount) -> tuple[Finding, AppError | None]:
        name = f"mailbox {account.address}"
        try:
            await self._mail.check(account.account_id)
        except AppError as error:
            return Finding(name, is_ok=False, words=error.message, what_to_do=advice(error)), error
        return Finding(name, is_ok=True, words="signs in for reading and for sending"), None

    async def _salesforce(self, login: CrmLogin) -> tuple[Finding, AppError | None]:
        name = f"Salesforce {login.username}"
        try:
            gateway = await self._crm.gateway(login.login_id)
            await gateway.query("SELECT Id FROM Organization LIMIT 1")
        except AppError as error:
            return Finding(name, is_ok=False, words=error.message, what_to_do=advice(error)), error
        usage = gateway.usage
        words = f"signed in, {usage.used} of {usage.maximum} daily API calls used" if usage.maximum else "signed in"
        return Finding(name, is_ok=True, words=words), None
