"""ATTACH_FILE: a file becomes a ContentVersion on a record, once; the same bytes are linked and not stored again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

from app.crm.operations import Writes, login_id_of, row_id, text
from app.crm.ports import CrmGateway, SubRequest, SubResponse
from app.crm.soql import query_path, quoted, select
from app.crm.targets import RecordTarget, real_id, record_from_json, to_json
from app.errors import (
    AccessDenied,
    AppError,
    DuplicateFound,
    LocalError,
    PermanentError,
    TransientError,
    ValidationFailed,
)
from app.model.crm import CrmLogin, JsonObject
from app.model.ids import OperationId, RecordId
from app.model.operation import Operation, OperationKind
from app.outbox.handler import Absent, Found, ProbeAnswer
from app.store import crm as store
from app.store.database import Transaction

LONGEST_TITLE = 255
LONGEST_PATH = 500


class AttachFile:
    """The handler of ATTACH_FILE.

    Payload: ``staged_id`` (the bytes in the store), ``file_name``, ``size``, ``md5``, ``target``, ``message_id`` (or null). Result: ``record_id``
    and ``object_type`` of what was made or found, ``target``, ``was_there`` (nothing had to be done), ``was_linked`` (no bytes had to be sent).
    """

    kind = OperationKind.ATTACH_FILE

    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """Bind the staged bytes to the operation."""
        store.claim_staged_file(tx, text(operation.payload.get("staged_id")), operation.operation_id)
        self._writes.know(tx, operation, _target(operation))

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:
        """See `OperationHandler.perform`. Two API calls: what is there already, then the link or the upload."""
        login = await self._writes.login(operation)
        gateway = await self._writes.logins.gateway(login.login_id)
        target_id = real_id(_target(operation).record_id, results)
        attached, elsewhere = await _already_there(gateway, operation, target_id, login)
        if attached is not None:
            result = _result(operation, target_id, attached, "ContentVersion", was_there=True)
        else:
            linked = await self._linked(gateway, elsewhere, target_id) if elsewhere is not None else None
            if linked is not None:
                result = _result(operation, target_id, linked, "ContentDocumentLink", was_linked=True)
            else:
                result = _result(
                    operation, target_id, await self._uploaded(gateway, operation, target_id), "ContentVersion"
                )
        self._writes.written(login_id_of(operation), [target_id], [])
        return result

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:
        """See `OperationHandler.probe`: a file with this checksum and size on the record. An upload is there whole or not at all."""
        gateway = await self._writes.gateway(operation)
        target_id = real_id(_target(operation).record_id, results)
        rows = await gateway.query(_attached_query(operation, target_id))
        version = _version_of(operation, rows)
        if version is None:
            return Absent()
        self._writes.written(login_id_of(operation), [target_id], [])
        return Found(_result(operation, target_id, version, "ContentVersion"))

    def longest_call_s(self, operation: Operation) -> float:
        """See `OperationHandler.longest_call_s`."""
        return self._writes.longest_call_s(operation)

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:
        """Forget the staged bytes: Salesforce has them."""
        store.drop_staged_file(tx, text(operation.payload.get("staged_id")))
        target = result.get("target")
        if isinstance(target, dict):
            self._writes.know(tx, operation, record_from_json(target))
        made = RecordTarget(RecordId(text(result.get("record_id"))), text(result.get("object_type")), "")
        if result.get("was_there") is not True:
            was_linked = result.get("was_linked") is True
            names = ("ContentDocumentId", "LinkedEntityId") if was_linked else ("Title", "PathOnClient", "VersionData")
            self._writes.note(tx, operation, made, fields=names, size=0 if was_linked else _size(operation))

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        """Keep the bytes of a refused file for another try; forget those of one that was given up."""
        if error is None:
            store.drop_staged_file(tx, text(operation.payload.get("staged_id")))

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """What exactly will be sent, for the outbox view."""
        target = _target(operation)
        return [
            ("File", text(operation.payload.get("file_name"))),
            ("Size", f"{_size(operation):,} bytes"),
            ("Record", f"{target.name} ({target.object_type})"),
        ]

    async def _linked(self, gateway: CrmGateway, document_id: RecordId, target_id: RecordId) -> RecordId | None:
        """The link to a file that the user has stored before; None where it may not be shared here, so that it is uploaded."""
        fields: JsonObject = {"ContentDocumentId": document_id, "LinkedEntityId": target_id, "ShareType": "V"}
        try:
            return await gateway.create("ContentDocumentLink", fields)
        except DuplicateFound:
            return document_id
        except (AccessDenied, ValidationFailed):
            return None

    async def _uploaded(self, gateway: CrmGateway, operation: Operation, target_id: RecordId) -> RecordId:
        staged_id = text(operation.payload.get("staged_id"))
        staged = await self._writes.database.read(lambda reader: store.staged_file(reader, staged_id))
        if staged is None or staged.size != _size(operation):
            raise LocalError("the bytes of the file are no longer in the store", code="staged_file_gone")
        name = staged.file_name[-LONGEST_PATH:]
        stem = name.rsplit(".", 1)[0] or name
        fields: JsonObject = {
            "Title": stem[:LONGEST_TITLE],
            "PathOnClient": name,
            "FirstPublishLocationId": target_id,
        }
        return await gateway.upload_file(fields, name, staged.size, partial(self._chunks, staged_id))

    async def _chunks(self, staged_id: str) -> AsyncIterator[bytes]:
        number = 0
        while True:
            chunk = await self._writes.database.read(partial(store.staged_chunk, staged_id=staged_id, number=number))
            if not chunk:
                return
            yield chunk
            number += 1


def attach_payload(staged: store.StagedFile, target: RecordTarget, message_id: int | None) -> JsonObject:
    """The payload of an ATTACH_FILE operation."""
    return {
        "staged_id": staged.staged_id,
        "file_name": staged.file_name,
        "size": staged.size,
        "md5": staged.md5,
        "target": to_json(target),
        "message_id": message_id,
    }


async def _already_there(
    gateway: CrmGateway, operation: Operation, target_id: RecordId, login: CrmLogin
) -> tuple[RecordId | None, RecordId | None]:
    """The version with these bytes on the record, and the document with these bytes that the user stored elsewhere."""
    same = (
        f"Checksum = {quoted(_md5(operation))} AND ContentSize = {_size(operation)} "
        f"AND CreatedById = {quoted(login.user_id)} AND IsLatest = true"
    )
    mine = select(["Id", "ContentDocumentId"], "ContentVersion", same, order_by="CreatedDate, Id", limit=1)
    requests = [
        SubRequest("attached", "GET", query_path(_attached_query(operation, target_id))),
        SubRequest("mine", "GET", query_path(mine)),
    ]
    attached, stored = await gateway.composite(requests, all_or_none=False)
    rows = [] if isinstance(stored.error, PermanentError) else _rows(stored)
    return _version_of(operation, _rows(attached)), (row_id(rows[0], "ContentDocumentId") if rows else None)


def _attached_query(operation: Operation, target_id: RecordId) -> str:
    where = (
        f"LinkedEntityId = {quoted(target_id)} "
        f"AND ContentDocument.LatestPublishedVersion.Checksum = {quoted(_md5(operation))}"
    )
    columns = ["Id", "ContentDocumentId", "ContentDocument.LatestPublishedVersionId", "ContentDocument.ContentSize"]
    return select(columns, "ContentDocumentLink", where)


def _version_of(operation: Operation, links: list[JsonObject]) -> RecordId | None:
    for link in links:
        document = link.get("ContentDocument")
        if isinstance(document, dict) and document.get("ContentSize") == _size(operation):
            return row_id(document, "LatestPublishedVersionId") or row_id(link, "ContentDocumentId")
    return None


def _rows(answer: SubResponse) -> list[JsonObject]:
    if answer.error is not None:
        raise answer.error
    rows = answer.body.get("records") if isinstance(answer.body, dict) else None
    if not isinstance(rows, list):
        raise TransientError("a query was answered without records", code="strange_answer")
    return [row for row in rows if isinstance(row, dict)]


def _result(
    operation: Operation,
    target_id: RecordId,
    made: RecordId,
    object_type: str,
    *,
    was_there: bool = False,
    was_linked: bool = False,
) -> JsonObject:
    target = _target(operation)
    return {
        "record_id": made,
        "object_type": object_type,
        "target": to_json(RecordTarget(target_id, target.object_type, target.name)),
        "was_there": was_there,
        "was_linked": was_linked,
    }


def _target(operation: Operation) -> RecordTarget:
    return record_from_json(operation.payload.get("target"))


def _size(operation: Operation) -> int:
    size = operation.payload.get("size")
    return size if isinstance(size, int) else 0


def _md5(operation: Operation) -> str:
    return text(operation.payload.get("md5"))
