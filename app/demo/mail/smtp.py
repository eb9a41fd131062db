"""Submission (RFC 6409) by aiosmtpd: TLS and a signed-in user are required; what is accepted is recorded and delivered to local users."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.demo.mail.faults import MailFaults
from app.demo.mail.network import reset_transport
from app.demo.mail.store import MailStore

SIZE_LIMIT: Final = 36 << 20
"""The largest message that is accepted, in bytes: 25 MB of attachments in base64."""

REFUSED_LOCAL_PART: Final = "bounce"
"""An address with this local part is refused with 550 in every domain."""

ADDRESSES_LIMIT: Final = 1000


class SubmissionHandler:
    """The rules of the server, in the hooks that aiosmtpd calls."""

    def __init__(self, store: MailStore, faults: MailFaults, hostname: str, now: Callable[[], Any]) -> None:
        self._store = store
        self._faults = faults
        self._hostname = hostname
        self._now = now

    def authenticate(
        self, server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """PLAIN and LOGIN against the users' passwords. ``handled=False`` makes aiosmtpd answer a refusal itself."""
        if mechanism not in {"PLAIN", "LOGIN"} or not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user = self._store.users.get(data.login.decode("utf-8", "replace").lower())
        expected = user.password.encode() if user is not None else b""
        is_right = hmac.compare_digest(expected, data.password) and user is not None
        if not is_right or (isinstance(server, SubmissionServer) and server.refuses_auth()):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=user)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse a sender who has not signed in. aiosmtpd could do so itself, but not on a port that has TLS from the start."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender accepted"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept whoever is not meant to be refused: the world beyond the local mailboxes takes everything."""
        local, _at, domain = address.rpartition("@")
        if self._faults.refuses_recipient(address) or local.lower() == REFUSED_LOCAL_PART:
            return "550 5.1.1 The recipient's address does not exist"
        if not local or not domain:
            return "553 5.1.3 The recipient's address is not complete"
        if len(envelope.rcpt_tos) >= ADDRESSES_LIMIT:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, server: SubmissionServer, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Record the message, deliver it to local recipients, and answer, unless the answer is to be lost."""
        raw = envelope.original_content or b""
        sender, recipients = str(envelope.mail_from or ""), [str(address) for address in envelope.rcpt_tos]
        self._store.record_submission(sender, recipients, raw, getattr(session.auth_data, "login", ""))
        trace = self._trace(sender, str(session.host_name or "unknown"))
        delivered: set[str] = set()
        for address in recipients:
            receiver = self._store.user_of_address(address)
            if receiver is not None and receiver.login not in delivered:
                delivered.add(receiver.login)
                self._store.append(receiver.mailboxes["INBOX"], trace + raw)
        if self._faults.drops_after_data():
            server.reset()
        return "250 2.0.0 Message accepted"

    def _trace(self, sender: str, client: str) -> bytes:
        safe_client = "".join(character for character in client if character.isalnum() or character in ".-:[]")
        received = f"Received: from {safe_client} by {self._hostname} with ESMTPSA; {format_datetime(self._now())}\r\n"
        return f"Return-Path: <{sender}>\r\n{received}".encode("utf-8", "surrogateescape")


class SubmissionServer(SMTP):
    """One connection, with the faults that act on bytes and commands."""

    def __init__(
        self,
        handler: SubmissionHandler,
        faults: MailFaults,
        connections: set[SubmissionServer],
        *,
        hostname: str,
        starttls: ssl.SSLContext | None,
    ) -> None:
        """``starttls`` is the context for STARTTLS, which is then required; None on the port that has TLS from the start."""
        super().__init__(
            handler,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="Outrigger demo mail",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=starttls is not None,
            authenticator=handler.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._faults = faults
        self._connections = connections
        self._bytes_left = faults.cut_after("smtp")
        self._lowest: asyncio.BaseTransport | None = None
        self._refuses_auth = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected, or STARTTLS has wrapped the connection."""
        if self._lowest is None:
            self._lowest = transport
            self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._connections.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client, up to the cut."""
        if self._bytes_left is not None:
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                self.reset()
                return
        super().data_received(data)

    async def push(self, status: Any) -> None:
        """Answer, after the delay in force."""
        delay = self._faults.delay("smtp")
        if delay:
            await asyncio.sleep(delay)
        await super().push(status)

    def refuses_auth(self) -> bool:
        """Whether the fault in force refuses this client: one use a connection, for clients try one mechanism after the other."""
        self._refuses_auth = self._refuses_auth or self._faults.refuses_auth("smtp")
        return self._refuses_auth

    async def wait_ended(self) -> None:
        """Wait until nothing of this connection runs any more."""
        if self._handler_coroutine is not None:
            await asyncio.wait([self._handler_coroutine])

    def reset(self) -> None:
        """Cut the connection at once."""
        if self._lowest is not None:
            reset_transport(self._lowest)
