"""Opening a profile: folder, lock, log, settings, keychain or vault, database, and the tasks that live as long as it is open."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.auth.ports import SecretStore
from app.auth.vault import VaultSecrets
from app.backends.keyring_secrets import KeyringSecrets
from app.clock import Clock, SystemClock
from app.concurrency import BlockingWorker, supervise
from app.errors import AppError, SecretStoreUnavailable
from app.events import BackgroundTaskFailed, EventBus, SettingsChanged
from app.logs import LogFile
from app.paths import Profile, protect_process, write_private
from app.settings import Settings
from app.store import keys
from app.store.database import Database
from app.store.keys import open_database

_log = logging.getLogger(__name__)

NAME_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Core:
    """What every service stands on. ``start`` runs a long task under supervision until the profile is closed.

    ``stack`` closes what is entered there, the last first, after the tasks have ended and before the database closes.
    """

    profile: Profile
    bus: EventBus
    settings: Settings
    secrets: SecretStore
    database: Database
    clock: Clock
    start: Callable[[str, Callable[[], Awaitable[None]]], None]
    stack: contextlib.AsyncExitStack


@asynccontextmanager
async def open_core(
    profile: Profile, *, secrets: SecretStore | None = None, clock: Clock | None = None
) -> AsyncIterator[Core]:
    """Open a profile without mail, Salesforce or outbox: folders, lock, log, settings, keychain, database, task group.

    Raises SecretStoreUnavailable, DatabaseKeyMissing, DatabaseUnreadable, DatabaseTooNew, DiskFull, ProfileInUse, LocalError. Whatever order
    things end in, no task and no thread stays behind.
    """
    clock = clock or SystemClock()
    protect_process()
    bus = EventBus()
    async with contextlib.AsyncExitStack() as stack:
        disk = BlockingWorker("profile")
        stack.push_async_callback(disk.close)
        await disk.run(profile.prepare)
        stack.enter_context(profile.locked())
        await disk.run(profile.wipe_temp)
        stack.push_async_callback(disk.run, profile.wipe_temp)
        settings = Settings(profile.settings_file, bus)
        stack.push_async_callback(settings.close)
        await settings.load()
        log_file = LogFile(profile.log_file, level=settings.log_level)
        stack.callback(log_file.close)
        stack.callback(bus.subscribe(SettingsChanged, lambda _: log_file.set_level(settings.log_level)))
        if secrets is None:
            secrets = await disk.run(_keychain_of, profile)
            stack.push_async_callback(secrets.close)
        database = await open_database(profile.database, secrets, bus=bus, clock=clock)
        stack.push_async_callback(database.close)
        _log.info("profile open, last exit %s", database.last_exit)
        services = await stack.enter_async_context(contextlib.AsyncExitStack())
        tasks = _Tasks(bus, clock)
        stack.push_async_callback(tasks.close)
        if database.needs_check:
            tasks.start("database check", database.check)
        yield Core(profile, bus, settings, secrets, database, clock, tasks.start, services)


async def open_vault(profile: Profile, passphrase: str) -> VaultSecrets:
    """The profile's vault; made at the first start, where the user chose a passphrase instead of a keychain. The caller closes it.

    Raises SecretStoreUnavailable (``wrong_passphrase``, ``vault_damaged``, ``vault_missing``: the profile is there and was not made with a
    vault), LocalError (``passphrase_too_short``), DiskFull.
    """
    disk = BlockingWorker("profile")
    try:
        await disk.run(profile.prepare)
        is_first_start = not await disk.run(_is_in_use, profile)
    finally:
        await disk.close()
    if is_first_start:
        return await VaultSecrets.create(profile.vault_file, passphrase)
    return await VaultSecrets.open(profile.vault_file, passphrase)


async def start_over(
    profile: Profile, *, secrets: SecretStore | None = None, clock: Clock | None = None
) -> Path | None:
    """On a person's wish: set an unreadable database aside as ``….damaged-<time>``, so that the next start makes a new one; where it is now.

    The old key stays in the keychain under the database's id. Raises ProfileInUse, SecretStoreUnavailable, LocalError.
    """
    async with _shut_profile(profile, secrets) as kept:
        return await keys.start_over(profile.database, kept, clock=clock or SystemClock())


async def renew_key(profile: Profile, *, secrets: SecretStore | None = None, clock: Clock | None = None) -> None:
    """On a person's wish: encrypt the whole database under a new key. Raises ProfileInUse and like `open_core`."""
    async with _shut_profile(profile, secrets) as kept:
        await keys.renew_key(profile.database, kept, clock=clock or SystemClock())


@asynccontextmanager
async def _shut_profile(profile: Profile, secrets: SecretStore | None) -> AsyncIterator[SecretStore]:
    """A profile that nobody has open, held for work on its database file."""
    protect_process()
    async with contextlib.AsyncExitStack() as stack:
        disk = BlockingWorker("profile")
        stack.push_async_callback(disk.close)
        await disk.run(profile.prepare)
        stack.enter_context(profile.locked())
        if secrets is None:
            secrets = await disk.run(_keychain_of, profile)
            stack.push_async_callback(secrets.close)
        yield secrets


def _keychain_of(profile: Profile) -> KeyringSecrets:
    if profile.vault_file.exists():
        raise SecretStoreUnavailable(
            "the secrets of this profile are in a vault; its passphrase is needed", code="passphrase_needed"
        )
    return KeyringSecrets(profile_name(profile))


def _is_in_use(profile: Profile) -> bool:
    return profile.vault_file.exists() or profile.database.exists()


def profile_name(profile: Profile) -> str:
    """The profile's own name in the keychain.

    Made of the folder's path at first and kept in a file: a folder that moves takes its name along, a folder that vanished with everything in it
    gets the same name again and so is missed.
    """
    try:
        name = profile.name_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    if not (name.isalnum() and len(name) == NAME_LENGTH):
        name = hashlib.sha256(str(profile.root.resolve()).encode("utf-8", "surrogatepass")).hexdigest()[:NAME_LENGTH]
        write_private(profile.name_file, name.encode("ascii"))
    return name


class _Tasks:
    """Long tasks of one open profile. Each is supervised by itself: one that ends or fails leaves the others alone."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, fn: Callable[[], Awaitable[None]]) -> None:
        """Run ``fn`` for ever, as `supervise` does."""
        task = asyncio.create_task(supervise(name, fn, clock=self._clock, on_error=self._report), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancel all and wait until each has ended."""
        for task in tuple(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running))

    def _report(self, name: str, error: BaseException) -> None:
        self._bus.publish(BackgroundTaskFailed(name, error.code if isinstance(error, AppError) else "bug"))
