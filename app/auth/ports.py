"""What signing in needs from outside: a place for secrets, and the user's own browser."""

from __future__ import annotations

from typing import Protocol


class SecretStore(Protocol):
    """Short secrets (at most 1,280 characters) by name, kept by the operating system or by a vault that a passphrase seals.

    Every method raises SecretStoreUnavailable when the store is absent, locked or does not answer in time. Implementations check by reading
    back that a write took place.
    """

    @property
    def description(self) -> str:
        """Where secrets are kept, in words for the user ("Secret Service", "Windows Credential Manager", "passphrase vault")."""
        ...

    async def get(self, name: str) -> str | None:
        """The secret, or None when there is none of that name."""
        ...

    async def set(self, name: str, value: str) -> None:
        """Keep a secret under a name, replacing what was there."""
        ...

    async def delete(self, name: str) -> None:
        """Forget a secret; no error when it is not there."""
        ...

    async def close(self) -> None:
        """End the store's thread."""
        ...


class Browser(Protocol):
    """Opens an address where the user is signed in already: the system's browser, never a window of ours."""

    async def open(self, url: str) -> None:
        """Show the page. Raises LocalError when no browser can be started."""
        ...
