"""`MailSender` by smtplib (RFC 5321, RFC 6409), in a thread of its own.

What matters is when an error came: before the message's end a lost connection means that nothing was sent; from the terminating dot on
nobody knows, and that is `OutcomeUnknown`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.concurrency import BlockingWorker
from app.errors import (
    AppError,
    MessageRejected,
    NotSupported,
    Offline,
    OutcomeUnknown,
    PermanentError,
    SignInRequired,
    TransientError,
    ValidationFailed,
)
from app.mail.tls import client_context
from app.model.ids import mail_account_key
from app.model.mail import ConnectionSecurity, MailAccount

T = TypeVar("T")

OWN_NAME = "[127.0.0.1]"
"""Said in EHLO: a name of this machine is nobody's business (RFC 5321 4.1.3 allows a literal)."""
LOWEST_RATE = 10_000
CLOSE_DEADLINE_S = 3.0
_LONE_ENDS = re.compile(rb"\r\n|\n|\r")
_TOO_LARGE = frozenset({552, 523})


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """Seconds: to connect, for one reply, and for the reply to the message's end (RFC 5321 4.5.3.2 asks for 10 minutes)."""

    connect: float = 15.0
    reply: float = 60.0
    accepted: float = 600.0


class SmtpSender:
    """See `app.mail.ports.MailSender`. Each message goes over a connection of its own."""

    def __init__(self, account: MailAccount, password: str, *, timeouts: SmtpTimeouts | None = None) -> None:
        self._account = account
        self._password = password
        self._timeouts = timeouts or SmtpTimeouts()
        self._worker = BlockingWorker(f"smtp-{account.account_id}")
        self._connection: smtplib.SMTP | None = None
        self._socket: socket.socket | None = None
        self._is_in_doubt = False
        self._closing = False

    async def verify(self) -> None:
        """See `MailSender.verify`."""
        try:
            await self._run(self._open, deadline=self._timeouts.reply * 2)
        finally:
            await self._leave()

    async def send(
        self,
        raw: bytes,
        *,
        sender: str,
        recipients: Sequence[str],
        before_data: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """See `MailSender.send`."""
        for address in (sender, *recipients):
            _refuse_line_breaks(address)
        if not recipients:
            raise ValidationFailed("the message has no recipient", fields=("to",), code="no_recipient")
        payload = _stuffed(raw)
        self._is_in_doubt = False
        try:
            await self._run(self._open, deadline=self._timeouts.reply * 2)
            await self._run(self._envelope, sender, tuple(recipients), len(raw), deadline=self._timeouts.reply * 4)
            if before_data is not None:
                await before_data()
            await self._run(
                self._data, payload, deadline=self._timeouts.accepted + self._timeouts.reply + len(raw) / LOWEST_RATE
            )
        finally:
            await self._leave()

    async def close(self) -> None:
        """See `MailSender.close`."""
        self._closing = True
        self._break()
        await self._worker.close(self._quit)

    async def _run(self, fn: Callable[..., T], *args: object, deadline: float) -> T:
        if self._closing:
            raise Offline("the connection is being closed", code="not_connected")
        timer = asyncio.get_running_loop().call_later(deadline, self._break)
        try:
            return await self._worker.run(fn, *args)
        except asyncio.CancelledError:
            self._break()
            raise
        except Exception as error:  # noqa: BLE001 - the library raises whatever a server provokes
            raise self._map(error) from None
        finally:
            timer.cancel()

    async def _leave(self) -> None:
        if self._closing:
            return
        timer = asyncio.get_running_loop().call_later(CLOSE_DEADLINE_S, self._break)
        try:
            await self._worker.run(self._quit)
        finally:
            timer.cancel()

    def _break(self) -> None:
        if self._socket is not None:
            # Not the method of SSLSocket: it pulls the TLS state from under a reading thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _map(self, error: BaseException) -> AppError:
        if isinstance(error, AppError):
            return error
        if isinstance(error, ssl.SSLCertVerificationError):
            return PermanentError(
                "the mail server's certificate is not valid for its name or not signed by a trusted authority; nothing was sent",
                code="certificate_not_trusted",
                server_text=str(error.verify_message),
            )
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return NotSupported("the mail server does not offer what is needed to send", code="smtp_not_supported")
        if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 400:
            return self._refused(error)
        if self._is_in_doubt:
            return OutcomeUnknown("the connection broke before the mail server said whether it took the message")
        return Offline("the mail server for sending cannot be reached; nothing was sent")

    def _refused(self, error: smtplib.SMTPResponseException) -> AppError:
        text = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else str(error.smtp_error)
        )
        if error.smtp_code < 500:
            return TransientError("the mail server asks to try again later", code=f"smtp_{error.smtp_code}")
        if isinstance(error, smtplib.SMTPAuthenticationError) or error.smtp_code in (530, 534, 535):
            return SignInRequired(
                "the mail server for sending refused the user name or password",
                account=mail_account_key(self._account.account_id),
            )
        if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
            return PermanentError("the mail server refused the connection", server_text=text)
        code = "message_too_large" if error.smtp_code in _TOO_LARGE else None
        return MessageRejected("the mail server refused the message or a recipient", code=code, server_text=text)

    # What follows runs in the thread.

    def _open(self) -> None:
        server = self._account.smtp
        context = client_context(server.ca_file)
        is_starttls = server.security is ConnectionSecurity.STARTTLS
        connection = _Connection(context, self._timeouts, self._note_socket, is_tls=not is_starttls)
        self._connection = connection
        connection.open(server.host, server.port)
        if is_starttls:
            connection.ehlo_or_helo_if_needed()
            if not connection.has_extn("starttls"):
                raise NotSupported("the mail server offers no STARTTLS on this port", code="no_starttls")
            code, text = connection.starttls(context=context)
            if code != 220:
                raise smtplib.SMTPResponseException(code, text)
            self._note_socket(connection.sock)
        connection.ehlo_or_helo_if_needed()
        self._sign_in(connection)

    def _sign_in(self, connection: smtplib.SMTP) -> None:
        offered = str(connection.esmtp_features.get("auth", "")).upper().split()
        if "PLAIN" not in offered:
            connection.login(self._account.smtp.user, self._password)
            return
        # The library's own PLAIN takes ASCII only; RFC 4616 says UTF-8.
        secret = base64.b64encode(f"\0{self._account.smtp.user}\0{self._password}".encode()).decode("ascii")
        code, text = connection.docmd("AUTH", f"PLAIN {secret}")
        if code not in (235, 503):
            raise smtplib.SMTPAuthenticationError(code, text)

    def _note_socket(self, sock: Any) -> None:
        self._socket = sock

    def _envelope(self, sender: str, recipients: tuple[str, ...], size: int) -> None:
        connection = self._ready()
        options = []
        if not all(address.isascii() for address in (sender, *recipients)):
            if not connection.has_extn("smtputf8"):
                raise NotSupported(
                    "the mail server cannot send to addresses with letters like these", code="no_smtputf8"
                )
            options = ["SMTPUTF8", "BODY=8BITMIME"]
            connection.command_encoding = "utf-8"
        if connection.has_extn("size"):
            options.append(f"SIZE={size}")
        code, text = connection.mail(sender, options)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, text, sender)
        for recipient in recipients:
            code, text = connection.rcpt(recipient)
            if code not in (250, 251):
                # One refused recipient stops the whole: nobody gets a message that the sender would then send again to all.
                raise smtplib.SMTPDataError(code, text)

    def _data(self, payload: bytes) -> None:
        connection = self._ready()
        connection.putcmd("data")
        code, text = connection.getreply()
        if code != 354:
            raise smtplib.SMTPDataError(code, text)
        connection.send(payload)
        self._is_in_doubt = True
        if connection.sock is not None:
            connection.sock.settimeout(self._timeouts.accepted)
        connection.send(b".\r\n")
        code, text = connection.getreply()
        if code != 250:
            raise smtplib.SMTPDataError(code, text)
        self._is_in_doubt = False

    def _ready(self) -> smtplib.SMTP:
        if self._connection is None:
            raise Offline("there is no connection to the mail server", code="not_connected")
        return self._connection

    def _quit(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(Exception):
            if connection.sock is not None and not self._is_in_doubt:
                connection.sock.settimeout(CLOSE_DEADLINE_S)
                connection.quit()
        connection.close()
        self._socket = None


class _Connection(smtplib.SMTP):
    """smtplib's connection with a socket that can be broken from outside at any moment, the TLS handshake included."""

    def __init__(
        self, context: ssl.SSLContext, timeouts: SmtpTimeouts, on_socket: Callable[[Any], None], *, is_tls: bool
    ) -> None:
        self._tls = context if is_tls else None
        self._timeouts = timeouts
        self._on_socket = on_socket
        super().__init__(local_hostname=OWN_NAME, timeout=timeouts.reply)

    def open(self, host: str, port: int) -> None:
        """Connect and read the greeting."""
        self._host = host  # smtplib's STARTTLS checks the certificate against this name
        code, text = self.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = socket.create_connection((host, port), self._timeouts.connect)
        plain.settimeout(timeout)
        self._on_socket(plain)
        if self._tls is None:
            return plain
        try:
            secured = self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise
        self._on_socket(secured)
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured


def _refuse_line_breaks(address: str) -> None:
    if not address or any(ord(character) < 32 or ord(character) == 127 for character in address):
        raise ValidationFailed("an address holds characters that no address can have", code="illegal_characters")


def _stuffed(raw: bytes) -> bytes:
    """The message as DATA wants it (RFC 5321 4.5.2): CRLF at each line's end and a dot before each leading dot."""
    lines = _LONE_ENDS.sub(b"\r\n", raw)
    return re.sub(rb"(?m)^\.", b"..", lines if lines.endswith(b"\r\n") else lines + b"\r\n")
