"""The error tree: what went wrong, whose move it is, and whether trying again can help.

Everything that crosses a floor is one of these. Each backend maps its library's exceptions here at its own seam, so
that nothing above tells errors apart by text. Messages are plain words for a log or a developer; ``ui.text`` turns an
error into words for a person. Neither messages nor attributes hold a subject, a body, an address, a token or a record's
name.

    AppError
    ├─ TransientError            network, timeout, 429, 5xx, database locked: try again later
    │  ├─ Offline                nothing was sent: no route, refused, DNS, captive portal
    │  ├─ RateLimited            429, API limit: nothing was done
    │  └─ OutcomeUnknown         the request went out and its answer was lost: ask before sending again
    ├─ SignInRequired            token revoked, password changed: pause that account, ask once
    ├─ PermanentError            the server understood and refused: a person decides
    │  ├─ RecordNotFound  AccessDenied  ValidationFailed  DuplicateFound  MessageRejected  QuotaExceeded  NotSupported
    ├─ LocalError                this machine: disk, keychain, database; stop, explain, lose nothing
    │  ├─ SecretStoreUnavailable  DatabaseKeyMissing  DatabaseUnreadable  DatabaseTooNew  DiskFull  ProfileInUse
    └─ BugError                  our fault: reported, never retried
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AppError(Exception):
    """Root of every error that this program raises on purpose.

    ``code`` is a stable word for logs, the outbox row and the command line (``code`` of the class unless a server gave
    a better one).
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class TransientError(AppError):
    """May succeed later without anybody doing anything. ``retry_after`` is in seconds when the server named a delay."""

    code = "transient"

    def __init__(self, message: str, *, retry_after: float | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Offline(TransientError):
    """The request did not reach the server: refused, no route, DNS, or a sign-in page of the network answered instead."""

    code = "offline"


class RateLimited(TransientError):
    """The server asks for a pause (429, 503 with Retry-After, API limit used up). Nothing was done."""

    code = "rate_limited"


class OutcomeUnknown(TransientError):
    """The request may have been carried out: the connection broke, timed out, or answered 500, 502 or 504 after it went out.

    Never send a write again on this without asking the server first (``OperationHandler.probe``).
    """

    code = "outcome_unknown"


class SignInRequired(AppError):
    """The account's credentials no longer work.

    ``account`` is the account's local key (``mail:3``, ``crm:1``), never an address.
    """

    code = "sign_in_required"

    def __init__(self, message: str, *, account: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.account = account


class PermanentError(AppError):
    """The server refused for good.

    ``server_text`` is the server's own sentence, for the user's eyes only: it may hold record names, so it is never
    logged.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, server_text: str = "") -> None:
        super().__init__(message, code=code)
        self.server_text = server_text


class RecordNotFound(PermanentError):
    """The target does not exist (any more)."""

    code = "record_not_found"


class AccessDenied(PermanentError):
    """The user's own rights on the server do not allow it."""

    code = "access_denied"


class ValidationFailed(PermanentError):
    """The server refused a value. ``fields`` are API names of the fields it blamed; empty when it named none."""

    code = "validation_failed"

    def __init__(
        self, message: str, *, fields: Sequence[str] = (), code: str | None = None, server_text: str = ""
    ) -> None:
        super().__init__(message, code=code, server_text=server_text)
        self.fields = tuple(fields)


@dataclass(frozen=True, slots=True)
class DuplicateMatch:
    """One record that a duplicate rule matched; ``confidence`` is 0 to 100, 0 when the server gave none."""

    object_type: str
    record_id: str
    confidence: float


class DuplicateFound(PermanentError):
    """A duplicate rule matched. ``can_save_anyway`` is true only when the rule's action is "alert"."""

    code = "duplicate_found"

    def __init__(
        self,
        message: str,
        *,
        matches: Sequence[DuplicateMatch] = (),
        can_save_anyway: bool = False,
        server_text: str = "",
    ) -> None:
        super().__init__(message, server_text=server_text)
        self.matches = tuple(matches)
        self.can_save_anyway = can_save_anyway


class MessageRejected(PermanentError):
    """The mail server refused the message or a recipient (RFC 5321 5yz)."""

    code = "message_rejected"


class QuotaExceeded(PermanentError):
    """Storage on the server is full."""

    code = "quota_exceeded"


class NotSupported(PermanentError):
    """The server or the org does not offer what is needed."""

    code = "not_supported"


class LocalError(AppError):
    """This machine is in the way. Nothing is lost; nothing goes on until it is mended."""

    code = "local"


class SecretStoreUnavailable(LocalError):
    """No keychain, a locked one, or one that does not answer."""

    code = "secret_store_unavailable"


class DatabaseKeyMissing(LocalError):
    """The database file is there and its key is not."""

    code = "database_key_missing"


class DatabaseUnreadable(LocalError):
    """Wrong key, damaged, emptied or replaced file.

    ``kind`` is one of wrong_key, damaged, emptied, missing, replaced, not_encrypted.
    """

    code = "database_unreadable"

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class DatabaseTooNew(LocalError):
    """A newer version of this program wrote the file."""

    code = "database_too_new"


class DiskFull(LocalError):
    """A write failed for want of space; the transaction was rolled back."""

    code = "disk_full"


class ProfileInUse(LocalError):
    """Another process has this profile open."""

    code = "profile_in_use"


class BugError(AppError):
    """Our own fault. Reported, never retried."""

    code = "bug"
