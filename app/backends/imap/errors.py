"""Every exception of the library, the socket and TLS mapped to the error tree, in one function."""

from __future__ import annotations

import imaplib
import re
import ssl
from enum import Enum

from app.errors import (
    AccessDenied,
    AppError,
    NotSupported,
    Offline,
    OutcomeUnknown,
    PermanentError,
    QuotaExceeded,
    RateLimited,
    RecordNotFound,
    SignInRequired,
    TransientError,
)

_CODE = re.compile(r"\[([A-Z-]{2,40})[ \]]")


class Stage(Enum):
    """What was going on: how an error is read depends on whether the server may have changed something."""

    CONNECT = "connect"
    SIGN_IN = "sign_in"
    READ = "read"
    CHANGE = "change"


def is_connection_over(error: BaseException) -> bool:
    """Whether the connection cannot be used after this error: anything but a plain NO or BAD, or a refusal of our own."""
    if isinstance(error, AppError):
        return False
    # The library turns a connection lost at sign-in into its LoginError; the true cause is then the context.
    aborted = isinstance(error, imaplib.IMAP4.abort) or isinstance(error.__context__, imaplib.IMAP4.abort | OSError)
    return aborted or not isinstance(error, imaplib.IMAP4.error)


def map_error(error: BaseException, stage: Stage, account: str) -> AppError:
    """The error of our tree for whatever a command raised. ``account`` is the account's key; no text of the server is in the message."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            "the mail server's certificate is not valid for its name or not signed by a trusted authority; nothing was sent",
            code="certificate_not_trusted",
            server_text=str(error.verify_message),
        )
    if is_connection_over(error):
        return _broken(error, stage)
    return _refused(str(error), stage, account)


def _broken(error: BaseException, stage: Stage) -> AppError:
    is_nonsense = not isinstance(error, OSError | EOFError | imaplib.IMAP4.abort | ValueError)
    code = "bad_answer" if is_nonsense else "connection_lost"
    if stage is Stage.CONNECT or stage is Stage.SIGN_IN:
        return Offline("the mail server cannot be reached", code="bad_answer" if is_nonsense else None)
    if stage is Stage.CHANGE:
        return OutcomeUnknown("the connection broke before the mail server answered; it may have done it", code=code)
    return TransientError("the connection to the mail server broke", code=code)


def _refused(text: str, stage: Stage, account: str) -> AppError:
    code = next(iter(_CODE.findall(text.upper())), "")
    if stage is Stage.CONNECT:
        return TransientError("the mail server takes no connection now", code=code.lower() or "refused_connection")
    if code in ("UNAVAILABLE", "INUSE", "SERVERBUG"):
        return TransientError("the mail server is busy", code=code.lower())
    if code == "LIMIT":
        return RateLimited("the mail server asks for a pause", code="limit")
    if stage is Stage.SIGN_IN:
        if code == "PRIVACYREQUIRED":
            return NotSupported("the mail server wants a better secured connection", code="privacy_required")
        if code in ("CONTACTADMIN", "AUTHORIZATIONFAILED"):
            return AccessDenied("the mail server does not let this user in", code=code.lower(), server_text=text)
        return SignInRequired("the mail server refused the user name or password", account=account)
    if code in ("AUTHENTICATIONFAILED", "EXPIRED"):
        return SignInRequired("the mail server wants a new sign-in", account=account)
    if code == "OVERQUOTA":
        return QuotaExceeded("the mailbox is full", server_text=text)
    if code in ("NONEXISTENT", "TRYCREATE", "EXPUNGEISSUED"):
        return RecordNotFound("the folder or message is not on the mail server", code=code.lower(), server_text=text)
    if code == "NOPERM":
        return AccessDenied("the mail server does not allow it", server_text=text)
    return PermanentError("the mail server refused the command", server_text=text)
