"""The listening ports of the server, which can go down and come back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MAX_LINE = 64 * 1024
# aiohttp takes 0 for "without limit"
_SHUTDOWN_S = 0.1


class Ports:
    """A plain port and one with TLS, served by one handler.

    While they are down the ports stay bound without listening: clients are refused, and no other program can take them.
    """

    def __init__(self, handler: Handler, host: str, wanted: Mapping[str, int], tls: ssl.SSLContext) -> None:
        self._handler = handler
        self._host = host
        self._tls = tls
        self._sockets = {scheme: bound_socket(host, port) for scheme, port in wanted.items()}
        self.numbers = {scheme: int(sock.getsockname()[1]) for scheme, sock in self._sockets.items()}
        self._runner: web.ServerRunner | None = None
        self._server: web.Server | None = None

    async def up(self) -> None:
        """Listen on both ports."""
        if self._runner is not None:
            return
        self._server = web.Server(
            self._handler,  # type: ignore[arg-type]
            access_log=None,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        for scheme, sock in self._sockets.items():
            await web.SockSite(self._runner, sock, ssl_context=self._tls if scheme == "https" else None).start()

    async def down(self) -> None:
        """Reset all connections and refuse new ones; the ports stay taken."""
        if self._runner is None or self._server is None:
            return
        for connection in list(self._server.connections):
            if connection.transport is not None:
                reset_transport(connection.transport)
        # the loop tells the connections of their end in its next turn
        await asyncio.sleep(0)
        await self._runner.cleanup()
        self._runner = self._server = None
        self._sockets = {scheme: bound_socket(self._host, port) for scheme, port in self.numbers.items()}

    async def close(self) -> None:
        """Give the ports back."""
        await self.down()
        for sock in self._sockets.values():
            with contextlib.suppress(OSError):
                sock.close()


def reset_transport(transport: asyncio.Transport) -> None:
    """End a connection with a reset, so that the client cannot take it for an orderly end."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        form = "hh" if sys.platform == "win32" else "ii"
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(form, 1, 0))
    transport.abort()


def bound_socket(host: str, port: int) -> socket.socket:
    """A bound socket; another port where this one is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        if port == 0:
            sock.close()
            raise
        sock.bind((host, 0))
    sock.setblocking(False)
    return sock
