"""The vault: sealed, private, and in words when it does not open."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from app.auth.vault import VaultSecrets
from app.errors import LocalError, SecretStoreUnavailable

PASSPHRASE = "correct horse battery"


async def made(path: Path, **secrets: str) -> Path:
    vault = await VaultSecrets.create(path, PASSPHRASE)
    for name, value in secrets.items():
        await vault.set(name, value)
    await vault.close()
    return path


def names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def refusal(path: Path, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(SecretStoreUnavailable) as caught:
        await VaultSecrets.open(path, passphrase)
    return caught.value.code


async def test_secrets_outlive_the_program_and_are_sealed(tmp_path: Path) -> None:
    path = await made(tmp_path / "vault", database="CANARY-SECRET", other="x")
    vault = await VaultSecrets.open(path, PASSPHRASE)
    assert await vault.get("database") == "CANARY-SECRET"
    await vault.close()
    data = path.read_bytes()
    assert b"CANARY" not in data
    assert b"database" not in data
    assert PASSPHRASE.encode() not in data
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["vault"]


async def test_the_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    path = await made(tmp_path / "vault")
    assert await refusal(path, PASSPHRASE + "!") == "wrong_passphrase"
    assert await refusal(path, "") == "wrong_passphrase"


async def test_the_same_passphrase_from_another_keyboard_opens_it(tmp_path: Path) -> None:
    vault = await VaultSecrets.create(tmp_path / "vault", "schlu\u0308ssel f\u00fcr alles")
    await vault.close()
    vault = await VaultSecrets.open(tmp_path / "vault", "schl\u00fcssel fu\u0308r alles")
    await vault.close()


async def test_a_short_passphrase_and_a_second_vault_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        await VaultSecrets.create(tmp_path / "vault", "short")
    assert caught.value.code == "passphrase_too_short"
    assert not (tmp_path / "vault").exists()
    path = await made(tmp_path / "vault", database="kept")
    with pytest.raises(LocalError) as caught:
        await VaultSecrets.create(path, PASSPHRASE)
    assert caught.value.code == "vault_exists"
    vault = await VaultSecrets.open(path, PASSPHRASE)
    assert await vault.get("database") == "kept"
    await vault.close()


async def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    assert await refusal(tmp_path / "vault") == "vault_missing"
    assert not (tmp_path / "vault").exists()


async def test_every_damage_is_told(tmp_path: Path) -> None:
    path = await made(tmp_path / "vault", database="kept")
    whole = path.read_bytes()
    for damaged in (b"", b"{", b"[]", b"null", b'{"format": 1}', whole[: len(whole) // 2], b"\xff" * 100, b"[" * 5000):
        path.write_bytes(damaged)
        assert await refusal(path) == "vault_damaged"
    document = json.loads(whole)
    flipped = document | {
        "sealed": document["sealed"][:30] + ("A" if document["sealed"][30] != "A" else "B") + document["sealed"][31:]
    }
    path.write_text(json.dumps(flipped))
    assert await refusal(path) == "wrong_passphrase"


@pytest.mark.parametrize(
    "change",
    [
        {"time": 10**9},
        {"memory_kib": 1 << 40},
        {"memory_kib": 1},
        {"lanes": 10**6},
        {"lanes": 0},
        {"time": True},
        {"time": "3"},
        {"name": "pbkdf2"},
    ],
)
async def test_a_header_cannot_ask_for_what_would_freeze_the_machine(tmp_path: Path, change: dict[str, Any]) -> None:
    path = await made(tmp_path / "vault")
    document = json.loads(path.read_bytes())
    document["kdf"].update(change)
    path.write_text(json.dumps(document))
    assert await refusal(path) == "vault_damaged"


async def test_a_weakened_header_does_not_open(tmp_path: Path) -> None:
    path = await made(tmp_path / "vault")
    document = json.loads(path.read_bytes())
    document["kdf"]["time"] = 1
    path.write_text(json.dumps(document))
    assert await refusal(path) == "wrong_passphrase"


async def test_writes_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    vault = await VaultSecrets.create(tmp_path / "vault", PASSPHRASE)
    await asyncio.gather(*(vault.set(f"mail:{n}", str(n)) for n in range(20)))
    await vault.close()
    vault = await VaultSecrets.open(tmp_path / "vault", PASSPHRASE)
    assert [await vault.get(f"mail:{n}") for n in range(20)] == [str(n) for n in range(20)]
    await vault.close()
