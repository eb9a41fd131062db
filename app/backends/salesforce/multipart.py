"""``multipart/form-data`` (RFC 7578) of one JSON part and one file, streamed: memory stays the same for any size.

Salesforce wants the parts ``entity_content`` and ``VersionData`` ("Insert or Update Blob Data", REST API Developer Guide).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping

from app.errors import LocalError
from app.model.crm import JsonValue

BLOCK = 64 * 1024


class MultipartFile:
    """The body of one upload, read once by requests. ``next_chunk`` gives the file's bytes piece by piece, b"" at its end.

    Raises LocalError when the file turns out shorter or longer than ``size``: the length was promised in the request's head.
    """

    def __init__(
        self, fields: Mapping[str, JsonValue], file_name: str, size: int, next_chunk: Callable[[], bytes]
    ) -> None:
        boundary = f"outrigger-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="entity_content"\r\nContent-Type: application/json\r\n\r\n'
            f"{json.dumps(fields)}\r\n"
            f'--{boundary}\r\nContent-Disposition: form-data; name="VersionData"; filename="{quoted(file_name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(head) + size + len(tail)
        self._pieces = _pieces(head, size, next_chunk, tail)
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK):
            yield block

    def read(self, amount: int = -1) -> bytes:
        """Up to ``amount`` bytes (all that are left, if negative); b"" at the end."""
        if amount < 0:
            return b"".join([self._rest, *self._pieces])
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        block, self._rest = self._rest[:amount], self._rest[amount:]
        return block


def quoted(file_name: str) -> str:
    """A file name for a Content-Disposition of form data, escaped as browsers do (WHATWG, "multipart form data")."""
    return file_name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _pieces(head: bytes, size: int, next_chunk: Callable[[], bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    left = size
    while chunk := next_chunk():
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left != 0:
        raise LocalError("the file to upload does not have the size that was noted for it", code="file_changed")
    yield tail
