"""The private session of dev.py: a working Secret Service and a home folder of its own, both gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from build_scripts import private_session

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "build_scripts" / "private_session.py"

pytestmark = pytest.mark.skipif(
    not private_session.can_start(), reason="needs dbus-run-session and gnome-keyring-daemon (Linux)"
)

USE_IT = """
import os, sys
import keyring
from keyring.backends import SecretService

store = SecretService.Keyring()
store.set_password("outrigger-test", "somebody", "kept here")
assert store.get_password("outrigger-test", "somebody") == "kept here"
assert os.environ["HOME"] != sys.argv[1]
assert os.stat(os.environ["XDG_RUNTIME_DIR"]).st_mode & 0o777 == 0o700
print(os.environ["HOME"])
print("own words", file=sys.stderr)
sys.exit(7)
"""


def test_a_program_finds_a_secret_service_and_nothing_stays() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, sys.executable, "-c", USE_IT, os.environ.get("HOME", "")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stderr == "own words\n"
    assert not Path(done.stdout.strip()).exists()


def test_a_stopped_session_leaves_no_program_behind() -> None:
    speak_and_wait = "import os, time; print(os.getpid(), os.environ['HOME'], flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, SCRIPT, sys.executable, "-c", speak_and_wait], stdout=subprocess.PIPE, encoding="utf-8"
    ) as session:
        assert session.stdout is not None
        number, home = session.stdout.readline().split()
        session.terminate()
        assert session.wait(30) == 128 + signal.SIGTERM
    assert not Path("/proc", number).exists()
    assert not Path(home).exists()


def test_inside_it_one_is_running() -> None:
    question = "import sys; sys.path.insert(0, sys.argv[1]); from build_scripts import private_session as p; print(p.is_secret_service_running())"
    inside = subprocess.run(
        [sys.executable, SCRIPT, sys.executable, "-c", question, ROOT],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert inside.stdout.strip() == "True"


def test_without_a_bus_none_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert private_session.is_secret_service_running() is False
