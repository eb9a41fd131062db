"""What one telling of the story is about: two mails, a file, and the records of the demo world that they meet."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from typing import Any

from tests.servers.demo import DemoWorld

RITA = "rita@rita.example"
KARL = "karl@acme.example"
OPPORTUNITY = "Acme 2025"
OFFER_TEXT = """Dear Rita,

thank you for the good talk on Thursday. The offer is signed and attached.

Best regards
Karl Klein
Head of Purchasing, Acme GmbH
"""
OFFER_HTML = """<html><body><p>Dear Rita,</p>
<p>thank you for the good talk on Thursday. The offer is <b>signed</b> and attached. The three points as we agreed:</p>
<table border="1" cellpadding="6" style="border-collapse: collapse">
<tr><th align="left">Position</th><th align="right">Units</th><th align="right">Price</th></tr>
<tr><td>Vibration sensors VS-200</td><td align="right">120</td><td align="right">48,000 EUR</td></tr>
<tr><td>Gateways</td><td align="right">6</td><td align="right">18,000 EUR</td></tr>
<tr><td>Installation, Linz and Graz</td><td align="right">1</td><td align="right">14,000 EUR</td></tr>
</table>
<p>Please start with Linz. Mia will send you the drawings, the older ones are in
<a href="https://portal.acme.example/drawings">our portal</a>.</p>
<p>Best regards<br>Karl Klein<br>Head of Purchasing, Acme GmbH</p></body></html>"""
QUESTION_TEXT = """Hello Ms Rep,

a colleague at Acme told me about you. Does your product read supplier invoices by itself, and what would
it cost for about 400 a month? A short call this week would suit me well.

Kind regards
Nora Novak
Novak Logistics
"""


@dataclass(frozen=True)
class Plot:
    """Everything in it is unlike that of any other telling, so that one world can serve many."""

    tag: str
    org: str
    contact_id: str
    contact_name: str
    opportunity_id: str
    opportunity_name: str
    is_only: bool = False
    """The one telling in its world: people bear plain names, for the pictures."""

    @property
    def known_subject(self) -> str:
        return f"Signed offer {self.tag}"

    @property
    def known_message_id(self) -> str:
        return f"<offer.{self.tag}@acme.example>"

    @property
    def stranger(self) -> str:
        return "nora@novak.example" if self.is_only else f"nora.{self.tag}@novak.example"

    @property
    def stranger_name(self) -> tuple[str, str]:
        return "Nora", "Novak" if self.is_only else f"Novak-{self.tag}"

    @property
    def stranger_subject(self) -> str:
        return "Does it read invoices?" if self.is_only else f"Question about your product {self.tag}"

    @property
    def stranger_message_id(self) -> str:
        return f"<question.{self.tag}@novak.example>"

    @property
    def file_name(self) -> str:
        return f"offer-{self.tag}.pdf"

    @property
    def file(self) -> bytes:
        return b"%PDF-1.4\n% offer " + self.tag.encode() + b"\n" + bytes(range(256)) * 400

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def plot_for(world: DemoWorld, tag: str, *, is_only: bool = False) -> Plot:
    """A telling among the people of the demo world's first org."""
    org = world.login(RITA).org
    contact = world.soql(org, f"SELECT Id, Name FROM Contact WHERE Email = '{KARL}'")[0]
    opportunity = world.soql(org, f"SELECT Id, Name FROM Opportunity WHERE Name = '{OPPORTUNITY}'")[0]
    return Plot(
        tag=tag,
        org=org,
        contact_id=contact["Id"],
        contact_name=contact["Name"],
        opportunity_id=opportunity["Id"],
        opportunity_name=opportunity["Name"],
        is_only=is_only,
    )


def deliver(world: DemoWorld, plot: Plot) -> None:
    """The two mails arrive in Rita's inbox."""
    first, last = plot.stranger_name
    world.deliver(
        RITA,
        sender=f"Karl Klein <{KARL}>",
        subject=plot.known_subject,
        message_id=plot.known_message_id,
        text=OFFER_TEXT,
        html=OFFER_HTML,
        attachments=[
            {"name": plot.file_name, "type": "application/pdf", "base64": base64.b64encode(plot.file).decode()}
        ],
    )
    world.deliver(
        RITA,
        sender=f"{first} {last} <{plot.stranger}>",
        subject=plot.stranger_subject,
        message_id=plot.stranger_message_id,
        text=QUESTION_TEXT,
    )


def counted(world: DemoWorld, plot: Plot) -> dict[str, int]:
    """How often Salesforce (and the mailbox) hold each thing the story makes; every number must be 1."""
    org = plot.org
    people = world.soql(org, f"SELECT Id FROM Contact WHERE Email = '{plot.stranger}'")
    stranger_id = people[0]["Id"] if people else "003000000000000AAA"
    title = plot.file_name.rsplit(".", 1)[0]
    return {
        "known mail marked as read": sum(
            plot.known_message_id.encode() in mail["raw"] and "\\Seen" in mail["flags"]
            for mail in world.messages(RITA, "INBOX")
        ),
        "known mail logged": _mails(world, plot, plot.known_message_id),
        "known mail logged to the opportunity": world.count(
            org,
            f"SELECT Id FROM EmailMessage WHERE MessageIdentifier = '{plot.known_message_id}' "
            f"AND RelatedToId = '{plot.opportunity_id}'",
        ),
        "known mail tied to its sender": _relations(world, plot, plot.known_message_id, plot.contact_id),
        "contact made": len(people),
        "stranger's mail logged": _mails(world, plot, plot.stranger_message_id),
        "stranger's mail tied to the new contact": _relations(world, plot, plot.stranger_message_id, stranger_id),
        "file stored": world.count(org, f"SELECT Id FROM ContentVersion WHERE Title = '{title}'"),
        "file on the opportunity": len(
            [
                link
                for link in world.soql(
                    org,
                    "SELECT Id, ContentDocument.Title FROM ContentDocumentLink "
                    f"WHERE LinkedEntityId = '{plot.opportunity_id}'",
                )
                if link["ContentDocument"]["Title"] == title
            ]
        ),
    }


def _mails(world: DemoWorld, plot: Plot, identifier: str) -> int:
    return world.count(plot.org, f"SELECT Id FROM EmailMessage WHERE MessageIdentifier = '{identifier}'")


def _relations(world: DemoWorld, plot: Plot, identifier: str, person_id: str) -> int:
    mails = world.soql(plot.org, f"SELECT Id FROM EmailMessage WHERE MessageIdentifier = '{identifier}'")
    return sum(
        world.count(
            plot.org,
            f"SELECT Id FROM EmailMessageRelation WHERE EmailMessageId = '{mail['Id']}' "
            f"AND RelationId = '{person_id}' AND RelationType = 'FromAddress'",
        )
        for mail in mails
    )
