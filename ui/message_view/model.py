"""The message that is shown: its content, its images, its attachments as files. The only file of this feature that calls the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import Offline
from app.events import AccountsChanged, ConnectivityChanged, EventBus, MessagesChanged
from app.mail.accounts import MailAccounts
from app.mail.mime import raster_type
from app.mail.opened_files import OpenedFiles
from app.mail.reader import MailReader
from app.model.ids import MessageId
from app.model.mail import Flag, Part
from ui.dispatch import Dispatcher
from ui.message_view.looks import Attachment, MessageLook
from ui.text import Words

READ_AFTER_MS = 800
"""A message that is shown this long counts as read: who runs through the list with ``j`` reads nothing."""
PREVIEW_CHARS = 500_000
SOURCE_CHARS = 1_000_000


class FileUse(StrEnum):
    """What an attachment is made a file for."""

    OPEN = "open"
    SAVE = "save"
    DRAG = "drag"


class MessageViewModel(QObject):
    """Follows the selection.

    ``loading(message_id)``; ``shown(MessageLook)``, again when flags change; ``failed(Words, is_offline)``; ``cleared(number_selected)`` for none
    or several; ``resource_ready(request, media_type, bytes)`` (empty for "no"); ``file_ready(part_id, path, FileUse)``; ``text_ready(title, text)``
    for a preview or the source; ``read(message_id)`` when an unread message was shown long enough.
    """

    loading = Signal(object)
    shown = Signal(MessageLook)
    failed = Signal(Words, bool)
    cleared = Signal(int)
    resource_ready = Signal(str, str, bytes)
    file_ready = Signal(str, object, FileUse)
    text_ready = Signal(str, str)
    read = Signal(object)

    def __init__(
        self,
        reader: MailReader,
        files: OpenedFiles,
        accounts: MailAccounts,
        bus: EventBus,
        dispatcher: Dispatcher,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._files = files
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._current: MessageId | None = None
        self._look: MessageLook | None = None
        self._is_waiting_for_network = False
        self._own: frozenset[str] | None = None
        self._read_timer = QTimer(self)
        self._read_timer.setSingleShot(True)
        self._read_timer.setInterval(READ_AFTER_MS)
        self._read_timer.timeout.connect(self._on_read_timeout)
        self._unsubscribe = [
            bus.subscribe(MessagesChanged, self._on_messages_changed),
            bus.subscribe(ConnectivityChanged, self._on_connectivity_changed),
            bus.subscribe(AccountsChanged, lambda _event: self._forget_own()),
        ]

    @property
    def look(self) -> MessageLook | None:
        """What is shown now."""
        return self._look

    def show(self, ids: Sequence[MessageId]) -> None:
        """Show one message; none or several are only counted."""
        if len(ids) != 1:
            self._stop()
            self.cleared.emit(len(ids))
        elif ids[0] != self._current:
            self._stop()
            self._current = ids[0]
            self.loading.emit(ids[0])
            self.reload()

    def reload(self) -> None:
        """Read the message anew."""
        if self._current is not None:
            self._is_waiting_for_network = False
            self._dispatcher.start(self._load(self._current), slot=(self, "load"), on_error=self._on_error)

    def fetch_resource(self, request: str, kind: str, name: str) -> None:
        """Bring an image that the HTML shows (kind ``cid``) or that is previewed (kind ``part``)."""
        if self._current is None:
            self.resource_ready.emit(request, "", b"")
            return
        self._dispatcher.start(
            self._resource(self._current, request, kind, name),
            on_error=lambda _error, _words: self._refuse_resource(request),
        )

    def make_file(self, part_id: str, use: FileUse, directory: Path | None = None) -> None:
        """Write an attachment to ``directory``, or to the private folder without one."""
        if self._current is not None:
            self._dispatcher.start(self._export(self._current, part_id, use, directory))

    def preview_text(self, part_id: str) -> None:
        """Bring a text attachment to be shown."""
        if self._current is not None:
            self._dispatcher.start(self._preview(self._current, part_id), slot=(self, "preview"))

    def show_source(self) -> None:
        """Bring the raw message to be shown."""
        if self._current is not None:
            self._dispatcher.start(self._source(self._current), slot=(self, "preview"))

    def close(self) -> None:
        """Hear no more events."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._read_timer.stop()

    def _stop(self) -> None:
        self._dispatcher.cancel((self, "load"))
        self._dispatcher.cancel((self, "preview"))
        self._read_timer.stop()
        self._current = None
        self._look = None
        self._is_waiting_for_network = False

    async def _load(self, message_id: MessageId) -> None:
        if self._own is None:
            self._own = frozenset(account.address.lower() for account in await self._accounts.list())
        row = await self._reader.row(message_id)
        content = await self._reader.content(message_id)
        attachments = tuple(Attachment(part, self._files.is_program(part)) for part in content.attachments)
        self._look = MessageLook(content, row, attachments, self._own)
        self.shown.emit(self._look)
        if row is not None and Flag.SEEN not in row.flags:
            self._read_timer.start()

    async def _reload_row(self, message_id: MessageId) -> None:
        row = await self._reader.row(message_id)
        if self._look is not None and self._look.message_id == message_id and row != self._look.row:
            self._look = replace(self._look, row=row)
            self.shown.emit(self._look)

    async def _resource(self, message_id: MessageId, request: str, kind: str, name: str) -> None:
        if kind == "cid":
            found = await self._reader.inline_image(message_id, name)
            media_type, data = found if found is not None else ("", b"")
        else:
            _part, data = await self._reader.part(message_id, name)
            media_type = raster_type(data)
        self.resource_ready.emit(request, media_type, data if media_type else b"")

    async def _export(self, message_id: MessageId, part_id: str, use: FileUse, directory: Path | None) -> None:
        path = await self._files.export(message_id, part_id, directory)
        self.file_ready.emit(part_id, path, use)

    async def _preview(self, message_id: MessageId, part_id: str) -> None:
        part, data = await self._reader.part(message_id, part_id)
        self.text_ready.emit(part.filename, _decoded(part, data[:PREVIEW_CHARS]))

    async def _source(self, message_id: MessageId) -> None:
        raw = await self._reader.source(message_id)
        self.text_ready.emit("Source", raw[:SOURCE_CHARS].decode("utf-8", "replace"))

    def _refuse_resource(self, request: str) -> bool:
        # A picture that cannot be had leaves its gap in the mail; a notice for each would be noise.
        self.resource_ready.emit(request, "", b"")
        return True

    def _on_error(self, error: BaseException, words: Words) -> bool:
        is_offline = isinstance(error, Offline)
        self._is_waiting_for_network = is_offline
        if is_offline:
            words = Words(
                "This message has not been brought to this computer yet.",
                "It is shown as soon as its server can be reached.",
                needs_person=False,
            )
        self.failed.emit(words, is_offline)
        return True

    def _on_messages_changed(self, event: MessagesChanged) -> None:
        if self._current is not None and self._current in event.message_ids:
            if self._look is None:
                self.reload()
            else:
                self._dispatcher.start(self._reload_row(self._current), slot=(self, "row"))

    def _on_connectivity_changed(self, event: ConnectivityChanged) -> None:
        if event.is_online and self._is_waiting_for_network:
            self.reload()

    def _forget_own(self) -> None:
        self._own = None

    def _on_read_timeout(self) -> None:
        if self._current is not None:
            self.read.emit(self._current)


def _decoded(part: Part, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A cut in the middle of a character is not another encoding.
        if error.start >= len(data) - 3 and part.size > len(data):
            return data[: error.start].decode("utf-8-sig", "replace")
        return data.decode("windows-1252", "replace")
