"""``dev.py lock``: one lock file for all platforms and Pythons, with hashes and markers and without any address."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from build_scripts.console import Stop, last_words, output_of, say
from build_scripts.environment import LOCK, ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (
    "# Every package of Outrigger with its hashes, for Python 3.11 to 3.13 on Linux, Windows and macOS.\n"
    "# Made by: python3 build_scripts/dev.py lock\n"
)
_FOREIGN = re.compile(r"https?:|ftp:|file:|(?:^|\s)/\w|\\\\|--index-url|--extra-index-url|--find-links|--trusted-host")


def relock(python: Path, *, upgrade: bool) -> int:
    """Resolve pyproject.toml and write requirements.lock; versions that still fit stay, unless ``upgrade``.

    Raises Stop when it cannot be resolved, or would name an address.
    """
    draft = LOCK.with_name("requirements.lock.new")
    if LOCK.exists() and not upgrade:
        shutil.copyfile(LOCK, draft)
    code, text = output_of(
        [
            python.with_name("uv.exe" if python.suffix else "uv"),
            "pip",
            "compile",
            "--universal",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--no-header",
            "--no-annotate",
            "--python-version",
            "3.11",
            "--group",
            "dev",
            "--group",
            "build",
            "--output-file",
            draft,
            "pyproject.toml",
        ],
        cwd=ROOT,
    )
    try:
        if code != 0:
            words = last_words(text.splitlines())
            raise Stop(
                f"the dependencies could not be resolved:\n{words}\nCheck the network and pyproject.toml, then run this again."
            )
        locked = HEADER + draft.read_text(encoding="utf-8")
    finally:
        draft.unlink(missing_ok=True)
    foreign = foreign_lines(locked)
    if foreign:
        raise Stop(
            "the lock would name an address or a path of this computer:\n"
            + "\n".join(f"    {line}" for line in foreign)
        )
    changed = not LOCK.exists() or LOCK.read_text(encoding="utf-8") != locked
    LOCK.write_text(locked, encoding="utf-8", newline="\n")
    say(
        f"requirements.lock: {sum(1 for line in locked.splitlines() if line[:1].isalnum())} packages, {'written' if changed else 'unchanged'}."
    )
    return 0


def foreign_lines(text: str) -> list[str]:
    """Lines of a lock file that name an address, an index or a path."""
    return [line for line in text.splitlines() if not line.startswith("#") and _FOREIGN.search(line)]
