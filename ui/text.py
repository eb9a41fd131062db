"""Errors, states, times and sizes in words that a person understands.

`words_for` answers three questions of any error: what happened, what it means for the user's data, what to do next. Nothing here shows an exception's
own text, except what a server wrote for the person (`PermanentError.server_text`).
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

from PySide6.QtCore import QDate, QDateTime, QLocale

from app.errors import (
    AccessDenied,
    AppError,
    BugError,
    DatabaseKeyMissing,
    DatabaseTooNew,
    DatabaseUnreadable,
    DiskFull,
    DuplicateFound,
    LocalError,
    MessageRejected,
    NotSupported,
    Offline,
    OutcomeUnknown,
    PermanentError,
    ProfileInUse,
    QuotaExceeded,
    RateLimited,
    RecordNotFound,
    SecretStoreUnavailable,
    SignInRequired,
    TransientError,
    ValidationFailed,
)
from app.model.mail import Address
from app.model.operation import Operation, OperationState


@dataclass(frozen=True, slots=True)
class Words:
    """``title``: what happened. ``meaning``: what it means for the user's data. ``remedy``: what to do next. Each a sentence or "".

    ``needs_person`` is false for what passes by itself (offline, a server that asks for a pause).
    """

    title: str
    meaning: str = ""
    remedy: str = ""
    needs_person: bool = True

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return " ".join(part for part in (self.title, self.meaning, self.remedy) if part)


_WAITS = "What you did is kept and goes out by itself."
_BY_KIND: tuple[tuple[type[AppError], Words], ...] = (
    (Offline, Words("The server cannot be reached.", _WAITS, "", needs_person=False)),
    (RateLimited, Words("The server asks for a pause.", _WAITS, "", needs_person=False)),
    (
        OutcomeUnknown,
        Words(
            "The connection broke before the server answered.",
            "Outrigger checks what arrived before it sends anything again.",
            "",
            needs_person=False,
        ),
    ),
    (
        TransientError,
        Words("That did not work just now.", "Nothing is lost.", "It is tried again by itself.", needs_person=False),
    ),
    (
        SignInRequired,
        Words("This account needs you to sign in again.", "What waits for it is kept.", "Open Accounts and sign in."),
    ),
    (
        RecordNotFound,
        Words("It is not there any more.", "Somebody may have deleted or merged it.", "Choose another one."),
    ),
    (
        AccessDenied,
        Words(
            "Your rights on the server do not allow this.",
            "Nothing was changed.",
            "Ask your administrator if you need it.",
        ),
    ),
    (ValidationFailed, Words("The server refused a value.", "Nothing was changed.", "Correct it and try again.")),
    (DuplicateFound, Words("Salesforce has this already.", "Nothing was created.", "Use the record that is there.")),
    (
        MessageRejected,
        Words(
            "The mail server refused the message.",
            "It was not sent and is kept here.",
            "Check the addresses and send it again.",
        ),
    ),
    (
        QuotaExceeded,
        Words("The storage on the server is full.", "Nothing was changed.", "Free some space there and try again."),
    ),
    (NotSupported, Words("The server does not offer this.", "Nothing was changed.")),
    (PermanentError, Words("The server refused this.", "Nothing was changed.")),
    (
        SecretStoreUnavailable,
        Words(
            "The keychain is locked or absent.",
            "Outrigger keeps the key of its database there, so your mail stays closed and unchanged.",
            "Unlock the keychain and try again, or keep secrets in a vault that a passphrase of yours seals.",
        ),
    ),
    (
        DatabaseKeyMissing,
        Words(
            "The key of your database is not in the keychain.",
            "The database is still here and was not touched. Without its key nobody can read it.",
            "Restore the keychain of this computer, or set the database aside and bring your mail from the server again.",
        ),
    ),
    (
        DatabaseTooNew,
        Words(
            "A newer version of Outrigger wrote this database.",
            "It was not touched.",
            "Install the newer version again.",
        ),
    ),
    (
        DiskFull,
        Words(
            "The disk is full.",
            "Nothing was lost, and nothing more can be kept until there is room.",
            "Free some space and try again.",
        ),
    ),
    (
        ProfileInUse,
        Words("Outrigger is already running with this profile.", "", "Go to its window, or close it and try again."),
    ),
    (
        LocalError,
        Words(
            "Something on this computer is in the way.",
            "Nothing was lost.",
            "Try again; if it stays, see Help, Doctor.",
        ),
    ),
    (
        BugError,
        Words(
            "Outrigger made a mistake.",
            "Your data was not changed by it.",
            "Try again; if it happens twice, please report it.",
        ),
    ),
)
_BY_DATABASE_KIND = {
    "wrong_key": Words(
        "The key does not open this database.",
        "The keychain holds another key, or the first page of the file is damaged. The file was not touched.",
        "Restore the keychain or a copy of the file, or set the file aside and bring your mail from the server again.",
    ),
    "damaged": Words(
        "The database is damaged.",
        "What was not yet sent to a server may be in it, so it was not touched.",
        "Restore a copy of it, or set it aside and bring your mail from the server again.",
    ),
    "emptied": Words(
        "The database file is empty.",
        "Something outside of Outrigger emptied it. What was on the servers is still there; what was waiting here is not in this file any more.",
        "Restore a copy of it, or set it aside and bring your mail from the server again.",
    ),
    "missing": Words(
        "The database file is gone.",
        "Its key is still in the keychain, so the file was moved or deleted from outside.",
        "Put it back, or start with a new one and bring your mail from the server again.",
    ),
    "replaced": Words(
        "This is not the database that was here before.",
        "An older copy or another file took its place. It was not touched.",
        "Put the right file back, or set this one aside and bring your mail from the server again.",
    ),
    "not_encrypted": Words(
        "The file in the database's place is not encrypted.",
        "It is not one of ours and was not touched.",
        "Move it away, put the right file back, and try again.",
    ),
}

_STAYS = "Your mail stays closed and unchanged."
_BY_SECRET_CODE = {
    "wrong_passphrase": Words("That is not the passphrase.", _STAYS, "Try again; capitals and spaces count."),
    "passphrase_needed": Words("Your secrets are in a vault.", _STAYS, "Enter its passphrase."),
    "vault_damaged": Words(
        "The vault file is damaged.",
        "Without it nobody can read the database beside it.",
        "Restore a copy of the file.",
    ),
    "vault_missing": Words(
        "There is no vault for this profile.",
        "Its key is in the keychain of the system.",
        "Unlock the keychain and try again.",
    ),
    "secret_store_locked": Words("The keychain is locked.", _STAYS, "Unlock it and try again."),
    "secret_store_hung": Words(
        "The keychain does not answer.", _STAYS, "It may be asking for its password behind this window. Try again."
    ),
    "secret_store_forgetful": Words(
        "The keychain did not keep what it was given.",
        _STAYS,
        "Repair the keychain, or keep secrets in a vault of your own.",
    ),
}


def words_for(error: BaseException) -> Words:
    """Any error in words."""
    if isinstance(error, SecretStoreUnavailable) and error.code in _BY_SECRET_CODE:
        return _BY_SECRET_CODE[error.code]
    if isinstance(error, DatabaseUnreadable) and error.kind in _BY_DATABASE_KIND:
        return _BY_DATABASE_KIND[error.kind]
    for kind, words in _BY_KIND:
        if isinstance(error, kind):
            if isinstance(error, PermanentError) and error.server_text:
                return Words(words.title, f"The server says: {one_line(error.server_text)}", words.remedy)
            return words
    return Words(
        "Something in Outrigger failed.",
        "Your data was not changed by it.",
        "Try again; if it happens twice, please report it.",
    )


def is_expected(error: BaseException) -> bool:
    """False for our own faults, which belong in the log with their traceback."""
    return isinstance(error, AppError) and not isinstance(error, BugError)


OPERATION_STATES = {
    OperationState.PENDING: "Waiting",
    OperationState.SENDING: "Sending",
    OperationState.CHECKING: "Checking whether it arrived",
    OperationState.PAUSED: "Waits until you sign in",
    OperationState.FAILED: "Refused",
    OperationState.DONE: "Done",
    OperationState.DISCARDED: "Given up",
    OperationState.SUPERSEDED: "Replaced by a later change",
}

_PAUSE_CODES = frozenset({"rate_limited", "request_limit_exceeded", "server_unavailable"})


def operation_state(operation: Operation) -> str:
    """The state of an operation in a few words. What nobody can tell is not called refused: it may have arrived."""
    if operation.state is OperationState.FAILED and operation.error_code == "undecidable":
        return "Not certain"
    return OPERATION_STATES[operation.state]


def waiting_words(operation: Operation) -> str:
    """Why an operation waits, by what its last try met: nothing yet, no network, or a server that asks for a pause."""
    code = operation.error_code.lower()
    if operation.waits_for:
        return "Goes out after what it needs"
    if code in _PAUSE_CODES:
        return "The server asks for a pause; it goes out by itself"
    if code and code != "offline":
        return "Tried, and goes out again by itself"
    return "Waits for the network" if code == "offline" else "Waits to be sent"


LOG_STATES = {
    "": "Not logged",
    "queued": "Waits to be logged",
    "sending": "Being logged",
    "logged": "Logged in Salesforce",
    "failed": "Could not be logged",
}


def waiting(online: bool, open_count: int, failed: int, paused: int) -> str:
    """The state of the outbox in a few words, "" when there is nothing to say ("Offline, 3 waiting")."""
    parts = [] if online else ["Offline"]
    if failed:
        parts.append(f"{count(failed)} refused")
    if paused:
        parts.append(f"{count(paused)} waiting for sign-in")
    rest = open_count - paused
    if rest > 0:
        parts.append(f"{count(rest)} waiting")
    return ", ".join(parts)


def count(number: int) -> str:
    """A whole number with the separators of the system."""
    return QLocale().toString(number)


def size(number: int) -> str:
    """Bytes in the units of the system ("1.2 MB")."""
    return QLocale().formattedDataSize(max(0, number), 1, QLocale.DataSizeFormat.DataSizeTraditionalFormat)


def short_time(epoch_s: int, now: dt.datetime) -> str:
    """When, as short as it can be: the time today, the weekday this week, the date this year, else the year too."""
    moment = _local(epoch_s)
    days = (now.date() - moment.date()).days
    locale = QLocale()
    if days == 0:
        return locale.toString(_qt(moment).time(), QLocale.FormatType.ShortFormat)
    if 0 < days < 7:
        return locale.toString(_qt_date(moment), "ddd")
    if moment.year == now.year:
        return locale.toString(_qt_date(moment), "d MMM")
    return locale.toString(_qt_date(moment), QLocale.FormatType.ShortFormat)


def row_time(epoch_s: int, now: dt.datetime) -> str:
    """When, in a list whose headings name the days: the time of today and yesterday, else as `short_time`."""
    moment = _local(epoch_s)
    if (now.date() - moment.date()).days == 1:
        return QLocale().toString(_qt(moment).time(), QLocale.FormatType.ShortFormat)
    return short_time(epoch_s, now)


def full_time(epoch_s: int) -> str:
    """Day and time in full, local."""
    moment = _local(epoch_s)
    locale = QLocale()
    return (
        f"{locale.toString(_qt_date(moment), 'ddd d MMM yyyy')}, "
        f"{locale.toString(_qt(moment).time(), QLocale.FormatType.ShortFormat)}"
    )


def day_header(epoch_s: int, now: dt.datetime) -> str:
    """The heading of a day in the list: Today, Yesterday, a weekday, a date."""
    moment = _local(epoch_s)
    days = (now.date() - moment.date()).days
    locale = QLocale()
    if days == 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if 1 < days < 7:
        return locale.toString(_qt_date(moment), "dddd")
    if moment.year == now.year:
        return locale.toString(_qt_date(moment), "dddd, d MMMM")
    return locale.toString(_qt_date(moment), "d MMMM yyyy")


def is_same_day(first: int, second: int) -> bool:
    """Whether two moments fall on one local day."""
    return _local(first).date() == _local(second).date()


def one_line(value: str, limit: int = 1_000) -> str:
    """Text of a mail or server on one line: breaks and tabs folded, controls and direction overrides gone."""
    folded = " ".join(value[: limit * 2].split())
    return "".join(c for c in folded if unicodedata.category(c) != "Cc" and c not in _OVERRIDES)[:limit]


# Marks that turn or hide the text after them; the isolates that a bidi text needs stay out too, each field is drawn alone.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2028\u2029\ufeff")


def initials(address: Address) -> str:
    """One or two letters for a person's disc."""
    words = [
        w
        for w in one_line(address.name or address.address.partition("@")[0]).replace(".", " ").split()
        if w[0].isalnum()
    ]
    if not words:
        return "?"
    first = words[0][0]
    last = words[-1][0] if len(words) > 1 else ""
    return (first + last).upper()


def people(addresses: tuple[Address, ...], own: frozenset[str] = frozenset(), most: int = 3) -> str:
    """Names in one line: "me, Mia Moser and 4 others". ``own`` are the user's addresses in lower case."""
    names = ["me" if a.address.lower() in own else one_line(a.display, 200) or "(no address)" for a in addresses]
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {count(len(names) - most)} others"


def _local(epoch_s: int) -> dt.datetime:
    # A forged date can lie outside of what the platform can show.
    bounded = min(max(int(epoch_s), 0), 253_402_214_400)
    return dt.datetime.fromtimestamp(bounded, tz=dt.UTC).astimezone()


def _qt_date(moment: dt.datetime) -> QDate:
    return QDate(moment.year, moment.month, moment.day)


def _qt(moment: dt.datetime) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(moment.timestamp()))
