"""Copying a file's bytes into the encrypted store before they are queued: what the user dropped is safe even if the file vanishes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import unicodedata
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from app.clock import Clock
from app.concurrency import BlockingWorker
from app.errors import AppError, LocalError, ValidationFailed
from app.store import crm as store
from app.store.database import Database

CHUNK = 1024 * 1024
LARGEST = 2 * 1024 * 1024 * 1024
"""What Salesforce takes as one ContentVersion by multipart, 2 GB (REST API Developer Guide, "Insert or Update Blob Data")."""

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # parts of ordinary words and of emoji


class Staging:
    """Takes files in, piece by piece: a file of any size needs the memory of one piece."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take_bytes(self, file_name: str, data: bytes) -> store.StagedFile:
        """Keep an attachment. Raises ValidationFailed (empty, too large), DiskFull."""
        _check_size(len(data))
        async with _intake(self._database, self._clock, file_name) as intake:
            for start in range(0, len(data), CHUNK):
                await intake.add(data[start : start + CHUNK])
            return await intake.complete()

    async def take_file(self, path: Path) -> store.StagedFile:
        """Keep a file of this machine.

        Raises ValidationFailed (no file, empty, too large), LocalError (not readable, changed meanwhile), DiskFull.
        """
        worker = BlockingWorker("file-staging")
        try:
            file = await worker.run(_open, path)
            try:
                before = await worker.run(_fingerprint, file)
                pieces = _pieces(file)
                async with _intake(self._database, self._clock, path.name) as intake:
                    while piece := await worker.run(next, pieces, b""):
                        await intake.add(piece)
                    if await worker.run(_fingerprint, file) != before or intake.size != before[0]:
                        raise LocalError("the file changed while it was read; drop it again", code="file_changed")
                    return await intake.complete()
            finally:
                await worker.run(file.close)
        except OSError:
            raise LocalError("the file could not be read", code="file_unreadable") from None
        finally:
            await worker.close()


@asynccontextmanager
async def _intake(database: Database, clock: Clock, file_name: str) -> AsyncIterator[_Intake]:
    """An intake that leaves nothing behind when it fails: half a file must not fill a disk that is full already."""
    intake = _Intake(database, clock, file_name)
    try:
        await intake.begin()
        yield intake
    except BaseException:
        with contextlib.suppress(AppError):
            await intake.drop()
        raise


class _Intake:
    def __init__(self, database: Database, clock: Clock, file_name: str) -> None:
        self._database = database
        self._clock = clock
        self._staged_id = str(uuid.uuid4())
        self._file_name = safe_file_name(file_name)
        # MD5 because Salesforce names a file's content by it (ContentVersion.Checksum); nothing is protected by it.
        self._digest = hashlib.md5(usedforsecurity=False)
        self._number = 0
        self.size = 0

    async def begin(self) -> None:
        now = self._clock.wall()
        await self._database.write(
            "stage a file", lambda tx: store.begin_staged_file(tx, self._staged_id, self._file_name, now=now)
        )

    async def add(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.size += len(piece)
        _check_size(self.size)
        write = partial(store.add_staged_chunk, staged_id=self._staged_id, number=self._number, chunk=piece)
        await self._database.write("stage a file", write)
        self._number += 1

    async def complete(self) -> store.StagedFile:
        staged = store.StagedFile(self._staged_id, self._file_name, self.size, self._digest.hexdigest())
        await self._database.write(
            "stage a file", lambda tx: store.complete_staged_file(tx, staged.staged_id, staged.size, staged.md5)
        )
        return staged

    async def drop(self) -> None:
        await self._database.write("drop a staged file", lambda tx: store.drop_staged_file(tx, self._staged_id))


def safe_file_name(name: str) -> str:
    """A name to show and to send: no path, no control or direction characters, at most 255 characters, never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if c in _JOINERS or unicodedata.category(c) not in _UNSEEN).strip()
    if len(shown) > 255:
        stem, dot, ending = shown.rpartition(".")
        shown = f"{stem[: 254 - len(ending)]}.{ending}" if dot and len(ending) <= 20 else shown[:255]
    return shown if shown.strip(".") else "file"


def _check_size(size: int) -> None:
    if size == 0:
        raise ValidationFailed("the file is empty; Salesforce keeps no empty files", code="file_empty")
    if size > LARGEST:
        raise ValidationFailed("the file is larger than the 2 GB that Salesforce takes", code="file_too_large")


def _open(path: Path) -> BinaryIO:
    # Not blocking, so that a named pipe in the place of a file cannot hold the thread.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    file = os.fdopen(os.open(path, flags), "rb", buffering=0)
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise ValidationFailed("this is not a file: folders and devices can't be attached", code="not_a_file")
    try:
        _check_size(status.st_size)
    except ValidationFailed:
        file.close()
        raise
    return file


def _fingerprint(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece
