"""One client connection at the level of bytes: lines and literals in, bytes out, TLS in between, cuts on purpose."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from app.demo.mail.network import reset_transport

LINE_LIMIT: Final = 1 << 20
BUFFER_LIMIT: Final = 1 << 18


class ConnectionEnded(Exception):
    """The client has gone, or a fault cut the line."""


class LineTooLong(Exception):
    """No line end within the limit."""


class Wire(asyncio.Protocol):
    """Reads lines and counted bytes from a transport and writes to it.

    ``serve`` runs as a task of its own from the first moment of the connection to its end. ``cut_after`` closes the line once that many
    bytes have been sent. ``on_end`` is called once, when that task has ended.
    """

    def __init__(
        self,
        serve: Callable[[Wire], Coroutine[Any, Any, None]],
        *,
        cut_after: int | None = None,
        on_end: Callable[[Wire], None] = lambda _wire: None,
    ) -> None:
        self._serve = serve
        self._on_end = on_end
        self._cut_after = cut_after
        self._buffer = bytearray()
        self._wanted = 0
        self._ended = False
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self._more = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.is_tls = False
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected (or TLS now wraps the connection)."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_tls = transport.get_extra_info("sslcontext") is not None
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        """Bytes have come; reading pauses while more are waiting than anybody wants."""
        self._buffer += data
        self._more.set()
        if len(self._buffer) > max(BUFFER_LIMIT, self._wanted) and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client will send nothing more: what is buffered is still served."""
        self._ended = True
        self._more.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is gone."""
        self._ended = True
        self._transport = None
        self._more.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    async def read_line(self, limit: int = LINE_LIMIT) -> bytes:
        """The next line without its end (CRLF, or a bare LF). Raises LineTooLong (the bytes read so far are dropped) and ConnectionEnded."""
        start = 0
        while True:
            end = self._buffer.find(b"\n", start)
            if end >= 0:
                line = self._take(end + 1)
                return line[:-2] if line.endswith(b"\r\n") else line[:-1]
            start = len(self._buffer)
            if start > limit:
                self._take(start)
                raise LineTooLong
            await self._wait_for_more()

    async def read_exactly(self, count: int) -> bytes:
        """The next ``count`` bytes. Raises ConnectionEnded."""
        self._wanted = count
        try:
            while len(self._buffer) < count:
                await self._wait_for_more()
        finally:
            self._wanted = 0
        return self._take(count)

    async def discard(self, count: int) -> None:
        """Read ``count`` bytes and keep none of them. Raises ConnectionEnded."""
        while count > 0:
            if not self._buffer:
                await self._wait_for_more()
            count -= len(self._take(min(count, len(self._buffer))))

    def write(self, data: bytes) -> None:
        """Send; silently nothing once the connection is gone (the reader of this wire learns that)."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._cut_after is not None:
            if len(data) > self._cut_after:
                self._transport.write(data[: self._cut_after])
                self.close()
                return
            self._cut_after -= len(data)
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written. Raises ConnectionEnded."""
        await self._writable.wait()
        if self._transport is None:
            raise ConnectionEnded

    def hold(self) -> None:
        """Leave in the system's buffer what comes from now on, until `start_tls`."""
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Wrap the connection in TLS; what a client sent ahead of the handshake is dropped (RFC 9051 6.2.1, CVE-2011-0411)."""
        if self._transport is None:
            raise ConnectionEnded
        self._buffer.clear()
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, ssl.SSLError) as error:
            raise ConnectionEnded from error
        if transport is None:
            raise ConnectionEnded
        # Not cleared once more: the first command inside TLS may be here already.
        self._paused = False
        self._transport = transport
        self.is_tls = True

    def close(self) -> None:
        """Send what is left, then end the connection."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """End the connection at once with a reset, as a network that goes away does."""
        if self._transport is not None:
            reset_transport(self._transport)

    async def _run(self) -> None:
        try:
            await self._serve(self)
        except ConnectionEnded:
            pass
        finally:
            self.close()
            self._on_end(self)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        if self._paused and len(self._buffer) <= BUFFER_LIMIT and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return taken

    async def _wait_for_more(self) -> None:
        if self._ended:
            raise ConnectionEnded
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        self._more.clear()
        await self._more.wait()
