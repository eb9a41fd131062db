"""The whole world: loads its data, starts its servers, announces them, and can be put back to its first state."""

from __future__ import annotations

import json
import shutil
import sqlite3
import ssl
import tempfile
from pathlib import Path
from typing import Any

import trustme

from app.demo.clock import DemoClock
from app.demo.faults import HttpFaults
from app.demo.mail import MailboxData, MailFaults, MailServers, start_mail_servers
from app.demo.mail.servers import PORT_NAMES
from app.demo.mail.store import MailStore
from app.demo.salesforce.database import Database
from app.demo.salesforce.http.journal import Journal
from app.demo.salesforce.http.server import SalesforceServer
from app.demo.salesforce.service import SalesforceService
from app.demo.sample import load_world

_HOSTS = ("localhost", "127.0.0.1", "::1")
DEFAULT_LONGEST_CALL_S = 600.0


class StateNotUsable(Exception):
    """The state folder cannot be used; the text says why."""


class World:
    """All servers of the demo world. ``open`` starts them; ``close`` stops them and removes what was only lent."""

    def __init__(self, state: Path | None, fixture: Path | None, host: str) -> None:
        self._lent = state is None
        # mkdtemp makes a folder that only this user can enter
        self.folder = Path(tempfile.mkdtemp(prefix="outrigger-demo-")) if state is None else state
        self.host = host
        self.clock = DemoClock()
        self.faults = HttpFaults()
        self.mail_faults = MailFaults()
        self.journal = Journal()
        self._fixture = fixture
        self._lock: sqlite3.Connection | None = None
        self.service: SalesforceService
        self.salesforce: SalesforceServer
        self.mail: MailServers
        self._mailboxes: tuple[MailboxData, ...]
        self._tls: ssl.SSLContext

    async def open(self) -> None:
        """Load the data and start all servers. Raises FixtureProblem, FixtureError, StateUnreadable, StateNotUsable."""
        try:
            await self._open()
        except (AttributeError, TypeError, KeyError, IndexError) as exc:
            self._give_back()
            if self._fixture is None:
                raise
            # A list where a table belongs, and the like: the parts that name their own mistakes have told them before.
            raise StateNotUsable(
                "the fixture has a part of the wrong shape; resources/demo/README.md tells its form"
            ) from exc
        except BaseException:
            self._give_back()
            raise

    async def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise StateNotUsable(f"the state folder cannot be made or entered ({exc.strerror})") from exc
        self._lock_folder()
        data = load_world(self._fixture, self.clock.now().astimezone())
        self._mailboxes = data.mailboxes
        self._tls = self._server_context()
        database = self._open_database()
        self.service = SalesforceService(data.salesforce, database, self.folder / "files", self.clock.now)
        self.service.remove_unused_files()
        ports = json.loads(self.service.property("ports") or "{}")
        self.salesforce = SalesforceServer(
            self.service, self.faults, self.clock, self.journal, host=self.host, tls=self._tls, ports=ports
        )
        self.service.set_property("ports", json.dumps(dict(self.salesforce.ports)))
        database.take_snapshot()
        await self._start_mail()
        await self.salesforce.start()

    async def reset(self) -> None:
        """Back to the data with which this process started; ports, certificates and ready-made tokens stay.

        Faults, moved time, request journal and network go back to their first state too.
        """
        self.clock.forget_all()
        self.faults.clear()
        self.faults.longest_call_s = DEFAULT_LONGEST_CALL_S
        self.mail_faults.clear()
        for service in ("imap", "smtp"):
            self.mail_faults.set_network(service, up=True)
        await self.salesforce.set_network(up=True)
        self.service.restore()
        self.journal.clear()
        await self._restart_mail()

    async def _start_mail(self) -> None:
        folder = self.folder / "mail"
        folder.mkdir(exist_ok=True, mode=0o700)
        self.mail = await start_mail_servers(
            self._mailboxes, host=self.host, tls=self._tls, state=folder, faults=self.mail_faults, clock=self.clock
        )

    async def _restart_mail(self) -> None:
        """A fresh mail store, on the ports of the old one."""
        ports = {name: getattr(self.mail, name) for name in PORT_NAMES}
        await self.mail.close()
        shutil.rmtree(self.folder / "mail")
        (self.folder / "mail").mkdir(mode=0o700)
        store = MailStore(self.folder / "mail", self.clock)
        for name, port in ports.items():
            store.set_property(f"port.{name}", port)
        store.close()
        await self._start_mail()

    async def close(self) -> None:
        """Stop all servers; without a state folder, leave nothing behind."""
        self.clock.forget_all()
        await self.salesforce.close()
        await self.mail.close()
        self.service.database.close()
        self._give_back()

    @property
    def admin_port(self) -> int:
        """The port that the admin had the last time, 0 at first."""
        return int(self.service.property("admin_port") or 0)

    def keep_admin_port(self, port: int) -> None:
        """Have it again after a restart."""
        self.service.set_property("admin_port", str(port))

    def _lock_folder(self) -> None:
        # SQLite's own lock, since it is the same on every system; it ends with the process.
        lock = sqlite3.connect(self.folder / "lock.sqlite3", timeout=0, isolation_level=None)
        try:
            lock.execute("PRAGMA locking_mode=EXCLUSIVE")
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as exc:
            lock.close()
            raise StateNotUsable("another demo world uses this state folder, or its lock cannot be read") from exc
        self._lock = lock

    def _give_back(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._lent:
            shutil.rmtree(self.folder, ignore_errors=True)

    def announcement(self, admin_url: str) -> dict[str, Any]:
        """The JSON line: where everything is and who can sign in."""
        name = self._name()
        ports = self.salesforce.ports
        logins = [
            {"service": "salesforce", "user": one.username, "password": one.password, "access_token": one.access_token,
             "client_id": one.client_id, "org": one.org_id}
            for one in self.service.logins
        ]  # fmt: skip
        logins += [
            {
                "service": service,
                "user": one.user,
                "password": one.password,
                "access_token": "",
                "client_id": "",
                "org": "",
            }
            for one in self._mailboxes
            for service in ("imap", "smtp")
        ]
        return {
            "salesforce": f"http://{name}:{ports['http']}",
            "salesforce_tls": f"https://{name}:{ports['https']}",
            "imap": f"{name}:{self.mail.imap}",
            "imaps": f"{name}:{self.mail.imaps}",
            "smtp": f"{name}:{self.mail.smtp}",
            "smtps": f"{name}:{self.mail.smtps}",
            "ca_file": str((self.folder / "ca.pem").resolve()),
            "admin": admin_url,
            "logins": logins,
        }

    def _open_database(self) -> Database:
        try:
            return Database(self.folder / "salesforce.sqlite3")
        except sqlite3.Error as exc:
            raise StateNotUsable("salesforce.sqlite3 in the state folder is no database that can be read") from exc

    def _name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def _server_context(self) -> ssl.SSLContext:
        """A server certificate by the world's own CA, which a state folder keeps."""
        certificate, key = self.folder / "ca.pem", self.folder / "ca-key.pem"
        if certificate.exists() and key.exists():
            authority = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        else:
            authority = trustme.CA(organization_name="Outrigger demo world")
            key.touch(mode=0o600)
            authority.private_key_pem.write_to_path(key)
            authority.cert_pem.write_to_path(certificate)
        names = dict.fromkeys([*_HOSTS, self.host])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        authority.issue_cert(*names).configure_cert(context)
        return context
