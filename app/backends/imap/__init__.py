"""Mail over IMAP4rev1 and rev2 (RFC 3501, RFC 9051) by IMAPClient. The one place that knows the library, and its private names."""

from app.backends.imap.backend import ImapBackend, ImapTimeouts

__all__ = ["ImapBackend", "ImapTimeouts"]
