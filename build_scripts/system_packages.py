"""The system packages that the window, the tests and the demo need on Linux, and how they come there.

On Debian and Ubuntu what is missing is installed where that is allowed (as root, or by sudo without a password where CI runs); elsewhere it is
named exactly. Windows and macOS need none: PySide6's wheels bring everything there.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from build_scripts.console import Stop, last_words, output_of, run_with_progress, say, shell

QT_LIBRARIES = (
    "libegl1",
    "libgl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "libxkbcommon0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-render0",
    "libxcb-shape0",
    "libxcb-shm0",
    "libxcb-sync1",
    "libxcb-xfixes0",
    "libxcb-xkb1",
    "libxkbcommon-x11-0",
    "libx11-xcb1",
)
WEB_ENGINE_LIBRARIES = (
    "libnss3",
    "libxcomposite1",
    "libxdamage1",
    "libxrandr2",
    "libxtst6",
    "libasound2",
    "libxkbfile1",
    "libgbm1",
    "libxcb-dri3-0",
)
FONTS = ("fonts-dejavu-core", "fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji")
SERVERS = ("dovecot-imapd", "gnome-keyring", "dbus", "strace", "xvfb", "xauth")
# The tests read the sample data by eyes that are not ours.
READERS = ("poppler-utils", "openssl")
# PyInstaller reads the libraries of a program with objdump.
BUILD_TOOLS = ("binutils",)

# Debian 13 and Ubuntu 24.04 renamed some libraries when time_t grew.
RENAMED = {"libglib2.0-0": "libglib2.0-0t64", "libasound2": "libasound2t64"}

FOR_WINDOW = QT_LIBRARIES + WEB_ENGINE_LIBRARIES + FONTS + SERVERS + READERS
FOR_BUILD = QT_LIBRARIES + WEB_ENGINE_LIBRARIES + BUILD_TOOLS


def ensure(packages: tuple[str, ...]) -> None:
    """Install those of ``packages`` that are missing, or name them.

    Raises Stop where they are missing and may not be installed, or where their installation failed.
    """
    if not sys.platform.startswith("linux"):
        return
    if not _is_debian_like():
        say(
            "this Linux has no apt-get; if the window does not open, install Qt's xcb libraries, Dovecot and gnome-keyring."
        )
        return
    missing = _missing(packages)
    if not missing:
        return
    if os.environ.get("SKIP_SYSTEM_PACKAGES"):
        say(f"going on without these system packages, as told: {' '.join(missing)}")
        return
    prefix = _permission()
    if prefix is None:
        names = _names_here(missing)
        command = ["sudo", "apt-get", "install", "-y", "--no-install-recommends", *names]
        raise Stop(
            f"{len(missing)} system packages are missing, and only root may install them. Run:\n"
            f"    sudo apt-get update\n    {shell(command)}\nThen run this again (or set SKIP_SYSTEM_PACKAGES=1 to go on without them)."
        )
    _install(prefix, missing)


def _install(prefix: list[str], missing: list[str]) -> None:
    say(f"installing {len(missing)} system packages: {' '.join(missing)}")
    started = time.monotonic()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt_get = [*prefix, "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    code, lines = run_with_progress(
        [*apt_get, "update"],
        cwd=Path("/"),
        env=environment,
        step=lambda line: line.startswith(("Get:", "Hit:")),
        what="package lists",
    )
    if code != 0:
        say("the package lists could not be renewed; trying with those that are here.")
    code, lines = run_with_progress(
        [*apt_get, "install", "-y", "--no-install-recommends", *_names_here(missing)],
        cwd=Path("/"),
        env=environment,
        step=lambda line: line.startswith("Setting up "),
        what="system packages set up",
    )
    if code != 0:
        raise Stop(
            "the system packages could not be installed:\n"
            f"{last_words(lines)}\nCheck the network and the package sources, then run this again."
        )
    still = _missing(tuple(missing))
    if still:
        raise Stop(f"these system packages are still missing after the installation: {' '.join(still)}")
    say(f"system packages are there ({time.monotonic() - started:.0f} s).")


def _missing(packages: tuple[str, ...]) -> list[str]:
    asked = [*packages, *(RENAMED[name] for name in packages if name in RENAMED)]
    _, text = output_of(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *asked])
    installed = {line.split()[0] for line in text.splitlines() if line.rstrip().endswith(" ii")}
    return [name for name in packages if name not in installed and RENAMED.get(name, "") not in installed]


def _names_here(packages: list[str]) -> list[str]:
    return [RENAMED[name] if name in RENAMED and _is_known(RENAMED[name]) else name for name in packages]


def _is_known(name: str) -> bool:
    code, text = output_of(["apt-cache", "policy", name])
    return code == 0 and "Candidate:" in text and "Candidate: (none)" not in text


def _permission() -> list[str] | None:
    """The words before apt-get, or None where it may not be called."""
    if os.geteuid() == 0:
        return []
    if os.environ.get("CI") and shutil.which("sudo") and output_of(["sudo", "-n", "true"])[0] == 0:
        return ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"]
    return None


def _is_debian_like() -> bool:
    return shutil.which("dpkg-query") is not None and shutil.which("apt-get") is not None
