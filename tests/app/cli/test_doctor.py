"""The doctor where the profile does not open: what stands in the way, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

from app.doctor import advice, findings_of_error
from app.errors import (
    AppError,
    DatabaseKeyMissing,
    DatabaseTooNew,
    DatabaseUnreadable,
    DiskFull,
    ProfileInUse,
    SecretStoreUnavailable,
)
from tests.app.cli.command_line import CommandLine, bare

UNREADABLE = ("wrong_key", "damaged", "emptied", "missing", "replaced", "not_encrypted")


def test_every_way_not_to_open_has_its_own_words() -> None:
    errors: list[AppError] = [DatabaseUnreadable("x", kind=kind) for kind in UNREADABLE]
    errors += [DatabaseKeyMissing("x"), DatabaseTooNew("x"), DiskFull("x"), ProfileInUse("x")]
    errors += [DatabaseKeyMissing("x", code="database_key_damaged")]
    codes = ("absent", "locked", "hung", "unreachable", "forgetful")
    errors += [SecretStoreUnavailable("x", code=f"secret_store_{word}") for word in codes]
    words = [advice(error) for error in errors]
    assert all(len(one) > 20 for one in words)
    assert len(set(words)) == len(words)
    assert all(findings_of_error(error)[0].what_to_do == advice(error) for error in errors)


def test_an_emptied_database_is_told_and_set_aside_only_when_asked(cli: CommandLine) -> None:
    assert cli.run("folders").code == 0
    database = cli.profile / "outrigger.db"
    os.truncate(database, 0)
    for _ in range(2):
        ill = cli.json("doctor")
        assert ill.code == 1
        (finding,) = ill.document["findings"]
        assert finding["name"] == "database"
        assert "--set-aside-database" in finding["what_to_do"]
        assert database.stat().st_size == 0
        assert cli.json("folders").error["code"] == "database_unreadable"
    mended = cli.json("doctor", "--set-aside-database")
    assert mended.code == 0, mended.out
    assert mended.document["findings"][0]["name"] == "set aside"
    assert len(list(cli.profile.glob("outrigger.db.damaged-*"))) == 1
    assert cli.json("folders").document == {"folders": []}


def test_without_a_keychain_the_doctor_says_so(tmp_path: Path) -> None:
    ill = bare("--json", "--profile", str(tmp_path), "doctor")
    assert ill.code == 1
    (finding,) = ill.document["findings"]
    assert (finding["name"], finding["is_ok"]) == ("keychain", False)
    assert finding["what_to_do"]


def test_the_key_can_be_renewed(cli: CommandLine) -> None:
    cli.run("folders")
    before = (cli.profile / "outrigger.db").read_bytes()
    renewed = cli.json("doctor", "--renew-key")
    assert renewed.code == 0, renewed.out
    assert renewed.document["findings"][0]["name"] == "new key"
    after = (cli.profile / "outrigger.db").read_bytes()
    pages = [(before[at : at + 4096], after[at : at + 4096]) for at in range(4096, min(len(before), len(after)), 4096)]
    assert all(old != new for old, new in pages)
    assert cli.json("folders").document == {"folders": []}
