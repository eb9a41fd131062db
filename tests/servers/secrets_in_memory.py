"""A secret store that lives and dies with the test. Held to the same contract as the keychain and the vault."""

from __future__ import annotations

from app.errors import SecretStoreUnavailable


class InMemorySecretStore:
    """Secrets in a dictionary that the test may hand to the next start of the program. ``is_locked`` makes every call fail."""

    def __init__(self, secrets: dict[str, str] | None = None) -> None:
        self.secrets = {} if secrets is None else secrets
        self.is_locked = False

    @property
    def description(self) -> str:
        return "memory of the test"

    async def get(self, name: str) -> str | None:
        self._require_open()
        return self.secrets.get(name)

    async def set(self, name: str, value: str) -> None:
        self._require_open()
        self.secrets[name] = value

    async def delete(self, name: str) -> None:
        self._require_open()
        self.secrets.pop(name, None)

    async def close(self) -> None:
        pass

    def _require_open(self) -> None:
        if self.is_locked:
            raise SecretStoreUnavailable("the test locked its secrets")
