"""``--state``: records, tokens, files, ports and the certificate survive a stop and a kill; without it nothing is left."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.demo.salesforce.conftest import FIXTURE
from tests.app.demo.salesforce.rest_client import Rest
from tests.app.demo.salesforce.sign_in import refresh, sign_in
from tests.servers.demo import ROOT, running_demo


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_everything_survives(tmp_path: Path, how: str) -> None:
    with running_demo(tmp_path, FIXTURE) as world:
        tokens = sign_in(world)
        rest = Rest.of(world)
        contact = rest.create("Contact", LastName="Stays")
        version = rest.create("ContentVersion", PathOnClient="a.txt", VersionData="aGk=")
        world.rotate_tokens("rita@rita.example")
        world.limit(used=77)
        before = world
        if how == "kill":
            world.kill()
    with running_demo(tmp_path, FIXTURE) as world:
        for name in ("salesforce", "salesforce_tls", "imaps", "smtps", "ca_file"):
            assert getattr(world, name) == getattr(before, name)
        assert world.login("rita@rita.example").access_token == before.login("rita@rita.example").access_token
        rest = Rest(world.salesforce, tokens["access_token"])
        assert rest.get(f"sobjects/Contact/{contact}").body["LastName"] == "Stays"
        assert rest.get(f"sobjects/ContentVersion/{version}/VersionData").raw == b"hi"
        assert rest.create("Contact", LastName="Next") != contact
        assert "api-usage=80/" in rest.get("limits").headers["Sforce-Limit-Info"].replace("81", "80")
        assert "refresh_token" in refresh(world, tokens["refresh_token"]).body
        assert Rest.of(before, tls=True).get("limits").status == 200
        assert world.count("", "SELECT COUNT() FROM Contact") == 6


def test_without_state_nothing_is_left(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    command = [sys.executable, "-m", "app.demo", "--fixture", str(FIXTURE)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout is not None
    with process.stdout:
        keys = json.loads(process.stdout.readline())
        folder = Path(keys["ca_file"]).parent
        assert folder.parent == tmp_path
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        process.terminate()
        code = process.wait(30)
    if os.name == "posix":
        assert code == 0
        assert list(tmp_path.iterdir()) == []


def test_a_changed_fixture_adds_its_fields(tmp_path: Path) -> None:
    """A newer fixture's custom fields join the tables of an older state."""
    state, newer = tmp_path / "state", tmp_path / "newer.json"
    with running_demo(state, FIXTURE):
        pass
    fixture = json.loads(FIXTURE.read_text(encoding="utf-8"))
    fixture["objects"]["Contact"]["fields"].append({"name": "Nickname__c", "type": "string", "length": 30})
    newer.write_text(json.dumps(fixture), encoding="utf-8")
    with running_demo(state, newer) as world:
        rest = Rest.of(world)
        contact = rest.create("Contact", LastName="x", Nickname__c="Kalle")
        assert rest.get(f"sobjects/Contact/{contact}").body["Nickname__c"] == "Kalle"
        assert rest.id_of("Contact", "Karl Klein")


BROKEN = [
    ("orgs", [{"name": "no id"}], "every org needs an id"),
    (
        "rules",
        {"validation": [{"object": "Account", "name": "R", "condition": "Name ==", "message": "m"}]},
        "is no WHERE clause",
    ),
    ("rules", {"duplicate": [{"object": "Account", "name": "R", "action": "warn", "match": []}]}, "alert or block"),
    ("objects", {"Foo": {"fields": []}}, "neither a standard object"),
    ("objects", {"Foo__c": {"fields": [{"name": "Bar", "type": "string"}]}}, "end in __c"),
    ("records", {"00D5e000000PRODEA4": {"Contact": [{"LastName": "x", "AccountId": "@nobody"}]}}, "names no record"),
    ("records", {"00D5e000000PRODEA4": {"Contact": [{"LastName": "x", "Foo": 1}]}}, "no field Foo"),
    (
        "records",
        {"00D5e000000PRODEA4": {"Contact": [{"LastName": "x", "AccountId": "0010000000zzzzz"}]}},
        "is no record",
    ),
]


@pytest.mark.parametrize(("key", "value", "words"), BROKEN)
def test_a_broken_fixture_is_explained(tmp_path: Path, key: str, value: object, words: str) -> None:
    fixture = json.loads(FIXTURE.read_text(encoding="utf-8"))
    fixture[key] = value
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(fixture), encoding="utf-8")
    command = [sys.executable, "-m", "app.demo", "--fixture", str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
