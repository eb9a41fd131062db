"""Sending as an operation: handed to SMTP once, then filed in Sent.

The message's bytes, its Message-ID and its Date are made when it is queued. That SMTP took it is written down before anything else is
done; from the moment its DATA may have begun nobody but the server knows, so a lost answer is looked for by Message-ID, and what is not found is
shown to the person and never sent again unasked.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime

from app.clock import Clock
from app.errors import AppError, BugError, Offline, OutcomeUnknown, PermanentError, TransientError
from app.mail import outgoing_message
from app.mail.connections import MailConnections
from app.mail.operations import account_of, as_json
from app.model.crm import JsonObject
from app.model.ids import MailAccountId, OperationId
from app.model.mail import Flag, FolderRole, MailAccount, OutgoingMessage
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.handler import Absent, Found, ProbeAnswer, Undecidable
from app.store import accounts, folders, operations, outgoing, wishes
from app.store.database import Database, Reader, Transaction
from app.store.folders import FolderState
from app.store.outgoing import Outgoing, OutgoingState

_log = logging.getLogger(__name__)

FILES_ITSELF = ("gmail.com", "googlemail.com", "office365.com", "outlook.com")
"""Providers that put what is sent by SMTP into Sent themselves (facts/mail.md 2.5; not verified here)."""
LOOKS = 4
LOOK_PAUSE_S = 1.0
"""A server that files sent mail itself takes a moment."""


class SendMessage:
    """Sends a message. Payload: the message (`app.mail.outgoing_message.to_json`) and ``date`` (epoch seconds) of its Date field."""

    kind = OperationKind.SEND_MESSAGE

    def __init__(
        self, database: Database, connections: MailConnections, clock: Clock, *, checkpoint: Checkpoint = pass_by
    ) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock
        self._checkpoint = checkpoint

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """See `OperationHandler.apply_local`. A retry keeps the bytes of the first time: they are what may be out already."""
        message = outgoing_message.from_json(operation.payload)
        raw = outgoing_message.build(message, _date(operation))
        outgoing.queue(
            tx, operation.operation_id, account_of(operation), message.message_id, raw, now=self._clock.wall()
        )
        outgoing.discard_draft(tx, message.message_id)

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:  # noqa: ARG002
        """See `OperationHandler.perform`."""
        out = await self._outgoing(operation)
        message = outgoing_message.from_json(operation.payload)
        if out.state in (OutgoingState.QUEUED, OutgoingState.SENDING):
            await self._send(operation, message, out)
        is_filed = out.state is OutgoingState.FILED or await self._file(operation, out)
        return {"message_id": message.message_id, "filed": is_filed}

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:  # noqa: ARG002
        """See `OperationHandler.probe`. Looks for the Message-ID where a copy would be."""
        out = await self._outgoing(operation)
        if out.state is not OutgoingState.SENDING:
            # Its DATA never began, or SMTP took it and only the filing is left: the next attempt does no harm.
            return Absent()
        account = await self._connections.account(out.account_id)
        for look in range(LOOKS):
            role = await self._found_in(account.account_id, out.header_message_id)
            if role is not None:
                await self._mark(operation, OutgoingState.FILED if role is FolderRole.SENT else OutgoingState.ACCEPTED)
                if role is FolderRole.SENT:
                    return Found({"message_id": out.header_message_id, "filed": True})
                return Absent()
            if look + 1 < LOOKS:
                await self._clock.sleep(LOOK_PAUSE_S)
        return Undecidable(
            "The connection broke before the mail server said whether it took the message, and no copy of it is in this mailbox. "
            "It may have been sent. Ask a recipient, or send it again."
        )

    def longest_call_s(self, operation: Operation) -> float:  # noqa: ARG002
        """See `OperationHandler.longest_call_s`: only what surely was not sent is ever sent again."""
        return 0.0

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:  # noqa: ARG002
        r"""See `OperationHandler.settle_local`. The mail that was answered is to become \Answered: an operation of its own."""
        outgoing.forget(tx, operation.operation_id)
        message = outgoing_message.from_json(operation.payload)
        if message.answers is None or accounts.mail_account(tx, account_of(operation)) is None:
            return
        marking = NewOperation(
            kind=OperationKind.SET_FLAGS,
            account=operation.account,
            owner=operation.owner,
            target=f"{operation.account}/messages",
            title="Mark as answered",
            payload={"message_ids": as_json([message.answers]), "flag": Flag.ANSWERED.value, "on": True},
            subject_message=message.answers,
        )
        marking_id = OperationId(str(uuid.uuid4()))
        operations.insert(tx, marking, marking_id, now=self._clock.wall(), state=OperationState.PENDING)
        wishes.want_flag(tx, account_of(operation), [message.answers], Flag.ANSWERED.value, True, marking_id)

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        """See `OperationHandler.back_out`. What was refused can be tried again; what was given up is a draft again: no text is lost."""
        if error is None:
            message = outgoing_message.from_json(operation.payload)
            outgoing.forget(tx, operation.operation_id)
            outgoing.save_draft(
                tx,
                message.message_id,
                message.account_id,
                outgoing_message.as_text(message),
                now=self._clock.wall(),
            )

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """What will be sent, in words."""
        message = outgoing_message.from_json(operation.payload)
        rows = [
            ("From", message.from_.address),
            ("To", ", ".join(address.address for address in message.to)),
            ("Cc", ", ".join(address.address for address in message.cc)),
            ("Bcc", ", ".join(address.address for address in message.bcc)),
            ("Subject", message.subject),
            ("Text", message.text),
        ]
        return [(label, text) for label, text in rows if text]

    async def _send(self, operation: Operation, message: OutgoingMessage, out: Outgoing) -> None:
        sender = await self._connections.sender(out.account_id)
        try:
            await sender.send(
                out.raw,
                sender=message.from_.address,
                recipients=outgoing_message.recipients(message),
                before_data=lambda: self._mark(operation, OutgoingState.SENDING),
            )
        except OutcomeUnknown:
            raise
        except (Offline, TransientError, PermanentError):
            # Surely not sent.
            await self._mark(operation, OutgoingState.QUEUED)
            raise
        finally:
            await sender.close()
        self._checkpoint("mail_accepted")
        await self._mark(operation, OutgoingState.ACCEPTED)
        self._checkpoint("mail_accepted_noted")

    async def _file(self, operation: Operation, out: Outgoing) -> bool:
        """Put a copy into Sent unless the server did. False where it cannot be filed; the message is sent all the same."""
        account = await self._connections.account(out.account_id)
        try:
            folder = await self._sent_folder(account.account_id)
            if folder is None:
                return False
            if not await self._is_filed(account, folder, out.header_message_id):
                async with self._connections.folder(account.account_id, folder.path, read_only=True) as (backend, _):
                    await backend.append(
                        folder.path, out.raw, flags=frozenset({Flag.SEEN.value}), internal_date=int(self._clock.wall())
                    )
        except OutcomeUnknown as error:
            # The next attempt looks for it before it appends again.
            raise TransientError("the copy for Sent may not have arrived", code=error.code) from error
        except PermanentError as error:
            _log.warning("a sent message could not be filed: %s", error.code)
            return False
        self._checkpoint("mail_filed")
        await self._mark(operation, OutgoingState.FILED)
        return True

    async def _is_filed(self, account: MailAccount, folder: FolderState, header_message_id: str) -> bool:
        files_itself = account.smtp.host.lower().endswith(FILES_ITSELF)
        for look in range(LOOKS if files_itself else 1):
            async with self._connections.folder(account.account_id, folder.path, read_only=True) as (backend, _):
                if await backend.find_by_message_id(folder.path, header_message_id):
                    return True
            if look + 1 < LOOKS and files_itself:
                await self._clock.sleep(LOOK_PAUSE_S)
        return files_itself

    async def _sent_folder(self, account_id: MailAccountId) -> FolderState | None:
        def find(tx: Transaction) -> FolderState | None:
            inbox = folders.by_role(tx, account_id, FolderRole.INBOX)
            sent = folders.by_role(tx, account_id, FolderRole.SENT)
            if sent is None:
                made = folders.make_local(tx, account_id, FolderRole.SENT, "Sent", inbox.delimiter if inbox else "/")
                sent = folders.state(tx, made)
            return sent

        folder = await self._database.write("find the folder for sent mail", find)
        if folder is not None and not folder.is_on_server:
            async with self._connections.folder(account_id, "INBOX", read_only=True) as (backend, _):
                await backend.create_folder(folder.path)
            await self._database.write("a folder was created", lambda tx: folders.mark_on_server(tx, folder.folder_id))
        return folder

    async def _found_in(self, account_id: MailAccountId, header_message_id: str) -> FolderRole | None:
        def likely(reader: Reader) -> list[FolderState]:
            roles = (FolderRole.SENT, FolderRole.INBOX, FolderRole.ALL)
            found = [folders.by_role(reader, account_id, role) for role in roles]
            return [folder for folder in found if folder is not None and folder.is_on_server]

        for folder in await self._database.read(likely):
            async with self._connections.folder(account_id, folder.path, read_only=True) as (backend, _):
                if await backend.find_by_message_id(folder.path, header_message_id):
                    return folder.role
        return None

    async def _outgoing(self, operation: Operation) -> Outgoing:
        out = await self._database.read(lambda reader: outgoing.get(reader, operation.operation_id))
        if out is None:
            raise BugError("the bytes of a queued message are missing")
        return out

    async def _mark(self, operation: Operation, state: OutgoingState) -> None:
        await self._database.write(
            "note how far a message is",
            lambda tx: outgoing.set_state(tx, operation.operation_id, state, now=self._clock.wall()),
        )


def _date(operation: Operation) -> datetime:
    date = operation.payload.get("date")
    when = float(date) if isinstance(date, int | float) else operation.created_at
    return datetime.fromtimestamp(when).astimezone()
