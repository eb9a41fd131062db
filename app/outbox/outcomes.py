"""What the outcome of an attempt makes of an operation.

Pure functions from row to row; they are the table of the design. All times are wall-clock epoch seconds.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from app.errors import AppError, DuplicateFound, PermanentError, ValidationFailed
from app.model.crm import JsonObject
from app.model.operation import Operation, OperationState

GAVE_UP = "gave_up"
SIGN_IN = "sign_in_required"
OTHER_OWNER = "other_owner"
ACCOUNT_REMOVED = "account_removed"
UNDECIDABLE = "undecidable"

SIGN_IN_WORDS = "Waits until you sign in again. Nothing is lost."
OTHER_OWNER_WORDS = (
    "Was made under another sign-in and is never sent under this one. Sign in as that user again, or discard it."
)
ACCOUNT_REMOVED_WORDS = "Its account was removed here. Add the same account again, or discard it."


def begun(operation: Operation, *, now: float) -> Operation:
    """The row as it is committed before the first byte of an attempt."""
    return replace(
        operation,
        state=OperationState.SENDING,
        attempts=operation.attempts + 1,
        first_sent_at=operation.first_sent_at or now,
        last_sent_at=now,
        in_doubt_since=now,
        not_before=0.0,
        error_code="",
        error_text="",
        error_fields=(),
        result={},
    )


def not_sent(before: Operation, error: AppError, *, not_before: float) -> Operation:
    """Nothing reached the server (offline) or the server asks for a pause: no attempt is burned."""
    return replace(
        before,
        state=OperationState.PENDING,
        in_doubt_since=0.0,
        not_before=not_before,
        error_code=error.code,
        error_text=error.message,
    )


def not_done(operation: Operation, error: AppError, *, not_before: float) -> Operation:
    """The server said that it did not do it and may do it later: the attempt counts."""
    return replace(
        operation,
        state=OperationState.PENDING,
        in_doubt_since=0.0,
        not_before=not_before,
        error_code=error.code,
        error_text=error.message,
    )


def doubted(operation: Operation, error: AppError, *, now: float) -> Operation:
    """It may have been written: ask at once. The last byte left before ``now``."""
    return replace(
        operation,
        state=OperationState.CHECKING,
        in_doubt_since=now,
        not_before=0.0,
        error_code=error.code,
        error_text=error.message,
    )


def absent_for_now(operation: Operation, *, doubt_ends: float) -> Operation:
    """The server does not have it yet, but a lost call may still run there until ``doubt_ends``: ask again then."""
    return replace(operation, state=OperationState.CHECKING, not_before=doubt_ends)


def not_asked(operation: Operation, error: AppError, *, not_before: float) -> Operation:
    """The question whether it was written could not be asked: still in doubt, ask again later."""
    return replace(
        operation,
        state=OperationState.CHECKING,
        not_before=not_before,
        error_code=error.code,
        error_text=error.message,
    )


def paused(operation: Operation, code: str, text: str) -> Operation:
    """It waits for its person to sign in. A doubt stays a doubt."""
    return replace(operation, state=OperationState.PAUSED, not_before=0.0, error_code=code, error_text=text)


def failed(operation: Operation, error: AppError, *, is_in_doubt: bool) -> Operation:
    """Refused for good, undecidable, or a bug: a person decides. ``is_in_doubt``: the server may have it nevertheless."""
    text = error.message
    fields: tuple[str, ...] = ()
    result: JsonObject = {}
    if isinstance(error, PermanentError):
        text = error.server_text or error.message
    if isinstance(error, ValidationFailed):
        fields = error.fields
    if isinstance(error, DuplicateFound):
        result = {
            "matches": [asdict(match) for match in error.matches],
            "can_save_anyway": error.can_save_anyway,
        }
    return replace(
        operation,
        state=OperationState.FAILED,
        in_doubt_since=operation.in_doubt_since if is_in_doubt else 0.0,
        not_before=0.0,
        error_code=error.code,
        error_text=text,
        error_fields=fields,
        result=result,
    )


def done(operation: Operation, result: JsonObject) -> Operation:
    """Confirmed by the server."""
    return replace(
        operation,
        state=OperationState.DONE,
        in_doubt_since=0.0,
        not_before=0.0,
        error_code="",
        error_text="",
        error_fields=(),
        result=result,
    )


def discarded(operation: Operation) -> Operation:
    """A person gave it up."""
    return replace(operation, state=OperationState.DISCARDED, not_before=0.0)


def retried(operation: Operation) -> Operation:
    """A person wants it tried again.

    What may have been written is asked for first. Only where nobody can tell (``undecidable``) the person's word
    decides: it is sent again, once the doubt (``in_doubt_since`` stays) is over.
    """
    is_in_doubt = operation.in_doubt_since > 0 and operation.error_code != UNDECIDABLE
    return replace(
        operation,
        state=OperationState.CHECKING if is_in_doubt else OperationState.PENDING,
        attempts=0,
        not_before=0.0,
        error_code="",
        error_text="",
        error_fields=(),
        result={},
    )
