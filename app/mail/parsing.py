"""Headers and bodies parsed in the worker processes, many at a time, so that one that hangs or crashes a parser costs itself only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from app.mail import mime
from app.mail.envelope import empty_envelope, parse_headers
from app.mail.ports import RemoteHeader
from app.model.mail import Envelope
from app.store.messages import BodyText
from app.workers import WorkerFailed, WorkerPool

A = TypeVar("A")
R = TypeVar("R")

_log = logging.getLogger(__name__)

BATCH_TIMEOUT_S = 30.0
SINGLE_TIMEOUT_S = 10.0
MAX_PARSED_BYTES = 100 << 20
"""A larger message is kept and shown as source."""


class MailParsing:
    """The two questions that sync has for the workers."""

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers

    async def envelopes(self, headers: Sequence[RemoteHeader]) -> list[Envelope]:
        """Envelopes in the order of the headers; an empty one where no worker came to an end."""
        blocks = [(header.header, header.internal_date) for header in headers]
        found = await self._each(parse_headers, blocks)
        return [
            envelope or empty_envelope(header.internal_date) for envelope, header in zip(found, headers, strict=True)
        ]

    async def texts(self, raws: Sequence[bytes]) -> list[BodyText | None]:
        """Words of whole messages in their order; None for one that cannot be taken apart."""
        found = await self._each(extract_texts, [raw if len(raw) <= MAX_PARSED_BYTES else b"" for raw in raws])
        return [text if raw and len(raw) <= MAX_PARSED_BYTES else None for text, raw in zip(found, raws, strict=True)]

    async def _each(self, fn: Callable[[Sequence[A]], list[R]], arguments: Sequence[A]) -> list[R | None]:
        if not arguments:
            return []
        try:
            return list(await self._workers.run(fn, tuple(arguments), timeout_s=BATCH_TIMEOUT_S))
        except WorkerFailed as error:
            if len(arguments) == 1:
                _log.warning("a message could not be parsed: %s", error.code)
                return [None]
        found: list[R | None] = []
        for argument in arguments:
            try:
                found += await self._workers.run(fn, (argument,), timeout_s=SINGLE_TIMEOUT_S)
            except WorkerFailed as error:
                _log.warning("a message could not be parsed: %s", error.code)
                found.append(None)
        return found


def extract_texts(raws: Sequence[bytes]) -> list[BodyText | None]:
    """`mime.extract` for many messages. Runs in a worker."""
    return [_extract(raw) for raw in raws]


def _extract(raw: bytes) -> BodyText | None:
    try:
        parsed = mime.extract(raw)
    except mime.UnreadableMessage:
        return None
    return BodyText(parsed.text, parsed.snippet, parsed.attachment_names, parsed.has_attachments, parsed.parser_version)
