"""The mail half of the demo world: an IMAP server of our own and a submission server by aiosmtpd, on loopback with TLS.

``start_mail_servers`` runs them on the current event loop; ``MailFaults`` makes them fail on purpose.
"""

from app.demo.mail.data import FolderData, MailboxData, MessageData
from app.demo.mail.faults import MailFaults
from app.demo.mail.imap.extensions import ALL_EXTENSIONS, Extension
from app.demo.mail.servers import MailServers, MessageListing, NoSuchMailbox, start_mail_servers
from app.demo.mail.store import StateUnreadable, Submission

__all__ = [
    "ALL_EXTENSIONS",
    "Extension",
    "FolderData",
    "MailFaults",
    "MailServers",
    "MailboxData",
    "MessageData",
    "MessageListing",
    "NoSuchMailbox",
    "StateUnreadable",
    "Submission",
    "start_mail_servers",
]
