"""The search through the project's own files: what a linter does not look for.

Addresses of package registries and paths of somebody's computer, words for a mock or for work left undone, and calls that the design forbids.
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One line that should not be there."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Rule:
    """A pattern, the files it is looked for in (suffixes; none: all text files), and what to say."""

    pattern: re.Pattern[str]
    suffixes: tuple[str, ...]
    message: str


# The patterns are written so that they do not match their own text.
RULES = (
    Rule(
        re.compile(
            r"\bpypi\.org|pythonhosted\.org|registry\.npmjs|\bdeb\.debian\.org|archive\.ubuntu\.com|\bcrates\.io|proxy\.golang\.org"
            r"|conda\.anaconda\.org|/simple/?(?=\s*$)|--(?:extra-)?index-url[= ]\S|--find-links[= ]\S",
            re.IGNORECASE,
        ),
        (),
        "the address of a package registry",
    ),
    Rule(
        re.compile(
            r"(?<![\w.~/:-])/(?:work|farm|root|home|Users)/[\w.]|file:///(?:root|home|Users|work)/|(?<![\w.~-])/var/home/\w|(?<![\w.~-])/opt/(?:pypi|wheels)|\b[A-Z]:\\+Users\\+\w"
        ),
        (),
        "a path of one computer",
    ),
    Rule(
        re.compile(
            r"\bunittest[.]mock\b|\bfrom mock[ ]import|\bMagic[M]ock\b|\bmonkeypatch[.]setattr\b|\bmocker[.]patch\b"
        ),
        (".py",),
        "a mock: speak to a real server",
    ),
    Rule(
        re.compile(r"\bT[O]DO\b|\bFIX[M]E\b"),
        (".py", ".toml", ".md", ".yml", ".yaml", ".sql", ".html", ".qss", ".spec"),
        "work left undone: do it or leave the word out",
    ),
)

# Names that code of app and ui may not use, and what takes their place.
FORBIDDEN_NAMES = {
    "to_thread": "blocking work belongs in a BlockingWorker",
    "QThread": "blocking work belongs in a BlockingWorker",
    "QThreadPool": "blocking work belongs in a BlockingWorker",
    "QRunnable": "blocking work belongs in a BlockingWorker",
    "asyncSlot": "its exceptions reach no owner: use the Dispatcher",
    "asyncClose": "it spins the event loop: close in open_app",
    "processEvents": "it hides a race: await what you wait for",
    "get_instance": "no global instances: a constructor names its services",
}
NAMED_ROOMS = ("app/", "ui/")


def search(root: Path, paths: Sequence[str] | None = None) -> list[Finding]:
    """All findings in the tracked files under ``root``, or in ``paths`` (relative, with slashes)."""
    findings: list[Finding] = []
    for path in tracked_files(root) if paths is None else paths:
        text = _text_of(root / path)
        if text is not None:
            findings += search_text(path, text)
    return findings


def search_text(path: str, text: str) -> list[Finding]:
    """The findings in one file."""
    findings = [
        Finding(path, number, rule.message)
        for rule in RULES
        if not rule.suffixes or path.endswith(rule.suffixes)
        for number, line in enumerate(text.splitlines(), 1)
        if rule.pattern.search(line)
    ]
    if path.endswith(".py") and path.startswith(NAMED_ROOMS):
        findings += [
            Finding(path, line, f"{name}: {FORBIDDEN_NAMES[name]}")
            for name, line in _names(text)
            if name in FORBIDDEN_NAMES
        ]
    return sorted(findings, key=lambda finding: finding.line)


def tracked_files(root: Path) -> list[str]:
    """The files that git knows under ``root`` and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, stdout=subprocess.PIPE)
    return [path for path in listed.stdout.decode("utf-8", "replace").split("\0") if path and (root / path).is_file()]


def _names(text: str) -> Iterator[tuple[str, int]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield token.string, token.start[0]
    except (tokenize.TokenError, SyntaxError):
        # Ruff reports what cannot be parsed.
        return


def _text_of(path: Path) -> str | None:
    data = path.read_bytes()
    if b"\0" in data[:8192]:
        return None
    return data.decode("utf-8", "replace")
