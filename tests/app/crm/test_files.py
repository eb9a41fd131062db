"""Attaching files: every byte, once, linked where they are there already, in constant memory (features 39 to 41)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from app.crm.staging import CHUNK, safe_file_name
from app.crm.targets import RecordTarget
from app.errors import LocalError, ValidationFailed
from app.model.ids import local_record_id
from app.model.operation import OperationState
from app.store import crm as store
from tests.app.crm.rig import Rig, mail
from tests.app.crm.test_log import LOST

CONTENT = hashlib.sha256(b"offer").digest() * 5000


def versions(rig: Rig) -> list[dict]:
    return rig.soql("SELECT Id, Title, PathOnClient, Checksum, ContentSize, ContentDocumentId FROM ContentVersion")


def links(rig: Rig, record_id: str) -> list[dict]:
    return rig.soql(
        f"SELECT ContentDocumentId, ShareType FROM ContentDocumentLink WHERE LinkedEntityId = '{record_id}'"
    )


async def staged_rows(rig: Rig) -> tuple[int, int]:
    def count(reader):
        return tuple(int(reader.row(f"SELECT count(*) FROM {table}")[0]) for table in ("staged_file", "staged_chunk"))

    return await rig.database.read(count)


async def test_an_attachment_of_a_mail_arrives_whole(rig: Rig) -> None:
    login = await rig.sign_in()
    target = rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "Angebot für Acme.pdf", CONTENT)
    operation_id = await rig.actions.attach_part(login.login_id, message_id, part_id, target)
    rig.box.parts.clear()
    await rig.drain()
    (version,) = versions(rig)
    assert (version["Title"], version["PathOnClient"]) == ("Angebot für Acme", "Angebot für Acme.pdf")
    assert version["Checksum"] == hashlib.md5(CONTENT).hexdigest()
    assert version["ContentSize"] == len(CONTENT)
    assert [link["ContentDocumentId"] for link in links(rig, target.record_id)] == [version["ContentDocumentId"]]
    assert (await rig.operation(operation_id)).result["record_id"] == version["Id"]
    assert await staged_rows(rig) == (0, 0), "the bytes leave the store when Salesforce has them"
    assert rig.world.api_calls() == 2


async def test_a_file_of_this_machine_can_vanish_after_it_was_queued(rig: Rig, tmp_path: Path) -> None:
    login = await rig.sign_in()
    path = tmp_path / "plan.xlsx"
    path.write_bytes(CONTENT)
    await rig.actions.attach_file(login.login_id, path, rig.target("Account", "Acme GmbH"))
    path.unlink()
    await rig.stop()
    await rig.start()
    await rig.actions.sweep()
    await rig.drain()
    (version,) = versions(rig)
    assert version["Checksum"] == hashlib.md5(CONTENT).hexdigest()


async def test_the_same_file_on_the_same_record_is_there_already(rig: Rig) -> None:
    login = await rig.sign_in()
    target = rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    for _ in range(2):
        operation_id = await rig.actions.attach_part(login.login_id, message_id, part_id, target)
        await rig.drain()
    assert len(versions(rig)) == 1
    assert len(links(rig, target.record_id)) == 1
    assert (await rig.operation(operation_id)).result["was_there"] is True


async def test_the_same_file_on_three_records_is_stored_once(rig: Rig) -> None:
    login = await rig.sign_in()
    targets = [
        rig.target("Opportunity", "Acme 2025"),
        rig.target("Opportunity", "Acme renewal"),
        rig.target("Account", "Acme GmbH"),
    ]
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    for target in targets:
        await rig.actions.attach_part(login.login_id, message_id, part_id, target)
    await rig.drain()
    (version,) = versions(rig)
    for target in targets:
        assert [link["ContentDocumentId"] for link in links(rig, target.record_id)] == [version["ContentDocumentId"]]


async def test_other_bytes_under_the_same_name_are_another_file(rig: Rig) -> None:
    login = await rig.sign_in()
    target = rig.target("Opportunity", "Acme 2025")
    message_id = rig.box.put(mail())
    for content in (b"one", b"two"):
        part_id = rig.box.put_part(message_id, "offer.pdf", content)
        await rig.actions.attach_part(login.login_id, message_id, part_id, target)
    await rig.drain()
    assert {version["Checksum"] for version in versions(rig)} == {
        hashlib.md5(b"one").hexdigest(),
        hashlib.md5(b"two").hexdigest(),
    }


@pytest.mark.parametrize("kind", LOST)
async def test_a_lost_answer_makes_no_second_file(rig: Rig, kind: str) -> None:
    login = await rig.sign_in()
    target = rig.target("Opportunity", "Acme 2025")
    arguments = {"late_commit": {"after_s": 300}, "cut_after": {"bytes": 40}, "html": {"status": 200}}.get(kind, {})
    rig.world.faults(kind, method="POST", path_regex="sobjects/ContentVersion$", times=2, **arguments)
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    operation_id = await rig.actions.attach_part(login.login_id, message_id, part_id, target)
    await rig.drain()
    rig.forward(900)
    (version,) = versions(rig)
    assert version["Checksum"] == hashlib.md5(CONTENT).hexdigest()
    assert len(links(rig, target.record_id)) == 1
    assert (await rig.operation(operation_id)).state is OperationState.DONE


async def test_an_expired_session_in_the_middle_sends_the_file_again_from_its_start(rig: Rig) -> None:
    login = await rig.sign_in()
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    await rig.actions.attach_part(login.login_id, message_id, part_id, rig.target("Account", "Acme GmbH"))
    refusal = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    rig.world.faults("error", method="POST", path_regex="sobjects/ContentVersion$", status=401, body=refusal)
    await rig.drain()
    (version,) = versions(rig)
    assert version["Checksum"] == hashlib.md5(CONTENT).hexdigest()


async def test_a_file_for_a_record_that_is_still_to_be_created(rig: Rig) -> None:
    login = await rig.sign_in()
    create = await rig.actions.create_person(
        login.login_id, "Lead", {"LastName": "Neu", "Company": "Nova", "Email": "n@nova.example"}
    )
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    target = RecordTarget(local_record_id(create), "Lead", "Neu")
    await rig.actions.attach_part(login.login_id, message_id, part_id, target)
    await rig.drain()
    (lead,) = rig.soql("SELECT Id FROM Lead WHERE Email = 'n@nova.example'")
    assert len(links(rig, lead["Id"])) == 1


async def test_a_refused_file_can_be_tried_again_and_one_given_up_leaves_no_bytes(rig: Rig) -> None:
    login = await rig.sign_in()
    message_id = rig.box.put(mail())
    part_id = rig.box.put_part(message_id, "offer.pdf", CONTENT)
    refusal = [{"errorCode": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded", "fields": []}]
    rig.world.faults("error", method="POST", path_regex="sobjects/ContentVersion$", status=403, body=refusal, times=2)
    operation_id = await rig.actions.attach_part(
        login.login_id, message_id, part_id, rig.target("Account", "Acme GmbH")
    )
    for _ in range(2):
        await rig.drain()
        assert (await rig.operation(operation_id)).error_code == "STORAGE_LIMIT_EXCEEDED"
        assert (await staged_rows(rig))[0] == 1
        await rig.outbox.retry(operation_id)
    await rig.drain()
    assert len(versions(rig)) == 1
    other = rig.box.put_part(message_id, "x.txt", b"x")
    given_up = await rig.actions.attach_part(login.login_id, message_id, other, rig.target("Account", "Acme GmbH"))
    await rig.outbox.discard(given_up)
    assert await staged_rows(rig) == (0, 0)


async def test_bytes_of_a_program_that_died_before_it_queued_them_are_swept(rig: Rig) -> None:
    await rig.sign_in()
    await rig.database.write("stage", lambda tx: store.begin_staged_file(tx, "left-over", "x", now=0.0))
    await rig.database.write("stage", lambda tx: store.add_staged_chunk(tx, "left-over", 0, b"x"))
    await rig.actions.sweep()
    assert await staged_rows(rig) == (0, 0)


async def test_what_is_no_file_is_refused_in_words(rig: Rig, tmp_path: Path) -> None:
    login = await rig.sign_in()
    target = rig.target("Account", "Acme GmbH")
    empty = tmp_path / "empty.txt"
    empty.touch()
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    cases = [(tmp_path, "not_a_file"), (empty, "file_empty"), (huge, "file_too_large")]
    if hasattr(os, "mkfifo"):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        cases.append((pipe, "not_a_file"))
    for path, code in cases:
        with pytest.raises((ValidationFailed, LocalError)) as caught:
            await rig.actions.attach_file(login.login_id, path, target)
        if path is not tmp_path or os.name == "posix":
            assert caught.value.code in (code, "file_unreadable")
    with pytest.raises(LocalError):
        await rig.actions.attach_file(login.login_id, tmp_path / "nowhere", target)
    assert await staged_rows(rig) == (0, 0)
    assert await rig.outbox.list() == []


async def test_a_file_that_grows_while_it_is_read_is_refused(rig: Rig, tmp_path: Path) -> None:
    login = await rig.sign_in()
    path = tmp_path / "growing.log"
    path.write_bytes(bytes(3 * CHUNK))
    taking = asyncio.create_task(rig.actions.attach_file(login.login_id, path, rig.target("Account", "Acme GmbH")))
    while (await staged_rows(rig))[1] == 0:
        await asyncio.sleep(0)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(LocalError) as caught:
        await taking
    assert caught.value.code == "file_changed"
    assert await staged_rows(rig) == (0, 0)


async def test_memory_stays_the_same_for_a_large_file(rig: Rig, tmp_path: Path) -> None:
    login = await rig.sign_in()
    path = tmp_path / "large.bin"
    block = hashlib.sha256(b"block").digest() * 32768
    digest = hashlib.md5()
    with path.open("wb") as file:
        for _ in range(64):
            file.write(block)
            digest.update(block)
    target = rig.target("Account", "Acme GmbH")
    tracemalloc.start()
    try:
        await rig.actions.attach_file(login.login_id, path, target)
        await rig.drain()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (version,) = versions(rig)
    assert (version["Checksum"], version["ContentSize"]) == (digest.hexdigest(), 64 * len(block))
    assert peak < 16 * CHUNK, f"{peak / CHUNK:.0f} MB for a file of 64 MB"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("offer.pdf", "offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Startup\\x.lnk", "x.lnk"),
        ("a\x00b\n.exe", "ab.exe"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("👩\u200d💻.png", "👩\u200d💻.png"),
        ("x" * 400 + ".pdf", "x" * 251 + ".pdf"),
        ("", "file"),
        ("..", "file"),
        ("\ud800.txt", ".txt"),
    ],
)
def test_names_that_are_sent(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe
