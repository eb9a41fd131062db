"""The Salesforce side of the stories: accounts, people, opportunities, cases and activities that agree with the mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from app.demo.sample.dates import iso
from app.demo.sample.deals import Deal, new_deal
from app.demo.sample.language import Language
from app.demo.sample.life import Story
from app.demo.sample.people import RITA, People, Person
from app.demo.sample.support import SupportStory

Record = dict[str, Any]

OWNERS: Final = ("@rita", "@rita", "@rita", "@ana", "@theo")
LEAD_STATUSES: Final = ("Open - Not Contacted", "Working - Contacted", "Working - Contacted", "Closed - Not Converted")
SOURCES: Final = ("Web", "Phone Inquiry", "Partner Referral", "Other")
ROLES: Final = ("Decision Maker", "Technical Buyer", "Economic Buyer", "Evaluator", "Influencer", "Executive Sponsor")
CALL_NOTES: Final = (
    "Not reached, left a message.",
    "Talked about the schedule; the decision is expected within two weeks.",
    "Price is fine, the open point is who does the installation.",
    "Wants to involve the maintenance lead before going on.",
    "Budget is approved for this year, so the order has to come before Christmas.",
    "Asked for a reference customer nearby.",
)
NEXT_STEPS: Final = (
    "Call after the committee",
    "Send the revised offer",
    "Visit on site",
    "Waiting for drawings",
    "Get the order signed",
)
LOGGED_LETTERS: Final = 42
OPPORTUNITIES: Final = 64


@dataclass
class Books:
    """Collects records by object. ``owner`` remembers who looks after which account."""

    people: People
    languages: Mapping[str, Language]
    now: datetime
    chance: Random
    records: dict[str, list[Record]] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    def keep(self, stories: Sequence[Story], support: Sequence[SupportStory]) -> dict[str, list[Record]]:
        """All records of the stories and of those who have none."""
        self._accounts()
        self._leads()
        self._opportunities(stories)
        self._cases(support)
        self._activities(stories)
        self._logged_letters(stories)
        return self.records

    def _add(self, object_name: str, record: Record, created: datetime) -> None:
        modified = min(self.now, created + timedelta(days=self.chance.uniform(0, 20)))
        stamped = {**record, "CreatedDate": iso(created), "LastModifiedDate": iso(modified)}
        filled = {key: value for key, value in stamped.items() if value not in ("", None)}
        self.records.setdefault(object_name, []).append(filled)

    def _accounts(self) -> None:
        for company in self.people.companies:
            owner = self.chance.choice(OWNERS)
            self._owners[company.domain] = owner
            created = self._before(200, 1400)
            self._add(
                "Account",
                {
                    "Id": company.alias,
                    "Name": company.name,
                    "Type": company.account_type,
                    "Industry": company.industry,
                    "OwnerId": owner,
                    "Phone": f"{company.phone} 100",
                    "Website": f"https://www.{company.domain}",
                    "NumberOfEmployees": company.employees,
                    "AnnualRevenue": company.revenue,
                    "BillingStreet": company.street,
                    "BillingPostalCode": company.postal_code,
                    "BillingCity": company.city,
                    "BillingCountry": company.country,
                },
                created,
            )
            for person in self.people.contacts[company.domain]:
                self._add("Contact", self._contact(person, owner), created + timedelta(days=self.chance.uniform(0, 90)))

    def _contact(self, person: Person, owner: str) -> Record:
        company = person.company
        return {
            "Id": person.alias,
            "AccountId": company.alias,
            "Salutation": person.salutation,
            "FirstName": person.first,
            "LastName": person.last,
            "Email": person.address,
            "Title": person.title,
            "Phone": person.phone,
            "MobilePhone": person.mobile,
            "MailingStreet": company.street,
            "MailingPostalCode": company.postal_code,
            "MailingCity": company.city,
            "MailingCountry": company.country,
            "LeadSource": self.chance.choice(SOURCES),
            "OwnerId": owner,
        }

    def _leads(self) -> None:
        for person in self.people.leads:
            self._add(
                "Lead",
                {
                    "Id": person.alias,
                    "Salutation": person.salutation,
                    "FirstName": person.first,
                    "LastName": person.last,
                    "Company": person.company.name,
                    "Title": person.title,
                    "Email": person.address,
                    "City": person.company.city,
                    "Country": person.company.country,
                    "Website": f"https://www.{person.company.domain}",
                    "Status": self.chance.choice(LEAD_STATUSES),
                    "Rating": self.chance.choice(("Hot", "Warm", "Cold")),
                    "LeadSource": self.chance.choice(SOURCES),
                    "OwnerId": self.chance.choice(OWNERS),
                },
                self._before(2, 95),
            )

    def _opportunities(self, stories: Sequence[Story]) -> None:
        for story in stories:
            if story.stage:
                self._opportunity(story.deal, story.stage, story.letters[-1].when)
        english = self.languages["en"]
        number = max(story.deal.number for story in stories)
        while len(self.records["Opportunity"]) < OPPORTUNITIES:
            number += 1
            company = self.chance.choice(self.people.companies)
            person = self.chance.choice(self.people.contacts[company.domain])
            deal = new_deal(number, person, "offer", self._before(100, 400), self.chance)
            stage = self.chance.choice(("Closed Won", "Closed Lost", "Closed Won", "Prospecting", "Value Proposition"))
            self._opportunity(deal, stage, deal.started + timedelta(days=60))
        names = [record["Name"] for record in self.records["Opportunity"]]
        for place, record in enumerate(self.records["Opportunity"]):
            if names.index(record["Name"]) != place:
                record["Name"] += f", {english.product('kit')}" if place % 2 else ", phase 2"

    def _opportunity(self, deal: Deal, stage: str, last: datetime) -> None:
        closed = stage.startswith("Closed")
        closing = min(last, self.now) if closed else self.now + timedelta(days=self.chance.randrange(5, 150))
        company = deal.person.company
        self._add(
            "Opportunity",
            {
                "Id": deal.alias,
                "Name": deal.name(self.languages["en"]),
                "AccountId": company.alias,
                "StageName": stage,
                "Amount": deal.amount,
                "CloseDate": closing.date().isoformat(),
                "Type": "New Customer" if company.account_type == "Prospect" else "Existing Customer - Upgrade",
                "LeadSource": self.chance.choice(SOURCES),
                "NextStep": "" if closed else self.chance.choice(NEXT_STEPS),
                "Description": f"{deal.quantity} {self.languages['en'].product(deal.product)}, offer {deal.offer_number}.",
                "OwnerId": self._owners[company.domain],
            },
            deal.started,
        )
        contacts = self.people.contacts[company.domain]
        for place, person in enumerate(
            [deal.person, *(one for one in contacts if one is not deal.person)][: 1 + deal.number % 2]
        ):
            role = {"OpportunityId": deal.alias, "ContactId": person.alias, "IsPrimary": place == 0}
            self._add(
                "OpportunityContactRole", {**role, "Role": ROLES[(deal.number + place) % len(ROLES)]}, deal.started
            )

    def _cases(self, support: Sequence[SupportStory]) -> None:
        for story in support:
            self._add(
                "Case",
                {
                    "Id": story.alias,
                    "ContactId": story.person.alias,
                    "AccountId": story.person.company.alias,
                    "Subject": story.subject,
                    "Description": story.description,
                    "Status": story.status,
                    "Priority": self.chance.choice(("High", "Medium", "Medium", "Low")),
                    "Origin": "Email" if story.letters else "Phone",
                    "Type": story.case_type,
                    "Reason": story.reason,
                    "OwnerId": self.chance.choice(("@sam", "@sam", "@jonas")),
                    "ClosedDate": iso(min(self.now, story.opened + timedelta(days=4)))
                    if story.status == "Closed"
                    else None,
                },
                story.opened,
            )

    def _activities(self, stories: Sequence[Story]) -> None:
        for story in stories:
            owner = self._owners.get(story.person.company.domain, "@rita")
            what = story.deal.alias if story.stage else story.person.company.alias
            who = {"WhoId": story.person.alias, "OwnerId": owner}
            if story.kind != "lead":
                who["WhatId"] = what
            last = story.letters[-1].when
            self._call(who, last - timedelta(hours=self.chance.uniform(2, 70)))
            if story.kind == "meeting" and story.ended:
                self._event(who, f"Meeting: {story.letters[0].subject}"[:255], last + timedelta(days=7), story)
            elif self.chance.random() < 0.35:
                self._event(
                    who,
                    self.chance.choice(("Site visit", "Video call", "Demonstration")),
                    last - timedelta(days=3),
                    story,
                )
            if not story.ended or self.chance.random() < 0.3:
                self._follow_up(who, story, last)
        for company in self.people.companies:
            for person in self.people.contacts[company.domain][:2]:
                who = {"WhoId": person.alias, "WhatId": company.alias, "OwnerId": self._owners[company.domain]}
                self._call(who, self._before(20, 160))

    def _call(self, who: Record, when: datetime) -> None:
        subject = self.chance.choice(("Call", "Call", "Return call", "Call about the offer"))
        done = min(when, self.now)
        task = {**who, "Subject": subject, "Status": "Completed", "Priority": "Normal", "TaskSubtype": "Call"}
        task |= {
            "ActivityDate": done.date().isoformat(),
            "Description": self.chance.choice(CALL_NOTES),
            "CompletedDateTime": iso(done),
        }
        self._add("Task", task, done)

    def _follow_up(self, who: Record, story: Story, last: datetime) -> None:
        subject = f"Answer: {story.letters[0].subject}" if not story.ended else f"Follow up: {story.letters[0].subject}"
        due = max(last, self.now) + timedelta(days=self.chance.randrange(-2, 14))
        status = self.chance.choice(("Not Started", "Not Started", "In Progress", "Waiting on someone else"))
        task = {**who, "Subject": subject[:255], "Status": status, "Priority": self.chance.choice(("Normal", "High"))}
        self._add("Task", {**task, "ActivityDate": due.date().isoformat()}, min(last, self.now))

    def _event(self, who: Record, subject: str, when: datetime, story: Story) -> None:
        start = when.replace(
            hour=self.chance.choice((9, 10, 11, 13, 14, 15)), minute=self.chance.choice((0, 30)), second=0
        )
        event = {
            **who,
            "Subject": subject,
            "StartDateTime": iso(start),
            "EndDateTime": iso(start + timedelta(minutes=60)),
        }
        self._add("Event", {**event, "Location": story.person.company.city}, min(start, self.now) - timedelta(days=5))

    def _logged_letters(self, stories: Sequence[Story]) -> None:
        """What Rita and Ana have logged so far: mails of known people, each once, the org adds the tasks."""
        known = [story for story in stories if story.stage and self.now - story.letters[0].when > timedelta(days=4)]
        left = LOGGED_LETTERS
        for story in known:
            for letter, body in list(zip(story.letters, story.bodies, strict=True))[:2]:
                if left and self.chance.random() < 0.6:
                    left -= 1
                    incoming = letter.sender.address != RITA.address
                    self._add(
                        "EmailMessage",
                        {
                            "Subject": letter.subject,
                            "TextBody": body,
                            "Status": "3",
                            "Incoming": incoming,
                            "IsClientManaged": True,
                            "MessageIdentifier": letter.message_id,
                            "ThreadIdentifier": letter.references[0] if letter.references else letter.message_id,
                            "MessageDate": iso(letter.when),
                            "FromAddress": letter.sender.address,
                            "FromName": letter.sender.name,
                            "FromId": story.person.alias if incoming else "@rita",
                            "ToIds": ["@rita"] if incoming else [story.person.alias],
                            "RelatedToId": story.deal.alias,
                            "CreatedById": self.chance.choice(("@rita", "@rita", "@ana")),
                        },
                        letter.when + timedelta(minutes=self.chance.randrange(3, 300)),
                    )

    def _before(self, least_days: int, most_days: int) -> datetime:
        when = self.now - timedelta(days=self.chance.uniform(least_days, most_days))
        return when.replace(
            hour=self.chance.randrange(8, 18), minute=self.chance.randrange(60), second=0, microsecond=0
        )
