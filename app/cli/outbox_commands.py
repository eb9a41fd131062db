"""``outbox list | show | run | retry | discard``."""

from __future__ import annotations

from typing import Any

from app.bootstrap import Services
from app.cli.call import Call
from app.cli.output import DONE, REFUSED, Answer, local_time, plain, table
from app.errors import RecordNotFound, ValidationFailed
from app.model.ids import OperationId
from app.model.operation import Operation, OperationState

SHORTEST_KEY = 4


def register(commands: Any, add: Any) -> None:
    """Declare the commands."""
    group = add(commands, "outbox", "changes on their way to mail servers and Salesforce").add_subparsers(
        metavar="COMMAND", required=True
    )
    listing = add(group, "list", "what waits, and what failed", list_operations)
    listing.add_argument("--all", action="store_true", help="what is done or given up, too")
    show = add(group, "show", "one operation, and what exactly it will send", show_operation)
    retry = add(group, "retry", "try again what failed", retry_operation)
    discard = add(group, "discard", "give an operation up", discard_operation)
    discard.add_argument("--with-dependants", action="store_true", help="and those that wait for it")
    for parser in (show, retry, discard):
        parser.add_argument("operation", help="its id, or the beginning of it")
    add(group, "run", "send everything that is due, then stop", run_outbox)


async def list_operations(call: Call) -> Answer:
    """Operations, oldest first."""
    operations = await call.services.outbox.list(include_closed=call.args.all)
    return Answer(
        {"operations": [operation_document(one) for one in operations]},
        _operation_lines(operations) or ["nothing waits"],
    )


async def show_operation(call: Call) -> Answer:
    """One operation in full."""
    operation = await _find(call.services, call.args.operation)
    described = await call.services.outbox.describe(operation.operation_id)
    dependants = await call.services.outbox.dependants(operation.operation_id)
    document = operation_document(operation) | {
        "sends": [{"name": name, "value": value} for name, value in described],
        "dependants": [one.operation_id for one in dependants],
    }
    lines = _operation_lines([operation])
    if operation.error_text:
        lines.append(f"Refused: {plain(operation.error_text)}")
    lines += table((f"{name}:", value) for name, value in described)
    lines += [f"waiting for it: {one.operation_id[:8]} {plain(one.title)}" for one in dependants]
    return Answer(document, lines)


async def run_outbox(call: Call) -> Answer:
    """Send what is due."""
    before = {one.operation_id for one in await call.services.outbox.list()}
    count = await call.services.replayer.run_once(at_once=True)
    after = await call.services.outbox.list(include_closed=True)
    touched = [one for one in after if one.operation_id in before]
    counts = await call.services.outbox.counts()
    document = {
        "attempts": count,
        "operations": [operation_document(one) for one in touched],
        "open": counts.open,
        "failed": counts.failed,
    }
    lines = [*_operation_lines(touched), f"{counts.open} waiting, {counts.failed} failed"]
    has_failed = any(one.state is OperationState.FAILED for one in touched)
    return Answer(document, lines, code=REFUSED if has_failed else DONE)


async def retry_operation(call: Call) -> Answer:
    """Let a failed operation wait again."""
    operation = await _find(call.services, call.args.operation)
    await call.services.outbox.retry(operation.operation_id)
    return await _state_of(call.services, operation.operation_id)


async def discard_operation(call: Call) -> Answer:
    """Give an operation up."""
    operation = await _find(call.services, call.args.operation)
    await call.services.outbox.discard(operation.operation_id, with_dependants=call.args.with_dependants)
    return await _state_of(call.services, operation.operation_id)


async def queued(
    services: Services, operation_id: OperationId, *, send_now: bool, extra: dict[str, Any] | None = None
) -> Answer:
    """The answer of a command that queued an operation; ``send_now`` sends what is due first."""
    if send_now:
        await services.replayer.run_once(at_once=True)
    return await _state_of(services, operation_id, extra)


async def _state_of(services: Services, operation_id: OperationId, extra: dict[str, Any] | None = None) -> Answer:
    operation = await services.outbox.get(operation_id)
    if operation is None:
        raise RecordNotFound("the operation is gone", code="no_such_operation")
    lines = _operation_lines([operation])
    if operation.error_text:
        lines.append(f"Refused: {plain(operation.error_text)}")
    code = REFUSED if operation.state is OperationState.FAILED else DONE
    return Answer(operation_document(operation) | (extra or {}), lines, code=code)


async def _find(services: Services, key: str) -> Operation:
    found = [one for one in await services.outbox.list(include_closed=True) if one.operation_id.startswith(key.lower())]
    if len(key) < SHORTEST_KEY or not found:
        raise RecordNotFound(f"there is no operation {key}", code="no_such_operation")
    if len(found) > 1:
        raise ValidationFailed(f"several operations begin with {key}", code="several_operations")
    return found[0]


def operation_document(operation: Operation) -> dict[str, Any]:
    """An operation as JSON, without its payload (`outbox show` tells what it sends)."""
    return {
        "operation": operation.operation_id,
        "kind": str(operation.kind),
        "account": operation.account,
        "title": operation.title,
        "state": str(operation.state),
        "attempts": operation.attempts,
        "created_at": operation.created_at,
        "not_before": operation.not_before,
        "depends_on": list(operation.depends_on),
        "waits_for": list(operation.waits_for),
        "error_code": operation.error_code,
        "error_text": operation.error_text,
        "error_fields": list(operation.error_fields),
        "result": operation.result,
    }


def _operation_lines(operations: list[Operation]) -> list[str]:
    return table(
        (
            one.operation_id[:8],
            str(one.state),
            f"{one.attempts} tries",
            local_time(one.created_at),
            one.account,
            one.title + (" (waits for another)" if one.waits_for else ""),
        )
        for one in operations
    )
