"""A program inside a session of its own: a private D-Bus, a private home folder and an unlocked Secret Service (Linux).

``python private_session.py PROGRAM [ARGUMENT…]`` runs PROGRAM so and exits with its code. Home folder and keychain go together when it ends, so that
no key outlives its database or the reverse. dev.py uses it where no Secret Service runs: in a container, in CI, over ssh.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

DAEMON = "gnome-keyring-daemon"
BUS_RUNNER = "dbus-run-session"
INSIDE = "--inside"


def can_start() -> bool:
    """Whether the two programs that it needs are here."""
    return shutil.which(BUS_RUNNER) is not None and shutil.which(DAEMON) is not None


def is_secret_service_running() -> bool:
    """Whether the session bus of this environment has a Secret Service, or would start one when asked."""
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") or shutil.which("dbus-send") is None:
        return False
    ask = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--reply-timeout=3000",
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
    ]
    for method in ("ListNames", "ListActivatableNames"):
        try:
            done = subprocess.run(
                [*ask, f"org.freedesktop.DBus.{method}"],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                timeout=5,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if '"org.freedesktop.secrets"' in done.stdout:
            return True
    return False


def wrapped(command: list[str]) -> list[str]:
    """The command that runs ``command`` inside a private session."""
    return [sys.executable, str(Path(__file__).resolve()), *command]


def main(arguments: list[str]) -> int:
    """Start the bus, then, inside it, the daemon and the program."""
    if not arguments:
        print("usage: private_session.py PROGRAM [ARGUMENT…]", file=sys.stderr)
        return 2
    if arguments[0] == INSIDE:
        return _inside(int(arguments[1]), int(arguments[2]), arguments[3:])
    # The bus daemon complains of limits that it may not raise; the program's own words must come through.
    own_words = os.dup(2)
    who, tell = os.pipe()
    inside = [sys.executable, str(Path(__file__).resolve()), INSIDE, str(own_words), str(tell), *arguments]
    process = subprocess.Popen([BUS_RUNNER, "--", *inside], stderr=subprocess.DEVNULL, pass_fds=(own_words, tell))
    os.close(own_words)
    os.close(tell)
    # A signal for the bus runner would orphan the bus; the part inside ends in order, and the bus with it.
    number = os.read(who, 32)
    os.close(who)
    return _wait(process, int(number) if number else process.pid)


def _inside(own_words: int, tell: int, command: list[str]) -> int:
    os.dup2(own_words, 2)
    os.close(own_words)
    os.write(tell, str(os.getpid()).encode())
    os.close(tell)
    with tempfile.TemporaryDirectory(prefix="session-", ignore_cleanup_errors=True) as folder:
        env = {**os.environ, **_folders(Path(folder))}
        # The password of a keychain that lives as long as its folder protects nothing; the daemon wants one line.
        started = subprocess.run(
            [DAEMON, "--unlock", "--components=secrets", "--daemonize"],
            check=False,
            input="private\n",
            capture_output=True,
            encoding="utf-8",
            env=env,
        )
        if started.returncode != 0:
            print(f"the private Secret Service did not start: {started.stderr.strip()}", file=sys.stderr)
            return 1
        process = subprocess.Popen(command, env=env)
        return _wait(process, process.pid)


def _wait(process: subprocess.Popen[bytes], to: int) -> int:
    """Wait for ``process``; hand SIGTERM on to the process ``to``. The keyboard's signal reaches the program by itself, and it may end in order."""

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            os.kill(to, number)

    # A function, since an ignored signal would stay ignored in what is started after it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_on)
    code = process.wait()
    return 128 - code if code < 0 else code


def _folders(folder: Path) -> dict[str, str]:
    env = {"HOME": str(folder)}
    for variable, name in (
        ("XDG_RUNTIME_DIR", "run"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
    ):
        path = folder / name
        path.mkdir(mode=0o700)
        env[variable] = str(path)
    return env


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
