"""The process and its admin interface: the JSON line, the clock, colleagues, mail, stop and reset."""

from __future__ import annotations

import email
import email.policy
import smtplib
import ssl

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import AdminRefused, DemoWorld, running_demo
from tests.servers.fixtures import demo_world as demo_world

RITA = "rita@rita.example"


def test_the_json_line(demo_world: DemoWorld) -> None:
    assert demo_world.salesforce.startswith("http://127.0.0.1:")
    assert demo_world.salesforce_tls.startswith("https://127.0.0.1:")
    for address in (demo_world.imap, demo_world.imaps, demo_world.smtp, demo_world.smtps):
        assert demo_world.host_port(address)[0] == "127.0.0.1"
    assert {one.service for one in demo_world.logins} == {"salesforce", "imap", "smtp"}
    login = demo_world.login(RITA)
    assert login.org == "00D5e000000PRODEA4"
    assert demo_world.login(RITA, "imap").access_token == ""


def test_the_sample_org_has_the_fixture_of_the_scenarios(demo_world: DemoWorld) -> None:
    rita = Rest.of(demo_world)
    assert rita.id_of("Account", "Acme GmbH")
    roles = rita.query("SELECT Opportunity.Name FROM OpportunityContactRole WHERE Contact.Email = 'karl@acme.example'")
    assert [one["Opportunity"]["Name"] for one in roles] == ["Acme 2025"]
    assert rita.query("SELECT Id FROM Lead WHERE Email = 'lee@newco.example'")
    assert rita.query("SELECT Id FROM Case WHERE CaseNumber = '00001001' AND Contact.Email = 'mia@acme.example'")
    assert "Amount" not in Rest.of(demo_world, "sam@rita.example").get("sobjects/Opportunity").body
    assert rita.get("sobjects/Project__c/describe").status == 200
    assert len(demo_world.messages(RITA)) > 20


def test_mail_comes_and_goes(demo_world: DemoWorld) -> None:
    before = len(demo_world.messages(RITA, "INBOX"))
    demo_world.deliver(
        RITA, sender="karl@acme.example", to=RITA, subject="Grüße", text="Hallo", headers={"X-Test": "1"}
    )
    demo_world.deliver(RITA, raw=b"From: a@b.example\r\nSubject: raw\r\n\r\nbody\r\n", flags=("\\Seen",))
    latest = demo_world.messages(RITA, "INBOX")
    assert len(latest) == before + 2
    parsed = email.message_from_bytes(latest[-2]["raw"], policy=email.policy.default)
    assert (parsed["Subject"], parsed["X-Test"]) == ("Grüße", "1")
    assert latest[-1]["flags"] == ["\\Seen"]
    context = ssl.create_default_context(cafile=demo_world.ca_file)
    with smtplib.SMTP_SSL(*demo_world.host_port(demo_world.smtps), context=context) as smtp:
        smtp.login(RITA, demo_world.login(RITA, "smtp").password)
        smtp.sendmail(RITA, ["karl@acme.example"], b"Subject: out\r\n\r\nx\r\n")
    sent = demo_world.sent()
    assert (sent[0]["from"], sent[0]["recipients"]) == (RITA, ["karl@acme.example"])
    with pytest.raises(AdminRefused):
        demo_world.deliver("nobody@x.example", text="x")


def test_reset_restores_mail_and_org(demo_world: DemoWorld) -> None:
    folders = [(one["folder"], one["uid"]) for one in demo_world.messages(RITA)]
    contacts = demo_world.count("", "SELECT COUNT() FROM Contact")
    demo_world.deliver(RITA, text="x")
    demo_world.insert("Contact", {"LastName": "x"})
    demo_world.faults("error", status=500, times=-1)
    demo_world.network(salesforce="down", imap="down")
    demo_world.advance(5000)
    demo_world.reset()
    assert [(one["folder"], one["uid"]) for one in demo_world.messages(RITA)] == folders
    assert demo_world.count("", "SELECT COUNT() FROM Contact") == contacts
    assert Rest.of(demo_world).get("limits").status == 200
    assert demo_world.faults_in_force() == []


def test_a_colleague_writes(world: DemoWorld, rita: Rest) -> None:
    contact = world.insert("Contact", {"LastName": "From Ana"}, user="ana@rita.example")
    assert (
        rita.query(f"SELECT CreatedBy.Name FROM Contact WHERE Id = '{contact}'")[0]["CreatedBy"]["Name"]
        == "Ana Alvarez"
    )
    lead = world.insert("Lead", {"LastName": "L", "Company": "C"}, org="00D5e0000000SBX")
    assert world.soql("00D5e0000000SBX", "SELECT Id FROM Lead")[0]["Id"] == lead
    world.clear_requests()
    assert world.soql("", "SELECT Id FROM Contact")
    assert world.requests() == []
    with pytest.raises(AdminRefused, match="REQUIRED_FIELD_MISSING"):
        world.insert("Contact", {})
    with pytest.raises(AdminRefused, match="no such org"):
        world.soql("00D000000000000", "SELECT Id FROM Contact")


def test_the_clock_only_moves_forward(world: DemoWorld) -> None:
    with pytest.raises(AdminRefused, match="only moves forward"):
        world.advance(-5)


def test_stop_ends_with_zero() -> None:
    with running_demo() as world:
        assert world.stop() == 0
