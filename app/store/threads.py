"""Which conversation a message belongs to: everything that names the same Message-ID, in whatever order it arrives.

After J. Zawinski's threading (www.jwz.org/doc/threading.html), references only: a subject never joins two threads. Ids are kept as 64-bit
hashes, so that a reference costs twenty bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from app.model.ids import MailAccountId, MessageId
from app.store.database import Reader, Transaction

REFERENCES_KEPT = 30
"""Of one message: the oldest two and the youngest. Longer chains overlap anyway."""


def assign(
    tx: Transaction, account_id: MailAccountId, messages: Sequence[tuple[MessageId, str, str, tuple[str, ...]]]
) -> None:
    """Give each new message (id, Message-ID, In-Reply-To, References) its thread; threads that turn out to be one are joined."""
    named = {message_id: _hashes(own, parent, references) for message_id, own, parent, references in messages}
    wanted = sorted({reference for hashes in named.values() for reference in hashes})
    thread_of: dict[int, int] = {
        int(row[0]): int(row[1])
        for row in tx.rows(
            "SELECT reference, thread_id FROM thread_reference WHERE account_id = ? AND reference IN "
            "(SELECT value FROM json_each(?))",
            (account_id, json.dumps(wanted)),
        )
    }
    stored = set(thread_of)
    for message_id, hashes in named.items():
        found = sorted({thread_of[reference] for reference in hashes if reference in thread_of})
        thread = found[0] if found else int(message_id)
        for other in found[1:]:
            _join(tx, account_id, other, thread)
            for reference, owner in thread_of.items():
                if owner == other:
                    thread_of[reference] = thread
        thread_of.update(dict.fromkeys(hashes, thread))
        if thread != message_id:
            tx.execute("UPDATE message SET thread_id = ? WHERE message_id = ?", (thread, message_id))
    tx.execute_many(
        "INSERT OR REPLACE INTO thread_reference (account_id, reference, thread_id) VALUES (?, ?, ?)",
        [(account_id, reference, thread_of[reference]) for reference in wanted if reference not in stored],
    )


def of_message(reader: Reader, message_id: MessageId) -> list[MessageId]:
    """The messages of a message's thread, itself among them, oldest first."""
    rows = reader.rows(
        "SELECT o.message_id FROM message m JOIN message o ON o.thread_id = m.thread_id AND o.account_id = m.account_id "
        "WHERE m.message_id = ? ORDER BY o.message_id",
        (message_id,),
    )
    return [MessageId(row[0]) for row in rows]


def _join(tx: Transaction, account_id: MailAccountId, old: int, new: int) -> None:
    tx.execute("UPDATE message SET thread_id = ? WHERE thread_id = ? AND account_id = ?", (new, old, account_id))
    tx.execute(
        "UPDATE thread_reference SET thread_id = ? WHERE account_id = ? AND thread_id = ?", (new, account_id, old)
    )


def _hashes(own: str, parent: str, references: tuple[str, ...]) -> list[int]:
    chain = list(dict.fromkeys((*references, parent)))
    if len(chain) > REFERENCES_KEPT:
        chain = chain[:2] + chain[2 - REFERENCES_KEPT :]
    return [
        int.from_bytes(
            hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True
        )
        for name in (own, *chain)
        if name
    ]
