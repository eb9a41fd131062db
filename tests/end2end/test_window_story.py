"""The story on the real window, offscreen: select, read, panel, drop, offline, kill, restart, online; counted by SOQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end2end.story import play
from tests.servers.demo import running_demo


@pytest.mark.timeout(420)
def test_the_story_at_the_window(tmp_path: Path) -> None:
    with running_demo() as world:
        assert play(world, tmp_path / "profile", None) == []
