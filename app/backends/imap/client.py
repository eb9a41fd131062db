"""IMAPClient with the gaps closed that a hostile server or a careless argument could use.

- Every argument of every command passes `refuse_line_breaks`: the library sends CR and LF in search terms, flags and logins as they are,
  which would let a name from elsewhere write commands.
- A literal is never allocated as announced, a truncated one is never taken for whole, and one answer has a budget of bytes.
- The library's debug formatting costs more than its parsing, and its log names the user: both are off.

`imaplib` and `IMAPClient` names with an underscore are used here and in this package only; pyproject.toml pins the minor version.
"""

from __future__ import annotations

import contextlib
import imaplib
import logging
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from app.errors import NotSupported, ValidationFailed

MAX_LITERAL = 512 << 20
MAX_LINE = 64 << 20
READ_STEP = 1 << 20
_NEWS = (b"EXISTS", b"EXPUNGE", b"FETCH", b"VANISHED", b"RECENT")
_UNASKED = ("EXISTS", "EXPUNGE", "VANISHED", "RECENT", "FETCH")

logging.getLogger("imapclient").setLevel(logging.CRITICAL)


def refuse_line_breaks(*arguments: object) -> None:
    """Raise ValidationFailed when a CR, LF or NUL is anywhere in these arguments (text, bytes, numbers, nested sequences)."""
    for argument in arguments:
        if isinstance(argument, str):
            bad = "\r" in argument or "\n" in argument or "\x00" in argument
        elif isinstance(argument, bytes | bytearray):
            bad = b"\r" in argument or b"\n" in argument or b"\x00" in argument
        else:
            bad = False
            if isinstance(argument, list | tuple | set | frozenset):
                refuse_line_breaks(*argument)
        if bad:
            raise ValidationFailed("a line break cannot be part of an IMAP command", code="illegal_characters")


class BoundedImap4(imaplib.IMAP4):
    """imaplib's connection with bounds on what it reads and writes."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        context: ssl.SSLContext | None,
        on_socket: Callable[[socket.socket], None],
    ) -> None:
        self._tls = context
        self._on_socket = on_socket
        self.answer_left = MAX_LITERAL
        super().__init__(host, port, timeout)

    @property
    def stream(self) -> Any:
        """The buffered reader; imaplib's annotations say text or bytes."""
        return self.file

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        self._on_socket(plain)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return plain
        try:
            secured = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
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

    def _command(self, name: str, *args: Any) -> Any:
        refuse_line_breaks(name, *args)
        return super()._command(name, *args)  # type: ignore[misc]  # private, see the module's docstring

    def read(self, size: int) -> bytes:
        """A literal of exactly ``size`` bytes."""
        self._spend(size)
        pieces: list[bytes] = []
        left = size
        while left:
            piece: bytes = self.stream.read(min(left, READ_STEP))
            if not piece:
                raise self.abort("the connection ended inside a literal")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        """One line; longer ones than imaplib's million bytes are legal (a SEARCH of a large folder)."""
        line: bytes = self.stream.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise self.abort("a line is too long")
        self._spend(len(line))
        return line

    def _spend(self, size: int) -> None:
        self.answer_left -= size
        if self.answer_left < 0:
            raise self.abort("an answer is too long")


class Client(IMAPClient):  # type: ignore[misc]  # the library has no types
    """One connection, made by the constructor, secured by `secure`. ``on_socket`` hears of each socket as soon as it exists."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext,
        is_starttls: bool,
        timeouts: SocketTimeout,
        on_socket: Callable[[socket.socket], None],
    ) -> None:
        self._on_socket = on_socket
        self._bounded_context = None if is_starttls else context
        self.has_news = False
        super().__init__(host, port, ssl=not is_starttls, ssl_context=context, timeout=timeouts)
        self._imap.debug = 0

    def _create_IMAP4(self) -> BoundedImap4:  # noqa: N802 - the library's name
        return BoundedImap4(self.host, self.port, self._timeout.connect, self._bounded_context, self._on_socket)

    def _raw_command(self, command: Any, args: Any, uid: bool = True) -> Any:
        refuse_line_breaks(command, args)
        return super()._raw_command(command, args, uid=uid)

    def _normalise_folder(self, folder_name: Any) -> Any:
        # The library encodes line breaks in folder names, and servers answer such names by hanging up.
        refuse_line_breaks(folder_name)
        return super()._normalise_folder(folder_name)

    @property
    def imap(self) -> BoundedImap4:
        """The connection below."""
        return self._imap  # type: ignore[no-any-return]

    def secure(self, context: ssl.SSLContext) -> None:
        """STARTTLS where the account asks for it, never without. A greeting that signs us in unasked is refused (RFC 9051 11.1)."""
        if self.imap.state != "NONAUTH":
            raise NotSupported("the server signed us in before the connection was secured", code="preauth_refused")
        if self._bounded_context is None:
            if not self.has_capability("STARTTLS"):
                raise NotSupported("the server offers no STARTTLS on this port", code="no_starttls")
            self.starttls(context)
            self._on_socket(self.imap.sock)

    def begin(self) -> None:
        """Call before each command: a new budget, and what the server said unasked is remembered as news."""
        self.imap.answer_left = MAX_LITERAL
        self.note_news()

    def note_news(self) -> None:
        """Take unsolicited answers out of the library's store (they would mix with the next answer) and remember that there were some."""
        for name in _UNASKED:
            if self.imap.untagged_responses.pop(name, None):
                self.has_news = True

    def code(self, name: str) -> bytes | None:
        """A response code of the last command (COPYUID, APPENDUID), or None."""
        found = self.imap.untagged_responses.pop(name, None)
        return found[-1] if found and isinstance(found[-1], bytes) else None

    def wait_for_news(self, timeout_s: float) -> bool:
        """IDLE (RFC 2177): True when the open folder changed, False when the time is over."""
        told = self._begin_idle()
        end = time.monotonic() + timeout_s
        while not told:
            line = self._line_if_any()
            if line is None:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._wait_readable(left)
            else:
                self.imap.answer_left = MAX_LITERAL
                told = _is_news(line)
        _, late = self.idle_done()
        return told or any(isinstance(answer, tuple) and set(answer) & set(_NEWS) for answer in late)

    def _begin_idle(self) -> bool:
        # The library's own idle() takes an untagged answer before the "+" for a failure, and then lives on out of step.
        tag = self.imap._command("IDLE")  # noqa: SLF001
        told = False
        while (line := self.imap._get_response()) is not None:  # noqa: SLF001
            if self.imap.tagged_commands[tag]:
                raise self.imap.error("IDLE was refused")
            told = told or _is_news(line)
        self._idle_tag = tag
        return told

    def _line_if_any(self) -> bytes | None:
        # The library's own idle_check takes the end of the connection for silence.
        sock = self.socket()
        sock.setblocking(False)
        try:
            start = self.imap.stream.peek(1)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return None
        finally:
            sock.settimeout(self._timeout.read)
        if not start:
            raise self.imap.abort("the connection ended")
        line: bytes = self.imap._get_line()  # noqa: SLF001 - private, see the module's docstring
        return line

    def _wait_readable(self, timeout_s: float) -> None:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.socket().fileno(), select.POLLIN)
            poll.poll(timeout_s * 1000)
        else:
            select.select([self.socket()], [], [], timeout_s)


def break_socket(sock: socket.socket) -> None:
    """Shut a socket down in both directions. `ssl.SSLSocket.shutdown` is passed by: it pulls the TLS state from under a reading thread."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _is_news(line: bytes) -> bool:
    words = line.upper().split(b" ", 3)
    return words[:1] == [b"*"] and bool(set(words[1:3]) & set(_NEWS))
