"""What a command says: plain text that cannot drive the terminal, or JSON."""

from __future__ import annotations

import datetime as dt
import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from app.errors import AppError, PermanentError, ValidationFailed

DONE, REFUSED, NOT_UNDERSTOOD = 0, 1, 2
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's result: ``document`` for JSON, ``lines`` for people, and the exit code."""

    document: Any
    lines: Sequence[str] = field(default=())
    code: int = DONE


def plain(text: str) -> str:
    """Text of a mail or a record made safe for one line of a terminal.

    Control characters and those that turn the writing direction become "\N{REPLACEMENT CHARACTER}"; joiners stay, several scripts need them.
    """
    folded = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNSAFE_CATEGORIES and c not in _JOINERS else c
        for c in folded
    )


def plain_lines(text: str) -> list[str]:
    """The lines of a longer text, each made safe."""
    return [plain(line) for line in text.splitlines()]


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with their columns aligned; the last column runs on."""
    made = [[plain(cell) for cell in row] for row in rows]
    if not made:
        return []
    widths = [max(len(row[column]) for row in made) for column in range(len(made[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < len(row) - 1 else cell
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in made
    ]


def local_time(seconds: float) -> str:
    """A moment as the local date and time, to the minute; "" for never."""
    if seconds <= 0:
        return ""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return "?"


class Output:
    """Writes answers and errors, in text or JSON."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def answer(self, answer: Answer) -> None:
        """Write a command's result."""
        if self.as_json:
            self.document(answer.document)
        else:
            for line in answer.lines:
                self._write(self._out, line)

    def document(self, document: Any) -> None:
        """Write one JSON document on a line of its own, in ASCII, so that no terminal and no code page can spoil it."""
        self._write(self._out, json.dumps(document))

    def line(self, text: str) -> None:
        """Write one line at once (for what happens while a command runs)."""
        self._write(self._out, text)

    def error(self, error: AppError, advice: str = "") -> None:
        """Tell why something was refused, and what can be done."""
        words = error.message
        if isinstance(error, PermanentError) and error.server_text:
            words = f"{words}: {error.server_text}"
        if isinstance(error, ValidationFailed) and error.fields:
            words = f"{words} ({', '.join(error.fields)})"
        self.complaint(type(error).__name__, error.code, words, advice)

    def complaint(self, kind: str, code: str, words: str, advice: str = "") -> None:
        """Write an error of any origin."""
        if self.as_json:
            self._write(self._err, json.dumps({"error": kind, "code": code, "words": words, "what_to_do": advice}))
            return
        self._write(self._err, f"outrigger: {plain(words)}")
        for line in advice.splitlines():
            self._write(self._err, f"           {plain(line)}")

    def aside(self, document: dict[str, str], line: str) -> None:
        """Write something that is not the answer: text to the output stream, JSON to the error stream (the output holds one document)."""
        if self.as_json:
            self._write(self._err, json.dumps(document))
        else:
            self._write(self._out, line)

    @staticmethod
    def _write(stream: TextIO, line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()
