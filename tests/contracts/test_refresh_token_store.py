"""One suite for every place that keeps a refresh token: the encrypted database, and the one in memory that tests use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.auth.ports import RefreshTokenStore
from app.crm.logins import StoredRefreshToken
from app.events import EventBus
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId
from app.store import accounts
from app.store.database import Database, DatabaseKey
from tests.app.backends.salesforce.org import TokenShelf

LOGIN = CrmLogin(
    CrmLoginId(0),
    "https://login.salesforce.com",
    "https://acme.my.salesforce.com",
    "key",
    "00D5e000000PRODEA4",
    "0055e000000RITAEA4",
    "rita",
    "Rita",
    "Acme",
    False,
)


@pytest.fixture(params=["database", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RefreshTokenStore]:
    if request.param == "memory":
        yield TokenShelf("first")
        return
    database = await Database.open(tmp_path / "x.db", DatabaseKey.new(), bus=EventBus(), create=True)
    login = await database.write("keep", lambda tx: accounts.keep_crm_login(tx, LOGIN, "first"))
    yield StoredRefreshToken(database, login.login_id)
    await database.close()


async def test_what_was_kept_is_there(store: RefreshTokenStore) -> None:
    assert await store.load() == "first"


async def test_the_last_one_saved_is_the_one(store: RefreshTokenStore) -> None:
    await store.save("second", "https://acme2.my.salesforce.com")
    await store.save("third", "https://acme3.my.salesforce.com")
    assert await store.load() == "third"


async def test_a_refused_one_is_not_given_out_again(store: RefreshTokenStore) -> None:
    await store.refused()
    await store.refused()
    assert await store.load() == ""
