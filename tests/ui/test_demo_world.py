"""The demo world as the window meets it: its announcement, its process, its accounts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.errors import LocalError
from ui.demo_world import DemoProcess, DemoWorld

ROOT = Path(__file__).resolve().parents[2]


def _line(**changes: Any) -> str:
    login = {
        "service": "imap",
        "user": "rita@rita.example",
        "password": "p",
        "access_token": "",
        "client_id": "",
        "org": "",
    }
    there = {**login, "service": "salesforce", "user": "admin@rita.example", "client_id": "c", "org": "00D"}
    data = {
        "salesforce": "http://127.0.0.1:8001", "salesforce_tls": "https://127.0.0.1:8002",
        "imap": "127.0.0.1:8003", "imaps": "127.0.0.1:8004", "smtp": "127.0.0.1:8005", "smtps": "127.0.0.1:8006",
        "ca_file": "/x/ca.pem", "admin": "http://127.0.0.1:8007",
        "logins": [there, login, {**there, "user": "rita@rita.example"}],
    }  # fmt: skip
    return json.dumps({**data, **changes})


def test_the_announcement_is_read() -> None:
    world = DemoWorld.from_line(_line())
    assert world.imaps == ("127.0.0.1", 8004)
    assert world.smtps == ("127.0.0.1", 8006)
    assert world.mailbox is not None
    assert world.mailbox.user == "rita@rita.example"
    assert world.salesforce_login is not None
    assert world.salesforce_login.user == "rita@rita.example"


def test_without_the_same_person_the_first_one_signs_in() -> None:
    world = DemoWorld.from_line(_line(logins=[{"service": "salesforce", "user": "sam", "client_id": "c"}]))
    assert world.mailbox is None
    assert world.salesforce_login is not None
    assert world.salesforce_login.user == "sam"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "[]",
        "{}",
        '"text"',
        _line(imaps="no port"),
        _line(logins=None),
        _line(logins=["x"]),
        _line(salesforce="https://login.salesforce.com"),
        _line(imaps="imap.example.com:993"),
        _line(smtps="10.0.0.1:465"),
        _line(salesforce="http://127.0.0.1.evil.example:80"),
    ],
)
def test_what_is_no_demo_world_on_this_computer_is_refused(line: str) -> None:
    with pytest.raises(LocalError):
        DemoWorld.from_line(line)


async def test_the_demo_process_starts_and_ends_with_us() -> None:
    process = DemoProcess(None)
    world = await process.start()
    assert world.mailbox is not None
    assert world.salesforce_login is not None
    await process.stop()
    await process.stop()


async def test_a_demo_that_cannot_start_is_told() -> None:
    process = DemoProcess(None)
    process._process.setProgram("/nowhere/outrigger-demo")
    with pytest.raises(LocalError):
        await process.start()
    await process.stop()


def test_the_smoke_test_shows_mail_and_ends_well() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-m", "ui", "--smoke-test"],
        cwd=ROOT,
        env=environment,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_demo_file_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text("{}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ui", "--demo", str(file), "--profile", str(tmp_path / "p")],
        cwd=ROOT, timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "p").exists()
