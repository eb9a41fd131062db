"""Mail values, in the words of RFC 9051 and RFC 5322."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from app.model.ids import FolderId, MailAccountId, MessageId


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox (RFC 5322 3.4): ``name`` decoded and possibly empty, ``address`` as ``local@domain``, possibly empty when it could not be read."""

    name: str
    address: str

    @property
    def display(self) -> str:
        """The name, or the address where no name is given."""
        return self.name or self.address


class FolderRole(StrEnum):
    """What a folder is for: RFC 6154 special uses plus the inbox."""

    INBOX = "inbox"
    ARCHIVE = "archive"
    DRAFTS = "drafts"
    SENT = "sent"
    JUNK = "junk"
    TRASH = "trash"
    ALL = "all"
    FLAGGED = "flagged"
    NONE = "none"


class Flag(StrEnum):
    """System flags and the keywords we know (RFC 9051 2.3.2); other keywords pass through as plain strings."""

    SEEN = "\\Seen"
    ANSWERED = "\\Answered"
    FLAGGED = "\\Flagged"
    DELETED = "\\Deleted"
    DRAFT = "\\Draft"
    FORWARDED = "$Forwarded"


class ConnectionSecurity(StrEnum):
    """How a mail server is reached. There is no plain mode."""

    TLS = "tls"
    STARTTLS = "starttls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where a mail service answers.

    ``ca_file`` names a PEM bundle that only this account trusts besides the system's; "" for none (demo profiles use it).
    """

    host: str
    port: int
    security: ConnectionSecurity
    user: str
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class MailAccount:
    """A mailbox login. The password is in the secret store, under the account's own name."""

    account_id: MailAccountId
    address: str
    display_name: str
    imap: MailServer
    smtp: MailServer
    is_demo: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox in RFC 9051's sense. ``path`` is decoded with the server's ``delimiter``; counts are of what is stored here."""

    folder_id: FolderId
    account_id: MailAccountId
    path: str
    name: str
    delimiter: str
    role: FolderRole
    is_selectable: bool
    unread: int
    total: int
    server_total: int | None = None
    """EXISTS at the last look; None before the first."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The header fields a list and a panel need. ``date`` is epoch seconds UTC (the Date field, or the internal date where that is unusable).

    ``message_id`` and ``in_reply_to`` hold the angle brackets; "" when absent. ``references`` is oldest first.
    """

    subject: str
    date: int
    from_: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    message_id: str
    in_reply_to: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the MIME tree.

    ``part_id`` is IMAP's section number ("1.2"); ``size`` is decoded bytes; ``filename`` is already safe to show and to write.

    ``content_id`` has no angle brackets. ``is_attachment`` is false for the text shown and for images that the HTML refers to.
    """

    part_id: str
    content_type: str
    filename: str
    size: int
    content_id: str
    is_attachment: bool


@dataclass(frozen=True, slots=True)
class MessageRow:
    """What one row of the list shows, and no more. ``snippet`` is the start of the text, whitespace folded."""

    message_id: MessageId
    account_id: MailAccountId
    folder_id: FolderId
    sender: Address
    recipients: str
    subject: str
    snippet: str
    date: int
    flags: frozenset[str]
    has_attachments: bool
    size: int
    pending: str = ""
    """"" or the state of the youngest unfinished operation on it (an `OperationState` value)."""
    logged: str = ""
    """"" (not logged), "queued", "sending", "logged" or "failed"."""


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message made ready to be read. Nothing in ``html`` can load anything: it went through the sanitiser; "" when the mail has no HTML.

    ``cid:`` images are served by `MailReader.inline_image`. ``remote_images`` counts the remote images that were left out.
    ``problem`` is "" or a sentence on why the mail is shown as source.
    """

    message_id: MessageId
    envelope: Envelope
    text: str
    html: str
    attachments: tuple[Part, ...]
    inline_parts: tuple[Part, ...]
    remote_images: int
    sets_colours: bool = False
    """Whether the HTML chose colours of its own; it then stays on a white card in dark mode."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A plain-text message to be sent. ``message_id`` is made when it is written, so that a resend can be recognised (RFC 5322 3.6.4)."""

    account_id: MailAccountId
    message_id: str
    from_: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    text: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    answers: MessageId | None = None
    """The stored message that this one answers; it is flagged \\Answered when the server has accepted the answer."""


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A message as it is logged to the CRM. ``text`` and ``html`` are the mail's own words in full; ``html`` is "" when the mail has none.

    ``own_addresses`` are those of the mail account that it belongs to, lower case; ``is_incoming`` is false for mail that the user sent.
    """

    envelope: Envelope
    text: str = field(repr=False)
    html: str = field(repr=False)
    is_incoming: bool
    own_addresses: tuple[str, ...] = ()
