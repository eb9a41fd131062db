"""The log tells what happened and nothing that mail, Salesforce or a keychain would not want told."""

from __future__ import annotations

import logging
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import LocalError
from app.logs import FILES_KEPT, LARGEST_FILE, LogFile, redact

SECRETS = [
    "Authorization: Bearer 00Dxx0000001gPL!AQ4AQFvkZ.SECRET",
    "refresh_token=5Aep861SECRETSECRETSECRET&grant_type=refresh_token",
    "{'access_token': 'SECRETSECRET', 'id': 1}",
    '{"password": "SECRET"}',
    "PRAGMA key=\"x'" + "5ec3e7" * 11 + "'\"",
    "token 00D000000000001AAA!SECRETSECRET",
    "eyJhbGciOiJIUzI1NiJ9.SECRET.SECRET",
    "code=aPrxSECRET state=1",
    "mail from rita.rep+SECRET@example.com to <SECRET@exämple.de>",
    "blob " + "SECRETs1" * 8,
]


def written(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_and_addresses_are_struck_out(text: str) -> None:
    redacted = redact(text)
    assert "SECRET" not in redacted
    assert "5ec3e7" not in redacted
    assert "<" in redacted


@pytest.mark.parametrize(
    "text", ["account mail:3, folder 12", "sync of 400 messages in 1.2 s", "outbox: pending, try 3"]
)
def test_what_is_harmless_stays(text: str) -> None:
    assert redact(text) == text


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20),
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20),
)
def test_no_address_stays(local: str, domain: str) -> None:
    assert "@" not in redact(f"from {local}@{domain}.example today")


def test_lines_reach_the_file_redacted_and_private(tmp_path: Path) -> None:
    path = tmp_path / "outrigger.log"
    log = LogFile(path)
    logging.getLogger("app.mail").info("signed in as %s", "rita@example.com")
    logging.getLogger("app.mail").debug("not at this level")
    log.close()
    assert "INFO app.mail: signed in as <address>" in written(path)
    assert "not at this level" not in written(path)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_message_stays_on_its_line_and_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "outrigger.log"
    log = LogFile(path)
    logging.getLogger("app.mail").info("folder %s", "x\n2026-01-01 INFO app: forged\x1b[2J")
    logging.getLogger("app.mail").info("long %s", "word " * 100_000)
    log.close()
    lines = written(path).splitlines()
    assert len(lines) == 2
    assert "\\x0a2026" in lines[0]
    assert "\x1b" not in lines[0]
    assert len(lines[1]) < 11_000


def test_other_libraries_are_heard_without_their_arguments(tmp_path: Path) -> None:
    path = tmp_path / "outrigger.log"
    log = LogFile(path, level="debug")
    logging.getLogger("some.library").debug("GET /query?q=%s", "Karl Klein")
    logging.getLogger("some.library").warning("retrying after %s for %s", "reset", "Karl Klein")
    log.close()
    assert "retrying after %s for %s" in written(path)
    assert "Karl" not in written(path)
    assert "GET" not in written(path)


def test_a_traceback_keeps_places_and_loses_words(tmp_path: Path) -> None:
    path = tmp_path / "outrigger.log"
    log = LogFile(path)
    try:
        try:
            raise ValueError("Karl Klein's offer")
        except ValueError as error:
            raise LocalError("the disk is full") from error
    except LocalError:
        logging.getLogger("app.store").exception("writing failed")
    log.close()
    text = written(path)
    assert "LocalError: the disk is full" in text
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert "Karl" not in text


def test_files_roll_over_and_are_few(tmp_path: Path) -> None:
    path = tmp_path / "outrigger.log"
    log = LogFile(path)
    for number in range(6 * LARGEST_FILE // 1000):
        logging.getLogger("app").info("%d %s", number, "word " * 200)
    log.close()
    files = list(tmp_path.iterdir())
    assert 1 < len(files) <= FILES_KEPT + 1
    assert all(file.stat().st_size <= LARGEST_FILE + 2000 for file in files)


def test_closing_leaves_logging_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), logging.getLogger("app").level)
    log = LogFile(tmp_path / "outrigger.log", level="debug")
    assert logging.getLogger("app").level == logging.DEBUG
    log.close()
    assert (list(root.handlers), logging.getLogger("app").level) == before
