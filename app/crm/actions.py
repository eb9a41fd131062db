"""What a user does to Salesforce. Each wish is queued and returns at once, with or without a network."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.clock import Clock
from app.crm.create_operation import create_payload, full_name
from app.crm.file_operation import attach_payload
from app.crm.log_operation import log_payload
from app.crm.logins import CrmLogins, owner_of
from app.crm.names import split_name
from app.crm.ports import MessageSource
from app.crm.schema import CrmSchema
from app.crm.staging import Staging
from app.crm.targets import PEOPLE_TYPES, PersonTarget, RecordTarget, needed_operations, to_json
from app.errors import AppError, Offline, TransientError, ValidationFailed
from app.model.crm import JsonObject
from app.model.ids import CrmLoginId, MessageId, OperationId, crm_login_key
from app.model.mail import MessageContent, MessageRow
from app.model.operation import NewOperation, OperationKind
from app.outbox.outbox import Outbox
from app.store import crm as store
from app.store.database import Database

__all__ = ["CrmActions", "PersonTarget", "RecordTarget"]

MOST_PEOPLE = 100
_REQUIRED = {"Contact": ("LastName",), "Lead": ("LastName", "Company")}


class CrmActions:
    """The CRM side's wishes. Every method that returns an OperationId raises RecordNotFound when the login or message is gone."""

    def __init__(
        self,
        database: Database,
        logins: CrmLogins,
        schema: CrmSchema,
        outbox: Outbox,
        source: MessageSource,
        clock: Clock,
    ) -> None:
        self._database = database
        self._logins = logins
        self._schema = schema
        self._outbox = outbox
        self._source = source
        self._clock = clock
        self._staging = Staging(database, clock)

    async def log_message(
        self,
        login_id: CrmLoginId,
        message_id: MessageId,
        *,
        people: Sequence[PersonTarget],
        related_to: RecordTarget | None = None,
        depends_on: Iterable[OperationId] = (),
    ) -> OperationId:
        """Queue the log of a mail to people (Contact, Lead, User; real or stand-ins) and one other record.

        Raises ValidationFailed (nobody and nothing named, a wrong type, or code ``log_waiting``: it waits in the outbox already), DuplicateFound
        (it is logged already).
        """
        _check_log(people, related_to)
        try:
            message = await self._source.log_data(message_id)
        except (Offline, TransientError):
            message = None  # its body is still on the mail server; it is read when the operation's turn comes
        wishes = [*people, *([] if related_to is None else [related_to])]
        first = related_to or people[0]
        subject = "" if message is None else message.envelope.subject
        return await self._queue(
            login_id,
            OperationKind.LOG_MESSAGE,
            target=first.record_id,
            title=f"Log “{subject}” to {first.name}" if subject else f"Log a mail to {first.name}",
            payload=log_payload(message_id, message, [to_json(person) for person in people], related_to),
            depends_on=(*depends_on, *needed_operations(*wishes)),
            subject_message=message_id,
            subject_record=first.record_id,
        )

    async def attach_part(
        self, login_id: CrmLoginId, message_id: MessageId, part_id: str, target: RecordTarget
    ) -> OperationId:
        """Queue an attachment of a mail for a record.

        Raises Offline when the mail's body is not here, ValidationFailed (empty, over 2 GB), DiskFull.
        """
        part, data = await self._source.part(message_id, part_id)
        staged = await self._staging.take_bytes(part.filename, data)
        return await self._attach(login_id, staged, target, message_id)

    async def attach_file(self, login_id: CrmLoginId, path: Path, target: RecordTarget) -> OperationId:
        """Queue a file of this machine for a record; its bytes are copied into the encrypted store first.

        Raises ValidationFailed (no file, empty, over 2 GB), LocalError (not readable), DiskFull.
        """
        staged = await self._staging.take_file(path)
        return await self._attach(login_id, staged, target, None)

    async def create_person(
        self,
        login_id: CrmLoginId,
        object_type: str,
        fields: Mapping[str, str],
        *,
        source_message: MessageId | None = None,
    ) -> OperationId:
        """Queue a new Contact or Lead; `app.model.ids.local_record_id` of the result names it until it has an id.

        Raises ValidationFailed with the fields that are missing or too long, by the last describe.
        """
        values = {name: value.strip() for name, value in fields.items() if value.strip()}
        await self._check_fields(login_id, object_type, values)
        email = values.get("Email", "").lower()
        operation_id = OperationId(str(uuid.uuid4()))
        return await self._queue(
            login_id,
            OperationKind.CREATE_RECORD,
            # Creates of one person run one after the other, so that the second meets what the first has made.
            target=f"person:{email or full_name(values).lower()}",
            title=f"New {object_type}: {full_name(values)}",
            payload=create_payload(object_type, values),
            subject_message=source_message,
            subject_record=f"local:{operation_id}",
            operation_id=operation_id,
        )

    async def targets(self, login_id: CrmLoginId) -> list[RecordTarget]:
        """Records that the user acted on within 30 days, the latest first; stand-ins of queued creates among them. Works offline."""
        now = self._clock.wall()
        known = await self._database.read(lambda reader: store.known_records(reader, login_id, now=now))
        return [RecordTarget(record.record_id, record.object_type, record.name) for record in known]

    async def log_state(self, message_ids: Sequence[MessageId]) -> dict[MessageId, str]:
        """The state ("queued", "sending", "logged", "failed") of those messages that have been, or are to be, logged."""
        return await self._database.read(lambda reader: store.log_states(reader, message_ids))

    async def log_results(self, message_ids: Sequence[MessageId]) -> list[store.LogResult]:
        """Where messages were logged, org by org."""
        return await self._database.read(lambda reader: store.log_results(reader, message_ids))

    async def sweep(self) -> None:
        """Forget staged bytes that belong to no unfinished operation; for the start of the program."""
        await self._database.write("sweep staged files", store.sweep_staged_files)

    def prefill(self, message: MessageRow | MessageContent) -> dict[str, str]:
        """The fields of a new Contact or Lead that the sender's address gives."""
        sender = message.sender if isinstance(message, MessageRow) else next(iter(message.envelope.from_), None)
        if sender is None or not sender.address:
            return {}
        first, last = split_name(sender)
        return {
            name: value
            for name, value in (("FirstName", first), ("LastName", last), ("Email", sender.address))
            if value
        }

    async def _attach(
        self, login_id: CrmLoginId, staged: store.StagedFile, target: RecordTarget, message_id: MessageId | None
    ) -> OperationId:
        try:
            return await self._queue(
                login_id,
                OperationKind.ATTACH_FILE,
                # The same bytes for several records go one after the other: the first is stored, the others are linked.
                target=f"file:{staged.md5}:{staged.size}",
                title=f"Attach “{staged.file_name}” to {target.name}",
                payload=attach_payload(staged, target, message_id),
                depends_on=needed_operations(target),
                subject_message=message_id,
                subject_record=target.record_id,
            )
        except AppError:
            await self._database.write("drop a staged file", lambda tx: store.drop_staged_file(tx, staged.staged_id))
            raise

    async def _queue(
        self,
        login_id: CrmLoginId,
        kind: OperationKind,
        *,
        target: str,
        title: str,
        payload: JsonObject,
        subject_record: str,
        depends_on: Iterable[OperationId] = (),
        subject_message: MessageId | None = None,
        operation_id: OperationId | None = None,
    ) -> OperationId:
        login = await self._logins.login(login_id)
        return await self._outbox.enqueue(
            NewOperation(
                kind=kind,
                account=crm_login_key(login_id),
                owner=owner_of(login),
                target=target,
                title=title,
                payload=payload,
                depends_on=tuple(dict.fromkeys(depends_on)),
                subject_message=subject_message,
                subject_record=subject_record,
            ),
            operation_id,
        )

    async def _check_fields(self, login_id: CrmLoginId, object_type: str, values: Mapping[str, str]) -> None:
        if object_type not in _REQUIRED:
            raise ValidationFailed("only a Contact or a Lead can be made from a sender", code="object_type")
        describe = await self._schema.stored(login_id, object_type)
        required = set(_REQUIRED[object_type])
        if describe is not None:
            # Name is a compound of the person's names; Salesforce lists it as required beside LastName in no org seen, and it can't be set.
            required |= {field.name for field in describe.fields if field.is_required and field.type != "boolean"}
        missing = [name for name in sorted(required) if not values.get(name)]
        if missing:
            raise ValidationFailed("required fields are empty", fields=missing, code="REQUIRED_FIELD_MISSING")
        if describe is not None:
            lengths = {field.name: field.length for field in describe.fields if field.length}
            long = [name for name, value in values.items() if len(value) > lengths.get(name, len(value))]
            if long:
                raise ValidationFailed("fields are too long", fields=long, code="STRING_TOO_LONG")


def _check_log(people: Sequence[PersonTarget], related_to: RecordTarget | None) -> None:
    if not people and related_to is None:
        raise ValidationFailed("choose somebody or something to log the mail to", code="nothing_chosen")
    if len(people) > MOST_PEOPLE:
        raise ValidationFailed("these are too many people for one log", code="too_many_people")
    if any(person.object_type not in PEOPLE_TYPES for person in people):
        raise ValidationFailed("a mail is logged to Contacts, Leads and Users", code="not_a_person")
    if related_to is not None and related_to.object_type in PEOPLE_TYPES:
        raise ValidationFailed("a person can't be the related record; choose it as a person", code="not_a_record")
