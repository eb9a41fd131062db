"""Whether servers can be reached: observed from what backends meet, or chosen ("Work offline").

Each account has its own state, since one server can be down while the other answers. The whole is offline when the
person chose it, or when every account of which anything is known is out of reach. An account that is out of reach is
asked now and then, with backoff, by a cheap probe that its service registers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from app.clock import Clock
from app.concurrency import backoff_delay
from app.errors import AppError, TransientError
from app.events import AccountReachable, ConnectivityChanged, EventBus

_log = logging.getLogger(__name__)

PROBE_FIRST_S = 2.0
PROBE_MOST_S = 60.0

Probe: TypeAlias = "Callable[[], Awaitable[None]]"
"""Asks one server for something cheap. Raises Offline, TransientError or OSError while it cannot be reached; whatever
else happens, it answered."""


class Connectivity:
    """The one place that says online or offline. Everything but `run` is for the loop's thread and returns at once."""

    def __init__(self, bus: EventBus, clock: Clock, *, work_offline: bool = False) -> None:
        self._bus = bus
        self._clock = clock
        self._work_offline = work_offline
        self._reachable: dict[str, bool] = {}
        self._probes: dict[str, Probe] = {}
        self._news = asyncio.Event()

    @property
    def work_offline(self) -> bool:
        """Whether the person chose to work offline."""
        return self._work_offline

    @property
    def is_online(self) -> bool:
        """Not chosen offline, and not every known account out of reach."""
        return not self._work_offline and (not self._reachable or any(self._reachable.values()))

    def can_reach(self, account: str) -> bool:
        """Whether a try for this account makes sense now.

        An account without a probe may always be tried (the trier keeps its own backoff), since nothing else would
        notice that it is back.
        """
        return not self._work_offline and (self._reachable.get(account, True) or account not in self._probes)

    def is_out_of_reach(self, account: str) -> bool:
        """Whether this account's server was missed at the last try."""
        return not self._reachable.get(account, True)

    def set_work_offline(self, on: bool) -> None:
        """Choose to work offline, or end it."""
        if on == self._work_offline:
            return
        self._work_offline = on
        self._bus.publish(ConnectivityChanged(self.is_online, on))
        self._news.set()

    def report(self, success: bool, account: str) -> None:
        """A backend met (or missed) the server of an account. Only Offline counts as missed: any answer is a success.

        While the person works offline, missing it tells nothing.
        """
        if self._reachable.get(account) is success or (self._work_offline and not success):
            return
        was_known = account in self._reachable
        was_online = self.is_online
        self._reachable[account] = success
        if success is False or was_known:
            self._bus.publish(AccountReachable(account, success))
        self._announce(was_online)
        self._news.set()

    def forget(self, account: str) -> None:
        """The account was removed."""
        was_online = self.is_online
        self._reachable.pop(account, None)
        self._probes.pop(account, None)
        self._announce(was_online)

    def register_probe(self, account: str, probe: Probe) -> Callable[[], None]:
        """Ask this server with ``probe`` while it is out of reach; the returned function ends that."""
        self._probes[account] = probe
        self._news.set()

        def unregister() -> None:
            if self._probes.get(account) is probe:
                del self._probes[account]

        return unregister

    async def run(self) -> None:
        """Probe what is out of reach until cancelled. One probe an account at a time."""
        async with asyncio.TaskGroup() as group:
            probing: dict[str, asyncio.Task[None]] = {}
            while True:
                self._news.clear()
                for account in [account for account, task in probing.items() if task.done()]:
                    del probing[account]
                for account in self._missing():
                    if account not in probing:
                        probing[account] = group.create_task(self._probe_until_back(account))
                await self._news.wait()

    def _missing(self) -> Iterable[str]:
        if self._work_offline:
            return ()
        return tuple(a for a, reachable in self._reachable.items() if not reachable and a in self._probes)

    async def _probe_until_back(self, account: str) -> None:
        tries = 0
        while account in self._missing():
            tries += 1
            await self._clock.sleep(backoff_delay(tries, first=PROBE_FIRST_S, most=PROBE_MOST_S))
            probe = self._probes.get(account)
            if probe is None or account not in self._missing():
                break
            if await self._answers(account, probe):
                self.report(True, account)
        self._news.set()

    async def _answers(self, account: str, probe: Probe) -> bool:
        try:
            await probe()
        except (TransientError, OSError):
            return False
        except AppError:
            return True
        except Exception as error:  # noqa: BLE001 - a probe's bug must not end the probing of others
            _log.error("probe of %s raised %s", account, type(error).__name__)
            return False
        return True

    def _announce(self, was_online: bool) -> None:
        if self.is_online is not was_online:
            self._bus.publish(ConnectivityChanged(self.is_online, self._work_offline))
