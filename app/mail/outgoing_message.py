"""An `OutgoingMessage` as JSON (drafts, operations) and as the bytes that are sent (RFC 5322), which are made once."""

from __future__ import annotations

import email.policy
import json
import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import format_datetime

from app.errors import ValidationFailed
from app.model.crm import JsonObject, JsonValue
from app.model.ids import MailAccountId, MessageId
from app.model.mail import Address, OutgoingMessage

MAX_REFERENCES = 50
_LINE_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_BAD_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f<>()\[\]\\,;:\"]")


def to_json(message: OutgoingMessage) -> JsonObject:
    """The message as a payload."""
    return {
        "account_id": int(message.account_id),
        "message_id": message.message_id,
        "from": _pair(message.from_),
        "to": [_pair(address) for address in message.to],
        "cc": [_pair(address) for address in message.cc],
        "bcc": [_pair(address) for address in message.bcc],
        "subject": message.subject,
        "text": message.text,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "answers": None if message.answers is None else int(message.answers),
    }


def as_text(message: OutgoingMessage) -> str:
    """The message as JSON text, for a draft."""
    return json.dumps(to_json(message), ensure_ascii=False)


def from_text(text: str) -> OutgoingMessage:
    """The message of a draft."""
    payload = json.loads(text)
    return from_json(payload if isinstance(payload, dict) else {})


def from_json(payload: JsonObject) -> OutgoingMessage:
    """The message of a payload; what is not there is empty."""
    answers = payload.get("answers")
    account = payload.get("account_id")
    references = payload.get("references")
    return OutgoingMessage(
        account_id=MailAccountId(account if isinstance(account, int) else 0),
        message_id=str(payload.get("message_id") or ""),
        from_=_address(payload.get("from")),
        to=_addresses(payload.get("to")),
        cc=_addresses(payload.get("cc")),
        bcc=_addresses(payload.get("bcc")),
        subject=str(payload.get("subject") or ""),
        text=str(payload.get("text") or ""),
        in_reply_to=str(payload.get("in_reply_to") or ""),
        references=tuple(str(each) for each in references) if isinstance(references, list) else (),
        answers=MessageId(answers) if isinstance(answers, int) else None,
    )


def recipients(message: OutgoingMessage) -> list[str]:
    """Every address that the message goes to, once."""
    return list(dict.fromkeys(address.address for address in (*message.to, *message.cc, *message.bcc)))


def build(message: OutgoingMessage, sent_at: datetime) -> bytes:
    """The bytes to send, Bcc left out. ``sent_at`` carries its time zone. Raises ValidationFailed naming the field that cannot be sent."""
    _check(message)
    addresses = [message.from_, *message.to, *message.cc]
    is_plain = all(address.address.isascii() for address in addresses)
    made = EmailMessage(policy=email.policy.SMTP if is_plain else email.policy.SMTPUTF8)
    made["From"] = _header_address(message.from_)
    if message.to:
        made["To"] = [_header_address(address) for address in message.to]
    if message.cc:
        made["Cc"] = [_header_address(address) for address in message.cc]
    if not message.to and not message.cc:
        made["To"] = "undisclosed-recipients:;"
    made["Subject"] = _one_line(message.subject)
    made["Date"] = format_datetime(sent_at)
    made["Message-ID"] = message.message_id
    if message.in_reply_to:
        made["In-Reply-To"] = _one_line(message.in_reply_to)
    if message.references:
        made["References"] = _one_line(" ".join(shortened(message.references)))
    text = message.text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    made.set_content(text if text.endswith("\n") else text + "\n")
    return made.as_bytes()


def shortened(references: Sequence[str]) -> Sequence[str]:
    """References with the middle left out where there are very many: first and last matter for threading (RFC 5322 3.6.4 sets no limit)."""
    if len(references) <= MAX_REFERENCES:
        return references
    return [references[0], *references[1 - MAX_REFERENCES :]]


def _check(message: OutgoingMessage) -> None:
    if not recipients(message):
        raise ValidationFailed("the message has no recipient", fields=("to",), code="no_recipient")
    fields = (("from", (message.from_,)), ("to", message.to), ("cc", message.cc), ("bcc", message.bcc))
    for field, addresses in fields:
        for address in addresses:
            local, at, domain = address.address.rpartition("@")
            if not (local and at and domain) or _BAD_IN_ADDRESS.search(address.address):
                raise ValidationFailed("a recipient's address cannot be right", fields=(field,), code="no_address")
    if not re.fullmatch(r"<[^<>\s]+@[^<>\s]+>", message.message_id):
        raise ValidationFailed("the message has no identifier of its own", code="no_message_id")


def _header_address(address: Address) -> HeaderAddress:
    local, _, domain = address.address.rpartition("@")
    try:
        return HeaderAddress(display_name=_one_line(address.name), username=local, domain=domain)
    except (ValueError, IndexError, LookupError) as error:
        # The standard library's own parser refuses what it cannot write.
        raise ValidationFailed("an address cannot be written into a header", code="no_address") from error


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text).strip()


def _pair(address: Address) -> JsonValue:
    return [address.name, address.address]


def _address(value: JsonValue) -> Address:
    if isinstance(value, list) and len(value) == 2:
        return Address(str(value[0]), str(value[1]))
    return Address("", "")


def _addresses(value: JsonValue) -> tuple[Address, ...]:
    return tuple(_address(each) for each in value) if isinstance(value, list) else ()
