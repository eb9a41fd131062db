"""An HTTP server whose answers a test writes byte by byte: hostile, cut, silent, or well-behaved. Runs in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """Bytes to send as they are; ``then`` is "keep", "close", "reset" or "stall" (say nothing more, keep the connection)."""

    raw: bytes
    then: str = "keep"


def reply(status: int, body: bytes = b"", content_type: str = "", **headers: str) -> Reply:
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Reply("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def json_reply(status: int, value: object, **headers: str) -> Reply:
    return reply(status, json.dumps(value).encode(), "application/json;charset=UTF-8", **headers)


def html_reply(status: int) -> Reply:
    return reply(status, b"<!doctype html><title>Sign in to the network</title>", "text/html")


Answer = Callable[[Request], "Reply | Awaitable[Reply]"]


@dataclass
class RawHttp:
    port: int
    scheme: str
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, came: Callable[[Request], bool]) -> None:
        """Wait until a request for which ``came`` holds has arrived."""
        async with self.news:
            await self.news.wait_for(lambda: any(came(request) for request in self.requests))

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@asynccontextmanager
async def raw_http(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawHttp]:
    """Serve on a free port of loopback until the block ends."""
    told = RawHttp(0, "https" if tls else "http")
    open_ones: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        told.connections += 1
        try:
            await _serve(reader, writer, told, answer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            open_ones.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        for task in tuple(open_ones):
            task.cancel()
        if open_ones:
            await asyncio.wait(tuple(open_ones))
        await server.wait_closed()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: RawHttp, answer: Answer) -> None:
    while True:
        request = await _read(reader)
        told.requests.append(request)
        async with told.news:
            told.news.notify_all()
        given = answer(request)
        said = given if isinstance(given, Reply) else await given
        writer.write(said.raw)
        await writer.drain()
        if said.then == "stall":
            await asyncio.Event().wait()
        if said.then == "reset":
            # With a linger of zero the kernel sends RST and not FIN.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()
        if said.then != "keep":
            return


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


def refused_url() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
