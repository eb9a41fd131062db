"""``dev.py build``: a folder with two programs, the client and the demo world, that needs no Python; then its smoke test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build_scripts.console import Stop, last_words, run_with_progress, say
from build_scripts.environment import ROOT, child_environment, is_root

SPEC = ROOT / "build_scripts" / "outrigger.spec"
FOLDER = ROOT / "dist" / "outrigger"
SMOKE_TEST_S = 180
# Keys and certificates that somebody left in the tree; certifi's list of authorities is no secret.
SECRET_SUFFIXES = frozenset({".pem", ".key", ".p12", ".pfx", ".keystore", ".env", ".db", ".sqlite"})
NO_SECRETS = frozenset({"cacert.pem"})


def build(python: Path) -> int:
    """Build the folder and start what was built, where no Python can be found. Raises Stop when either fails."""
    started = time.monotonic()
    say("building dist/outrigger with PyInstaller (about two minutes).")
    code, lines = run_with_progress(
        [
            python,
            "-m",
            "PyInstaller",
            "--noconfirm",
            "--clean",
            "--distpath",
            ROOT / "dist",
            "--workpath",
            ROOT / "build" / "pyinstaller",
            SPEC,
        ],
        cwd=ROOT,
        env=child_environment(python),
        step=lambda line: " INFO: " in line,
        what="steps of the build",
    )
    if code != 0:
        raise Stop(f"the build failed:\n{last_words(lines)}")
    secrets = suspicious_files(FOLDER)
    if secrets:
        raise Stop(f"the built folder holds what looks like a secret: {', '.join(secrets)}")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and not path.is_symlink())
    say(f"dist/outrigger: {size / 1e6:.0f} MB, built in {time.monotonic() - started:.0f} s.")
    return smoke_test()


def smoke_test() -> int:
    """Start the built client offscreen on its own demo world, with no Python in the PATH and a home folder of its own."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="outrigger-smoke-", ignore_cleanup_errors=True) as home:
        env = bare_environment(Path(home))
        command = [str(_program("outrigger")), "--smoke-test"]
        try:
            done = subprocess.run(
                command,
                cwd=home,
                env=env,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=SMOKE_TEST_S,
            )
        except subprocess.TimeoutExpired:
            raise Stop(f"the built client showed no window with mail within {SMOKE_TEST_S} seconds.") from None
    if done.returncode != 0:
        raise Stop(
            f"the smoke test of the built client failed with exit code {done.returncode}; its last words above say why."
        )
    say(f"smoke test passed ({time.monotonic() - started:.0f} s).")
    return 0


def suspicious_files(folder: Path) -> list[str]:
    """Files below ``folder`` whose names are those of keys, databases or settings with passwords."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and (path.suffix.lower() in SECRET_SUFFIXES or path.name == ".env")
        and path.name not in NO_SECRETS
    )


def bare_environment(home: Path) -> dict[str, str]:
    """The environment of a computer without Python: only what a program may expect of its system."""
    kept = (
        "DBUS_SESSION_BUS_ADDRESS",
        "LANG",
        "SYSTEMROOT",
        "WINDIR",
        "COMSPEC",
        "TEMP",
        "TMP",
        "NUMBER_OF_PROCESSORS",
    )
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {"HOME": str(home), "QT_QPA_PLATFORM": "offscreen", "PATH": str(home / "empty")}
    if sys.platform == "win32":
        env |= {"USERPROFILE": str(home), "APPDATA": str(home / "Roaming"), "LOCALAPPDATA": str(home / "Local")}
    if is_root():
        env["QTWEBENGINE_DISABLE_SANDBOX"] = "1"
    return env


def _program(name: str) -> Path:
    return FOLDER / (f"{name}.exe" if os.name == "nt" else name)
