"""dev.py reads its arguments, picks a Python, and says in words what it cannot do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from build_scripts import environment
from build_scripts.console import Stop, run_with_progress
from build_scripts.dev import parse

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT / "build_scripts" / "dev.py"


def test_demo_takes_a_folder_for_screenshots() -> None:
    assert parse(["demo"]).screenshots is None
    assert parse(["demo", "--screenshots", "pictures"]).screenshots == Path("pictures")


def test_bench_takes_names_and_a_file() -> None:
    options = parse(["bench", "insert", "sync", "--json", "rows.json"])
    assert (options.names, options.json) == (["insert", "sync"], Path("rows.json"))
    assert parse(["bench"]).names == []


def test_test_hands_everything_to_pytest() -> None:
    assert parse(["test", "-k", "lock", "--cov", "tests/project"]).pytest == ["-k", "lock", "--cov", "tests/project"]
    assert parse(["test", "--help"]).pytest == ["--help"]


def test_lock_keeps_versions_unless_told() -> None:
    assert parse(["lock"]).upgrade is False
    assert parse(["lock", "--upgrade"]).upgrade is True


@pytest.mark.parametrize("command", ["check", "build"])
def test_commands_without_options(command: str) -> None:
    assert parse([command]).command == command


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["bench", "--json"], ["check", "--fast"]])
def test_a_wrong_usage_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_as_a_script_it_finds_its_rooms_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEV, "--help"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("demo", "test", "check", "bench", "build", "lock"):
        assert f"\n    {command}" in done.stdout


def test_the_python_it_finds_is_a_supported_one() -> None:
    found = environment.find_python()
    done = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() in {str(version) for version in environment.SUPPORTED}


def test_children_keep_bytecode_and_never_inherit_a_foreign_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    python = environment.venv_python()
    env = environment.child_environment(python)
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert "PYTHONPATH" not in env
    assert env["PATH"].split(os.pathsep)[0] == str(python.parent)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux runs without a display server")
def test_without_a_display_windows_are_drawn_offscreen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert environment.child_environment(environment.venv_python())["QT_QPA_PLATFORM"] == "offscreen"
    monkeypatch.setenv("DISPLAY", ":7")
    assert "QT_QPA_PLATFORM" not in environment.child_environment(environment.venv_python())
    assert environment.child_environment(environment.venv_python(), offscreen=True)["QT_QPA_PLATFORM"] == "offscreen"


def test_a_missing_program_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Stop) as stopped:
        run_with_progress(["no-such-program"], cwd=tmp_path, step=lambda _: True, what="steps")
    assert "no-such-program could not be started" in stopped.value.message


def test_no_network_is_said_in_words(tmp_path: Path) -> None:
    """A copy of dev.py in an empty folder, with pip barred from every index, ends with words and no traceback."""
    clone = tmp_path / "clone"
    (clone / "build_scripts").mkdir(parents=True)
    for path in (ROOT / "build_scripts").glob("*.py"):
        (clone / "build_scripts" / path.name).write_bytes(path.read_bytes())
    (clone / "requirements.lock").write_text(
        f"no-such-package-of-ours==1.0 \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8"
    )
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "PIP_CONFIG_FILE": os.devnull,
        # The discard port of this computer: nothing listens there.
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
    }
    done = subprocess.run(
        [sys.executable, clone / "build_scripts" / "dev.py", "check"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert "could not be reached" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
