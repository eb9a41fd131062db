"""Runs the mail servers on a thread of their own, so that clients that block can be used as they are."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import trustme
from imapclient import IMAPClient

from app.demo.mail import (
    ALL_EXTENSIONS,
    Extension,
    FolderData,
    MailboxData,
    MailFaults,
    MailServers,
    MessageData,
    start_mail_servers,
)

T = TypeVar("T")
PASSWORD = "correct horse"
RITA = "rita@rita.example"
SAM = "sam@rita.example"
STARTED = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def mail(number: int, *, subject: str = "", body: str = "Hello\r\n", extra: str = "") -> bytes:
    """A small message from Karl to Rita."""
    return (
        f"From: Karl Klein <karl@acme.example>\r\nTo: Rita Rep <{RITA}>\r\nSubject: {subject or f'Offer {number}'}\r\n"
        f"Date: Tue, 24 Nov 2026 08:{number:02d}:00 +0100\r\nMessage-ID: <{number}@acme.example>\r\n{extra}\r\n{body}"
    ).encode()


def two_users(count: int = 3) -> tuple[MailboxData, ...]:
    """Rita with ``count`` unread messages, and Sam with none."""
    messages = tuple(MessageData(mail(n), STARTED + timedelta(minutes=n)) for n in range(1, count + 1))
    special = tuple(FolderData(use, f"\\{use}") for use in ("Sent", "Drafts", "Trash", "Archive", "Junk"))
    rita = MailboxData(
        RITA, PASSWORD, "Rita Rep", (RITA, "r.rep@rita.example"), (FolderData("INBOX", "", messages), *special)
    )
    return rita, MailboxData(SAM, PASSWORD, "Sam Support", (SAM,), (FolderData("INBOX"), *special))


class RealClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@functools.cache
def authority() -> trustme.CA:
    """One CA for all tests: making keys takes time."""
    return trustme.CA()


@functools.cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """A context that trusts the tests' CA and nothing else, checking names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


@dataclass
class RunningMail:
    """The servers, and clients for them."""

    servers: MailServers
    faults: MailFaults
    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the servers run."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function where the servers run."""

        async def called() -> T:
            return function()

        return self.run(called())

    def deliver(self, raw: bytes, user: str = RITA, folder: str = "INBOX", flags: Iterable[str] = ()) -> int:
        return self.run(self.servers.deliver(user, folder, raw, flags))

    @contextlib.contextmanager
    def imap(self, user: str = RITA, password: str = PASSWORD) -> Iterator[IMAPClient]:
        """A client that has signed in, over TLS from the start."""
        client = IMAPClient("localhost", self.servers.imaps, ssl_context=client_context(), timeout=30)
        try:
            client.login(user, password)
            yield client
        finally:
            client.shutdown()

    @contextlib.contextmanager
    def inbox(self, user: str = RITA, *, readonly: bool = False) -> Iterator[IMAPClient]:
        """A client with the INBOX selected."""
        with self.imap(user) as client:
            client.select_folder("INBOX", readonly=readonly)
            yield client

    @contextlib.contextmanager
    def smtp(self, user: str = RITA, password: str = PASSWORD) -> Iterator[smtplib.SMTP_SSL]:
        """A client that has signed in, over TLS from the start."""
        client = smtplib.SMTP_SSL("localhost", self.servers.smtps, context=client_context(), timeout=30)
        try:
            client.login(user, password)
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def raw_imap(self, *, sign_in: bool = True) -> Iterator[RawImap]:
        """A bare TLS connection, for what no client would send."""
        with socket.create_connection(("localhost", self.servers.imaps), timeout=30) as plain:
            secure = client_context().wrap_socket(plain, server_hostname="localhost")
            with secure, secure.makefile("rb") as reader:
                raw = RawImap(secure, reader)
                raw.line()
                if sign_in:
                    assert raw.ask(f'LOGIN "{RITA}" "{PASSWORD}"')[-1].startswith(b"t OK")
                yield raw


class RawImap:
    """Sends bytes, reads lines."""

    def __init__(self, connection: ssl.SSLSocket, reader: Any) -> None:
        self.connection = connection
        self.reader = reader

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def line(self) -> bytes:
        return bytes(self.reader.readline()).rstrip(b"\r\n")

    def until(self, start: bytes) -> list[bytes]:
        """Lines up to the one that begins with ``start``."""
        lines = [self.line()]
        while not lines[-1].startswith(start):
            assert lines[-1] or self.reader.peek(1), "the server has closed the connection"
            lines.append(self.line())
        return lines

    def ask(self, command: str | bytes) -> list[bytes]:
        """Send a command with the tag t; all lines of the answer."""
        self.send(b"t " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.until(b"t ")


@contextlib.contextmanager
def running_mail(
    mailboxes: tuple[MailboxData, ...] | None = None,
    *,
    state: Path | None = None,
    extensions: frozenset[Extension] = ALL_EXTENSIONS,
) -> Iterator[RunningMail]:
    """Servers for the time of the block."""
    faults = MailFaults()
    started = threading.Event()
    found: list[RunningMail] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        servers = await start_mail_servers(
            two_users() if mailboxes is None else mailboxes,
            host="127.0.0.1",
            tls=server_context(),
            state=state,
            faults=faults,
            clock=RealClock(),
            extensions=extensions,
        )
        stop = asyncio.Event()
        found.append(RunningMail(servers, faults, asyncio.get_running_loop()))
        stops.append(stop)
        started.set()
        await stop.wait()
        await servers.close()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            failed.append(error)
        finally:
            started.set()

    stops: list[asyncio.Event] = []
    thread = threading.Thread(target=run, name="mail servers")
    thread.start()
    started.wait(30)
    try:
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        if found and not failed:
            found[0].loop.call_soon_threadsafe(stops[0].set)
        thread.join(30)
    if failed:
        raise failed[0]
