"""``dev.py check``: every rule that needs no running program. Each finding is a line ``file:line: words``."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING

from build_scripts import source_search
from build_scripts.console import Stop, output_of, say
from build_scripts.environment import ROOT, child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_IMPORT = re.compile(r"(?P<importer>[\w.]+) -> (?P<imported>[\w.]+) \((?P<lines>l\.\d+(?:, l\.\d+)*)\)")
_UNDERLINE = re.compile(r"^-{3,}$")


def check(python: Path) -> int:
    """Run every check, even after one failed; 1 when anything was found."""
    env = child_environment(python)
    steps: list[tuple[str, Callable[[], Sequence[str]]]] = [
        ("addresses, paths, banned words", _search),
        (
            "format",
            lambda: _tool([python, "-m", "ruff", "format", "--check", "--quiet", "--output-format=concise", "."], env),
        ),
        ("lint", lambda: _tool([python, "-m", "ruff", "check", "--quiet", "--output-format=concise", "."], env)),
        ("import contracts", lambda: contract_findings(python, ROOT, env)),
        ("types", lambda: _tool([python, "-m", "mypy", "--strict", "--no-error-summary", "app", "ui"], env)),
    ]
    failed = []
    for name, step in steps:
        started = time.monotonic()
        findings = step()
        for line in findings:
            print(line)
        say(f"{name}: {f'{len(findings)} findings' if findings else 'clean'} ({time.monotonic() - started:.1f} s)")
        if findings:
            failed.append(name)
    say(f"check failed: {', '.join(failed)}." if failed else "check passed.")
    return 1 if failed else 0


def contract_findings(python: Path, root: Path, env: Mapping[str, str]) -> list[str]:
    """Check the import contracts of the tree at ``root``; one line ``file:line: words`` for each import that breaks one."""
    command = [
        python,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())",
        "--no-logo",
        "--no-cache",
    ]
    code, text = output_of(command, cwd=root, env={**env, "COLUMNS": "400"})
    if code == 0:
        return []
    lines = text.splitlines()
    contract = ""
    found: list[str] = []
    for before, line in zip(["", *lines], lines):  # noqa: B905 - the lists differ by one on purpose
        if _UNDERLINE.match(line):
            contract = before.strip()
        for match in _IMPORT.finditer(line):
            place, what = _file_of(match["importer"], root), f"imports {match['imported']} ({contract})"
            found += [f"{place}:{number}: {what}" for number in re.findall(r"\d+", match["lines"])]
    # A configuration that does not fit the tree breaks no import; then its whole text is the finding.
    return list(dict.fromkeys(found)) or [f"pyproject.toml:1: {line}" for line in lines if line.strip()]


def _search() -> list[str]:
    try:
        return [str(finding) for finding in source_search.search(ROOT)]
    except (OSError, subprocess.CalledProcessError):
        raise Stop("the project's files could not be listed; this needs git and a clone of the repository.") from None


def _tool(command: Sequence[str | Path], env: dict[str, str]) -> list[str]:
    code, text = output_of(command, cwd=ROOT, env=env)
    if code == 0:
        return []
    return [line for line in text.splitlines() if line.strip()] or [
        f"{command[2]} failed with exit code {code} and said nothing"
    ]


def _file_of(module: str, root: Path) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"
