"""The CRM side on a real encrypted database and a demo world, joined as the program joins it; the mail side is a box of mails."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.auth.hosts import LoginHost
from app.auth.oauth import AuthorizationRequest, TokenGrant, callback_address
from app.auth.tokens import AccessToken, LoginTokens
from app.backends.salesforce import SalesforceGateway, SalesforceTokenEndpoint
from app.concurrency import BlockingWorker
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
from app.crm.targets import PersonTarget, RecordTarget
from app.errors import Offline, RecordNotFound
from app.events import Event, EventBus, LookupExpired, OperationChanged, SignedIn, SignInRequired
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId, crm_login_key
from app.model.mail import Address, Envelope, LoggedMessage, Part
from app.model.operation import Operation, OperationState
from app.outbox.outbox import Outbox
from app.outbox.replay import Replayer
from app.store import accounts
from app.store.database import Database, DatabaseKey, Reader
from tests.app.crm.org_data import PRODUCTION
from tests.servers.clock import ForwardClock
from tests.servers.demo import DemoWorld

RITA = "rita@rita.example"
SAM = "sam@rita.example"
ANA = "ana@rita.example"
KARL = "karl@acme.example"
MIA = "mia@acme.example"
LEE = "lee@newco.example"


class MailBox:
    """A `MessageSource` of mails that the test puts in."""

    def __init__(self) -> None:
        self.mails: dict[MessageId, LoggedMessage] = {}
        self.parts: dict[tuple[MessageId, str], tuple[Part, bytes]] = {}
        self.is_reachable = True
        self._last = 0

    def put(self, message: LoggedMessage) -> MessageId:
        self._last += 1
        self.mails[MessageId(self._last)] = message
        return MessageId(self._last)

    def put_part(self, message_id: MessageId, name: str, data: bytes) -> str:
        part = Part("2", "application/octet-stream", name, len(data), "", is_attachment=True)
        self.parts[message_id, "2"] = (part, data)
        return "2"

    async def log_data(self, message_id: MessageId) -> LoggedMessage:
        if not self.is_reachable:
            raise Offline("the body is not here")
        if message_id not in self.mails:
            raise RecordNotFound("the message is gone")
        return self.mails[message_id]

    async def part(self, message_id: MessageId, part_id: str) -> tuple[Part, bytes]:
        return self.parts[message_id, part_id]


def mail(
    *,
    message_id: str = "<offer.1@acme.example>",
    subject: str = "Your offer",
    text: str = "Hello Rita,\n\nwe take it.\n\nKarl",
    html: str = "",
    from_: str = KARL,
    to: tuple[str, ...] = (RITA,),
    cc: tuple[str, ...] = (),
    references: tuple[str, ...] = (),
    date: int = 1_790_000_000,
    is_incoming: bool = True,
) -> LoggedMessage:
    def addresses(texts: tuple[str, ...]) -> tuple[Address, ...]:
        return tuple(Address(text.partition("@")[0].title(), text) for text in texts)

    return LoggedMessage(
        envelope=Envelope(
            subject, date, addresses((from_,)), (), addresses(to), addresses(cc), (), message_id, "", references
        ),
        text=text,
        html=html,
        is_incoming=is_incoming,
        own_addresses=(RITA,),
    )


class DemoBrowser:
    """A `Browser` that signs a user in at the demo world and allows, or denies, what is asked."""

    def __init__(self, world: DemoWorld, user: str, *, deny: bool = False) -> None:
        self.world = world
        self.user = user
        self.deny = deny
        self.opened: list[str] = []
        self.rewrite = ("", "")

    async def open(self, url: str) -> None:
        self.opened.append(url)
        # As with a real browser, the program does not wait for its end.
        self._visit = asyncio.create_task(self._approve(url))

    async def _approve(self, url: str) -> None:
        password = self.world.login(self.user).password
        worker = BlockingWorker("browser")
        try:
            address = url.replace(*self.rewrite) if self.rewrite[0] else url
            await worker.run(lambda: self.world.approve(address, self.user, password, deny=self.deny))
        finally:
            await worker.close()

    async def closed(self) -> None:
        """Wait until the person has closed the last page."""
        await self._visit


@dataclass
class Rig:
    world: DemoWorld
    path: Path
    key: DatabaseKey
    clock: ForwardClock
    box: MailBox = field(default_factory=MailBox)
    events: list[Event] = field(default_factory=list)

    async def start(self, *, create: bool = False) -> None:
        """Open the file and join the parts; again after `stop`."""
        self.bus = EventBus()
        for kind in (LookupExpired, OperationChanged, SignInRequired, SignedIn):
            self.bus.subscribe(kind, self.events.append)
        self.database = await Database.open(self.path, self.key, bus=self.bus, create=create)
        self.connectivity = Connectivity(self.bus, self.clock)
        self.endpoint = SalesforceTokenEndpoint(self.clock)
        self.logins = CrmLogins(self.database, self.endpoint, self.clock, self._gateway)
        self.schema = CrmSchema(self.database, self.logins, self.clock)
        self.lookup = ContactLookup(self.logins, self.schema, self.bus, self.clock, lambda: 420.0)
        writes = Writes(self.database, self.logins, self.schema, self.clock, self.lookup.drop)
        handlers = (LogMessage(writes, self.box), AttachFile(writes), CreateRecord(writes))
        self.outbox = Outbox(self.database, self.clock, handlers)
        self.replayer = Replayer(self.database, self.bus, self.clock, self.outbox, self.connectivity, _owner, _account)
        self.actions = CrmActions(self.database, self.logins, self.schema, self.outbox, self.box, self.clock)

    async def stop(self) -> None:
        """End the program in good order."""
        await self.lookup.close()
        await self.logins.close()
        await self.endpoint.close()
        await self.database.close()

    async def sign_in(self, user: str = RITA) -> CrmLogin:
        """Sign a user in without occupying the fixed ports of the callback: the code is taken out of the redirect."""
        demo = self.world.login(user)
        host = LoginHost(self.world.salesforce, "", is_demo=True)
        request = AuthorizationRequest.new(host, demo.client_id, callback_address(1717))
        callback = self.world.approve(request.url, user, demo.password, follow=False)
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(callback).query)["code"][0]
        grant = TokenGrant.read(await self.endpoint.token(host, request.exchange_form(code)), host)
        kept = await self.logins.keep(
            CrmLogin(
                CrmLoginId(0),
                host.url,
                grant.instance_url,
                demo.client_id,
                grant.org_id,
                grant.user_id,
                user,
                user,
                "",
                False,
                is_demo=True,
            ),
            grant.refresh_token,
            AccessToken(grant.access_token, grant.instance_url),
        )
        await self.schema.has_enhanced_email(kept.login_id)
        self.world.clear_requests()
        return kept

    def sign_in_by(self, browser: DemoBrowser) -> SalesforceSignIn:
        """The sign-in as the program has it."""
        return SalesforceSignIn(self.logins, self.schema, self.endpoint, browser)

    async def drain(self) -> None:
        """Send, and let time pass here and there, until nothing moves any more."""
        for _ in range(200):
            await self.replayer.run_once()
            moving = [each for each in await self.outbox.list() if each.state.is_open]
            if all(each.state is OperationState.PAUSED or each.waits_for for each in moving):
                return
            self.forward(60.0)
        raise AssertionError("the queue never came to rest")

    def forward(self, seconds: float) -> None:
        """Let time pass here and in the demo world."""
        self.clock.forward(seconds)
        self.world.advance(seconds)

    async def operation(self, operation_id: OperationId) -> Operation:
        found = await self.outbox.get(operation_id)
        assert found is not None
        return found

    def soql(self, query: str, org: str = PRODUCTION) -> list[dict[str, Any]]:
        """Rows as the administrator sees them."""
        return self.world.soql(org, query)

    def target(self, object_type: str, name: str, org: str = PRODUCTION) -> RecordTarget:
        """A record of the fixture by its name."""
        (row,) = self.soql(f"SELECT Id FROM {object_type} WHERE Name = '{name}'", org)
        return RecordTarget(RecordId(row["Id"]), object_type, name)

    def person(self, object_type: str, name: str, address: str, org: str = PRODUCTION) -> PersonTarget:
        """A person of the fixture."""
        found = self.target(object_type, name, org)
        return PersonTarget(found.record_id, object_type, name, address)

    def _gateway(self, login: CrmLogin, tokens: LoginTokens) -> CrmGateway:
        account = crm_login_key(login.login_id)
        return SalesforceGateway(login, tokens, self.clock, heard=lambda ok: self.connectivity.report(ok, account))


def _owner(reader: Reader, account: str) -> str | None:
    login = accounts.crm_login(reader, CrmLoginId(int(account.removeprefix("crm:"))))
    return None if login is None else owner_of(login)


@contextlib.asynccontextmanager
async def open_rig(world: DemoWorld, folder: Path) -> AsyncIterator[Rig]:
    """A new database in ``folder``."""
    rig = Rig(world, folder / "outrigger.db", DatabaseKey.new(), ForwardClock(world.clock_offset()))
    await rig.start(create=True)
    try:
        yield rig
    finally:
        await rig.stop()


def _account(reader: Reader, owner: str) -> str | None:
    logins = (login for login in accounts.crm_logins(reader) if owner_of(login) == owner)
    return next((crm_login_key(login.login_id) for login in logins), None)
