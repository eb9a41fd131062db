"""LOG_MESSAGE: a mail becomes an EmailMessage (or a Task) tied to people and one record, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from app.crm import log_records as records
from app.crm.operations import Writes, first_error, login_id_of, row_id, text
from app.crm.ports import CrmGateway, MessageSource
from app.crm.soql import date_time, quoted, select
from app.crm.targets import PersonTarget, RecordTarget, person_from_json, real_id, record_from_json, to_json
from app.errors import AppError, DuplicateFound, DuplicateMatch, NotSupported, TransientError, ValidationFailed
from app.model.crm import CrmLogin, JsonObject, JsonValue
from app.model.ids import CrmLoginId, MessageId, OperationId, RecordId
from app.model.mail import Address, Envelope, LoggedMessage
from app.model.operation import Operation, OperationKind
from app.outbox.handler import Absent, Found, ProbeAnswer
from app.store import crm as store
from app.store.database import Reader, Transaction

LONGEST_TEXT = 1_000_000
_LOGGED_FIELDS = (
    "Subject",
    "TextBody",
    "HtmlBody",
    "FromAddress",
    "FromName",
    "ToAddress",
    "CcAddress",
    "MessageIdentifier",
)
_DESCRIBE_IS_OLD = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE", "INVALID_TYPE", "STRING_TOO_LONG"})


class LogMessage:
    """The handler of LOG_MESSAGE.

    Payload: ``message_id``, ``identifier`` ("" while the body was not here), ``mail`` (the mail as it was when the user said so, or null: it is
    read when its turn comes), ``people``, ``related_to`` (or null). Result: ``record_id``, ``object_type``, ``related_to``, ``people``,
    ``identifier``, ``was_there`` (another copy of this mail is logged already).
    """

    kind = OperationKind.LOG_MESSAGE

    def __init__(self, writes: Writes, source: MessageSource) -> None:
        self._writes = writes
        self._source = source

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """Mark the message as queued. Raises DuplicateFound (logged already), ValidationFailed (code ``log_waiting``): nothing is queued then."""
        wish = _Wish.of(operation)
        other = _other_log(tx, operation, wish)
        if other is not None and other.state == "logged":
            raise DuplicateFound(
                "this mail is logged already", matches=[DuplicateMatch(other.object_type, other.record_id, 100.0)]
            )
        if other is not None and other.state in ("queued", "sending"):
            raise ValidationFailed("this mail waits in the outbox to be logged already", code="log_waiting")
        self._mark(tx, operation, "queued")
        self._writes.know(tx, operation, *wish.people, wish.related_to)

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:
        """See `OperationHandler.perform`. One API call, all or nothing."""
        login = await self._writes.login(operation)
        gateway = await self._writes.logins.gateway(login.login_id)
        log = await self._log(operation, results, login)
        before = await self._logged_before(operation, log)
        made = before or await self._written(gateway, login, log)
        self._tell(operation, log)
        return _result(made, log, was_there=before is not None)

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:
        """See `OperationHandler.probe`: by MessageIdentifier and this user; a Task by the first line of its description."""
        login = await self._writes.login(operation)
        gateway = await self._writes.logins.gateway(login.login_id)
        log = await self._log(operation, results, login)
        if await self._writes.schema.has_enhanced_email(login.login_id):
            found = await _found_mail(gateway, log)
        else:
            found = await _found_task(gateway, log, self._writes.since(operation, gateway))
        if found is None:
            return Absent()
        self._tell(operation, log)
        return Found(_result(found, log))

    def longest_call_s(self, operation: Operation) -> float:
        """See `OperationHandler.longest_call_s`."""
        return self._writes.longest_call_s(operation)

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:
        """Turn the mark into a fact, with what was tied to it."""
        made = RecordTarget(RecordId(text(result.get("record_id"))), text(result.get("object_type")), "")
        related = result.get("related_to")
        related_to = record_from_json(related) if isinstance(related, dict) else None
        people = result.get("people")
        known = [record_from_json(person) for person in people] if isinstance(people, list) else []
        self._mark(tx, operation, "logged", made, related_to, text(result.get("identifier")))
        self._writes.know(tx, operation, *known, related_to)
        if result.get("was_there") is not True:
            names = _LOGGED_FIELDS if made.object_type == "EmailMessage" else ("Subject", "Description")
            self._writes.note(tx, operation, made, fields=names)

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        """Show the refusal, or take the mark away when the user gave it up."""
        if error is None:
            store.forget_log_result(tx, operation.operation_id)
        elif _other_log(tx, operation, _Wish.of(operation)) is None:
            self._mark(tx, operation, "failed")

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """What exactly will be sent, for the outbox view."""
        wish = _Wish.of(operation)
        lines = [("Log", operation.title)]
        if wish.message is not None:
            envelope = wish.message.envelope
            lines += [("Subject", envelope.subject), ("From", ", ".join(a.display for a in envelope.from_))]
        lines += [("Person", f"{person.name} ({person.object_type})") for person in wish.people]
        if wish.related_to is not None:
            lines.append(("Related to", f"{wish.related_to.name} ({wish.related_to.object_type})"))
        if wish.message is not None:
            lines.append(("Text", wish.message.text))
        return lines

    async def _log(
        self, operation: Operation, results: Mapping[OperationId, JsonObject], login: CrmLogin
    ) -> records.Log:
        wish = _Wish.of(operation)
        message = wish.message or await self._source.log_data(wish.message_id)
        people = tuple(
            dataclasses.replace(person, record_id=real_id(person.record_id, results)) for person in wish.people
        )
        related = wish.related_to
        if related is not None:
            related = dataclasses.replace(related, record_id=real_id(related.record_id, results))
        return records.Log(message, people, related, login.user_id)

    async def _logged_before(self, operation: Operation, log: records.Log) -> RecordTarget | None:
        """The log of another copy of this mail (in a second folder or account), so that it is not logged twice."""
        wish = dataclasses.replace(_Wish.of(operation), identifier=records.message_identifier(log.message))
        other = await self._writes.database.read(lambda reader: _other_log(reader, operation, wish))
        if other is None or other.state != "logged":
            return None
        return RecordTarget(other.record_id, other.object_type, "")

    async def _written(self, gateway: CrmGateway, login: CrmLogin, log: records.Log) -> RecordTarget:
        try:
            return await self._write_once(gateway, login, log)
        except (ValidationFailed, NotSupported) as error:
            if error.code not in _DESCRIBE_IS_OLD:
                raise
        # The org changed since its describe was fetched (a field hidden, shortened, Enhanced Email gone), and nothing was written.
        for object_type in ("EmailMessage", "Task"):
            await self._writes.schema.look(login.login_id, object_type)
        return await self._write_once(gateway, login, log)

    async def _write_once(self, gateway: CrmGateway, login: CrmLogin, log: records.Log) -> RecordTarget:
        schema = self._writes.schema
        if not await schema.has_enhanced_email(login.login_id):
            return await self._write_task(gateway, login, log)
        requests = records.email_message_requests(log, await schema.stored(login.login_id, "EmailMessage"))
        answers = await gateway.composite(requests, all_or_none=True)
        error = first_error(answers)
        if error is not None:
            raise error
        body = answers[0].body
        if not isinstance(body, dict):
            raise TransientError("the composite gave no record", code="strange_answer")
        return RecordTarget(row_id(body, "id"), "EmailMessage", "")

    async def _write_task(self, gateway: CrmGateway, login: CrmLogin, log: records.Log) -> RecordTarget:
        schema = self._writes.schema
        describe = await schema.describe(login.login_id, "Task")
        shares = await schema.has_id_list(login.login_id, "Task", "TaskWhoIds")
        fields = records.task_fields(log, describe, shared_activities=shares)
        return RecordTarget(await gateway.create("Task", fields), "Task", "")

    def _tell(self, operation: Operation, log: records.Log) -> None:
        ids = [person.record_id for person in log.people]
        if log.related_to is not None:
            ids.append(log.related_to.record_id)
        self._writes.written(login_id_of(operation), ids, [person.address for person in log.people])

    def _mark(
        self,
        tx: Transaction,
        operation: Operation,
        state: str,
        made: RecordTarget | None = None,
        related_to: RecordTarget | None = None,
        identifier: str = "",
    ) -> None:
        wish = _Wish.of(operation)
        result = store.LogResult(
            message_id=wish.message_id,
            login_id=login_id_of(operation),
            message_identifier=identifier or wish.identifier,
            operation_id=operation.operation_id,
            state=state,
            object_type="" if made is None else made.object_type,
            record_id=RecordId("") if made is None else made.record_id,
            related_to=RecordId("") if related_to is None else related_to.record_id,
        )
        store.keep_log_result(tx, result, now=self._writes.clock.wall())


def log_payload(
    message_id: MessageId,
    message: LoggedMessage | None,
    people: list[JsonValue],
    related_to: RecordTarget | None,
) -> JsonObject:
    """The payload of a LOG_MESSAGE operation; ``people`` as `app.crm.targets.to_json` writes them."""
    return {
        "message_id": message_id,
        "identifier": "" if message is None else records.message_identifier(message),
        "mail": None if message is None else _message_to_json(message),
        "people": people,
        "related_to": None if related_to is None else to_json(related_to),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class _Wish:
    message_id: MessageId
    identifier: str
    message: LoggedMessage | None
    people: tuple[PersonTarget, ...]
    related_to: RecordTarget | None

    @classmethod
    def of(cls, operation: Operation) -> _Wish:
        payload = operation.payload
        people, related, mail = payload.get("people"), payload.get("related_to"), payload.get("mail")
        return cls(
            message_id=MessageId(int(str(payload["message_id"]))),
            identifier=text(payload.get("identifier")),
            message=_message_from_json(mail) if isinstance(mail, dict) else None,
            people=tuple(person_from_json(person) for person in people) if isinstance(people, list) else (),
            related_to=record_from_json(related) if isinstance(related, dict) else None,
        )


def _other_log(reader: Reader, operation: Operation, wish: _Wish) -> store.LogResult | None:
    """What another operation did or will do with this mail in this org."""
    login_id: CrmLoginId = login_id_of(operation)
    found = store.log_result_of(reader, login_id, wish.identifier)
    if found is None or found.operation_id == operation.operation_id:
        own = [log for log in store.log_results(reader, [wish.message_id]) if log.login_id == login_id]
        found = own[0] if own else None
    return None if found is None or found.operation_id == operation.operation_id else found


async def _found_mail(gateway: CrmGateway, log: records.Log) -> RecordTarget | None:
    identifier = records.message_identifier(log.message)
    where = f"MessageIdentifier = {quoted(identifier)} AND CreatedById = {quoted(log.user_id)}"
    rows = await gateway.query(select(["Id"], "EmailMessage", where, order_by="CreatedDate, Id", limit=1))
    return RecordTarget(row_id(rows[0]), "EmailMessage", "") if rows else None


async def _found_task(gateway: CrmGateway, log: records.Log, since: float) -> RecordTarget | None:
    where = f"TaskSubtype = 'Email' AND CreatedById = {quoted(log.user_id)} AND CreatedDate >= {date_time(since)}"
    rows = await gateway.query(select(["Id", "Description"], "Task", where, order_by="CreatedDate, Id"))
    marker = records.task_marker(log.message)
    for row in rows:
        if text(row.get("Description")).split("\n", 1)[0].strip() == marker.strip():
            return RecordTarget(row_id(row), "Task", "")
    return None


def _result(made: RecordTarget, log: records.Log, *, was_there: bool = False) -> JsonObject:
    return {
        "identifier": records.message_identifier(log.message),
        "was_there": was_there,
        "record_id": made.record_id,
        "object_type": made.object_type,
        "related_to": None if log.related_to is None else to_json(log.related_to),
        "people": [to_json(person) for person in log.people],
    }


def _message_to_json(message: LoggedMessage) -> JsonObject:
    envelope = message.envelope
    return {
        "subject": envelope.subject,
        "date": envelope.date,
        **{
            name: [[address.name, address.address] for address in getattr(envelope, name)]
            for name in ("from_", "reply_to", "to", "cc", "bcc")
        },
        "message_id": envelope.message_id,
        "in_reply_to": envelope.in_reply_to,
        "references": list(envelope.references),
        # Salesforce keeps far less; the queue need not carry a book.
        "text": message.text[:LONGEST_TEXT],
        "html": message.html[:LONGEST_TEXT],
        "is_incoming": message.is_incoming,
        "own_addresses": list(message.own_addresses),
    }


def _message_from_json(body: JsonObject) -> LoggedMessage:
    date = body.get("date")
    references = body.get("references")
    own = body.get("own_addresses")
    return LoggedMessage(
        envelope=Envelope(
            subject=text(body.get("subject")),
            date=date if isinstance(date, int) else 0,
            from_=_addresses(body.get("from_")),
            reply_to=_addresses(body.get("reply_to")),
            to=_addresses(body.get("to")),
            cc=_addresses(body.get("cc")),
            bcc=_addresses(body.get("bcc")),
            message_id=text(body.get("message_id")),
            in_reply_to=text(body.get("in_reply_to")),
            references=tuple(text(entry) for entry in references) if isinstance(references, list) else (),
        ),
        text=text(body.get("text")),
        html=text(body.get("html")),
        is_incoming=body.get("is_incoming") is True,
        own_addresses=tuple(text(entry) for entry in own) if isinstance(own, list) else (),
    )


def _addresses(value: JsonValue) -> tuple[Address, ...]:
    pairs = value if isinstance(value, list) else []
    return tuple(Address(text(pair[0]), text(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2)
