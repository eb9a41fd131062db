"""Nothing readable on disk: what was planted is looked for in every byte of every file, while the program runs and after it was killed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import open_core, open_vault
from app.paths import Profile
from app.store.opening import PLAIN_HEADER

KINDS = (
    "subject",
    "body",
    "attachment",
    "file",
    "name",
    "address",
    "record",
    "company",
    "token",
    "password",
    "upload",
    "passphrase",
)
FORMS = ("utf-8", "utf-16-le", "utf-16-be")


@pytest.fixture
def canaries() -> dict[str, str]:
    return {kind: f"canary{kind}{secrets.token_hex(8)}" for kind in KINDS}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Every folder that the process can be led to use."""
    made = {name: tmp_path / name for name in ("profile", "home", "tmp", "work", "outside")}
    for folder in made.values():
        folder.mkdir()
    return made


@pytest.fixture
def planted(canaries: dict[str, str], places: dict[str, Path]) -> Iterator[subprocess.Popen[str]]:
    upload = places["outside"] / f"{canaries['upload']}.txt"
    upload.write_text(canaries["upload"] * 200)
    environment = os.environ | {
        "HOME": str(places["home"]),
        "TMPDIR": str(places["tmp"]),
        "TEMP": str(places["tmp"]),
        "TMP": str(places["tmp"]),
        "SQLITE_TMPDIR": str(places["tmp"]),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.planting_process", str(places["profile"]), str(upload)],
        env=environment,
        cwd=places["work"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(canaries["passphrase"] + "\n" + json.dumps(canaries) + "\n")
    process.stdin.flush()
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def found_in(data: bytes, canaries: dict[str, str]) -> set[str]:
    lowered = data.lower()
    return {kind for kind, text in canaries.items() for form in FORMS if text.encode(form) in lowered}


def leaks(
    places: dict[str, Path], canaries: dict[str, str], process: subprocess.Popen[str] | None
) -> dict[str, set[str]]:
    """Where which canaries are readable: in every file of the places, and in files that the process has open without a name."""
    files = [
        file for name, folder in places.items() if name != "outside" for file in folder.rglob("*") if file.is_file()
    ]
    if process is not None and sys.platform == "linux":
        # SQLite's temporary files have no name; the process's own list shows them.
        files += [link for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_file()]
    found: dict[str, set[str]] = {}
    for file in files:
        try:
            data = file.read_bytes()
        except OSError:
            continue
        kinds = found_in(data, canaries) | found_in(file.name.encode(), canaries)
        if kinds or data.startswith(PLAIN_HEADER) or b"CREATE TABLE" in data:
            found[str(file)] = kinds
    return found


def expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


async def test_nothing_readable_while_it_runs_and_after_it_was_killed(
    planted: subprocess.Popen[str], canaries: dict[str, str], places: dict[str, Path]
) -> None:
    expect(planted, "planted")
    log_of_database = places["profile"] / "outrigger.db-wal"
    assert log_of_database.stat().st_size > 0
    assert leaks(places, canaries, planted) == {}
    expect(planted, "sorting")
    assert leaks(places, canaries, planted) == {}
    assert planted.stdin is not None
    planted.stdin.write("go on\n")
    planted.stdin.flush()
    expect(planted, "read")
    assert leaks(places, canaries, planted) == {}
    planted.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    planted.wait()
    assert leaks(places, canaries, None) == {}

    # It was all there, though: the next start finds it, and an orderly end leaves nothing readable either.
    profile = Profile(places["profile"])
    vault = await open_vault(profile, canaries["passphrase"])
    async with open_core(profile, secrets=vault) as core:
        row = await core.database.read(lambda reader: reader.row("SELECT subject FROM message LIMIT 1"))
        assert row == (canaries["subject"],)
        assert await vault.get("mail:1") == canaries["password"]
    await vault.close()
    assert leaks(places, canaries, None) == {}


def test_the_search_finds_what_is_readable(canaries: dict[str, str], places: dict[str, Path]) -> None:
    for form in FORMS:
        file = places["tmp"] / f"leak-{form}"
        file.write_bytes(b"\0\1" + canaries["body"].upper().encode(form))
    (places["home"] / canaries["token"]).write_bytes(b"")
    found = leaks(places, canaries, None)
    assert sorted(found.values(), key=sorted) == [{"body"}] * 3 + [{"token"}]
