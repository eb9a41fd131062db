"""Salesforce Files: facts page section 3.3."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

import pytest

from tests.app.demo.salesforce.rest_client import Answer, Rest
from tests.servers.demo import DemoWorld


def multipart(rest: Rest, entity: dict[str, Any], data: bytes, *, data_first: bool = False, **changes: str) -> Answer:
    """The multipart request of the guide, with its parts in either order."""
    boundary = "boundary_" + secrets.token_hex(8)
    names = {"entity_part": "entity_content", "data_part": "VersionData", "filename": 'filename="offer.pdf"'} | changes
    json_part = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{names["entity_part"]}";\r\n'
        f"Content-Type: application/json\r\n\r\n{json.dumps(entity)}\r\n"
    ).encode()
    data_part = (
        f'--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Disposition: form-data; name="{names["data_part"]}"; '
        f"{names['filename']}\r\n\r\n"
    ).encode() + data
    parts = [data_part + b"\r\n", json_part] if data_first else [json_part, data_part + b"\r\n"]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
    return rest.call("POST", "sobjects/ContentVersion", body, headers)


@pytest.mark.parametrize("data_first", [False, True])
def test_multipart_in_either_order(rita: Rest, data_first: bool) -> None:
    data = secrets.token_bytes(700_000)
    opportunity = rita.id_of("Opportunity", "Acme 2025")
    entity = {"Title": "Offer", "PathOnClient": "offer.pdf", "FirstPublishLocationId": opportunity}
    answer = multipart(rita, entity, data, data_first=data_first)
    assert answer.status == 201
    version = rita.get(f"sobjects/ContentVersion/{answer.body['id']}").body
    assert version["Checksum"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert version["ContentSize"] == len(data)
    assert (version["FileType"], version["FileExtension"], version["Title"]) == ("PDF", "pdf", "Offer")
    assert version["VersionData"] == f"/services/data/v66.0/sobjects/ContentVersion/{answer.body['id']}/VersionData"
    assert rita.get(version["VersionData"]).raw == data


def test_json_and_links(rita: Rest) -> None:
    opportunity = rita.id_of("Opportunity", "Acme 2025")
    user = rita.id_of("User", "rita@rita.example", "Username")
    text = base64.b64encode("Grüße".encode()).decode()
    version = rita.create(
        "ContentVersion", PathOnClient="C:\\x\\Note.TXT", VersionData=text, FirstPublishLocationId=opportunity
    )
    record = rita.get(f"sobjects/ContentVersion/{version}").body
    assert (record["Title"], record["FileExtension"], record["VersionNumber"], record["IsLatest"]) == (
        "Note",
        "txt",
        "1",
        True,
    )
    document = record["ContentDocumentId"]
    links = rita.query(
        f"SELECT LinkedEntityId, ShareType, LinkedEntity.Name FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'"
    )
    # the owner link that Salesforce adds itself, and the one to the place of publication
    assert {(one["LinkedEntityId"], one["ShareType"]) for one in links} == {(user, "I"), (opportunity, "V")}
    shown = rita.query(
        "SELECT ContentDocument.Title, ContentDocument.LatestPublishedVersion.Checksum FROM ContentDocumentLink "
        f"WHERE LinkedEntityId = '{opportunity}'"
    )
    assert shown[0]["ContentDocument"]["LatestPublishedVersion"]["Checksum"] == record["Checksum"]
    found = rita.query(f"SELECT Id FROM ContentVersion WHERE Checksum = '{record['Checksum']}' AND ContentSize = 7")
    assert [one["Id"] for one in found] == [version]


def test_a_second_link_is_refused(rita: Rest) -> None:
    version = rita.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=")
    document = rita.get(f"sobjects/ContentVersion/{version}").body["ContentDocumentId"]
    link = {"ContentDocumentId": document, "LinkedEntityId": rita.id_of("Account", "Acme GmbH"), "ShareType": "V",
            "Visibility": "AllUsers"}  # fmt: skip
    assert rita.post("sobjects/ContentDocumentLink", link).status == 201
    again = rita.post("sobjects/ContentDocumentLink", link)
    assert (again.status, again.code) == (400, "DUPLICATE_VALUE")


def test_an_external_link(rita: Rest) -> None:
    # facts 3.3: ContentSize 0 for links; FileType LINK
    version = rita.create(
        "ContentVersion",
        Title="Deck",
        ContentUrl="https://drive.google.com/x",
        FirstPublishLocationId=rita.id_of("Opportunity", "Acme 2025"),
    )
    record = rita.get(f"sobjects/ContentVersion/{version}").body
    assert (record["ContentSize"], record["FileType"], record["Checksum"]) == (0, "LINK", None)
    both = rita.post("sobjects/ContentVersion", {"ContentUrl": "https://x.example/", "PathOnClient": "a.txt"})
    assert both.status == 400


def test_a_second_version(rita: Rest) -> None:
    first = rita.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=", Title="One")
    document = rita.get(f"sobjects/ContentVersion/{first}").body["ContentDocumentId"]
    second = rita.create(
        "ContentVersion", PathOnClient="b.txt", VersionData="aG8=", Title="Two", ContentDocumentId=document
    )
    versions = rita.query(
        f"SELECT Id, VersionNumber, IsLatest FROM ContentVersion WHERE ContentDocumentId = '{document}' ORDER BY VersionNumber"
    )
    assert [(one["Id"], one["VersionNumber"], one["IsLatest"]) for one in versions] == [
        (first, "1", False),
        (second, "2", True),
    ]
    shown = rita.get(f"sobjects/ContentDocument/{document}").body
    assert (shown["Title"], shown["LatestPublishedVersionId"]) == ("Two", second)
    assert rita.patch(f"sobjects/ContentVersion/{second}", {"Title": "Three"}).status == 204
    assert rita.get(f"sobjects/ContentDocument/{document}").body["Title"] == "Three"


def test_deleting_a_document(rita: Rest, world: DemoWorld) -> None:
    version = rita.create(
        "ContentVersion",
        PathOnClient="a.txt",
        VersionData="aGk=",
        FirstPublishLocationId=rita.id_of("Account", "Acme GmbH"),
    )
    document = rita.get(f"sobjects/ContentVersion/{version}").body["ContentDocumentId"]
    assert rita.delete(f"sobjects/ContentVersion/{version}").status == 403
    assert rita.delete(f"sobjects/ContentDocument/{document}").status == 204
    assert rita.get(f"sobjects/ContentVersion/{version}").status == 404
    assert world.records("ContentDocumentLink") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Title": "x"}, "REQUIRED_FIELD_MISSING"),
        ({"PathOnClient": "a.txt"}, "REQUIRED_FIELD_MISSING"),
        ({"VersionData": "aGk="}, "REQUIRED_FIELD_MISSING"),
        ({"PathOnClient": "a.txt", "VersionData": "not base64!"}, "INVALID_BASE64"),
        ({"PathOnClient": "a.txt", "VersionData": 5}, "JSON_PARSER_ERROR"),
        ({"PathOnClient": "a.txt", "VersionData": "aGk=", "Checksum": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"PathOnClient": "a.txt", "VersionData": "aGk=", "FirstPublishLocationId": "0060000000zzzzz"}, "INVALID_CROSS_REFERENCE_KEY"),
    ],
)  # fmt: skip
def test_refused_versions_leave_nothing(rita: Rest, world: DemoWorld, body: dict[str, Any], code: str) -> None:
    answer = rita.post("sobjects/ContentVersion", body)
    assert (answer.status, answer.code) == (400, code)
    for name in ("ContentVersion", "ContentDocument", "ContentDocumentLink"):
        assert world.records(name) == []


@pytest.mark.parametrize("changes", [{"entity_part": "something"}, {"data_part": "Body"}, {"filename": ""}])
def test_malformed_multipart(rita: Rest, world: DemoWorld, changes: dict[str, str]) -> None:
    answer = multipart(rita, {"PathOnClient": "a.txt"}, b"x", **changes)
    assert (answer.status, answer.code) == (400, "INVALID_MULTIPART_REQUEST")
    assert world.records("ContentVersion") == []


def test_an_empty_file(rita: Rest) -> None:
    answer = multipart(rita, {"PathOnClient": "empty.bin"}, b"")
    version = rita.get(f"sobjects/ContentVersion/{answer.body['id']}").body
    assert (version["ContentSize"], version["Checksum"]) == (0, hashlib.md5(b"", usedforsecurity=False).hexdigest())
    assert rita.get(version["VersionData"]).raw == b""


def test_blobs_are_not_for_composite(rita: Rest) -> None:
    version = rita.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=")
    part = {
        "referenceId": "a",
        "method": "GET",
        "url": f"/services/data/v66.0/sobjects/ContentVersion/{version}/VersionData",
    }
    answer = rita.post("composite", {"compositeRequest": [part]}).body["compositeResponse"][0]
    assert answer["httpStatusCode"] == 404


def test_a_rolled_back_composite_removes_its_file(rita: Rest, world: DemoWorld) -> None:
    parts = [
        {"referenceId": "v", "method": "POST", "url": "/services/data/v66.0/sobjects/ContentVersion",
         "body": {"PathOnClient": "a.txt", "VersionData": "aGk="}},
        {"referenceId": "x", "method": "POST", "url": "/services/data/v66.0/sobjects/Contact", "body": {}},
    ]  # fmt: skip
    rita.post("composite", {"allOrNone": True, "compositeRequest": parts})
    assert world.records("ContentVersion") == []
    limits = rita.get("limits").body["FileStorageMB"]
    assert limits["Remaining"] == limits["Max"]
