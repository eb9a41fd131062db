"""What a person does to messages. Each action is an operation: at once on screen, offline too, and it can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.errors import NotSupported, RecordNotFound, ValidationFailed
from app.mail.operations import as_json
from app.model.crm import JsonObject
from app.model.ids import FolderId, MailAccountId, MessageId, OperationId, mail_account_key
from app.model.mail import Flag, FolderRole
from app.model.operation import NewOperation, Operation, OperationKind, OperationState
from app.outbox.outbox import Outbox
from app.store import accounts, folders, locations, messages
from app.store.database import Database, Reader, Transaction
from app.store.folders import FolderState
from app.store.wishes import REMOVED_FOR_GOOD

MOST_MESSAGES = 5_000
"""Of one operation; more become several."""
_FLAG_TITLES = {
    Flag.SEEN.value: ("Mark as read", "Mark as unread"),
    Flag.FLAGGED.value: ("Star", "Remove star"),
    Flag.ANSWERED.value: ("Mark as answered", "Mark as not answered"),
}
_NEW_FOLDERS = {FolderRole.ARCHIVE: "Archive", FolderRole.TRASH: "Trash"}


class MailActions:
    """Flags and moves through the outbox. Every method returns when the change is on disk here; the server follows."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def set_flag(self, message_ids: Iterable[MessageId], flag: str, on: bool) -> list[OperationId]:
        """Set or take a flag. Messages that have it that way already are left out. One operation an account."""
        chosen = list(dict.fromkeys(message_ids))
        by_account = await self._database.read(lambda reader: locations.without_flag(reader, chosen, flag, on))
        titles = _FLAG_TITLES.get(flag, (f"Set {flag}", f"Take {flag} away"))
        queued: list[OperationId] = []
        for account_id, ids in by_account.items():
            for part in _parts(ids):
                payload: JsonObject = {"message_ids": as_json(part), "flag": str(flag), "on": on}
                queued.append(
                    await self._queue(OperationKind.SET_FLAGS, account_id, titles[0 if on else 1], part, payload)
                )
        return queued

    async def move(self, message_ids: Iterable[MessageId], folder_id: FolderId) -> list[OperationId]:
        """Move to a folder of the same account. Raises RecordNotFound (no such folder), NotSupported (another account's folder)."""
        chosen = list(dict.fromkeys(message_ids))
        folder = await self._database.read(lambda reader: folders.state(reader, folder_id))
        if folder is None:
            raise RecordNotFound("there is no such folder", code="folder_gone")
        by_account = await self._database.read(lambda reader: _places_seen(reader, chosen))
        if by_account.keys() - {folder.account_id}:
            raise NotSupported("moving to another account is not there yet", code="cross_account_move")
        return await self._move(by_account.get(folder.account_id, {}), folder.account_id, folder)

    async def archive(self, message_ids: Iterable[MessageId]) -> list[OperationId]:
        """Move each to the archive of its account; the folder is made where there is none."""
        return await self._to_role(message_ids, FolderRole.ARCHIVE)

    async def delete(self, message_ids: Iterable[MessageId]) -> list[OperationId]:
        """Move each to the trash of its account; what is in the trash already is removed for good."""
        chosen = list(dict.fromkeys(message_ids))
        by_account = await self._database.read(lambda reader: _places_seen(reader, chosen))
        queued: list[OperationId] = []
        for account_id, seen in by_account.items():
            trash = await self._folder_for(account_id, FolderRole.TRASH)
            in_trash = {m: f for m, f in seen.items() if f == trash.folder_id}
            queued += await self._move({m: f for m, f in seen.items() if m not in in_trash}, account_id, trash)
            queued += await self._move(in_trash, account_id, None)
        return queued

    async def undo(self, operation_ids: Iterable[OperationId]) -> None:
        """Take operations back: unsent ones vanish, those done or under way are followed by their opposite.

        Raises ValidationFailed for what cannot be taken back (removed for good).
        """
        for operation_id in reversed(list(operation_ids)):
            if not await self._outbox.undo(operation_id):
                operation = await self._outbox.get(operation_id)
                if operation is not None:
                    await self._reverse(operation)

    async def _reverse(self, operation: Operation) -> None:
        if operation.state in (OperationState.DISCARDED, OperationState.SUPERSEDED, OperationState.FAILED):
            return
        payload = operation.payload
        listed = payload.get("message_ids")
        ids = [MessageId(each) for each in listed if isinstance(each, int)] if isinstance(listed, list) else []
        if operation.kind is OperationKind.SET_FLAGS:
            await self.set_flag(ids, str(payload.get("flag")), not payload.get("on"))
            return
        if operation.kind is not OperationKind.MOVE_MESSAGES or not payload.get("folder_id"):
            raise ValidationFailed("this cannot be taken back", code="not_reversible")
        origin = payload.get("from")
        back: dict[FolderId, list[MessageId]] = {}
        for key, folder_id in origin.items() if isinstance(origin, dict) else ():
            if isinstance(folder_id, int):
                back.setdefault(FolderId(folder_id), []).append(MessageId(int(key)))
        for folder_id, moved in back.items():
            await self.move(moved, folder_id)

    async def _to_role(self, message_ids: Iterable[MessageId], role: FolderRole) -> list[OperationId]:
        chosen = list(dict.fromkeys(message_ids))
        by_account = await self._database.read(lambda reader: _places_seen(reader, chosen))
        queued: list[OperationId] = []
        for account_id, seen in by_account.items():
            queued += await self._move(seen, account_id, await self._folder_for(account_id, role))
        return queued

    async def _move(
        self, seen: dict[MessageId, FolderId], account_id: MailAccountId, folder: FolderState | None
    ) -> list[OperationId]:
        target = REMOVED_FOR_GOOD if folder is None else folder.folder_id
        moving = [message_id for message_id, place in seen.items() if place != target]
        queued: list[OperationId] = []
        for part in _parts(moving):
            payload: JsonObject = {
                "message_ids": as_json(part),
                "folder_id": int(target),
                "from": {str(message_id): int(seen[message_id]) for message_id in part},
            }
            title = "Remove for good" if folder is None else f"Move to {folder.path}"
            queued.append(await self._queue(OperationKind.MOVE_MESSAGES, account_id, title, part, payload))
        return queued

    async def _folder_for(self, account_id: MailAccountId, role: FolderRole) -> FolderState:
        def find(tx: Transaction) -> FolderState:
            found = folders.by_role(tx, account_id, role)
            if found is None:
                inbox = folders.by_role(tx, account_id, FolderRole.INBOX)
                made = folders.make_local(tx, account_id, role, _NEW_FOLDERS[role], inbox.delimiter if inbox else "/")
                found = folders.state(tx, made)
            assert found is not None
            return found

        return await self._database.write("find a folder by its role", find)

    async def _queue(
        self,
        kind: OperationKind,
        account_id: MailAccountId,
        title: str,
        message_ids: Sequence[MessageId],
        payload: JsonObject,
    ) -> OperationId:
        account = await self._database.read(lambda reader: accounts.mail_account(reader, account_id))
        if account is None:
            raise RecordNotFound("the mail account was removed", code="account_gone")
        key = mail_account_key(account_id)
        words = title if len(message_ids) == 1 else f"{title}: {len(message_ids)} messages"
        return await self._outbox.enqueue(
            NewOperation(
                kind=kind,
                account=key,
                owner=account.imap.user,
                # One after the other, so that a flag set after a move finds the message where it went.
                target=f"{key}/messages",
                title=words,
                payload=payload,
                subject_message=message_ids[0] if len(message_ids) == 1 else None,
            )
        )


def _parts(ids: Sequence[MessageId]) -> Iterator[Sequence[MessageId]]:
    for first in range(0, len(ids), MOST_MESSAGES):
        yield ids[first : first + MOST_MESSAGES]


def _places_seen(reader: Reader, message_ids: Sequence[MessageId]) -> dict[MailAccountId, dict[MessageId, FolderId]]:
    """Where the user sees each message: in the inbox, if it is there, else in the first folder that shows it."""
    found: dict[MailAccountId, dict[MessageId, FolderId]] = {}
    inboxes = set(folders.inboxes(reader))
    places = locations.shown(reader, message_ids)
    for message_id in message_ids:
        shown = places.get(message_id, [])
        account_id = messages.account_of(reader, message_id)
        if shown and account_id is not None:
            chosen = next((folder_id for folder_id in shown if folder_id in inboxes), shown[0])
            found.setdefault(account_id, {})[message_id] = chosen
    return found
