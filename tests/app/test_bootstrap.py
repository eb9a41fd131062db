"""Opening a profile: everything joined, everything ended, and every refusal in words with nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import threading
from pathlib import Path

import pytest

from app.bootstrap import open_app, open_core, open_vault, start_over
from app.bootstrap.core import profile_name
from app.errors import (
    AppError,
    DatabaseKeyMissing,
    DatabaseUnreadable,
    LocalError,
    ProfileInUse,
    SecretStoreUnavailable,
)
from app.events import BackgroundTaskFailed, SettingsChanged
from app.paths import Profile
from tests.app.store.rows import add_row, row_names
from tests.servers.secret_service import UNCLOSED, secret_service
from tests.servers.secrets_in_memory import InMemorySecretStore

PASSPHRASE = "correct horse battery"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile(tmp_path / "profile")


@pytest.fixture
def secrets() -> InMemorySecretStore:
    return InMemorySecretStore()


async def test_an_empty_profile_opens_with_all_services_and_closes_without_a_trace(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    for _ in range(2):
        async with open_app(profile, secrets=secrets) as services:
            assert await services.reader.folders() == []
            assert await services.accounts.crm.list() == []
            assert (await services.outbox.counts()).open == 0
            assert services.secrets_place == secrets.description
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("database")] == []
    left = sorted(one.name for one in profile.root.iterdir())
    assert left == ["lock", "logs", "outrigger.db", "temp"]
    assert list(profile.temp_dir.iterdir()) == []


async def test_a_profile_is_open_once(profile: Profile, secrets: InMemorySecretStore) -> None:
    async with open_core(profile, secrets=secrets):
        with pytest.raises(ProfileInUse):
            async with open_core(profile, secrets=secrets):
                pass
    async with open_core(profile, secrets=secrets):
        pass


async def test_a_refused_start_lets_go_of_everything(profile: Profile, secrets: InMemorySecretStore) -> None:
    async with open_core(profile, secrets=secrets) as core:
        await core.database.write("add", lambda tx: add_row(tx, "kept"))
    kept = secrets.secrets.pop("database")
    for _ in range(2):
        with pytest.raises(DatabaseKeyMissing):
            async with open_app(profile, secrets=secrets):
                pass
    secrets.secrets["database"] = kept
    async with open_core(profile, secrets=secrets) as core:
        assert await core.database.read(row_names) == ["kept"]


async def test_an_error_of_the_front_end_passes_through_as_it_is(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_app(profile, secrets=secrets):
            _ = 1 / 0


async def test_cancelling_the_front_end_closes_in_good_order(profile: Profile, secrets: InMemorySecretStore) -> None:
    opened = asyncio.Event()

    async def front_end() -> None:
        async with open_app(profile, secrets=secrets):
            opened.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(front_end())
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not profile.database.with_name("outrigger.db-open").exists()


async def test_long_tasks_are_supervised_and_end_with_the_profile(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    heard: list[BackgroundTaskFailed] = []
    tries: list[str] = []
    ended = asyncio.Event()

    async def failing() -> None:
        tries.append("failing")
        raise LocalError("disk", code="disk_error")

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with open_core(profile, secrets=secrets) as core:
        told = asyncio.Event()
        core.bus.subscribe(BackgroundTaskFailed, heard.append)
        core.bus.subscribe(BackgroundTaskFailed, lambda _: told.set())
        core.start("lasting", lasting)
        core.start("failing", failing)
        await told.wait()
        assert not ended.is_set()
    assert heard == [BackgroundTaskFailed("failing", "disk_error")]
    assert tries == ["failing"]
    assert ended.is_set()


async def test_temporary_files_of_a_crashed_run_go_at_the_next_start(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    profile.temp_dir.mkdir(parents=True)
    (profile.temp_dir / "offer.pdf").write_bytes(b"x")
    async with open_core(profile, secrets=secrets):
        assert list(profile.temp_dir.iterdir()) == []
        (profile.temp_dir / "offer.pdf").write_bytes(b"x")
    assert list(profile.temp_dir.iterdir()) == []


async def test_working_offline_is_remembered(profile: Profile, secrets: InMemorySecretStore) -> None:
    for wanted in (True, False):
        async with open_app(profile, secrets=secrets) as services:
            kept = asyncio.Event()
            services.bus.subscribe(SettingsChanged, lambda _, kept=kept: kept.set())
            services.connectivity.set_work_offline(wanted)
            await kept.wait()
        async with open_app(profile, secrets=secrets) as services:
            assert services.connectivity.work_offline == wanted


async def test_the_log_follows_its_setting(profile: Profile, secrets: InMemorySecretStore) -> None:
    async with open_core(profile, secrets=secrets) as core:
        logging.getLogger("app.test").debug("before")
        await core.settings.change(log_level="debug")
        logging.getLogger("app.test").debug("during")
        await core.settings.change(log_level="warning")
        logging.getLogger("app.test").info("after")
    text = profile.log_file.read_text(encoding="utf-8")
    assert "DEBUG app.test: during" in text
    assert "before" not in text
    assert "after" not in text


async def test_a_profile_of_a_vault_needs_its_passphrase_ever_after(profile: Profile) -> None:
    for _ in range(2):
        vault = await open_vault(profile, PASSPHRASE)
        async with open_app(profile, secrets=vault) as services:
            assert services.secrets_place == "passphrase vault"
        await vault.close()
    with pytest.raises(SecretStoreUnavailable) as caught:
        await open_vault(profile, "another passphrase")
    assert caught.value.code == "wrong_passphrase"
    with pytest.raises(SecretStoreUnavailable) as caught:
        async with open_app(profile):
            pass
    assert caught.value.code == "passphrase_needed"


async def test_no_vault_is_made_beside_a_database_of_the_keychain(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    async with open_core(profile, secrets=secrets):
        pass
    with pytest.raises(SecretStoreUnavailable) as caught:
        await open_vault(profile, PASSPHRASE)
    assert caught.value.code == "vault_missing"
    assert not profile.vault_file.exists()


async def test_starting_over_sets_the_file_aside_and_makes_a_new_one(
    profile: Profile, secrets: InMemorySecretStore
) -> None:
    async with open_core(profile, secrets=secrets) as core:
        await core.database.write("add", lambda tx: add_row(tx, "kept"))
        with pytest.raises(ProfileInUse):
            await start_over(profile, secrets=secrets)
    profile.database.write_bytes(b"x" * 9000)
    with pytest.raises(DatabaseUnreadable):
        async with open_core(profile, secrets=secrets):
            pass
    aside = await start_over(profile, secrets=secrets)
    assert aside is not None
    assert aside.read_bytes() == b"x" * 9000
    async with open_core(profile, secrets=secrets) as core:
        assert await core.database.read(row_names) == []


def test_a_profile_keeps_its_name_when_it_moves_and_gets_it_again_when_it_vanishes(profile: Profile) -> None:
    profile.prepare()
    name = profile_name(profile)
    moved = Profile(profile.root.with_name("moved"))
    profile.root.rename(moved.root)
    assert profile_name(moved) == name
    profile.prepare()
    assert profile_name(profile) == name
    (moved.name_file).write_bytes(b"\xff not a name")
    assert profile_name(moved) != name


@pytest.mark.needs_secret_service
@pytest.mark.filterwarnings(UNCLOSED)
@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's keychain")
async def test_with_the_real_keychain(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()

    async def refusal() -> AppError:
        with pytest.raises(AppError) as caught:
            async with open_core(profile):
                pass
        return caught.value

    with secret_service(home) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        async with open_core(profile) as core:
            await core.database.write("add", lambda tx: add_row(tx, "kept"))
        async with open_core(profile) as core:
            assert await core.database.read(row_names) == ["kept"]
            assert core.secrets.description == "Secret Service"
        # The whole folder gone: the key is still there, so that this is no first start.
        away = profile.root.with_name("away")
        shutil.move(profile.root, away)
        error = await refusal()
        assert isinstance(error, DatabaseUnreadable)
        assert error.kind == "missing"
        shutil.rmtree(profile.root)
        shutil.move(away, profile.root)
        # The keyring's own file damaged: the key looks missing, and no new one is made.
        service.stop_daemon()
        whole = service.keyring_file.read_bytes()
        service.keyring_file.write_bytes(b"garbage" * 20)
        service.start_daemon()
        assert isinstance(await refusal(), DatabaseKeyMissing)
        service.stop_daemon()
        service.keyring_file.write_bytes(whole)
        service.start_daemon(None)
        assert (await refusal()).code == "secret_store_locked"
        service.stop_daemon()
        service.start_daemon()
        async with open_core(profile) as core:
            assert await core.database.read(row_names) == ["kept"]
    assert isinstance(await refusal(), SecretStoreUnavailable)
