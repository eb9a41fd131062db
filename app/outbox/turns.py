"""Whose turn it is: fair among accounts, in the order of the queue within one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from app.store.operations import Head


class Turns:
    """Operations that may start now. An account with a thousand of them does not keep another's one waiting."""

    def __init__(self, most_per_account: int) -> None:
        self._most_per_account = most_per_account
        self._waiting: dict[str, deque[Head]] = {}
        self._served: Counter[str] = Counter()

    @property
    def has_waiting(self) -> bool:
        """Whether any is left."""
        return bool(self._waiting)

    def fill(self, heads: Iterable[Head]) -> None:
        """Replace what is known by ``heads``, which are in the order of the queue."""
        self._waiting.clear()
        for head in heads:
            self._waiting.setdefault(head.account, deque()).append(head)

    def take(self, under_way: Iterable[Head]) -> Head | None:
        """The next one to start, given those under way; None when none is left or every account left has its share."""
        busy = Counter(head.account for head in under_way)
        free = [account for account in self._waiting if busy[account] < self._most_per_account]
        if not free:
            return None
        # The account with the least under way, then the one that was served least.
        account = min(free, key=lambda name: (busy[name], self._served[name]))
        self._served[account] += 1
        queue = self._waiting[account]
        head = queue.popleft()
        if not queue:
            del self._waiting[account]
        return head
