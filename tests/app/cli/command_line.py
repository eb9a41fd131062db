"""Runs the command line as a script does: by arguments, with secrets on the input stream."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli import main

PASSPHRASE = "correct horse battery"
ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 90


@dataclass(frozen=True)
class Result:
    """What one command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on the output stream."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The JSON error on the error stream."""
        found: dict[str, str] = json.loads(self.err.splitlines()[-1])
        return found


class CommandLine:
    """A profile and its vault, driven by commands."""

    def __init__(self, profile: Path, passphrase: str = PASSPHRASE) -> None:
        self.profile = profile
        self.passphrase = passphrase

    def json(self, *arguments: str, secret: str = "") -> Result:
        """Run a command with ``--json``; ``secret`` is the second line of its input."""
        return self.run("--json", *arguments, secret=secret)

    def run(self, *arguments: str, secret: str = "") -> Result:
        """Run a command."""
        return call("--profile", str(self.profile), "--vault", *arguments, secret=self._input(secret))

    @contextmanager
    def running(self, *arguments: str, secret: str = "") -> Iterator[subprocess.Popen[str]]:
        """A command that goes on, its output to be read line by line; ended at the end."""
        process = subprocess.Popen(
            [*self._begin(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(self._input(secret))
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

    def _begin(self) -> list[str]:
        return [sys.executable, "-m", "app", "--profile", str(self.profile), "--vault"]

    def _input(self, secret: str) -> str:
        return f"{self.passphrase}\n{secret}\n"


def call(*arguments: str, secret: str = "") -> Result:
    """Run a command in this process: a new process for each would take the better part of a second."""
    stdin, out, err = sys.stdin, io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO(secret)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
    finally:
        sys.stdin = stdin
    return Result(code, out.getvalue(), err.getvalue())


def bare(*arguments: str, secret: str = "", **environment: str) -> Result:
    """Run a command in a process of its own, without a vault and in an environment without a keychain."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        input=secret,
        env=kept | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
