"""Accounts and logins as they are kept."""

from __future__ import annotations

import dataclasses

import pytest

from app.errors import RecordNotFound
from app.events import AccountsChanged, EventBus
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId
from app.model.mail import ConnectionSecurity, MailServer
from app.store import accounts
from app.store.database import Database

IMAP = MailServer("imap.example.com", 993, ConnectionSecurity.TLS, "rita", "/somewhere/ca.pem")
SMTP = MailServer("smtp.example.com", 587, ConnectionSecurity.STARTTLS, "rita")
LOGIN = CrmLogin(
    login_id=CrmLoginId(0),
    login_url="https://login.salesforce.com",
    instance_url="https://acme.my.salesforce.com",
    client_id="client",
    org_id="00D000000000001AAA",
    user_id="005000000000001AAA",
    username="rita@acme.example",
    display_name="Rita Rep",
    org_name="Acme",
    is_sandbox=True,
    ca_file="ca.pem",
    is_demo=True,
    needs_sign_in=True,
)


async def test_a_mail_account_comes_back_whole(database: Database) -> None:
    made = await database.write(
        "add", lambda tx: accounts.add_mail_account(tx, "rita@example.com", "Rita Ü", IMAP, SMTP, is_demo=True)
    )
    assert await database.read(accounts.mail_accounts) == [made]
    assert await database.read(lambda r: accounts.mail_account(r, made.account_id)) == made
    assert (made.imap, made.smtp, made.is_demo, made.display_name) == (IMAP, SMTP, True, "Rita Ü")


async def test_a_number_is_never_used_again(database: Database) -> None:
    first = await database.write("add", lambda tx: accounts.add_mail_account(tx, "a@b.c", "", IMAP, SMTP))
    assert await database.write("remove", lambda tx: accounts.remove_mail_account(tx, first.account_id))
    assert not await database.write("remove", lambda tx: accounts.remove_mail_account(tx, first.account_id))
    second = await database.write("add", lambda tx: accounts.add_mail_account(tx, "a@b.c", "", IMAP, SMTP))
    assert second.account_id != first.account_id
    assert await database.read(lambda r: accounts.mail_account(r, first.account_id)) is None


async def test_pausing_is_remembered_and_told_once(database: Database, bus: EventBus) -> None:
    made = await database.write("add", lambda tx: accounts.add_mail_account(tx, "a@b.c", "", IMAP, SMTP))
    heard: list[AccountsChanged] = []
    bus.subscribe(AccountsChanged, heard.append)
    for is_paused in (True, True, False):
        await database.write("pause", lambda tx, on=is_paused: accounts.set_mail_paused(tx, made.account_id, on))
        assert await database.read(lambda r: accounts.is_mail_paused(r, made.account_id)) == is_paused
    assert len(heard) == 2
    assert not await database.read(lambda r: accounts.is_mail_paused(r, MailAccountId(99)))


async def test_a_login_comes_back_whole_and_signed_in(database: Database) -> None:
    kept = await database.write("keep", lambda tx: accounts.keep_crm_login(tx, LOGIN, "refresh-1"))
    assert kept == dataclasses.replace(LOGIN, login_id=CrmLoginId(1), needs_sign_in=False)
    assert await database.read(accounts.crm_logins) == [kept]
    assert await database.read(lambda r: accounts.crm_login(r, kept.login_id)) == kept
    assert await database.read(lambda r: accounts.refresh_token(r, kept.login_id)) == "refresh-1"


async def test_the_same_user_in_the_same_org_keeps_the_number(database: Database) -> None:
    first = await database.write("keep", lambda tx: accounts.keep_crm_login(tx, LOGIN, "refresh-1"))
    await database.write("flag", lambda tx: accounts.set_needs_sign_in(tx, first.login_id, True))
    moved = dataclasses.replace(LOGIN, instance_url="https://new.my.salesforce.com")
    again = await database.write("keep", lambda tx: accounts.keep_crm_login(tx, moved, "refresh-2"))
    other = await database.write(
        "keep", lambda tx: accounts.keep_crm_login(tx, dataclasses.replace(LOGIN, user_id="005000000000002AAA"), "r")
    )
    assert again.login_id == first.login_id != other.login_id
    assert await database.read(lambda r: accounts.crm_login(r, first.login_id)) == again
    assert not again.needs_sign_in
    assert await database.read(lambda r: accounts.refresh_token(r, first.login_id)) == "refresh-2"


async def test_a_rotated_token_replaces_the_old_one_and_a_gone_login_is_told(database: Database) -> None:
    kept = await database.write("keep", lambda tx: accounts.keep_crm_login(tx, LOGIN, "refresh-1"))
    await database.write("rotate", lambda tx: accounts.keep_refresh_token(tx, kept.login_id, "refresh-2", "https://x"))
    assert await database.read(lambda r: accounts.refresh_token(r, kept.login_id)) == "refresh-2"
    assert await database.write("remove", lambda tx: accounts.remove_crm_login(tx, kept.login_id))
    with pytest.raises(RecordNotFound):
        await database.read(lambda r: accounts.refresh_token(r, kept.login_id))
    with pytest.raises(RecordNotFound):
        await database.write("rotate", lambda tx: accounts.keep_refresh_token(tx, kept.login_id, "x", "y"))
