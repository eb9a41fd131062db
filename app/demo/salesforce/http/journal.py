"""Every request to the Salesforce servers, with the API calls it cost: what tests and benchmarks count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_BODY = 64 * 1024


@dataclass
class Entry:
    """One request. ``status`` is 0 until an answer was made, and stays 0 where the connection was cut."""

    n: int
    time: str
    method: str
    path: str
    user: str
    status: int = 0
    api_calls: int = 0
    request_bytes: int = 0
    body: str | None = None
    fault: str = ""
    committed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The entry as the admin interface shows it."""
        entry = {
            "n": self.n,
            "time": self.time,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "api_calls": self.api_calls,
            "user": self.user,
            "request_bytes": self.request_bytes,
            "fault": self.fault,
            "committed": self.committed,
        }
        return entry if self.body is None else {**entry, "body": self.body}


@dataclass
class Journal:
    """The entries since the last clearing."""

    entries: list[Entry] = field(default_factory=list)
    _serial: int = 0

    def open(self, time: str, method: str, path: str, user: str) -> Entry:
        """A new entry."""
        self._serial += 1
        entry = Entry(self._serial, time, method, path, user)
        self.entries.append(entry)
        return entry

    def as_json(self) -> dict[str, Any]:
        """All entries, and the API calls in total and by user."""
        by_user: Counter[str] = Counter()
        for entry in self.entries:
            if entry.api_calls:
                by_user[entry.user] += entry.api_calls
        return {
            "requests": [entry.as_json() for entry in self.entries],
            "api_calls": sum(by_user.values()),
            "by_user": dict(by_user),
        }

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        self.entries.clear()
