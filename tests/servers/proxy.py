"""A TCP proxy that is an unreliable network: it delays, cuts, resets, stalls and refuses.

It carries bytes and knows no protocol, so TLS goes through untouched. It runs on a thread of its own, so that blocking clients and
clients on any loop can be tested. Faults are set by attributes from any thread and hold for what comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Faults:
    """What goes wrong. Each counts for connections and bytes from the moment it is set.

    ``refuse``: new connections are reset at once. ``delay_s`` before each piece, either way. ``cut_after``: the connection is closed once so
    many bytes of the server have passed; ``cut_upstream_after`` counts the client's. ``reset_before``: the next piece of the client
    resets the connection and is not passed on. ``reset_after``: it is passed on, and the connection is reset before any answer.
    ``stall``: nothing passes any more, and nothing is closed. ``times``: after so many cut or reset connections the network
    is whole again (-1: never).
    """

    refuse: bool = False
    delay_s: float = 0.0
    cut_after: int = -1
    cut_upstream_after: int = -1
    reset_before: bool = False
    reset_after: bool = False
    stall: bool = False
    times: int = -1

    def used(self) -> None:
        """One connection was harmed."""
        if self.times > 0:
            self.times -= 1
            if self.times == 0:
                self.refuse = self.reset_before = self.reset_after = self.stall = False
                self.cut_after = self.cut_upstream_after = -1


@dataclass
class Proxy:
    """A running proxy. Clients connect to ``port`` on 127.0.0.1; change ``faults`` at any time."""

    port: int
    faults: Faults = field(default_factory=Faults)
    connections: int = 0
    """How many were opened so far."""
    client_bytes: int = 0
    server_bytes: int = 0
    _drop: Callable[[], None] = lambda: None

    def heal(self) -> None:
        """End all faults."""
        self.faults = Faults()

    def drop_all(self) -> None:
        """Reset every open connection now."""
        self._drop()


@contextlib.contextmanager
def running_proxy(host: str, port: int) -> Iterator[Proxy]:
    """A proxy in front of a server, for the time of the block."""
    ready = threading.Event()
    found: list[Proxy] = []
    stops: list[Callable[[], None]] = []

    def run() -> None:
        asyncio.run(_serve(host, port, found, stops, ready))

    thread = threading.Thread(target=run, name="proxy")
    thread.start()
    try:
        assert ready.wait(20), "the proxy did not start"
        yield found[0]
    finally:
        stops[0]()
        thread.join(20)


async def _serve(
    host: str, port: int, found: list[Proxy], stops: list[Callable[[], None]], ready: threading.Event
) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        proxy.connections += 1
        writers.add(writer)
        try:
            if proxy.faults.refuse:
                proxy.faults.used()
                _reset(writer)
                return
            upstream_reader, upstream = await asyncio.open_connection(host, port)
            writers.add(upstream)
            pair = _Pair(proxy, writer, upstream)
            try:
                await asyncio.gather(pair.up(reader), pair.down(upstream_reader))
            finally:
                writers.discard(upstream)
                upstream.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writers.discard(writer)
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])

    def drop() -> None:
        for writer in tuple(writers):
            _reset(writer)

    proxy._drop = lambda: loop.call_soon_threadsafe(drop)
    found.append(proxy)
    stops.append(lambda: loop.call_soon_threadsafe(stopped.set))
    ready.set()
    await stopped.wait()
    server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


class _Pair:
    """One connection and its two directions."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._down = 0
        self._up = 0

    async def up(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            faults = self._proxy.faults
            await self._linger(faults)
            self._proxy.client_bytes += len(data)
            if faults.reset_before:
                return self._break(faults)
            if 0 <= faults.cut_upstream_after < self._up + len(data):
                self._server.write(data[: max(0, faults.cut_upstream_after - self._up)])
                return self._break(faults)
            if self._server.is_closing():
                return None
            self._up += len(data)
            self._server.write(data)
            await self._server.drain()
            if faults.reset_after:
                # The server has it, and works on it; nobody hears of it.
                await asyncio.sleep(0.2)
                return self._break(faults)
        self._server.close()
        return None

    async def down(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            faults = self._proxy.faults
            await self._linger(faults)
            self._proxy.server_bytes += len(data)
            if faults.reset_after:
                continue
            if 0 <= faults.cut_after < self._down + len(data):
                self._client.write(data[: max(0, faults.cut_after - self._down)])
                with contextlib.suppress(OSError):
                    await self._client.drain()
                return self._break(faults)
            if self._client.is_closing():
                return None
            self._down += len(data)
            self._client.write(data)
            await self._client.drain()
        self._client.close()
        return None

    async def _linger(self, faults: Faults) -> None:
        if faults.delay_s:
            await asyncio.sleep(faults.delay_s)
        while self._proxy.faults.stall:
            await asyncio.sleep(0.02)

    def _break(self, faults: Faults) -> None:
        faults.used()
        _reset(self._client)
        _reset(self._server)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
