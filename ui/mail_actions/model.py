"""Changes to messages, through the outbox, each with its undo. The only file of this feature that calls the core."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.mail.actions import MailActions
from app.model.ids import FolderId, MessageId, OperationId
from app.model.mail import Flag
from ui.dispatch import Dispatcher
from ui.text import count


class MailActionsModel(QObject):
    """Takes wishes for messages. ``done(text, undo)`` tells what was done and how to take it back (a function without arguments)."""

    done = Signal(str, object)

    def __init__(self, actions: MailActions, dispatcher: Dispatcher, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._dispatcher = dispatcher

    def archive(self, ids: Sequence[MessageId]) -> None:
        """Move to the archive folder of each message's account."""
        self._run(ids, lambda: self._actions.archive(tuple(ids)), "Archived")

    def delete(self, ids: Sequence[MessageId]) -> None:
        """Move to the trash folder of each message's account."""
        self._run(ids, lambda: self._actions.delete(tuple(ids)), "Moved to Trash")

    def move(self, ids: Sequence[MessageId], folder_id: FolderId, folder_name: str) -> None:
        """Move to a folder."""
        self._run(ids, lambda: self._actions.move(tuple(ids), folder_id), f"Moved to {folder_name}")

    def set_flagged(self, ids: Sequence[MessageId], *, on: bool) -> None:
        """Set or clear the flag."""
        self._run(
            ids, lambda: self._actions.set_flag(tuple(ids), Flag.FLAGGED, on), "Flagged" if on else "Flag removed"
        )

    def set_seen(self, ids: Sequence[MessageId], *, on: bool, quietly: bool = False) -> None:
        """Mark as read or unread. ``quietly``: no undo bar (the message was opened)."""
        text = "" if quietly else ("Marked as read" if on else "Marked as unread")
        self._run(ids, lambda: self._actions.set_flag(tuple(ids), Flag.SEEN, on), text)

    def _run(
        self, ids: Sequence[MessageId], work: Callable[[], Coroutine[Any, Any, list[OperationId]]], text: str
    ) -> None:
        if ids:
            self._dispatcher.start(self._do(work, text, len(ids)))

    async def _do(self, work: Callable[[], Coroutine[Any, Any, list[OperationId]]], text: str, number: int) -> None:
        operations = await work()
        if text:
            what = text if number == 1 else f"{text}: {count(number)} messages"
            self.done.emit(what, lambda: self._dispatcher.start(self._actions.undo(operations)))
