"""The gateway against every answer that is not what it seems. Sources: facts page 5, reliability page F1 to F5 and section 6 ("SF replies")."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import time

import pytest

from app.crm.ports import SubRequest
from app.errors import (
    AccessDenied,
    AppError,
    BugError,
    DuplicateFound,
    NotSupported,
    Offline,
    OutcomeUnknown,
    PermanentError,
    QuotaExceeded,
    RateLimited,
    RecordNotFound,
    SignInRequired,
    TransientError,
    ValidationFailed,
)
from app.model.ids import RecordId
from tests.app.backends.salesforce.org import connected
from tests.servers.raw_http import Reply, Request, html_reply, json_reply, refused_url, reply

CONTACT = "0035e000001AAAAAA4"
CREATED = {"id": CONTACT, "success": True, "errors": []}
JSON = "application/json"


def errors(
    code: str, message: str = "words of the org", fields: list[str] | None = None, **more: object
) -> list[object]:
    return [{"errorCode": code, "message": message, "fields": fields or [], **more}]


HOSTILE_TO_READS = {
    "page with status 200": html_reply(200),
    "page with status 404": html_reply(404),
    "redirect elsewhere": reply(302, Location="http://evil.example/"),
    "redirect to itself": reply(307, Location="/services/data/v66.0/query/"),
    "json called html": reply(200, b'{"records":[]}', "text/html"),
    "html called json": reply(200, b"<html>", JSON),
    "empty with status 200": reply(200, b"", JSON),
    "no content": reply(204),
    "null": reply(200, b"null", JSON),
    "a list": reply(200, b"[]", JSON),
    "a number": reply(200, b"5", JSON),
    "records that are none": json_reply(200, {"records": [1, "x"]}),
    "no records": json_reply(200, {"totalSize": 0}),
    "deep nesting": reply(200, b"[" * 200_000, JSON),
    "endless digits": reply(200, b'{"records":[{"n":' + b"9" * 10_000 + b"}]}", JSON),
}


@pytest.mark.parametrize("said", HOSTILE_TO_READS.values(), ids=HOSTILE_TO_READS.keys())
async def test_a_read_takes_nothing_else_for_an_answer(said: Reply) -> None:
    async with connected(lambda _request: said) as c:
        with pytest.raises(Offline):
            await c.gateway.query("SELECT Id FROM Contact")
        assert c.heard[-1] is False


HOSTILE_TO_CREATES = {
    "page with status 200": html_reply(200),
    "page with status 201": html_reply(201),
    "redirect": reply(302, Location="http://evil.example/"),
    "empty 201": reply(201, b""),
    "empty json 201": reply(201, b"", JSON),
    "no content": reply(204),
    "an empty list": json_reply(201, []),
    "null": reply(201, b"null", JSON),
    "success false": json_reply(201, {"id": CONTACT, "success": False, "errors": []}),
    "success in words": json_reply(201, {"id": CONTACT, "success": "true", "errors": []}),
    "no id": json_reply(201, {"success": True}),
    "an id of 16": json_reply(201, {"id": CONTACT[:16], "success": True}),
    "an id that is a path": json_reply(201, {"id": "../../evil/x///", "success": True}),
    "an id of another object": json_reply(201, {"id": "0015e000001AAAAAA4", "success": True}),
    "cut inside the head": Reply(b"HTTP/1.1 201 Created\r\nContent-Type: applic", "close"),
    "cut inside the body": Reply(
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{", "close"
    ),
    "reset after the request": Reply(b"", "reset"),
    "closed after the request": Reply(b"", "close"),
    "not http": Reply(b"SSH-2.0-OpenSSH_9.0\r\n\r\n", "close"),
    "500 of the org": json_reply(500, errors("UNKNOWN_EXCEPTION")),
    "500 page": html_reply(500),
    "502 page": html_reply(502),
    "504 page": html_reply(504),
    "400 page": html_reply(400),
}


@pytest.mark.parametrize("said", HOSTILE_TO_CREATES.values(), ids=HOSTILE_TO_CREATES.keys())
async def test_a_create_is_never_done_by_mistake(said: Reply) -> None:
    async with connected(lambda _request: said) as c:
        with pytest.raises(OutcomeUnknown):
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert len(c.org.calls) == 1, "a write is sent once"


@pytest.mark.parametrize(
    "said",
    [
        html_reply(200),
        reply(200, b"", JSON),
        json_reply(200, CREATED),
        reply(201),
        reply(302, Location="/x"),
        html_reply(502),
    ],
    ids=["page", "empty 200", "json 200", "201", "redirect", "502"],
)
async def test_an_update_is_done_with_204_and_nothing_else(said: Reply) -> None:
    async with connected(lambda _request: said) as c:
        with pytest.raises(OutcomeUnknown):
            await c.gateway.update("Contact", RecordId(CONTACT), {"Title": "CTO"})


async def test_an_update_is_done_with_204() -> None:
    async with connected(lambda _request: reply(204)) as c:
        await c.gateway.update("Contact", RecordId(CONTACT), {"Title": "CTO"})
        (request,) = c.org.calls
        assert (request.method, request.path) == ("PATCH", f"/services/data/v66.0/sobjects/Contact/{CONTACT}")
        assert request.json == {"Title": "CTO"}
        assert c.heard == [True]


@pytest.mark.parametrize("record_id", ["", "..", "../Account", "//evil.example/x", CONTACT + "/x", "003?x=1", "é" * 15])
async def test_what_is_no_id_gets_into_no_path(record_id: str) -> None:
    async with connected(lambda _request: reply(204)) as c:
        with pytest.raises(BugError):
            await c.gateway.update("Contact", RecordId(record_id), {"Title": "CTO"})
        assert c.org.calls == []


async def test_refused_before_anything_was_sent() -> None:
    async with connected(url=refused_url()) as c:
        with pytest.raises(Offline):
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert c.heard == [False]


async def test_a_write_that_is_not_answered_is_in_doubt_and_one_that_cannot_leave_is_not() -> None:
    async with connected(lambda _request: json_reply(201, CREATED)) as c:
        assert await c.gateway.create("Contact", {"LastName": "Klein"}) == CONTACT
        address = c.org.url
        c.org.answer = lambda _request: Reply(b"", "reset")
        with pytest.raises(OutcomeUnknown):
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert address == c.org.url


ORG_ERRORS = [
    (400, errors("REQUIRED_FIELD_MISSING", fields=["LastName"]), ValidationFailed, "REQUIRED_FIELD_MISSING"),
    (400, errors("FIELD_CUSTOM_VALIDATION_EXCEPTION"), ValidationFailed, "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    (400, errors("STRING_TOO_LONG", fields=["Name"]), ValidationFailed, "STRING_TOO_LONG"),
    (400, errors("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", fields=["Status"]), ValidationFailed, None),
    (400, errors("INVALID_FIELD_FOR_INSERT_UPDATE", fields=["X"]), ValidationFailed, None),
    (400, errors("INVALID_FIELD"), ValidationFailed, "INVALID_FIELD"),
    (400, errors("MALFORMED_ID"), ValidationFailed, None),
    (400, errors("INVALID_EMAIL_ADDRESS", fields=["Email"]), ValidationFailed, None),
    (400, errors("INVALID_CROSS_REFERENCE_KEY"), RecordNotFound, None),
    (400, errors("ENTITY_IS_DELETED"), RecordNotFound, None),
    (404, errors("ENTITY_IS_DELETED"), RecordNotFound, None),
    (404, errors("NOT_FOUND"), RecordNotFound, "NOT_FOUND"),
    (400, errors("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"), PermanentError, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    (400, errors("UNABLE_TO_LOCK_ROW"), TransientError, "UNABLE_TO_LOCK_ROW"),
    (400, errors("INVALID_TYPE"), NotSupported, "INVALID_TYPE"),
    (400, errors("JSON_PARSER_ERROR"), BugError, None),
    (400, errors("MALFORMED_QUERY"), BugError, None),
    (400, errors("QUERY_TIMEOUT"), PermanentError, "QUERY_TIMEOUT"),
    (403, errors("INSUFFICIENT_ACCESS_OR_READONLY"), AccessDenied, None),
    (403, errors("INSUFFICIENT_ACCESS"), AccessDenied, None),
    (403, errors("API_DISABLED_FOR_ORG"), NotSupported, "API_DISABLED_FOR_ORG"),
    (403, errors("STORAGE_LIMIT_EXCEEDED"), QuotaExceeded, None),
    (403, {"errorCode": "INSUFFICIENT_ACCESS", "message": "a bare object"}, AccessDenied, None),
    (405, errors("METHOD_NOT_ALLOWED"), BugError, None),
    (300, ["/services/data/v66.0/sobjects/Contact/1"], PermanentError, "several_records"),
    (413, {}, PermanentError, "too_large"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code"), ORG_ERRORS, ids=lambda value: str(value)[:60])
async def test_errors_of_the_org_by_class_and_code(
    status: int, body: object, kind: type[AppError], code: str | None
) -> None:
    async with connected(lambda _request: json_reply(status, body)) as c:
        with pytest.raises(kind) as caught:
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert not isinstance(caught.value, OutcomeUnknown)
        if code is not None:
            assert caught.value.code == code
        assert "words of the org" not in str(caught.value), "the org's words may hold names and stay out of the text"
        if isinstance(caught.value, ValidationFailed) and isinstance(body, list):
            assert list(caught.value.fields) == body[0]["fields"]


async def test_the_daily_limit_is_a_long_wait() -> None:
    async with connected(lambda _request: json_reply(403, errors("REQUEST_LIMIT_EXCEEDED"))) as c:
        with pytest.raises(RateLimited) as caught:
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert caught.value.retry_after == 900.0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999", 3600.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_asked_for_is_kept_within_reason(status: int, said: str, seconds: float | None) -> None:
    async with connected(lambda _request: reply(status, b"<html>", "text/html", Retry_After=said)) as c:
        with pytest.raises(RateLimited) as caught:
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
async def test_duplicates_in_both_spellings(key: str) -> None:
    matches = [
        {"matchConfidence": 100.0, "record": {"attributes": {"type": "Contact"}, "Id": CONTACT}},
        {"matchConfidence": 1e9, "record": {"Id": "0035e000001BBBBAA4"}},
        {"matchConfidence": 50.0, "record": {"attributes": {"type": "Contact"}}},
        {"record": {"Id": "not an id"}},
        None,
    ]
    result = {
        "allowSave": True,
        "errorMessage": "You're creating a duplicate record.",
        "matchResults": [{"entityType": "Contact", "matchRecords": matches}],
    }
    async with connected(lambda _request: json_reply(400, errors("DUPLICATES_DETECTED", **{key: result}))) as c:
        with pytest.raises(DuplicateFound) as caught:
            await c.gateway.create(
                "Contact", {"LastName": "Klein"}, headers={"Sforce-Duplicate-Rule-Header": "allowSave=false"}
            )
        found = caught.value
        assert [(match.record_id, match.confidence) for match in found.matches] == [
            (CONTACT, 100.0),
            ("0035e000001BBBBAA4", 100.0),
        ]
        assert found.can_save_anyway is True
        assert found.server_text == "You're creating a duplicate record."


async def test_a_duplicate_value_names_the_record_that_is_there() -> None:
    message = f"duplicate value found: X__c duplicates value on record with id: {CONTACT}"
    async with connected(lambda _request: json_reply(400, errors("DUPLICATE_VALUE", message))) as c:
        with pytest.raises(DuplicateFound) as caught:
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert [match.record_id for match in caught.value.matches] == [CONTACT]


async def test_an_expired_session_is_renewed_once_and_every_header_goes_out_again() -> None:
    def answer(request: Request) -> Reply:
        if request.headers["authorization"] == "Bearer access-1":
            return json_reply(401, errors("INVALID_SESSION_ID", "Session expired or invalid"))
        return json_reply(201, CREATED)

    async with connected(answer) as c:
        made = await c.gateway.create(
            "Contact", {"LastName": "Klein"}, headers={"Sforce-Duplicate-Rule-Header": "allowSave=false"}
        )
        assert made == CONTACT
        first, second = c.org.calls
        assert (
            first.headers["sforce-duplicate-rule-header"]
            == second.headers["sforce-duplicate-rule-header"]
            == "allowSave=false"
        )
        assert first.body == second.body
        assert c.org.granted == 2
        assert c.shelf.refusals == 0


@pytest.mark.parametrize("said", [json_reply(401, errors("INVALID_SESSION_ID")), html_reply(401), json_reply(401, {})])
async def test_a_session_that_stays_refused_asks_for_a_sign_in(said: Reply) -> None:
    async with connected(lambda _request: said) as c:
        with pytest.raises(SignInRequired) as caught:
            await c.gateway.query("SELECT Id FROM Contact")
        assert caught.value.account == "crm:1"
        assert len(c.org.calls) == 2
        assert c.shelf.refusals == 1
        with pytest.raises(SignInRequired):
            await c.gateway.query("SELECT Id FROM Contact")
        assert len(c.org.calls) == 2, "nothing more is sent before somebody signs in"


async def test_ten_calls_with_an_old_token_renew_it_once() -> None:
    def answer(request: Request) -> Reply:
        if request.headers["authorization"] == "Bearer access-1":
            return json_reply(401, errors("INVALID_SESSION_ID"))
        return json_reply(200, {"records": []})

    async with connected(answer) as c:
        await asyncio.gather(*(c.gateway.query("SELECT Id FROM Contact") for _ in range(10)))
        assert c.org.granted == 2


async def test_the_path_of_a_site_and_the_port_stay_in_every_address() -> None:
    def answer(request: Request) -> Reply:
        if "query" in request.path and "01g" not in request.path:
            more = {
                "records": [{"Id": "1"}],
                "done": False,
                "nextRecordsUrl": "/services/data/v66.0/query/01g5e0000000001-2000",
            }
            return json_reply(200, more)
        if "query" in request.path:
            return json_reply(200, {"records": [{"Id": "2"}], "done": True})
        return json_reply(201, CREATED)

    async with connected(answer, site="/partners") as c:
        assert await c.gateway.query("SELECT Id FROM Contact") == [{"Id": "1"}, {"Id": "2"}]
        await c.gateway.create("Contact", {"LastName": "Klein"})
        assert [request.path for request in c.org.calls] == [
            "/partners/services/data/v66.0/query/",
            "/partners/services/data/v66.0/query/01g5e0000000001-2000",
            "/partners/services/data/v66.0/sobjects/Contact",
        ]


@pytest.mark.parametrize(
    "more", ["/services/data/v66.0/query/01gSAME-1", "//evil.example/x?y", "/services/../../x.y", 7]
)
async def test_pages_that_repeat_or_lead_elsewhere_end(more: object) -> None:
    async with connected(lambda _request: json_reply(200, {"records": [], "done": False, "nextRecordsUrl": more})) as c:
        with pytest.raises(Offline):
            await c.gateway.query("SELECT Id FROM Contact")
        assert c.org.server is not None
        assert all(path.startswith("/services/") for path in c.org.server.paths())
        assert len(c.org.calls) <= 3


async def test_the_version_is_the_newest_that_both_know() -> None:
    async with connected(lambda _request: json_reply(200, {"records": []})) as c:
        await c.gateway.query("SELECT Id FROM Contact")
        assert c.org.calls[0].path.startswith("/services/data/v66.0/")
        assert "x-prettyprint" not in c.org.calls[0].headers


@pytest.mark.parametrize(
    ("versions", "kind"),
    [
        (json_reply(200, [{"version": "56.0"}, {"version": "x"}, 3]), NotSupported),
        (html_reply(200), Offline),
        (json_reply(200, {"not": "a list"}), Offline),
        (Reply(b"", "reset"), TransientError),
    ],
)
async def test_without_a_known_version_nothing_is_written(versions: Reply, kind: type[AppError]) -> None:
    async with connected(lambda _request: json_reply(201, CREATED)) as c:
        c.org.versions = versions
        with pytest.raises(kind) as caught:
            await c.gateway.create("Contact", {"LastName": "Klein"})
        assert not isinstance(caught.value, OutcomeUnknown), "the write itself never left"
        assert c.org.calls == []


async def test_what_the_heads_of_answers_tell() -> None:
    answer = json_reply(
        200,
        {"records": []},
        Sforce_Limit_Info="api-usage=18/5000; per-app-api-usage=17/250(appName=x)",
        Date="Tue, 24 Nov 2026 10:00:00 GMT",
        X_Demo_Longest_Call="3",
    )
    async with connected(lambda _request: answer) as c:
        assert c.gateway.longest_call_s == 600.0
        assert (c.gateway.usage.used, c.gateway.usage.maximum, c.gateway.usage.calls) == (0, 0, 0)
        await c.gateway.query("SELECT Id FROM Contact")
        assert (c.gateway.usage.used, c.gateway.usage.maximum, c.gateway.usage.calls) == (18, 5000, 1)
        assert c.gateway.longest_call_s == 3.0
        assert abs(c.gateway.now() - 1795514400.0) < 60.0


async def test_garbage_in_the_head_does_no_harm() -> None:
    answer = json_reply(200, {"records": []}, Sforce_Limit_Info="api-usage=x/y", Date="never", X_Demo_Longest_Call="-5")
    async with connected(lambda _request: answer) as c:
        assert await c.gateway.query("SELECT Id FROM Contact") == []
        assert c.gateway.longest_call_s == 600.0
        assert abs(c.gateway.now() - time.time()) < 60.0


async def test_only_a_demo_world_may_shorten_the_wait() -> None:
    # The gateway of a real login; its server's word on the longest call does not count.
    from app.backends.salesforce.lane import Told
    from app.clock import SystemClock

    told = Told(SystemClock(), is_demo=False)
    told.hear({"X-Demo-Longest-Call": "1"})
    assert told.longest_call_s == 600.0


async def test_a_composite_answers_in_the_order_of_its_requests() -> None:
    def answer(request: Request) -> Reply:
        parts = [
            {"referenceId": "b", "httpStatusCode": 400, "httpHeaders": {}, "body": errors("INVALID_FIELD")},
            {"referenceId": "a", "httpStatusCode": 200, "httpHeaders": {}, "body": {"records": []}},
        ]
        return json_reply(200, {"compositeResponse": parts})

    async with connected(answer) as c:
        requests = [SubRequest("a", "GET", "/query/?q=x"), SubRequest("b", "GET", "/query/?q=y")]
        first, second = await c.gateway.composite(requests, all_or_none=False)
        assert (first.reference_id, first.error, first.body) == ("a", None, {"records": []})
        assert isinstance(second.error, ValidationFailed)
        sent = c.org.calls[0].json
        assert sent["allOrNone"] is False
        assert [part["url"] for part in sent["compositeRequest"]] == [
            "/services/data/v66.0/query/?q=x",
            "/services/data/v66.0/query/?q=y",
        ]
        assert all("body" not in part for part in sent["compositeRequest"])


@pytest.mark.parametrize(
    "body",
    [
        {"compositeResponse": []},
        {"compositeResponse": [{"referenceId": "other", "httpStatusCode": 201, "body": CREATED}]},
        {"compositeResponse": [{"referenceId": "a", "httpStatusCode": "201", "body": CREATED}]},
        {"compositeResponse": [{"referenceId": "a", "httpStatusCode": 201, "body": {"id": CONTACT}}]},
        {"compositeResponse": [{"referenceId": "a", "httpStatusCode": 201, "body": None}]},
        {},
    ],
)
async def test_a_composite_write_with_a_strange_answer_is_in_doubt(body: object) -> None:
    async with connected(lambda _request: json_reply(200, body)) as c:
        with pytest.raises(OutcomeUnknown):
            await c.gateway.composite(
                [SubRequest("a", "POST", "/sobjects/Contact", {"LastName": "K"})], all_or_none=True
            )


async def test_a_composite_of_queries_that_breaks_is_no_doubt_about_a_write() -> None:
    async with connected(lambda _request: Reply(b"", "reset")) as c:
        with pytest.raises(TransientError) as caught:
            await c.gateway.composite([SubRequest("a", "GET", "/query/?q=x")], all_or_none=False)
        assert not isinstance(caught.value, OutcomeUnknown)


async def test_a_composite_keeps_to_its_limits() -> None:
    async with connected() as c:
        with pytest.raises(BugError):
            await c.gateway.composite([SubRequest(f"q{n}", "GET", "/query/?q=x") for n in range(6)], all_or_none=False)
        with pytest.raises(BugError):
            await c.gateway.composite(
                [SubRequest(f"w{n}", "DELETE", "/sobjects/Task/x") for n in range(26)], all_or_none=False
            )


async def test_a_describe_is_asked_for_by_its_validator() -> None:
    def answer(request: Request) -> Reply:
        if request.headers.get("if-none-match") == '"baf7f695"':
            assert request.headers["if-modified-since"] == "Fri, 14 Aug 2020 20:53:02 GMT"
            return reply(304)
        return json_reply(200, {"name": "Contact"}, ETag='"baf7f695"', Last_Modified="Fri, 14 Aug 2020 20:53:02 GMT")

    async with connected(answer) as c:
        described, validator = await c.gateway.describe("Contact")
        assert described == {"name": "Contact"}
        assert await c.gateway.describe("Contact", etag=validator) == (None, validator)


async def test_the_global_describe_by_name() -> None:
    async with connected(lambda _request: json_reply(200, {"sobjects": [{"name": "Lead", "createable": True}]})) as c:
        assert await c.gateway.object_types() == {"Lead": {"name": "Lead", "createable": True}}


async def test_search_gives_its_records() -> None:
    async with connected(lambda _request: json_reply(200, {"searchRecords": [{"Id": CONTACT}]})) as c:
        assert await c.gateway.search("FIND {x}") == [{"Id": CONTACT}]


async def test_a_bomb_of_zeros_is_given_up() -> None:
    bomb = gzip.compress(bytes(80 * 1024 * 1024))
    answer = reply(200, bomb, JSON, Content_Encoding="gzip")
    async with connected(lambda _request: answer) as c:
        with pytest.raises(Offline):
            await c.gateway.query("SELECT Id FROM Contact")


async def test_a_server_that_says_nothing_is_left_at_the_deadline() -> None:
    async with connected(lambda _request: Reply(b"HTTP/1.1 200 OK\r\nContent-", "stall")) as c:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await c.gateway._run(
                c.gateway._writes,
                lambda lane, _call: lane.client.restful("sobjects/Contact", method="POST", json={}),
                is_write=True,
                deadline_s=0.5,
            )
        assert time.monotonic() - started < 30.0, "left by the deadline and not by the read timeout of a minute"


async def test_closing_breaks_off_what_hangs() -> None:
    async with connected(lambda _request: Reply(b"", "stall")) as c:
        hanging = asyncio.create_task(c.gateway.create("Contact", {"LastName": "Klein"}))
        await c.org.called()
        await c.gateway.close()
        with pytest.raises(OutcomeUnknown):
            await hanging


async def test_a_cancelled_call_frees_its_lane() -> None:
    def answer(_request: Request) -> Reply:
        return Reply(b"", "stall") if len(c.org.calls) == 1 else json_reply(200, {"records": []})

    async with connected() as c:
        c.org.answer = answer
        hanging = asyncio.create_task(c.gateway.query("SELECT Id FROM Contact"))
        await c.org.called()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await c.gateway.query("SELECT Id FROM Contact") == []


async def test_an_upload_does_not_keep_a_look_waiting() -> None:
    def answer(request: Request) -> Reply:
        return Reply(b"", "stall") if request.method == "POST" else json_reply(200, {"records": []})

    async with connected(answer) as c:
        upload = asyncio.create_task(c.gateway.create("Contact", {"LastName": "Klein"}))
        await c.org.called()
        assert await c.gateway.query("SELECT Id FROM Contact") == []
        upload.cancel()
        await asyncio.wait([upload])


async def test_multipart_carries_every_byte_and_both_parts() -> None:
    content = hashlib.sha256(b"seed").digest() * 40_000
    body: list[bytes] = []

    def answer(request: Request) -> Reply:
        body.append(request.body)
        if len(body) == 1:
            return json_reply(401, errors("INVALID_SESSION_ID"))
        return json_reply(201, {"id": "0685e000001AAAAAA4", "success": True, "errors": []})

    async def chunks():
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    async with connected(answer) as c:
        name = 'o"ffer\r\n.pdf'
        made = await c.gateway.upload_file({"Title": "Ängebot"}, name, len(content), chunks)
        assert made == "0685e000001AAAAAA4"
        request = c.org.calls[-1]
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        _, first, second, end = request.body.split(b"--" + boundary)
        assert end == b"--\r\n"
        head, _, value = first.partition(b"\r\n\r\n")
        assert b'name="entity_content"' in head
        assert b"Content-Type: application/json" in head
        assert json.loads(value) == {"Title": "Ängebot"}
        head, _, value = second.partition(b"\r\n\r\n")
        assert b'name="VersionData"; filename="o%22ffer%0D%0A.pdf"' in head
        assert value[:-2] == content
        assert int(request.headers["content-length"]) == len(request.body)
        assert len(body[0]) == len(body[1]), "the stream began anew after the session was renewed"


@pytest.mark.parametrize("given", [10, 1000])
async def test_a_file_of_another_size_than_promised_is_not_sent_as_if_it_were_whole(given: int) -> None:
    async def chunks():
        yield bytes(given)

    async with connected(lambda _request: json_reply(201, {"id": "0685e000001AAAAAA4", "success": True})) as c:
        with pytest.raises(AppError) as caught:
            await c.gateway.upload_file({}, "x", 100, chunks)
        assert caught.value.code == "file_changed"
        assert c.org.calls == []


async def test_a_body_that_cannot_be_written_is_our_fault_and_not_the_networks() -> None:
    async with connected() as c:
        with pytest.raises(BugError):
            await c.gateway.create("Contact", {"LastName": float("nan")})
        with pytest.raises(BugError):
            await c.gateway.create("Contact", {"LastName": "x"}, headers={"X": "a\r\nInjected: b"})
        assert c.org.calls == []


async def test_connections_are_used_again() -> None:
    async with connected(lambda _request: json_reply(200, {"records": []})) as c:
        for _ in range(5):
            await c.gateway.query("SELECT Id FROM Contact")
        assert c.org.server is not None
        assert c.org.server.connections == 2, "one for the token, one for the API"


async def test_reaching_costs_no_api_call() -> None:
    async with connected() as c:
        await c.gateway.reach()
        assert c.heard == [True]
        assert c.gateway.usage.calls == 0


async def test_a_name_of_an_object_is_a_name() -> None:
    async with connected() as c:
        for name in ("", "../x", "Contact/describe", "Con tact", "1x"):
            with pytest.raises(BugError):
                await c.gateway.describe(name)


async def test_nothing_goes_out_while_the_person_works_offline() -> None:
    is_online = [False]
    requests: list[Request] = []

    def answer(request: Request) -> Reply:
        requests.append(request)
        return json_reply(201, CREATED)

    async with connected(answer, may_connect=lambda: is_online[0]) as at:
        for call in (at.gateway.create("Contact", {"LastName": "K"}), at.gateway.query("SELECT Id FROM Contact")):
            with pytest.raises(Offline) as refused:
                await call
            assert refused.value.code == "work_offline"
        assert (requests, at.heard) == ([], [])
        is_online[0] = True
        assert await at.gateway.create("Contact", {"LastName": "K"}) == CONTACT
