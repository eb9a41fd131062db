"""Bodies and connections that no well-behaved client sends: an error body each, never a crash, never a leftover."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo.salesforce.database import Database
from app.demo.salesforce.rest.message import Request
from app.demo.salesforce.service import SalesforceService
from tests.app.demo.salesforce.rest_client import Rest
from tests.servers.demo import DemoWorld

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "0030000000zzzzz",
            "2026-01-01",
            "2026-13-99T99:99:99Z",
            "0001-01-01T00:00:00+14:00",
            "@{a.id}",
            "true",
            "5e400",
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUIET = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceService]:
    """The fixture's orgs without a server."""
    folder = tmp_path_factory.mktemp("hostile")
    fixture = json.loads(Path(__file__).with_name("org.json").read_text(encoding="utf-8"))
    database = Database(folder / "db.sqlite3")
    yield SalesforceService(fixture, database, folder / "files", lambda: datetime.now(UTC))
    database.close()


def send(service: SalesforceService, method: str, path: str, body: Any, query: dict[str, str] | None = None) -> int:
    """The status of a request that was carried out; an exception fails the test."""
    org = next(iter(service.orgs.values()))
    actor = org.actor(org.system().user_id)
    request = Request(method, path, query or {}, {}, json.dumps(body).encode(), org, actor, "66.0")
    answer = service.carry_out(request)
    json.dumps(answer.body)
    return answer.status


@QUIET
@given(data=st.data())
def test_any_value_in_any_field(service: SalesforceService, data: st.DataObject) -> None:
    schema = next(iter(service.orgs.values())).schema
    sobject = schema.objects[data.draw(st.sampled_from(sorted(schema.objects)))]
    names = data.draw(st.lists(st.sampled_from([one.name for one in sobject.fields]), min_size=1, max_size=4))
    body = {name: data.draw(VALUES) for name in names}
    assert send(service, "POST", f"sobjects/{sobject.name}", body) in (201, 400, 403, 404, 501)
    assert send(service, "PATCH", f"sobjects/{sobject.name}/{sobject.key_prefix or '000'}{'0' * 12}", body) in (
        400,
        403,
        404,
        501,
    )


@QUIET
@given(body=VALUES)
@pytest.mark.parametrize("path", ["sobjects/Contact", "composite", "composite/sobjects", "parameterizedSearch"])
def test_any_body(service: SalesforceService, path: str, body: Any) -> None:
    assert send(service, "POST", path, body) in (200, 400, 501)


@QUIET
@given(parts=st.lists(st.fixed_dictionaries({}, optional={
    "method": st.sampled_from(["GET", "POST", "PATCH", "DELETE", "x"]) | VALUES,
    "url": st.sampled_from(["/services/data/v66.0/sobjects/Contact", "/services/data/v66.0/query?q=@{a}", "/services/data/v66.0/", "x"]) | VALUES,
    "referenceId": st.sampled_from(["a", "b", "c"]) | VALUES,
    "body": VALUES,
    "httpHeaders": VALUES,
}), max_size=4), all_or_none=VALUES)  # fmt: skip
def test_any_composite(service: SalesforceService, parts: list[Any], all_or_none: Any) -> None:
    body = {"compositeRequest": parts, "allOrNone": all_or_none}
    assert send(service, "POST", "composite", body) in (200, 400, 501)


@QUIET
@given(records=st.lists(st.fixed_dictionaries({"attributes": st.sampled_from([{"type": "Contact"}, {"type": "Lead"}, {}]) | VALUES},
       optional={"Id": VALUES, "LastName": VALUES, "Email": VALUES}) | VALUES, max_size=4))  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PATCH", ""), ("PATCH", "/Contact/Email")])
def test_any_collection(service: SalesforceService, method: str, path: str, records: list[Any]) -> None:
    assert send(service, method, f"composite/sobjects{path}", {"records": records}) in (200, 400, 501)


@QUIET
@given(text=st.text(max_size=60))
def test_any_search(service: SalesforceService, text: str) -> None:
    assert send(service, "GET", "search", None, {"q": text or "x"}) == 400
    assert send(service, "GET", "search", None, {"q": "FIND {" + text + "} RETURNING Contact(Id)"}) in (200, 400, 501)
    assert send(service, "GET", "parameterizedSearch", None, {"q": text, "in": text, "sobject": text}) in (
        200,
        400,
        501,
    )


@QUIET
@given(path=st.text(max_size=30))
def test_any_path(service: SalesforceService, path: str) -> None:
    assert send(service, "GET", f"sobjects/{path}", None) in (200, 400, 404, 501)
    assert send(service, "GET", f"sobjects/Contact/{path}", None) in (200, 300, 400, 404, 501)
    assert send(service, "GET", f"query/{path}", None, {"q": path}) in (400, 404, 501)


MULTIPART = [
    ("multipart/form-data", b""),
    ("multipart/form-data", b"--x\r\n\r\n--x--"),
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"--x--\r\n"),
    ("multipart/form-data; boundary=x", b"garbage"),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="entity_content"\r\n\r\n{}\r\n--x--\r\n',
    ),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="VersionData"; filename="a"\r\n\r\nabc',
    ),
    ("multipart/form-data; boundary=" + "x" * 100, b"--x\r\n"),
    ("multipart/form-data; boundary=x", b"z" * 1_000_000),
    ("multipart/mixed; boundary=x", b"--x--"),
]


@pytest.mark.parametrize(("kind", "body"), MULTIPART)
def test_multipart_garbage(rita: Rest, world: DemoWorld, kind: str, body: bytes) -> None:
    answer = rita.call("POST", "sobjects/ContentVersion", body, {"Content-Type": kind})
    assert answer.status in (400, 415)
    assert answer.code in ("INVALID_MULTIPART_REQUEST", "UNSUPPORTED_MEDIA_TYPE")
    assert world.records("ContentVersion") == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
def test_other_media_types(rita: Rest, kind: str) -> None:
    answer = rita.call("POST", "sobjects/Contact", b'{"LastName": "x"}', {"Content-Type": kind})
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert rita.call("POST", "sobjects/Contact", b"<x/>", {"Content-Type": "application/xml"}).status == 501


RAW = [
    b"\x00\xff\xfe\r\n\r\n",
    b"GET /services/data HTTP/9.9\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /services/data/v66.0/%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    (
        b"POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 6\r\n\r\n%ff=\xff\x00"
    ),
    b"GET /services/data HTTP/1.1\r\nHost: x\r\nAuthorization: " + b"a" * 100_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_garbage_on_the_socket(rita: Rest, world: DemoWorld, raw: bytes) -> None:
    for base in (world.salesforce, world.salesforce_tls):
        address = world.host_port(base.partition("://")[2])
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            try:
                connection.recv(65536)
            except ConnectionError:
                continue
    assert rita.get("limits").status == 200
    assert all(one["status"] != 500 for one in world.requests())
