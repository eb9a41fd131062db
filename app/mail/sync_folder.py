"""One folder brought up to date over one connection: headers newest first, flags, what came and what left.

The order is what keeps mail safe: numbers that promise "all up to here is known" (UIDNEXT, HIGHESTMODSEQ) are written in the transaction of the
last rows that they cover; nothing is removed on one observation; a new UIDVALIDITY only starts the numbering anew, and messages are found
again by their identity.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from app.clock import Clock
from app.errors import Offline, RecordNotFound, TransientError
from app.events import SyncProgressed
from app.mail.parsing import MailParsing
from app.mail.ports import FlagChange, FolderStatus, MailBackend, RemoteHeader
from app.model.ids import FolderId, MessageId
from app.store import folders, locations, messages
from app.store.database import Database, Transaction
from app.store.folders import FolderState
from app.store.messages import NewHeader

_log = logging.getLogger(__name__)

FIRST_CHUNK = 100
"""Small, so that a list is there within a moment."""
CHUNK = 500
RECENT = 300
"""How many of the newest messages a quick look asks for flags where the server keeps no mod-sequences."""
CONFIRM_AFTER_S = 30.0
"""A message that was missing once is looked for again after this long."""
GLITCH_FROM = 4
"""From this many known messages on, a server that shows fewer than half of them is asked twice."""


GIVEN_UP_IN_A_ROW = 3
"""Messages that may be done without while no other could be fetched in between."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a folder found: the messages that are new since the last one."""

    new_messages: tuple[MessageId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the server said in one look, before anything of it is written."""

    status: FolderStatus
    changes: Sequence[FlagChange]
    new_uids: Sequence[int]
    present: Sequence[int] | None
    known_before: Sequence[int]


class FolderSync:
    """The algorithm. One object serves all connections of the program; work on one folder is done one at a time."""

    def __init__(self, database: Database, parsing: MailParsing, clock: Clock) -> None:
        self._database = database
        self._parsing = parsing
        self._clock = clock
        self._locks: dict[FolderId, asyncio.Lock] = {}
        self._chunks: dict[FolderId, int] = {}
        self._given_up: set[tuple[FolderId, int, int]] = set()
        self._in_a_row: dict[FolderId, int] = {}
        self.progress = 0
        """Counts what was fetched, and each step towards the one message that cannot be: while it grows, pauses need not."""

    async def look(self, backend: MailBackend, folder_id: FolderId, *, is_thorough: bool = False) -> Look:
        """Bring a folder up to date from its newest end. The first look stores the newest headers; `older` brings the rest.

        ``is_thorough``: where the server keeps no mod-sequences the flags of all messages are compared, not of the newest only.
        Raises what `MailBackend` raises; RecordNotFound when the folder is gone.
        """
        async with self._lock(folder_id):
            folder, status = await self._opened(backend, folder_id)
            if folder.uid_next == 0:
                return await self._begin(backend, folder, status)
            return await self._catch_up(backend, folder, status, is_thorough)

    async def older(self, backend: MailBackend, folder_id: FolderId) -> bool:
        """Store the next older headers of a folder whose first sync is under way; False when there are none left."""
        async with self._lock(folder_id):
            folder, status = await self._opened(backend, folder_id)
            if folder.is_header_sync_done:
                return False
            if folder.uid_next == 0:
                await self._begin(backend, folder, status)
                return True
            left = [uid for uid in await backend.uids() if uid < folder.first_sync_uid]
            chunk = left[-self._chunk(folder_id) :]
            headers = await self._headers(backend, folder, chunk)
            is_done = len(chunk) == len(left)
            first_uid = 1 if is_done else chunk[0]

            def store(tx: Transaction) -> None:
                self._store(tx, folder, headers, is_new_mail=False)
                folders.save_progress(tx, folder_id, first_sync_uid=first_uid, server_total=status.exists)
                tx.publish(_progress(folder_id, status.exists, len(left) - len(chunk)))

            await self._database.write("store older headers", store)
            return not is_done

    async def _begin(self, backend: MailBackend, folder: FolderState, status: FolderStatus) -> Look:
        uids = await backend.uids()
        chunk = uids[-min(FIRST_CHUNK, self._chunk(folder.folder_id)) :]
        headers = await self._headers(backend, folder, chunk)
        next_uid = max(status.uid_next, uids[-1] + 1 if uids else 1)
        first_uid = 1 if len(chunk) == len(uids) else chunk[0]

        def store(tx: Transaction) -> None:
            self._store(tx, folder, headers, is_new_mail=False)
            folders.save_progress(
                tx,
                folder.folder_id,
                uid_next=next_uid,
                highest_mod_seq=status.highest_mod_seq,
                server_total=status.exists,
                first_sync_uid=first_uid,
                synced_at=self._clock.wall(),
            )
            tx.publish(_progress(folder.folder_id, status.exists, len(uids) - len(chunk)))

        await self._database.write("store the newest headers", store)
        return Look()

    async def _catch_up(
        self, backend: MailBackend, folder: FolderState, status: FolderStatus, is_thorough: bool
    ) -> Look:
        changes = await self._flag_changes(backend, folder, status, is_thorough)
        new_uids: list[int] = []
        if status.uid_next == 0 or status.uid_next > folder.uid_next:
            new_uids = await backend.uids(first=folder.uid_next)
        known_before: Sequence[int] = ()
        present: Sequence[int] | None = None
        if folder.is_header_sync_done and await self._is_anything_missing(folder, status, len(new_uids)):
            known_before = await self._known(folder)
            present = await self._present(backend, folder, len(known_before))
            # What an earlier look could not get is a hole below UIDNEXT.
            holes = {uid for uid in present if uid < folder.uid_next}.difference(known_before)
            new_uids = sorted(holes.union(new_uids))
        seen = _Seen(status, changes, new_uids, present, known_before)
        if present is not None:
            # What left is noted before what came: a message that was moved away and back is the same message.
            await self._database.write("note what left a folder", lambda tx: self._note_missing(tx, folder, seen))
        return Look(tuple(await self._store_news(backend, folder, seen)))

    async def _store_news(self, backend: MailBackend, folder: FolderState, seen: _Seen) -> list[MessageId]:
        stored: list[MessageId] = []
        left = list(seen.new_uids)
        while len(left) > (size := self._chunk(folder.folder_id)):
            stored += await self._store_chunk(folder, await self._headers(backend, folder, left[-size:]))
            del left[-size:]
        headers = await self._headers(backend, folder, left)
        highest = max([folder.uid_next, seen.status.uid_next, *(uid + 1 for uid in seen.new_uids)])
        is_quiet = (
            not headers
            and not seen.changes
            and (highest, seen.status.highest_mod_seq, seen.status.exists)
            == (folder.uid_next, folder.highest_mod_seq, folder.server_total)
        )

        def store(tx: Transaction) -> list[MessageId]:
            found = [locations.FlagsSeen(change.uid, change.flags, change.mod_seq) for change in seen.changes]
            locations.set_server_flags(tx, folder.account_id, folder.folder_id, folder.uid_validity, found)
            ids = self._store(tx, folder, headers, is_new_mail=_is_new(folder, headers))
            if folder.is_header_sync_done:
                locations.drop_unconfirmed(tx, folder.account_id, folder.folder_id, now=self._clock.wall())
            folders.save_progress(
                tx,
                folder.folder_id,
                uid_next=highest,
                highest_mod_seq=seen.status.highest_mod_seq,
                server_total=seen.status.exists,
                synced_at=self._clock.wall(),
            )
            return ids

        if not is_quiet or await self._database.read(lambda r: locations.has_unconfirmed(r, folder.folder_id)):
            stored += await self._database.write("bring a folder up to date", store)
        return stored

    async def _store_chunk(self, folder: FolderState, headers: Sequence[NewHeader]) -> list[MessageId]:
        return await self._database.write(
            "store new headers", lambda tx: self._store(tx, folder, headers, is_new_mail=_is_new(folder, headers))
        )

    async def _flag_changes(
        self, backend: MailBackend, folder: FolderState, status: FolderStatus, is_thorough: bool
    ) -> Sequence[FlagChange]:
        if status.highest_mod_seq and folder.highest_mod_seq and status.highest_mod_seq >= folder.highest_mod_seq:
            if status.highest_mod_seq == folder.highest_mod_seq:
                return ()
            return await backend.flags(None, changed_since=folder.highest_mod_seq)
        known = await self._known(folder)
        if not is_thorough and not status.highest_mod_seq:
            known = known[-RECENT:]
        return await backend.flags(known) if known else ()

    async def _is_anything_missing(self, folder: FolderState, status: FolderStatus, arrived: int) -> bool:
        count = await self._database.read(
            lambda reader: locations.count_known(reader, folder.folder_id, folder.uid_validity)
        )
        if status.exists != count + arrived:
            return True
        since = await self._database.read(lambda reader: locations.oldest_missing(reader, folder.folder_id))
        return 0 < since < self._clock.wall() - CONFIRM_AFTER_S

    async def _present(self, backend: MailBackend, folder: FolderState, known: int) -> Sequence[int]:
        present = await backend.uids()
        if known >= GLITCH_FROM and len(present) * 2 < known:
            _log.warning("a folder lost more than half of its messages at once; asking again")
            await backend.select(folder.path, read_only=True)
            again = await backend.uids()
            present = sorted({*present, *again})
        return present

    def _note_missing(self, tx: Transaction, folder: FolderState, seen: _Seen) -> None:
        assert seen.present is not None
        place = (folder.account_id, folder.folder_id, folder.uid_validity)
        locations.return_present(tx, *place, seen.present)
        locations.note_missing(tx, *place, seen.present, known_before=seen.known_before, now=self._clock.wall())

    async def _opened(self, backend: MailBackend, folder_id: FolderId) -> tuple[FolderState, FolderStatus]:
        folder = await self._state(folder_id)
        status = await backend.select(folder.path, read_only=True)
        is_renumbered = status.uid_validity != folder.uid_validity
        is_wound_back = 0 < status.uid_next < folder.uid_next
        if not is_renumbered and not is_wound_back:
            return folder, status
        if folder.uid_validity:
            _log.warning("a folder was numbered anew by its server; finding its messages again")
        await self._database.write(
            "number a folder anew", lambda tx: folders.begin_validity(tx, folder_id, status.uid_validity)
        )
        return await self._state(folder_id), status

    async def _headers(self, backend: MailBackend, folder: FolderState, uids: Sequence[int]) -> list[NewHeader]:
        if not uids:
            return []
        readable = [uid for uid in uids if (folder.folder_id, folder.uid_validity, uid) not in self._given_up]
        try:
            found = await backend.headers(readable) if readable else []
        except Offline:
            raise
        except TransientError:
            self._narrow_down(folder, readable)
            raise
        if readable:
            self._chunks[folder.folder_id] = min(CHUNK, self._chunk(folder.folder_id) * 2)
            self._in_a_row[folder.folder_id] = 0
            self.progress += 1
        given_up = sorted(set(uids) - set(readable))
        found += [RemoteHeader(uid, frozenset(), 0, int(self._clock.wall()), 0, b"", False) for uid in given_up]
        envelopes = await self._parsing.envelopes(found)
        return [
            NewHeader(h.uid, h.flags, h.mod_seq, h.internal_date, h.size, envelope, h.has_attachments)
            for h, envelope in zip(found, envelopes, strict=True)
        ]

    def _narrow_down(self, folder: FolderState, asked: Sequence[int]) -> None:
        # One message may make the server or the line fail each time: ask for fewer, at last for it alone, then do without its
        # header. But a server that fails for message after message is itself what is broken: then nothing is given up.
        if len(asked) > 1:
            self._chunks[folder.folder_id] = max(1, len(asked) // 4)
            self.progress += 1
        elif self._in_a_row.get(folder.folder_id, 0) < GIVEN_UP_IN_A_ROW:
            self._in_a_row[folder.folder_id] = self._in_a_row.get(folder.folder_id, 0) + 1
            self._given_up.add((folder.folder_id, folder.uid_validity, asked[0]))
            self.progress += 1
            _log.warning("the header of a message cannot be fetched from its server; doing without it")

    def _store(
        self, tx: Transaction, folder: FolderState, headers: Sequence[NewHeader], *, is_new_mail: bool
    ) -> list[MessageId]:
        return messages.store_headers(
            tx, folder.account_id, folder.folder_id, folder.uid_validity, headers, is_new_mail=is_new_mail
        )

    async def _known(self, folder: FolderState) -> list[int]:
        return await self._database.read(
            lambda reader: locations.known_uids(reader, folder.folder_id, folder.uid_validity)
        )

    async def _state(self, folder_id: FolderId) -> FolderState:
        found = await self._database.read(lambda reader: folders.state(reader, folder_id))
        if found is None:
            raise RecordNotFound("the folder is gone", code="folder_gone")
        return found

    def _chunk(self, folder_id: FolderId) -> int:
        return self._chunks.get(folder_id, CHUNK)

    def _lock(self, folder_id: FolderId) -> asyncio.Lock:
        return self._locks.setdefault(folder_id, asyncio.Lock())


def _is_new(folder: FolderState, headers: Sequence[NewHeader]) -> bool:
    return any(header.uid >= folder.uid_next for header in headers)


def _progress(folder_id: FolderId, total: int, headers_left: int) -> SyncProgressed:
    # A message counts half when its header is here and whole with its body.
    return SyncProgressed(folder_id, max(0, total - headers_left) // 2, total, total == 0)
