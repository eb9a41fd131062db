"""The services of an open profile, joined. Every service gets what it uses by its constructor; this is the only place that sees them all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.auth.ports import Browser, SecretStore
from app.auth.tokens import LoginTokens
from app.backends.imap import ImapBackend
from app.backends.salesforce import SalesforceGateway, SalesforceTokenEndpoint
from app.backends.smtp import SmtpSender
from app.backends.system_browser import SystemBrowser
from app.bootstrap.core import Core, open_core
from app.bootstrap.probes import LoginProbes
from app.clock import Clock
from app.connectivity import Connectivity
from app.crm.actions import CrmActions
from app.crm.create_operation import CreateRecord
from app.crm.file_operation import AttachFile
from app.crm.log_operation import LogMessage
from app.crm.logins import CrmLogins, owner_of
from app.crm.lookup import ContactLookup
from app.crm.operations import Writes
from app.crm.ports import CrmGateway
from app.crm.schema import CrmSchema
from app.crm.sign_in import SalesforceSignIn
from app.doctor import Doctor
from app.events import ConnectivityChanged, EventBus
from app.mail.accounts import MailAccounts
from app.mail.actions import MailActions
from app.mail.compose import MailComposer
from app.mail.connections import MailConnections
from app.mail.log_source import StoredMessages
from app.mail.opened_files import OpenedFiles
from app.mail.operations import SetFlags
from app.mail.operations_move import MoveMessages
from app.mail.operations_send import SendMessage
from app.mail.parsing import MailParsing
from app.mail.reader import MailReader, MailSearch
from app.mail.sync import MailSync
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId, crm_login_key
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.outbox import Outbox
from app.outbox.replay import Replayer
from app.paths import Profile
from app.settings import Settings
from app.store import accounts
from app.store.database import Reader
from app.workers import WorkerPool


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who is signed in where."""

    mail: MailAccounts
    crm: CrmLogins


@dataclass(frozen=True, slots=True)
class Services:
    """What a front end works with."""

    bus: EventBus
    clock: Clock
    settings: Settings
    accounts: Accounts
    connectivity: Connectivity
    reader: MailReader
    search: MailSearch
    sync: MailSync
    mail_actions: MailActions
    composer: MailComposer
    files: OpenedFiles
    sign_in: SalesforceSignIn
    lookup: ContactLookup
    schema: CrmSchema
    crm_actions: CrmActions
    outbox: Outbox
    replayer: Replayer
    doctor: Doctor
    secrets_place: str
    """Where passwords and the database's key are, in words for the user."""


@asynccontextmanager
async def open_app(
    profile: Profile,
    *,
    secrets: SecretStore | None = None,
    browser: Browser | None = None,
    clock: Clock | None = None,
    start_background: bool = True,
    checkpoint: Checkpoint = pass_by,
) -> AsyncIterator[Services]:
    """Open a profile with all its services; the first time, make its database and key.

    ``secrets`` is the system's keychain where none is given. ``start_background`` lets sync, replay and probing run by themselves; without it only
    what is called happens (the command line's single commands). ``checkpoint`` is for tests that end the process at a named point. Raises
    SecretStoreUnavailable, DatabaseKeyMissing, DatabaseUnreadable, DatabaseTooNew, DiskFull, ProfileInUse, LocalError.
    """
    async with open_core(profile, secrets=secrets, clock=clock) as core:
        services = await join_services(core, browser or SystemBrowser(), checkpoint)
        if start_background:
            core.start("connectivity", services.connectivity.run)
            core.start("mail sync", services.sync.run)
            core.start("outbox", services.replayer.run)
            core.start("lookup expiry", services.lookup.run)
        yield services


async def join_services(core: Core, browser: Browser, checkpoint: Checkpoint = pass_by) -> Services:
    """The services of an open profile; `open_app` without its background tasks. ``core.stack`` closes them."""
    stack, bus, clock, database = core.stack, core.bus, core.clock, core.database
    workers = WorkerPool()
    stack.push_async_callback(workers.close)
    connectivity = Connectivity(bus, clock, work_offline=core.settings.work_offline)
    _remember_choice(core, connectivity)

    def may_connect() -> bool:
        return not connectivity.work_offline

    endpoint = SalesforceTokenEndpoint(clock)
    stack.push_async_callback(endpoint.close)
    logins = CrmLogins(database, endpoint, clock, _gateway_factory(clock, connectivity))
    stack.push_async_callback(logins.close)
    schema = CrmSchema(database, logins, clock)
    lookup = ContactLookup(logins, schema, bus, clock, lambda: float(core.settings.lookup_ttl_s))
    stack.push_async_callback(lookup.close)
    sign_in = SalesforceSignIn(logins, schema, endpoint, browser)

    connections = MailConnections(
        database, core.secrets, ImapBackend, SmtpSender, report=connectivity.report, may_connect=may_connect
    )
    stack.push_async_callback(connections.close)
    mailboxes = MailAccounts(database, bus, core.secrets, connections, ImapBackend, SmtpSender)
    sync = MailSync(
        database,
        bus,
        clock,
        workers,
        connections,
        may_connect=may_connect,
        poll_s=lambda: float(core.settings.poll_s),
    )
    reader = MailReader(database, workers, bus, sync.fetch_body)
    stack.callback(reader.close)
    files = OpenedFiles(core.profile.temp_dir / "attachments", reader.part)
    stack.push_async_callback(files.close)
    await files.start()

    source = StoredMessages(database, reader)
    writes = Writes(database, logins, schema, clock, lookup.drop)
    handlers = (
        LogMessage(writes, source),
        AttachFile(writes),
        CreateRecord(writes),
        SetFlags(database, connections),
        MoveMessages(database, connections, MailParsing(workers), clock, checkpoint=checkpoint),
        SendMessage(database, connections, clock, checkpoint=checkpoint),
    )
    outbox = Outbox(database, clock, handlers, checkpoint=checkpoint)
    replayer = Replayer(database, bus, clock, outbox, connectivity, _owner, _crm_account_of, checkpoint=checkpoint)
    crm_actions = CrmActions(database, logins, schema, outbox, source, clock)
    await crm_actions.sweep()
    await LoginProbes(core, logins, connectivity).refresh()
    return Services(
        bus=bus,
        clock=clock,
        settings=core.settings,
        accounts=Accounts(mailboxes, logins),
        connectivity=connectivity,
        reader=reader,
        search=MailSearch(database),
        sync=sync,
        mail_actions=MailActions(database, outbox),
        composer=MailComposer(database, reader, outbox, clock),
        files=files,
        sign_in=sign_in,
        lookup=lookup,
        schema=schema,
        crm_actions=crm_actions,
        outbox=outbox,
        replayer=replayer,
        doctor=Doctor(core.profile.root, core.secrets, database, core.settings, connectivity, mailboxes, logins),
        secrets_place=core.secrets.description,
    )


def _gateway_factory(clock: Clock, connectivity: Connectivity) -> Callable[[CrmLogin, LoginTokens], CrmGateway]:
    def make(login: CrmLogin, tokens: LoginTokens) -> CrmGateway:
        account = crm_login_key(login.login_id)
        return SalesforceGateway(
            login,
            tokens,
            clock,
            heard=lambda success: connectivity.report(success, account),
            may_connect=lambda: not connectivity.work_offline,
        )

    return make


def _remember_choice(core: Core, connectivity: Connectivity) -> None:
    async def remember() -> None:
        if connectivity.work_offline != core.settings.work_offline:
            await core.settings.change(work_offline=connectivity.work_offline)

    def on_change(_: ConnectivityChanged) -> None:
        if connectivity.work_offline != core.settings.work_offline:
            core.start("remember work offline", remember)

    core.stack.callback(core.bus.subscribe(ConnectivityChanged, on_change))


def _owner(reader: Reader, account: str) -> str | None:
    """Who an account key is signed in as now, in the form of `NewOperation.owner`; None where the account is gone."""
    kind, _, number = account.partition(":")
    if kind == "crm":
        login = accounts.crm_login(reader, CrmLoginId(int(number)))
        return None if login is None else owner_of(login)
    mailbox = accounts.mail_account(reader, MailAccountId(int(number)))
    return None if mailbox is None else mailbox.imap.user


def _crm_account_of(reader: Reader, owner: str) -> str | None:
    """The key of the Salesforce login of an owner: one that was removed and added again has another number."""
    logins = (login for login in accounts.crm_logins(reader) if owner_of(login) == owner)
    return next((crm_login_key(login.login_id) for login in logins), None)
