"""A private Secret Service: a D-Bus session and a GNOME Keyring of their own, in a folder of the test. Linux only.

The keychain of whoever runs the tests is never touched: bus, home and runtime folder are all new.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "a password of the test"
START_WITHIN_S = 20.0
UNCLOSED = "ignore:unclosed <socket:ResourceWarning"
"""For `pytest.mark.filterwarnings` in tests that lock the keychain."""


class SecretService:
    """The bus and the keyring daemon, and what can befall them. ``folder`` must be empty and short (socket paths are)."""

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._runtime = folder / "run"
        self._runtime.mkdir(mode=0o700)
        self._bus: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to find this service and no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DBUS_", "GNOME_"))}
        return kept | {
            "HOME": str(self._home),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "DBUS_SESSION_BUS_ADDRESS": self.address,
        }

    @property
    def keyring_file(self) -> Path:
        """Where the daemon keeps its secrets, sealed."""
        return self._home / ".local" / "share" / "keyrings" / "login.keyring"

    def start(self, password: str = PASSWORD) -> None:
        """Start the bus and an unlocked keyring."""
        self._start_bus()
        self.start_daemon(password)

    def start_daemon(self, password: str | None = PASSWORD) -> None:
        """Start the keyring daemon, unlocked by a password; locked without one."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        if password is not None:
            command.append("--unlock")
        self._daemon = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdin is not None
        if password is not None:
            self._daemon.stdin.write(f"{password}\n".encode())
        self._daemon.stdin.close()
        self._wait_for_owner()

    def freeze(self) -> None:
        """Let the daemon hang: it keeps its name and answers nobody."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def stop_daemon(self) -> None:
        """End the daemon; the bus stays."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def stop_bus(self) -> None:
        """Take the whole session away."""
        self.stop_daemon()
        if self._bus is not None:
            self._bus.kill()
            self._bus.wait()
            if self._bus.stdout is not None:
                self._bus.stdout.close()
            self._bus = None

    def _start_bus(self) -> None:
        # A configuration of our own: the system's would start another keyring by itself as soon as ours is gone.
        configuration = self._home / "bus.conf"
        configuration.write_text(
            "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN'"
            " 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>"
            f"<busconfig><type>session</type><listen>unix:path={self._runtime}/bus</listen><auth>EXTERNAL</auth>"
            "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"
            "<allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"
        )
        self._bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address=1"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._bus.stdout is not None
        self.address = self._bus.stdout.readline().decode().strip()
        assert self.address, "the bus did not start"

    def _wait_for_owner(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            answer = subprocess.run(
                [
                    "dbus-send",
                    "--session",
                    "--print-reply=literal",
                    "--dest=org.freedesktop.DBus",
                    "/",
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ],
                env=self.environment,
                capture_output=True,
                check=False,
            )
            if b"true" in answer.stdout:
                return
            time.sleep(0.02)
        raise AssertionError("the keyring daemon did not start")


@contextmanager
def secret_service(folder: Path) -> Iterator[SecretService]:
    """A running service; everything it started is gone afterwards.

    keyring 25.7 leaves its bus connection open when a keychain turns out to be locked: such sockets are collected here, so that the warning about
    them meets the test that is ready for it (`UNCLOSED`).
    """
    service = SecretService(folder)
    try:
        service.start()
        yield service
    finally:
        service.stop_bus()
        gc.collect()
