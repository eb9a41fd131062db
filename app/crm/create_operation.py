"""CREATE_RECORD: a Contact or Lead, once; never over the head of a duplicate rule."""

from __future__ import annotations

from collections.abc import Mapping

from app.auth.oauth import is_same_id
from app.crm.operations import Writes, login_id_of, row_id, text
from app.crm.ports import CrmGateway
from app.crm.soql import date_time, field_name, quoted, select
from app.crm.targets import RecordTarget
from app.errors import AppError, DuplicateFound
from app.model.crm import CrmLogin, JsonObject
from app.model.ids import OperationId, RecordId, local_record_id
from app.model.operation import Operation, OperationKind
from app.outbox.handler import Absent, Found, ProbeAnswer, Undecidable
from app.store import crm as store
from app.store.database import Transaction

# A queued create is never forced; the record's details are asked for so that the match can be shown (REST API, "Duplicate Rule Header").
DUPLICATE_RULE = {
    "Sforce-Duplicate-Rule-Header": "allowSave=false; includeRecordDetails=true; runAsCurrentUser=true",
}
_IDENTIFYING = ("Email", "FirstName", "LastName")


class CreateRecord:
    """The handler of CREATE_RECORD.

    Payload: ``object_type``, ``fields`` (texts by API name). Result: ``record_id``, ``object_type``, ``name``.
    """

    kind = OperationKind.CREATE_RECORD

    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """Make the stand-in a target that other operations can name."""
        self._writes.know(tx, operation, _made(operation, local_record_id(operation.operation_id)))

    async def perform(
        self,
        operation: Operation,
        results: Mapping[OperationId, JsonObject],  # noqa: ARG002 - a new record names no other
    ) -> JsonObject:
        """See `OperationHandler.perform`. A duplicate rule that names what an earlier attempt of this operation made is a success."""
        gateway = await self._writes.gateway(operation)
        object_type, fields = _wish(operation)
        try:
            record_id = await gateway.create(object_type, fields, headers=DUPLICATE_RULE)
        except DuplicateFound as error:
            found = await self._own_of(gateway, operation, error)
            if found is None:
                raise
            record_id = found
        self._tell(operation, record_id)
        return _result(operation, record_id)

    async def probe(
        self,
        operation: Operation,
        results: Mapping[OperationId, JsonObject],  # noqa: ARG002 - a new record names no other
    ) -> ProbeAnswer:
        """See `OperationHandler.probe`: by the identifying fields, this user, and the time since the first attempt."""
        login = await self._writes.login(operation)
        gateway = await self._writes.logins.gateway(login.login_id)
        _, fields = _wish(operation)
        if not any(fields.get(name) for name in _IDENTIFYING):
            return Undecidable("the record has neither a name nor an address by which it could be found again")
        rows = await self._made_since(gateway, operation, login)
        if not rows:
            return Absent()
        self._tell(operation, row_id(rows[0]))
        return Found(_result(operation, row_id(rows[0])))

    def longest_call_s(self, operation: Operation) -> float:
        """See `OperationHandler.longest_call_s`."""
        return self._writes.longest_call_s(operation)

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:
        """Put the real record in the place of the stand-in."""
        made = _made(operation, RecordId(text(result.get("record_id"))))
        store.forget_known_record(tx, login_id_of(operation), local_record_id(operation.operation_id))
        self._writes.know(tx, operation, made)
        self._writes.note(tx, operation, made, fields=_wish(operation)[1])

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        """Forget the stand-in; a refused create keeps it, since what waits for it still names it."""
        if error is None:
            store.forget_known_record(tx, login_id_of(operation), local_record_id(operation.operation_id))

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """What exactly will be sent, for the outbox view."""
        object_type, fields = _wish(operation)
        return [("New", object_type), *fields.items()]

    async def _own_of(self, gateway: CrmGateway, operation: Operation, error: DuplicateFound) -> RecordId | None:
        if operation.first_sent_at >= operation.last_sent_at:
            return None  # the first attempt: nothing of this operation can be there yet
        rows = await self._made_since(gateway, operation, await self._writes.login(operation))
        own = [row_id(row) for row in rows]
        return next((made for made in own if any(is_same_id(made, match.record_id) for match in error.matches)), None)

    async def _made_since(self, gateway: CrmGateway, operation: Operation, login: CrmLogin) -> list[JsonObject]:
        object_type, fields = _wish(operation)
        conditions = [f"{name} = {quoted(_as_kept(name, fields[name]))}" for name in _IDENTIFYING if fields.get(name)]
        conditions += [
            f"CreatedById = {quoted(login.user_id)}",
            f"CreatedDate >= {date_time(self._writes.since(operation, gateway))}",
        ]
        soql = select(["Id"], field_name(object_type), " AND ".join(conditions), order_by="CreatedDate, Id", limit=5)
        return await gateway.query(soql)

    def _tell(self, operation: Operation, record_id: RecordId) -> None:
        address = _wish(operation)[1].get("Email", "")
        self._writes.written(login_id_of(operation), [record_id], [address] if address else [])


def create_payload(object_type: str, fields: Mapping[str, str]) -> JsonObject:
    """The payload of a CREATE_RECORD operation."""
    return {"object_type": object_type, "fields": dict(fields)}


def full_name(fields: Mapping[str, str]) -> str:
    """The name of a person out of the fields of its record."""
    return " ".join(fields[name] for name in ("FirstName", "LastName") if fields.get(name)) or fields.get("Name", "")


def _wish(operation: Operation) -> tuple[str, dict[str, str]]:
    fields = operation.payload.get("fields")
    values = {name: text(value) for name, value in fields.items()} if isinstance(fields, dict) else {}
    return text(operation.payload.get("object_type")), values


def _made(operation: Operation, record_id: RecordId) -> RecordTarget:
    object_type, fields = _wish(operation)
    return RecordTarget(record_id, object_type, full_name(fields))


def _result(operation: Operation, record_id: RecordId) -> JsonObject:
    object_type, fields = _wish(operation)
    return {"record_id": record_id, "object_type": object_type, "name": full_name(fields)}


def _as_kept(name: str, value: str) -> str:
    # Salesforce keeps addresses in lower case and trims what surrounds a value.
    return value.strip().lower() if name == "Email" else value.strip()
