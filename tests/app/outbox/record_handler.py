"""A handler as small as one can be: it writes one record to a `RecordServer` and finds it again by the operation's id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import aiohttp

from app.errors import (
    AppError,
    DiskFull,
    DuplicateFound,
    DuplicateMatch,
    Offline,
    OutcomeUnknown,
    PermanentError,
    RateLimited,
    SignInRequired,
    TransientError,
    ValidationFailed,
)
from app.model.crm import JsonObject
from app.model.ids import OperationId
from app.model.operation import Operation, OperationKind
from app.outbox.handler import Absent, Found, ProbeAnswer, Undecidable
from app.store.database import Transaction

MARKS = "CREATE TABLE IF NOT EXISTS mark (operation_id TEXT PRIMARY KEY, words TEXT NOT NULL) STRICT"


class RecordHandler:
    """Its local side is one row of the table ``mark``: pending, done, or refused; none once it is taken back."""

    def __init__(
        self, url: str, *, kind: OperationKind = OperationKind.LOG_MESSAGE, longest_call_s: float = 600.0
    ) -> None:
        self.kind = kind
        self.url = url
        self.longest = longest_call_s
        self.report: Callable[[bool, str], None] = lambda _success, _account: None
        self.breaks_when_settling = False
        self.breaks_when_backing_out = False

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        self._mark(tx, operation, "pending")

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:
        asked = {
            "key": operation.operation_id,
            "target": operation.target,
            "is_state": self.longest == 0,
            "parents": [results[needed]["record_id"] for needed in operation.depends_on],
        }
        try:
            async with _session() as session, session.post(f"{self.url}/records", json=asked) as answer:
                self.report(True, operation.account)
                _raise_for(answer.status, answer.headers)
                body = await answer.json()
        except aiohttp.ClientConnectorError:
            self.report(False, operation.account)
            raise Offline("refused") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            raise OutcomeUnknown("the answer was lost") from None
        return {"record_id": body["record_id"]}

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:
        try:
            async with (
                _session() as session,
                session.get(f"{self.url}/records", params={"key": operation.operation_id}) as answer,
            ):
                self.report(True, operation.account)
                if answer.status == 300:
                    return Undecidable("nobody can tell")
                _raise_for(answer.status, answer.headers)
                body = await answer.json()
        except aiohttp.ClientConnectorError:
            self.report(False, operation.account)
            raise Offline("refused") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            raise TransientError("the answer was lost") from None
        return Found({"record_id": body["found"][0]}) if body["found"] else Absent()

    def longest_call_s(self, operation: Operation) -> float:
        return self.longest

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:
        if self.breaks_when_settling:
            raise KeyError("settle")
        self._mark(tx, operation, f"done {result['record_id']}")

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        if self.breaks_when_backing_out:
            raise KeyError("back out")
        if error is None:
            tx.execute("DELETE FROM mark WHERE operation_id = ?", (operation.operation_id,))
        else:
            self._mark(tx, operation, f"refused {error.code}")

    @staticmethod
    def _mark(tx: Transaction, operation: Operation, words: str) -> None:
        tx.execute(
            "INSERT INTO mark VALUES (?, ?) ON CONFLICT (operation_id) DO UPDATE SET words = excluded.words",
            (operation.operation_id, words),
        )


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), trust_env=False)


def _raise_for(status: int, headers: Mapping[str, str]) -> None:
    retry_after = float(headers["Retry-After"]) if "Retry-After" in headers else None
    if status in (429, 503):
        raise RateLimited("pause", retry_after=retry_after)
    if status == 423:
        raise TransientError("row locked", retry_after=retry_after)
    if status == 401:
        raise SignInRequired("token revoked", account="crm:1")
    if status in (500, 502, 504):
        raise OutcomeUnknown("server error")
    if status == 507:
        raise DiskFull("no space here")
    if status == 400:
        raise ValidationFailed("refused", fields=("LastName",), server_text="Last name is missing")
    if status == 409:
        raise DuplicateFound("duplicate", matches=[DuplicateMatch("Contact", "003A", 90.0)], can_save_anyway=True)
    if status == 403:
        raise PermanentError("no right", code="access_denied")
