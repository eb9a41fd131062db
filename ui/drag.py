"""What is dragged within the program and out of it: the formats that features share without knowing each other."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from app.model.ids import MessageId

MESSAGES_MIME_TYPE = "application/x-outrigger-messages"
"""Local message ids as decimal text, separated by spaces."""

PART_MIME_TYPE = "application/x-outrigger-part"
"""An attachment of a stored message: its local message id and its part id, separated by a space. A file address comes with it for other programs."""


def messages_data(ids: list[MessageId]) -> QMimeData:
    """Messages to be dragged."""
    data = QMimeData()
    data.setData(MESSAGES_MIME_TYPE, " ".join(str(message_id) for message_id in ids).encode())
    return data


def dragged_messages(data: QMimeData) -> list[MessageId]:
    """The messages of a drag; empty when there are none."""
    words = bytes(data.data(MESSAGES_MIME_TYPE).data()).decode("ascii", "ignore").split()
    return [MessageId(int(word)) for word in words if word.isascii() and word.isdigit()]


def part_data(message_id: MessageId, part_id: str, path: Path) -> QMimeData:
    """An attachment to be dragged; ``path`` is the real file that it was written to."""
    data = QMimeData()
    data.setData(PART_MIME_TYPE, f"{message_id} {part_id}".encode())
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def dragged_part(data: QMimeData) -> tuple[MessageId, str] | None:
    """The attachment of a drag, None when there is none."""
    words = bytes(data.data(PART_MIME_TYPE).data()).decode("ascii", "ignore").split()
    if len(words) != 2 or not words[0].isdigit():
        return None
    return MessageId(int(words[0])), words[1]


def dragged_files(data: QMimeData) -> list[Path]:
    """Local files of a drag from outside; empty when there are none."""
    if data.hasFormat(PART_MIME_TYPE) or not data.hasUrls():
        return []
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile() and url.toLocalFile()]
