"""The network of one service: a listening port that can go away and come back, and connections cut by a reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Callable


class Listener:
    """One port of a server.

    While it is down the port stays bound but does not listen: clients are refused, and no other program can take the port.
    """

    def __init__(
        self, host: str, port: int, factory: Callable[[], asyncio.BaseProtocol], context: ssl.SSLContext | None
    ) -> None:
        self._factory = factory
        self._context = context
        self._server: asyncio.Server | None = None
        try:
            self._socket = _bound_socket(host, port)
        except OSError:
            # The port of an earlier run is taken: any other will do, the world announces it.
            self._socket = _bound_socket(host, 0)
        self._host = host
        self.port: int = self._socket.getsockname()[1]

    async def up(self) -> None:
        """Listen."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._factory, sock=self._socket, ssl=self._context, backlog=100)

    def down(self) -> None:
        """Refuse new connections and keep the port. Connections that exist are the server's own affair."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket = _bound_socket(self._host, self.port)

    def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        with contextlib.suppress(OSError):
            self._socket.close()


def reset_transport(transport: asyncio.BaseTransport) -> None:
    """End a connection with RST instead of FIN: no linger, then abort."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        form = "hh" if sys.platform == "win32" else "ii"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(form, 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _bound_socket(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only on sockets that name their protocol.
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            # There it would let a second program share the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
