"""The project's own Python: ``.venv``, made from the lock file, and the environment in which its programs run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from build_scripts.console import Stop, last_words, output_of, run_with_progress, say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "made-from.txt"
SUPPORTED = ((3, 11), (3, 12), (3, 13))

_NETWORK_WORDS = (
    "Failed to establish a new connection",
    "Max retries exceeded",
    "Temporary failure in name resolution",
    "Could not fetch URL",
    "Connection refused",
    "timed out",
    "ProxyError",
    "SSLError",
    "from versions: none",
)


def prepare() -> Path:
    """The Python of ``.venv``; made anew when the lock file is not the one that it was made from.

    Raises Stop with words when no fitting Python is there, or the packages cannot be had.
    """
    if not LOCK.is_file():
        raise Stop("requirements.lock is missing; take it from the repository again.")
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = venv_python()
    if _is_made_from(wanted) and output_of([python, "-c", "pass"])[0] == 0:
        return python
    base = find_python()
    say(f"making .venv with {base} ({'the lock file changed' if STAMP.exists() else 'it is not there yet'}).")
    _make(base)
    _install(python)
    STAMP.write_text(wanted + "\n", encoding="ascii")
    return python


def venv_python() -> Path:
    """Where the Python of ``.venv`` is, or will be."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_python() -> str:
    """A Python 3.11 to 3.13 of this computer that can make a virtual environment; the running one if it fits.

    Raises Stop when there is none.
    """
    candidates = [[getattr(sys, "_base_executable", sys.executable) or sys.executable]]
    for major, minor in reversed(SUPPORTED):
        name = f"{major}.{minor}"
        candidates += [[f"python{name}"], ["py", f"-{name}"]] if os.name == "nt" else [[f"python{name}"]]
    candidates += [["python3"], ["python"]]
    without_venv = ""
    for candidate in candidates:
        found = _probe(candidate)
        if found is None:
            continue
        path, has_venv = found
        if has_venv:
            return path
        without_venv = path
    if without_venv:
        raise Stop(
            f"{without_venv} has no venv module; on Debian and Ubuntu install python3-venv, then run this again."
        )
    raise Stop("no Python 3.11, 3.12 or 3.13 was found; install one, put it on the PATH, then run this again.")


def child_environment(python: Path, *, offscreen: bool | None = None) -> dict[str, str]:
    """The environment of the project's programs. ``offscreen`` None: where there is no display."""
    env = dict(os.environ)
    # Where bytecode is not kept, the project's modules are compiled at every start, and start-up times lie.
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
        env.pop(name, None)
    env["PATH"] = os.pathsep.join([str(python.parent), env.get("PATH", "")])
    env["PYTHONUTF8"] = "1"
    if is_root():
        # Chromium refuses to run its sandbox as root. Only demo and tests come through here, never the product.
        env["QTWEBENGINE_DISABLE_SANDBOX"] = "1"
    if offscreen or (offscreen is None and not has_display()):
        env.setdefault("QT_QPA_PLATFORM", "offscreen")
    return env


def is_root() -> bool:
    """Whether this process may do everything (POSIX)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def has_display() -> bool:
    """Whether a window can be shown."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _is_made_from(wanted: str) -> bool:
    try:
        return STAMP.read_text(encoding="ascii").strip() == wanted
    except (OSError, ValueError):
        return False


def _probe(candidate: list[str]) -> tuple[str, bool] | None:
    question = (
        "import importlib.util as u, sys; "
        "print(sys.version_info[0], sys.version_info[1], bool(u.find_spec('venv') and u.find_spec('ensurepip')), sys.executable)"
    )
    try:
        done = subprocess.run(
            [*candidate, "-c", question],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=20,
        )
        major, minor, has_venv, path = done.stdout.strip().split(" ", 3)
        version = (int(major), int(minor))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (path, has_venv == "True") if version in SUPPORTED else None


def _make(base: str) -> None:
    try:
        if VENV.exists():
            shutil.rmtree(VENV)
    except OSError as error:
        raise Stop(
            f".venv could not be removed ({error.strerror}); close the programs that run from it, then run this again."
        ) from None
    code, text = output_of([base, "-m", "venv", str(VENV)], cwd=ROOT)
    if code != 0:
        raise Stop(
            f".venv could not be made:\n{last_words(text.splitlines())}\nOn Debian and Ubuntu install python3-venv, then run this again."
        )


def _install(python: Path) -> None:
    total = sum(1 for line in LOCK.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
    say(f"installing the locked packages (up to {total}; about a gigabyte, mostly Qt).")
    started = time.monotonic()
    code, lines = run_with_progress(
        [python, "-m", "pip", "install", "--require-hashes", "--no-input", "--progress-bar", "off", "-r", LOCK],
        cwd=ROOT,
        step=lambda line: line.lstrip().startswith("Collecting "),
        what="packages found",
    )
    if code == 0:
        say(f"packages are installed ({time.monotonic() - started:.0f} s).")
        return
    text = "\n".join(lines)
    if "DO NOT MATCH THE HASHES" in text:
        reason = "A package is not the one that was locked, so nothing of it was installed. Do not go on before you know why."
    elif "No space left" in text:
        reason = "The disk is full. Free about two gigabytes, then run this again."
    elif any(word in text for word in _NETWORK_WORDS):
        reason = (
            "The package index could not be reached. Check the network (or pip's own settings), then run this again."
        )
    else:
        reason = "Mend what it says, then run this again."
    raise Stop(f"the locked packages could not be installed:\n{last_words(lines)}\n{reason}")
