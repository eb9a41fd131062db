"""The story of the first light, told many times: answers get lost, writes commit late, the client dies; each thing is there once.

``python -m tests.end2end.campaign --runs N --seed S`` prints a line a run and a summary, and returns 1 when a run failed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.outbox.checkpoints import CHECKPOINTS
from tests.end2end.person import STEPS
from tests.end2end.plot import Plot, counted, deliver, plot_for
from tests.servers.demo import DemoWorld, running_demo
from tests.servers.sudden_death import DEATH

ROOT = Path(__file__).resolve().parents[2]
LIFE_WITHIN_S = 300
MOST_DEATHS = 3
SURE_CHECKPOINTS = (
    "before_enqueue",
    "in_enqueue",
    "after_enqueue",
    "before_begin",
    "in_begin",
    "after_begin",
    "in_settle",
    "after_settle",
)
"""Points that every telling passes at least four times."""
LONGEST_CALL_S = 600.0
WRITES = (
    {"path_regex": r"/sobjects/(Contact|Lead|ContentVersion|ContentDocumentLink)/?$"},
    {"path_regex": r"/composite/?$", "body_regex": "sobjects/EmailMessage"},
)
"""The requests whose answers are at risk: every one that writes."""


@dataclass
class Run:
    """What came of one telling."""

    seed: int
    deaths: int = 0
    lost_answers: int = 0
    lives: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        verdict = "ok" if not self.problems else "FAILED: " + "; ".join(self.problems)
        return (
            f"seed {self.seed}: {self.deaths} deaths, {self.lost_answers} answers lost, {self.seconds:.1f} s, {verdict}"
        )


class Campaign:
    """One demo world and one profile with its accounts; each run begins on a copy of that profile."""

    def __init__(self, world: DemoWorld, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._born = folder / "born"
        self._secrets: dict[str, str] = {}

    def prepare(self) -> None:
        """Add the accounts and sync the mailbox, once for all runs."""
        code, told = self._life(self._born, None, {})
        if code != 0:
            raise RuntimeError(f"the accounts could not be added: exit code {code}")
        self._secrets = next(line["secrets"] for line in told if "secrets" in line)

    def run(self, seed: int) -> Run:
        """Tell the story once, with the faults and deaths of this seed."""
        dice = random.Random(seed)
        run = Run(seed)
        started = time.monotonic()
        profile = self._folder / f"run-{seed}"
        shutil.copytree(self._born, profile)
        plot = plot_for(self._world, f"{seed:06}")
        deliver(self._world, plot)
        self._put_faults_in_force(dice)
        for death in [*_deaths(dice), {}]:
            run.lives += 1
            code, told = self._life(profile, plot, death)
            if code == DEATH:
                run.deaths += 1
                continue
            if code != 0:
                run.problems.append(f"the client ended with code {code}")
            break
        run.lost_answers = sum(rule["hits"] for rule in self._world.faults_in_force())
        self._world.clear_faults()
        self._world.advance(LONGEST_CALL_S + 60)  # whatever commits late does so before anything is counted
        run.problems += _problems(self._world, plot, told)
        run.seconds = time.monotonic() - started
        if not run.problems:
            shutil.rmtree(profile)
        return run

    def _put_faults_in_force(self, dice: random.Random) -> None:
        # Each write loses its answer with probability one half: a fifth commits late, a fifth at once, a tenth not at all.
        self._world.clear_faults()
        for match in WRITES:
            for kind, probability, arguments in (
                ("late_commit", 0.1, {"after_s": dice.uniform(1, 60)}),
                ("late_commit", 0.1 / 0.9, {"after_s": dice.uniform(60, LONGEST_CALL_S)}),
                ("commit_and_drop", 0.2 / 0.8, {}),
                ("drop_before", 0.1 / 0.6, {}),
            ):
                self._world.faults(
                    kind,
                    method="POST",
                    times=-1,
                    probability=probability,
                    seed=dice.randrange(1 << 30),
                    **match,
                    **arguments,
                )

    def _life(self, profile: Path, plot: Plot | None, death: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
        """The exit code of one process and the lines that it told."""
        world = self._world
        asked = {
            "profile": str(profile),
            "secrets": self._secrets,
            "world": world.line(),
            "offset": world.clock_offset(),
            "plot": None if plot is None else plot.to_json(),
            "death": death,
        }
        process = subprocess.run(
            # Not as a module: its worker processes would import it before they do anything.
            [sys.executable, "-c", "from tests.end2end.core_life import main; main()"],
            input=json.dumps(asked) + "\n",
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=LIFE_WITHIN_S,
            check=False,
        )
        if process.returncode not in (0, DEATH):
            print(process.stderr, file=sys.stderr)
        return process.returncode, [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


def _deaths(dice: random.Random) -> list[dict[str, Any]]:
    """One that surely comes, and up to two more that come when their point is passed."""
    return [_sure_death(dice), *(_any_death(dice) for _ in range(dice.randint(0, MOST_DEATHS - 1)))]


def _sure_death(dice: random.Random) -> dict[str, Any]:
    if dice.random() < 0.7:
        return {"at": dice.choice(SURE_CHECKPOINTS), "pass": dice.randint(1, 4)}
    return {"step": dice.choice(STEPS), "after_s": 0.0}


def _any_death(dice: random.Random) -> dict[str, Any]:
    if dice.random() < 0.6:
        return {"at": dice.choice(CHECKPOINTS), "pass": dice.randint(1, 3)}
    return _timed_death(dice)


def _timed_death(dice: random.Random) -> dict[str, Any]:
    return {"step": dice.choice(STEPS), "after_s": dice.uniform(0.0, 0.3)}


def _problems(world: DemoWorld, plot: Plot, told: list[dict[str, Any]]) -> list[str]:
    found = [f"{what}: {number}" for what, number in counted(world, plot).items() if number != 1]
    states = next((line["states"] for line in told if "states" in line), [])
    if len(states) < 4:
        found.append(f"{len(states)} operations are known at the end")
    found += [f"{row['kind']} is {row['state']} ({row['error']})" for row in states if row["state"] != "done"]
    return found


@contextmanager
def open_campaign() -> Iterator[Campaign]:
    """A campaign with a world of its own."""
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder, running_demo() as world:
        campaign = Campaign(world, Path(folder))
        campaign.prepare()
        yield campaign


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow")
    asked = parser.parse_args()
    runs: list[Run] = []
    with open_campaign() as campaign:
        for seed in range(asked.seed, asked.seed + asked.runs):
            run = campaign.run(seed)
            runs.append(run)
            print(run.line, flush=True)
    failed = [run.seed for run in runs if run.problems]
    print(
        f"{len(runs)} runs, {sum(run.deaths for run in runs)} deaths, "
        f"{sum(run.lost_answers for run in runs)} answers lost, {len(failed)} failed {failed or ''}".rstrip()
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
