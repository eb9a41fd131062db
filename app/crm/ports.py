"""What Salesforce and the mail side must offer to `app.crm`.

`CrmGateway` has one implementation on the wire (`app.backends.salesforce`); it is a port because of the floors, as `MessageSource` is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import AppError
from app.model.crm import JsonObject, JsonValue
from app.model.ids import MessageId, RecordId
from app.model.mail import LoggedMessage, Part


@dataclass(frozen=True, slots=True)
class SubRequest:
    """One part of a composite request. ``path`` begins after ``/services/data/vNN.N`` ("/query/?q=…", "/sobjects/Task")."""

    reference_id: str
    method: str
    path: str
    body: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class SubResponse:
    """One part of a composite answer; ``body`` as parsed.

    ``error`` is what a refused part means, by the same mapping as a refused call; None for a part that was carried out.
    """

    reference_id: str
    status: int
    body: JsonValue
    error: AppError | None = None


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """``Sforce-Limit-Info`` of the last answer (0 and 0 before the first); ``calls`` counts the calls of this gateway since it was made."""

    used: int
    maximum: int
    calls: int


class CrmGateway(Protocol):
    """The REST API for one login. Every method raises Offline, RateLimited, OutcomeUnknown (writes only), TransientError, SignInRequired,
    PermanentError and its kinds, by the error's class and code, never by text.
    """

    @property
    def usage(self) -> ApiUsage:
        """What the org said last of its daily API calls."""
        ...

    @property
    def longest_call_s(self) -> float:
        """How long a call may run on the server: 600, or what a demo world announced."""
        ...

    def now(self) -> float:
        """The server's time in epoch seconds, by the Date header of its last answer; the local clock before the first."""
        ...

    async def query(self, soql: str) -> list[JsonObject]:
        """All rows of a SOQL query, pages followed."""
        ...

    async def search(self, sosl: str) -> list[JsonObject]:
        """Rows of a SOSL search."""
        ...

    async def composite(self, requests: Sequence[SubRequest], *, all_or_none: bool) -> list[SubResponse]:
        """At most 25 parts, at most 5 queries, one API call; answers in the order of the requests.

        A refused part is no exception: look at its error.
        """
        ...

    async def describe(self, object_type: str, *, etag: str = "") -> tuple[JsonObject | None, str]:
        """The describe and its validator (opaque); None when the one that the caller has is still right."""
        ...

    async def object_types(self) -> dict[str, JsonObject]:
        """The global describe by object name."""
        ...

    async def create(
        self, object_type: str, fields: Mapping[str, JsonValue], *, headers: Mapping[str, str] | None = None
    ) -> RecordId:
        """Create a record; its id. Raises DuplicateFound, ValidationFailed."""
        ...

    async def update(self, object_type: str, record_id: RecordId, fields: Mapping[str, JsonValue]) -> None:
        """Change a record."""
        ...

    async def upload_file(
        self, fields: Mapping[str, JsonValue], file_name: str, size: int, chunks: Callable[[], AsyncIterator[bytes]]
    ) -> RecordId:
        """Create a ContentVersion by multipart from a stream of ``size`` bytes; its id.

        ``chunks`` begins the stream; it is called again when the request has to be sent again after a renewed sign-in.
        """
        ...

    async def reach(self) -> None:
        """Ask for something public that costs no API call: whether Salesforce can be reached. Raises Offline where it can't."""
        ...

    async def close(self) -> None:
        """End the threads; never raises."""
        ...


class MessageSource(Protocol):
    """What the CRM side needs of stored mail."""

    async def log_data(self, message_id: MessageId) -> LoggedMessage:
        """A message as it is to be logged. Raises Offline when its body is not here and can't be fetched, RecordNotFound when the message is gone."""
        ...

    async def part(self, message_id: MessageId, part_id: str) -> tuple[Part, bytes]:
        """The decoded bytes of an attachment or inline part. Raises like `log_data`."""
        ...
