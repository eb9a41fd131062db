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


@dataclass(frozen=True)
class Plot:
    """Everything in it is unlike that of any other telling, so that one world can serve many."""

    tag: str
    org: str
    contact_id: str
    contact_name: str
    opportunity_id: str
    opportunity_name: str

    @property
    def known_subject(self) -> str:
        return f"Signed offer {self.tag}"

    @property
    def known_message_id(self) -> str:
        return f"<offer.{self.tag}@acme.example>"

    @property
    def stranger(self) -> str:
        return f"nora.{self.tag}@novak.example"

    @property
    def stranger_name(self) -> tuple[str, str]:
        return "Nora", f"Novak-{self.tag}"

    @property
    def stranger_subject(self) -> str:
        return f"Question about your product {self.tag}"

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


def plot_for(world: DemoWorld, tag: str) -> Plot:
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
    )


def deliver(world: DemoWorld, plot: Plot) -> None:
    """The two mails arrive in Rita's inbox."""
    first, last = plot.stranger_name
    world.deliver(
        RITA,
        sender=f"Karl Klein <{KARL}>",
        subject=plot.known_subject,
        message_id=plot.known_message_id,
        text="Dear Rita,\n\nhere is the signed offer.\n\nKarl",
        html="<p>Dear Rita,</p><p>here is the <b>signed offer</b>.</p><p>Karl</p>",
        attachments=[
            {"name": plot.file_name, "type": "application/pdf", "base64": base64.b64encode(plot.file).decode()}
        ],
    )
    world.deliver(
        RITA,
        sender=f"{first} {last} <{plot.stranger}>",
        subject=plot.stranger_subject,
        message_id=plot.stranger_message_id,
        text="Hello,\n\ndoes your product read invoices?\n\nNora",
    )


def counted(world: DemoWorld, plot: Plot) -> dict[str, int]:
    """How often Salesforce (and the mailbox) hold each thing the story makes; every number must be 1."""
    org = plot.org
    people = world.soql(org, f"SELECT Id FROM Contact WHERE Email = '{plot.stranger}'")
    stranger_id = people[0]["Id"] if people else "003000000000000AAA"
    title = plot.file_name.rsplit(".", 1)[0]
    return {
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
