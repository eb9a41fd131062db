"""Starts the IMAP and SMTP servers of the demo world and delivers mail to them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from app.demo.mail.clock import Clock
from app.demo.mail.data import MailboxData
from app.demo.mail.faults import MailFaults
from app.demo.mail.imap import listing, mailboxes, messages, signing_in
from app.demo.mail.imap.extensions import ALL_EXTENSIONS, Extension
from app.demo.mail.imap.session import Command, Session
from app.demo.mail.imap.wire import Wire
from app.demo.mail.mailbox import Mailbox
from app.demo.mail.names import canonical
from app.demo.mail.network import Listener
from app.demo.mail.smtp import SubmissionHandler, SubmissionServer
from app.demo.mail.store import MailStore, Submission

COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {**signing_in.COMMANDS, **mailboxes.COMMANDS, **listing.COMMANDS, **messages.COMMANDS}
)
PORT_NAMES: Final = ("imap", "imaps", "smtp", "smtps")


class NoSuchMailbox(Exception):
    """No user or folder of that name."""


@dataclass(frozen=True, slots=True)
class MessageListing:
    """One message as it lies in a folder. ``raw`` as it was stored."""

    folder: str
    uid: int
    flags: tuple[str, ...]
    internal_date: datetime
    raw: bytes


class MailServers:
    """The running servers. ``imap`` and ``smtp`` are the ports with STARTTLS, ``imaps`` and ``smtps`` those with TLS from the start."""

    def __init__(
        self,
        store: MailStore,
        faults: MailFaults,
        clock: Clock,
        *,
        host: str,
        tls: ssl.SSLContext,
        extensions: frozenset[Extension],
    ) -> None:
        self._store = store
        self._faults = faults
        self._tls = tls
        self._extensions = extensions
        self._wires: set[Wire] = set()
        self._submissions: set[SubmissionServer] = set()
        self._handler = SubmissionHandler(store, faults, "localhost", clock.now)
        self._switching: set[asyncio.Task[None]] = set()
        factories: Mapping[str, Callable[[], asyncio.BaseProtocol]] = {
            "imap": lambda: self._imap_connection(tls),
            "imaps": lambda: self._imap_connection(None),
            "smtp": lambda: self._smtp_connection(tls),
            "smtps": lambda: self._smtp_connection(None),
        }
        self._listeners = {
            name: Listener(
                host, store.property(f"port.{name}") or 0, factories[name], tls if name.endswith("s") else None
            )
            for name in PORT_NAMES
        }
        for name, listener in self._listeners.items():
            store.set_property(f"port.{name}", listener.port)
        self.imap, self.imaps, self.smtp, self.smtps = (self._listeners[name].port for name in PORT_NAMES)
        self._forget_network = faults.on_network(self._on_network)

    async def start(self) -> None:
        """Listen on all ports whose network is up."""
        for name, listener in self._listeners.items():
            if self._faults.is_up(name.removesuffix("s")):
                await listener.up()

    async def deliver(
        self,
        user: str,
        folder: str,
        raw: bytes,
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
    ) -> int:
        """Put a message into a folder; clients in IDLE hear of it at once. The new UID. Raises NoSuchMailbox."""
        return self._store.append(self._mailbox(user, folder), raw, flags, internal_date).uid

    def sent(self) -> list[Submission]:
        """Every message that SMTP accepted, in order."""
        return self._store.submissions()

    def messages(self, user: str, folder: str | None = None) -> list[MessageListing]:
        """The messages of one folder, or of all. Raises NoSuchMailbox."""
        owner = self._store.users.get(user.lower())
        if owner is None:
            raise NoSuchMailbox("no such user")
        chosen = list(owner.mailboxes.values()) if folder is None else [self._mailbox(user, folder)]
        return [
            MessageListing(
                mailbox.name, message.uid, tuple(sorted(message.flags)), message.internal_date, self._store.raw(message)
            )
            for mailbox in chosen
            for message in mailbox.messages.values()
        ]

    async def close(self) -> None:
        """End all connections, give the ports back and close the store."""
        self._forget_network()
        for listener in self._listeners.values():
            listener.close()
        submissions = list(self._submissions)
        tasks = [wire.task for wire in self._wires if wire.task is not None]
        for service in ("imap", "smtp"):
            self._cut(service)
        for task in tasks:
            # One that waits out a delay does not see that its client has gone.
            task.cancel()
        await asyncio.gather(*tasks, *self._switching, return_exceptions=True)
        for submission in submissions:
            await submission.wait_ended()
        self._store.close()

    def _mailbox(self, user: str, folder: str) -> Mailbox:
        owner = self._store.users.get(user.lower()) or self._store.user_of_address(user)
        mailbox = owner.mailbox(canonical(folder)) if owner is not None else None
        if mailbox is None:
            raise NoSuchMailbox("no such folder")
        return mailbox

    def _imap_connection(self, starttls: ssl.SSLContext | None) -> Wire:
        async def serve(wire: Wire) -> None:
            session = Session(wire, self._store, self._faults, COMMANDS, extensions=self._extensions, tls=starttls)
            await session.run()

        wire = Wire(serve, cut_after=self._faults.cut_after("imap"), on_end=self._wires.discard)
        self._wires.add(wire)
        return wire

    def _smtp_connection(self, starttls: ssl.SSLContext | None) -> SubmissionServer:
        return SubmissionServer(self._handler, self._faults, self._submissions, hostname="localhost", starttls=starttls)

    def _on_network(self, service: str, up: bool) -> None:
        for name in (service, f"{service}s"):
            listener = self._listeners[name]
            if up:
                task = asyncio.get_running_loop().create_task(listener.up())
                self._switching.add(task)
                task.add_done_callback(self._switching.discard)
            else:
                listener.down()
        if not up:
            self._cut(service)

    def _cut(self, service: str) -> None:
        if service == "imap":
            for wire in list(self._wires):
                wire.reset()
        else:
            for connection in list(self._submissions):
                connection.reset()


async def start_mail_servers(
    mailboxes: Iterable[MailboxData],
    *,
    host: str,
    tls: ssl.SSLContext,
    state: Path | None,
    faults: MailFaults,
    clock: Clock,
    extensions: frozenset[Extension] = ALL_EXTENSIONS,
) -> MailServers:
    """Start IMAP and SMTP on four ports of ``host``, chosen by the system or those of the last run with the same ``state`` folder.

    Users of ``mailboxes`` that the state knows already keep the mail they have there. Raises `app.demo.mail.store.StateUnreadable`.
    """
    # aiosmtpd logs addresses, and warnings about names of its own that it uses itself.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    store = MailStore(state, clock)
    try:
        store.seed(mailboxes)
        servers = MailServers(store, faults, clock, host=host, tls=tls, extensions=extensions)
        await servers.start()
    except BaseException:
        store.close()
        raise
    return servers
