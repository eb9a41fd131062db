"""The mail half of the demo world in a process of its own, with chosen extensions: ``python -m tests.servers.demo_mail WITHOUT…``.

It prints one JSON line (ports and the CA file), then answers commands, one JSON object a line: ``{"fault": …, "service": …, "times": …}`` injects a
fault, ``{"sent": true}`` lists what SMTP accepted. It ends when its input ends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DemoMail:
    """The running process and where it answers."""

    imaps: int
    imap: int
    smtps: int
    smtp: int
    ca_file: str
    process: subprocess.Popen[str]

    def ask(self, command: dict[str, Any]) -> Any:
        """Send a command, read its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def fault(self, service: str, kind: str, *, times: int = 1, **values: Any) -> None:
        """Put a fault in force (`app.demo.mail.faults`)."""
        assert self.ask({"service": service, "fault": {"kind": kind, **values}, "times": times}) == "ok"

    def sent(self) -> list[dict[str, Any]]:
        """Every message that SMTP accepted: ``sender``, ``recipients``, ``raw`` (bytes)."""
        return [{**each, "raw": base64.b64decode(each["raw"])} for each in self.ask({"sent": True})]


@contextlib.contextmanager
def running_demo_mail(without: tuple[str, ...] = ()) -> Iterator[DemoMail]:
    """A process for the time of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.demo_mail", *without],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield DemoMail(**json.loads(process.stdout.readline()), process=process)
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


async def _serve(without: frozenset[str]) -> None:
    from app.demo.mail import ALL_EXTENSIONS, MailFaults, start_mail_servers
    from tests.app.demo.mail.running import RealClock, authority, server_context, two_users

    faults = MailFaults()
    servers = await start_mail_servers(
        two_users(0),
        host="127.0.0.1",
        tls=server_context(),
        state=None,
        faults=faults,
        clock=RealClock(),
        extensions=frozenset(each for each in ALL_EXTENSIONS if each.value not in without),
    )
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority().cert_pem.write_to_path(str(ca_file))
        ports = {name: getattr(servers, name) for name in ("imaps", "imap", "smtps", "smtp")}
        print(json.dumps({**ports, "ca_file": str(ca_file)}), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            answer: Any = "ok"
            if "fault" in command:
                faults.inject(command["service"], command["fault"], command["times"])
            else:
                answer = [
                    {
                        "sender": each.sender,
                        "recipients": list(each.recipients),
                        "raw": base64.b64encode(each.raw).decode(),
                    }
                    for each in servers.sent()
                ]
            print(json.dumps(answer), flush=True)
    await servers.close()


if __name__ == "__main__":
    asyncio.run(_serve(frozenset(sys.argv[1:])))
