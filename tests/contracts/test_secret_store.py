"""What every secret store must do, over each that there is: the real keychain, the vault, and the one that tests hand around."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.auth.ports import SecretStore
from app.auth.vault import VaultSecrets
from app.backends.keyring_secrets import LONGEST_SECRET, KeyringSecrets
from tests.servers.secret_service import secret_service
from tests.servers.secrets_in_memory import InMemorySecretStore

STORES = ["memory", "vault"] + (["keychain"] if sys.platform == "linux" else [])


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    if request.param != "keychain":
        yield request.param
        return
    with secret_service(tmp_path) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        yield request.param


@pytest.fixture
async def store(kind: str, tmp_path: Path) -> AsyncIterator[SecretStore]:
    made: SecretStore
    if kind == "memory":
        made = InMemorySecretStore()
    elif kind == "vault":
        made = await VaultSecrets.create(tmp_path / "vault", "correct horse")
    else:
        made = KeyringSecrets("contract")
    yield made
    await made.close()


async def test_a_secret_is_kept_replaced_and_forgotten(store: SecretStore) -> None:
    assert await store.get("database") is None
    await store.set("database", "one")
    await store.set("mail:1", "another")
    assert await store.get("database") == "one"
    await store.set("database", "two")
    assert await store.get("database") == "two"
    await store.delete("database")
    assert await store.get("database") is None
    assert await store.get("mail:1") == "another"


async def test_forgetting_what_is_not_there_is_no_error(store: SecretStore) -> None:
    await store.delete("never kept")
    assert await store.get("never kept") is None


@pytest.mark.parametrize(
    "value", ["x", " leading and trailing ", "pässwörd 密码 🔑", "quotes \" ' \\ and\nlines\t", "a" * LONGEST_SECRET]
)
async def test_a_secret_comes_back_as_it_was(store: SecretStore, value: str) -> None:
    await store.set("mail:1", value)
    assert await store.get("mail:1") == value


async def test_the_store_names_itself(store: SecretStore) -> None:
    await store.get("anything")
    assert store.description
