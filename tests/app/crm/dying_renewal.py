"""A program that renews its token and is killed just before, or just after, the new refresh token is on disk."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from app.auth.tokens import LoginTokens
from app.backends.salesforce import SalesforceTokenEndpoint
from app.clock import SystemClock
from app.crm.logins import StoredRefreshToken, host_of
from app.events import EventBus
from app.model.ids import CrmLoginId
from app.store import accounts
from app.store.database import Database, DatabaseKey
from tests.servers.sudden_death import die


class DyingStore(StoredRefreshToken):
    """Saves, or not, and never returns."""

    before = True

    async def save(self, refresh_token: str, instance_url: str) -> None:
        if not self.before:
            await super().save(refresh_token, instance_url)
        die()


async def main() -> None:
    """Renew the token of login 1; what to do comes as JSON on standard input."""
    told = json.load(sys.stdin)
    key = DatabaseKey(told["key_hex"], told["database_id"], told["generation"])
    clock = SystemClock()
    database = await Database.open(Path(told["path"]), key, bus=EventBus())
    login = await database.read(lambda reader: accounts.crm_login(reader, CrmLoginId(1)))
    assert login is not None
    store = DyingStore(database, login.login_id)
    store.before = told["before"]
    tokens = LoginTokens(
        "crm:1",
        host_of(login),
        login.client_id,
        org_id=login.org_id,
        user_id=login.user_id,
        endpoint=SalesforceTokenEndpoint(clock),
        store=store,
        clock=clock,
    )
    await tokens.access()


if __name__ == "__main__":
    asyncio.run(main())
