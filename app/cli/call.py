"""One call of a command: what it was given and what it works with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from app.bootstrap import Services
from app.cli.output import Output


@dataclass(frozen=True, slots=True)
class Call:
    """``args`` are the parsed arguments; ``secret`` is the password that came on the input stream, "" where none was asked for."""

    services: Services
    args: argparse.Namespace
    output: Output
    secret: str = ""


def path_argument(text: str) -> Path:
    """A path as an argument: ``~`` is the user's home, relative to where the program was started."""
    return Path(text).expanduser().absolute()
