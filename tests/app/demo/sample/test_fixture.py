"""Fixture files: the same day gives the same world, and a file of one's own replaces it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from pathlib import Path

import pytest

from app.demo.sample import FixtureProblem, load_world
from app.demo.sample.dates import moment, resolve
from app.demo.sample.language import load_languages
from app.demo.sample.resources import data_folder
from app.demo.sample.scripts import big_attachment_letter
from tests.app.demo.sample.conftest import NOW, PROD


def test_the_same_moment_gives_the_same_world():
    assert load_world(None, NOW) == load_world(None, NOW)


def test_another_day_moves_everything(world):
    later = load_world(None, NOW + timedelta(days=100))
    assert later.salesforce["records"][PROD]["Opportunity"][0]["CloseDate"] == "2027-04-03"
    latest = max(data.internal_date for box in later.mailboxes for folder in box.folders for data in folder.messages)
    assert NOW + timedelta(days=99) < latest <= NOW + timedelta(days=100)
    assert later != world


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 1, 1, 0, 3, tzinfo=UTC),
        datetime(2028, 2, 29, 12, 0, tzinfo=timezone(timedelta(hours=-8))),
        datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2027, 8, 15, 23, 59, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_any_moment_will_do(now: datetime):
    world = load_world(None, now)
    rita = world.mailboxes[0]
    assert sum(len(folder.messages) for folder in rita.folders) >= 400
    records = world.salesforce["records"][PROD]
    assert len(records["Task"]) + len(records["Event"]) >= 300
    assert len(records["Opportunity"]) >= 60
    assert all(data.internal_date <= now for folder in rita.folders for data in folder.messages)


def test_org_json_as_a_fixture_is_the_default_world(world):
    assert load_world(data_folder() / "org.json", NOW) == world


FIXTURE = {
    "orgs": [{"id": PROD, "name": "Small"}],
    "users": [{"org": PROD, "alias": "@me", "username": "me@small.example", "password": "x", "name": "Me Myself"}],
    "records": {PROD: {"Account": [{"Id": "@a", "Name": "A", "CreatedDate": {"$datetime": "-2d 10:30"}}]}},
    "mailboxes": [
        {
            "user": "me@small.example",
            "password": "x",
            "folders": [
                {
                    "name": "INBOX",
                    "messages": [
                        {"raw": "Subject: raw\n\nbody\n", "date": "-90m"},
                        {
                            "from": "Bé A <b@a.example>",
                            "to": ["Me <me@small.example>"],
                            "subject": "Grüße 🎉",
                            "text": "Hallo",
                            "message_id": "<1@a.example>",
                            "date": "-3d 08:15",
                            "flags": ["\\Seen"],
                        },
                    ],
                },
                {"name": "Old/2025", "messages": []},
            ],
        }
    ],
}


def written(tmp_path: Path, data: object) -> Path:
    target = tmp_path / "fixture.json"
    target.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return target


def test_a_small_fixture(tmp_path: Path):
    world = load_world(written(tmp_path, FIXTURE), NOW)
    assert world.salesforce["records"][PROD]["Account"][0]["CreatedDate"] == "2026-11-22T09:30:00.000Z"
    assert world.salesforce["clients"] == []
    (box,) = world.mailboxes
    folders = {folder.name: folder for folder in box.folders}
    assert {"INBOX", "Sent", "Drafts", "Trash", "Archive", "Junk", "Old/2025"} == set(folders)
    first, second = folders["INBOX"].messages
    assert second.raw == b"Subject: raw\r\n\r\nbody\r\n"
    assert second.internal_date == NOW - timedelta(minutes=90)
    assert (first.internal_date, first.flags) == (datetime(2026, 11, 21, 8, 15, tzinfo=NOW.tzinfo), ("\\Seen",))
    assert message_from_bytes(first.raw)["Message-ID"] == "<1@a.example>"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("{", "fixture.json"),
        ("[]", "orgs"),
        ({"users": []}, "orgs"),
        ({"orgs": [], "records": {"$date": "tomorrow"}}, "relative date"),
        ({"orgs": [], "mailboxes": [{"user": "a"}]}, "password"),
        (
            {
                "orgs": [],
                "mailboxes": [
                    {"user": "a", "password": "b", "folders": [{"name": "INBOX", "messages": [{"subject": "x"}]}]}
                ],
            },
            "from",
        ),
        (
            {
                "orgs": [],
                "mailboxes": [
                    {"user": "a", "password": "b", "folders": [{"name": "INBOX", "messages": [{"raw_base64": "%"}]}]}
                ],
            },
            "base64",
        ),
        ({"orgs": [], "mailboxes": [{"user": "a", "password": "b", "folders": [{}]}]}, "name"),
        ({"orgs": [], "mailboxes": "none"}, "mailboxes"),
        ({"orgs": [], "life": {}}, "life"),
    ],
)
def test_a_fixture_that_cannot_be_used_says_why(tmp_path: Path, data: object, place: str):
    with pytest.raises(FixtureProblem, match=place):
        load_world(written(tmp_path, data), NOW)


def test_a_fixture_that_is_not_there(tmp_path: Path):
    with pytest.raises(FixtureProblem, match="missing"):
        load_world(tmp_path / "missing.json", NOW)


def test_relative_dates():
    assert moment("+30d", NOW) == NOW + timedelta(days=30)
    assert moment("-3d 09:30", NOW) == datetime(2026, 11, 21, 9, 30, tzinfo=NOW.tzinfo)
    assert resolve([{"a": {"$date": "+1d"}}, "-1d"], NOW) == [{"a": "2026-11-25"}, "-1d"]
    for text in ("", "3d", "-3d 25:00", "-3d 9:5", "yesterday", None, 5):
        with pytest.raises(FixtureProblem):
            moment(text, NOW)


def test_the_big_plan_is_made_on_demand():
    letter = big_attachment_letter(NOW, load_languages(), 6_000_000)
    offer, plan = letter.attachments
    assert (offer.name, plan.name) == ("offer.pdf", "plan.xlsx")
    assert 5_500_000 < len(plan.content) < 6_600_000
    assert plan.content.startswith(b"PK")
    assert letter.message_id != "<1@acme.example>"
