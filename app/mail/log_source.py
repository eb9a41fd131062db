"""Stored mail as the CRM side needs it: the words to log, and the bytes of a part. Fills the port `app.crm.ports.MessageSource`."""

from __future__ import annotations

import re

from app.mail.reader import MailReader, MessageGone
from app.model.ids import MessageId
from app.model.mail import LoggedMessage, Part
from app.store import accounts, messages
from app.store.database import Database, Reader


class StoredMessages:
    """Reads a message for logging. The HTML is the cleaned one: a log must not carry trackers to every colleague who opens it."""

    def __init__(self, database: Database, reader: MailReader) -> None:
        self._database = database
        self._reader = reader

    async def log_data(self, message_id: MessageId) -> LoggedMessage:
        """A message as it is to be logged. Raises Offline (its body is not here and can't be fetched), RecordNotFound (it is gone)."""

        def own(reader: Reader) -> tuple[str, ...]:
            if messages.account_of(reader, message_id) is None:
                raise MessageGone("the message is not here any more")
            return tuple(account.address.lower() for account in accounts.mail_accounts(reader))

        own_addresses = await self._database.read(own)
        content = await self._reader.content(message_id)
        sender = content.envelope.from_[0].address.lower() if content.envelope.from_ else ""
        return LoggedMessage(
            envelope=content.envelope,
            text=content.text,
            html=re.sub(r"<img\b[^>]*\bcid:[^>]*>", "", content.html),
            is_incoming=sender not in own_addresses,
            own_addresses=own_addresses,
        )

    async def part(self, message_id: MessageId, part_id: str) -> tuple[Part, bytes]:
        """The decoded bytes of an attachment. Raises Offline, RecordNotFound (the message or the part is gone)."""
        try:
            return await self._reader.part(message_id, part_id)
        except KeyError:
            raise MessageGone("the attachment is not in the message any more") from None
