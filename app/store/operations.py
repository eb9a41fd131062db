"""Rows of the operation queue and what they wait for. Times are wall-clock epoch seconds, 0 for never."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from app.events import OperationChanged
from app.model.crm import JsonObject
from app.model.ids import MessageId, OperationId
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.store.database import Reader, Row, Transaction

_SELECT = """
    SELECT o.operation_id, o.seq, o.kind, o.account, o.owner, o.target, o.title, o.payload, o.state, o.attempts,
        o.created_at, o.first_sent_at, o.last_sent_at, o.in_doubt_since, o.not_before, o.error_code, o.error_text,
        o.error_fields, o.result, o.subject_message, o.subject_record,
        (SELECT json_group_array(d.needs) FROM operation_dependency d WHERE d.operation_id = o.operation_id),
        (SELECT json_group_array(d.needs) FROM operation_dependency d
            JOIN operation p ON p.operation_id = d.needs
            WHERE d.operation_id = o.operation_id AND p.state NOT IN ('done', 'superseded'))
    FROM operation o
"""

_DEPENDANTS = f"""
    WITH RECURSIVE below (operation_id) AS (
        SELECT operation_id FROM operation_dependency WHERE needs = ?
        UNION
        SELECT d.operation_id FROM operation_dependency d JOIN below b ON b.operation_id = d.needs
    )
    {_SELECT}
    WHERE o.operation_id IN (SELECT operation_id FROM below) AND o.state NOT IN ('done', 'discarded', 'superseded')
    ORDER BY o.seq
"""

# The partial indexes of 0003_operations.sql serve these conditions only as long as they are written in the same words.
_HEADS = """
    WITH RECURSIVE stuck (operation_id) AS (
        SELECT d.operation_id FROM operation_dependency d JOIN operation p ON p.operation_id = d.needs
            WHERE p.state IN ('failed', 'paused', 'discarded')
        UNION
        SELECT d.operation_id FROM operation_dependency d JOIN stuck s ON s.operation_id = d.needs
    ),
    moving AS (
        SELECT operation_id, seq, account, target, kind, state, not_before, in_doubt_since, error_code,
            row_number() OVER (PARTITION BY account, target ORDER BY seq) AS place
        FROM operation
        WHERE state IN ('pending', 'sending', 'checking') AND operation_id NOT IN (SELECT operation_id FROM stuck)
    )
    SELECT m.operation_id, m.seq, m.account, m.kind, m.state, m.not_before, m.in_doubt_since, m.error_code
    FROM moving m
    WHERE m.place = 1 AND m.state <> 'sending' AND NOT EXISTS (
        SELECT 1 FROM operation_dependency d JOIN operation p ON p.operation_id = d.needs
        WHERE d.operation_id = m.operation_id AND p.state NOT IN ('done', 'superseded'))
    ORDER BY m.seq
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The operation whose turn it is in its target, with no dependency left; it may still have to wait for ``not_before``."""

    operation_id: OperationId
    seq: int
    account: str
    kind: OperationKind
    state: OperationState
    not_before: float
    in_doubt_since: float
    error_code: str


def insert(
    tx: Transaction, new: NewOperation, operation_id: OperationId, *, now: float, state: OperationState
) -> Operation:
    """Queue an operation in ``state`` and publish it. The dependencies must be rows already."""
    tx.insert(
        "INSERT INTO operation (operation_id, kind, account, owner, target, title, payload, state, created_at, "
        "subject_message, subject_record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            operation_id,
            new.kind.value,
            new.account,
            new.owner,
            new.target,
            new.title,
            json.dumps(new.payload, ensure_ascii=False),
            state.value,
            now,
            new.subject_message or 0,
            new.subject_record,
        ),
    )
    tx.execute_many(
        "INSERT INTO operation_dependency (operation_id, needs) VALUES (?, ?)",
        [(operation_id, needed) for needed in dict.fromkeys(new.depends_on)],
    )
    operation = get(tx, operation_id)
    assert operation is not None
    tx.publish(_changed(operation))
    return operation


def get(reader: Reader, operation_id: OperationId) -> Operation | None:
    """The operation, or None."""
    row = reader.row(f"{_SELECT} WHERE o.operation_id = ?", (operation_id,))
    return None if row is None else _operation(row)


def unfinished(reader: Reader) -> list[Operation]:
    """What still moves, is paused, or waits for a person's decision; oldest first."""
    where = "WHERE o.state NOT IN ('done', 'discarded', 'superseded') ORDER BY o.seq"
    return [_operation(row) for row in reader.rows(f"{_SELECT} {where}")]


def everything(reader: Reader) -> list[Operation]:
    """All rows that are kept, closed ones included; oldest first."""
    return [_operation(row) for row in reader.rows(f"{_SELECT} ORDER BY o.seq")]


def of_message(reader: Reader, message_id: MessageId) -> list[Operation]:
    """Unfinished operations that concern a message; oldest first."""
    where = "WHERE o.subject_message = ? AND o.subject_message <> 0 ORDER BY o.seq"
    found = [_operation(row) for row in reader.rows(f"{_SELECT} {where}", (message_id,))]
    return [operation for operation in found if operation.state.is_open or operation.state is OperationState.FAILED]


def done_of_message(reader: Reader, message_id: MessageId, *, limit: int) -> list[Operation]:
    """The last operations on a message that are done, for as long as they are kept; oldest first."""
    where = "WHERE o.subject_message = ? AND o.subject_message <> 0 AND o.state = 'done' ORDER BY o.seq DESC LIMIT ?"
    return [_operation(row) for row in reader.rows(f"{_SELECT} {where}", (message_id, limit))][::-1]


def of_record(reader: Reader, record_id: str) -> list[Operation]:
    """Unfinished operations that concern a Salesforce record or its ``local:`` stand-in; oldest first."""
    where = "WHERE o.subject_record = ? AND o.subject_record <> '' ORDER BY o.seq"
    found = [_operation(row) for row in reader.rows(f"{_SELECT} {where}", (record_id,))]
    return [operation for operation in found if operation.state.is_open or operation.state is OperationState.FAILED]


def youngest_states(reader: Reader, message_ids: Sequence[MessageId]) -> dict[MessageId, str]:
    """The state of the youngest unfinished operation of each message that has one."""
    rows = reader.rows(
        "SELECT subject_message, state FROM operation WHERE subject_message IN (SELECT value FROM json_each(?)) "
        "AND subject_message <> 0 AND state NOT IN ('done', 'discarded', 'superseded') ORDER BY seq",
        (json.dumps(list(message_ids)),),
    )
    return {MessageId(row[0]): str(row[1]) for row in rows}


def dependants(reader: Reader, operation_id: OperationId) -> list[Operation]:
    """Unfinished operations that wait for this one, directly or through others; oldest first."""
    return [_operation(row) for row in reader.rows(_DEPENDANTS, (operation_id,))]


def counts(reader: Reader) -> dict[OperationState, int]:
    """How many unfinished operations are in each state; upkeep (`OperationKind.is_upkeep`) counts only where it failed."""
    upkeep = [kind.value for kind in OperationKind if kind.is_upkeep]
    rows = reader.rows(
        "SELECT state, count(*) FROM operation WHERE state NOT IN ('done', 'discarded', 'superseded') "
        "AND (state = 'failed' OR kind NOT IN (SELECT value FROM json_each(?))) GROUP BY state",
        (json.dumps(upkeep),),
    )
    return {OperationState(row[0]): int(row[1]) for row in rows}


def heads(reader: Reader) -> list[Head]:
    """The operations whose turn it is: the first moving one of each target whose dependencies are done; oldest first.

    An operation that waits for a failed, paused or discarded one does not hold up its target.
    """
    return [
        Head(
            OperationId(row[0]),
            int(row[1]),
            str(row[2]),
            OperationKind(row[3]),
            OperationState(row[4]),
            float(row[5]),
            float(row[6]),
            str(row[7]),
        )
        for row in reader.rows(_HEADS)
    ]


def is_head(reader: Reader, operation_id: OperationId) -> bool:
    """Whether it is (still) the operation's turn: no earlier one of its target moves, no dependency is left."""
    row = reader.row(
        "SELECT 1 FROM operation o WHERE o.operation_id = ? AND o.state IN ('pending', 'checking') "
        "AND NOT EXISTS (SELECT 1 FROM operation e WHERE e.account = o.account AND e.target = o.target "
        "AND e.seq < o.seq AND e.state IN ('sending', 'checking')) "
        "AND NOT EXISTS (SELECT 1 FROM operation_dependency d JOIN operation p ON p.operation_id = d.needs "
        "WHERE d.operation_id = o.operation_id AND p.state NOT IN ('done', 'superseded'))",
        (operation_id,),
    )
    return row is not None


def results(reader: Reader, operation: Operation) -> dict[OperationId, JsonObject]:
    """The results of the operations that this one depends on."""
    return {needed: result_of(reader, needed) for needed in operation.depends_on}


def result_of(reader: Reader, operation_id: OperationId) -> JsonObject:
    """What the server gave for an operation; empty while it is not done."""
    row = reader.row("SELECT result FROM operation WHERE operation_id = ? AND state = 'done'", (operation_id,))
    return {} if row is None else _json_object(row[0])


def save(tx: Transaction, operation: Operation, *, expected: OperationState, now: float) -> bool:
    """Write the changeable columns of a row that is in state ``expected``, and publish its state.

    False, and nothing is written, when the row is in another state by now.
    """
    changed = tx.execute(
        "UPDATE operation SET state = ?, attempts = ?, first_sent_at = ?, last_sent_at = ?, in_doubt_since = ?, "
        "not_before = ?, closed_at = ?, error_code = ?, error_text = ?, error_fields = ?, result = ? "
        "WHERE operation_id = ? AND state = ?",
        (
            operation.state.value,
            operation.attempts,
            operation.first_sent_at,
            operation.last_sent_at,
            operation.in_doubt_since,
            operation.not_before,
            0.0 if operation.state.is_open or operation.state is OperationState.FAILED else now,
            operation.error_code,
            operation.error_text,
            json.dumps(operation.error_fields),
            json.dumps(operation.result, ensure_ascii=False),
            operation.operation_id,
            expected.value,
        ),
    )
    if changed == 0:
        return False
    tx.publish(_changed(operation))
    return True


def supersede(tx: Transaction, operation_id: OperationId, *, by: Operation) -> bool:
    """Close a row that a later operation, ``by``, made needless. False when it was sent already, moves now, or is closed."""
    operation = get(tx, operation_id)
    if operation is None or operation.first_sent_at or operation.in_doubt_since:
        return False
    if operation.state not in (OperationState.PENDING, OperationState.PAUSED):
        return False
    closed = replace(
        operation,
        state=OperationState.SUPERSEDED,
        not_before=0.0,
        error_code="",
        error_text="",
        error_fields=(),
    )
    return save(tx, closed, expected=operation.state, now=by.created_at)


def is_account_paused(reader: Reader, account: str, error_code: str) -> bool:
    """Whether operations of this account are paused for this reason."""
    row = reader.row(
        "SELECT 1 FROM operation WHERE account = ? AND state = 'paused' AND error_code = ? LIMIT 1",
        (account, error_code),
    )
    return row is not None


def pause_account(
    tx: Transaction, account: str, error_code: str, error_text: str, *, spare: Collection[OperationId]
) -> None:
    """Pause what is pending or checking for an account, but for those in ``spare``."""
    _move(
        tx,
        "SELECT operation_id FROM operation WHERE account = ? AND state IN ('pending', 'checking')",
        (account,),
        "UPDATE operation SET state = 'paused', not_before = 0, error_code = ?, error_text = ? WHERE operation_id = ?",
        (error_code, error_text),
        spare,
    )


def resume(tx: Transaction, account: str | None) -> None:
    """Let paused operations move again (of one account, or of all): in doubt to checking, others to pending."""
    chosen = "SELECT operation_id FROM operation WHERE state = 'paused'"
    _move(
        tx,
        chosen if account is None else f"{chosen} AND account = ?",
        () if account is None else (account,),
        "UPDATE operation SET state = CASE WHEN in_doubt_since > 0 THEN 'checking' ELSE 'pending' END, "
        "not_before = 0, error_code = '', error_text = '' WHERE operation_id = ?",
        (),
        (),
    )


def resume_because(tx: Transaction, error_code: str) -> None:
    """Let the operations that are paused for this reason move again, whatever their account."""
    _move(
        tx,
        "SELECT operation_id FROM operation WHERE state = 'paused' AND error_code = ?",
        (error_code,),
        "UPDATE operation SET state = CASE WHEN in_doubt_since > 0 THEN 'checking' ELSE 'pending' END, "
        "not_before = 0, error_code = '', error_text = '' WHERE operation_id = ?",
        (),
        (),
    )


def change_account(tx: Transaction, operation_id: OperationId, account: str) -> None:
    """Bind an operation to another account key of the same owner."""
    tx.execute("UPDATE operation SET account = ? WHERE operation_id = ?", (account, operation_id))


def doubt_interrupted(tx: Transaction, *, now: float, spare: Collection[OperationId]) -> None:
    """Rows that a dead process left in ``sending`` become ``checking``, in doubt since now.

    Their last byte may have left until the moment of the process's end, and nobody noted that moment.
    """
    _move(
        tx,
        "SELECT operation_id FROM operation WHERE state = 'sending'",
        (),
        "UPDATE operation SET state = 'checking', in_doubt_since = ?, not_before = 0, error_code = 'interrupted', "
        "error_text = '' WHERE operation_id = ?",
        (now,),
        spare,
    )


def forget_waits(tx: Transaction, account: str) -> None:
    """Let the operations of an account that wait for a time try at once."""
    _move(
        tx,
        "SELECT operation_id FROM operation WHERE state IN ('pending', 'checking') AND not_before > 0 AND account = ?",
        (account,),
        "UPDATE operation SET not_before = 0 WHERE operation_id = ?",
        (),
        (),
    )


def prune(tx: Transaction, *, closed_before: float) -> int:
    """Delete rows closed before that time which no unfinished operation refers to; how many went."""
    tx.execute(
        "DELETE FROM operation_dependency WHERE operation_id IN "
        "(SELECT operation_id FROM operation WHERE closed_at <> 0 AND closed_at < ?)",
        (closed_before,),
    )
    return tx.execute(
        "DELETE FROM operation WHERE closed_at <> 0 AND closed_at < ? "
        "AND NOT EXISTS (SELECT 1 FROM operation_dependency d WHERE d.needs = operation.operation_id)",
        (closed_before,),
    )


def _move(
    tx: Transaction,
    select: str,
    chosen_by: tuple[object, ...],
    update: str,
    values: tuple[object, ...],
    spare: Collection[OperationId],
) -> None:
    ids = [OperationId(row[0]) for row in tx.rows(select, chosen_by) if row[0] not in spare]
    tx.execute_many(update, [(*values, operation_id) for operation_id in ids])
    for operation_id in ids:
        operation = get(tx, operation_id)
        if operation is not None:
            tx.publish(_changed(operation))


def _changed(operation: Operation) -> OperationChanged:
    return OperationChanged(
        operation.operation_id, operation.state, operation.subject_message, operation.subject_record
    )


def _operation(row: Row) -> Operation:
    return Operation(
        operation_id=OperationId(row[0]),
        seq=int(row[1]),
        kind=OperationKind(row[2]),
        account=str(row[3]),
        owner=str(row[4]),
        target=str(row[5]),
        title=str(row[6]),
        payload=_json_object(row[7]),
        state=OperationState(row[8]),
        attempts=int(row[9]),
        created_at=float(row[10]),
        first_sent_at=float(row[11]),
        last_sent_at=float(row[12]),
        in_doubt_since=float(row[13]),
        not_before=float(row[14]),
        error_code=str(row[15]),
        error_text=str(row[16]),
        error_fields=tuple(_json_list(row[17])),
        result=_json_object(row[18]),
        subject_message=int(row[19]) or None,
        subject_record=str(row[20]),
        depends_on=_ids(_json_list(row[21])),
        waits_for=_ids(_json_list(row[22])),
    )


def _ids(texts: Iterable[str]) -> tuple[OperationId, ...]:
    return tuple(OperationId(text) for text in texts)


def _json_object(text: str) -> JsonObject:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _json_list(text: str) -> list[str]:
    value = json.loads(text)
    return [str(entry) for entry in value] if isinstance(value, list) else []
