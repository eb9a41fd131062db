"""Identifiers.

All but `OperationId` are local numbers of the encrypted store; server identifiers keep the server's own form (str).
"""

from __future__ import annotations

from typing import NewType

MailAccountId = NewType("MailAccountId", int)
"""A mailbox login."""

CrmLoginId = NewType("CrmLoginId", int)
"""A Salesforce login: one user in one org."""

FolderId = NewType("FolderId", int)

MessageId = NewType("MessageId", int)
"""Our own name of a message, never reused and independent of UIDs: ``date_in_epoch_seconds << 20 | sequence``, so that it sorts by date."""

OperationId = NewType("OperationId", str)
"""A UUID version 4, lower case with hyphens."""

RecordId = NewType("RecordId", str)
"""A Salesforce record id of 18 characters, or ``local:<OperationId>`` for a record that a queued operation will create."""

MESSAGE_ID_SEQUENCE_BITS = 20


def message_id_floor(epoch_s: int) -> MessageId:
    """The smallest `MessageId` that a message of that second can have; seconds before 1970 count as 0."""
    return MessageId(max(0, epoch_s) << MESSAGE_ID_SEQUENCE_BITS)


def local_record_id(operation_id: OperationId) -> RecordId:
    """The stand-in for the record that a queued ``create_record`` operation will make."""
    return RecordId(f"local:{operation_id}")


def creating_operation(record_id: RecordId) -> OperationId | None:
    """The operation behind a stand-in id, or None for a real Salesforce id."""
    return OperationId(record_id.removeprefix("local:")) if record_id.startswith("local:") else None


def mail_account_key(account: MailAccountId) -> str:
    """The account's name in operations, errors and logs: ``mail:3``."""
    return f"mail:{account}"


def crm_login_key(login: CrmLoginId) -> str:
    """The login's name in operations, errors and logs: ``crm:1``."""
    return f"crm:{login}"
