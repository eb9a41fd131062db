"""The address on this machine to which the browser brings the answer of a sign-in (RFC 8252 7.3).

A server of our own, since ready-made ones end the sign-in at the first request of any kind: here a favicon, a port probe, a wrong path or a wrong
``state`` gets an error page and the waiting goes on. Fixed ports, because Salesforce compares the whole address with the registered ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from app.auth.oauth import CALLBACK_PATH, CALLBACK_PORTS, callback_address
from app.errors import LocalError, PermanentError, TransientError

WAIT_S = 300.0
REQUEST_LIMIT = 64 * 1024
REQUEST_WAIT_S = 10.0
CONNECTIONS_AT_ONCE = 32

_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{title}</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto;padding:0 1em;"
    "color:#1d2a33;background:#f6f8f9}}@media(prefers-color-scheme:dark){{body{{color:#e6ecef;background:#12181c}}}}"
    "h1{{font-size:1.4em;font-weight:600}}</style><h1>{title}</h1><p>{words}</p></html>"
)


class SignInCancelled(PermanentError):
    """The user said no in the browser, or gave up in the program; ``code`` is OAuth's word or ``cancelled``."""

    code = "sign_in_cancelled"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    title: str
    words: str


_DONE = _Answer("200 OK", "You are signed in", "You can close this page and go back to Outrigger.")
_REFUSED = _Answer(
    "200 OK", "Sign-in was not completed", "Nothing was changed. You can close this page and go back to Outrigger."
)
_WRONG = _Answer(
    "400 Bad Request", "This is not the expected answer", "Outrigger still waits for the sign-in that it started."
)
_NOT_HERE = _Answer("404 Not Found", "Nothing here", "This address only takes the answer of a sign-in.")
_NOT_SO = _Answer("405 Method Not Allowed", "Not in this way", "This address only takes the answer of a sign-in.")
_TOO_LONG = _Answer("414 URI Too Long", "Too long", "This address only takes the answer of a sign-in.")


@dataclass(slots=True)
class LoopbackReceiver:
    """Listens on the first free port of ``ports``; use it as an async context manager.

    ``state`` is the value that the right answer carries. Raises LocalError on entry when every port is taken.
    """

    state: str = field(repr=False)
    ports: Sequence[int] = CALLBACK_PORTS
    _servers: list[asyncio.Server] = field(default_factory=list, init=False, repr=False)
    _answer: asyncio.Future[str] | None = field(default=None, init=False, repr=False)
    _open: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    _port: int = field(default=0, init=False)

    @property
    def redirect_uri(self) -> str:
        """The address that the browser is to be sent to."""
        return callback_address(self._port)

    async def __aenter__(self) -> Self:
        self._answer = asyncio.get_running_loop().create_future()
        for port in self.ports:
            if await self._listen(port):
                self._port = port
                return self
        raise LocalError(
            "the ports that Salesforce may answer on are taken by other programs: " + ", ".join(map(str, self.ports)),
            code="callback_ports_taken",
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        # The page that says "you are signed in" may still be on its way.
        if self._open:
            await asyncio.wait(self._open, timeout=1.0)
        for task in self._open:
            task.cancel()
        for server in self._servers:
            await server.wait_closed()
        if self._answer is not None and self._answer.done() and not self._answer.cancelled():
            self._answer.exception()

    async def code(self, *, cancel: asyncio.Event | None = None, wait_s: float = WAIT_S) -> str:
        """The authorization code, once the browser has brought it.

        Raises SignInCancelled (the user said no, or ``cancel`` was set), TransientError (code ``sign_in_timeout``) after ``wait_s`` seconds.
        """
        assert self._answer is not None
        watched = asyncio.create_task((cancel or asyncio.Event()).wait())
        try:
            await asyncio.wait((self._answer, watched), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if self._answer.done():
                return self._answer.result()
            if watched.done():
                raise SignInCancelled("the sign-in was given up")
            raise TransientError("nobody completed the sign-in in the browser in time", code="sign_in_timeout")
        finally:
            watched.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watched

    async def _listen(self, port: int) -> bool:
        # "localhost" may be either address in the browser, so both are listened on; another program on one of them could catch the code.
        opened: list[asyncio.Server] = []
        for address in ("127.0.0.1", "::1"):
            try:
                opened.append(await asyncio.start_server(self._connected, address, port, limit=REQUEST_LIMIT))
            except OSError as error:
                if address == "::1" and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL):
                    continue  # a machine without IPv6
                for server in opened:
                    server.close()
                    await server.wait_closed()
                return False
        self._servers = opened
        return True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if len(self._open) <= CONNECTIONS_AT_ONCE:
                answer = await self._heard(reader)
                if answer is not None:
                    writer.write(_response(answer))
                    await asyncio.wait_for(writer.drain(), REQUEST_WAIT_S)
        except OSError:
            pass  # the browser went away, or took too long (TimeoutError is one of these)
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _heard(self, reader: asyncio.StreamReader) -> _Answer | None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_WAIT_S)
        except asyncio.LimitOverrunError:
            return _TOO_LONG
        except (asyncio.IncompleteReadError, TimeoutError):
            return None
        try:
            lines = head.decode("ascii").split("\r\n")
            method, target, _ = lines[0].split(" ")
        except ValueError:
            return _WRONG
        if method != "GET":
            return _NOT_SO
        if not self._is_our_host(lines[1:]):
            return _WRONG
        return self._judge(target)

    def _is_our_host(self, header_lines: list[str]) -> bool:
        # A page elsewhere can point its own name at this machine; the Host field still tells its name.
        hosts = [line[5:].strip().lower() for line in header_lines if line[:5].lower() == "host:"]
        return len(hosts) == 1 and hosts[0] in (f"{name}:{self._port}" for name in ("localhost", "127.0.0.1", "[::1]"))

    def _judge(self, target: str) -> _Answer:
        assert self._answer is not None
        path, _, query = target.partition("?")
        if path != CALLBACK_PATH:
            return _NOT_HERE
        try:
            fields = parse_qs(query, keep_blank_values=True, max_num_fields=20, errors="strict")
        except ValueError:
            return _WRONG
        states, codes, errors = (fields.get(name, []) for name in ("state", "code", "error"))
        if len(states) != 1 or not hmac.compare_digest(states[0].encode(), self.state.encode()):
            return _WRONG
        if self._answer.done():
            return _WRONG
        if len(errors) == 1 and not codes:
            word = "".join(ch for ch in errors[0][:64] if ch.isascii() and (ch.isalnum() or ch in "_-"))
            self._answer.set_exception(
                SignInCancelled("Salesforce did not sign the user in", code=word.replace("-", "_") or None)
            )
            return _REFUSED
        if len(codes) != 1 or not codes[0] or errors:
            return _WRONG
        self._answer.set_result(codes[0])
        return _DONE


def _response(answer: _Answer) -> bytes:
    body = _PAGE.format(title=answer.title, words=answer.words).encode()
    head = (
        f"HTTP/1.1 {answer.status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nCache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
