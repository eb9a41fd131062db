"""The story of the first light, once.

``python -m tests.end2end.story`` tells it at the core, with lost answers and a death. ``--screenshots DIR`` plays it on the real window, offscreen,
kill and restart included, and leaves a picture of each step in DIR. Both count at the end what Salesforce holds, and return 1 when anything is
missing or doubled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end2end.campaign import open_campaign
from tests.end2end.plot import Plot, counted, deliver, plot_for
from tests.servers.demo import DemoWorld, running_demo
from tests.servers.sudden_death import DEATH

ROOT = Path(__file__).resolve().parents[2]
ACT_WITHIN_S = 420
TAG = "2026-117"


@dataclass
class Performance:
    """The two lives of the window on one profile."""

    world: DemoWorld
    profile: Path
    plot: Plot
    pictures: Path | None = None
    number: int = 1

    def act(self, name: str) -> int:
        """Play an act in a process of its own; its exit code. Its words go to standard output as they come."""
        asked = {
            "profile": str(self.profile),
            "world": self.world.line(),
            "plot": self.plot.to_json(),
            "act": name,
            "pictures": "" if self.pictures is None else str(self.pictures),
            "number": self.number,
        }
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium refuses to run its sandbox as root; the product never sets this.
            environment.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
        process = subprocess.Popen(
            # Not as a module: its worker processes would import it, and Qt with it, before they do anything.
            [sys.executable, "-c", "from tests.end2end.window_life import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.close()
            for line in process.stdout:
                self._hear(line)
            return process.wait(ACT_WITHIN_S)
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()

    def _hear(self, line: str) -> None:
        if not line.startswith("{"):
            return
        told: dict[str, Any] = json.loads(line)
        if "said" in told:
            print(f"  {told['said']}", flush=True)
        self.number = told.get("number", self.number)


def play(world: DemoWorld, profile: Path, pictures: Path | None) -> list[str]:
    """Both acts, and what was wrong at the end."""
    plot = plot_for(world, TAG, is_only=True)
    deliver(world, plot)
    performance = Performance(world, profile, plot, pictures)
    code = performance.act("before")
    if code != DEATH:
        return [f"the first act ended with code {code}"]
    code = performance.act("after")
    if code != 0:
        return [f"the second act ended with code {code}"]
    return [f"{what}: {number}" for what, number in counted(world, plot).items() if number != 1]


def _at_the_window(pictures: Path) -> list[str]:
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="story-") as folder, running_demo() as world:
        return play(world, Path(folder) / "profile", pictures.resolve())


def _at_the_core() -> list[str]:
    with open_campaign() as campaign:
        run = campaign.run(1)
        print(run.line)
        return run.problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="play it on the window and keep pictures here")
    asked = parser.parse_args()
    problems = _at_the_core() if asked.screenshots is None else _at_the_window(asked.screenshots)
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    if not problems:
        print("Salesforce holds each of them exactly once.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
