"""The demo world as a process: what it refuses, and what it keeps over a restart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.servers.demo import running_demo

FIXTURE = Path(__file__).resolve().parents[3] / "resources" / "demo" / "org.json"


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "app.demo", *arguments], capture_output=True, text=True, timeout=60)


def test_a_second_world_on_the_same_state_is_refused_and_every_address_stays(tmp_path: Path) -> None:
    with running_demo(state=tmp_path) as world:
        first = world.line()
        second = refused("--state", str(tmp_path))
        assert second.returncode == 1
        assert "another demo world uses this state folder" in second.stderr
        world.stop()
    with running_demo(state=tmp_path) as world:
        again = world.line()
        world.stop()
    addresses = ("salesforce", "salesforce_tls", "imap", "imaps", "smtp", "smtps", "admin", "ca_file")
    assert {name: again[name] for name in addresses} == {name: first[name] for name in addresses}


def test_only_this_computer_can_reach_it() -> None:
    answer = refused("--host", "0.0.0.0")
    assert answer.returncode == 2
    assert "loopback" in answer.stderr


def test_a_fixture_of_the_wrong_shape_is_told_in_words(tmp_path: Path) -> None:
    data = json.loads(FIXTURE.read_text(encoding="utf-8"))
    data["records"] = []
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    answer = refused("--fixture", str(path))
    assert answer.returncode == 1
    assert "wrong shape" in answer.stderr
    assert "Traceback" not in answer.stderr
