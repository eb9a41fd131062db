"""Mail accounts and Salesforce logins. Passwords are in the secret store; a login's refresh token is a column that the database's key seals."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from app.errors import RecordNotFound
from app.events import AccountsChanged
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId
from app.model.mail import ConnectionSecurity, MailAccount, MailServer
from app.store.database import Reader, Row, Transaction

_SELECT_MAIL = "SELECT account_id, address, display_name, imap, smtp, is_demo FROM mail_account"
_SELECT_CRM = (
    "SELECT login_id, login_url, instance_url, client_id, org_id, user_id, username, display_name, org_name,"
    " is_sandbox, ca_file, is_demo, needs_sign_in FROM crm_login"
)


def add_mail_account(
    tx: Transaction, address: str, display_name: str, imap: MailServer, smtp: MailServer, *, is_demo: bool = False
) -> MailAccount:
    """Keep a mail account under a new number; numbers are never used again."""
    account_id = tx.insert(
        "INSERT INTO mail_account (address, display_name, imap, smtp, is_demo) VALUES (?, ?, ?, ?, ?)",
        (address, display_name, _server_text(imap), _server_text(smtp), int(is_demo)),
    )
    tx.publish(AccountsChanged())
    return MailAccount(MailAccountId(account_id), address, display_name, imap, smtp, is_demo)


def next_mail_account_id(reader: Reader) -> MailAccountId:
    """The number that `add_mail_account` gives next, so that the password can be kept before anybody hears of the account."""
    row = reader.row("SELECT seq FROM sqlite_sequence WHERE name = 'mail_account'")
    return MailAccountId(1 if row is None else int(row[0]) + 1)


def mail_accounts(reader: Reader) -> list[MailAccount]:
    """All mail accounts, oldest first."""
    return [_mail_account(row) for row in reader.rows(_SELECT_MAIL + " ORDER BY account_id")]


def mail_account(reader: Reader, account_id: MailAccountId) -> MailAccount | None:
    """One mail account; None where it is gone."""
    row = reader.row(_SELECT_MAIL + " WHERE account_id = ?", (account_id,))
    return None if row is None else _mail_account(row)


def remove_mail_account(tx: Transaction, account_id: MailAccountId) -> bool:
    """Forget an account, its folders and messages with it; whether it was there."""
    found = tx.execute("DELETE FROM mail_account WHERE account_id = ?", (account_id,)) > 0
    if found:
        tx.publish(AccountsChanged())
    return found


def set_mail_paused(tx: Transaction, account_id: MailAccountId, is_paused: bool) -> None:
    """Note that an account waits for its person to sign in, or no longer does."""
    changed = tx.execute(
        "UPDATE mail_account SET is_paused = ? WHERE account_id = ? AND is_paused <> ?",
        (int(is_paused), account_id, int(is_paused)),
    )
    if changed:
        tx.publish(AccountsChanged())


def is_mail_paused(reader: Reader, account_id: MailAccountId) -> bool:
    """Whether the account waits for its person to sign in."""
    row = reader.row("SELECT is_paused FROM mail_account WHERE account_id = ?", (account_id,))
    return row is not None and bool(row[0])


def keep_crm_login(tx: Transaction, login: CrmLogin, refresh_token: str) -> CrmLogin:
    """Keep a login that has just signed in; the same user in the same org keeps its number. ``login.login_id`` is ignored."""
    row = tx.row(
        """
        INSERT INTO crm_login (login_url, instance_url, client_id, org_id, user_id, username, display_name, org_name,
                               is_sandbox, ca_file, is_demo, refresh_token, needs_sign_in)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
        ON CONFLICT (org_id, user_id) DO UPDATE SET
            login_url = excluded.login_url, instance_url = excluded.instance_url, client_id = excluded.client_id,
            username = excluded.username, display_name = excluded.display_name, org_name = excluded.org_name,
            is_sandbox = excluded.is_sandbox, ca_file = excluded.ca_file, is_demo = excluded.is_demo,
            refresh_token = excluded.refresh_token, needs_sign_in = 0
        RETURNING login_id
        """,
        (
            login.login_url,
            login.instance_url,
            login.client_id,
            login.org_id,
            login.user_id,
            login.username,
            login.display_name,
            login.org_name,
            int(login.is_sandbox),
            login.ca_file,
            int(login.is_demo),
            refresh_token,
        ),
    )
    assert row is not None
    login_id = CrmLoginId(int(row[0]))
    tx.publish(AccountsChanged())
    return dataclasses.replace(login, login_id=login_id, needs_sign_in=False)


def crm_logins(reader: Reader) -> list[CrmLogin]:
    """All Salesforce logins, oldest first."""
    return [_crm_login(row) for row in reader.rows(_SELECT_CRM + " ORDER BY login_id")]


def crm_login(reader: Reader, login_id: CrmLoginId) -> CrmLogin | None:
    """One login; None where it is gone."""
    row = reader.row(_SELECT_CRM + " WHERE login_id = ?", (login_id,))
    return None if row is None else _crm_login(row)


def refresh_token(reader: Reader, login_id: CrmLoginId) -> str:
    """The login's refresh token; "" where it has none. Raises RecordNotFound for a login that is gone."""
    row = reader.row("SELECT refresh_token FROM crm_login WHERE login_id = ?", (login_id,))
    if row is None:
        raise RecordNotFound("the Salesforce login is gone", code="login_gone")
    return str(row[0])


def keep_refresh_token(tx: Transaction, login_id: CrmLoginId, token: str, instance_url: str) -> None:
    """Replace the refresh token and the API's address. Raises RecordNotFound for a login that is gone."""
    if not tx.execute(
        "UPDATE crm_login SET refresh_token = ?, instance_url = ? WHERE login_id = ?", (token, instance_url, login_id)
    ):
        raise RecordNotFound("the Salesforce login is gone", code="login_gone")


def set_needs_sign_in(tx: Transaction, login_id: CrmLoginId, needs_sign_in: bool) -> None:
    """Note that a login waits for its person to sign in, or no longer does."""
    changed = tx.execute(
        "UPDATE crm_login SET needs_sign_in = ? WHERE login_id = ? AND needs_sign_in <> ?",
        (int(needs_sign_in), login_id, int(needs_sign_in)),
    )
    if changed:
        tx.publish(AccountsChanged())


def set_crm_org(tx: Transaction, login_id: CrmLoginId, org_name: str, is_sandbox: bool) -> None:
    """Note what the org is called and of which kind it is."""
    changed = tx.execute(
        "UPDATE crm_login SET org_name = ?, is_sandbox = ? WHERE login_id = ?", (org_name, int(is_sandbox), login_id)
    )
    if changed:
        tx.publish(AccountsChanged())


def remove_crm_login(tx: Transaction, login_id: CrmLoginId) -> bool:
    """Forget a login and what was stored for it; whether it was there."""
    found = tx.execute("DELETE FROM crm_login WHERE login_id = ?", (login_id,)) > 0
    if found:
        tx.publish(AccountsChanged())
    return found


def _mail_account(row: Row) -> MailAccount:
    account_id, address, display_name, imap, smtp, is_demo = row
    return MailAccount(
        MailAccountId(account_id), address, display_name, _server(imap), _server(smtp), is_demo=bool(is_demo)
    )


def _crm_login(row: Row) -> CrmLogin:
    return CrmLogin(
        login_id=CrmLoginId(row[0]),
        login_url=row[1],
        instance_url=row[2],
        client_id=row[3],
        org_id=row[4],
        user_id=row[5],
        username=row[6],
        display_name=row[7],
        org_name=row[8],
        is_sandbox=bool(row[9]),
        ca_file=row[10],
        is_demo=bool(row[11]),
        needs_sign_in=bool(row[12]),
    )


def _server_text(server: MailServer) -> str:
    return json.dumps(dataclasses.asdict(server), sort_keys=True)


def _server(text: str) -> MailServer:
    values: dict[str, Any] = json.loads(text)
    return MailServer(
        host=values["host"],
        port=int(values["port"]),
        security=ConnectionSecurity(values["security"]),
        user=values["user"],
        ca_file=values.get("ca_file", ""),
    )
