"""Who is behind an address: one API call for all addresses of a mail, then RAM for 5 to 10 minutes, then nothing.

Looked-up values are never written anywhere. They go when their time is over (by the monotonic clock, and by the wall clock too, since the first
stands still while a laptop sleeps), when the user signs out, and when the user's own write has made them stale.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.clock import Clock
from app.crm import lookup_query as query
from app.crm.logins import CrmLogins
from app.crm.ports import CrmGateway, SubResponse
from app.crm.schema import CrmSchema
from app.errors import AccessDenied, AppError, NotSupported, TransientError, ValidationFailed
from app.events import EventBus, LookupExpired, SignInRequired
from app.model.crm import JsonObject, LookupResult, PersonMatch, SectionState
from app.model.ids import CrmLoginId, crm_login_key

TTL_FROM_S = 300.0
TTL_TO_S = 600.0
MOST_ENTRIES = 500
ADDRESSES_A_CALL = 100
LONGEST_ADDRESS = 80
"""Length of a field of type Email in Salesforce: a longer address is in no record."""

_NOT_TO_BE_HAD = frozenset({"INVALID_FIELD", "INVALID_TYPE"})


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry:
    people: tuple[PersonMatch, ...]
    fetched_wall: float
    fetched_monotonic: float


@dataclass(slots=True)
class _Flight:
    """A call under way for some addresses of one login; everybody who asks for one of them waits for it."""

    addresses: tuple[str, ...]
    task: asyncio.Task[dict[str, _Entry]] | None = None
    is_wanted: bool = True
    is_stale: bool = False
    """Whether a write came in between: the answer may be older than it, so it is given to those who wait and not kept."""
    cost: int = 0
    """API calls so far; told to the first who hears the answer."""


@dataclass(slots=True)
class _OfLogin:
    entries: OrderedDict[str, _Entry] = field(default_factory=OrderedDict)
    flights: dict[str, _Flight] = field(default_factory=dict)


class ContactLookup:
    """The lookup of all logins. ``ttl_s`` gives the seconds that values stay; what it says is held between 300 and 600."""

    def __init__(
        self, logins: CrmLogins, schema: CrmSchema, bus: EventBus, clock: Clock, ttl_s: Callable[[], float]
    ) -> None:
        self._logins = logins
        self._schema = schema
        self._bus = bus
        self._clock = clock
        self._ttl_s = ttl_s
        self._of: dict[CrmLoginId, _OfLogin] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._filled = asyncio.Event()
        self._unsubscribe = bus.subscribe(SignInRequired, self._on_sign_in_required)
        logins.when_gone(self.forget)

    def cached(self, login_id: CrmLoginId, addresses: Sequence[str]) -> LookupResult | None:
        """What RAM holds, if it holds all of these addresses; None otherwise."""
        entries = self._fresh(login_id)
        asked = _asked(addresses)
        if not all(address in entries for address in asked if _can_be_known(address)):
            return None
        return self._result(login_id, asked, {a: entries[a] for a in asked if a in entries}, api_calls=0)

    async def people(self, login_id: CrmLoginId, addresses: Sequence[str], *, refresh: bool = False) -> LookupResult:
        """Everybody behind these addresses; what RAM does not hold is asked for in one API call (one more for every 100 addresses).

        An org that hides a field or an object from the user costs more once; what it hides is remembered. Raises Offline, RateLimited,
        TransientError, SignInRequired, AccessDenied (the user may see neither Contacts nor Leads), RecordNotFound (the login is gone).
        """
        asked = _asked(addresses)
        wanted = [address for address in asked if _can_be_known(address)]
        # What a refresh replaces stays until the new values are here: the old ones are better than none when the network is gone.
        entries = {} if refresh else self._fresh(login_id)
        found = {address: entries[address] for address in wanted if address in entries}
        calls = 0
        for flight in self._flights(login_id, [address for address in wanted if address not in found]):
            assert flight.task is not None
            # A caller that goes away leaves the call to the others, and to RAM.
            fetched = await asyncio.shield(flight.task)
            if not flight.is_wanted:
                raise TransientError("the values were thrown away while they were asked for", code="lookup_forgotten")
            found |= {address: fetched[address] for address in wanted if address in fetched}
            calls += flight.cost
            flight.cost = 0
        return self._result(login_id, asked, found, api_calls=calls)

    def drop(self, login_id: CrmLoginId, record_ids: Iterable[str] = (), addresses: Iterable[str] = ()) -> None:
        """Throw away what a write has made stale: these addresses, and every person who shows one of these records."""
        of_login = self._of.get(login_id)
        if of_login is None:
            return
        stale = set(_asked(addresses))
        ids = set(record_ids)
        stale |= {a for a, entry in of_login.entries.items() if any(_shows(match, ids) for match in entry.people)}
        for address in stale:
            of_login.entries.pop(address, None)
        for address, flight in of_login.flights.items():
            if ids or address in stale:
                flight.is_stale = True

    def forget(self, login_id: CrmLoginId | None = None) -> None:
        """Throw away everything of a login, or of all: at sign-out, lock and sleep. What is under way is not kept either."""
        for each in [login_id] if login_id is not None else list(self._of):
            of_login = self._of.pop(each, None)
            if of_login is None:
                continue
            for flight in of_login.flights.values():
                flight.is_wanted = False
            self._bus.publish(LookupExpired(each))

    async def run(self) -> None:
        """Throw values away when their time is over; a long task for the program's supervision."""
        while True:
            self._filled.clear()
            wait = self._sweep()
            if wait is None:
                await self._filled.wait()
            else:
                await self._clock.sleep(wait)

    async def close(self) -> None:
        """Forget all and end what is under way."""
        self._unsubscribe()
        self.forget()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def _ttl(self) -> float:
        return min(max(float(self._ttl_s()), TTL_FROM_S), TTL_TO_S)

    def _fresh(self, login_id: CrmLoginId) -> OrderedDict[str, _Entry]:
        of_login = self._of.get(login_id)
        if of_login is None:
            return OrderedDict()
        self._sweep_one(login_id, of_login)
        return of_login.entries

    def _sweep(self) -> float | None:
        """Throw away what is over; seconds until the next is, None when RAM is empty."""
        ages = [
            self._age(entry)
            for login_id, of_login in list(self._of.items())
            for entry in self._sweep_one(login_id, of_login)
        ]
        return max(0.0, self._ttl - max(ages)) if ages else None

    def _sweep_one(self, login_id: CrmLoginId, of_login: _OfLogin) -> list[_Entry]:
        over = [address for address, entry in of_login.entries.items() if self._age(entry) >= self._ttl]
        for address in over:
            del of_login.entries[address]
        if over:
            self._bus.publish(LookupExpired(login_id))
        return list(of_login.entries.values())

    def _age(self, entry: _Entry) -> float:
        # The wall clock may have been set back; any jump beyond the life of a value ends it.
        return max(self._clock.monotonic() - entry.fetched_monotonic, abs(self._clock.wall() - entry.fetched_wall))

    def _flights(self, login_id: CrmLoginId, missing: list[str]) -> list[_Flight]:
        of_login = self._of.setdefault(login_id, _OfLogin())
        flights = of_login.flights
        joined = {id(flight): flight for address in missing if (flight := flights.get(address))}
        new = [address for address in missing if address not in flights]
        for start in range(0, len(new), ADDRESSES_A_CALL):
            flight = _Flight(tuple(new[start : start + ADDRESSES_A_CALL]))
            flight.task = self._started(self._fetch(login_id, of_login, flight))
            flights.update(dict.fromkeys(flight.addresses, flight))
            joined[id(flight)] = flight
        return list(joined.values())

    def _started(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name="contact-lookup")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # heard here, in case that everybody who waited has gone

    async def _fetch(self, login_id: CrmLoginId, of_login: _OfLogin, flight: _Flight) -> dict[str, _Entry]:
        try:
            gateway = await self._logins.gateway(login_id)
            await self._schema.load(login_id, query.OBJECT_TYPES)
            answers = await self._answers(gateway, login_id, flight)
            wall, monotonic = self._clock.wall(), self._clock.monotonic()
            people = query.matches(flight.addresses, answers)
            fetched = {address: _Entry(people[address], wall, monotonic) for address in flight.addresses}
            if flight.is_wanted and not flight.is_stale:
                self._keep(of_login, fetched)
            if flight.is_wanted:
                # A right that an administrator gives is seen within a day, without delaying any look.
                self._started(self._schema.renew_old(login_id, query.OBJECT_TYPES))
            return fetched
        finally:
            for address in flight.addresses:
                if of_login.flights.get(address) is flight:
                    del of_login.flights[address]

    def _keep(self, of_login: _OfLogin, fetched: dict[str, _Entry]) -> None:
        of_login.entries.update(fetched)
        for address in fetched:
            of_login.entries.move_to_end(address)
        while len(of_login.entries) > MOST_ENTRIES:
            of_login.entries.popitem(last=False)
        self._filled.set()

    async def _answers(self, gateway: CrmGateway, login_id: CrmLoginId, flight: _Flight) -> dict[str, query.Rows]:
        def can(object_type: str, name: str) -> bool:
            return self._schema.is_visible(login_id, object_type, name)

        answers = await self._asked_once(gateway, query.PARTS, flight, can)
        refused = [part for part in query.PARTS if _is_hidden(answers[part.name])]
        if refused:
            # Something in these queries is not for this user's eyes. The describes tell what, and later lookups know it beforehand.
            for object_type in dict.fromkeys(name for part in refused for name in part.objects):
                flight.cost += 1
                await self._schema.look(login_id, object_type)
            answers |= await self._asked_once(gateway, refused, flight, can)
        for part in ("contacts", "leads"):
            error = answers[part]
            if isinstance(error, AppError) and not isinstance(error, AccessDenied | NotSupported | ValidationFailed):
                raise error
        rows = {name: _rows(answer) for name, answer in answers.items()}
        if all(rows[part].state is SectionState.DENIED for part in ("contacts", "leads")):
            raise AccessDenied("the user may see neither Contacts nor Leads", code="people_not_visible")
        return rows

    async def _asked_once(
        self, gateway: CrmGateway, parts: Sequence[query.Part], flight: _Flight, can: query.IsVisible
    ) -> dict[str, list[JsonObject] | AppError]:
        hidden = NotSupported("not visible for this user", code="object_not_visible")
        sensible = [part for part in parts if all(can(*need) for need in part.needs)]
        answers: dict[str, list[JsonObject] | AppError] = {part.name: hidden for part in parts}
        if sensible:
            flight.cost += 1
            requests = query.requests(sensible, flight.addresses, can)
            for answer in await gateway.composite(requests, all_or_none=False):
                answers[answer.reference_id] = answer.error or _records(answer)
        return answers

    def _result(
        self, login_id: CrmLoginId, asked: Sequence[str], found: dict[str, _Entry], *, api_calls: int
    ) -> LookupResult:
        people = tuple(match for address in asked if address in found for match in found[address].people)
        return LookupResult(
            login_id=login_id,
            people=people,
            unknown=tuple(address for address in asked if address not in found or not found[address].people),
            fetched_at=min((entry.fetched_wall for entry in found.values()), default=self._clock.wall()),
            api_calls=api_calls,
            from_cache=api_calls == 0,
        )

    def _on_sign_in_required(self, event: SignInRequired) -> None:
        for login_id in list(self._of):
            if event.account == crm_login_key(login_id):
                self.forget(login_id)


def _asked(addresses: Iterable[str]) -> list[str]:
    """Each address once, in order, as Salesforce keeps it: lower case."""
    return list(dict.fromkeys(address.strip().lower() for address in addresses if address.strip()))


def _can_be_known(address: str) -> bool:
    return "@" in address and len(address) <= LONGEST_ADDRESS and address.isprintable()


def _shows(match: PersonMatch, record_ids: set[str]) -> bool:
    if match.person.record_id in record_ids or (match.account is not None and match.account.record_id in record_ids):
        return True
    sections = (match.opportunities, match.cases, match.activities)
    return any(record.record_id in record_ids for section in sections for record in section.records)


def _is_hidden(answer: list[JsonObject] | AppError) -> bool:
    return isinstance(answer, AppError) and answer.code in _NOT_TO_BE_HAD


def _records(answer: SubResponse) -> list[JsonObject] | AppError:
    rows = answer.body.get("records") if isinstance(answer.body, dict) else None
    if not isinstance(rows, list):
        return TransientError("a query was answered without records", code="strange_answer")
    return [row for row in rows if isinstance(row, dict)]


def _rows(answer: list[JsonObject] | AppError) -> query.Rows:
    if isinstance(answer, AccessDenied | NotSupported | ValidationFailed):
        return query.Rows(SectionState.DENIED, problem=answer.code)
    if isinstance(answer, AppError):
        return query.Rows(SectionState.FAILED, problem=answer.code)
    return query.Rows(SectionState.READY if answer else SectionState.EMPTY, tuple(answer))
