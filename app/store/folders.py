"""Folders and how far each of them is known. Times are epoch seconds, 0 for never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.events import FoldersChanged, MessagesRemoved
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Folder, FolderRole
from app.store.database import Reader, Row, Transaction

_STATE = """
    SELECT folder_id, account_id, path, delimiter, role, is_selectable, is_on_server, uid_validity, uid_next,
        highest_mod_seq, server_total, first_sync_uid, synced_at
    FROM folder
"""
_ROLE_ORDER = (
    FolderRole.INBOX,
    FolderRole.DRAFTS,
    FolderRole.SENT,
    FolderRole.ARCHIVE,
    FolderRole.JUNK,
    FolderRole.TRASH,
)


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """A folder as a server listed it; ``path`` is decoded, ``delimiter`` "" where the server has no hierarchy."""

    path: str
    delimiter: str
    role: FolderRole
    is_selectable: bool

    @property
    def name(self) -> str:
        """The last step of the path."""
        return self.path.rsplit(self.delimiter, 1)[-1] if self.delimiter else self.path


@dataclass(frozen=True, slots=True)
class FolderState:
    """What the sync engine knows of a folder.

    ``first_sync_uid``: headers of this UID and above are stored; 0 before the first chunk, 1 when all are.
    ``server_total`` is None before the first look; ``highest_mod_seq`` is 0 where the server has no CONDSTORE.
    """

    folder_id: FolderId
    account_id: MailAccountId
    path: str
    delimiter: str
    role: FolderRole
    is_selectable: bool
    is_on_server: bool
    uid_validity: int
    uid_next: int
    highest_mod_seq: int
    server_total: int | None
    first_sync_uid: int
    synced_at: float

    @property
    def is_header_sync_done(self) -> bool:
        """Whether the first look at all headers is over."""
        return self.first_sync_uid == 1


def all_folders(reader: Reader, account_id: MailAccountId | None = None) -> list[Folder]:
    """Folders with their counts, accounts in order of adding, each with its special folders first, then by path."""
    rows = reader.rows(
        "SELECT f.folder_id, f.account_id, f.path, f.name, f.delimiter, f.role, f.is_selectable, "
        "coalesce(s.unread, 0), coalesce(s.total, 0), f.server_total FROM folder f LEFT JOIN "
        "(SELECT folder_id, sum(unread) AS unread, sum(total) AS total FROM folder_span GROUP BY folder_id) s "
        "ON s.folder_id = f.folder_id WHERE f.missing_since = 0 AND (?1 IS NULL OR f.account_id = ?1)",
        (account_id,),
    )
    folders = [
        Folder(
            FolderId(row[0]),
            MailAccountId(row[1]),
            str(row[2]),
            str(row[3]),
            str(row[4]),
            FolderRole(row[5]),
            bool(row[6]),
            int(row[7]),
            int(row[8]),
            None if row[9] < 0 else int(row[9]),
        )
        for row in rows
    ]
    return sorted(folders, key=lambda f: (f.account_id, _role_rank(f.role), f.path.casefold(), f.path))


def states(reader: Reader, account_id: MailAccountId) -> list[FolderState]:
    """The folders of an account that are on the server and can be opened; the inbox first, then by role and path."""
    found = [
        _state(row)
        for row in reader.rows(
            f"{_STATE} WHERE account_id = ? AND is_selectable = 1 AND is_on_server = 1 AND missing_since = 0",
            (account_id,),
        )
    ]
    return sorted(found, key=lambda state: (_role_rank(state.role), state.path.casefold(), state.path))


def state(reader: Reader, folder_id: FolderId) -> FolderState | None:
    """One folder, or None."""
    row = reader.row(f"{_STATE} WHERE folder_id = ?", (folder_id,))
    return None if row is None else _state(row)


def by_role(reader: Reader, account_id: MailAccountId, role: FolderRole) -> FolderState | None:
    """The account's folder for a special use; the shortest path where there are several."""
    row = reader.row(
        f"{_STATE} WHERE account_id = ? AND role = ? AND missing_since = 0 AND is_selectable = 1 "
        "ORDER BY is_on_server DESC, length(path), path LIMIT 1",
        (account_id, role.value),
    )
    return None if row is None else _state(row)


def by_path(reader: Reader, account_id: MailAccountId, path: str) -> FolderState | None:
    """The account's folder of that path, or None."""
    row = reader.row(f"{_STATE} WHERE account_id = ? AND path = ?", (account_id, path))
    return None if row is None else _state(row)


def inboxes(reader: Reader) -> list[FolderId]:
    """The inbox of every account: what the unified inbox is made of."""
    rows = reader.rows("SELECT folder_id FROM folder WHERE role = 'inbox' AND missing_since = 0 ORDER BY folder_id")
    return [FolderId(row[0]) for row in rows]


def make_local(tx: Transaction, account_id: MailAccountId, role: FolderRole, path: str, delimiter: str) -> FolderId:
    """A folder that is not on the server yet; the first operation that needs it creates it there."""
    existing = by_path(tx, account_id, path)
    if existing is not None:
        tx.execute("UPDATE folder SET role = ?, missing_since = 0 WHERE folder_id = ?", (role, existing.folder_id))
        return existing.folder_id
    name = FolderSeen(path, delimiter, role, True).name
    made = tx.insert(
        "INSERT INTO folder (account_id, path, name, delimiter, role, is_on_server) VALUES (?, ?, ?, ?, ?, 0)",
        (account_id, path, name, delimiter, role.value),
    )
    tx.publish(FoldersChanged(account_id))
    return FolderId(made)


def mark_on_server(tx: Transaction, folder_id: FolderId) -> None:
    """The folder was created on the server."""
    tx.execute("UPDATE folder SET is_on_server = 1 WHERE folder_id = ?", (folder_id,))


def reconcile(tx: Transaction, account_id: MailAccountId, seen: Sequence[FolderSeen], *, now: float) -> None:
    """Bring the folder table to what the server listed.

    A folder that is not listed is hidden; when the next listing agrees it goes, with its locations (its messages stay while
    they are anywhere else, and `app.store.removal` decides about the rest). An empty listing changes nothing: no account
    is without an inbox.
    """
    if not seen:
        return
    known = {
        str(row[0]): row
        for row in tx.rows(
            "SELECT path, folder_id, delimiter, role, is_selectable, is_on_server, missing_since FROM folder "
            "WHERE account_id = ?",
            (account_id,),
        )
    }
    changed = False
    for folder in seen:
        row = known.pop(folder.path, None)
        values = (folder.delimiter, folder.role.value, int(folder.is_selectable))
        if row is None:
            tx.execute(
                "INSERT INTO folder (account_id, path, name, delimiter, role, is_selectable) VALUES (?, ?, ?, ?, ?, ?)",
                (account_id, folder.path, folder.name, *values),
            )
            changed = True
        elif (row[2], row[3], row[4]) != values or not row[5] or row[6]:
            tx.execute(
                "UPDATE folder SET delimiter = ?, role = ?, is_selectable = ?, is_on_server = 1, missing_since = 0 "
                "WHERE folder_id = ?",
                (*values, row[1]),
            )
            changed = True
    for row in known.values():
        if not row[5]:
            continue
        changed = True
        if row[6]:
            _remove(tx, FolderId(row[1]), now)
        else:
            tx.execute("UPDATE folder SET missing_since = ? WHERE folder_id = ?", (now, row[1]))
    if changed:
        tx.publish(FoldersChanged(account_id))


def begin_validity(tx: Transaction, folder_id: FolderId, uid_validity: int) -> None:
    """Start a folder's numbering anew (first look, or UIDVALIDITY changed). Its old locations stay until they are found again."""
    tx.execute(
        "UPDATE folder SET uid_validity = ?, uid_next = 0, highest_mod_seq = 0, first_sync_uid = 0 WHERE folder_id = ?",
        (uid_validity, folder_id),
    )


def save_progress(
    tx: Transaction,
    folder_id: FolderId,
    *,
    uid_next: int | None = None,
    highest_mod_seq: int | None = None,
    server_total: int | None = None,
    first_sync_uid: int | None = None,
    synced_at: float | None = None,
) -> None:
    """Write what is given. Call it in the transaction of the rows that the numbers cover, after them."""
    tx.execute(
        "UPDATE folder SET uid_next = coalesce(?, uid_next), highest_mod_seq = coalesce(?, highest_mod_seq), "
        "server_total = coalesce(?, server_total), first_sync_uid = coalesce(?, first_sync_uid), "
        "synced_at = coalesce(?, synced_at) WHERE folder_id = ?",
        (uid_next, highest_mod_seq, server_total, first_sync_uid, synced_at, folder_id),
    )


def _remove(tx: Transaction, folder_id: FolderId, now: float) -> None:
    ids = tuple(
        MessageId(row[0]) for row in tx.rows("SELECT message_id FROM location WHERE folder_id = ?", (folder_id,))
    )
    tx.execute("DELETE FROM location WHERE folder_id = ?", (folder_id,))
    tx.execute("DELETE FROM folder WHERE folder_id = ?", (folder_id,))
    tx.execute_many(
        "UPDATE message SET orphaned_since = ? WHERE message_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM location l WHERE l.message_id = message.message_id)",
        [(now, message_id) for message_id in ids],
    )
    tx.publish(MessagesRemoved(folder_id, ids))


def _role_rank(role: FolderRole) -> int:
    return _ROLE_ORDER.index(role) if role in _ROLE_ORDER else len(_ROLE_ORDER)


def _state(row: Row) -> FolderState:
    return FolderState(
        FolderId(row[0]),
        MailAccountId(row[1]),
        str(row[2]),
        str(row[3]),
        FolderRole(row[4]),
        bool(row[5]),
        bool(row[6]),
        int(row[7]),
        int(row[8]),
        int(row[9]),
        None if row[10] < 0 else int(row[10]),
        int(row[11]),
        float(row[12]),
    )
