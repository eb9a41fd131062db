"""What the user wants of messages and no server has confirmed yet: flags and folder, each by the operation that is to bring it about.

A wish is a state, not a step: a younger one replaces an older one of the same message, opposite ones cancel, and bringing one about twice
does no harm. `settle_*` turns a wish into the server's word, `drop` takes it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.events import FoldersChanged, MessagesChanged, MessagesRemoved, MessagesStored
from app.model.ids import FolderId, MailAccountId, MessageId, OperationId
from app.store import locations
from app.store.database import Reader, Transaction

REMOVED_FOR_GOOD = FolderId(0)


@dataclass(frozen=True, slots=True)
class FlagWish:
    """One message that shall have a flag, or not."""

    message_id: MessageId
    flag: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class FolderWish:
    """One message that shall be in a folder (`REMOVED_FOR_GOOD`: in none).

    ``uid_floor`` is the target's UIDNEXT before the first attempt under ``uid_validity``; both are 0 before it.
    """

    message_id: MessageId
    folder_id: FolderId
    source_folder_id: FolderId
    uid_validity: int
    uid_floor: int


def want_flag(
    tx: Transaction, account_id: MailAccountId, message_ids: Sequence[MessageId], flag: str, is_on: bool, operation_id: OperationId
) -> None:  # fmt: skip
    """Note the wish and show it at once."""
    tx.execute_many(
        "INSERT OR REPLACE INTO wanted_flag (message_id, flag, is_on, operation_id) VALUES (?, ?, ?, ?)",
        [(message_id, flag, int(is_on), operation_id) for message_id in _existing(tx, message_ids)],
    )
    _show(tx, account_id, message_ids)


def flag_wishes(reader: Reader, operation_id: OperationId) -> list[FlagWish]:
    """What is left of an operation's wishes; those that a younger operation took over are not."""
    rows = reader.rows("SELECT message_id, flag, is_on FROM wanted_flag WHERE operation_id = ?", (operation_id,))
    return [FlagWish(MessageId(row[0]), str(row[1]), bool(row[2])) for row in rows]


def settle_flags(tx: Transaction, account_id: MailAccountId, operation_id: OperationId, flag: str, is_on: bool) -> None:
    """The server has the flags as this operation wanted them."""
    ids = [wish.message_id for wish in flag_wishes(tx, operation_id)]
    for place in (place for found in locations.places(tx, ids).values() for place in found if place.uid > 0):
        flags = set(place.server_flags)
        (flags.add if is_on else flags.discard)(flag)
        tx.execute(
            "UPDATE location SET server_flags = ? WHERE location_id = ?", (locations.joined(flags), place.location_id)
        )
    tx.execute("DELETE FROM wanted_flag WHERE operation_id = ?", (operation_id,))
    _show(tx, account_id, ids)


def want_folder(
    tx: Transaction, account_id: MailAccountId, sources: dict[MessageId, FolderId], folder_id: FolderId, operation_id: OperationId
) -> None:  # fmt: skip
    """Messages shall be in a folder instead of the one where the user sees them (``sources``). They are shown there at once."""
    existing = set(_existing(tx, list(sources)))
    before = {
        MessageId(row[0]): (FolderId(row[1]), FolderId(row[2]))
        for row in tx.rows(
            "SELECT message_id, folder_id, source_folder_id FROM wanted_folder WHERE message_id IN "
            "(SELECT value FROM json_each(?))",
            (json.dumps(list(sources)),),
        )
    }
    for message_id, seen_in in sources.items():
        if message_id not in existing:
            continue
        # On its way already: the server still has it where the first move found it.
        wanted, real = before.get(message_id, (seen_in, seen_in))
        source = real if wanted == seen_in else seen_in
        _forget_places_expected(tx, message_id)
        tx.execute(
            "INSERT OR REPLACE INTO wanted_folder (message_id, folder_id, source_folder_id, operation_id) VALUES (?, ?, ?, ?)",
            (message_id, folder_id, source, operation_id),
        )
        _expect(tx, message_id, folder_id)
    _show_moved(tx, account_id, sources, folder_id)


def folder_wishes(reader: Reader, operation_id: OperationId) -> list[FolderWish]:
    """What is left of an operation's wishes; those that a younger operation took over are not."""
    rows = reader.rows(
        "SELECT message_id, folder_id, source_folder_id, target_uid_validity, target_uid_floor FROM wanted_folder "
        "WHERE operation_id = ?",
        (operation_id,),
    )
    return [FolderWish(MessageId(row[0]), FolderId(row[1]), FolderId(row[2]), int(row[3]), int(row[4])) for row in rows]


def wanted_folder(reader: Reader, message_id: MessageId) -> FolderId | None:
    """Where a message is wanted to be, None when no wish for it is on its way."""
    row = reader.row("SELECT folder_id FROM wanted_folder WHERE message_id = ?", (message_id,))
    return None if row is None else FolderId(row[0])


def note_floor(tx: Transaction, operation_id: OperationId, uid_validity: int, uid_floor: int) -> None:
    """Remember the target's UIDNEXT before anything is copied there; a floor that is there already stays."""
    tx.execute(
        "UPDATE wanted_folder SET target_uid_validity = ?, target_uid_floor = ? "
        "WHERE operation_id = ? AND target_uid_floor = 0",
        (uid_validity, uid_floor, operation_id),
    )


def settle_move(
    tx: Transaction, message_ids: Sequence[MessageId], source: FolderId, target: FolderId, uid_validity: int,
    uids: dict[MessageId, int], *, now: float,
) -> None:  # fmt: skip
    """The server moved messages from ``source`` to ``target``; ``uids`` where it told the new UIDs.

    Written as soon as the server has answered, so that no later attempt asks it to move them again. The wishes stay for
    `finish_moves`. Without a new UID the message is shown at its expected place until the next look at the folder finds it.
    """
    gone: list[tuple[int, MessageId]] = []
    found = locations.places(tx, message_ids)
    for message_id, places in found.items():
        left = [place for place in places if place.folder_id == source and place.uid > 0]
        flags = left[0].server_flags if left else frozenset()
        expected = next((place for place in places if place.folder_id == target and place.uid < 0), None)
        uid = uids.get(message_id)
        if target != REMOVED_FOR_GOOD and uid:
            _arrive(tx, message_id, target, uid_validity, uid, flags, expected)
        elif expected is not None:
            tx.execute(
                "UPDATE location SET server_flags = ? WHERE location_id = ?",
                (locations.joined(flags), expected.location_id),
            )
        gone += [(place.location_id, message_id) for place in left if place.folder_id != target]
    locations.remove(tx, gone, now=now)
    for row in tx.rows(
        "SELECT message_id, folder_id FROM wanted_folder WHERE folder_id <> ? AND message_id IN (SELECT value FROM json_each(?))",
        (target, json.dumps(list(found))),
    ):
        # A younger wish came while the server worked: from now on it starts here.
        tx.execute("UPDATE wanted_folder SET source_folder_id = ? WHERE message_id = ?", (target, row[0]))
        _expect(tx, MessageId(row[0]), FolderId(row[1]))
    locations.apply_wishes(tx, list(found))


def finish_moves(tx: Transaction, account_id: MailAccountId, operation_id: OperationId) -> None:
    """All that an operation wanted to move is where it should be."""
    ids = [wish.message_id for wish in folder_wishes(tx, operation_id)]
    tx.execute("DELETE FROM wanted_folder WHERE operation_id = ?", (operation_id,))
    _show(tx, account_id, ids)


def overtaken(tx: Transaction, message_ids: Sequence[MessageId]) -> list[OperationId]:
    """The operations that have wishes for these messages now; ask before wishing anew, then `is_empty`."""
    rows = tx.rows(
        "SELECT operation_id FROM wanted_flag WHERE message_id IN (SELECT value FROM json_each(?1)) "
        "UNION SELECT operation_id FROM wanted_folder WHERE message_id IN (SELECT value FROM json_each(?1))",
        (json.dumps(list(message_ids)),),
    )
    return [OperationId(row[0]) for row in rows]


def is_empty(reader: Reader, operation_id: OperationId) -> bool:
    """Whether younger operations took over all that this one wanted, or it is settled."""
    return not flag_wishes(reader, operation_id) and not folder_wishes(reader, operation_id)


def drop(tx: Transaction, account_id: MailAccountId, operation_id: OperationId) -> None:
    """Take back what is left of an operation's wishes: messages are shown as the server has them."""
    flagged = [wish.message_id for wish in flag_wishes(tx, operation_id)]
    moved = folder_wishes(tx, operation_id)
    tx.execute("DELETE FROM wanted_flag WHERE operation_id = ?", (operation_id,))
    tx.execute("DELETE FROM wanted_folder WHERE operation_id = ?", (operation_id,))
    for wish in moved:
        _forget_places_expected(tx, wish.message_id)
    _show(tx, account_id, flagged)
    by_folder: dict[tuple[FolderId, FolderId], list[MessageId]] = {}
    for wish in moved:
        by_folder.setdefault((wish.folder_id, wish.source_folder_id), []).append(wish.message_id)
    for (target, source), ids in by_folder.items():
        _show_moved(tx, account_id, dict.fromkeys(ids, target), source)


def _existing(tx: Transaction, message_ids: Sequence[MessageId]) -> list[MessageId]:
    rows = tx.rows(
        "SELECT message_id FROM message WHERE message_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(message_ids)),),
    )
    return [MessageId(row[0]) for row in rows]


def _expect(tx: Transaction, message_id: MessageId, folder_id: FolderId) -> None:
    # A place of its own until the server names the UID. One place a message: the negated id cannot collide.
    if folder_id == REMOVED_FOR_GOOD:
        return
    found = tx.rows("SELECT folder_id, server_flags, uid FROM location WHERE message_id = ?", (message_id,))
    if any(row[0] == folder_id for row in found):
        return
    flags = next((str(row[1]) for row in found if row[2] > 0), "")
    tx.execute(
        "INSERT INTO location (message_id, folder_id, uid, server_flags, flags, is_shown) VALUES (?, ?, ?, ?, ?, 0)",
        (message_id, folder_id, -message_id, flags, flags),
    )


def _forget_places_expected(tx: Transaction, message_id: MessageId) -> None:
    # Only while another place is confirmed: the last place of a message is never dropped here.
    tx.execute(
        "DELETE FROM location WHERE message_id = ?1 AND uid < 0 AND EXISTS "
        "(SELECT 1 FROM location c WHERE c.message_id = ?1 AND c.uid > 0)",
        (message_id,),
    )


def _arrive(
    tx: Transaction, message_id: MessageId, target: FolderId, uid_validity: int, uid: int, flags: frozenset[str],
    expected: locations.Place | None,
) -> None:  # fmt: skip
    # The sync of the target may have seen it arrive before this answer was written down.
    row = tx.row(
        "SELECT message_id FROM location WHERE folder_id = ? AND uid_validity = ? AND uid = ?",
        (target, uid_validity, uid),
    )
    if row is not None:
        if expected is not None and row[0] != message_id:
            tx.execute("DELETE FROM location WHERE location_id = ?", (expected.location_id,))
        return
    locations.put(tx, [expected] if expected else [], message_id, target, uid_validity, uid, 0, flags)


def _show(tx: Transaction, account_id: MailAccountId, message_ids: Sequence[MessageId]) -> None:
    locations.apply_wishes(tx, message_ids)
    if message_ids:
        tx.publish(MessagesChanged(tuple(message_ids)), FoldersChanged(account_id))


def _show_moved(
    tx: Transaction, account_id: MailAccountId, sources: dict[MessageId, FolderId], target: FolderId
) -> None:
    locations.apply_wishes(tx, list(sources))
    by_source: dict[FolderId, list[MessageId]] = {}
    for message_id, source in sources.items():
        by_source.setdefault(source, []).append(message_id)
    for source, ids in by_source.items():
        if source not in (target, REMOVED_FOR_GOOD):
            tx.publish(MessagesRemoved(source, tuple(ids)))
    if target != REMOVED_FOR_GOOD:
        tx.publish(MessagesStored(target, tuple(sources)))
    tx.publish(FoldersChanged(account_id))
