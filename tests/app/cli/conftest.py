"""One demo world for the tests of the command line; a profile each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.cli.command_line import CommandLine
from tests.servers.demo import DemoWorld, running_demo


@pytest.fixture(scope="module")
def world() -> Iterator[DemoWorld]:
    with running_demo() as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "profile")
