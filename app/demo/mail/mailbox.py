"""Users, mailboxes and messages as the running servers see them (RFC 9051 2.3); `app.demo.mail.store` keeps them on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Message:
    """One message of one mailbox. ``body_id`` names the bytes in the store; copies share them."""

    uid: int
    flags: frozenset[str]
    internal_date: datetime
    size: int
    body_id: int
    mod_seq: int


@dataclass(slots=True, eq=False)
class Mailbox:
    """A mailbox with its messages by UID, ascending. ``mod_seq`` is HIGHESTMODSEQ (RFC 7162) and grows with every change."""

    mailbox_id: int
    name: str
    uid_validity: int
    uid_next: int
    mod_seq: int
    special_use: str = ""
    is_selectable: bool = True
    is_deleted: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    watchers: set[Callable[[], None]] = field(default_factory=set)

    def changed(self) -> None:
        """Tell every session that has this mailbox selected."""
        for watcher in list(self.watchers):
            watcher()

    def next_mod_seq(self) -> int:
        """A new, higher mod-sequence."""
        self.mod_seq += 1
        return self.mod_seq

    def count_without(self, flag: str) -> int:
        """How many messages do not have that flag."""
        return sum(flag not in message.flags for message in self.messages.values())

    def count_with(self, flag: str) -> int:
        """How many messages have that flag."""
        return len(self.messages) - self.count_without(flag)

    def keywords(self) -> list[str]:
        """Every keyword in use, sorted."""
        return sorted(
            {flag for message in self.messages.values() for flag in message.flags if not flag.startswith("\\")}
        )


@dataclass(slots=True, eq=False)
class User:
    """Who signs in, with all that is theirs."""

    user_id: int
    login: str
    password: str = field(repr=False)
    name: str
    addresses: frozenset[str]
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)
    subscriptions: set[str] = field(default_factory=set)

    def mailbox(self, name: str) -> Mailbox | None:
        """The mailbox of that name if it can be selected."""
        found = self.mailboxes.get(name)
        return found if found is not None and found.is_selectable else None

    def with_use(self, special_use: str) -> Mailbox | None:
        """The mailbox for that special use (RFC 6154)."""
        return next((found for found in self.mailboxes.values() if found.special_use == special_use), None)

    def inferiors(self, name: str) -> Iterable[Mailbox]:
        """The mailboxes below that name."""
        return [found for found in self.mailboxes.values() if found.name.startswith(name + "/")]
