"""One operation, one step further: sent, asked for, settled or taken back, by the table of the design.

The row is committed as ``sending`` before the first byte, so that a crash at any moment leaves either an operation that
was never sent or one that is known to be in doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from app.clock import Clock
from app.concurrency import backoff_delay
from app.errors import (
    AppError,
    BugError,
    LocalError,
    Offline,
    OutcomeUnknown,
    PermanentError,
    RateLimited,
    TransientError,
)
from app.errors import SignInRequired as SignInRequiredError
from app.events import SignInRequired
from app.model.crm import JsonObject
from app.model.ids import OperationId
from app.model.operation import Operation, OperationState
from app.outbox import outcomes
from app.outbox.checkpoints import Checkpoint
from app.outbox.deadlines import Deadlines
from app.outbox.handler import Absent, Found, OperationHandler, ProbeAnswer, Undecidable
from app.outbox.outbox import Outbox
from app.store import operations
from app.store.database import Database, Reader, Transaction

_log = logging.getLogger(__name__)

T = TypeVar("T")

OwnerOf: TypeAlias = "Callable[[Reader, str], str | None]"
"""Who an account key is signed in as now, in the form of `NewOperation.owner`; None when the account is gone."""

AccountOf: TypeAlias = "Callable[[Reader, str], str | None]"
"""The account key under which an owner is signed in now, None when it is not: an account that was removed and added again has
another key. Only for kinds of accounts whose owner says all (a Salesforce user in an org; not a mailbox user, whose server matters)."""

DOUBT_MARGIN_S = 5.0
"""Added to a server's longest call: its clock and its own limits are not exact."""
RATE_LIMIT_PAUSE_S = 30.0
"""The pause of an account whose server asks for one without saying how long; doubled each time."""
MOST_ATTEMPTS = 25
"""Attempts that the server saw before the operation is shown as failed; a person may then start it anew."""
BUSY_DATABASE_PAUSE_S = 1.0

Results: TypeAlias = "Mapping[OperationId, JsonObject]"


@dataclass(frozen=True, slots=True)
class Report:
    """What a step means for others.

    ``is_offline``: a server was missed; ``rest_s`` asks for a rest of the whole account that long. ``is_closed`` is true
    when the operation came to an end (done or failed).
    """

    is_offline: bool = False
    rest_s: float = 0.0
    is_closed: bool = False


NOTHING_LEARNED = Report()


class Attempt:
    """Carries operations one step further. Holds no state of an operation but its deadlines and its troubles in a row."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: Outbox,
        deadlines: Deadlines,
        owner_of: OwnerOf,
        account_of: AccountOf,
        checkpoint: Checkpoint,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._deadlines = deadlines
        self._owner_of = owner_of
        self._account_of = account_of
        self._checkpoint = checkpoint
        self._troubles: dict[OperationId, int] = {}
        self._under_way: set[OperationId] = set()

    @property
    def under_way(self) -> frozenset[OperationId]:
        """The operations that are being carried out at this moment."""
        return frozenset(self._under_way)

    async def make(self, operation_id: OperationId) -> Report:
        """Take one operation that is due as far as it goes now.

        Raises LocalError when this machine is in the way; what was begun is left in doubt.
        """
        self._under_way.add(operation_id)
        try:
            return await self._take_further(operation_id)
        finally:
            self._under_way.discard(operation_id)

    async def _take_further(self, operation_id: OperationId) -> Report:
        operation = await self._write("look at an operation", lambda tx: self._admit(tx, operation_id))
        if operation is None:
            return NOTHING_LEARNED
        try:
            handler = self._outbox.handler(operation.kind)
        except BugError as error:
            return await self._fail(None, operation, error, is_in_doubt=operation.in_doubt_since > 0)
        if operation.state is OperationState.CHECKING:
            return await self._check(handler, operation)
        if operation.in_doubt_since > 0 and (left := self._left_of_doubt(operation, handler)) > 0:
            # A person chose to send again what nobody could tell; a lost call must be over first.
            not_before = self._deadlines.set_try(operation.operation_id, left)
            await self._save(replace(operation, not_before=not_before), expected=OperationState.PENDING)
            return NOTHING_LEARNED
        return await self._send(handler, operation)

    def _left_of_doubt(self, operation: Operation, handler: OperationHandler) -> float:
        """Seconds until a lost call of the operation can surely no longer take effect."""
        return self._deadlines.left_of_doubt(
            operation.operation_id, operation.in_doubt_since, length=doubt_length(handler, operation)
        )

    def _admit(self, tx: Transaction, operation_id: OperationId) -> Operation | None:
        # The row may have changed since it was found due, and the account may belong to somebody else by now.
        if not operations.is_head(tx, operation_id):
            return None
        operation = operations.get(tx, operation_id)
        if operation is None:
            return None
        owner = self._owner_of(tx, operation.account)
        if owner == operation.owner:
            return operation
        if owner is None and (account := self._account_of(tx, operation.owner)) is not None:
            operations.change_account(tx, operation_id, account)
            return replace(operation, account=account)
        if owner is None:
            stopped = outcomes.paused(operation, outcomes.ACCOUNT_REMOVED, outcomes.ACCOUNT_REMOVED_WORDS)
        else:
            stopped = outcomes.paused(operation, outcomes.OTHER_OWNER, outcomes.OTHER_OWNER_WORDS)
        operations.save(tx, stopped, expected=operation.state, now=self._clock.wall())
        return None

    async def _send(self, handler: OperationHandler, before: Operation) -> Report:
        if before.attempts >= MOST_ATTEMPTS:
            error = PermanentError(f"given up after {before.attempts} attempts", code=outcomes.GAVE_UP)
            return await self._fail(handler, before, error, is_in_doubt=False)
        self._checkpoint("before_begin")
        begun = await self._write("begin an attempt", lambda tx: self._begin(tx, before))
        if begun is None:
            return NOTHING_LEARNED
        operation, results = begun
        self._checkpoint("after_begin")
        try:
            result = await handler.perform(operation, results)
        except (Offline, RateLimited) as error:
            return await self._postpone_unsent(before, operation, error)
        except OutcomeUnknown as error:
            doubted = outcomes.doubted(operation, error, now=self._deadlines.begin_doubt(operation.operation_id))
            await self._save(doubted, expected=OperationState.SENDING)
            return NOTHING_LEARNED
        except TransientError as error:
            not_before = self._next_try(operation, error)
            await self._save(
                outcomes.not_done(operation, error, not_before=not_before), expected=OperationState.SENDING
            )
            return NOTHING_LEARNED
        except SignInRequiredError as error:
            return await self._pause(replace(before, state=operation.state), error, in_doubt_since=0.0)
        except PermanentError as error:
            return await self._fail(handler, operation, error, is_in_doubt=False)
        except LocalError as error:
            await self._leave_in_doubt(operation, error)
            raise
        except Exception as error:  # noqa: BLE001 - a handler's bug ends this operation visibly and no other
            self._deadlines.begin_doubt(operation.operation_id)
            return await self._fail(handler, operation, _bug(error), is_in_doubt=True)
        self._checkpoint("after_perform")
        return await self._settle(handler, operation, result)

    def _begin(self, tx: Transaction, before: Operation) -> tuple[Operation, Results] | None:
        if not operations.is_head(tx, before.operation_id):
            return None
        now = self._clock.wall()
        operation = outcomes.begun(before, now=now)
        if not operations.save(tx, operation, expected=before.state, now=now):
            return None
        self._checkpoint("in_begin")
        return operation, operations.results(tx, operation)

    async def _check(self, handler: OperationHandler, operation: Operation) -> Report:
        results = await self._database.read(lambda reader: operations.results(reader, operation))
        self._checkpoint("before_probe")
        # Asked for before the question goes out: an "absent" from before the doubt's end proves nothing.
        left = self._left_of_doubt(operation, handler)
        try:
            answer: ProbeAnswer = await handler.probe(operation, results)
        except TransientError as error:
            # Reading only: whatever was lost, the doubt is as large as before.
            return await self._postpone_question(operation, error)
        except SignInRequiredError as error:
            return await self._pause(operation, error, in_doubt_since=operation.in_doubt_since)
        except PermanentError as error:
            return await self._fail(handler, operation, error, is_in_doubt=True)
        except LocalError:
            raise
        except Exception as error:  # noqa: BLE001 - as in _send
            return await self._fail(handler, operation, _bug(error), is_in_doubt=True)
        self._checkpoint("after_probe")
        match answer:
            case Found(result=result):
                return await self._settle(handler, operation, result)
            case Undecidable(reason=reason):
                undecidable = PermanentError(reason, code=outcomes.UNDECIDABLE)
                return await self._fail(handler, operation, undecidable, is_in_doubt=True)
            case Absent():
                self._troubles.pop(operation.operation_id, None)
        if left > 0:
            # The question took time too; ask again when the doubt is over, not a full length later.
            wait = max(0.0, self._left_of_doubt(operation, handler))
            not_before = self._deadlines.set_try(operation.operation_id, wait)
            absent = outcomes.absent_for_now(operation, doubt_ends=not_before)
            await self._save(absent, expected=OperationState.CHECKING)
            return NOTHING_LEARNED
        return await self._send(handler, operation)

    async def _settle(self, handler: OperationHandler, operation: Operation, result: JsonObject) -> Report:
        done = outcomes.done(operation, result)

        def settle(tx: Transaction) -> bool:
            if not operations.save(tx, done, expected=operation.state, now=self._clock.wall()):
                return False
            handler.settle_local(tx, done, result)
            self._checkpoint("in_settle")
            return True

        try:
            is_settled = await self._write("settle an operation", settle)
        except LocalError:
            raise
        except Exception as error:  # noqa: BLE001 - as in _send
            return await self._fail(handler, operation, _bug(error), is_in_doubt=True)
        self._checkpoint("after_settle")
        self._forget(operation.operation_id)
        return Report(is_closed=is_settled)

    async def _fail(
        self, handler: OperationHandler | None, operation: Operation, error: AppError, *, is_in_doubt: bool
    ) -> Report:
        failed = outcomes.failed(operation, error, is_in_doubt=is_in_doubt)

        def back_out(tx: Transaction) -> bool:
            if not operations.save(tx, failed, expected=operation.state, now=self._clock.wall()):
                return False
            if handler is not None:
                handler.back_out(tx, failed, error)
            self._checkpoint("in_back_out")
            return True

        _log.warning("%s failed: %s", operation.kind.value, error.code)
        try:
            is_failed = await self._write("take an operation back", back_out)
        except LocalError:
            raise
        except Exception as second:  # noqa: BLE001 - as in _send; the row must say failed even so
            _log.error("taking back %s raised %s", operation.kind.value, type(second).__name__)
            is_failed = await self._save(failed, expected=operation.state)
        self._checkpoint("after_back_out")
        self._troubles.pop(operation.operation_id, None)
        return Report(is_closed=is_failed)

    async def _pause(
        self,
        operation: Operation,
        error: SignInRequiredError,
        *,
        in_doubt_since: float,
    ) -> Report:
        stopped = outcomes.paused(operation, outcomes.SIGN_IN, outcomes.SIGN_IN_WORDS)
        stopped = replace(stopped, in_doubt_since=in_doubt_since)
        # What is under way meets the same refusal by itself and must not be changed under its own feet.
        spare = self.under_way

        def pause(tx: Transaction) -> None:
            is_news = not operations.is_account_paused(tx, operation.account, outcomes.SIGN_IN)
            operations.save(tx, stopped, expected=operation.state, now=self._clock.wall())
            operations.pause_account(tx, operation.account, outcomes.SIGN_IN, outcomes.SIGN_IN_WORDS, spare=spare)
            if is_news:
                tx.publish(SignInRequired(operation.account))
            self._checkpoint("in_pause")

        _log.info("%s waits for sign-in: %s", operation.account, error.code)
        await self._write("pause an account", pause)
        self._checkpoint("after_pause")
        return NOTHING_LEARNED

    async def _postpone_unsent(self, before: Operation, operation: Operation, error: TransientError) -> Report:
        first = RATE_LIMIT_PAUSE_S if isinstance(error, RateLimited) else 1.0
        not_before = self._next_try(operation, error, first=first)
        waiting = outcomes.not_sent(before, error, not_before=not_before)
        await self._save(waiting, expected=OperationState.SENDING)
        rest = not_before - self._clock.wall()
        return Report(is_offline=isinstance(error, Offline), rest_s=rest)

    async def _postpone_question(self, operation: Operation, error: TransientError) -> Report:
        first = RATE_LIMIT_PAUSE_S if isinstance(error, RateLimited) else 1.0
        not_before = self._next_try(operation, error, first=first)
        waiting = outcomes.not_asked(operation, error, not_before=not_before)
        await self._save(waiting, expected=OperationState.CHECKING)
        if isinstance(error, Offline | RateLimited):
            rest = not_before - self._clock.wall()
            return Report(is_offline=isinstance(error, Offline), rest_s=rest)
        return NOTHING_LEARNED

    async def _leave_in_doubt(self, operation: Operation, error: LocalError) -> None:
        doubted = outcomes.doubted(operation, error, now=self._deadlines.begin_doubt(operation.operation_id))
        try:
            await self._save(doubted, expected=OperationState.SENDING)
        except (LocalError, TransientError):
            # The same trouble may forbid this write. The row then still says sending, which means the same.
            _log.info("an operation in doubt could not be marked")

    async def _save(self, operation: Operation, *, expected: OperationState) -> bool:
        def save(tx: Transaction) -> bool:
            is_saved = operations.save(tx, operation, expected=expected, now=self._clock.wall())
            self._checkpoint("in_save")
            return is_saved

        is_saved = await self._write("keep an outcome", save)
        self._checkpoint("after_save")
        return is_saved

    async def _write(self, name: str, fn: Callable[[Transaction], T]) -> T:
        # Only our own file is busy, and what the server said must be kept: nothing but patience helps.
        while True:
            try:
                return await self._database.write(name, fn)
            except TransientError:
                await self._clock.sleep(BUSY_DATABASE_PAUSE_S)

    def _next_try(self, operation: Operation, error: TransientError, *, first: float = 1.0) -> float:
        tries = self._troubles[operation.operation_id] = self._troubles.get(operation.operation_id, 0) + 1
        wait = backoff_delay(tries, first=first)
        if error.retry_after is not None:
            # No stampede: those that were told the same time come back spread over a tenth of it.
            wait = error.retry_after + backoff_delay(1, first=max(1.0, error.retry_after / 10))
        return self._deadlines.set_try(operation.operation_id, wait)

    def _forget(self, operation_id: OperationId) -> None:
        self._troubles.pop(operation_id, None)
        self._deadlines.forget(operation_id)


def doubt_length(handler: OperationHandler, operation: Operation) -> float:
    """Seconds after the last byte during which a lost call may still take effect; 0 where writing twice does no harm."""
    longest = handler.longest_call_s(operation)
    return longest + DOUBT_MARGIN_S if longest > 0 else 0.0


def _bug(error: Exception) -> BugError:
    # A foreign exception's text may quote mail or records; its type may be told.
    _log.error("unexpected %s", type(error).__name__, exc_info=(RuntimeError, RuntimeError(), error.__traceback__))
    if isinstance(error, BugError):
        return error
    return BugError(f"something went wrong inside this program ({type(error).__name__})")
