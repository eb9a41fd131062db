"""The contents of files, each a file on disk; a record names it. Uploads are streamed to disk, never held in memory."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StoredFile:
    """A content on disk: its name in the store, size in bytes and MD5 as hex (``ContentVersion.Checksum``)."""

    name: str
    size: int
    md5: str


class Upload:
    """A content on its way in. ``finish`` or ``discard`` ends it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb")
        self._digest = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append a piece."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def finish(self) -> StoredFile:
        """Close the file and say what it holds."""
        self._file.close()
        return StoredFile(self._path.name, self._size, self._digest.hexdigest())

    def discard(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class FileStore:
    """A folder of contents under random names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self) -> Upload:
        """Start an upload."""
        return Upload(self._folder / secrets.token_hex(16))

    def put(self, data: bytes) -> StoredFile:
        """Store a small content at once."""
        upload = self.begin()
        upload.write(data)
        return upload.finish()

    def path(self, name: str) -> Path:
        """The file of a stored content."""
        return self._folder / name

    def remove(self, name: str) -> None:
        """Delete a content; one that is gone already is no error."""
        self.path(name).unlink(missing_ok=True)

    def keep_only(self, names: set[str]) -> None:
        """Delete every content that no record names."""
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)
