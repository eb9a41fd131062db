"""The lock file: every package with its hashes, no address and no path, the same as pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from build_scripts.lock import foreign_lines

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)


def lock() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_no_address_and_no_path() -> None:
    assert foreign_lines(lock()) == []
    for word in ("http", "file:", "/opt", "://"):
        # A package may have such a word in its name; an address has more than the name.
        assert not re.search(rf"(?<![a-z-]){re.escape(word)}[:/]", lock()), word


def test_every_package_has_hashes() -> None:
    blocks = re.split(r"(?m)^(?=[a-z0-9])", lock())[1:]
    assert len(blocks) > 50
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


def test_every_dependency_of_the_project_is_locked() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *configuration["project"]["dependencies"],
        *(name for group in configuration["dependency-groups"].values() for name in group),
    ]
    locked = {name for name, _ in PIN.findall(lock())}
    missing = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in wanted} - locked
    assert not missing


def test_each_platform_has_its_own_packages() -> None:
    text = lock()
    for name, marker in (
        ("secretstorage", "sys_platform == 'linux'"),
        ("pywin32-ctypes", "sys_platform == 'win32'"),
        ("macholib", "sys_platform == 'darwin'"),
    ):
        assert re.search(rf"(?m)^{name}==\S+ ; {re.escape(marker)}", text), name


@pytest.mark.parametrize(
    "line",
    [
        "--index" + "-url " + "https" + "://packages.example/x",
        "--find" + "-links wheels",
        "thing @ " + "file" + ":///somewhere/thing.whl",
        "thing==1.0 ; from /srv/wheels",
    ],
)
def test_an_address_or_a_path_would_be_seen(line: str) -> None:
    assert foreign_lines(f"# comment\nnh3==0.3.8 \\\n    --hash=sha256:{'0' * 64}\n{line}\n") == [line]
