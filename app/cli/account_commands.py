"""``accounts add-imap | add-salesforce | list | remove``."""

from __future__ import annotations

import argparse
from typing import Any

from app.auth.ports import Browser
from app.cli.call import Call
from app.cli.output import Answer, Output, table
from app.errors import RecordNotFound, ValidationFailed
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MailAccountId, crm_login_key, mail_account_key
from app.model.mail import ConnectionSecurity, MailAccount, MailServer

PRODUCTION = "https://login.salesforce.com"
PORTS = {
    ("imap", ConnectionSecurity.TLS): 993,
    ("imap", ConnectionSecurity.STARTTLS): 143,
    ("smtp", ConnectionSecurity.TLS): 465,
    ("smtp", ConnectionSecurity.STARTTLS): 587,
}


def register(commands: Any, add: Any) -> None:
    """Declare the commands."""
    group = add(commands, "accounts", "mailboxes and Salesforce logins").add_subparsers(
        metavar="COMMAND", required=True
    )

    imap = add(
        group,
        "add-imap",
        "add a mailbox; its password is read from the input stream",
        add_imap,
        asks_for="Password",
    )
    imap.add_argument("address", help="the mail address")
    imap.add_argument("--name", default="", help="the name that receivers see")
    imap.add_argument("--user", default="", help="the user name, where it is not the address")
    imap.add_argument("--imap", required=True, metavar="HOST[:PORT]", help="the IMAP server")
    imap.add_argument("--smtp", required=True, metavar="HOST[:PORT]", help="the submission server")
    for service in ("imap", "smtp"):
        imap.add_argument(
            f"--{service}-security",
            choices=[str(one) for one in ConnectionSecurity],
            default=str(ConnectionSecurity.TLS),
            help="how the connection is secured (default: tls)",
        )
    _add_demo(imap)

    salesforce = add(group, "add-salesforce", "sign in at Salesforce in the browser", add_salesforce, browser=_browser)
    salesforce.add_argument("--login-url", default=PRODUCTION, help=f"where the user signs in (default: {PRODUCTION})")
    salesforce.add_argument("--client-id", required=True, help="the consumer key of the External Client App")
    salesforce.add_argument(
        "--print-url", action="store_true", help="print the sign-in address instead of opening a browser"
    )
    _add_demo(salesforce)

    add(group, "list", "who is signed in", list_accounts)
    remove = add(group, "remove", "sign out and forget what is stored for the account", remove_account)
    remove.add_argument("account", help="mail:N or crm:N, as `accounts list` says")
    remove.add_argument(
        "--even-if-not-revoked", action="store_true", help="forget a Salesforce login though Salesforce cannot be told"
    )


async def add_imap(call: Call) -> Answer:
    """Add a mailbox after signing in to it."""
    _check_demo(call.args)
    user = call.args.user or call.args.address
    account = await call.services.accounts.mail.add(
        call.args.address,
        call.args.name,
        _server("imap", call.args.imap, ConnectionSecurity(call.args.imap_security), user, call.args.ca_file),
        _server("smtp", call.args.smtp, ConnectionSecurity(call.args.smtp_security), user, call.args.ca_file),
        call.secret,
        is_demo=call.args.demo,
    )
    document = _mail_document(account)
    return Answer(document, [f"{document['account']} is added: {account.address}"])


async def add_salesforce(call: Call) -> Answer:
    """Sign in through the browser."""
    _check_demo(call.args)
    login = await call.services.sign_in.sign_in(
        call.args.login_url, call.args.client_id, ca_file=call.args.ca_file, is_demo=call.args.demo
    )
    document = _crm_document(login)
    return Answer(
        document, [f"{document['account']} is signed in: {login.username} in {login.org_name or login.org_id}"]
    )


async def list_accounts(call: Call) -> Answer:
    """All accounts."""
    documents = [_mail_document(one) for one in await call.services.accounts.mail.list()]
    documents += [_crm_document(one) for one in await call.services.accounts.crm.list()]
    lines = table([one["account"], one["user"], one["server"], one["state"]] for one in documents)
    return Answer({"accounts": documents}, lines or ["no account yet"])


async def remove_account(call: Call) -> Answer:
    """Forget an account."""
    kind, number = split_key(call.args.account)
    if kind == "mail":
        if number not in [one.account_id for one in await call.services.accounts.mail.list()]:
            raise RecordNotFound(f"there is no account {call.args.account}", code="no_such_account")
        await call.services.accounts.mail.remove(MailAccountId(number))
    else:
        if number not in [one.login_id for one in await call.services.accounts.crm.list()]:
            raise RecordNotFound(f"there is no account {call.args.account}", code="no_such_account")
        await call.services.accounts.crm.remove(CrmLoginId(number), even_if_not_revoked=call.args.even_if_not_revoked)
    return Answer({"removed": call.args.account}, [f"{call.args.account} is removed"])


def split_key(key: str) -> tuple[str, int]:
    """``mail:3`` as its two parts. Raises ValidationFailed."""
    kind, _, number = key.partition(":")
    if kind not in ("mail", "crm") or not number.isdecimal():
        raise ValidationFailed(f"{key!r} is no account: mail:N or crm:N", code="no_such_account")
    return kind, int(number)


class PrintedAddress:
    """The `Browser` of scripts: prints the address, for them to follow."""

    def __init__(self, output: Output) -> None:
        self._output = output

    async def open(self, url: str) -> None:
        """See `Browser.open`."""
        self._output.aside({"open": url}, url)


def _browser(args: argparse.Namespace, output: Output) -> Browser | None:
    return PrintedAddress(output) if args.print_url else None


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="the server is a demo world on this machine")
    parser.add_argument("--ca-file", default="", help="the demo world's certificate authority (only with --demo)")


def _check_demo(args: argparse.Namespace) -> None:
    if args.ca_file and not args.demo:
        raise ValidationFailed("--ca-file is for demo worlds: it goes with --demo", code="ca_file_without_demo")


def _server(service: str, text: str, security: ConnectionSecurity, user: str, ca_file: str) -> MailServer:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, str(PORTS[service, security])
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValidationFailed(f"--{service} must be HOST or HOST:PORT", code="no_such_server")
    return MailServer(host, int(port), security, user, ca_file)


def _mail_document(account: MailAccount) -> dict[str, Any]:
    return {
        "account": mail_account_key(account.account_id),
        "user": account.address,
        "server": f"{account.imap.host}:{account.imap.port}",
        "smtp": f"{account.smtp.host}:{account.smtp.port}",
        "name": account.display_name,
        "is_demo": account.is_demo,
        "state": "",
    }


def _crm_document(login: CrmLogin) -> dict[str, Any]:
    return {
        "account": crm_login_key(login.login_id),
        "user": login.username,
        "server": login.instance_url,
        "org_id": login.org_id,
        "user_id": login.user_id,
        "org": login.org_name,
        "name": login.display_name,
        "is_sandbox": login.is_sandbox,
        "is_demo": login.is_demo,
        "state": "sign-in needed" if login.needs_sign_in else "",
    }
