"""A queued, replayable change on a server, and the states it can be in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from app.model.crm import JsonObject
from app.model.ids import OperationId


class OperationKind(StrEnum):
    """Every kind of change the outbox knows by name; a handler is registered for each."""

    LOG_MESSAGE = "log_message"
    ATTACH_FILE = "attach_file"
    CREATE_RECORD = "create_record"
    SEND_MESSAGE = "send_message"
    SET_FLAGS = "set_flags"
    MOVE_MESSAGES = "move_messages"

    @property
    def is_upkeep(self) -> bool:
        """True for wished-for states of messages: they follow by themselves, and a person counts them only once the server refused one."""
        return self in (OperationKind.SET_FLAGS, OperationKind.MOVE_MESSAGES)


class OperationState(StrEnum):
    """Life of an operation.

    pending → sending → done, with the side roads checking (it may have been written: ask, wait, ask again), paused (its account must sign in),
    failed (refused for good: a person decides) and discarded (a person gave it up). superseded: a later wish made it needless.
    """

    PENDING = "pending"
    SENDING = "sending"
    CHECKING = "checking"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """True while it still waits for something to happen by itself or by sign-in."""
        return self in (OperationState.PENDING, OperationState.SENDING, OperationState.CHECKING, OperationState.PAUSED)


@dataclass(frozen=True, slots=True)
class NewOperation:
    """What a service hands to `Outbox.enqueue`.

    ``account`` is an account key (``crm:1``, ``mail:3``); ``owner`` binds it to the org and user (``<org_id>/<user_id>``) or the mailbox user,
    and a replay under another owner never happens. ``target`` orders: operations of one target run one after the other. ``payload`` is JSON.
    ``title`` is for the outbox view (encrypted at rest like all else). ``depends_on`` must all be done first.
    """

    kind: OperationKind
    account: str
    owner: str
    target: str
    title: str
    payload: JsonObject
    depends_on: tuple[OperationId, ...] = ()
    subject_message: int | None = None
    """The local message that it concerns, for pending marks."""
    subject_record: str = ""
    """The Salesforce record (or ``local:`` stand-in) that it concerns, for pending marks."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the queue. Times are wall-clock epoch seconds; 0 means never.

    ``attempts`` is committed before the first byte of each attempt. ``last_sent_at`` is when the last attempt began, by the wall clock.
    ``result`` is what the server gave (for example ``{"record_id": "003…"}``) once done; for a create that a duplicate
    rule refused it holds ``{"matches": [{"object_type", "record_id", "confidence"}…], "can_save_anyway": bool}``.
    ``in_doubt_since`` is when the last byte of an attempt without a known outcome may have left at the latest; 0 when
    there is no doubt. ``waits_for`` are those of ``depends_on`` that are not done yet.
    """

    operation_id: OperationId
    seq: int
    kind: OperationKind
    account: str
    owner: str
    target: str
    title: str
    payload: JsonObject = field(repr=False)
    depends_on: tuple[OperationId, ...]
    state: OperationState
    attempts: int
    created_at: float
    first_sent_at: float
    last_sent_at: float
    not_before: float
    error_code: str
    error_text: str = field(repr=False)
    error_fields: tuple[str, ...]
    result: JsonObject = field(repr=False)
    subject_message: int | None
    subject_record: str
    in_doubt_since: float = 0.0
    waits_for: tuple[OperationId, ...] = ()
