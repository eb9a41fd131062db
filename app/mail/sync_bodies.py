"""Bodies brought from the server: newest first, in batches bounded by bytes, the next one on its way while the last is parsed and stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from app.errors import Offline, RecordNotFound, TransientError
from app.events import EventBus, SyncProgressed
from app.mail.connections import MailConnections
from app.mail.mime import PARSER_VERSION
from app.mail.parsing import MailParsing
from app.mail.ports import MailBackend, RemoteHeader
from app.model.ids import MESSAGE_ID_SEQUENCE_BITS, FolderId, MessageId
from app.model.mail import Envelope
from app.store import folders, locations, messages
from app.store.database import Database, Reader, Transaction
from app.store.folders import FolderState
from app.store.messages import Wanting

_log = logging.getLogger(__name__)

BATCH = 250
AHEAD = 3
BATCH_BYTES = 8 << 20
PLAN = 2_000
MOST_BYTES = 64 << 20
"""Larger messages come when somebody opens them."""
RETRIED_AT_ONCE = 200
GIVEN_UP_IN_A_ROW = 3
"""Messages that may be passed over while no other could be fetched in between."""


class BodySync:
    """Fetches bodies in bulk for sync, and one at once for whoever opens a message."""

    def __init__(self, database: Database, bus: EventBus, parsing: MailParsing, connections: MailConnections) -> None:
        self._database = database
        self._bus = bus
        self._parsing = parsing
        self._connections = connections
        self._batch: dict[FolderId, int] = {}
        self._skipped: set[MessageId] = set()
        self._left: dict[FolderId, int] = {}
        self._complete: set[FolderId] = set()
        self._in_a_row: dict[FolderId, int] = {}
        self.progress = 0
        """Counts what was fetched or passed over; see `FolderSync.progress`."""

    async def some(self, backend: MailBackend, folder_id: FolderId, *, limit: int = PLAN) -> int:
        """Fetch up to ``limit`` of the newest bodies that a folder lacks. How many were stored; 0 when none is left.

        Raises what `MailBackend` raises.
        """
        folder = await self._database.read(lambda reader: folders.state(reader, folder_id))
        if folder is None or folder.uid_validity == 0:
            return 0
        plan = await self._database.read(lambda reader: self._plan(reader, folder, limit))
        if not plan:
            self._tell_finished(folder)
            return 0
        status = await backend.select(folder.path, read_only=True)
        if status.uid_validity != folder.uid_validity:
            return 0
        if folder_id not in self._left:
            self._complete.discard(folder_id)
            self._left[folder_id] = await self._database.read(
                lambda r: messages.count_without_body(r, folder.account_id, folder_id, most_bytes=MOST_BYTES)
            )
        return await self._fetch_and_keep(backend, folder, plan)

    async def _fetch_and_keep(self, backend: MailBackend, folder: FolderState, plan: Sequence[Wanting]) -> int:
        """Three things at a time: a batch on its way from the server, one being parsed, one being stored."""
        keeping: list[asyncio.Task[int]] = []
        under_way = asyncio.Semaphore(AHEAD)
        try:
            for batch in self._batches(folder.folder_id, plan):
                await under_way.acquire()
                if keeping and keeping[-1].done() and not keeping[-1].cancelled() and keeping[-1].exception():
                    break
                raws = await self._fetch(backend, folder.folder_id, batch)
                task = asyncio.create_task(
                    self._keep(folder, batch, raws, after=keeping[-1] if keeping else None), name="store bodies"
                )
                task.add_done_callback(lambda _: under_way.release())
                keeping.append(task)
        finally:
            stored = await _all_finished(keeping)
        return stored

    async def fetch(self, message_id: MessageId) -> None:
        """Bring one body now. Raises Offline (it cannot be had now), RecordNotFound (no server has it), SignInRequired, TransientError."""

        def find(reader: Reader) -> list[tuple[FolderState, int]]:
            if messages.account_of(reader, message_id) is None:
                raise RecordNotFound("the message is not here any more", code="message_gone")
            places = locations.places(reader, [message_id]).get(message_id, [])
            states = [(folders.state(reader, place.folder_id), place) for place in places if place.uid > 0]
            return [(s, p.uid) for s, p in states if s is not None and s.uid_validity == p.uid_validity]

        found = await self._database.read(find)
        size = await self._database.read(lambda reader: messages.size(reader, message_id))
        if not found:
            raise Offline(
                "the message is on its way to another folder; its text comes a little later", code="in_motion"
            )
        for folder, uid in found:
            opened = self._connections.folder(folder.account_id, folder.path, read_only=True)
            async with opened as (backend, status):
                if status.uid_validity != folder.uid_validity:
                    continue
                raws = await backend.bodies([uid], expected_bytes=MOST_BYTES)
            if uid in raws:
                await self._keep(folder, [Wanting(message_id, uid, size)], raws)
                return
        raise RecordNotFound("the mail server does not have the message any more", code="message_gone")

    async def parse_again(self) -> None:
        """Give messages that an older parser could not take apart to the present one."""
        while ids := await self._database.read(lambda r: messages.unparsed(r, PARSER_VERSION, limit=RETRIED_AT_ONCE)):
            await self._parse_again(ids)

    async def _parse_again(self, ids: Sequence[MessageId]) -> None:
        raws = await self._database.read(lambda reader: [messages.raw(reader, message_id) or b"" for message_id in ids])
        bodies = list(zip(ids, raws, await self._parsing.texts(raws), strict=True))
        await self._database.write(
            "store bodies parsed again", lambda tx: messages.store_bodies(tx, bodies, PARSER_VERSION)
        )

    def _plan(self, reader: Reader, folder: FolderState, limit: int) -> list[Wanting]:
        wanted = messages.without_body(
            reader,
            folder.account_id,
            folder.folder_id,
            folder.uid_validity,
            limit=limit + len(self._skipped),
            most_bytes=MOST_BYTES,
        )
        return [each for each in wanted if each.message_id not in self._skipped][:limit]

    def _batches(self, folder_id: FolderId, plan: Sequence[Wanting]) -> Iterator[list[Wanting]]:
        batch: list[Wanting] = []
        size = 0
        for each in plan:
            if batch and (len(batch) >= self._batch.get(folder_id, BATCH) or size + each.size > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(each)
            size += each.size
        if batch:
            yield batch

    async def _fetch(self, backend: MailBackend, folder_id: FolderId, batch: Sequence[Wanting]) -> dict[int, bytes]:
        try:
            raws = await backend.bodies([each.uid for each in batch], expected_bytes=sum(each.size for each in batch))
        except Offline:
            raise
        except TransientError:
            self._narrow_down(folder_id, batch)
            raise
        self._in_a_row[folder_id] = 0
        self._batch[folder_id] = min(BATCH, self._batch.get(folder_id, BATCH) * 2)
        self.progress += 1
        self._skipped.update(each.message_id for each in batch if each.uid not in raws)
        return raws

    def _narrow_down(self, folder_id: FolderId, asked: Sequence[Wanting]) -> None:
        # As with headers (`FolderSync`): one message may be at fault, or the server itself.
        if len(asked) > 1:
            self._batch[folder_id] = max(1, len(asked) // 4)
            self.progress += 1
        elif self._in_a_row.get(folder_id, 0) < GIVEN_UP_IN_A_ROW:
            self._in_a_row[folder_id] = self._in_a_row.get(folder_id, 0) + 1
            self._skipped.add(asked[0].message_id)
            self.progress += 1
            _log.warning("a message cannot be fetched from its server; passing it over for now")

    async def _keep(
        self,
        folder: FolderState,
        batch: Sequence[Wanting],
        raws: dict[int, bytes],
        *,
        after: asyncio.Task[int] | None = None,
    ) -> int:
        got = [each for each in batch if each.uid in raws]
        parsed = await self._parsing.texts([raws[each.uid] for each in got])
        bodies = [(each.message_id, raws[each.uid], text) for each, text in zip(got, parsed, strict=True)]
        headers = await self._missing_headers([each for each in got if each.size == 0], raws)
        if after is not None:
            # Newest first on disk too, and one failure stops all that come after it.
            await asyncio.shield(after)
        left = max(0, self._left.get(folder.folder_id, 0) - len(got))
        if folder.folder_id in self._left:
            self._left[folder.folder_id] = left

        def store(tx: Transaction) -> int:
            for message_id, envelope, size in headers:
                messages.replace_header(tx, message_id, envelope, size)
            stored = messages.store_bodies(tx, bodies, PARSER_VERSION)
            total = folder.server_total or 0
            if folder.folder_id in self._left:
                tx.publish(SyncProgressed(folder.folder_id, max(0, total - (left + 1) // 2), total, False))
            return len(stored)

        return await self._database.write("store bodies", store)

    async def _missing_headers(
        self, headless: Sequence[Wanting], raws: dict[int, bytes]
    ) -> list[tuple[MessageId, Envelope, int]]:
        """Envelopes of messages whose header could not be fetched and whose body now has come."""
        blocks = [
            RemoteHeader(
                each.uid, frozenset(), 0, each.message_id >> MESSAGE_ID_SEQUENCE_BITS, 0, raws[each.uid], False
            )
            for each in headless
        ]
        found = await self._parsing.envelopes(blocks)
        return [(each.message_id, env, len(raws[each.uid])) for each, env in zip(headless, found, strict=True)]

    def _tell_finished(self, folder: FolderState) -> None:
        self._left.pop(folder.folder_id, None)
        if folder.is_header_sync_done and folder.folder_id not in self._complete:
            self._complete.add(folder.folder_id)
            total = folder.server_total or 0
            self._bus.publish(SyncProgressed(folder.folder_id, total, total, True))


async def _all_finished(tasks: Sequence[asyncio.Task[int]]) -> int:
    """The sum of what they give. Tasks that must not be left behind are waited for even when the caller is cancelled."""
    was_cancelled = False
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError:
            was_cancelled = True
    # Every error is looked at, so that asyncio does not complain of those that follow from the first.
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    if was_cancelled or any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError
    if errors:
        raise errors[0]
    return sum([task.result() for task in tasks])
