"""Writing: new messages, answers with their quotation and thread headers, forwards, drafts, and handing over to the outbox."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from app.clock import Clock
from app.errors import RecordNotFound
from app.mail import outgoing_message
from app.mail.reader import MailReader
from app.model.ids import MailAccountId, MessageId, OperationId, mail_account_key
from app.model.mail import Address, Envelope, MailAccount, OutgoingMessage
from app.model.operation import NewOperation, OperationKind
from app.outbox.outbox import Outbox
from app.store import accounts, messages, outgoing
from app.store.database import Database, Reader

MAX_QUOTED_CHARS = 200_000
_REPLY_PREFIX = re.compile(r"^\s*(?:re|aw|sv|vs|antw|odp|rif|res|ynt|ref)(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(r"^\s*(?:fwd?|wg|tr|rv|vl|vb|pd|enc|ilt)(?:\[\d+\])?\s*[:：]\s*", re.IGNORECASE)
_SIGNATURE = re.compile(r"(?m)^-- ?$")


class MailComposer:
    """Makes `OutgoingMessage` values and queues them. A message has its Message-ID from its first moment."""

    def __init__(self, database: Database, reader: MailReader, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._outbox = outbox
        self._clock = clock

    async def new(self, account_id: MailAccountId) -> OutgoingMessage:
        """An empty message from an account. Raises RecordNotFound."""
        account = await self._database.read(lambda reader: _account(reader, account_id))
        return OutgoingMessage(account.account_id, _new_message_id(account.address), _own(account), (), (), (), "", "")

    async def reply(self, message_id: MessageId, *, to_all: bool = False) -> OutgoingMessage:
        """An answer: to whoever wrote (Reply-To before From), with ``to_all`` to the others too but never to oneself.

        Raises RecordNotFound (the message is gone), Offline (its text is not here and cannot be had).
        """

        def find(reader: Reader) -> tuple[MailAccount, frozenset[str]]:
            every = accounts.mail_accounts(reader)
            return _account_of(reader, message_id), frozenset(account.address.lower() for account in every)

        account, own = await self._database.read(find)
        content = await self._reader.content(message_id)
        to, cc = answered(content.envelope, own, to_all=to_all)
        parent = content.envelope
        chain = parent.references or ((parent.in_reply_to,) if parent.in_reply_to else ())
        return OutgoingMessage(
            account_id=account.account_id,
            message_id=_new_message_id(account.address),
            from_=_own(account),
            to=to,
            cc=cc,
            bcc=(),
            subject=reply_subject(parent.subject),
            text="\n\n" + quotation(parent, content.text),
            in_reply_to=parent.message_id,
            references=(*chain, parent.message_id) if parent.message_id else chain,
            answers=message_id,
        )

    async def forward(self, message_id: MessageId) -> OutgoingMessage:
        """The words of a message for somebody else, in plain text below the header fields that matter; its attachments are named and stay behind.

        Raises RecordNotFound (the message is gone), Offline (its text is not here and cannot be had).
        """
        account = await self._database.read(lambda reader: _account_of(reader, message_id))
        content = await self._reader.content(message_id)
        parent = content.envelope
        chain = parent.references or ((parent.in_reply_to,) if parent.in_reply_to else ())
        return OutgoingMessage(
            account_id=account.account_id,
            message_id=_new_message_id(account.address),
            from_=_own(account),
            to=(),
            cc=(),
            bcc=(),
            subject=forward_subject(parent.subject),
            text="\n\n" + passed_on(parent, content.text, [part.filename for part in content.attachments]),
            references=(*chain, parent.message_id) if parent.message_id else chain,
        )

    async def send(self, message: OutgoingMessage) -> OperationId:
        """Queue a message; its bytes are made now, and its draft goes. Raises ValidationFailed (nothing is queued then), RecordNotFound."""
        now = self._clock.wall()
        outgoing_message.build(message, datetime.fromtimestamp(now).astimezone())
        account = await self._database.read(lambda reader: _account(reader, message.account_id))
        key = mail_account_key(account.account_id)
        return await self._outbox.enqueue(
            NewOperation(
                kind=OperationKind.SEND_MESSAGE,
                account=key,
                owner=account.imap.user,
                target=f"{key}/send/{message.message_id}",
                title=f"Send: {message.subject or '(no subject)'}",
                payload={**outgoing_message.to_json(message), "date": int(now)},
                subject_message=message.answers,
            )
        )

    async def save_draft(self, message: OutgoingMessage) -> None:
        """Keep what is being written; the same message again replaces it."""
        text = outgoing_message.as_text(message)
        now = self._clock.wall()
        await self._database.write(
            "save a draft",
            lambda tx: outgoing.save_draft(tx, message.message_id, message.account_id, text, now=now),
        )

    async def drafts(self) -> list[OutgoingMessage]:
        """What was being written, last saved first."""
        found = await self._database.read(outgoing.drafts)
        return [outgoing_message.from_text(text) for text in found]

    async def discard_draft(self, message_id_header: str) -> None:
        """Forget a draft by its Message-ID; no error when there is none."""
        await self._database.write("discard a draft", lambda tx: outgoing.discard_draft(tx, message_id_header))


def answered(parent: Envelope, own: frozenset[str], *, to_all: bool) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """To and Cc of an answer. Answering one's own mail goes on to those it went to."""
    senders = parent.reply_to or parent.from_
    is_own = any(address.address.lower() in own for address in parent.from_)
    first = parent.to if is_own and parent.to else senders
    to = list(_without(first, own)) or list(_unique(first))
    if not to_all:
        return tuple(to), ()
    taken = {address.address.lower() for address in to}
    if not is_own:
        others = [address for address in _without(parent.to, own) if address.address.lower() not in taken]
        to += others
        taken |= {address.address.lower() for address in others}
    cc = tuple(address for address in _without(parent.cc, own) if address.address.lower() not in taken)
    return tuple(to), cc


def reply_subject(subject: str) -> str:
    """The subject with one "Re: ", whatever prefixes of this kind it had in whichever language."""
    bare = subject.strip()
    while (found := _REPLY_PREFIX.match(bare)) is not None:
        bare = bare[found.end() :]
    return f"Re: {bare}".strip()


def forward_subject(subject: str) -> str:
    """The subject with one "Fwd: ", whatever prefixes of this kind it had; that it was an answer stays visible."""
    bare = subject.strip()
    while (found := _FORWARD_PREFIX.match(bare)) is not None:
        bare = bare[found.end() :]
    return f"Fwd: {bare}".strip()


def passed_on(parent: Envelope, text: str, left_out: Sequence[str] = ()) -> str:
    """The whole text, not quoted, below the fields that say where it comes from. ``left_out`` are names of attachments that do not come along."""
    when = datetime.fromtimestamp(max(0, parent.date)).astimezone().strftime("%Y-%m-%d %H:%M")
    fields = (
        ("From", _in_words(parent.from_)),
        ("Date", when),
        ("Subject", parent.subject),
        ("To", _in_words(parent.to)),
        ("Cc", _in_words(parent.cc)),
        ("Attachments", f"{', '.join(left_out)} (not included)" if left_out else ""),
    )
    # A subject or name with a line break in it must not look like a field of its own.
    lines = [f"{name}: {' '.join(value.split())}" for name, value in fields if value]
    body = text[:MAX_QUOTED_CHARS].rstrip()
    return "\n".join(["---------- Forwarded message ----------", *lines, "", body]) + "\n"


def quotation(parent: Envelope, text: str) -> str:
    """The text quoted as plain mail does it, the signature left out."""
    body = text[:MAX_QUOTED_CHARS]
    cuts = [found.start() for found in _SIGNATURE.finditer(body)]
    if cuts and body[: cuts[-1]].strip():
        body = body[: cuts[-1]]
    when = datetime.fromtimestamp(max(0, parent.date)).astimezone().strftime("%Y-%m-%d %H:%M")
    who = parent.from_[0].display if parent.from_ else "somebody"
    lines = [f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in body.rstrip().splitlines()]
    return "\n".join([f"On {when}, {who} wrote:", *lines]) + "\n"


def _account(reader: Reader, account_id: MailAccountId) -> MailAccount:
    account = accounts.mail_account(reader, account_id)
    if account is None:
        raise RecordNotFound("the mail account was removed", code="account_gone")
    return account


def _account_of(reader: Reader, message_id: MessageId) -> MailAccount:
    account_id = messages.account_of(reader, message_id)
    if account_id is None:
        raise RecordNotFound("the message is not here any more", code="message_gone")
    return _account(reader, account_id)


def _in_words(addresses: Iterable[Address]) -> str:
    return ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in addresses)


def _own(account: MailAccount) -> Address:
    return Address(account.display_name, account.address)


def _new_message_id(address: str) -> str:
    domain = re.sub(r"[^A-Za-z0-9.-]", "", address.rpartition("@")[2]) or "localhost"
    return f"<{uuid.uuid4()}@{domain}>"


def _unique(addresses: Iterable[Address]) -> Iterable[Address]:
    return {address.address.lower(): address for address in addresses if address.address}.values()


def _without(addresses: Iterable[Address], own: frozenset[str]) -> Iterable[Address]:
    return (address for address in _unique(addresses) if address.address.lower() not in own)
