"""What leaves the store for good: orphaned messages after a second look, and all mail of an account."""

from __future__ import annotations

import json

from app.events import FoldersChanged
from app.model.ids import MailAccountId, MessageId
from app.store import search
from app.store.database import Transaction

ORPHAN_AGE_S = 3600.0
"""A message that is in no folder stays this long: a move by another program is seen as a removal first."""


def purge_orphans(tx: Transaction, account_id: MailAccountId, *, now: float, limit: int = 500) -> list[MessageId]:
    """Delete messages that have been in no folder for `ORPHAN_AGE_S`; those that an open operation needs stay."""
    ids = [
        MessageId(row[0])
        for row in tx.rows(
            "SELECT message_id FROM message m WHERE orphaned_since <> 0 AND orphaned_since < ? AND account_id = ? "
            "AND NOT EXISTS (SELECT 1 FROM location l WHERE l.message_id = m.message_id) "
            "AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.subject_message = m.message_id "
            "AND o.subject_message <> 0 AND o.state NOT IN ('done', 'discarded', 'superseded')) LIMIT ?",
            (now - ORPHAN_AGE_S, account_id, limit),
        )
    ]
    search.forget(tx, ids)
    tx.execute("DELETE FROM message WHERE message_id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
    return ids


def remove_account_mail(tx: Transaction, account_id: MailAccountId) -> None:
    """Delete every folder, message, body, index entry, draft and wish of an account."""
    search.forget_account(tx, account_id)
    tx.execute("DELETE FROM folder WHERE account_id = ?", (account_id,))
    tx.execute("DELETE FROM message WHERE account_id = ?", (account_id,))
    for table in ("thread_reference", "draft", "outgoing"):
        tx.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))
    tx.publish(FoldersChanged(account_id))
