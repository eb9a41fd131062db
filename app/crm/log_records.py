"""A logged mail as Salesforce records: EmailMessage with its relations, or a Task where the org has no Enhanced Email.

Facts page 3.1 and 3.2 (Object Reference, EmailMessage, EmailMessageRelation, Task): ``Status`` is '3' for every mail outside of a case,
``IsClientManaged`` keeps the record movable, ``MessageIdentifier`` is what makes a log recognisable, ToIds, CcIds and BccIds are arrays that make
their relations themselves, the sender's relation is a record of its own, and a Lead's Task has no ``WhatId``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.crm.log_text import BODY_MARK, LINE_MARK, cut, join_addresses, utf16_length
from app.crm.ports import SubRequest
from app.crm.targets import PersonTarget, RecordTarget
from app.model.crm import JsonObject, JsonValue, ObjectDescribe
from app.model.mail import Address, Envelope, LoggedMessage

RELATIONS = 20
HTML_LEFT_OUT = "\n\n[The formatted version of this mail is longer than Salesforce keeps, so it was left out.]"

# Where a describe names no length: the smallest that the sources give (facts page 3.1 calls them unsettled).
_LENGTHS = {
    "Subject": 3000, "TextBody": 32000, "HtmlBody": 32000, "FromAddress": 1000, "FromName": 1000, "ToAddress": 4000, "CcAddress": 4000,
    "BccAddress": 4000, "MessageIdentifier": 765, "ThreadIdentifier": 765, "Description": 32000,
}  # fmt: skip
_TASK_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Log:
    """Everything a log says: the mail, who it is tied to, and the user who logs it (``user_id``). All ids are real."""

    message: LoggedMessage
    people: tuple[PersonTarget, ...]
    related_to: RecordTarget | None
    user_id: str


def message_identifier(message: LoggedMessage) -> str:
    """The mail's Message-ID with its brackets; for one without, or with one too long for the field, a stable stand-in made from its content."""
    named = message.envelope.message_id.strip()
    if named and utf16_length(named) <= _LENGTHS["MessageIdentifier"] and named.isprintable():
        return named
    envelope = message.envelope
    people = "\n".join(address.address.lower() for address in (*envelope.from_, *envelope.to, *envelope.cc))
    content = "\0".join((named, str(envelope.date), envelope.subject, people, message.text))
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{digest[:40]}@no-message-id.invalid>"


def thread_identifier(envelope: Envelope, identifier: str) -> str:
    """What all mails of a thread share: the first Message-ID of its References, else the one that it answers, else its own."""
    root = next(iter(envelope.references), "") or envelope.in_reply_to or identifier
    return root if utf16_length(root) <= _LENGTHS["ThreadIdentifier"] else identifier


def email_message_requests(log: Log, describe: ObjectDescribe | None) -> list[SubRequest]:
    """The parts of one all-or-none composite: the EmailMessage, then the relations that its id lists do not make."""
    places = _Places(log)
    message = log.message
    envelope = message.envelope
    length = _lengths(describe)
    identifier = message_identifier(message)
    text, html = _bodies(message, length("TextBody"), length("HtmlBody"))
    sender = _first(envelope.from_)
    values: dict[str, JsonValue] = {
        "Subject": cut(envelope.subject, length("Subject"), LINE_MARK),
        "TextBody": text,
        "HtmlBody": html,
        "FromAddress": cut(sender.address, length("FromAddress"), ""),
        "FromName": cut(sender.name, length("FromName"), LINE_MARK),
        "ToAddress": join_addresses(places.strangers(envelope.to), length("ToAddress")),
        "CcAddress": join_addresses(places.strangers(envelope.cc), length("CcAddress")),
        "BccAddress": join_addresses(places.strangers(envelope.bcc), length("BccAddress")),
        "ThreadIdentifier": thread_identifier(envelope, identifier),
    }
    body: JsonObject = {
        "Status": "3",
        "Incoming": message.is_incoming,
        "IsClientManaged": True,
        "MessageDate": _date_time(envelope.date),
        "MessageIdentifier": identifier,
    }
    body |= {name: value for name, value in values.items() if value and _is_createable(describe, name)}
    for name, ids in (("ToIds", places.to), ("CcIds", places.cc), ("BccIds", places.bcc)):
        if ids:
            body[name] = list(ids)
    if log.related_to is not None:
        # For a case the mail is the case's own; everything else is related.
        body["ParentId" if log.related_to.object_type == "Case" else "RelatedToId"] = log.related_to.record_id
    relations = [
        SubRequest(
            f"relation{number}",
            "POST",
            "/sobjects/EmailMessageRelation",
            {
                "EmailMessageId": "@{mail.id}",
                "RelationId": record_id,
                "RelationType": kind,
                **({"RelationAddress": address} if address else {}),
            },
        )
        for number, (record_id, kind, address) in enumerate(places.relations[:RELATIONS])
    ]
    return [SubRequest("mail", "POST", "/sobjects/EmailMessage", body), *relations]


def task_fields(log: Log, describe: ObjectDescribe | None, *, shared_activities: bool) -> JsonObject:
    """The Task that stands for a mail where there is no Enhanced Email. Its description opens with the mail's head, Message-ID included."""
    envelope = log.message.envelope
    contacts = [person for person in log.people if person.object_type == "Contact"]
    leads = [person for person in log.people if person.object_type == "Lead"]
    body: JsonObject = {
        "Subject": cut(f"Email: {envelope.subject}", _TASK_SUBJECT, LINE_MARK),
        "TaskSubtype": "Email",
        "Status": "Completed",
        "Priority": "Normal",
        "ActivityDate": _moment(envelope.date).astimezone().date().isoformat(),
    }
    head = [task_marker(log.message), *_head_lines(envelope)]
    if contacts or leads:
        body["WhoId"] = (contacts or leads)[0].record_id
    if len(contacts) > 1 and shared_activities:
        body["TaskWhoIds"] = [person.record_id for person in contacts[:50]]
    if log.related_to is not None:
        if contacts or not leads:
            body["WhatId"] = log.related_to.record_id
        else:
            # A Task of a Lead takes no second record.
            head.append(f"Related to: {log.related_to.name} ({log.related_to.record_id})")
    length = _lengths(describe)("Description")
    body["Description"] = cut("\n".join(head) + "\n\n" + log.message.text, length, BODY_MARK)
    return body


def task_marker(message: LoggedMessage) -> str:
    """The first line of a Task's description, by which a log is found again; Description can be read but not filtered by."""
    return f"Message-ID: {message_identifier(message)}"


class _Places:
    """Who stands where: ids for To, Cc and Bcc, and the relations that need a record of their own."""

    def __init__(self, log: Log) -> None:
        envelope = log.message.envelope
        self.to: dict[str, None] = {}
        self.cc: dict[str, None] = {}
        self.bcc: dict[str, None] = {}
        self.relations: list[tuple[str, str, str]] = []
        self._covered: set[str] = set()
        sender = {_first(envelope.from_).address.lower()}
        fields = (
            (_addresses(envelope.to), self.to),
            (_addresses(envelope.cc), self.cc),
            (_addresses(envelope.bcc), self.bcc),
        )
        for person in log.people:
            self._place(person.record_id, person.address.lower(), sender, fields, or_other=True)
        for own in log.message.own_addresses:
            self._place(log.user_id, own.lower(), sender, fields, or_other=False)

    def strangers(self, addresses: Sequence[Address]) -> list[str]:
        """The addresses that no record stands for, each once."""
        return list(dict.fromkeys(a.address for a in addresses if a.address and a.address.lower() not in self._covered))

    def _place(
        self,
        record_id: str,
        address: str,
        sender: set[str],
        fields: Sequence[tuple[set[str], dict[str, None]]],
        *,
        or_other: bool,
    ) -> None:
        placed = False
        if address in sender:
            self._relate(record_id, "FromAddress", address)
            placed = True
        for members, ids in fields:
            if address in members:
                ids[record_id] = None
                self._covered.add(address)
                placed = True
                break
        if not placed and or_other:
            self._relate(record_id, "OtherAddress", address)

    def _relate(self, record_id: str, kind: str, address: str) -> None:
        if all((record_id, kind) != (known, known_kind) for known, known_kind, _ in self.relations):
            self.relations.append((record_id, kind, address))


def _bodies(message: LoggedMessage, text_length: int, html_length: int) -> tuple[str, str]:
    if utf16_length(message.html) <= html_length:
        return cut(message.text, text_length, BODY_MARK), message.html
    # Markup cut in the middle is no markup: the plain text says what happened, and is cut by itself.
    return cut(message.text, text_length - utf16_length(HTML_LEFT_OUT), BODY_MARK) + HTML_LEFT_OUT, ""


def _head_lines(envelope: Envelope) -> list[str]:
    lines = [f"From: {_shown(envelope.from_)}"]
    lines += [f"{label}: {_shown(field)}" for label, field in (("To", envelope.to), ("Cc", envelope.cc)) if field]
    lines.append(f"Date: {_date_time(envelope.date)}")
    return lines


def _shown(addresses: Sequence[Address]) -> str:
    named = [f"{a.name} <{a.address}>" if a.name else a.address for a in addresses]
    return join_addresses(named, 1000) or LINE_MARK


def _lengths(describe: ObjectDescribe | None) -> Callable[[str], int]:
    def length(name: str) -> int:
        described = None if describe is None else describe.field(name)
        return described.length if described is not None and described.length > 0 else _LENGTHS[name]

    return length


def _is_createable(describe: ObjectDescribe | None, name: str) -> bool:
    if describe is None:
        return True
    described = describe.field(name)
    return described is not None and described.is_createable


def _addresses(addresses: Sequence[Address]) -> set[str]:
    return {address.address.lower() for address in addresses if address.address}


def _first(addresses: Sequence[Address]) -> Address:
    return next(iter(addresses), Address("", ""))


def _date_time(epoch_s: int) -> str:
    return _moment(epoch_s).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _moment(epoch_s: int) -> dt.datetime:
    # A mail may claim any date; Salesforce takes the years 1700 to 4000, and an operating system fewer.
    return dt.datetime.fromtimestamp(min(max(86_400, epoch_s), 4_102_444_800), tz=dt.UTC)
