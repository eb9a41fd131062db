"""Mail servers to test a client on: Dovecot and the demo world's, under one interface, with and without extensions."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from app.model.ids import MailAccountId
from app.model.mail import ConnectionSecurity, MailAccount, MailServer
from tests.app.demo.mail.running import PASSWORD, RITA
from tests.servers.demo_mail import DemoMail, running_demo_mail
from tests.servers.dovecot import Dovecot, running_dovecot

KINDS = ("dovecot", "demo") if sys.platform == "linux" else ("demo",)


@dataclass(frozen=True)
class MailHost:
    """A running server with one mailbox. ``smtps_port`` is 0 where it only keeps mail."""

    kind: str
    host: str
    imaps_port: int
    imap_port: int
    smtps_port: int
    smtp_port: int
    ca_file: str
    user: str
    password: str
    dovecot: Dovecot | None = None
    demo: DemoMail | None = None

    def imap(self, *, port: int = 0, security: ConnectionSecurity = ConnectionSecurity.TLS) -> MailServer:
        """Where IMAP answers; ``port`` may be that of a proxy."""
        chosen = port or (self.imaps_port if security is ConnectionSecurity.TLS else self.imap_port)
        return MailServer(self.host, chosen, security, self.user, self.ca_file)

    def smtp(self, *, port: int = 0, security: ConnectionSecurity = ConnectionSecurity.TLS) -> MailServer:
        """Where submission answers."""
        chosen = port or (self.smtps_port if security is ConnectionSecurity.TLS else self.smtp_port)
        return MailServer(self.host, chosen, security, self.user, self.ca_file)

    def account(self, *, imap_port: int = 0, smtp_port: int = 0) -> MailAccount:
        """An account of the mailbox, not stored anywhere."""
        return MailAccount(MailAccountId(1), self.user, "Rita", self.imap(port=imap_port), self.smtp(port=smtp_port))

    @contextlib.contextmanager
    def client(self) -> Iterator[imaplib.IMAP4_SSL]:
        """A plain, independent client, signed in: another mail program at work on the same mailbox."""
        context = ssl.create_default_context(cafile=self.ca_file)
        client = imaplib.IMAP4_SSL(self.host, self.imaps_port, ssl_context=context, timeout=30)
        try:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.authenticate("PLAIN", lambda _: f"\0{self.user}\0{self.password}".encode())
            yield client
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.logout()

    def append(self, folder: str, *raws: bytes, flags: str = "") -> None:
        """Put messages into a folder as a delivery or another program would."""
        with self.client() as client:
            for raw in raws:
                answer, told = client.append(f'"{folder}"', flags, None, raw)  # type: ignore[arg-type]
                assert answer == "OK", told

    def subjects(self, folder: str) -> list[str]:
        """The subjects of a folder in the order of its UIDs, as the other program sees them."""
        with self.client() as client:
            client.select(f'"{folder}"', readonly=True)
            _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            blocks = [piece[1] for piece in found if isinstance(piece, tuple)]
            return [block.decode().partition(":")[2].strip() for block in blocks]

    def flags(self, folder: str) -> dict[str, frozenset[str]]:
        """Flags by subject, as the other program sees them."""
        with self.client() as client:
            client.select(f'"{folder}"', readonly=True)
            _, found = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            result: dict[str, frozenset[str]] = {}
            for at, piece in enumerate(found):
                if isinstance(piece, tuple):
                    tail = found[at + 1] if at + 1 < len(found) and isinstance(found[at + 1], bytes) else b""
                    flags = imaplib.ParseFlags(piece[0]) or imaplib.ParseFlags(tail)
                    subject = piece[1].decode().partition(":")[2].strip()
                    result[subject] = frozenset(flag.decode() for flag in flags if flag != b"\\Recent")
            return result

    def command(self, folder: str, *arguments: str) -> None:
        """One UID command on a folder by the other program, for example ``("STORE", "1", "+FLAGS", "(\\Seen)")``."""
        with self.client() as client:
            client.select(f'"{folder}"')
            answer, told = client.uid(*arguments)
            assert answer == "OK", told

    def expunge(self, folder: str, uids: str) -> None:
        """Another program deletes messages for good."""
        with self.client() as client:
            client.select(f'"{folder}"')
            client.uid("STORE", uids, "+FLAGS", "(\\Deleted)")
            client.expunge()


@contextlib.contextmanager
def running_host(kind: str, *, without: tuple[str, ...] = ()) -> Iterator[MailHost]:
    """A server of one kind (`KINDS`) with an empty mailbox. ``without`` names capabilities that it shall not have."""
    if kind == "dovecot":
        with running_dovecot(without=without) as server:
            yield MailHost(
                kind, server.host, server.imaps_port, server.imap_port, 0, 0, server.ca_file, server.user, server.password,
                server,
            )  # fmt: skip
        return
    with running_demo_mail(without) as mail:
        yield MailHost(
            kind, "localhost", mail.imaps, mail.imap, mail.smtps, mail.smtp, mail.ca_file, RITA, PASSWORD, demo=mail
        )
