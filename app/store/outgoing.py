"""Messages being written (drafts) and messages on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.model.ids import MailAccountId, OperationId
from app.store.database import Reader, Transaction


class OutgoingState(StrEnum):
    """How far a message is: sending means that its DATA may have begun, accepted that SMTP took it, filed that a copy is in Sent."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FILED = "filed"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The bytes of a message, made once, and its state."""

    account_id: MailAccountId
    header_message_id: str
    raw: bytes = field(repr=False)
    state: OutgoingState


def queue(
    tx: Transaction, operation_id: OperationId, account_id: MailAccountId, header_message_id: str, raw: bytes, *, now: float
) -> None:  # fmt: skip
    """Keep the bytes of the message that an operation is to send."""
    tx.execute(
        "INSERT OR IGNORE INTO outgoing (operation_id, account_id, header_message_id, raw, changed_at) VALUES (?, ?, ?, ?, ?)",
        (operation_id, account_id, header_message_id, raw, now),
    )


def get(reader: Reader, operation_id: OperationId) -> Outgoing | None:
    """What an operation sends, or None."""
    row = reader.row(
        "SELECT account_id, header_message_id, raw, state FROM outgoing WHERE operation_id = ?", (operation_id,)
    )
    return None if row is None else Outgoing(MailAccountId(row[0]), str(row[1]), bytes(row[2]), OutgoingState(row[3]))


def set_state(tx: Transaction, operation_id: OperationId, state: OutgoingState, *, now: float) -> None:
    """Note how far it is."""
    tx.execute("UPDATE outgoing SET state = ?, changed_at = ? WHERE operation_id = ?", (state.value, now, operation_id))


def forget(tx: Transaction, operation_id: OperationId) -> None:
    """The message is out (or given up): its bytes are not needed here any more."""
    tx.execute("DELETE FROM outgoing WHERE operation_id = ?", (operation_id,))


def save_draft(tx: Transaction, draft_id: str, account_id: MailAccountId, payload: str, *, now: float) -> None:
    """Keep the text being written, replacing the earlier state of the same draft. ``payload`` is JSON."""
    tx.execute(
        "INSERT OR REPLACE INTO draft (draft_id, account_id, payload, saved_at) VALUES (?, ?, ?, ?)",
        (draft_id, account_id, payload, now),
    )


def drafts(reader: Reader) -> Sequence[str]:
    """The payloads of all drafts, last saved first."""
    return [str(row[0]) for row in reader.rows("SELECT payload FROM draft ORDER BY saved_at DESC, draft_id")]


def discard_draft(tx: Transaction, draft_id: str) -> None:
    """Forget a draft; no error when it is not there."""
    tx.execute("DELETE FROM draft WHERE draft_id = ?", (draft_id,))
