"""Where messages are: one row a folder, UID and UIDVALIDITY, with the server's flags and what the user sees of them.

What a user sees (``flags``, ``is_unread``, ``is_shown``) follows from what the server said and from the wishes that are still on their way
(`app.store.wishes`); `apply_wishes` is the one place that works it out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.events import FoldersChanged, MessagesChanged, MessagesRemoved, MessagesStored
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Flag
from app.store.database import Reader, Row, Transaction

_PLACE = "SELECT location_id, message_id, folder_id, uid_validity, uid, missing_since, server_flags FROM location"


@dataclass(frozen=True, slots=True)
class Place:
    """A location. A negative ``uid`` is a place that a queued move will give the message; the server has not shown it yet."""

    location_id: int
    message_id: MessageId
    folder_id: FolderId
    uid_validity: int
    uid: int
    missing_since: float
    server_flags: frozenset[str]

    def is_confirmed(self, uid_validity: int) -> bool:
        """Whether the server showed it under this UIDVALIDITY and did not miss it since."""
        return self.uid > 0 and self.uid_validity == uid_validity and self.missing_since == 0


@dataclass(frozen=True, slots=True)
class FlagsSeen:
    """Flags of one UID as a server told them."""

    uid: int
    flags: frozenset[str]
    mod_seq: int


def places(reader: Reader, message_ids: Sequence[MessageId]) -> dict[MessageId, list[Place]]:
    """All locations of these messages; messages without one are left out."""
    found: dict[MessageId, list[Place]] = {}
    for row in reader.rows(
        f"{_PLACE} WHERE message_id IN (SELECT value FROM json_each(?)) ORDER BY location_id",
        (json.dumps(list(message_ids)),),
    ):
        place = _place(row)
        found.setdefault(place.message_id, []).append(place)
    return found


def shown(reader: Reader, message_ids: Sequence[MessageId]) -> dict[MessageId, list[FolderId]]:
    """The folders that show these messages."""
    found: dict[MessageId, list[FolderId]] = {}
    for row in reader.rows(
        "SELECT message_id, folder_id FROM location WHERE is_shown = 1 AND message_id IN (SELECT value FROM json_each(?)) "
        "ORDER BY location_id",
        (json.dumps(list(message_ids)),),
    ):
        found.setdefault(MessageId(row[0]), []).append(FolderId(row[1]))
    return found


def without_flag(
    reader: Reader, message_ids: Sequence[MessageId], flag: str, is_on: bool
) -> dict[MailAccountId, list[MessageId]]:
    """Those of these messages that would change if the flag were set (``is_on``) or taken, by account, newest first."""
    found: dict[MailAccountId, dict[MessageId, None]] = {}
    for account_id, message_id, flags in reader.rows(
        "SELECT m.account_id, l.message_id, l.flags FROM location l JOIN message m ON m.message_id = l.message_id "
        "WHERE l.message_id IN (SELECT value FROM json_each(?)) ORDER BY m.account_id, l.message_id DESC",
        (json.dumps(list(message_ids)),),
    ):
        if (flag in str(flags).split()) is not is_on:
            found.setdefault(MailAccountId(account_id), {})[MessageId(message_id)] = None
    return {account: list(ids) for account, ids in found.items()}


def known_uids(reader: Reader, folder_id: FolderId, uid_validity: int) -> list[int]:
    """The UIDs that are known to be in a folder and not missing, ascending."""
    rows = reader.rows(
        "SELECT uid FROM location WHERE folder_id = ? AND uid_validity = ? AND uid > 0 AND missing_since = 0 ORDER BY uid",
        (folder_id, uid_validity),
    )
    return [int(row[0]) for row in rows]


def count_known(reader: Reader, folder_id: FolderId, uid_validity: int) -> int:
    """How many messages a folder is known to hold, the missing ones left out."""
    row = reader.row(
        "SELECT (SELECT count(*) FROM location WHERE folder_id = ?1 AND uid_validity = ?2 AND uid > 0) - "
        "(SELECT count(*) FROM location WHERE folder_id = ?1 AND missing_since <> 0 AND uid_validity = ?2 AND uid > 0)",
        (folder_id, uid_validity),
    )
    assert row is not None
    return int(row[0])


def has_unconfirmed(reader: Reader, folder_id: FolderId) -> bool:
    """Whether a finished move promised a message that no look at the folder has shown yet."""
    row = reader.row(
        "SELECT 1 FROM location WHERE folder_id = ? AND uid < 0 AND NOT EXISTS "
        "(SELECT 1 FROM wanted_folder w WHERE w.message_id = location.message_id) LIMIT 1",
        (folder_id,),
    )
    return row is not None


def oldest_missing(reader: Reader, folder_id: FolderId) -> float:
    """Since when a message of a folder waits for the second look that it is gone; 0 when none does."""
    row = reader.row("SELECT min(missing_since) FROM location WHERE folder_id = ? AND missing_since <> 0", (folder_id,))
    return float(row[0] or 0.0) if row else 0.0


def put(
    tx: Transaction,
    known: Sequence[Place],
    message_id: MessageId,
    folder_id: FolderId,
    uid_validity: int,
    uid: int,
    mod_seq: int,
    flags: Collection[str],
) -> Place:
    """Note that the server has a message at a UID. A place of it in the folder that was expected, missing or numbered otherwise becomes this one.

    ``known`` are the message's locations. What the user sees is worked out by `apply_wishes` afterwards.
    """
    server_flags = joined(flags)
    mine = [place for place in known if place.folder_id == folder_id]
    here = next((p for p in mine if (p.uid_validity, p.uid) == (uid_validity, uid)), None) or next(
        (p for p in mine if not p.is_confirmed(uid_validity)), None
    )
    if here is None:
        location_id = tx.insert(
            "INSERT INTO location (message_id, folder_id, uid_validity, uid, mod_seq, server_flags, flags, is_unread, is_shown) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message_id,
                folder_id,
                uid_validity,
                uid,
                mod_seq,
                server_flags,
                server_flags,
                int(Flag.SEEN not in flags),
                int(Flag.DELETED not in flags),
            ),
        )
    else:
        location_id = here.location_id
        tx.execute(
            "UPDATE location SET uid_validity = ?, uid = ?, mod_seq = ?, server_flags = ?, missing_since = 0 "
            "WHERE location_id = ?",
            (uid_validity, uid, mod_seq, server_flags, location_id),
        )
    return Place(location_id, message_id, folder_id, uid_validity, uid, 0.0, frozenset(flags))


def set_server_flags(
    tx: Transaction, account_id: MailAccountId, folder_id: FolderId, uid_validity: int, seen: Sequence[FlagsSeen]
) -> list[MessageId]:
    """Take over flags of known UIDs; the messages that changed. Unknown UIDs are passed over. Publishes `MessagesChanged`."""
    by_uid = {change.uid: change for change in seen}
    changed: list[MessageId] = []
    updates: list[tuple[str, int, int]] = []
    for row in tx.rows(
        "SELECT location_id, uid, message_id, server_flags, mod_seq FROM location WHERE folder_id = ? AND uid_validity = ? "
        "AND uid IN (SELECT value FROM json_each(?))",
        (folder_id, uid_validity, json.dumps(list(by_uid))),
    ):
        change = by_uid[int(row[1])]
        flags = joined(change.flags)
        if flags != row[3]:
            changed.append(MessageId(row[2]))
        if flags != row[3] or change.mod_seq > row[4]:
            updates.append((flags, max(change.mod_seq, int(row[4])), int(row[0])))
    tx.execute_many("UPDATE location SET server_flags = ?, mod_seq = ? WHERE location_id = ?", updates)
    apply_wishes(tx, changed)
    if changed:
        tx.publish(MessagesChanged(tuple(changed)), FoldersChanged(account_id))
    return changed


def note_missing(
    tx: Transaction, account_id: MailAccountId, folder_id: FolderId, uid_validity: int, present: Collection[int], *,
    known_before: Collection[int], now: float,
) -> int:  # fmt: skip
    """Compare a folder whose headers are all stored with the server's complete list of UIDs. How many messages it missed.

    A message that is missing is hidden; one that was missing at an earlier look already loses this location.
    ``known_before`` are the UIDs that were stored before the server was asked: only they, and locations of an older UIDVALIDITY, can
    be missed. Publishes `MessagesRemoved`.
    """
    there, asked = set(present), set(known_before)
    missed: list[tuple[int, MessageId]] = []
    gone: list[tuple[int, MessageId]] = []
    for row in tx.rows(
        "SELECT location_id, uid, uid_validity, missing_since, message_id FROM location WHERE folder_id = ? AND uid > 0",
        (folder_id,),
    ):
        is_current = row[2] == uid_validity
        if is_current and (row[1] in there or (row[1] not in asked and not row[3])):
            continue
        (gone if row[3] else missed).append((int(row[0]), MessageId(row[4])))
    _leave(tx, account_id, folder_id, missed, gone, now)
    return len(missed)


def drop_unconfirmed(tx: Transaction, account_id: MailAccountId, folder_id: FolderId, *, now: float) -> None:
    """Called after a complete look at a folder: what a finished move promised and two looks did not show goes."""
    missed: list[tuple[int, MessageId]] = []
    gone: list[tuple[int, MessageId]] = []
    for row in tx.rows(
        "SELECT location_id, missing_since, message_id FROM location WHERE folder_id = ? AND uid < 0 AND NOT EXISTS "
        "(SELECT 1 FROM wanted_folder w WHERE w.message_id = location.message_id)",
        (folder_id,),
    ):
        (gone if row[1] else missed).append((int(row[0]), MessageId(row[2])))
    _leave(tx, account_id, folder_id, missed, gone, now)


def _leave(
    tx: Transaction, account_id: MailAccountId, folder_id: FolderId, missed: list[tuple[int, MessageId]],
    gone: list[tuple[int, MessageId]], now: float,
) -> None:  # fmt: skip
    tx.execute_many(
        "UPDATE location SET missing_since = ? WHERE location_id = ?", [(now, place) for place, _ in missed]
    )
    apply_wishes(tx, [message_id for _, message_id in missed])
    remove(tx, gone, now=now)
    left = tuple(message_id for _, message_id in (*missed, *gone))
    if left:
        tx.publish(MessagesRemoved(folder_id, left), FoldersChanged(account_id))


def return_present(
    tx: Transaction, account_id: MailAccountId, folder_id: FolderId, uid_validity: int, present: Collection[int]
) -> list[MessageId]:
    """Messages that were missing and are on the server's list again come back to the folder's list."""
    there = set(present)
    back = [
        (int(row[0]), MessageId(row[2]))
        for row in tx.rows(
            "SELECT location_id, uid, message_id FROM location WHERE folder_id = ? AND uid_validity = ? AND missing_since <> 0",
            (folder_id, uid_validity),
        )
        if row[1] in there
    ]
    tx.execute_many("UPDATE location SET missing_since = 0 WHERE location_id = ?", [(place,) for place, _ in back])
    ids = [message_id for _, message_id in back]
    apply_wishes(tx, ids)
    if ids:
        tx.publish(MessagesStored(folder_id, tuple(ids)), FoldersChanged(account_id))
    return ids


def remove(tx: Transaction, gone: Iterable[tuple[int, MessageId]], *, now: float) -> None:
    """Delete locations (id, message); a message without any becomes an orphan (`app.store.removal`)."""
    gone = list(gone)
    tx.execute_many("DELETE FROM location WHERE location_id = ?", [(location_id,) for location_id, _ in gone])
    tx.execute_many(
        "UPDATE message SET orphaned_since = ? WHERE message_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM location l WHERE l.message_id = message.message_id)",
        [(now, message_id) for _, message_id in gone],
    )


def apply_wishes(tx: Transaction, message_ids: Sequence[MessageId]) -> None:
    """Work out what the user sees of all locations of these messages, from the server's word and the wishes under way."""
    if not message_ids:
        return
    chosen = (json.dumps(sorted(set(message_ids))),)
    flags_wanted: dict[int, list[tuple[str, bool]]] = {}
    for row in tx.rows(
        "SELECT message_id, flag, is_on FROM wanted_flag WHERE message_id IN (SELECT value FROM json_each(?))", chosen
    ):
        flags_wanted.setdefault(int(row[0]), []).append((str(row[1]), bool(row[2])))
    moves = {
        int(row[0]): (int(row[1]), int(row[2]))
        for row in tx.rows(
            "SELECT message_id, folder_id, source_folder_id FROM wanted_folder WHERE message_id IN (SELECT value FROM json_each(?))",
            chosen,
        )
    }
    updates: list[tuple[str, int, int, int]] = []
    for row in tx.rows(
        "SELECT location_id, message_id, folder_id, server_flags, missing_since, flags, is_unread, is_shown FROM location "
        "WHERE message_id IN (SELECT value FROM json_each(?))",
        chosen,
    ):
        flags = set(str(row[3]).split())
        for flag, is_on in flags_wanted.get(row[1], ()):
            (flags.add if is_on else flags.discard)(flag)
        target, source = moves.get(row[1], (-1, -1))
        is_left = row[2] == source and target != source
        is_shown = row[4] == 0 and Flag.DELETED not in flags and not is_left
        seen = (joined(flags), int(Flag.SEEN not in flags), int(is_shown))
        if seen != (row[5], row[6], row[7]):
            updates.append((*seen, int(row[0])))
    tx.execute_many("UPDATE location SET flags = ?, is_unread = ?, is_shown = ? WHERE location_id = ?", updates)


def joined(flags: Collection[str]) -> str:
    r"""Flags as a column holds them. \Recent says nothing about the message and is left out."""
    return " ".join(sorted(str(flag) for flag in flags if flag != "\\Recent"))


def _place(row: Row) -> Place:
    return Place(
        int(row[0]),
        MessageId(row[1]),
        FolderId(row[2]),
        int(row[3]),
        int(row[4]),
        float(row[5]),
        frozenset(str(row[6]).split()),
    )
