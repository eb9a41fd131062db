"""The port between the queue and what it carries: one handler for each kind of operation.

A handler's local steps (`apply_local`, `settle_local`, `back_out`) run inside the queue's own transaction, so that the
row of the operation and its mark on mail or record can never differ. Its remote steps (`perform`, `probe`) speak to one
server; those of one handler may run at the same time for operations of different targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from app.errors import AppError
from app.model.crm import JsonObject
from app.model.ids import OperationId
from app.model.operation import Operation, OperationKind
from app.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """The probe's answer: the server has it. ``result`` is what `OperationHandler.perform` would have returned."""

    result: JsonObject


@dataclass(frozen=True, slots=True)
class Absent:
    """The probe's answer: the server does not have it now (it may still come while a lost call runs there)."""


@dataclass(frozen=True, slots=True)
class Undecidable:
    """The probe's answer: nobody can tell. The operation is shown to the user as failed; it is never sent again unasked."""

    reason: str


ProbeAnswer = Found | Absent | Undecidable


class OperationHandler(Protocol):
    """What one kind of operation does here and there."""

    @property
    def kind(self) -> OperationKind:
        """The kind it serves."""
        ...

    def apply_local(self, tx: Transaction, operation: Operation) -> None:
        """Make the wish visible, in the transaction that queues it.

        Called again when a person retries an operation that `back_out` took back.
        """
        ...

    async def perform(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> JsonObject:
        """Do it on the server, once. ``results`` are those of ``depends_on``.

        Raises Offline or RateLimited (nothing was sent or done), OutcomeUnknown (it may have been done), TransientError (not done, try again),
        SignInRequired, PermanentError, LocalError.
        """
        ...

    async def probe(self, operation: Operation, results: Mapping[OperationId, JsonObject]) -> ProbeAnswer:
        """Ask the server whether an attempt that lost its answer took effect. Raises like `perform`; reading only.

        For a wanted state that does no harm when written twice (flags, folder of a message) ``Absent`` is a right answer.
        """
        ...

    def longest_call_s(self, operation: Operation) -> float:
        """How long after its last byte the server may still be at work on a lost call: 600 at Salesforce; 0 where writing twice does no harm."""
        ...

    def settle_local(self, tx: Transaction, operation: Operation, result: JsonObject) -> None:
        """Turn the pending mark into a fact, in the transaction that marks the operation done."""
        ...

    def back_out(self, tx: Transaction, operation: Operation, error: AppError | None) -> None:
        """Take the pending mark back; ``error`` is None when the user discarded the operation.

        Called with the error when the server refused, and once more with None when the person then discards it.
        """
        ...


@runtime_checkable
class DescribingHandler(Protocol):
    """A handler that can say in words what exactly it will send."""

    def describe(self, operation: Operation) -> list[tuple[str, str]]:
        """Pairs of a label and a text for the outbox view, in the order to show them."""
        ...
