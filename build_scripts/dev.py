"""The one entry for developers and CI: ``python3 build_scripts/dev.py demo | test | check | bench | build | lock``.

Works in a clean clone with nothing but a Python 3.11 to 3.13 (and, on Debian or Ubuntu, the right to install packages): it makes ``.venv`` from the
lock file, with hashes, and installs or names what the system lacks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# Started as a script, this folder is the first place that Python looks for modules; the project's root is the right one.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from build_scripts import environment, private_session, system_packages  # noqa: E402
from build_scripts.console import Stop, run, say  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        if sys.version_info[:2] not in environment.SUPPORTED:
            return subprocess.run(
                [environment.find_python(), str(Path(__file__).resolve()), *arguments], check=False
            ).returncode
        return _run(options)
    except Stop as stop:
        print(f"dev: {stop.message}", file=sys.stderr, flush=True)
        return stop.exit_code


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command and its options; leaves with code 2 and the usage when they do not fit."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Run, test, check, measure and build Outrigger.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="the client on the demo world; without a display the story, offscreen")
    demo.add_argument(
        "--screenshots",
        type=Path,
        metavar="DIR",
        help="play the story offscreen and leave a picture of each step in DIR",
    )
    test = commands.add_parser(
        "test", help="run the tests; what follows goes to pytest (--cov shows the coverage)", add_help=False
    )
    test.add_argument("pytest", nargs=argparse.REMAINDER)
    commands.add_parser("check", help="format, lint, types, import contracts, addresses and banned words")
    bench = commands.add_parser("bench", help="run benchmarks and print ours beside a peer's")
    bench.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (all)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as a JSON list")
    commands.add_parser("build", help="a folder of the two programs that needs no Python, and its smoke test")
    lock = commands.add_parser("lock", help="write requirements.lock anew from pyproject.toml")
    lock.add_argument(
        "--upgrade", action="store_true", help="take the newest versions that fit instead of keeping the locked ones"
    )
    if arguments[:1] == ["test"]:
        # argparse would take pytest's options for its own.
        return argparse.Namespace(command="test", pytest=arguments[1:])
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    if options.command in {"demo", "test", "bench"}:
        system_packages.ensure(system_packages.FOR_WINDOW)
    elif options.command == "build":
        system_packages.ensure(system_packages.FOR_BUILD)
    python = environment.prepare()
    if options.command == "check":
        from build_scripts.check import check

        return check(python)
    if options.command == "lock":
        from build_scripts.lock import relock

        return relock(python, upgrade=options.upgrade)
    if options.command == "build":
        from build_scripts.build import build

        return build(python)
    wrap = _session()
    if options.command == "demo":
        from build_scripts.demo import demo

        return demo(python, options.screenshots, wrap)
    env = environment.child_environment(python, offscreen=True)
    if options.command == "bench":
        to = ["--json", options.json.resolve()] if options.json else []
        return run([*wrap, python, "-m", "tests.benchmarks", *options.names, *to], cwd=environment.ROOT, env=env)
    # Nothing is said after pytest: its closing line is the last.
    return run([*wrap, python, "-m", "pytest", *options.pytest], cwd=environment.ROOT, env=env)


def _session() -> list[str]:
    """The words before a command that needs a Secret Service: none where one runs."""
    if not sys.platform.startswith("linux") or private_session.is_secret_service_running():
        return []
    if not private_session.can_start():
        say(
            "no Secret Service runs and gnome-keyring or dbus-run-session is missing: what needs a keychain will say so."
        )
        return []
    say("no Secret Service runs here: using a private one, with a home folder of its own.")
    return private_session.wrapped([])


if __name__ == "__main__":
    sys.exit(main())
