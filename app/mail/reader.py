"""Reading: rows for the list, a message made ready for the eye, its parts. Heavy and hostile work runs in the worker processes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.errors import RecordNotFound
from app.events import EventBus, MessagesChanged, MessagesRemoved
from app.mail import mime
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Folder, MessageContent, MessageRow, Part
from app.store import folders, message_list, messages, search, threads
from app.store.database import Database
from app.workers import WorkerFailed, WorkerPool

T = TypeVar("T")

READ_TIMEOUT_S = 10.0
CONTENTS_KEPT = 24
"""Messages made ready that stay in RAM: going back and forth costs nothing."""
_UNREADABLE = "This message could not be taken apart. It is kept as it came and shown as source."


class MessageGone(RecordNotFound):
    """The message is not in the store any more."""

    code = "message_gone"


class MailReader:
    """Gives what the screen and the command line show. ``fetch_body`` brings a body that is not here yet (it raises Offline when it cannot)."""

    def __init__(
        self,
        database: Database,
        workers: WorkerPool,
        bus: EventBus,
        fetch_body: Callable[[MessageId], Awaitable[None]],
    ) -> None:
        self._database = database
        self._workers = workers
        self._fetch_body = fetch_body
        self._contents: OrderedDict[MessageId, MessageContent] = OrderedDict()
        self._unsubscribe = [
            bus.subscribe(MessagesChanged, lambda event: self._forget(event.message_ids)),
            bus.subscribe(MessagesRemoved, lambda event: self._forget(event.message_ids)),
        ]

    def close(self) -> None:
        """Forget what is in RAM."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._contents.clear()

    async def folders(self, account_id: MailAccountId | None = None) -> list[Folder]:
        """Folders of one account or of all, inbox first."""
        return await self._database.read(lambda reader: folders.all_folders(reader, account_id))

    async def count(self, folder_id: FolderId | None, *, unread_only: bool = False) -> int:
        """Rows of a folder's list; None is the unified inbox."""
        return await self._database.read(lambda reader: message_list.count(reader, folder_id, unread_only=unread_only))

    async def rows(
        self, folder_id: FolderId | None, *, offset: int, limit: int, unread_only: bool = False
    ) -> list[MessageRow]:
        """Rows of a list, newest first."""
        return await self._database.read(
            lambda reader: message_list.rows(reader, folder_id, offset=offset, limit=limit, unread_only=unread_only)
        )

    async def row(self, message_id: MessageId) -> MessageRow | None:
        """One row, None when no folder shows the message."""
        return await self._database.read(lambda reader: message_list.row(reader, message_id))

    async def position(self, folder_id: FolderId | None, message_id: MessageId) -> int | None:
        """The row number of a message in a list."""
        return await self._database.read(lambda reader: message_list.position(reader, folder_id, message_id))

    async def thread(self, message_id: MessageId) -> list[MessageRow]:
        """The conversation that a message belongs to, oldest first."""
        return await self._database.read(
            lambda reader: message_list.rows_of(reader, sorted(threads.of_message(reader, message_id)))
        )

    async def content(self, message_id: MessageId) -> MessageContent:
        """A message ready to be read. Raises Offline (its body is not here), MessageGone."""
        if (kept := self._contents.get(message_id)) is not None:
            self._contents.move_to_end(message_id)
            return kept
        envelope = await self._database.read(lambda reader: messages.envelope(reader, message_id))
        if envelope is None:
            raise MessageGone("the message is not here any more")
        raw = await self.source(message_id)
        is_kept = True
        try:
            body = await self._workers.run(mime.read, raw, timeout_s=READ_TIMEOUT_S)
        except (mime.UnreadableMessage, WorkerFailed) as error:
            source = raw[: mime.MAX_TEXT_CHARS].decode("utf-8", "replace")
            body = mime.ParsedBody(source, "", (), (), 0, False, (), _UNREADABLE)
            # A busy computer can be the cause of a worker's failure: the next opening tries again.
            is_kept = not isinstance(error, WorkerFailed)
        content = MessageContent(
            message_id=message_id,
            envelope=envelope,
            text=body.text,
            html=body.html,
            attachments=body.attachments,
            inline_parts=body.inline_parts,
            remote_images=body.remote_images,
            sets_colours=body.sets_colours,
            headers=body.headers,
            problem=body.problem,
        )
        if is_kept:
            self._contents[message_id] = content
        while len(self._contents) > CONTENTS_KEPT:
            self._contents.popitem(last=False)
        return content

    async def part(self, message_id: MessageId, part_id: str) -> tuple[Part, bytes]:
        """An attachment or inline part with its decoded bytes. Raises MessageGone, Offline, KeyError (no such part)."""
        raw = await self.source(message_id)
        try:
            return await self._workers.run(mime.part_bytes, raw, part_id, timeout_s=READ_TIMEOUT_S)
        except (mime.UnreadableMessage, WorkerFailed):
            raise KeyError(part_id) from None

    async def inline_image(self, message_id: MessageId, content_id: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a raster image that the HTML refers to by ``cid:``, None when there is none."""
        raw = await self.source(message_id)
        try:
            return await self._workers.run(mime.inline_image, raw, content_id, timeout_s=READ_TIMEOUT_S)
        except (mime.UnreadableMessage, WorkerFailed):
            return None

    async def source(self, message_id: MessageId) -> bytes:
        """The raw message (RFC 5322). Raises Offline (its body is not here), MessageGone."""
        raw = await self._read_raw(message_id)
        if raw is None:
            await self._fetch_body(message_id)
            raw = await self._read_raw(message_id)
        if raw is None:
            raise MessageGone("the message is not here any more")
        return raw

    async def _read_raw(self, message_id: MessageId) -> bytes | None:
        return await self._database.read(lambda reader: messages.raw(reader, message_id))

    def _forget(self, message_ids: tuple[MessageId, ...]) -> None:
        for message_id in message_ids:
            self._contents.pop(message_id, None)


class MailSearch:
    """Search over all that is stored, offline."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, words: str, *, limit: int = 200) -> list[MessageRow]:
        """Messages that hold all the words, newest first. Any input is a search; none is an error."""
        return await self._database.read(
            lambda reader: message_list.rows_of(reader, search.find(reader, words, limit=limit))
        )
