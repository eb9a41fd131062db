"""A small world for the time before the sample data exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.demo.mail import MailboxData


@dataclass(frozen=True)
class SmallWorld:
    """The same shape as the sample's world data."""

    salesforce: dict[str, Any]
    mailboxes: tuple[MailboxData, ...]


def small_world() -> SmallWorld:
    """One org with Rita, Sam and Acme, and Rita's empty mailbox."""
    org = "00D5e000000PRODEA4"
    callbacks = [f"http://localhost:{port}/OauthRedirect" for port in (1717, 1718, 1719)]
    salesforce = {
        "orgs": [{"id": org, "name": "Rita Instruments"}],
        "users": [
            {"org": org, "alias": "@rita", "username": "rita@rita.example", "password": "rita-demo", "name": "Rita Rep",
             "profile": "Sales"},
        ],
        "profiles": {"Sales": {"objects": {"Contact": {"edit_scope": "own"}}}},
        "clients": [{"client_id": "3MVG9demo.outrigger.desktop", "redirect_uris": callbacks}],
        "records": {
            org: {
                "Account": [{"Id": "@acme", "Name": "Acme GmbH", "OwnerId": "@rita"}],
                "Contact": [{"Id": "@karl", "FirstName": "Karl", "LastName": "Klein", "Email": "karl@acme.example",
                             "AccountId": "@acme", "OwnerId": "@rita"}],
            }
        },
    }  # fmt: skip
    return SmallWorld(salesforce, (MailboxData("rita@rita.example", "rita-demo", "Rita Rep", ("rita@rita.example",)),))
