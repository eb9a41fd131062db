"""The daily limit and what counts as a call: facts page section 2.5."""

from __future__ import annotations

from tests.app.demo.salesforce.rest_client import Rest
from tests.app.demo.salesforce.sign_in import sign_in
from tests.servers.demo import DemoWorld


def test_exhaustion_is_a_403(rita: Rest, world: DemoWorld) -> None:
    world.limit(used=4999, maximum=5000)
    last = rita.get("limits")
    assert last.headers["Sforce-Limit-Info"] == "api-usage=5000/5000"
    answer = rita.post("sobjects/Contact", {"LastName": "x"})
    assert answer.status == 403
    assert answer.body == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert answer.headers["Retry-After"] is None
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=5000/5000"
    assert world.count("", "SELECT COUNT() FROM Contact WHERE LastName = 'x'") == 0


def test_the_limit_is_one_of_the_org(rita: Rest, world: DemoWorld) -> None:
    world.limit(used=10, maximum=10)
    assert rita.get("limits").status == 403
    assert Rest.of(world, "sam@rita.example").get("limits").status == 403
    assert Rest.of(world, "rita@rita.example.sandbox").get("limits").status == 200


def test_the_window_is_24_hours(world: DemoWorld) -> None:
    world.limit(used=5000, maximum=5000)
    world.advance(23 * 3600 - 3600)
    rest = Rest(world.salesforce, sign_in(world)["access_token"])
    assert rest.get("limits").status == 403
    world.advance(3 * 3600)
    rest = Rest(world.salesforce, sign_in(world)["access_token"])
    assert rest.get("limits").headers["Sforce-Limit-Info"] == "api-usage=1/5000"


def test_what_counts(rita: Rest, world: DemoWorld) -> None:
    world.clear_requests()
    rita.call("GET", "/services/data")
    rita.with_token("wrong").get("limits")
    rita.get("sobjects/Nothing")
    parts = [{"referenceId": f"r{n}", "method": "GET", "url": "/services/data/v66.0/sobjects/User"} for n in range(25)]
    rita.post("composite", {"compositeRequest": parts})
    rita.post("composite/sobjects", {"records": [{"attributes": {"type": "Account"}, "Name": "x"}] * 100})
    listed = [(one["path"], one["status"], one["api_calls"], one["user"]) for one in world.requests()]
    user = "rita@rita.example"
    base = "/services/data/v66.0"
    assert listed == [
        ("/services/data", 200, 0, user),
        (f"{base}/limits", 401, 0, ""),
        (f"{base}/sobjects/Nothing", 404, 1, user),
        (f"{base}/composite", 200, 1, user),
        (f"{base}/composite/sobjects", 200, 1, user),
    ]
    assert world.api_calls() == 3
    assert rita.get("limits").body["DailyApiRequests"]["Remaining"] == 100000 - 4


def test_bodies_are_in_the_journal(rita: Rest, world: DemoWorld) -> None:
    rita.post("sobjects/Account", {"Name": "Journal"})
    entry = world.requests()[-1]
    assert entry["body"] == '{"Name": "Journal"}'
    assert entry["request_bytes"] == len(entry["body"])
