"""What must not stay: looked-up values are in no file and no table, access tokens too, and no log says who was looked up (feature 11)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.errors import AppError
from app.store import accounts
from tests.app.crm.rig import KARL, LEE, MIA, RITA, Rig, mail

CANARIES = ("canary-title", "canary-phone", "canary-city", "canary-description", "Decision Maker", "Site visit line 4")


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def every_row(rig: Rig) -> str:
    def dump(reader):
        names = [row[0] for row in reader.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(repr(row) for name in names for row in reader.rows(f'SELECT * FROM "{name}"'))

    return await rig.database.read(dump)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def test_a_day_of_work_leaves_no_value_behind(rig: Rig, tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    login = await rig.sign_in()
    found = await rig.lookup.people(login.login_id, [KARL, MIA, LEE])
    karl = found.people[0]
    assert karl.person.text("Title") == "canary-title"
    assert karl.account is not None
    assert karl.account.text("BillingCity") == "canary-city"
    message_id = rig.box.put(mail(text="canary-of-the-mail"))
    await rig.actions.log_message(
        login.login_id,
        message_id,
        people=[rig.person("Contact", "Karl Klein", KARL)],
        related_to=rig.target("Opportunity", "Acme 2025"),
    )
    await rig.schema.describe(login.login_id, "Contact")
    for moment in ("queued", "done", "after a restart"):
        rows, raw = await every_row(rig), every_byte(tmp_path)
        for canary in CANARIES:
            assert canary not in rows, f"{canary} is in a table ({moment})"
            assert canary.encode() not in raw, f"{canary} is in a file ({moment})"
        assert b"canary-of-the-mail" not in raw, "the queue is sealed"
        assert "Karl Klein" in rows, "the name of a record acted on may stay; the dump itself works"
        if moment == "queued":
            await rig.drain()
        elif moment == "done":
            await rig.stop()
            await rig.start()
    for secret in (*CANARIES, KARL, "Karl", "canary-of-the-mail", "Acme", "Bearer", "refresh_token="):
        assert not any(secret in record.getMessage() for record in said.records if record.name != "asyncio"), secret


async def test_the_access_token_is_in_ram_only_and_the_refresh_token_sealed(rig: Rig, tmp_path: Path) -> None:
    login = await rig.sign_in()
    await rig.lookup.people(login.login_id, [KARL])
    gateway = rig.logins._open[login.login_id]
    access = (await gateway[0].access()).value
    refresh = await rig.database.read(lambda reader: accounts.refresh_token(reader, login.login_id))
    assert len(access) > 20
    assert len(refresh) > 20
    rows, raw = await every_row(rig), every_byte(tmp_path)
    assert access not in rows
    assert refresh in rows
    assert access.encode() not in raw
    assert refresh.encode() not in raw


async def test_errors_say_nothing_of_their_matter(rig: Rig) -> None:
    login = await rig.sign_in()
    refusal = [{"errorCode": "INSUFFICIENT_ACCESS", "message": f"no rights on {KARL} canary-title", "fields": []}]
    for status, body in ((403, refusal), (500, refusal), (400, [{"errorCode": "X_Y", "message": "canary-title"}])):
        rig.world.faults("error", path_regex="composite$", status=status, body=body)
        with pytest.raises(AppError) as caught:
            await rig.lookup.people(login.login_id, [KARL])
        for secret in ("canary-title", KARL, RITA, "Bearer"):
            assert secret not in str(caught.value)
            assert secret not in repr(caught.value)
