"""SOQL statements with their results on the fixture, valid and invalid.

Grammar, operators, escapes and limits: SOQL and SOSL Reference (facts page 2.1 and 2.2 name the places).
"""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Rest
from tests.app.demo.salesforce.sign_in import sign_in
from tests.servers.demo import DemoWorld

CONTACTS = ["Karl Klein", "Lonely", "Mia Moser", "Zoë Ångström"]

# (condition on Contact, names expected)
CONTACT_CONDITIONS: list[tuple[str, list[str]]] = [
    ("Email = 'karl@acme.example'", ["Karl Klein"]),
    ("Email = 'KARL@ACME.EXAMPLE'", ["Karl Klein"]),
    ("email='karl@acme.example'", ["Karl Klein"]),
    ("Email = null", ["Lonely"]),
    ("Email = ''", ["Lonely"]),
    ("Email != null", ["Karl Klein", "Mia Moser", "Zoë Ångström"]),
    ("Email != 'karl@acme.example'", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("Email <> 'karl@acme.example'", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("FirstName = 'zoë'", ["Zoë Ångström"]),
    ("FirstName = 'ZOË'", ["Zoë Ångström"]),
    ("LastName LIKE 'ång%'", ["Zoë Ångström"]),
    ("LastName LIKE '_ngström'", ["Zoë Ångström"]),
    ("Name LIKE 'k%'", ["Karl Klein"]),
    ("Name LIKE '%o%'", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("NOT Name LIKE '%o%'", ["Karl Klein"]),
    ("(NOT Name LIKE '%o%') OR Email = null", ["Karl Klein", "Lonely"]),
    ("Name LIKE 'karl'", []),
    ("Name IN ('Karl Klein', 'lonely')", ["Karl Klein", "Lonely"]),
    ("Name IN ('Zoë Ångström', 'Mia Moser')", ["Mia Moser", "Zoë Ångström"]),
    ("Email IN (null, 'mia@acme.example')", ["Lonely", "Mia Moser"]),
    ("Name NOT IN ('Karl Klein', 'Lonely')", ["Mia Moser", "Zoë Ångström"]),
    ("FirstName NOT IN ('Karl')", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("Name > 'L'", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("Name < 'L'", ["Karl Klein"]),
    ("FirstName >= 'Mia' AND FirstName <= 'Mia'", ["Mia Moser"]),
    ("NOT FirstName > 'A'", ["Lonely"]),
    ("Email != null AND AccountId != null AND FirstName = 'Mia'", ["Mia Moser"]),
    ("FirstName = 'Mia' OR FirstName = 'Karl' OR LastName = 'Lonely'", ["Karl Klein", "Lonely", "Mia Moser"]),
    ("Email != null AND (FirstName = 'Mia' OR FirstName = 'Karl')", ["Karl Klein", "Mia Moser"]),
    ("((FirstName = 'Mia'))", ["Mia Moser"]),
    ("AccountId = null", ["Lonely"]),
    ("Account.Name = 'Acme GmbH'", ["Karl Klein", "Mia Moser"]),
    ("Account.Name = 'acme gmbh' AND Account.BillingCity = 'Hamburg'", ["Karl Klein", "Mia Moser"]),
    ("Account.Name = 'Nova O\\'Neill & Söhne'", ["Zoë Ångström"]),
    ("Account.Name = null", ["Lonely"]),
    ("Account.Owner.Name = 'Ana Alvarez'", ["Zoë Ångström"]),
    ("Owner.Username = 'ana@rita.example'", ["Mia Moser"]),
    ("CreatedBy.Name = 'Rita Rep'", ["Karl Klein", "Lonely", "Zoë Ångström"]),
    ("Contact.FirstName = 'Mia'", ["Mia Moser"]),
    ("DoNotCall = false", CONTACTS),
    ("DoNotCall = TRUE", []),
    ("DoNotCall != true", CONTACTS),
    ("Birthdate = 1990-05-17", ["Zoë Ångström"]),
    ("Birthdate > 1990-05-17", []),
    ("Birthdate >= 1990-05-17", ["Zoë Ångström"]),
    ("Birthdate != 1990-05-17", ["Karl Klein", "Lonely", "Mia Moser"]),
    ("Birthdate IN (1990-05-17, 1991-01-01)", ["Zoë Ångström"]),
    ("CreatedDate > 2020-01-01T00:00:00Z", CONTACTS),
    ("CreatedDate > 2020-01-01T00:00:00.000+0200", CONTACTS),
    ("CreatedDate < 2020-01-01T00:00:00-05:00", []),
    ("CreatedDate = TODAY", CONTACTS),
    ("CreatedDate >= LAST_N_DAYS:3", CONTACTS),
    ("CreatedDate < YESTERDAY", []),
    ("CreatedDate != TODAY", []),
    ("Birthdate < LAST_N_YEARS:30", ["Zoë Ångström"]),
    ("Birthdate = LAST_N_YEARS:99", ["Zoë Ångström"]),
    ("Languages__c INCLUDES ('English')", ["Karl Klein"]),
    ("Languages__c INCLUDES ('German;English', 'French')", ["Karl Klein", "Mia Moser"]),
    ("Languages__c EXCLUDES ('English')", ["Lonely", "Mia Moser", "Zoë Ångström"]),
    ("AccountId IN (SELECT Id FROM Account WHERE Industry = 'Energy')", ["Zoë Ångström"]),
    ("AccountId IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)", ["Karl Klein", "Mia Moser"]),
    ("Id IN (SELECT ContactId FROM OpportunityContactRole WHERE Role = 'Influencer')", ["Mia Moser"]),
    ("Id NOT IN (SELECT ContactId FROM Case)", ["Karl Klein", "Lonely", "Zoë Ångström"]),
    ("Id IN (SELECT ContactId FROM Case WHERE IsClosed = false) AND Email LIKE '%acme%'", ["Mia Moser"]),
    ("Email = 'karl\\u0040acme.example'", ["Karl Klein"]),
    ("Email LIKE 'zoe+news@nova\\_x%'", []),
    ("Email LIKE 'zoe+news@nova_x%'", ["Zoë Ångström"]),
]


@pytest.mark.parametrize(("condition", "names"), CONTACT_CONDITIONS)
def test_conditions(rita: Rest, condition: str, names: list[str]) -> None:
    assert [one["Name"] for one in rita.query(f"SELECT Name FROM Contact WHERE {condition} ORDER BY Name")] == names


# (statement, values of the last selected column)
STATEMENTS: list[tuple[str, list[Any]]] = [
    ("SELECT Name FROM Account WHERE Name LIKE '%100\\%%'", ["Zero 100% Ltd"]),
    ("SELECT Name FROM Account WHERE Name LIKE '%100%%'", ["Zero 100% Ltd"]),
    ("SELECT Name FROM Account WHERE AnnualRevenue = 61000000", ["Acme GmbH"]),
    ("SELECT Name FROM Account WHERE AnnualRevenue = 6.1e7", ["Acme GmbH"]),
    ("SELECT Name FROM Account WHERE NumberOfEmployees > 400 AND NumberOfEmployees < 500", ["Acme GmbH"]),
    ("SELECT Name FROM Account WHERE NumberOfEmployees IN (420, 7)", ["Acme GmbH"]),
    ("SELECT Name FROM Opportunity WHERE Amount < 40000.51 ORDER BY Amount", ["Acme pilot", "Acme renewal"]),
    ("SELECT Name FROM Opportunity WHERE Amount >= 120000", ["Acme 2025"]),
    ("SELECT Name FROM Opportunity WHERE IsClosed = false ORDER BY CloseDate DESC", ["Acme renewal", "Acme 2025"]),
    ("SELECT Name FROM Opportunity WHERE IsWon = true", ["Acme pilot"]),
    ("SELECT Name FROM Opportunity WHERE CloseDate = LAST_YEAR", ["Acme pilot"]),
    ("SELECT Name FROM Opportunity WHERE CloseDate = NEXT_YEAR ORDER BY Name", ["Acme 2025", "Acme renewal"]),
    ("SELECT Name FROM Opportunity WHERE CloseDate > NEXT_N_MONTHS:3", ["Acme renewal"]),
    ("SELECT Probability FROM Opportunity ORDER BY Name", [75.0, 100.0, 10.0]),
    ("SELECT Name FROM Contact ORDER BY Email NULLS LAST LIMIT 1", ["Karl Klein"]),
    ("SELECT Name FROM Contact ORDER BY Email LIMIT 1", ["Lonely"]),
    ("SELECT Name FROM Contact ORDER BY Email DESC NULLS LAST LIMIT 1", ["Zoë Ångström"]),
    ("SELECT Name FROM Contact ORDER BY Account.Name DESC NULLS LAST, Name DESC LIMIT 2", ["Zoë Ångström", "Mia Moser"]),
    ("SELECT Name FROM Contact ORDER BY Name ASC NULLS FIRST LIMIT 2 OFFSET 1", ["Lonely", "Mia Moser"]),
    ("SELECT Name FROM Contact ORDER BY Name OFFSET 3", ["Zoë Ångström"]),
    ("SELECT Name FROM Contact LIMIT 0", []),
    ("SELECT c.Name FROM Contact c WHERE c.Account.Name = 'Acme GmbH' ORDER BY c.Name", ["Karl Klein", "Mia Moser"]),
    ("SELECT c.Name FROM Contact AS c WHERE c.FirstName = 'Karl'", ["Karl Klein"]),
    ("SELECT Contact.Name FROM Contact WHERE FirstName = 'Karl'", ["Karl Klein"]),
    ("select name from contact where firstname = 'Karl' order by name limit 5", ["Karl Klein"]),
    ("SELECT\n  Name\nFROM\tContact\r\nWHERE FirstName='Karl'", ["Karl Klein"]),
    ("SELECT Subject FROM Task WHERE Who.Name = 'Karl Klein' ORDER BY Subject", ["Call Karl", "Send offer"]),
    ("SELECT Subject FROM Task WHERE Who.Type = 'Lead'", ["Ring Lee"]),
    ("SELECT Subject FROM Task WHERE What.Type = 'Opportunity' AND What.Name = 'Acme 2025'", ["Call Karl"]),
    ("SELECT Subject FROM Task WHERE Owner.Name = 'Ana Alvarez'", ["Ring Lee"]),
    ("SELECT Subject FROM Task WHERE IsClosed = true", ["Call Karl"]),
    ("SELECT Subject FROM Task WHERE IsHighPriority = true", ["Send offer"]),
    ("SELECT Subject FROM Event WHERE Account.Name = 'Acme GmbH'", ["Demo at Acme"]),
    ("SELECT EndDateTime FROM Event", ["2026-11-10T10:30:00.000+0000"]),
    ("SELECT Role FROM OpportunityContactRole WHERE Contact.Email = 'karl@acme.example'", ["Decision Maker"]),
    ("SELECT CaseNumber FROM Case WHERE Contact.Email = 'mia@acme.example' AND IsClosed = false", ["00001001"]),
    ("SELECT ContactEmail FROM Case WHERE CaseNumber = '00001001'", ["mia@acme.example"]),
    ("SELECT Name FROM Lead WHERE IsConverted = false", ["Lee Long"]),
    ("SELECT Name FROM Lead WHERE Email = 'con@acme.example' AND ConvertedContact.Name = 'Karl Klein'", ["Con Verted"]),
    ("SELECT Account__r.Name, Name FROM Project__c WHERE Site_Email__c = 'site@acme.example'", ["Line 4"]),
    ("SELECT Name FROM Project__c WHERE Account__r.Owner.Email = 'rita@rita.example'", ["Line 4"]),
    ("SELECT Name FROM Account WHERE Parent.Name = 'Acme GmbH'", ["Zero 100% Ltd"]),
    ("SELECT Name FROM Account WHERE Id IN (SELECT Account__c FROM Project__c)", ["Acme GmbH"]),
    ("SELECT IsSandbox FROM Organization", [False]),
    ("SELECT Name FROM Profile ORDER BY Name", ["Sales", "Support", "System Administrator"]),
    ("SELECT Username FROM User WHERE Profile.Name = 'Support'", ["sam@rita.example"]),
    ("SELECT LastActivityDate FROM Contact WHERE FirstName = 'Karl'", ["2026-11-20"]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "values"), STATEMENTS)
def test_statements(rita: Rest, statement: str, values: list[Any]) -> None:
    records = rita.query(statement)
    assert [list(one.values())[-1] for one in records] == values


NO_COLUMN = (
    " If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
INVALID: list[tuple[str, str, str]] = [
    ("SELECT Foo FROM Contact", "INVALID_FIELD", "No such column 'Foo' on entity 'Contact'." + NO_COLUMN),
    ("SELECT Id FROM Contact WHERE Foo__c = 1", "INVALID_FIELD", "No such column 'Foo__c' on entity 'Contact'."),
    ("SELECT Account.Foo FROM Contact", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'."),
    ("SELECT Foo.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Foo' in field path."),
    ("SELECT Who.AccountId FROM Task", "INVALID_FIELD", "No such column 'AccountId' on entity 'Name'."),
    ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing' is not supported."),
    ("SELECT Id FROM Name", "INVALID_TYPE", "sObject type 'Name' is not supported."),
    ("SELECT Id, (SELECT Id FROM Foos) FROM Account", "INVALID_TYPE", "Didn't understand relationship 'Foos' in FROM part"),
    ("SELECT Id FORM Contact", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
    ("SELECT FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
    ("SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT * FROM Contact", "MALFORMED_QUERY", "'*'"),
    ("UPDATE Contact", "MALFORMED_QUERY", "unexpected token: 'UPDATE'"),
    ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Contact WHERE Name", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Contact WHERE Name = ", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Contact WHERE Name == 'x'", "MALFORMED_QUERY", "unexpected token: '='"),
    ('SELECT Id FROM Contact WHERE Name = "x"', "MALFORMED_QUERY", "'\"'"),
    ("SELECT Id FROM Contact WHERE Name = x", "MALFORMED_QUERY", "unexpected token: 'x'"),
    ("SELECT Id FROM Contact WHERE Name = 'O'Neill'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Contact WHERE Name = 'x", "MALFORMED_QUERY", "<EOF>"),
    ("SELECT Id FROM Contact WHERE Name = 'a\\x'", "MALFORMED_QUERY", "Illegal character sequence in string literal"),
    ("SELECT Id FROM Contact WHERE Name = 'a\\%'", "MALFORMED_QUERY", "Illegal character sequence in string literal"),
    ("SELECT Id FROM Contact WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
    ("SELECT Id FROM Contact WHERE Name = 'a' AND NOT Name = 'b'", "MALFORMED_QUERY", "unexpected token: 'NOT'"),
    ("SELECT Id FROM Contact WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
    ("SELECT Id FROM Contact WHERE Name IN 'a'", "MALFORMED_QUERY", "unexpected token: ''a''"),
    ("SELECT Id FROM Contact WHERE (Name = 'a'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Contact LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
    ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
    ("SELECT Id FROM Contact ORDER Name", "MALFORMED_QUERY", "unexpected token: 'Name'"),
    ("SELECT Id FROM Contact LIMIT 1 ORDER BY Name", "MALFORMED_QUERY", "unexpected token: 'ORDER'"),
    ("SELECT Id FROM Contact;", "MALFORMED_QUERY", "';'"),
    ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY", "duplicate field selected: Id"),
    ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Contact WHERE Id IN ('abc')", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"),
    ("SELECT Id FROM Contact WHERE DoNotCall > true", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field"),
    ("SELECT Id FROM Contact WHERE Languages__c IN ('x')", "INVALID_QUERY_FILTER_OPERATOR", "multipicklist"),
    ("SELECT Id FROM Contact WHERE Name INCLUDES ('x')", "INVALID_QUERY_FILTER_OPERATOR", "string"),
    ("SELECT Id FROM Contact WHERE Name = 5", "INVALID_FIELD",
     "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD", "must be of type currency and should not be"),
    ("SELECT Id FROM Contact WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD",
     "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
    ("SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
    ("SELECT Id FROM Contact WHERE Birthdate > 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date "),
    ("SELECT Id FROM Contact WHERE Name = TODAY", "INVALID_FIELD", "must be of type string"),
    ("SELECT Id FROM Contact WHERE DoNotCall = 'true'", "INVALID_FIELD", "must be of type boolean"),
    ("SELECT Id FROM Contact WHERE Birthdate = 2026-13-40", "MALFORMED_QUERY", "Invalid date"),
    ("SELECT Id FROM Contact WHERE Birthdate = LAST_N_YEARS:99999999", "MALFORMED_QUERY", "Invalid date"),
    ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Task WHERE Description LIKE 'x%'", "INVALID_FIELD", "can not be filtered"),
    ("SELECT Id FROM Contact WHERE MailingAddress = 'x'", "INVALID_FIELD", "can not be filtered"),
    ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD",
     "field 'Description' can not be sorted in a query call"),
    ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    ("SELECT Id FROM Contact WHERE Id IN (SELECT WhoId FROM Task)", "MALFORMED_QUERY",
     "Entity 'Task' is not supported for semi join inner selects"),
    ("SELECT Id FROM Contact WHERE Id IN (SELECT Id FROM Account)", "MALFORMED_QUERY", "should point to the same object type"),
    ("SELECT Id FROM Contact WHERE Id IN (SELECT Name FROM Contact)", "MALFORMED_QUERY", "must be an ID or reference field"),
    ("SELECT Id FROM Contact WHERE Name IN (SELECT ContactId FROM Case)", "MALFORMED_QUERY", "should be an ID field"),
    ("SELECT Id FROM Contact WHERE Name = 'a' OR Id IN (SELECT ContactId FROM Case)", "MALFORMED_QUERY",
     "Semi join sub-selects are not allowed with the 'OR' operator"),
    ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Case))",
     "MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported"),
    ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY",
     ("Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or "
     "LinkedEntityId using the equals operator or multiple Id's using the IN operator.")),
    ("SELECT Id FROM ContentDocumentLink WHERE ShareType = 'V'", "MALFORMED_QUERY", "Implementation restriction"),
    ("SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId != null", "MALFORMED_QUERY", "Implementation restriction"),
    ("SELECT Id FROM Contact WHERE Name = '" + "x" * 4001 + "'", "MALFORMED_QUERY", "4000 characters"),
    ("SELECT Id FROM Contact WHERE " + "(" * 200 + "Name = 'x'" + ")" * 200, "MALFORMED_QUERY", "too deeply nested"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "code", "message"), INVALID)
def test_invalid_statements(rita: Rest, statement: str, code: str, message: str) -> None:
    answer = rita.get("query", q=statement)
    assert (answer.status, answer.code) == (400, code)
    assert message in answer.message


def test_the_place_of_an_error_is_shown(rita: Rest) -> None:
    answer = rita.get("query", q="SELECT Id,\nFoo FROM Contact")
    assert answer.message.startswith("\nFoo FROM Contact\n^\nERROR at Row:2:Column:1\nNo such column 'Foo'")


NOT_DONE = [
    "SELECT COUNT(Id) FROM Contact",
    "SELECT MAX(Amount) FROM Opportunity",
    "SELECT FIELDS(ALL) FROM Contact LIMIT 5",
    "SELECT toLabel(Status) FROM Case",
    "SELECT Industry FROM Account GROUP BY Industry",
    "SELECT TYPEOF What WHEN Account THEN Name END FROM Task",
    "SELECT Id FROM Contact WITH SECURITY_ENFORCED",
    "SELECT Id FROM Contact FOR VIEW",
    "SELECT Id FROM Account USING SCOPE mine",
    "SELECT Id FROM Contact WHERE DAY_ONLY(CreatedDate) = TODAY",
    "SELECT Id, (SELECT Id FROM ActivityHistories) FROM Account",
]


@pytest.mark.parametrize("statement", NOT_DONE)
def test_known_but_not_done_is_a_501(rita: Rest, statement: str) -> None:
    answer = rita.get("query", q=statement)
    assert (answer.status, answer.code) == (501, "NOT_IMPLEMENTED")
    assert answer.message.startswith("The demo world does not implement ")


def test_parents_and_children(rita: Rest) -> None:
    statement = (
        "SELECT Id, Owner.Name, Account.Owner.Username, (SELECT Subject, What.Name FROM Tasks ORDER BY Subject LIMIT 1), "
        "(SELECT Id FROM Cases) FROM Contact WHERE FirstName = 'Karl'"
    )
    answer = rita.get("query", q=statement).body
    assert (answer["totalSize"], answer["done"]) == (1, True)
    record = answer["records"][0]
    account, opportunity = rita.id_of("Account", "Acme GmbH"), rita.id_of("Opportunity", "Acme 2025")
    rita_id = rita.id_of("User", "rita@rita.example", "Username")
    user = {"type": "User", "url": f"/services/data/v66.0/sobjects/User/{rita_id}"}
    assert record["Owner"] == {"attributes": user, "Name": "Rita Rep"}
    assert record["Account"] == {
        "attributes": {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{account}"},
        "Owner": {"attributes": user, "Username": "rita@rita.example"},
    }
    # facts 2.2: "Tasks": null when empty, else {"totalSize","done","records"}
    assert record["Cases"] is None
    tasks = record["Tasks"]
    assert (tasks["totalSize"], tasks["done"]) == (1, True)
    assert tasks["records"][0]["Subject"] == "Call Karl"
    what = tasks["records"][0]["What"]
    assert what["Name"] == "Acme 2025"
    assert what["attributes"]["url"] == f"/services/data/v66.0/sobjects/Opportunity/{opportunity}"


def test_an_empty_parent_is_null(rita: Rest) -> None:
    assert (
        rita.query("SELECT Account.Name, Account.Owner.Name FROM Contact WHERE LastName = 'Lonely'")[0]["Account"]
        is None
    )


def test_count(rita: Rest) -> None:
    assert rita.get("query", q="SELECT COUNT() FROM Contact").body == {"totalSize": 4, "done": True, "records": []}
    assert rita.get("query", q="SELECT COUNT() FROM Contact WHERE Email = null").body["totalSize"] == 1
    assert rita.get("query", q="SELECT COUNT() FROM Contact LIMIT 3").body["totalSize"] == 3


def test_pages(rita: Rest, world: DemoWorld) -> None:
    # facts 2.5: nextRecordsUrl is a server-relative path; one call a page
    for number in range(3):
        records = [
            {"attributes": {"type": "Lead"}, "LastName": f"L{number:02d}{at:03d}", "Company": "C"} for at in range(150)
        ]
        assert rita.post("composite/sobjects", {"records": records}).status == 200
    world.clear_requests()
    options = {"Sforce-Query-Options": "batchSize=200"}
    answer = rita.get("query", options, q="SELECT LastName FROM Lead WHERE Company = 'C' ORDER BY LastName").body
    assert (answer["totalSize"], answer["done"], len(answer["records"])) == (450, False, 200)
    assert answer["nextRecordsUrl"].startswith("/services/data/v66.0/query/01g")
    assert answer["nextRecordsUrl"].endswith("-200")
    names = [one["LastName"] for one in answer["records"]]
    sizes = []
    while not answer["done"]:
        answer = rita.get(answer["nextRecordsUrl"]).body
        sizes.append(len(answer["records"]))
        names += [one["LastName"] for one in answer["records"]]
    assert sizes == [200, 50]
    assert "nextRecordsUrl" not in answer
    assert names == sorted(names)
    assert len(set(names)) == 450
    assert world.api_calls() == 3


def test_a_cursor_belongs_to_its_user(rita: Rest, sam: Rest) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": f"A{at}"} for at in range(200)]
    rita.post("composite/sobjects", {"records": records})
    page = rita.get("query", {"Sforce-Query-Options": "batchSize=200"}, q="SELECT Id FROM Account").body
    assert sam.get(page["nextRecordsUrl"]).code == "INVALID_QUERY_LOCATOR"
    assert rita.get(page["nextRecordsUrl"]).body["done"] is True


@pytest.mark.parametrize(
    "condition",
    [
        "Name IN (" + ",".join(f"'n{number}'" for number in range(9000)) + ",'Lonely')",
        " OR ".join(f"Name='n{number}'" for number in range(5000)) + " OR Name='Lonely'",
        " AND ".join(f"Name!='n{number}'" for number in range(5000)) + " AND Name='Lonely'",
    ],
    ids=["in", "or", "and"],
)
def test_a_statement_of_almost_100000_characters(rita: Rest, condition: str) -> None:
    """Such a statement fits into the body of a composite request only."""
    statement = urllib.parse.quote(f"SELECT Name FROM Contact WHERE {condition}")
    part = {"method": "GET", "referenceId": "q", "url": f"/services/data/v66.0/query?q={statement}"}
    answer = rita.post("composite", {"compositeRequest": [part]}).body["compositeResponse"][0]
    assert [one["Name"] for one in answer["body"]["records"]] == ["Lonely"]


def test_query_all_sees_deleted_records(rita: Rest) -> None:
    lead = rita.id_of("Lead", "Lee Long")
    rita.delete(f"sobjects/Lead/{lead}")
    assert rita.query("SELECT Id FROM Lead WHERE Name = 'Lee Long'") == []
    found = rita.get("queryAll", q="SELECT Id, IsDeleted FROM Lead WHERE Name = 'Lee Long'").body["records"]
    assert [(one["Id"], one["IsDeleted"]) for one in found] == [(lead, True)]


def test_days_are_those_of_the_user(rita: Rest, world: DemoWorld) -> None:
    """TODAY moves with the world's clock."""
    assert len(rita.query("SELECT Id FROM Contact WHERE CreatedDate = TODAY")) == 4
    world.advance(86400)
    fresh = Rest.of(world).with_token(str(sign_in(world)["access_token"]))
    assert len(fresh.query("SELECT Id FROM Contact WHERE CreatedDate = YESTERDAY")) == 4
    assert fresh.query("SELECT Id FROM Contact WHERE CreatedDate = TODAY") == []
