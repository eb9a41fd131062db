"""What a mail service must offer. Implementations: `app.backends.imap`, `app.backends.smtp` (and Microsoft Graph later)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.model.mail import FolderRole


class Capability(StrEnum):
    """What the server can do beyond IMAP4rev1; the sync engine chooses its way by these."""

    IDLE = "IDLE"
    MOVE = "MOVE"
    UIDPLUS = "UIDPLUS"
    CONDSTORE = "CONDSTORE"
    QRESYNC = "QRESYNC"
    SPECIAL_USE = "SPECIAL-USE"


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """One answer of LIST."""

    path: str
    delimiter: str
    role: FolderRole
    is_selectable: bool


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """What SELECT told (RFC 9051 6.3.2). ``highest_mod_seq`` is 0 without CONDSTORE; ``uid_next`` is 0 where the server did not say."""

    exists: int
    uid_validity: int
    uid_next: int
    highest_mod_seq: int


@dataclass(frozen=True, slots=True)
class RemoteHeader:
    """One message as FETCH gave it: raw header block, flags as sent, internal date in epoch seconds UTC, RFC822.SIZE in bytes.

    ``has_attachments`` comes from BODYSTRUCTURE.
    """

    uid: int
    flags: frozenset[str]
    mod_seq: int
    internal_date: int
    size: int
    header: bytes
    has_attachments: bool


@dataclass(frozen=True, slots=True)
class FlagChange:
    """Flags of one UID as they are now."""

    uid: int
    flags: frozenset[str]
    mod_seq: int


@dataclass(frozen=True, slots=True)
class MoveResult:
    """Where messages went: new UID by old UID (COPYUID, RFC 4315); empty where the server did not tell."""

    uid_validity: int
    uids: dict[int, int]


class MailBackend(Protocol):
    """One connection to a mailbox. Not to be shared by two tasks at a time: sync, interactive work and IDLE have one each.

    Every method raises Offline, TransientError, OutcomeUnknown (a changing command whose answer was lost), SignInRequired, PermanentError.
    """

    async def connect(self) -> frozenset[Capability]:
        """Connect, secure, sign in; the capabilities after login."""
        ...

    async def folders(self) -> list[RemoteFolder]:
        """All folders the user can see."""
        ...

    async def select(self, path: str, *, read_only: bool = False) -> FolderStatus:
        """Open a folder."""
        ...

    async def uids(self, *, first: int = 1) -> list[int]:
        """UIDs of the open folder from ``first`` on, ascending."""
        ...

    async def headers(self, uids: Sequence[int]) -> list[RemoteHeader]:
        """Headers of these UIDs; vanished ones are left out. One whose answer cannot be read comes with an empty header."""
        ...

    async def bodies(self, uids: Sequence[int], *, expected_bytes: int = 0) -> dict[int, bytes]:
        r"""Whole raw messages (RFC 5322) by UID, without setting \Seen. ``expected_bytes`` (their sizes) widens the deadline."""
        ...

    async def flags(self, uids: Sequence[int] | None, *, changed_since: int = 0) -> list[FlagChange]:
        """Flags of these UIDs (None: all); only those changed after a mod-sequence where CONDSTORE is there."""
        ...

    async def store_flags(self, uids: Sequence[int], *, add: frozenset[str], remove: frozenset[str]) -> None:
        """Add and remove flags."""
        ...

    async def move(self, uids: Sequence[int], to_path: str) -> MoveResult:
        """MOVE (RFC 6851). Raises NotSupported where the server has none: then `copy` and `remove`, with a note kept between them."""
        ...

    async def copy(self, uids: Sequence[int], to_path: str) -> MoveResult:
        """COPY."""
        ...

    async def remove(self, uids: Sequence[int]) -> bool:
        r"""Flag these \Deleted and expunge them, and never others' messages.

        Without UIDPLUS a bare EXPUNGE is sent only when no other message is flagged; else they stay, flagged, and the answer is False.
        """
        ...

    async def create_folder(self, path: str) -> None:
        """CREATE and SUBSCRIBE; no error when it is there already."""
        ...

    async def append(self, path: str, raw: bytes, *, flags: frozenset[str], internal_date: int) -> int | None:
        """Add a message; its UID where the server tells it."""
        ...

    async def find_by_message_id(self, path: str, message_id: str) -> list[int]:
        """UIDs in a folder whose Message-ID is this (SEARCH HEADER)."""
        ...

    async def idle(self, timeout_s: float) -> bool:
        """Wait until the open folder changes or the time is over; True when something was said."""
        ...

    async def interrupt(self) -> None:
        """Wake a waiting `idle` at once."""
        ...

    async def close(self) -> None:
        """Log out and end the thread; never raises."""
        ...


class MailSender(Protocol):
    """SMTP submission (RFC 6409)."""

    async def verify(self) -> None:
        """Connect, secure, sign in, leave. Raises Offline, SignInRequired, PermanentError."""
        ...

    async def send(
        self,
        raw: bytes,
        *,
        sender: str,
        recipients: Sequence[str],
        before_data: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Hand over one message; returns when the server has accepted it for all recipients.

        ``before_data`` is awaited when all recipients were accepted and nothing of the message was sent yet: from its end on
        the outcome can be in doubt.

        Raises Offline (before DATA's end), OutcomeUnknown (after it, without an answer), MessageRejected, SignInRequired, TransientError (4yz).
        """
        ...

    async def close(self) -> None:
        """End the thread; never raises."""
        ...
