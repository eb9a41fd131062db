"""The runner of the benchmarks: discovery, the table, the JSON, unknown names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import discover, main
from tests.benchmarks.rows import Row, as_json, as_table

FAST = Row.compared("rows in", ours=300.0, peer=400.0, peer_name="sqlite3", goal=">= 0.5", unit="rows/s")
SLOW = Row.compared("first sync", ours=9.0, peer=3.0, peer_name="mbsync", goal="<= 1.5", unit="s")


def test_a_row_knows_whether_it_meets_its_goal() -> None:
    assert FAST.ratio == 0.75
    assert FAST.meets_goal()
    assert not SLOW.meets_goal()


def test_json_is_a_list_of_objects_with_exactly_these_keys() -> None:
    rows = json.loads(as_json([FAST, SLOW]))
    assert [list(row) for row in rows] == [["name", "ours", "peer", "peer_name", "ratio", "goal", "unit"]] * 2
    assert rows[1]["ratio"] == 3.0


def test_the_table_shows_what_is_missed() -> None:
    heading, fast, slow = as_table([FAST, SLOW]).splitlines()
    assert heading.split() == ["name", "ours", "peer", "unit", "peer", "is", "ratio", "goal", "met"]
    assert fast.endswith("yes")
    assert slow.endswith("NO")


@pytest.mark.parametrize(("goal", "peer"), [("> 1", 1.0), ("fast", 1.0), (">= 1", 0.0)])
def test_a_row_without_sense_is_refused(goal: str, peer: float) -> None:
    with pytest.raises(ValueError, match=r"goal|peer"):
        Row.compared("x", ours=1.0, peer=peer, peer_name="y", goal=goal, unit="s")


def test_every_benchmark_file_is_found() -> None:
    files = list((Path(__file__).resolve().parents[1] / "benchmarks").glob("bench_*.py"))
    assert files
    assert len(discover()) == len(files)


def test_an_unknown_name_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such"]) == 2
    assert "no benchmark is called no-such" in capsys.readouterr().err
