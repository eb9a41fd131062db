"""The system's keychain as a `SecretStore`, by the ``keyring`` library.

What ``keyring`` leaves to its callers is done here (facts measured with keyring 25.7): a daemon that does not answer blocks for ever, so every call
has a deadline and a thread that can be given up; a vanished session bus raises whatever the D-Bus library raises; a null backend takes a secret and
forgets it, so only backends that are known to keep secrets are used, whatever the environment names, and every write is read back. Windows keeps
at most 1,280 UTF-16 units and has no check of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from app.concurrency import BlockingWorker
from app.errors import AppError, LocalError, SecretStoreUnavailable

_log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_S = 10.0
LONGEST_SECRET = 1280
USER = "outrigger"
KNOWN_BACKENDS = (
    ("keyring.backends.SecretService", "Keyring", "Secret Service"),
    ("keyring.backends.libsecret", "Keyring", "Secret Service"),
    ("keyring.backends.kwallet", "DBusKeyring", "KWallet"),
    ("keyring.backends.macOS", "Keyring", "macOS Keychain"),
    ("keyring.backends.Windows", "WinVaultKeyring", "Windows Credential Manager"),
)
"""Module, class and its users' word for it: the backends that keep secrets, and keep them from the file system."""


class KeyringSecrets:
    """Secrets of one profile. ``scope`` is the profile's name; each secret is a service of its own, since Windows mixes up users of one service."""

    def __init__(self, scope: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._scope = scope
        self._timeout_s = timeout_s
        self._worker = BlockingWorker("keychain")
        self._description = "system keychain"
        self._found: list[Any] = []
        self._is_closed = False

    @property
    def description(self) -> str:
        """The keychain's name; a general word before the first use."""
        return self._description

    async def get(self, name: str) -> str | None:
        """See `SecretStore.get`. Looks into every keychain of this system, so that a secret outlives a change of the preferred one."""
        return await self._call(self._get, name)

    async def set(self, name: str, value: str) -> None:
        """See `SecretStore.set`. Raises LocalError for more than 1,280 characters."""
        if not value or len(value.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_SECRET:
            raise LocalError(
                f"a secret must have 1 to {LONGEST_SECRET} characters to fit into every keychain",
                code="secret_too_long",
            )
        await self._call(self._set, name, value)

    async def delete(self, name: str) -> None:
        """See `SecretStore.delete`."""
        await self._call(self._delete, name)

    async def close(self) -> None:
        """See `SecretStore.close`."""
        self._is_closed = True
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._worker.close()
        except TimeoutError:
            self._worker.abandon()

    async def _call(self, fn: Callable[..., T], *args: str) -> T:
        if self._is_closed:
            raise RuntimeError("the keychain's door is closed")
        worker = self._worker
        try:
            async with asyncio.timeout(self._timeout_s):
                return await worker.run(fn, *args)
        except TimeoutError:
            # The thread is lost to a keychain that may never answer; the next call gets a new one.
            if self._worker is worker:
                worker.abandon()
                self._worker = BlockingWorker("keychain")
            raise SecretStoreUnavailable(
                f"the keychain did not answer within {self._timeout_s:g} s; it may be waiting for its password in a window of its own",
                code="secret_store_hung",
            ) from None
        except AppError:
            self._found = []
            raise
        except Exception as error:  # noqa: BLE001 - the libraries below keyring raise what they like (FileNotFoundError, D-Bus errors)
            self._found = []
            raise _translate(error) from None

    def _get(self, name: str) -> str | None:
        problem: Exception | None = None
        for backend in self._backends():
            try:
                found = backend.get_password(self._service(name), USER)
            except Exception as error:  # noqa: BLE001 - one keychain's trouble must not hide another's answer
                problem = problem or error
                continue
            if found is not None:
                return str(found)
        if problem is not None:
            raise problem
        return None

    def _set(self, name: str, value: str) -> None:
        backend = self._backends()[0]
        backend.set_password(self._service(name), USER, value)
        if backend.get_password(self._service(name), USER) != value:
            raise SecretStoreUnavailable(
                "the keychain took a secret and did not give it back", code="secret_store_forgetful"
            )

    def _delete(self, name: str) -> None:
        for backend in self._backends():
            if backend.get_password(self._service(name), USER) is not None:
                backend.delete_password(self._service(name), USER)

    def _service(self, name: str) -> str:
        return f"Outrigger {self._scope} {name}"

    def _backends(self) -> list[Any]:
        """The usable keychains, the preferred one first. Raises SecretStoreUnavailable where there is none."""
        # keyring's own search is cached for the life of the process: a keychain that starts later would never be found.
        if not self._found:
            usable = [(priority, words, backend) for words, backend, priority in _usable_backends()]
            if not usable:
                raise SecretStoreUnavailable(_absent_words(), code="secret_store_absent")
            usable.sort(key=lambda one: one[0], reverse=True)
            self._description = usable[0][1]
            self._found = [backend for _, _, backend in usable]
        return self._found


def _usable_backends() -> Iterator[tuple[str, Any, float]]:
    for module, name, words in KNOWN_BACKENDS:
        try:
            # Imported late: a tenth of a second that only this thread needs to spend.
            backend_class = getattr(importlib.import_module(module), name)
            priority = float(backend_class.priority)
            if priority > 0:
                yield words, backend_class(), priority
        except Exception as error:  # noqa: BLE001 - a backend of another system says so in many ways
            _log.debug("keychain %s is not usable here: %s", words, type(error).__name__)


def _absent_words() -> str:
    if sys.platform == "win32":
        return "the Windows Credential Manager cannot be reached"
    if sys.platform == "darwin":
        return "the macOS Keychain cannot be reached"
    return "no keychain answers in this session: neither a Secret Service (GNOME Keyring, KeePassXC) nor KWallet is running"


def _translate(error: Exception) -> SecretStoreUnavailable:
    from keyring.errors import InitError, KeyringLocked, NoKeyringError

    if isinstance(error, KeyringLocked):
        return SecretStoreUnavailable("the keychain is locked", code="secret_store_locked")
    if isinstance(error, NoKeyringError | InitError):
        return SecretStoreUnavailable(_absent_words(), code="secret_store_absent")
    return SecretStoreUnavailable(
        f"the keychain cannot be reached ({type(error).__name__})", code="secret_store_unreachable"
    )
