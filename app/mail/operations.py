"""Flags as an operation: what all operations on stored mail share, and the handler of SET_FLAGS.

An operation carries ids of messages; what it still has to do is what is left of its wishes (`app.store.wishes`) when its turn comes. So replaying
one twice does no harm, and one whose wishes younger operations took over has nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import AppError, RecordNotFound, TransientError
from app.mail.connections import MailConnections
from app.mail.ports import FolderStatus, MailBackend
from app.model.crm import JsonObject, JsonValue
from app.model.ids import FolderId, MailAccountId, MessageId, OperationId
from app.model.mail import Flag
from app.model.operation import Operation, OperationKind
from app.outbox.handler import Absent, ProbeAnswer
from app.store import folders, locations, messages, operations, wishes
from app.store.database import Database, Reader, Transaction
from app.store.folders import FolderState
from app.store.locations import Place

RENUMBERED_WAIT_S = 10.0
IN_MOTION_WAIT_S = 30.0
_FLAG_WORDS = {
    Flag.SEEN.value: ("Read", "Unread"),
    Flag.FLAGGED.value: ("Starred", "Not starred"),
    Flag.ANSWERED.value: ("Answered", "Not answered"),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """Messages of one folder that an operation has to do with: where each is. Two places of a message are two entries."""

    folder: FolderState
    places: Sequence[Place]

    @property
    def uids(self) -> list[int]:
        """Their UIDs, ascending."""
        return sorted(place.uid for place in self.places)


def account_of(operation: Operation) -> MailAccountId:
    """The mail account that an operation is for (its key is ``mail:<number>``)."""
    return MailAccountId(int(operation.account.partition(":")[2]))


def message_ids_of(operation: Operation) -> list[MessageId]:
    """The messages that an operation was made for."""
    found = operation.payload.get("message_ids")
    return [MessageId(int(each)) for each in found if isinstance(each, int)] if isinstance(found, list) else []


def placed(reader: Reader, message_ids: Sequence[MessageId]) -> list[Placed]:
    """Where the server has these messages, folder by folder; what it has nowhere is left out."""
    by_folder: dict[FolderId, list[Place]] = {}
    for found in locations.places(reader, message_ids).values():
        for place in found:
            if place.uid > 0 and not place.missing_since:
                by_folder.setdefault(place.folder_id, []).append(place)
    states = {folder_id: folders.state(reader, folder_id) for folder_id in by_folder}
    return [Placed(state, by_folder[folder_id]) for folder_id, state in states.items() if state is not None]


def take_over(tx: Transaction, operation: Operation, earlier: Sequence[OperationId]) -> None:
    """Close earlier operations of which the new one left nothing."""
    for other in earlier:
        if other != operation.operation_id and wishes.is_empty(tx, other):
            operations.supersede(tx, other, by=operation)


def require_numbering(found: Placed, status: FolderStatus) -> None:
    """Raise TransientError when UIDs known here mean other messages there: sync must find them again first."""
    if any(place.uid_validity != status.uid_validity for place in found.places):
        raise TransientError(
            "the folder was numbered anew by its server; its messages are being found again",
            retry_after=RENUMBERED_WAIT_S,
            code="renumbered",
        )


class SetFlags:
    r"""Sets or takes one flag of messages. Payload: ``message_ids``, ``flag`` (``\Seen`` …), ``on``."""

    kind = OperationKind.SET_FLAGS

    def __init__(self, database: Database, connections: MailConnections) -> None:
        self._database = database
        self._connections = connections

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """See `OperationHandler.apply_local`."""
        flag, is_on = _wanted(operation)
        ids = message_ids_of(operation)
        earlier = wishes.overtaken(tx, ids)
        wishes.want_flag(tx, account_of(operation), ids, flag, is_on, operation.operation_id)
        take_over(tx, operation, earlier)

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:  # noqa: ARG002
        """See `OperationHandler.perform`. One command for each folder that holds some of the messages."""
        flag, is_on = _wanted(operation)
        ids = [
            wish.message_id
            for wish in await self._database.read(lambda reader: wishes.flag_wishes(reader, operation.operation_id))
        ]
        await locate_arrived(self._database, self._connections, ids)
        found = await self._database.read(lambda reader: placed(reader, ids))
        chosen = frozenset({flag})
        changed = 0
        for group in found:
            opened = self._connections.folder(group.folder.account_id, group.folder.path)
            async with opened as (backend, status):
                require_numbering(group, status)
                await _store(backend, group.uids, chosen, is_on)
            changed += len(group.places)
        return {"changed": changed}

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:  # noqa: ARG002
        """See `OperationHandler.probe`: a flag set twice is a flag set."""
        return Absent()

    def longest_call_s(self, operation: Operation) -> float:  # noqa: ARG002
        """See `OperationHandler.longest_call_s`."""
        return 0.0

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:  # noqa: ARG002
        """See `OperationHandler.settle_local`."""
        flag, is_on = _wanted(operation)
        wishes.settle_flags(tx, account_of(operation), operation.operation_id, flag, is_on)

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:  # noqa: ARG002
        """See `OperationHandler.back_out`."""
        wishes.drop(tx, account_of(operation), operation.operation_id)

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """The change in words."""
        flag, is_on = _wanted(operation)
        words = _FLAG_WORDS.get(flag, (f"Marked {flag}", f"Not marked {flag}"))
        return [("Messages", str(len(message_ids_of(operation)))), ("Becomes", words[0 if is_on else 1])]


async def locate_arrived(database: Database, connections: MailConnections, ids: Sequence[MessageId]) -> None:
    """Find messages that a finished move brought to a folder without the server naming the UID, by their Message-ID there.

    Raises TransientError for one that cannot be told from others: the next look at its folder finds it.
    """

    def find(reader: Reader) -> list[tuple[FolderState, Place, str]]:
        found: list[tuple[FolderState, Place, str]] = []
        for message_id, known in locations.places(reader, ids).items():
            if any(place.uid > 0 and not place.missing_since for place in known):
                continue
            envelope = messages.envelope(reader, message_id)
            wanted = wishes.wanted_folder(reader, message_id)
            for place in known:
                state = folders.state(reader, place.folder_id)
                # Where it is only wanted, it is not yet.
                if state is not None and place.uid < 0 and place.folder_id != wanted and envelope is not None:
                    found.append((state, place, envelope.message_id))
        return found

    for folder, place, header_id in await database.read(find):
        async with connections.folder(folder.account_id, folder.path, read_only=True) as (backend, status):
            uids = await backend.find_by_message_id(folder.path, header_id) if header_id else []

        def note(
            tx: Transaction, at: Place = place, seen: Sequence[int] = uids, validity: int = status.uid_validity
        ) -> bool:
            taken = set(locations.known_uids(tx, at.folder_id, validity))
            free = [uid for uid in seen if uid not in taken]
            if free:
                locations.put(tx, [at], at.message_id, at.folder_id, validity, free[-1], 0, at.server_flags)
                locations.apply_wishes(tx, [at.message_id])
            return bool(free)

        if not await database.write("note where a message arrived", note):
            raise TransientError(
                "a message is on its way to another folder and not found there yet",
                retry_after=IN_MOTION_WAIT_S,
                code="in_motion",
            )


def refuse_missing(folder: FolderState | None) -> FolderState:
    """The folder, or RecordNotFound."""
    if folder is None:
        raise RecordNotFound("the folder is gone from the mail server", code="folder_gone")
    return folder


def as_json(message_ids: Sequence[MessageId]) -> list[JsonValue]:
    """Message ids as a payload holds them."""
    return [int(message_id) for message_id in message_ids]


async def _store(backend: MailBackend, uids: Sequence[int], flags: frozenset[str], is_on: bool) -> None:
    nothing = frozenset[str]()
    if uids:
        await backend.store_flags(uids, add=flags if is_on else nothing, remove=nothing if is_on else flags)


def _wanted(operation: Operation) -> tuple[str, bool]:
    return str(operation.payload.get("flag", "")), bool(operation.payload.get("on"))
