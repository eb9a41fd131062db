"""An attachment that is dragged within the window: which message and part it is, so that its bytes need not travel through a file."""

from __future__ import annotations

import json

from PySide6.QtCore import QMimeData

PART_MIME = "application/x-outrigger-part"
"""Media type of the drag data: a JSON object with ``message_id`` (int) and ``part_id`` (IMAP section)."""


def put_part(data: QMimeData, message_id: int, part_id: str) -> None:
    """Add the attachment's identity to drag data that also carries its file for other programs."""
    data.setData(PART_MIME, json.dumps({"message_id": message_id, "part_id": part_id}).encode())


def part_of(data: QMimeData) -> tuple[int, str] | None:
    """The attachment that drag data names, or None; data of other programs may be anything."""
    if not data.hasFormat(PART_MIME):
        return None
    try:
        found = json.loads(bytes(data.data(PART_MIME).data()))
        return int(found["message_id"]), str(found["part_id"])
    except (ValueError, KeyError, TypeError):
        return None
