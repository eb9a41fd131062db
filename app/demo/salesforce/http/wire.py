"""What is done to a connection: cut by a reset, answered in part, and the bodies of requests taken in."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from app.demo.salesforce.errors import refuse
from app.demo.salesforce.files import FileStore, StoredFile, Upload

MAX_JSON = 50 * 2**20
MAX_CONTENT = 2 * 2**30
_PIECE = 256 * 1024


class UploadCut(Exception):
    """The connection is to be cut now: enough of the body has come in."""


@dataclass(frozen=True)
class Payload:
    """A request's body: the JSON or form bytes, and the file of a multipart request, on disk."""

    body: bytes
    content: StoredFile | None
    size: int


def send_part(request: web.Request, raw: bytes) -> None:
    """Send these bytes as they are and end the connection behind them."""
    transport = request.transport
    if transport is not None:
        transport.write(raw)
        transport.close()


def raw_answer(response: web.StreamResponse, body: bytes, date: str) -> bytes:
    """An answer as bytes on the wire, to be cut at any place."""
    reason = HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {reason}", f"Date: {date}", f"Content-Length: {len(body)}"]
    names = [name for name in response.headers if name.lower() not in ("content-length", "date")]
    lines += [f"{name}: {response.headers[name]}" for name in names]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def read_payload(request: web.Request, files: FileStore | None, cut_at: int | None) -> Payload:
    """Take the body in; the file of a multipart request goes to disk piece by piece, in either order of the parts.

    ``files`` is None where no file is expected. ``cut_at`` raises UploadCut after so many bytes. Raises ApiError.
    """
    meter = _Meter(cut_at)
    if files is None or not request.content_type.startswith("multipart/"):
        chunks = []
        async for piece in request.content.iter_chunked(_PIECE):
            meter.add(len(piece))
            if meter.size > MAX_JSON:
                raise refuse("REQUEST_ENTITY_TOO_LARGE", "The request body is larger than 50 MB", status=413)
            chunks.append(piece)
        return Payload(b"".join(chunks), None, meter.size)
    upload = files.begin()
    try:
        body = await _read_parts(request, upload, meter)
    except (ValueError, LookupError, HttpProcessingError) as exc:
        # aiohttp's words for parts that are cut short, have no boundary or no end of line
        upload.discard()
        raise refuse("INVALID_MULTIPART_REQUEST", "The multipart body is not well formed") from exc
    except BaseException:
        upload.discard()
        raise
    return Payload(body, upload.finish(), meter.size)


class _Meter:
    def __init__(self, cut_at: int | None) -> None:
        self._cut_at = cut_at
        self.size = 0

    def add(self, size: int) -> None:
        self.size += size
        if self._cut_at is not None and self.size >= self._cut_at:
            raise UploadCut


async def _read_parts(request: web.Request, upload: Upload, meter: _Meter) -> bytes:
    body: bytes | None = None
    has_content = False
    reader = await request.multipart()
    while True:
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader):
            raise refuse("INVALID_MULTIPART_REQUEST", "A multipart request must not contain another one")
        if part.name == "VersionData":
            if not part.filename:
                raise refuse("INVALID_MULTIPART_REQUEST", "The part VersionData needs a filename")
            has_content = True
            await _store(part, upload, meter)
        elif part.name == "entity_content" and body is None:
            body = await _collect(part, meter)
        else:
            raise refuse("INVALID_MULTIPART_REQUEST", f"The part {part.name} is not known here")
    if body is None or not has_content:
        raise refuse("INVALID_MULTIPART_REQUEST", "The parts entity_content and VersionData are both needed")
    return body


async def _collect(part: BodyPartReader, meter: _Meter) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await part.read_chunk(_PIECE):
        size += len(piece)
        if size > MAX_JSON:
            raise refuse("REQUEST_ENTITY_TOO_LARGE", "The JSON part is larger than 50 MB", status=413)
        meter.add(len(piece))
        pieces.append(bytes(piece))
    return b"".join(pieces)


async def _store(part: BodyPartReader, upload: Upload, meter: _Meter) -> None:
    size = 0
    while True:
        piece = await part.read_chunk(_PIECE)
        if not piece:
            return
        size += len(piece)
        if size > MAX_CONTENT:
            raise refuse("REQUEST_ENTITY_TOO_LARGE", "Files are limited to 2 GB", status=413)
        meter.add(len(piece))
        upload.write(piece)
        # disk writes block; between two pieces other requests get their turn
        await asyncio.sleep(0)


def to_json(body: object, *, pretty: bool) -> bytes:
    """A body as the API sends it."""
    if pretty:
        return json.dumps(body, ensure_ascii=False, indent=2).encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
