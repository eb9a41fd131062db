"""Where the data files of the demo world lie, in the source tree and in a frozen build."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any


def data_folder() -> Path:
    """The folder ``resources/demo``."""
    bundle = getattr(sys, "_MEIPASS", None)
    root = Path(bundle) if bundle else Path(__file__).resolve().parents[3]
    return root / "resources" / "demo"


def load_json(name: str) -> Any:
    """A JSON file of the data folder."""
    return json.loads(load_text(name))


def load_toml(name: str) -> dict[str, Any]:
    """A TOML file of the data folder."""
    return tomllib.loads(load_text(name))


def load_text(name: str) -> str:
    """A text file of the data folder."""
    return (data_folder() / name).read_text(encoding="utf-8")


def load_bytes(name: str) -> bytes:
    """Any file of the data folder."""
    return (data_folder() / name).read_bytes()
