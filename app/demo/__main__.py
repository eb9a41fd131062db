"""``python -m app.demo [--state DIR] [--fixture FILE] [--host 127.0.0.1]``: one JSON line, then serve until stopped."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.demo.admin import AdminServer
from app.demo.mail import StateUnreadable
from app.demo.salesforce.schema.setup import FixtureError
from app.demo.sample import FixtureProblem
from app.demo.world import StateNotUsable, World


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo world; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m app.demo", description="A Salesforce org and a mailbox on loopback."
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep data, ports and certificates in this folder")
    parser.add_argument("--fixture", type=Path, metavar="FILE", help="load other data (see resources/demo/README.md)")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to serve on")
    arguments = parser.parse_args(argv)
    if not is_loopback(arguments.host):
        # Its admin address obeys whoever reaches it.
        parser.error("--host takes a loopback address only: 127.0.0.1, ::1 or localhost")
    try:
        asyncio.run(_serve(arguments.state, arguments.fixture, arguments.host))
    except (FixtureProblem, FixtureError, StateUnreadable, StateNotUsable) as exc:
        print(f"The demo world cannot start: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def is_loopback(host: str) -> bool:
    """Whether nobody but this computer can reach a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _serve(state: Path | None, fixture: Path | None, host: str) -> None:
    stopping = asyncio.Event()
    world = World(state, fixture, host)
    await world.open()
    admin = AdminServer(world, stopping.set)
    await admin.start()
    _on_signals(stopping)
    print(json.dumps(world.announcement(admin.url)), flush=True)
    try:
        await stopping.wait()
    finally:
        await admin.close()
        await world.close()


def _on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop_soon(*_: object) -> None:
        loop.call_soon_threadsafe(stopping.set)

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, stopping.set)
        except NotImplementedError:
            # Windows' event loop has no signal handlers of its own
            signal.signal(number, stop_soon)


if __name__ == "__main__":
    sys.exit(main())
