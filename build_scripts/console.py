"""What dev.py says, and how it runs the programs that it needs.

One short line for each thing done. A failure is a `Stop`: words for a person and what to do next, never a traceback.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 12
PROGRESS_EVERY_S = 5.0


class Stop(Exception):
    """The command cannot go on. The text says what happened and what to do."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


def say(text: str) -> None:
    """One line on standard output, at once."""
    print(f"dev: {text}", flush=True)


def run(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run a program that speaks for itself on our own output; its exit code.

    Raises Stop when the program is not there.
    """
    sys.stdout.flush()
    try:
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, env=env)
    except OSError as error:
        raise Stop(f"{command[0]} could not be started: {error.strerror}.") from None
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The keyboard's signal reached the program too; it may end in order.
            continue
        return 128 - code if code < 0 else code


def output_of(
    command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program quietly; its exit code and everything it wrote. 127 when it is not there."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}"
    return done.returncode, done.stdout


def run_with_progress(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    step: Callable[[str], bool],
    what: str,
    total: int = 0,
) -> tuple[int, list[str]]:
    """Run a long program; say every few seconds how many of its lines were a ``step``. Its exit code and its last lines.

    Raises Stop when the program is not there.
    """
    tail: list[str] = []
    done = 0
    next_word = time.monotonic() + PROGRESS_EVERY_S
    try:
        with subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                tail = [*tail[1 - 4 * TAIL_LINES :], line.rstrip()]
                done += step(line)
                if time.monotonic() >= next_word:
                    say(f"{what}: {done} of {total}" if total else f"{what}: {done} so far")
                    next_word = time.monotonic() + PROGRESS_EVERY_S
    except OSError as error:
        raise Stop(f"{command[0]} could not be started: {error.strerror}.") from None
    except KeyboardInterrupt:
        raise Stop("stopped by the keyboard.", exit_code=130) from None
    return process.returncode, tail


def last_words(lines: Sequence[str]) -> str:
    """The end of a program's output, indented, to be put under a failure."""
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:] if line.strip())


def shell(command: Sequence[str | Path]) -> str:
    """A command as a person would type it."""
    return " ".join(shlex.quote(str(word)) for word in command)
