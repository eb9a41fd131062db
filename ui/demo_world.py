"""The demo world: its announcement, its process, and its accounts in a profile of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment

from app.crm.logins import CrmLogins
from app.crm.sign_in import SalesforceSignIn
from app.errors import LocalError
from app.mail.accounts import MailAccounts
from app.model.mail import ConnectionSecurity, MailServer

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
START_WITHIN_S = 60.0
STOP_WITHIN_S = 5.0
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """One login of the announcement; fields that do not apply are ""."""

    service: str
    user: str
    password: str
    client_id: str
    org: str


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """What ``python -m app.demo`` announced: base URL of its Salesforce, host and port of its mail servers, and who may sign in."""

    salesforce: str
    imaps: tuple[str, int]
    smtps: tuple[str, int]
    ca_file: str
    logins: tuple[DemoLogin, ...]

    @classmethod
    def from_line(cls, line: str) -> DemoWorld:
        """Read the JSON line. Raises LocalError when it is none, or names a host that is not this computer."""
        try:
            data = json.loads(line[:LONGEST_LINE])
            world = cls(
                salesforce=str(data["salesforce"]),
                imaps=_address(str(data["imaps"])),
                smtps=_address(str(data["smtps"])),
                ca_file=str(data["ca_file"]),
                logins=tuple(
                    DemoLogin(*(str(one.get(key, "")) for key in ("service", "user", "password", "client_id", "org")))
                    for one in data["logins"]
                ),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LocalError("the demo world's announcement cannot be read", code="demo_unreadable") from None
        host = world.salesforce.partition("://")[2].rpartition(":")[0]
        if not {host, world.imaps[0], world.smtps[0]} <= LOOPBACK:
            raise LocalError("a demo world runs on this computer only", code="demo_unreadable")
        return world

    @property
    def mailbox(self) -> DemoLogin | None:
        """Whose window it is: the first mailbox."""
        return next((login for login in self.logins if login.service == "imap"), None)

    @property
    def salesforce_login(self) -> DemoLogin | None:
        """The same person at Salesforce, or the first one there."""
        there = [login for login in self.logins if login.service == "salesforce"]
        person = self.mailbox
        same = (login for login in there if person is not None and login.user == person.user)
        return next(same, there[0] if there else None)


class DemoProcess(QObject):
    """The demo world as a process of ours; it ends with the program."""

    def __init__(self, state: Path | None) -> None:
        super().__init__()
        self._process = QProcess(self)
        self._process.setProcessEnvironment(QProcessEnvironment.systemEnvironment())
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        program, arguments = demo_command()
        self._process.setProgram(program)
        self._process.setArguments([*arguments, *(["--state", str(state)] if state is not None else [])])
        if not getattr(sys, "frozen", False):
            self._process.setWorkingDirectory(str(Path(__file__).resolve().parent.parent))
        self._line: asyncio.Future[str] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._process.readyReadStandardOutput.connect(self._on_output)
        self._process.finished.connect(lambda _code, _status: self._on_end())
        self._process.errorOccurred.connect(lambda _error: self._on_end())

    async def start(self) -> DemoWorld:
        """Start it and wait for its announcement. Raises LocalError when it does not come."""
        loop = asyncio.get_running_loop()
        self._line, self._ended = loop.create_future(), loop.create_future()
        self._process.start()
        try:
            async with asyncio.timeout(START_WITHIN_S):
                return DemoWorld.from_line(await self._line)
        except TimeoutError:
            raise LocalError("the demo world did not start in time", code="demo_not_started") from None

    async def stop(self) -> None:
        """End it, at once where it does not obey."""
        if self._ended is None or self._process.state() is QProcess.ProcessState.NotRunning:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._process.kill()
            await self._ended

    def _on_output(self) -> None:
        if self._process.canReadLine() and self._line is not None and not self._line.done():
            self._line.set_result(bytes(self._process.readLine().data()).decode("utf-8", "replace"))

    def _on_end(self) -> None:
        if self._line is not None and not self._line.done():
            self._line.set_exception(LocalError("the demo world could not be started", code="demo_not_started"))
        is_over = self._process.state() is QProcess.ProcessState.NotRunning
        if is_over and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)


def demo_command() -> tuple[str, list[str]]:
    """Program and arguments that start the demo world: the one beside a built client, or the module."""
    if getattr(sys, "frozen", False):
        suffix = ".exe" if sys.platform == "win32" else ""
        return str(Path(sys.executable).with_name(f"outrigger-demo{suffix}")), []
    return sys.executable, ["-m", "app.demo"]


async def add_mail_account(world: DemoWorld, accounts: MailAccounts) -> None:
    """Add the mailbox of the world's person as anybody would; accounts of an earlier world that answered elsewhere go."""
    login = world.mailbox
    if login is None:
        return
    for account in await accounts.list():
        is_here = (account.imap.host, account.imap.port) == world.imaps and account.imap.ca_file == world.ca_file
        if is_here and account.imap.user == login.user:
            return
        if account.is_demo:
            await accounts.remove(account.account_id)
    await accounts.add(
        login.user,
        login.user.partition("@")[0].replace(".", " ").title(),
        MailServer(*world.imaps, ConnectionSecurity.TLS, login.user, world.ca_file),
        MailServer(*world.smtps, ConnectionSecurity.TLS, login.user, world.ca_file),
        login.password,
        is_demo=True,
    )


async def sign_in_salesforce(world: DemoWorld, login: DemoLogin, logins: CrmLogins, sign_in: SalesforceSignIn) -> None:
    """Sign in at the world's Salesforce, unless this user is signed in there already."""
    for known in await logins.list():
        if known.username == login.user and known.login_url.rstrip("/") == world.salesforce and not known.needs_sign_in:
            return
    await sign_in.sign_in(world.salesforce, login.client_id, is_demo=True)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)
