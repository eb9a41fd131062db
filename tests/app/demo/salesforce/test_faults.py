"""Each fault does what its name says: to the connection, and to the data."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from app.demo.faults import KINDS
from tests.app.demo.salesforce.rest_client import Rest
from tests.app.demo.salesforce.sign_in import refresh, sign_in
from tests.servers.demo import AdminRefused, DemoWorld

LOST = (ConnectionError, http.client.HTTPException, urllib.error.URLError)
CONTACT = "SELECT COUNT() FROM Contact WHERE LastName = 'Fault'"


def create(rest: Rest) -> Any:
    """The write that is disturbed."""
    return rest.post("sobjects/Contact", {"LastName": "Fault"})


@pytest.mark.parametrize(("kind", "left"), [("commit_and_drop", 1), ("drop_before", 0)])
@pytest.mark.parametrize("tls", [False, True])
def test_a_cut_connection(world: DemoWorld, kind: str, left: int, tls: bool) -> None:
    rest = Rest.of(world, tls=tls)
    world.faults(kind, method="POST", path_regex="sobjects/Contact$")
    with pytest.raises(LOST):
        create(rest)
    assert world.count("", CONTACT) == left
    assert create(rest).status == 201
    first = world.requests()[0]
    assert (first["fault"], first["committed"]) == (kind, bool(left))


def test_a_late_commit_is_due_on_the_clock(world: DemoWorld) -> None:
    world.faults("late_commit", method="POST", after_s=90)
    with pytest.raises(LOST):
        create(Rest.of(world))
    assert (world.count("", CONTACT), world.pending_commits()) == (0, 1)
    world.advance(60)
    assert world.count("", CONTACT) == 0
    world.advance(40)
    assert (world.count("", CONTACT), world.pending_commits()) == (1, 0)
    assert world.requests()[0]["committed"] is True


def test_a_late_commit_never_exceeds_the_longest_call(world: DemoWorld) -> None:
    world.longest_call(120)
    assert Rest.of(world).get("limits").headers["X-Demo-Longest-Call"] == "120"
    with pytest.raises(AdminRefused, match="longest call"):
        world.faults("late_commit", after_s=121)


def test_a_reset_forgets_late_commits(world: DemoWorld) -> None:
    world.faults("late_commit", method="POST", after_s=90)
    with pytest.raises(LOST):
        create(Rest.of(world))
    world.reset()
    world.advance(600)
    assert world.count("", CONTACT) == 0


def test_a_given_error(rita: Rest, world: DemoWorld) -> None:
    body = [
        {
            "message": "unable to obtain exclusive access to this record or 1 records: 001",
            "errorCode": "UNABLE_TO_LOCK_ROW",
        }
    ]
    world.faults("error", method="POST", status=503, body=body, headers={"Retry-After": "7"})
    answer = create(rita)
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (503, body, "7")
    assert world.count("", CONTACT) == 0


@pytest.mark.parametrize("status", [200, 503])
def test_a_captive_portal(rita: Rest, world: DemoWorld, status: int) -> None:
    world.faults("html", status=status)
    answer = create(rita)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Log in to this network" in answer.body
    assert world.count("", CONTACT) == 0


def test_nonsense_behind_a_commit(rita: Rest, world: DemoWorld) -> None:
    world.faults("empty_201", method="POST")
    empty = create(rita)
    assert (empty.status, empty.raw) == (201, b"")
    world.faults("not_json", method="POST")
    broken = create(rita)
    assert (broken.status, broken.body) == (201, '{"id":"00')
    assert world.count("", CONTACT) == 2


@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_cut_in_the_middle(world: DemoWorld, tls: bool) -> None:
    rest = Rest.of(world, tls=tls)
    whole = len(rest.get("sobjects/Contact/describe").raw)
    world.faults("cut_after", method="GET", path_regex="describe", bytes=whole // 2)
    with pytest.raises((http.client.IncompleteRead, *LOST)):
        rest.get("sobjects/Contact/describe")
    world.faults("cut_after", method="POST", bytes=len("HTTP/1.1 2"))
    with pytest.raises((http.client.IncompleteRead, *LOST)):
        create(rest)
    assert world.count("", CONTACT) == 1


def test_an_upload_cut_in_the_middle(rita: Rest, world: DemoWorld) -> None:
    from tests.app.demo.salesforce.test_files import multipart

    world.faults("cut_upload", bytes=2_000_000)
    with pytest.raises(LOST):
        multipart(rita, {"PathOnClient": "big.bin"}, b"x" * 5_000_000)
    assert world.records("ContentVersion") == []
    assert multipart(rita, {"PathOnClient": "big.bin"}, b"x" * 5_000_000).status == 201


def test_delay(rita: Rest, world: DemoWorld) -> None:
    """The answer waits; other requests do not."""
    world.faults("delay", method="POST", s=600)
    started = threading.Event()
    ended: list[BaseException] = []

    def wait_for_answer() -> None:
        started.set()
        try:
            rita.call("POST", "sobjects/Contact", {"LastName": "Fault"}, timeout=0.5)
        except OSError as exc:
            ended.append(exc)

    thread = threading.Thread(target=wait_for_answer)
    thread.start()
    started.wait()
    assert rita.get("limits").status == 200
    thread.join()
    assert isinstance(ended[0], TimeoutError)
    assert world.count("", CONTACT) == 0
    world.faults("delay", method="POST", s=0.01, when="after")
    assert create(rita).status == 201


def test_which_requests_a_rule_meets(rita: Rest, sam: Rest, world: DemoWorld) -> None:
    world.faults("error", status=500, user="sam@rita.example", path_regex="limits", times=-1)
    world.faults("error", status=502, method="POST", body_regex="Fault", times=1, skip=1)
    assert [rita.get("limits").status, sam.get("limits").status, sam.get("sobjects").status] == [200, 500, 200]
    assert [create(rita).status for _ in range(3)] == [201, 502, 201]
    hits = [one["hits"] for one in world.faults_in_force()]
    assert hits == [1, 1]
    world.clear_faults()
    assert sam.get("limits").status == 200


def test_chance_follows_its_seed(rita: Rest, world: DemoWorld) -> None:
    def run() -> list[int]:
        world.clear_faults()
        world.faults("error", status=500, times=-1, probability=0.5, seed=7)
        return [rita.get("limits").status for _ in range(40)]

    first = run()
    assert first == run()
    assert 5 < first.count(500) < 35


def test_faults_of_oauth(world: DemoWorld) -> None:
    tokens = sign_in(world)
    busy = {"error": "invalid_grant", "error_description": "token request is already being processed"}
    world.faults("error", where="oauth", path_regex="/token", status=400, body=busy)
    assert refresh(world, tokens["refresh_token"]).body == busy
    assert refresh(world, tokens["refresh_token"]).status == 200
    world.rotate_tokens("rita@rita.example")
    world.faults("commit_and_drop", where="oauth", path_regex="/token")
    with pytest.raises(LOST):
        refresh(world, tokens["refresh_token"])
    # the lost answer has rotated the token out: using it again ends everything
    assert refresh(world, tokens["refresh_token"]).status == 400


def test_the_network_goes_and_comes(rita: Rest, world: DemoWorld) -> None:
    connection = http.client.HTTPConnection(*world.host_port(world.salesforce.removeprefix("http://")), timeout=30)
    connection.request("GET", "/services/data")
    connection.getresponse().read()
    world.network(salesforce="down")
    assert connection.sock is not None
    with pytest.raises(ConnectionResetError):
        connection.sock.recv(1)
    connection.close()
    with pytest.raises(urllib.error.URLError) as refused:
        urllib.request.urlopen(world.salesforce, timeout=30)
    assert isinstance(refused.value.reason, ConnectionRefusedError)
    world.network(salesforce="down")
    world.network(salesforce="up")
    assert rita.get("limits").status == 200
    assert Rest.of(world, tls=True).get("limits").status == 200


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "magic"},
        {"kind": "delay", "seconds": 5},
        {"kind": "error", "where": "moon"},
        {"kind": "error", "path_regex": "("},
    ],
)
def test_a_rule_that_is_not_understood(world: DemoWorld, spec: dict[str, Any]) -> None:
    with pytest.raises(AdminRefused):
        world.faults(**spec)


def test_every_kind_is_tested_here() -> None:
    """A kind without a test above is not offered."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []


def test_tokens_end(rita: Rest, world: DemoWorld) -> None:
    assert rita.get("limits").status == 200
    world.expire_tokens("rita@rita.example")
    assert rita.get("limits").code == "INVALID_SESSION_ID"
    world.reset()
    assert rita.get("limits").status == 200
