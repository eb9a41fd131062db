"""What the three handlers of the CRM side share: their login and gateway, real ids, the ledger, and word to the lookup."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.clock import Clock
from app.crm.logins import CrmLogins, owner_of
from app.crm.ports import CrmGateway, SubResponse
from app.crm.schema import CrmSchema
from app.crm.targets import RecordTarget
from app.errors import AppError, SignInRequired
from app.model.crm import CrmLogin, JsonObject, JsonValue
from app.model.ids import CrmLoginId, RecordId
from app.model.operation import Operation
from app.store import crm as store
from app.store.database import Database, Transaction

LONGEST_CALL_S = 600.0
PROBE_MARGIN_S = 86_400.0
"""How far before the first attempt a probe looks, in case that a clock was wrong: what the user made within a day under the same name is the same."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What the handlers stand on. ``written`` hears of each write: login, records, addresses whose looked-up values are stale now."""

    database: Database
    logins: CrmLogins
    schema: CrmSchema
    clock: Clock
    written: Callable[[CrmLoginId, Iterable[str], Iterable[str]], None]

    async def login(self, operation: Operation) -> CrmLogin:
        """The login that the operation is bound to. Raises RecordNotFound, and SignInRequired where it has become another user's."""
        login = await self.logins.login(login_id_of(operation))
        if owner_of(login) != operation.owner:
            raise SignInRequired("the operation belongs to another user", account=operation.account, code="other_user")
        return login

    async def gateway(self, operation: Operation) -> CrmGateway:
        """The gateway of the operation's login. Raises like `login`."""
        return await self.logins.gateway((await self.login(operation)).login_id)

    def longest_call_s(self, operation: Operation) -> float:
        """How long a lost call may still run at Salesforce, by what the gateway of the login has heard."""
        gateway = self.logins.opened(login_id_of(operation))
        return LONGEST_CALL_S if gateway is None else gateway.longest_call_s

    def since(self, operation: Operation, gateway: CrmGateway) -> float:
        """The server's time from which on an attempt of this operation can have taken effect."""
        ahead = gateway.now() - self.clock.wall()
        return (operation.first_sent_at or operation.created_at) + ahead - PROBE_MARGIN_S

    def know(self, tx: Transaction, operation: Operation, *targets: RecordTarget | None) -> None:
        """Note that the user acted on these records."""
        now = self.clock.wall()
        for target in targets:
            if target is not None:
                known = store.KnownRecord(target.record_id, target.object_type, target.name)
                store.keep_known_record(tx, login_id_of(operation), known, now=now)

    def note(
        self,
        tx: Transaction,
        operation: Operation,
        made: RecordTarget,
        *,
        fields: Iterable[str] = (),
        size: int = 0,
    ) -> None:
        """Append to the ledger what this operation made."""
        store.add_ledger_entry(
            tx,
            store.LedgerEntry(
                at=self.clock.wall(),
                login_id=login_id_of(operation),
                owner=operation.owner,
                operation_id=operation.operation_id,
                cause="click",
                verb="create",
                object_type=made.object_type,
                record_id=made.record_id,
                fields=tuple(fields),
                bytes=size,
            ),
        )


def login_id_of(operation: Operation) -> CrmLoginId:
    """The login out of an account key (``crm:1``)."""
    return CrmLoginId(int(operation.account.removeprefix("crm:")))


def first_error(answers: Iterable[SubResponse]) -> AppError | None:
    """Why an all-or-none composite failed: the first part that has a reason of its own; the others were only rolled back."""
    errors = [answer.error for answer in answers if answer.error is not None]
    return next((error for error in errors if error.code != "PROCESSING_HALTED"), errors[0] if errors else None)


def text(value: JsonValue) -> str:
    """A text out of a payload or a row; "" where there is none."""
    return value if isinstance(value, str) else ""


def row_id(row: JsonObject, name: str = "Id") -> RecordId:
    """An id out of a row."""
    return RecordId(text(row.get(name)))
