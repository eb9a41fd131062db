"""Keeps a cheap probe registered for each Salesforce login, so that the way back online is noticed."""

from __future__ import annotations

from collections.abc import Callable

from app.bootstrap.core import Core
from app.connectivity import Connectivity, Probe
from app.crm.logins import CrmLogins
from app.events import AccountsChanged
from app.model.ids import CrmLoginId, crm_login_key


class LoginProbes:
    """Follows AccountsChanged: a new login gets its probe, one that is gone is forgotten."""

    def __init__(self, core: Core, logins: CrmLogins, connectivity: Connectivity) -> None:
        self._logins = logins
        self._connectivity = connectivity
        self._ends: dict[str, Callable[[], None]] = {}
        self._start = core.start
        core.stack.callback(core.bus.subscribe(AccountsChanged, self._on_accounts_changed))

    async def refresh(self) -> None:
        """Make the registered probes those of the logins that are there."""
        there = {crm_login_key(one.login_id): one.login_id for one in await self._logins.list()}
        for account in [one for one in self._ends if one not in there]:
            self._ends.pop(account)()
            self._connectivity.forget(account)
        for account, login_id in there.items():
            if account not in self._ends:
                self._ends[account] = self._connectivity.register_probe(account, self._probe_of(login_id))

    def _on_accounts_changed(self, _: AccountsChanged) -> None:
        self._start("refresh probes", self.refresh)

    def _probe_of(self, login_id: CrmLoginId) -> Probe:
        async def probe() -> None:
            await (await self._logins.gateway(login_id)).reach()

        return probe
