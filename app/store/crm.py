"""The Salesforce side of the store: shapes of objects, records acted on, log results, staged files, the ledger. No looked-up record values.

Times are wall-clock epoch seconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.events import MessagesChanged
from app.model.crm import JsonObject
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId
from app.store.database import Reader, Transaction

KNOWN_RECORD_LIFE_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class StoredDescribe:
    """One describe as it was stored. ``body`` is None where the user does not see the object; ``etag`` is the server's validator."""

    etag: str
    body: JsonObject | None
    fetched_at: float


def describe(reader: Reader, login_id: CrmLoginId, object_type: str) -> StoredDescribe | None:
    """The stored describe of an object, None where it was never asked for."""
    row = reader.row(
        "SELECT etag, body, fetched_at FROM describe_cache WHERE login_id = ? AND object_type = ?",
        (login_id, object_type),
    )
    return None if row is None else StoredDescribe(str(row[0]), json.loads(row[1]), float(row[2]))


def keep_describe(tx: Transaction, login_id: CrmLoginId, object_type: str, stored: StoredDescribe) -> None:
    """Keep a describe. Nothing is kept for a login that is gone."""
    tx.execute(
        "INSERT INTO describe_cache (login_id, object_type, etag, body, fetched_at) "
        "SELECT login_id, ?, ?, ?, ? FROM crm_login WHERE login_id = ? "
        "ON CONFLICT (login_id, object_type) DO UPDATE SET etag = excluded.etag, body = excluded.body, fetched_at = excluded.fetched_at",
        (object_type, stored.etag, json.dumps(stored.body), stored.fetched_at, login_id),
    )


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that the user acted on: what makes it a target, and nothing else."""

    record_id: RecordId
    object_type: str
    name: str


def known_records(reader: Reader, login_id: CrmLoginId, *, now: float, limit: int = 200) -> list[KnownRecord]:
    """Records acted on within the last 30 days, the latest first."""
    rows = reader.rows(
        "SELECT record_id, object_type, name FROM known_record WHERE login_id = ? AND expires_at > ? "
        "ORDER BY used_at DESC, record_id LIMIT ?",
        (login_id, now, limit),
    )
    return [KnownRecord(RecordId(row[0]), str(row[1]), str(row[2])) for row in rows]


def keep_known_record(tx: Transaction, login_id: CrmLoginId, record: KnownRecord, *, now: float) -> None:
    """Note that the user acted on a record; what is out of date goes at the same time."""
    tx.execute("DELETE FROM known_record WHERE expires_at <= ?", (now,))
    tx.execute(
        "INSERT INTO known_record (login_id, record_id, object_type, name, used_at, expires_at) "
        "SELECT login_id, ?, ?, ?, ?, ? FROM crm_login WHERE login_id = ? "
        "ON CONFLICT (login_id, record_id) DO UPDATE SET object_type = excluded.object_type, name = excluded.name, "
        "used_at = max(used_at, excluded.used_at), expires_at = max(expires_at, excluded.expires_at)",
        (record.record_id, record.object_type, record.name, now, now + KNOWN_RECORD_LIFE_S, login_id),
    )


def forget_known_record(tx: Transaction, login_id: CrmLoginId, record_id: RecordId) -> None:
    """Forget a record, for example the stand-in of a create that was given up."""
    tx.execute("DELETE FROM known_record WHERE login_id = ? AND record_id = ?", (login_id, record_id))


@dataclass(frozen=True, slots=True)
class LogResult:
    """Where one message was logged, or is to be logged, in one org.

    ``state`` is "queued", "sending", "logged" or "failed"; ``object_type`` and ``record_id`` name the EmailMessage or Task once it is logged.
    ``message_identifier`` is the value of EmailMessage.MessageIdentifier, equal for all copies of a mail.
    """

    message_id: MessageId
    login_id: CrmLoginId
    message_identifier: str
    operation_id: OperationId
    state: str
    object_type: str = ""
    record_id: RecordId = field(default=RecordId(""))
    related_to: RecordId = field(default=RecordId(""))


_SELECT_LOG = """
    SELECT r.message_id, r.login_id, r.message_identifier, r.operation_id,
        CASE WHEN r.state = 'queued' AND o.state IN ('sending', 'checking') THEN 'sending' ELSE r.state END,
        r.object_type, r.record_id, r.related_to
    FROM log_result r LEFT JOIN operation o ON o.operation_id = r.operation_id
"""


def log_results(reader: Reader, message_ids: Sequence[MessageId]) -> list[LogResult]:
    """The log results of messages, in any org."""
    rows = reader.rows(
        f"{_SELECT_LOG} WHERE r.message_id IN (SELECT value FROM json_each(?))", (json.dumps(list(message_ids)),)
    )
    return [_log_result(row) for row in rows]


def log_states(reader: Reader, message_ids: Sequence[MessageId]) -> dict[MessageId, str]:
    """The state that a message shows: of several orgs the one that needs the eye most (failed, sending, queued, logged)."""
    order = ("logged", "queued", "sending", "failed")
    states: dict[MessageId, str] = {}
    for result in log_results(reader, message_ids):
        before = states.get(result.message_id)
        if before is None or order.index(result.state) > order.index(before):
            states[result.message_id] = result.state
    return states


def log_result_of(reader: Reader, login_id: CrmLoginId, message_identifier: str) -> LogResult | None:
    """The log result of a mail in one org, by what all its copies share; a logged one before any other."""
    row = reader.row(
        f"{_SELECT_LOG} WHERE r.login_id = ? AND r.message_identifier = ? AND r.message_identifier <> '' "
        "ORDER BY r.state = 'logged' DESC, r.state = 'queued' DESC LIMIT 1",
        (login_id, message_identifier),
    )
    return None if row is None else _log_result(row)


def keep_log_result(tx: Transaction, result: LogResult, *, now: float) -> None:
    """Note the state of logging a message. Nothing is kept for a login that is gone."""
    tx.execute(
        "INSERT INTO log_result (message_id, login_id, message_identifier, operation_id, state, object_type, record_id, related_to, changed_at) "
        "SELECT ?, login_id, ?, ?, ?, ?, ?, ?, ? FROM crm_login WHERE login_id = ? "
        "ON CONFLICT (message_id, login_id) DO UPDATE SET message_identifier = excluded.message_identifier, "
        "operation_id = excluded.operation_id, state = excluded.state, object_type = excluded.object_type, record_id = excluded.record_id, "
        "related_to = excluded.related_to, changed_at = excluded.changed_at",
        (
            result.message_id,
            result.message_identifier,
            result.operation_id,
            result.state,
            result.object_type,
            result.record_id,
            result.related_to,
            now,
            result.login_id,
        ),
    )
    tx.publish(MessagesChanged((result.message_id,)))


def forget_log_result(tx: Transaction, operation_id: OperationId) -> None:
    """Forget a log that was given up before it took place."""
    for row in tx.rows(
        "SELECT message_id FROM log_result WHERE operation_id = ? AND state <> 'logged'", (operation_id,)
    ):
        tx.publish(MessagesChanged((MessageId(row[0]),)))
    tx.execute("DELETE FROM log_result WHERE operation_id = ? AND state <> 'logged'", (operation_id,))


@dataclass(frozen=True, slots=True)
class StagedFile:
    """Bytes waiting to be uploaded; ``md5`` is the hex digest that Salesforce will show as ContentVersion.Checksum."""

    staged_id: str
    file_name: str
    size: int
    md5: str


def begin_staged_file(tx: Transaction, staged_id: str, file_name: str, *, now: float) -> None:
    """Make room for a file; its chunks follow."""
    tx.execute(
        "INSERT INTO staged_file (staged_id, file_name, staged_at) VALUES (?, ?, ?)", (staged_id, file_name, now)
    )


def add_staged_chunk(tx: Transaction, staged_id: str, number: int, chunk: bytes) -> None:
    """Keep the next piece of a file; ``number`` counts from 0."""
    tx.execute("INSERT INTO staged_chunk (staged_id, number, bytes) VALUES (?, ?, ?)", (staged_id, number, chunk))


def complete_staged_file(tx: Transaction, staged_id: str, size: int, md5: str) -> None:
    """Note that all bytes are in."""
    tx.execute("UPDATE staged_file SET size = ?, md5 = ? WHERE staged_id = ?", (size, md5, staged_id))


def claim_staged_file(tx: Transaction, staged_id: str, operation_id: OperationId) -> None:
    """Bind a file to the operation that will send it, in that operation's transaction."""
    tx.execute("UPDATE staged_file SET operation_id = ? WHERE staged_id = ?", (operation_id, staged_id))


def staged_file(reader: Reader, staged_id: str) -> StagedFile | None:
    """A staged file without its bytes; None where it is gone."""
    row = reader.row(
        "SELECT staged_id, file_name, size, md5 FROM staged_file WHERE staged_id = ? AND md5 <> ''", (staged_id,)
    )
    return None if row is None else StagedFile(str(row[0]), str(row[1]), int(row[2]), str(row[3]))


def staged_chunk(reader: Reader, staged_id: str, number: int) -> bytes:
    """One piece of a staged file; b"" after the last."""
    row = reader.row("SELECT bytes FROM staged_chunk WHERE staged_id = ? AND number = ?", (staged_id, number))
    return b"" if row is None else bytes(row[0])


def drop_staged_file(tx: Transaction, staged_id: str) -> None:
    """Forget a file and its bytes."""
    tx.execute("DELETE FROM staged_file WHERE staged_id = ?", (staged_id,))


def sweep_staged_files(tx: Transaction) -> int:
    """Forget files that never came to belong to an operation, or whose operation is closed; how many. For the start of the program."""
    return tx.execute(
        "DELETE FROM staged_file WHERE operation_id NOT IN "
        "(SELECT operation_id FROM operation WHERE state NOT IN ('done', 'discarded', 'superseded'))"
    )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that left this machine for Salesforce. ``fields`` are API names, never values; ``bytes`` counts a file's content."""

    at: float
    login_id: CrmLoginId
    owner: str
    operation_id: OperationId
    cause: str
    verb: str
    object_type: str
    record_id: str
    fields: tuple[str, ...] = ()
    bytes: int = 0


def add_ledger_entry(tx: Transaction, entry: LedgerEntry) -> None:
    """Append to the ledger."""
    tx.insert(
        "INSERT INTO ledger (at, login_id, owner, operation_id, cause, verb, object_type, record_id, fields, bytes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.at,
            entry.login_id,
            entry.owner,
            entry.operation_id,
            entry.cause,
            entry.verb,
            entry.object_type,
            entry.record_id,
            json.dumps(entry.fields),
            entry.bytes,
        ),
    )


def ledger(reader: Reader, *, limit: int = 1000) -> list[LedgerEntry]:
    """The latest entries, newest first."""
    rows = reader.rows(
        "SELECT at, login_id, owner, operation_id, cause, verb, object_type, record_id, fields, bytes FROM ledger "
        "ORDER BY entry_id DESC LIMIT ?",
        (limit,),
    )
    return [
        LedgerEntry(
            float(row[0]),
            CrmLoginId(row[1]),
            str(row[2]),
            OperationId(row[3]),
            str(row[4]),
            str(row[5]),
            str(row[6]),
            str(row[7]),
            tuple(json.loads(row[8])),
            int(row[9]),
        )
        for row in rows
    ]


def _log_result(row: Sequence[object]) -> LogResult:
    return LogResult(
        message_id=MessageId(int(str(row[0]))),
        login_id=CrmLoginId(int(str(row[1]))),
        message_identifier=str(row[2]),
        operation_id=OperationId(str(row[3])),
        state=str(row[4]),
        object_type=str(row[5]),
        record_id=RecordId(str(row[6])),
        related_to=RecordId(str(row[7])),
    )
