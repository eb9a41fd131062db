"""Moving as an operation: MOVE, or COPY and removal, and never a message lost or doubled between the two.

What must be known after a crash is written before the server is asked: the target's UIDNEXT (the floor). A message with the same identity at or
above it was brought by this operation; so a second attempt asks first what the first one did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.clock import Clock
from app.errors import AppError
from app.mail.connections import MailConnections
from app.mail.operations import (
    Placed,
    account_of,
    locate_arrived,
    message_ids_of,
    placed,
    refuse_missing,
    require_numbering,
    take_over,
)
from app.mail.parsing import MailParsing
from app.mail.ports import Capability, MailBackend
from app.model.crm import JsonObject
from app.model.ids import FolderId, MailAccountId, MessageId, OperationId
from app.model.mail import Envelope, FolderRole
from app.model.operation import Operation, OperationKind
from app.outbox.checkpoints import Checkpoint, pass_by
from app.outbox.handler import Absent, ProbeAnswer
from app.store import folders, messages, wishes
from app.store.database import Database, Reader, Transaction
from app.store.folders import FolderState
from app.store.wishes import REMOVED_FOR_GOOD, FolderWish


@dataclass(frozen=True, slots=True)
class _Target:
    """Where messages go: None for nowhere. ``uid_floor`` is its UIDNEXT before this operation's first attempt."""

    folder: FolderState | None
    uid_validity: int = 0
    uid_floor: int = 0
    was_tried: bool = False

    @property
    def folder_id(self) -> FolderId:
        return REMOVED_FOR_GOOD if self.folder is None else self.folder.folder_id


class MoveMessages:
    """Moves messages to a folder. Payload: ``message_ids``, ``folder_id`` (0: remove for good), ``from`` (folder by message, for undo).

    ``checkpoint`` is for tests that end the process at a named point.
    """

    kind = OperationKind.MOVE_MESSAGES

    def __init__(
        self,
        database: Database,
        connections: MailConnections,
        parsing: MailParsing,
        clock: Clock,
        *,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._database = database
        self._connections = connections
        self._parsing = parsing
        self._clock = clock
        self._checkpoint = checkpoint

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """See `OperationHandler.apply_local`."""
        ids = message_ids_of(operation)
        earlier = wishes.overtaken(tx, ids)
        wishes.want_folder(
            tx, account_of(operation), sources_of(operation), _target_id(operation), operation.operation_id
        )
        take_over(tx, operation, earlier)

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:  # noqa: ARG002
        """See `OperationHandler.perform`. One command for each folder that messages come from."""
        wanted = await self._database.read(lambda reader: wishes.folder_wishes(reader, operation.operation_id))
        if not wanted:
            return {"moved": 0}
        in_motion = [wish.message_id for wish in wanted if wish.source_folder_id != wish.folder_id]
        await locate_arrived(self._database, self._connections, in_motion)
        groups = await self._database.read(lambda reader: _to_move(reader, wanted))
        moved = 0
        if groups:
            target = await self._prepared(operation, wanted)
            for group in groups:
                moved += await self._move(group, target)
        return {"moved": moved}

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:  # noqa: ARG002
        """See `OperationHandler.probe`: the next attempt asks for itself what the last one did."""
        return Absent()

    def longest_call_s(self, operation: Operation) -> float:  # noqa: ARG002
        """See `OperationHandler.longest_call_s`."""
        return 0.0

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:  # noqa: ARG002
        """See `OperationHandler.settle_local`."""
        wishes.finish_moves(tx, account_of(operation), operation.operation_id)

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:  # noqa: ARG002
        """See `OperationHandler.back_out`."""
        wishes.drop(tx, account_of(operation), operation.operation_id)

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """The change in words."""
        where = "out of the mailbox, for good" if _target_id(operation) == REMOVED_FOR_GOOD else operation.title
        return [("Messages", str(len(message_ids_of(operation)))), ("Move", where)]

    async def _prepared(self, operation: Operation, wanted: Sequence[FolderWish]) -> _Target:
        """The target, created where it is not on the server yet, with its floor on disk."""
        account_id, folder_id = account_of(operation), wanted[0].folder_id
        if folder_id == REMOVED_FOR_GOOD:
            return _Target(None)
        folder = refuse_missing(await self._database.read(lambda reader: folders.state(reader, folder_id)))
        if not folder.is_on_server:
            await self._create(account_id, folder)
        known = next((wish for wish in wanted if wish.uid_floor), None)
        async with self._connections.folder(account_id, folder.path, read_only=True) as (backend, status):
            if known is not None and known.uid_validity == status.uid_validity:
                return _Target(folder, known.uid_validity, known.uid_floor, was_tried=True)
            floor = status.uid_next or max(await backend.uids(), default=0) + 1
        await self._database.write(
            "note where a move begins",
            lambda tx: wishes.note_floor(tx, operation.operation_id, status.uid_validity, floor),
        )
        self._checkpoint("move_floor_noted")
        return _Target(folder, status.uid_validity, floor)

    async def _create(self, account_id: MailAccountId, folder: FolderState) -> None:
        inbox = await self._database.read(lambda reader: folders.by_role(reader, account_id, FolderRole.INBOX))
        async with self._connections.folder(account_id, inbox.path if inbox else "INBOX", read_only=True) as (
            backend,
            _,
        ):
            await backend.create_folder(folder.path)
        await self._database.write("a folder was created", lambda tx: folders.mark_on_server(tx, folder.folder_id))

    async def _move(self, group: Placed, target: _Target) -> int:
        source = group.folder
        arrived: dict[MessageId, int] = {}
        if target.folder is not None and target.was_tried:
            arrived = await self._arrived(group, target)
        async with self._connections.folder(source.account_id, source.path) as (backend, status):
            require_numbering(group, status)
            capabilities = await backend.connect()
            here = {place.uid: place.message_id for place in group.places}
            if target.was_tried:
                # What left the source at the first attempt is not asked for again.
                still = {change.uid for change in await backend.flags(group.uids)}
                here = {uid: message_id for uid, message_id in here.items() if uid in still}
            validity, arrived = await self._transfer(backend, here, target.folder, arrived, capabilities)
        self._checkpoint("move_done")
        ids = [place.message_id for place in group.places]
        await self._database.write(
            "note where messages went",
            lambda tx: wishes.settle_move(
                tx,
                ids,
                source.folder_id,
                target.folder_id,
                validity or target.uid_validity,
                arrived,
                now=self._clock.wall(),
            ),
        )
        self._checkpoint("move_settled")
        return len(ids)

    async def _transfer(
        self,
        backend: MailBackend,
        here: Mapping[int, MessageId],
        folder: FolderState | None,
        arrived: Mapping[MessageId, int],
        capabilities: frozenset[Capability],
    ) -> tuple[int, dict[MessageId, int]]:
        """Bring what is not in the target yet, then take from the source what is there: UIDVALIDITY and UIDs in the target.

        A source goes only after the server has confirmed its copy.
        """
        found = dict(arrived)
        left_over = sorted(uid for uid, message_id in here.items() if message_id in arrived or folder is None)
        to_bring = sorted(here.keys() - set(left_over))
        validity = 0
        if to_bring and folder is not None:
            can_move = Capability.MOVE in capabilities
            told = await (backend.move if can_move else backend.copy)(to_bring, folder.path)
            validity = told.uid_validity
            found |= {here[old]: new for old, new in told.uids.items() if old in here}
            if not can_move:
                left_over = sorted({*left_over, *to_bring})
        self._checkpoint("move_copied")
        if left_over:
            await backend.remove(left_over)
        return validity, found

    async def _arrived(self, group: Placed, target: _Target) -> dict[MessageId, int]:
        """Which of the messages an earlier attempt brought to the target, with their UIDs there."""
        assert target.folder is not None
        opened = self._connections.folder(target.folder.account_id, target.folder.path, read_only=True)
        async with opened as (backend, _):
            headers = await backend.headers(await backend.uids(first=target.uid_floor))
        envelopes = await self._parsing.envelopes(headers)
        there: dict[tuple[object, ...], list[int]] = {}
        for header, envelope in zip(headers, envelopes, strict=True):
            there.setdefault(_likeness(envelope, header.size), []).append(header.uid)
        ids = [place.message_id for place in group.places]
        known = await self._database.read(
            lambda reader: {m: (messages.envelope(reader, m), messages.size(reader, m)) for m in ids}
        )
        arrived: dict[MessageId, int] = {}
        for message_id, (envelope_here, size) in known.items():
            uids = there.get(_likeness(envelope_here, size), []) if envelope_here is not None else []
            if uids:
                arrived[message_id] = uids.pop(0)
        return arrived


def sources_of(operation: Operation) -> dict[MessageId, FolderId]:
    """Where the user saw each message when it was moved."""
    found = operation.payload.get("from")
    if not isinstance(found, dict):
        return {}
    return {MessageId(int(key)): FolderId(value) for key, value in found.items() if isinstance(value, int)}


def _target_id(operation: Operation) -> FolderId:
    value = operation.payload.get("folder_id")
    return FolderId(value) if isinstance(value, int) else REMOVED_FOR_GOOD


def _to_move(reader: Reader, wanted: Sequence[FolderWish]) -> list[Placed]:
    """Where messages have to be taken from; those that are in the target already are left out."""
    wish_of = {wish.message_id: wish for wish in wanted}
    found = placed(reader, list(wish_of))
    places = {
        message_id: [(group, place) for group in found for place in group.places if place.message_id == message_id]
        for message_id in wish_of
    }
    chosen: dict[FolderId, Placed] = {}
    for message_id, here in places.items():
        wish = wish_of[message_id]
        if wish.source_folder_id == wish.folder_id:
            continue  # moved there and back before anything was sent
        best = next((each for each in here if each[1].folder_id == wish.source_folder_id), None)
        if best is None and not any(place.folder_id == wish.folder_id for _, place in here):
            best = next(iter(here), None)
        if best is not None:
            group, place = best
            before = chosen.get(group.folder.folder_id)
            chosen[group.folder.folder_id] = Placed(group.folder, [*(before.places if before else ()), place])
    return list(chosen.values())


def _likeness(envelope: Envelope, size: int) -> tuple[object, ...]:
    if envelope.message_id:
        return (envelope.message_id, size)
    return (envelope.date, envelope.subject, size)
