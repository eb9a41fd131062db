"""The message list: rows, counts and row numbers of a folder or of the unified inbox, fast at a million messages.

`folder_span` counts the listed messages of each span of twelve days, so a row number is found by adding up spans and then stepping
inside one: no query walks the list from its start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Address, MessageRow
from app.store import folders, operations
from app.store.database import Reader, Row

_SPAN_BITS = 40
_COLUMNS = (
    "m.message_id, m.account_id, l.folder_id, m.sender_name, m.sender_address, m.recipients, m.subject, m.snippet, m.date, "
    "l.flags, m.has_attachments, m.size"
)
_LOG_ORDER = ("failed", "sending", "queued", "logged")


def count(reader: Reader, folder_id: FolderId | None, *, unread_only: bool = False) -> int:
    """How many rows the list has; None: the unified inbox."""
    row = reader.row(
        f"SELECT sum({'unread' if unread_only else 'total'}) FROM folder_span "
        "WHERE folder_id IN (SELECT value FROM json_each(?))",
        (_chosen(reader, folder_id),),
    )
    return int(row[0] or 0) if row else 0


def rows(
    reader: Reader, folder_id: FolderId | None, *, offset: int, limit: int, unread_only: bool = False
) -> list[MessageRow]:
    """Rows ``offset`` to ``offset + limit``, newest first."""
    listed = _listed(reader, folder_id)
    column, narrowed = ("unread", " AND is_unread = 1") if unread_only else ("total", "")
    newest, left = _start(reader, json.dumps(listed), column, max(0, offset))
    if newest is None:
        return []
    # Each folder's part is read from its own index, newest first, and no further than this page can reach.
    part = (
        "SELECT * FROM (SELECT location_id, message_id FROM location WHERE folder_id = ? AND is_shown = 1"
        f"{narrowed} AND message_id < ? ORDER BY message_id DESC LIMIT ?)"
    )
    page = f"SELECT location_id FROM ({' UNION ALL '.join([part] * len(listed))}) ORDER BY message_id DESC LIMIT ? OFFSET ?"
    parameters = [value for listed_id in listed for value in (listed_id, newest, left + limit)]
    found = reader.rows(
        f"SELECT {_COLUMNS} FROM location l JOIN message m ON m.message_id = l.message_id "
        f"WHERE l.location_id IN ({page}) ORDER BY l.message_id DESC",
        (*parameters, limit, left),
    )
    return _with_marks(reader, found)


def row(reader: Reader, message_id: MessageId) -> MessageRow | None:
    """One message where it is shown; where it is in several folders, the inbox first. None when it is nowhere."""
    return next(iter(rows_of(reader, [message_id])), None)


def rows_of(reader: Reader, message_ids: Sequence[MessageId]) -> list[MessageRow]:
    """These messages in the order asked for; those that no folder shows are left out."""
    found = reader.rows(
        f"SELECT {_COLUMNS} FROM location l JOIN message m ON m.message_id = l.message_id "
        "JOIN folder f ON f.folder_id = l.folder_id "
        "WHERE l.is_shown = 1 AND l.message_id IN (SELECT value FROM json_each(?)) "
        "ORDER BY f.role <> 'inbox', l.uid < 0, l.location_id",
        (json.dumps(list(message_ids)),),
    )
    first: dict[int, Row] = {}
    for entry in found:
        first.setdefault(int(entry[0]), entry)
    return _with_marks(reader, [first[message_id] for message_id in message_ids if message_id in first])


def position(reader: Reader, folder_id: FolderId | None, message_id: MessageId) -> int | None:
    """The row number of a message in a list, None when the list does not show it."""
    chosen = _chosen(reader, folder_id)
    shown = reader.row(
        "SELECT 1 FROM location WHERE message_id = ? AND is_shown = 1 AND folder_id IN (SELECT value FROM json_each(?))",
        (message_id, chosen),
    )
    if shown is None:
        return None
    span = message_id >> _SPAN_BITS
    above = reader.row(
        "SELECT coalesce(sum(total), 0) FROM folder_span WHERE span > ? AND folder_id IN (SELECT value FROM json_each(?))",
        (span, chosen),
    )
    within = reader.row(
        "SELECT count(*) FROM location WHERE is_shown = 1 AND folder_id IN (SELECT value FROM json_each(?)) "
        "AND message_id > ? AND message_id < ?",
        (chosen, message_id, (span + 1) << _SPAN_BITS),
    )
    assert above is not None
    assert within is not None
    return int(above[0]) + int(within[0])


def _chosen(reader: Reader, folder_id: FolderId | None) -> str:
    return json.dumps(_listed(reader, folder_id))


def _listed(reader: Reader, folder_id: FolderId | None) -> list[FolderId]:
    return [folder_id] if folder_id is not None else folders.inboxes(reader)


def _start(reader: Reader, chosen: str, column: str, offset: int) -> tuple[int | None, int]:
    # The first message id above the span that holds row number ``offset``, and how many rows of it to step over.
    for span, in_span in reader.each(
        f"SELECT span, sum({column}) FROM folder_span WHERE folder_id IN (SELECT value FROM json_each(?)) "
        "GROUP BY span ORDER BY span DESC",
        (chosen,),
    ):
        if offset < in_span:
            return (int(span) + 1) << _SPAN_BITS, offset
        offset -= int(in_span)
    return None, 0


def _with_marks(reader: Reader, found: Sequence[Row]) -> list[MessageRow]:
    ids = [MessageId(entry[0]) for entry in found]
    if not ids:
        return []
    pending = operations.youngest_states(reader, ids)
    logged = _log_marks(reader, ids)
    return [
        MessageRow(
            message_id=MessageId(entry[0]),
            account_id=MailAccountId(entry[1]),
            folder_id=FolderId(entry[2]),
            sender=Address(str(entry[3]), str(entry[4])),
            recipients=str(entry[5]),
            subject=str(entry[6]),
            snippet=str(entry[7]),
            date=int(entry[8]),
            flags=frozenset(str(entry[9]).split()),
            has_attachments=bool(entry[10]),
            size=int(entry[11]),
            pending=pending.get(MessageId(entry[0]), ""),
            logged=logged.get(MessageId(entry[0]), ""),
        )
        for entry in found
    ]


def _log_marks(reader: Reader, ids: Sequence[MessageId]) -> dict[MessageId, str]:
    # Several logins may have logged it: what needs a person's eye wins.
    marks: dict[MessageId, str] = {}
    for message_id, state, is_sending in reader.rows(
        "SELECT r.message_id, r.state, EXISTS (SELECT 1 FROM operation o WHERE o.operation_id = r.operation_id "
        "AND o.state IN ('sending', 'checking')) FROM log_result r WHERE r.message_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    ):
        mark = "sending" if state == "queued" and is_sending else str(state)
        before = marks.get(MessageId(message_id))
        if mark in _LOG_ORDER and (before is None or _LOG_ORDER.index(mark) < _LOG_ORDER.index(before)):
            marks[MessageId(message_id)] = mark
    return marks
