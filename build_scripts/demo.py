"""``dev.py demo``: the demo world and the client on it; without a display the story, played offscreen, with a picture of each step."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING

from build_scripts.console import Stop, run, say
from build_scripts.environment import ROOT, child_environment, has_display

if TYPE_CHECKING:
    from pathlib import Path

STOP_AFTER_S = 10


def demo(python: Path, screenshots: Path | None, wrap: list[str]) -> int:
    """Show the client on the demo world, or play the story when there is no display or ``screenshots`` names a folder.

    ``wrap`` stands before each command that needs a Secret Service.
    """
    if screenshots is None and has_display():
        return _show(python, wrap)
    if screenshots is None:
        say("no display here: the story is played offscreen.")
    return _play(python, screenshots or ROOT / "demo-screenshots", wrap)


def _play(python: Path, folder: Path, wrap: list[str]) -> int:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    env = child_environment(python, offscreen=True)
    code = run([*wrap, python, "-m", "tests.end2end.story", "--screenshots", folder], cwd=ROOT, env=env)
    pictures = [path for path in sorted(folder.glob("*.png")) if before.get(path) != path.stat().st_mtime_ns]
    for path in pictures:
        say(f"screenshot {_short(path)}")
    if code != 0:
        raise Stop(f"the story broke off with exit code {code}; its last words above say where.", exit_code=code)
    if not pictures:
        raise Stop(f"the story left no screenshot in {_short(folder)}.")
    say(f"the story is told: {len(pictures)} screenshots in {_short(folder)}.")
    return 0


def _show(python: Path, wrap: list[str]) -> int:
    env = child_environment(python)
    say("starting the demo world (python -m app.demo).")
    world = subprocess.Popen(
        [str(python), "-m", "app.demo"],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        line = world.stdout.readline() if world.stdout else ""
        try:
            described = json.loads(line)
        except ValueError:
            raise Stop("the demo world did not start; its last words above say why.") from None
        say(
            f"the demo world serves; its admin address is {described.get('admin', 'unknown')}. Close the window to end it."
        )
        # The client keeps a demo profile of its own: a folder that dies with this command would leave its key in the keychain.
        return subprocess.run(
            [*wrap, str(python), "-m", "ui", "--demo", "-"],
            cwd=ROOT,
            env=env,
            # It holds the passwords of the demo logins, so it goes through the pipe and into no file and no argument.
            input=line,
            encoding="utf-8",
            check=False,
        ).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        world.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            world.wait(STOP_AFTER_S)
        if world.poll() is None:
            world.kill()
            world.wait()


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(ROOT))
    return str(path)
