"""What a mailbox holds when the demo world starts: plain values that the sample data fills and the mail store reads once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessageData:
    """One message: ``raw`` as RFC 5322 with CRLF line ends, ``flags`` in IMAP spelling, ``internal_date`` timezone-aware."""

    raw: bytes = field(repr=False)
    internal_date: datetime
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderData:
    r"""One folder: ``name`` with "/" between levels, ``special_use`` as in RFC 6154 (``\Sent``) or ""."""

    name: str
    special_use: str = ""
    messages: tuple[MessageData, ...] = ()
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class MailboxData:
    """One user's mail: ``user`` signs in to IMAP and SMTP, ``addresses`` are the addresses whose mail lands in the INBOX."""

    user: str
    password: str = field(repr=False)
    name: str = ""
    addresses: tuple[str, ...] = ()
    folders: tuple[FolderData, ...] = (FolderData("INBOX"),)
