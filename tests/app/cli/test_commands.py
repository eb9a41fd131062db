"""A rep's work by commands alone, against the demo world: mail in, lookup, log, attach, create, outbox, doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.cli.command_line import CommandLine
from tests.servers.demo import DemoWorld

RITA = "rita@rita.example"
KARL = "karl@acme.example"


def add_mailbox(cli: CommandLine, world: DemoWorld) -> str:
    login = world.login(RITA, "imap")
    result = cli.json(
        *("accounts", "add-imap", RITA, "--name", "Rita Rep", "--imap", world.imaps, "--smtp", world.smtps),
        *("--demo", "--ca-file", world.ca_file),
        secret=login.password,
    )
    assert result.code == 0, result.err
    return str(result.document["account"])


def add_salesforce(cli: CommandLine, world: DemoWorld) -> str:
    login = world.login(RITA)
    arguments = ("--login-url", world.salesforce, "--client-id", login.client_id, "--print-url", "--demo")
    with cli.running("--json", "accounts", "add-salesforce", *arguments) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        address = json.loads(process.stderr.readline())["open"]
        world.approve(address, RITA, login.password)
        document = json.loads(process.stdout.read())
        assert process.wait() == 0
    return str(document["account"])


@pytest.fixture
def signed_in(cli: CommandLine, world: DemoWorld) -> CommandLine:
    world.reset()
    assert add_mailbox(cli, world) == "mail:1"
    assert add_salesforce(cli, world) == "crm:1"
    return cli


def deliver(world: DemoWorld, subject: str, *, attachments: list[dict[str, str]] | None = None) -> None:
    world.deliver(
        RITA, subject=subject, sender=f"Karl Klein <{KARL}>", text=f"About {subject}.", attachments=attachments or []
    )


def message_about(cli: CommandLine, subject: str) -> int:
    cli.run("sync")
    found = cli.json("search", subject).document["messages"]
    assert [one["subject"] for one in found] == [subject]
    return int(found[0]["message"])


def test_mail_comes_in_and_can_be_listed_read_searched_and_saved(
    cli: CommandLine, world: DemoWorld, tmp_path: Path
) -> None:
    world.reset()
    add_mailbox(cli, world)
    deliver(
        world,
        "Zanzibar contract",
        attachments=[{"name": "offer.pdf", "type": "application/pdf", "base64": "JVBERi0xLjQ="}],
    )
    synced = cli.json("sync")
    assert synced.code == 0
    assert synced.document["accounts"][0]["stored"] == len(world.messages(RITA)) > 50
    folders = cli.json("folders").document["folders"]
    inbox = next(one for one in folders if one["role"] == "inbox")
    assert inbox["total"] == inbox["server_total"] > 0
    newest = cli.json("messages", "INBOX", "--limit", "1").document
    assert newest["total"] == inbox["total"]
    row = newest["messages"][0]
    assert (row["subject"], row["from"]["address"], row["has_attachments"]) == ("Zanzibar contract", KARL, True)
    unread = cli.json("messages", "--unread", "--limit", "5000").document
    assert unread["total"] == len(unread["messages"]) == inbox["unread"]
    shown = cli.json("show", str(row["message"])).document
    assert "About Zanzibar contract." in shown["text"]
    assert [part["name"] for part in shown["attachments"]] == ["offer.pdf"]
    text = cli.run("show", str(row["message"])).out
    assert "Subject: Zanzibar contract" in text
    saved = cli.json("show", str(row["message"]), "--save", shown["attachments"][0]["part"], "--to", str(tmp_path))
    assert Path(saved.document["saved"]).read_bytes() == b"%PDF-1.4"
    assert cli.json("show", str(row["message"]), "--save", "9.9").error["code"] == "no_such_part"
    assert "Subject: Zanzibar contract" in cli.run("show", str(row["message"]), "--source").out


def test_a_wrong_password_adds_nothing(cli: CommandLine, world: DemoWorld) -> None:
    result = cli.json(
        *(
            "accounts",
            "add-imap",
            RITA,
            "--imap",
            world.imaps,
            "--smtp",
            world.smtps,
            "--demo",
            "--ca-file",
            world.ca_file,
        ),
        secret="not the password",
    )
    assert (result.code, result.error["error"]) == (1, "SignInRequired")
    assert cli.json("accounts", "list").document == {"accounts": []}


def test_lookup_counts_its_calls(signed_in: CommandLine, world: DemoWorld) -> None:
    result = signed_in.json("lookup", KARL, "nobody@nowhere.example", "--repeat", "2").document
    assert result["looks"] == [{"api_calls": 1, "from_ram": False}, {"api_calls": 0, "from_ram": True}]
    assert [one["person"]["name"] for one in result["people"]] == ["Karl Klein"]
    assert result["people"][0]["account"]["name"] == "Acme GmbH"
    assert result["unknown"] == ["nobody@nowhere.example"]
    text = signed_in.run("lookup", KARL).out
    assert "Karl Klein" in text
    assert "1 API calls, asked Salesforce" in text


def test_log_attach_and_create_reach_salesforce_once(signed_in: CommandLine, world: DemoWorld, tmp_path: Path) -> None:
    org = world.login(RITA).org
    deliver(world, "Timbuktu order", attachments=[{"name": "plan.txt", "type": "text/plain", "base64": "cGxhbg=="}])
    message = message_about(signed_in, "Timbuktu order")
    opportunity = world.soql(org, "SELECT Id FROM Opportunity WHERE Name = 'Acme 2025'")[0]["Id"]

    logged = signed_in.json("log", str(message), "--related", opportunity)
    assert logged.document["state"] == "pending"
    part = signed_in.json("attach", opportunity, "--message", str(message))
    assert part.document["state"] == "pending"
    file = tmp_path / "notes of the call.txt"
    file.write_bytes(b"notes " * 1000)
    assert signed_in.json("attach", opportunity, str(file)).document["state"] == "pending"
    created = signed_in.json("create", "lead", "LastName=Timbuktu", "Company=Caravan", "Email=t@caravan.example")
    assert created.document["record"] == f"local:{created.document['operation']}"
    assert world.count(org, "SELECT COUNT() FROM Lead WHERE LastName = 'Timbuktu'") == 0

    waiting = signed_in.json("outbox", "list").document["operations"]
    assert [one["state"] for one in waiting] == ["pending"] * 4
    shown = signed_in.json("outbox", "show", created.document["operation"][:8]).document
    assert {"Caravan", "Timbuktu"} <= {one["value"] for one in shown["sends"]}

    ran = signed_in.json("outbox", "run")
    assert ran.code == 0, ran.err
    assert [one["state"] for one in ran.document["operations"]] == ["done"] * 4
    assert (ran.document["open"], ran.document["failed"]) == (0, 0)
    assert signed_in.run("outbox", "list").out == "nothing waits\n"
    assert len(signed_in.json("outbox", "list", "--all").document["operations"]) == 4

    assert world.count(org, "SELECT COUNT() FROM Lead WHERE LastName = 'Timbuktu'") == 1
    mails = world.soql(org, "SELECT RelatedToId, FromAddress FROM EmailMessage WHERE Subject = 'Timbuktu order'")
    assert [(one["RelatedToId"], one["FromAddress"]) for one in mails] == [(opportunity, KARL)]
    links = f"SELECT ContentDocument.Title FROM ContentDocumentLink WHERE LinkedEntityId = '{opportunity}'"
    titles = [one["ContentDocument"]["Title"] for one in world.soql(org, links)]
    assert sorted(title for title in titles if title.startswith(("plan", "notes"))) == ["notes of the call", "plan"]
    row = signed_in.json("search", "Timbuktu order").document["messages"][0]
    assert row["logged"] == "logged"


def test_what_salesforce_refuses_fails_visibly_and_can_be_given_up(signed_in: CommandLine, world: DemoWorld) -> None:
    result = signed_in.json(
        *("create", "contact", "LastName=Klein", "FirstName=Karl", f"Email={KARL}", "--now"),
    )
    assert result.code == 1
    assert result.document["state"] == "failed"
    assert result.document["error_code"]
    operation = result.document["operation"]
    retried = signed_in.json("outbox", "retry", operation)
    assert retried.document["state"] == "pending"
    ran = signed_in.json("outbox", "run")
    assert (ran.code, ran.document["failed"]) == (1, 1)
    assert signed_in.json("outbox", "discard", operation).document["state"] == "discarded"
    assert signed_in.json("outbox", "list").document == {"operations": []}


def test_offline_work_waits_and_goes_when_the_network_is_back(signed_in: CommandLine, world: DemoWorld) -> None:
    org = world.login(RITA).org
    world.network(salesforce="down")
    queued = signed_in.json("create", "lead", "LastName=Offline", "Company=Tunnel", "--now")
    assert queued.code == 0
    assert queued.document["state"] == "pending"
    assert queued.document["attempts"] == 0
    deliver(world, "Marrakesh question")
    message = str(message_about(signed_in, "Marrakesh question"))
    assert "--person" in signed_in.json("log", message).error["words"]
    karl = world.soql(org, f"SELECT Id FROM Contact WHERE Email = '{KARL}'")[0]["Id"]
    assert signed_in.json("log", message, "--person", karl).document["state"] == "pending"
    world.network(salesforce="up")
    assert signed_in.json("outbox", "run").document["open"] == 0
    assert world.count(org, "SELECT COUNT() FROM EmailMessage WHERE Subject = 'Marrakesh question'") == 1
    assert world.count(org, "SELECT COUNT() FROM Lead WHERE LastName = 'Offline'") == 1


def test_the_doctor_finds_all_well_and_says_what_is_not(signed_in: CommandLine, world: DemoWorld) -> None:
    well = signed_in.json("doctor")
    assert well.code == 0, well.out
    names = [one["name"] for one in well.document["findings"]]
    assert names == ["keychain", "database", "disk", "network", f"mailbox {RITA}", f"Salesforce {RITA}"]
    world.network(salesforce="down")
    try:
        ill = signed_in.json("doctor")
    finally:
        world.network(salesforce="up")
    assert ill.code == 1
    bad = {one["name"]: one for one in ill.document["findings"] if not one["is_ok"]}
    assert list(bad) == [f"Salesforce {RITA}"]
    assert bad[f"Salesforce {RITA}"]["what_to_do"]
    assert "BAD " not in signed_in.run("doctor").out


def test_watching_tells_of_new_mail(cli: CommandLine, world: DemoWorld) -> None:
    world.reset()
    add_mailbox(cli, world)
    cli.run("sync")
    with cli.running("--json", "sync", "--watch") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline()) == {"event": "watching"}
        deliver(world, "Fresh from the press")
        for line in watching.stdout:
            event = json.loads(line)
            if event["event"] == "MessagesStored" and event["is_new"]:
                break
        assert len(event["messages"]) == 1
    assert len(cli.json("search", "Fresh from the press").document["messages"]) == 1


def test_leaving_again(signed_in: CommandLine, world: DemoWorld) -> None:
    listed = signed_in.json("accounts", "list").document["accounts"]
    assert [(one["account"], one["user"]) for one in listed] == [("mail:1", RITA), ("crm:1", RITA)]
    world.network(salesforce="down")
    refused = signed_in.json("accounts", "remove", "crm:1")
    assert (refused.code, refused.error["error"]) == (1, "Offline")
    world.network(salesforce="up")
    world.clear_requests()
    assert signed_in.json("accounts", "remove", "crm:1").document == {"removed": "crm:1"}
    assert any(one["path"].endswith("/revoke") for one in world.requests())
    assert signed_in.json("accounts", "remove", "mail:1").code == 0
    assert signed_in.json("accounts", "list").document == {"accounts": []}
    assert signed_in.json("folders").document == {"folders": []}
