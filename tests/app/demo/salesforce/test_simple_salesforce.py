"""simple-salesforce, unmodified, over TLS: a client that knows Salesforce and nothing of this world."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from tests.servers.demo import DemoWorld


@pytest.fixture
def sf(world: DemoWorld) -> Iterator[Salesforce]:
    """The client, trusting the world's CA."""
    with requests.Session() as session:
        session.verify = world.ca_file
        session.trust_env = False
        yield Salesforce(
            instance_url=world.salesforce_tls,
            session_id=world.login("rita@rita.example").access_token,
            session=session,
            version="66.0",
        )


def test_query(sf: Salesforce) -> None:
    found = sf.query(format_soql("SELECT Id, Name, Account.Name FROM Contact WHERE Email = {}", "karl@acme.example"))
    assert (found["totalSize"], found["done"]) == (1, True)
    assert found["records"][0]["Account"]["Name"] == "Acme GmbH"
    odd = format_soql("SELECT Name FROM Account WHERE Name = {}", "Nova O'Neill & Söhne")
    assert sf.query(odd)["records"][0]["Name"] == "Nova O'Neill & Söhne"


def test_query_more(sf: Salesforce) -> None:
    sf.bulk_records = [{"attributes": {"type": "Account"}, "Name": f"A{number:04d}"} for number in range(200)]
    for _ in range(2):
        sf.restful("composite/sobjects", method="POST", json={"records": sf.bulk_records})
    headers = {"Sforce-Query-Options": "batchSize=200"}
    first = sf.query("SELECT Id FROM Account", headers=headers)
    assert first["done"] is False
    second = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    locator = second["nextRecordsUrl"].rpartition("/")[2]
    third = sf.query_more(locator)
    assert [len(one["records"]) for one in (first, second, third)] == [200, 200, 3]
    assert len(sf.query_all("SELECT Id FROM Account", headers=headers)["records"]) == 403
    assert len(list(sf.query_all_iter("SELECT Id FROM Account WHERE Name LIKE 'A0%'"))) == 400


def test_create_get_update_upsert_delete(sf: Salesforce) -> None:
    created = sf.Contact.create({"LastName": "Simple", "Email": "simple@x.example"})
    assert created["success"] is True
    assert sf.Contact.get(created["id"])["Name"] == "Simple"
    assert sf.Contact.get_by_custom_id("Email", "simple@x.example")["Id"] == created["id"]
    assert sf.Contact.update(created["id"], {"Title": "x"}) == 204
    assert sf.Contact.upsert("Email/simple@x.example", {"Title": "y"}) == 200
    assert sf.Project__c.upsert("Code__c/P-77", {"Name": "New"}) == 201
    assert sf.Contact.get(created["id"])["Title"] == "y"
    assert sf.Contact.delete(created["id"]) == 204


def test_search(sf: Salesforce) -> None:
    found = sf.search(r"FIND {karl@acme.example} IN EMAIL FIELDS RETURNING Contact(Id,Name)")
    assert [one["Name"] for one in found["searchRecords"]] == ["Karl Klein"]
    assert len(sf.quick_search("Klein")["searchRecords"]) >= 1


def test_describe_and_limits(sf: Salesforce) -> None:
    described = sf.describe()
    assert described is not None
    assert "Contact" in {one["name"] for one in described["sobjects"]}
    assert sf.Contact.describe()["name"] == "Contact"
    assert sf.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"
    assert sf.limits()["DailyApiRequests"]["Max"] == 100000
    assert sf.api_usage["api-usage"].used > 0


def test_composite_by_restful(sf: Salesforce) -> None:
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {
                "method": "POST",
                "url": "/services/data/v66.0/sobjects/Account",
                "referenceId": "a",
                "body": {"Name": "Via"},
            },
            {"method": "GET", "url": "/services/data/v66.0/sobjects/Account/@{a.id}", "referenceId": "b"},
        ],
    }
    answer = sf.restful("composite", method="POST", json=body)
    assert answer["compositeResponse"][1]["body"]["Name"] == "Via"


def test_file_upload(sf: Salesforce) -> None:
    created = sf.ContentVersion.create({"PathOnClient": "a.txt", "VersionData": "aGk="})
    blob = sf.ContentVersion.get(created["id"])["VersionData"]
    url = urllib.parse.urljoin(f"https://{sf.sf_instance}/", blob)
    assert sf.session.get(url, headers=sf.headers).content == b"hi"


def test_error_classes(sf: Salesforce, world: DemoWorld) -> None:
    with pytest.raises(SalesforceMalformedRequest):
        sf.query("SELECT Nothing FROM Contact")
    with pytest.raises(SalesforceMalformedRequest):
        sf.Account.create({})
    with pytest.raises(SalesforceResourceNotFound):
        sf.Contact.get("0030000000zzzzz")
    with pytest.raises(SalesforceRefusedRequest):
        sf.Contact.update(
            sf.query("SELECT Id FROM Contact WHERE FirstName = 'Mia'")["records"][0]["Id"], {"Title": "x"}
        )
    for name in ("One", "Two"):
        sf.Project__c.create({"Name": name, "Group_Key__c": "same"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Project__c.get_by_custom_id("Group_Key__c", "same")
    with pytest.raises(SalesforceGeneralError):
        sf.restful("composite/graph", method="POST", json={})
    world.expire_tokens("rita@rita.example")
    with pytest.raises(SalesforceExpiredSession):
        sf.query("SELECT Id FROM Contact")


def test_the_certificate_is_checked(world: DemoWorld) -> None:
    with requests.Session() as session:
        session.trust_env = False
        stranger = Salesforce(instance_url=world.salesforce_tls, session_id="x", session=session, version="66.0")
        with pytest.raises(requests.exceptions.SSLError):
            stranger.limits()
