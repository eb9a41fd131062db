"""The real keychain and what can befall it: locked, gone, frozen, corrupt, a backend that forgets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backends.keyring_secrets import LONGEST_SECRET, KeyringSecrets
from app.errors import LocalError, SecretStoreUnavailable
from tests.servers.secret_service import UNCLOSED, SecretService, secret_service

pytestmark = [
    pytest.mark.needs_secret_service,
    pytest.mark.filterwarnings(UNCLOSED),
    pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's keychain"),
]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    with secret_service(tmp_path) as running:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", running.address)
        yield running


async def refusal(keychain: KeyringSecrets) -> str:
    with pytest.raises(SecretStoreUnavailable) as caught:
        await keychain.get("database")
    assert str(caught.value)
    return caught.value.code


async def test_a_secret_outlives_the_program_and_the_daemon(service: SecretService) -> None:
    first = KeyringSecrets("p1")
    await first.set("database", "kept")
    await first.close()
    service.stop_daemon()
    service.start_daemon()
    second = KeyringSecrets("p1")
    assert await second.get("database") == "kept"
    assert second.description == "Secret Service"
    await second.close()


async def test_profiles_do_not_see_each_other(service: SecretService) -> None:
    one, other = KeyringSecrets("p1"), KeyringSecrets("p2")
    await one.set("database", "of one")
    assert await other.get("database") is None
    await other.delete("database")
    assert await one.get("database") == "of one"
    await one.close()
    await other.close()


async def test_a_locked_keychain_says_so_and_answers_once_unlocked(service: SecretService) -> None:
    keychain = KeyringSecrets("p1")
    await keychain.set("database", "kept")
    service.stop_daemon()
    service.start_daemon(None)
    assert await refusal(keychain) == "secret_store_locked"
    service.stop_daemon()
    service.start_daemon()
    assert await keychain.get("database") == "kept"
    await keychain.close()


async def test_a_keychain_that_is_gone_is_found_when_it_comes_back(service: SecretService) -> None:
    keychain = KeyringSecrets("p1")
    service.stop_daemon()
    assert await refusal(keychain) == "secret_store_absent"
    service.start_daemon()
    await keychain.set("database", "kept")
    assert await keychain.get("database") == "kept"
    await keychain.close()


async def test_a_session_that_ends_is_told_in_words(service: SecretService) -> None:
    keychain = KeyringSecrets("p1")
    await keychain.set("database", "kept")
    service.stop_bus()
    assert await refusal(keychain) in ("secret_store_unreachable", "secret_store_absent")
    assert await refusal(keychain) == "secret_store_absent"
    await keychain.close()


async def test_no_session_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    keychain = KeyringSecrets("p1")
    assert await refusal(keychain) == "secret_store_absent"
    await keychain.close()


async def test_a_frozen_daemon_costs_its_deadline_only(service: SecretService) -> None:
    keychain = KeyringSecrets("p1", timeout_s=1.0)
    await keychain.set("database", "kept")
    service.freeze()
    assert await refusal(keychain) == "secret_store_hung"
    assert await refusal(keychain) == "secret_store_hung"
    service.thaw()
    assert await keychain.get("database") == "kept"
    await keychain.close()


async def test_a_corrupt_keyring_file_looks_like_a_missing_secret(service: SecretService) -> None:
    # The daemon says "nothing there": why a missing key must never lead to a new one (tests/app/store/test_keys.py).
    keychain = KeyringSecrets("p1")
    await keychain.set("database", "kept")
    service.stop_daemon()
    service.keyring_file.write_bytes(b"garbage" * 20)
    service.start_daemon()
    assert await keychain.get("database") is None
    await keychain.close()


async def test_a_backend_that_forgets_is_not_used_whatever_the_environment_says(
    service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    keychain = KeyringSecrets("p1")
    await keychain.set("database", "kept")
    assert await keychain.get("database") == "kept"
    await keychain.close()


@pytest.mark.parametrize("value", ["", "x" * (LONGEST_SECRET + 1), "🔑" * (LONGEST_SECRET // 2 + 1)])
async def test_what_windows_could_not_keep_is_refused_everywhere(value: str) -> None:
    keychain = KeyringSecrets("p1")
    with pytest.raises(LocalError) as caught:
        await keychain.set("mail:1", value)
    assert caught.value.code == "secret_too_long"
    await keychain.close()
