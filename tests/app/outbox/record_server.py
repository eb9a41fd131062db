"""A server that keeps records and can lose its answers, commit late, refuse, limit and vanish."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    ``kind``: status (answer with ``status`` and do nothing), lost (do it, then cut the connection), dropped (cut it and do nothing),
    late (cut it, and do it ``after_s`` later), garbage (do it and answer nonsense with status 200).
    """

    kind: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    after_s: float = 0.0
    body: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    key: str
    target: str
    parents: tuple[str, ...]
    number: int
    is_state: bool = False


class RecordServer:
    """``POST /records`` keeps a record, ``GET /records`` finds by key. ``wall`` is the time that late commits live on."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._runner: web.AppRunner | None = None
        self._late: list[tuple[float, Record]] = []
        self._kept: list[Record] = []
        self.port = 0
        self.forwarded_s = 0.0
        self.write_faults: deque[Fault] = deque()
        self.read_faults: deque[Fault] = deque()
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.is_signed_in = True
        self.at_once = 0
        self.most_at_once = 0
        self.hold = asyncio.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wall(self) -> float:
        return self._wall() + self.forwarded_s

    @property
    def records(self) -> list[Record]:
        due = sorted((entry for entry in self._late if entry[0] <= self.wall), key=lambda entry: entry[0])
        self._late = [entry for entry in self._late if entry[0] > self.wall]
        for _, record in due:
            self._keep(record)
        return self._kept

    def _keep(self, record: Record) -> None:
        # A state that is wished for (a flag) is there once, however often it is written.
        if not record.is_state or record.key not in [kept.key for kept in self._kept]:
            self._kept.append(record)

    def keys(self) -> list[str]:
        return [record.key for record in self.records]

    async def up(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/records", self._write),
                web.get("/records", self._read),
                web.post("/forward", self._forward),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        if not self.port:
            self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _write(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.hold.wait()
        finally:
            self.at_once -= 1
        if not self.is_signed_in:
            return web.json_response({}, status=401)
        self.writes.append(asked["key"])
        number = len(self.records) + len(self._late) + 1
        record = Record(asked["key"], asked["target"], tuple(asked["parents"]), number, asked["is_state"])
        fault = self.write_faults.popleft() if self.write_faults else Fault("none")
        if fault.kind == "status":
            return web.json_response(fault.body, status=fault.status, headers=dict(fault.headers))
        if fault.kind == "late":
            self._late.append((self.wall + fault.after_s, record))
        if fault.kind in ("none", "lost", "garbage"):
            self._keep(record)
        if fault.kind in ("lost", "dropped", "late"):
            return _cut(request)
        if fault.kind == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        return web.json_response({"record_id": f"r{number}"}, status=201)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if not self.is_signed_in:
            return web.json_response({}, status=401)
        key = request.query["key"]
        self.reads.append(key)
        fault = self.read_faults.popleft() if self.read_faults else Fault("none")
        if fault.kind == "status":
            return web.json_response(fault.body, status=fault.status, headers=dict(fault.headers))
        if fault.kind != "none":
            return _cut(request)
        found = [record for record in self.records if record.key == key]
        return web.json_response({"found": [f"r{record.number}" for record in found]})

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        # A client in another process lets time pass for both.
        self.forwarded_s += (await request.json())["seconds"]
        return web.json_response({})


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    # A reset, not an orderly end.
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    request.transport.abort()
    return web.Response()
