"""Attachments as real files: opened, dragged out or saved.

Files that are opened or dragged out lie in one private folder (0700) that is emptied at close and at the next start. Saving writes beside the
target first and renames, and never replaces a file that is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.concurrency import BlockingWorker
from app.errors import DiskFull, LocalError
from app.mail.file_names import is_program, safe_file_name
from app.model.ids import MessageId
from app.model.mail import Part

PartSource = Callable[[MessageId, str], Awaitable[tuple[Part, bytes]]]


class OpenedFiles:
    """Hands out attachments as files. ``folder`` is the private folder; ``part`` gives an attachment's decoded bytes."""

    def __init__(self, folder: Path, part: PartSource) -> None:
        self._folder = folder
        self._part = part
        self._worker = BlockingWorker("opened-files")
        self._opened: dict[tuple[MessageId, str], Path] = {}

    async def start(self) -> None:
        """Remove what an earlier run left and make the folder anew. Raises LocalError, DiskFull."""
        await self._worker.run(_empty_folder, self._folder)

    async def export(self, message_id: MessageId, part_id: str, directory: Path | None = None) -> Path:
        """Write an attachment to ``directory``, or to the private folder (the same file again for the same part); the path written.

        A name that is taken gets " (2)", " (3)" … Raises KeyError (no such part), LocalError, DiskFull, and what the part's source raises.
        """
        key = (message_id, part_id)
        if directory is None and key in self._opened and await self._worker.run(self._opened[key].is_file):
            return self._opened[key]
        part, data = await self._part(message_id, part_id)
        if directory is not None:
            return await self._worker.run(write_new_file, directory, part.filename, data)
        private = self._folder / f"{message_id:x}-{part_id}"
        path = await self._worker.run(write_new_file, private, part.filename, data)
        self._opened[key] = path
        return path

    def is_program(self, part: Part) -> bool:
        """Whether opening the part could run something, so that the user is asked first."""
        return is_program(part.filename, part.content_type)

    async def close(self) -> None:
        """Remove every opened file and end the thread; never raises."""
        self._opened.clear()
        with contextlib.suppress(LocalError):
            await self._worker.close(lambda: _remove_folder(self._folder))


def write_new_file(directory: Path, name: str, data: bytes) -> Path:
    """Write ``data`` under a free name in ``directory`` (made 0700 when missing), readable by its owner only. Raises DiskFull, LocalError."""
    safe = safe_file_name(name)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = directory / f".{os.urandom(8).hex()}.part"
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            return _take_free_name(partial, directory, safe)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise DiskFull("the file could not be written: the disk is full") from None
        raise LocalError(f"the file could not be written ({type(error).__name__})", code="file_not_written") from None


def _take_free_name(partial: Path, directory: Path, name: str) -> Path:
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in range(1, 10_000):
        target = directory / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            # The empty file reserves the name without a race; the rename then fills it at once.
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        partial.replace(target)
        return target
    raise FileExistsError(name)


def _empty_folder(folder: Path) -> None:
    _remove_folder(folder)
    try:
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o700)
    except OSError as error:
        raise LocalError(f"the folder for opened files could not be made ({type(error).__name__})") from None


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    shutil.rmtree(folder, ignore_errors=True)
