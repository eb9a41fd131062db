"""The org: the fixture of the stories inside, and a life-like rest that matches the mail."""

from __future__ import annotations

import email
import re
from collections import Counter
from datetime import date, datetime
from email.utils import getaddresses

from app.demo.mail import MailboxData
from app.demo.sample import WorldData
from tests.app.demo.sample.conftest import NOW, PROD, SANDBOX


def records(world: WorldData, name: str, org: str = PROD) -> list[dict]:
    return world.salesforce["records"][org][name]


def by_id(world: WorldData) -> dict[str, dict]:
    return {
        record["Id"]: record for rows in world.salesforce["records"][PROD].values() for record in rows if "Id" in record
    }


def test_two_orgs_with_valid_ids(world: WorldData):
    orgs = {org["id"]: org["sandbox"] for org in world.salesforce["orgs"]}
    assert orgs == {PROD: False, SANDBOX: True}
    for org_id in orgs:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
        groups = (org_id[start : start + 5] for start in (0, 5, 10))
        check = "".join(
            letters[sum(1 << place for place, char in enumerate(group) if char.isupper())] for group in groups
        )
        assert org_id[15:] == check


def test_the_people_of_the_stories(world: WorldData):
    users = {user["username"]: user for user in world.salesforce["users"] if user["org"] == PROD}
    assert users["rita@rita.example"]["profile"] == "Sales"
    assert users["sam@rita.example"]["profile"] == "Support"
    assert "ana@rita.example" in users
    contacts = {record["Email"]: record for record in records(world, "Contact")}
    assert contacts["karl@acme.example"]["LastName"] == "Klein"
    assert contacts["karl@acme.example"]["AccountId"] == contacts["mia@acme.example"]["AccountId"] == "@acme"
    leads = {record["Email"]: record for record in records(world, "Lead")}
    assert (leads["lee@newco.example"]["FirstName"], leads["lee@newco.example"]["LastName"]) == ("Lee", "Long")
    assert "lee2@newco.example" not in {**contacts, **leads}


def test_acme_has_two_open_opportunities_one_with_a_role(world: WorldData):
    acme = {record["Name"]: record for record in records(world, "Opportunity") if record["AccountId"] == "@acme"}
    assert {name for name, record in acme.items() if not record["StageName"].startswith("Closed")} == {
        "Acme 2025",
        "Acme renewal",
    }
    assert len(acme) == 3
    roles = [
        role
        for role in records(world, "OpportunityContactRole")
        if role["OpportunityId"] in {r["Id"] for r in acme.values()}
    ]
    assert [(role["OpportunityId"], role["ContactId"]) for role in roles] == [("@opp_a", "@karl")]
    case = next(record for record in records(world, "Case") if record.get("CaseNumber") == "00001001")
    assert (case["ContactId"], case["Status"]) == ("@mia", "Working")
    assert len([record for record in records(world, "Case") if record["ContactId"] == "@mia"]) == 1


def test_rules_and_profiles(world: WorldData):
    profiles = world.salesforce["profiles"]
    assert profiles["Sales"]["objects"]["Contact"]["edit_scope"] == "own"
    assert profiles["Support"]["fields"]["Opportunity.Amount"]["read"] is False
    rules = world.salesforce["rules"]
    assert {(rule["object"], rule["action"]) for rule in rules["duplicate"]} == {
        ("Contact", "alert"),
        ("Lead", "block"),
    }
    assert rules["validation"][0]["condition"] == "CloseDate < TODAY"
    fields = {field["name"]: field["type"] for field in world.salesforce["objects"]["Project__c"]["fields"]}
    assert (fields["Site_Email__c"], fields["Account__c"]) == ("email", "reference")


def test_there_is_enough_of_everything(world: WorldData):
    least = {
        "Account": 40,
        "Contact": 120,
        "Lead": 40,
        "Opportunity": 60,
        "Case": 50,
        "OpportunityContactRole": 60,
        "EmailMessage": 20,
    }
    for name, count in least.items():
        assert len(records(world, name)) >= count, name
    assert len(records(world, "Task")) + len(records(world, "Event")) >= 300
    stages = Counter(record["StageName"] for record in records(world, "Opportunity"))
    assert len(stages) >= 7
    assert {"Closed Won", "Closed Lost", "Proposal/Price Quote"} <= set(stages)


def test_every_reference_names_a_record(world: WorldData):
    known = set(by_id(world)) | {user["alias"] for user in world.salesforce["users"] if user["org"] == PROD}
    for name, rows in world.salesforce["records"][PROD].items():
        for record in rows:
            for field, value in record.items():
                values = value if isinstance(value, list) else [value]
                for one in values:
                    if isinstance(one, str) and one.startswith("@"):
                        assert one in known, (name, field, one)


def test_names_are_unique_enough_to_tell_apart(world: WorldData):
    for name in ("Account", "Opportunity"):
        counts = Counter(record["Name"] for record in records(world, name))
        assert counts.most_common(1)[0][1] == 1, name
    for name in ("Contact", "Lead"):
        counts = Counter(record["Email"] for record in records(world, name))
        assert counts.most_common(1)[0][1] == 1, name


def test_open_opportunities_close_later(world: WorldData):
    for record in records(world, "Opportunity"):
        closing = date.fromisoformat(record["CloseDate"])
        if record["StageName"].startswith("Closed"):
            assert closing <= NOW.date()
        else:
            assert closing > NOW.date()


def test_nothing_was_created_in_the_future(world: WorldData):
    for rows in world.salesforce["records"][PROD].values():
        for record in rows:
            if "CreatedDate" in record:
                assert datetime.fromisoformat(record["CreatedDate"]) <= NOW


def _addresses(box: MailboxData) -> set[str]:
    found: set[str] = set()
    for folder in box.folders:
        if folder.name in {"Junk", "Drafts"}:
            continue
        for data in folder.messages:
            message = email.message_from_bytes(data.raw)
            fields = [str(value) for name in ("From", "To", "Cc") for value in message.get_all(name, [])]
            found |= {address.lower() for _name, address in getaddresses(fields) if "@" in address}
    return found - {box.user}


def test_most_correspondents_are_in_the_org(world: WorldData, rita: MailboxData, sam: MailboxData):
    known = {record["Email"] for name in ("Contact", "Lead") for record in records(world, name)}
    known |= {user["email"] for user in world.salesforce["users"]}
    leads = {record["Email"] for record in records(world, "Lead")}
    for box in (rita, sam):
        found = _addresses(box)
        assert len(found & known) >= 0.7 * len(found)
    assert len(_addresses(rita) & leads) >= 15
    assert len(_addresses(rita) - known) >= 10


def test_activities_concern_those_who_write(world: WorldData, rita: MailboxData):
    ids = by_id(world)
    writers = _addresses(rita)
    who = [
        ids[record["WhoId"]]["Email"]
        for name in ("Task", "Event")
        for record in records(world, name)
        if "WhoId" in record
    ]
    assert sum(address in writers for address in who) > 0.7 * len(who)


def test_logged_mails_are_mails_of_the_mailbox(world: WorldData, rita: MailboxData):
    by_message_id = {}
    for folder in rita.folders:
        for data in folder.messages:
            message = email.message_from_bytes(data.raw)
            by_message_id[message["Message-ID"]] = data
    for record in records(world, "EmailMessage"):
        data = by_message_id[record["MessageIdentifier"]]
        assert datetime.fromisoformat(record["MessageDate"]) == data.internal_date.replace(microsecond=0)
        assert record["FromAddress"].encode() in data.raw
    renewal = next(
        record
        for record in records(world, "EmailMessage")
        if record["MessageIdentifier"] == "<renewal-conditions.7f21@acme.example>"
    )
    assert (renewal["RelatedToId"], renewal["CreatedById"]) == ("@opp_b", "@ana")


def test_sums_in_mails_are_those_of_the_opportunities(world: WorldData, rita: MailboxData):
    """An order says the amount that Salesforce has, in the way its language writes numbers."""
    amounts = {
        record["Description"].split("offer ")[1].rstrip("."): record["Amount"]
        for record in records(world, "Opportunity")
        if "offer " in record.get("Description", "")
    }
    checked = 0
    for folder in rita.folders:
        for data in folder.messages:
            message = email.message_from_bytes(data.raw)
            part = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
            charset = part.get_content_charset("utf-8") if part is not None else "unknown-8bit"
            if part is None or charset == "unknown-8bit":
                continue
            text = part.get_payload(decode=True).decode(charset, "replace")
            own = text.split("\n>")[0]
            offer = re.search(
                r"\b(?:offer|Angebot) (\d{4}-\d{4})\b.*?\b(?:in total|zusammen) (?:EUR )?([\d.,]+)", own, re.DOTALL
            )
            if offer and offer[1] in amounts:
                total = float(re.sub(r"[.,](?=\d{3})", "", offer[2]).replace(",", ".").rstrip("."))
                assert 0.9 * total <= amounts[offer[1]] <= total
                checked += 1
    assert checked >= 3


def test_a_wrong_invoice_is_wrong(rita: MailboxData):
    """Who complains that an invoice shows another sum than the order names two sums."""
    pattern = r"(?:shows EUR|lautet über) ([\d.,]*\d).*?(?:agreed on EUR|Vereinbart waren laut Bestellung \d+ jedoch) ([\d.,]*\d)"
    checked = 0
    for folder in rita.folders:
        for data in folder.messages:
            message = email.message_from_bytes(data.raw)
            for part in message.walk():
                if part.get_content_type() == "text/plain" and part.get_content_charset() in {
                    "utf-8",
                    "us-ascii",
                    "windows-1252",
                }:
                    text = (
                        part.get_payload(decode=True).decode(part.get_content_charset(), "replace").replace("\n> ", " ")
                    )
                    for first, second in re.findall(pattern, text.split("\n>")[0], re.DOTALL):
                        assert first != second, message["Message-ID"]
                        checked += 1
    assert checked >= 3
