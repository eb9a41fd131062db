"""A vault for systems without a keychain: secrets in one file, sealed by a passphrase that the user chose to type at each start.

Argon2id (RFC 9106, second recommended option) makes the key, AES-256-GCM seals the secrets with the file's own header as associated data, so that
nobody can weaken the header unnoticed. The passphrase is prepared as RFC 8265 says for opaque strings (NFC), so that another keyboard makes the
same bytes. There is no other copy: who forgets the passphrase has lost what the vault seals.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import unicodedata
from pathlib import Path
from typing import Any

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.concurrency import BlockingWorker
from app.errors import LocalError, SecretStoreUnavailable
from app.paths import folder_error, write_private

SHORTEST_PASSPHRASE = 8
LARGEST_FILE = 1 << 20
KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
KDF = {"name": "argon2id", "time": 3, "memory_kib": 64 << 10, "lanes": 4}
MOST_TIME, MOST_MEMORY_KIB, MOST_LANES = 64, 1 << 20, 64
"""What a header may ask for: a damaged or planted file must not freeze the machine."""


class VaultSecrets:
    """`SecretStore` over a vault file. Made by `open` or `create`; the derived key lives as long as it."""

    def __init__(
        self, worker: BlockingWorker, path: Path, header: dict[str, Any], key: bytes, kept: dict[str, str]
    ) -> None:
        self._worker = worker
        self._path = path
        self._header = header
        self._key = key
        self._kept = kept
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, passphrase: str) -> VaultSecrets:
        """Open an existing vault.

        Raises SecretStoreUnavailable with the code ``wrong_passphrase`` (a damaged seal looks the same), ``vault_missing`` or ``vault_damaged``.
        """
        worker = BlockingWorker("vault")
        try:
            header, key, kept = await worker.run(_unseal_file, path, passphrase)
        except BaseException:
            await worker.close()
            raise
        return cls(worker, path, header, key, kept)

    @classmethod
    async def create(cls, path: Path, passphrase: str) -> VaultSecrets:
        """Make an empty vault. Raises LocalError (``passphrase_too_short``, ``vault_exists``), DiskFull."""
        if len(_prepared(passphrase).decode()) < SHORTEST_PASSPHRASE:
            raise LocalError(
                f"a passphrase must have at least {SHORTEST_PASSPHRASE} characters", code="passphrase_too_short"
            )
        worker = BlockingWorker("vault")
        try:
            header, key = await worker.run(_new_file, path, passphrase)
        except BaseException:
            await worker.close()
            raise
        return cls(worker, path, header, key, {})

    @property
    def description(self) -> str:
        """See `SecretStore.description`."""
        return "passphrase vault"

    async def get(self, name: str) -> str | None:
        """See `SecretStore.get`."""
        return self._kept.get(name)

    async def set(self, name: str, value: str) -> None:
        """See `SecretStore.set`."""
        async with self._lock:
            await self._write({**self._kept, name: value})

    async def delete(self, name: str) -> None:
        """See `SecretStore.delete`."""
        async with self._lock:
            if name in self._kept:
                await self._write({known: value for known, value in self._kept.items() if known != name})

    async def close(self) -> None:
        """See `SecretStore.close`."""
        await self._worker.close()
        self._kept = {}
        self._key = b""

    async def _write(self, kept: dict[str, str]) -> None:
        await self._worker.run(_write_and_read_back, self._path, self._header, self._key, kept)
        self._kept = kept


def _unseal_file(path: Path, passphrase: str) -> tuple[dict[str, Any], bytes, dict[str, str]]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise SecretStoreUnavailable("the vault file is missing", code="vault_missing") from None
    except OSError as error:
        raise folder_error(error, "the vault cannot be read") from error
    header, sealed = _parts(data)
    key = _derive(header["kdf"], base64.b64decode(header["salt"]), passphrase)
    return header, key, _unseal(header, key, sealed)


def _new_file(path: Path, passphrase: str) -> tuple[dict[str, Any], bytes]:
    if path.exists():
        raise LocalError("there is a vault already", code="vault_exists")
    salt = secrets.token_bytes(SALT_BYTES)
    header = {"format": 1, "kdf": dict(KDF), "salt": base64.b64encode(salt).decode()}
    key = _derive(KDF, salt, passphrase)
    _write_and_read_back(path, header, key, {})
    return header, key


def _write_and_read_back(path: Path, header: dict[str, Any], key: bytes, kept: dict[str, str]) -> None:
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, json.dumps(kept).encode(), _associated(header))
    write_private(path, json.dumps({**header, "sealed": base64.b64encode(sealed).decode()}).encode())
    found_header, found = _parts(path.read_bytes())
    if _unseal(found_header, key, found) != kept:
        raise SecretStoreUnavailable("the vault file did not keep what was written", code="secret_store_forgetful")


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the sealed bytes of a vault file, checked before anything costly is done with them."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        document = json.loads(data)
        sealed = base64.b64decode(document.pop("sealed"), validate=True)
        kdf = document["kdf"]
        is_sane = (
            len(data) <= LARGEST_FILE
            and document["format"] == 1
            and kdf["name"] == KDF["name"]
            and all(type(kdf[name]) is int for name in ("time", "memory_kib", "lanes"))
            and 1 <= kdf["time"] <= MOST_TIME
            and 8 * kdf["lanes"] <= kdf["memory_kib"] <= MOST_MEMORY_KIB
            and 1 <= kdf["lanes"] <= MOST_LANES
            and len(base64.b64decode(document["salt"], validate=True)) == SALT_BYTES
            and len(sealed) > NONCE_BYTES
        )
        if is_sane:
            return document, sealed
    raise SecretStoreUnavailable("the vault file is damaged", code="vault_damaged")


def _unseal(header: dict[str, Any], key: bytes, sealed: bytes) -> dict[str, str]:
    try:
        plain = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _associated(header))
    except InvalidTag:
        raise SecretStoreUnavailable(
            "the passphrase does not open the vault, or its file was damaged", code="wrong_passphrase"
        ) from None
    return {str(name): str(value) for name, value in json.loads(plain).items()}


def _derive(kdf: dict[str, Any], salt: bytes, passphrase: str) -> bytes:
    return hash_secret_raw(
        _prepared(passphrase),
        salt,
        time_cost=kdf["time"],
        memory_cost=kdf["memory_kib"],
        parallelism=kdf["lanes"],
        hash_len=KEY_BYTES,
        type=Type.ID,
    )


def _prepared(passphrase: str) -> bytes:
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")


def _associated(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()
