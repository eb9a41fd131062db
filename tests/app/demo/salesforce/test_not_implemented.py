"""What Salesforce has and this world has not: 501 with a clear text, never a false success."""

from __future__ import annotations

import pytest

from tests.app.demo.salesforce.rest_client import Rest

PATHS = [
    ("POST", "composite/batch"),
    ("POST", "composite/graph"),
    ("POST", "composite/tree/Account"),
    ("GET", "ui-api/object-info/Contact"),
    ("POST", "ui-api/records"),
    ("POST", "chatter/feed-elements"),
    ("GET", "connect/organization"),
    ("GET", "tooling/sobjects"),
    ("POST", "jobs/query"),
    ("GET", "recent"),
    ("GET", "sobjects/Contact/deleted"),
    ("GET", "sobjects/Contact/updated"),
    ("GET", "sobjects/Contact/describe/layouts"),
    ("GET", "sobjects/Contact/describe/compactLayouts"),
    ("GET", "search/scopeOrder"),
    ("GET", "query?explain=SELECT+Id+FROM+Contact"),
    ("GET", "query?q=SELECT+Id+FROM+Contact&columns=true"),
    ("GET", "/services/Soap/u/66.0"),
    ("GET", "/services/apexrest/x"),
    ("GET", "/.well-known/openid-configuration"),
    ("POST", "/services/oauth2/introspect"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_501(rita: Rest, method: str, path: str) -> None:
    answer = rita.call(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.code) == (501, "NOT_IMPLEMENTED")
    assert answer.message.startswith("The demo world does not implement ")


def test_501_for_parts_of_a_request(rita: Rest) -> None:
    karl, account = rita.id_of("Contact", "Karl Klein"), rita.id_of("Account", "Acme GmbH")
    assert rita.get(f"sobjects/Contact/{karl}/Account").status == 501
    assert rita.get(f"sobjects/Account/{account}/Contacts").status == 501
    assert rita.get(f"sobjects/Account/{account}", {"If-Match": '"x"'}).status == 501
    assert rita.patch(f"sobjects/Account/{account}", {"Site": "x"}, {"If-Match": '"x"'}).status == 501
    nested = {"LastName": "x", "Account": {"Code__c": "1"}}
    assert rita.post("sobjects/Contact", nested).status == 501
    assert rita.get(f"sobjects/Contact/{karl}", fields="Account.Name").status == 501


def test_what_does_not_exist_at_all_is_a_404(rita: Rest) -> None:
    for path in ("made-up", "/made/up", "sobjects/Contact/describe/made-up/deeper"):
        assert rita.get(path).status == 404
