"""Passing a mail on in plain text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import RecordNotFound
from app.mail.compose import forward_subject, passed_on
from app.model.ids import MessageId
from app.model.mail import Address, Envelope
from app.model.operation import OperationState
from tests.app.mail.rig import Rig, mail, open_rig
from tests.servers.mail_servers import MailHost, running_host

KARL = Address("Karl Klein", "karl@acme.example")
WITH_FILE = (
    "Hello Rita\r\n-- \r\nKarl\r\n--b\r\nContent-Type: application/pdf\r\n"
    'Content-Disposition: attachment; filename="offer.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
)


@pytest.fixture
def host() -> Iterator[MailHost]:
    with running_host("demo") as running:
        yield running


@pytest.fixture
async def rig(host: MailHost, tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(host, tmp_path) as made:
        yield made


async def test_a_mail_is_passed_on_whole_and_in_its_thread(host: MailHost, rig: Rig) -> None:
    headers = 'References: <0@acme.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
    body = f"--b\r\nContent-Type: text/plain\r\n\r\n{WITH_FILE}"
    host.append("INBOX", mail(1, subject="Re: Offer", headers=headers, body=body))
    await rig.add_account()
    await rig.sync.sync_now()
    (message_id,) = (await rig.ids("INBOX")).values()
    made = await rig.composer.forward(message_id)
    assert (made.to, made.cc, made.bcc) == ((), (), ())
    assert made.subject == "Fwd: Re: Offer"
    assert made.references == ("<0@acme.example>", "<1@acme.example>")
    assert (made.in_reply_to, made.answers) == ("", None)
    lines = made.text.splitlines()
    assert lines[2] == "---------- Forwarded message ----------"
    assert "From: Karl Klein <karl@acme.example>" in lines
    assert "Attachments: offer.pdf (not included)" in lines
    assert lines[-3:] == ["Hello Rita", "-- ", "Karl"]
    operation = await rig.composer.send(replace(made, to=(Address("", "sam@rita.example"),)))
    await rig.replay()
    assert (await rig.operation(operation)).state is OperationState.DONE
    assert host.subjects("Sent") == ["Fwd: Re: Offer"]


async def test_a_mail_that_is_gone_cannot_be_passed_on(rig: Rig) -> None:
    await rig.add_account()
    with pytest.raises(RecordNotFound):
        await rig.composer.forward(MessageId(5))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Offer", "Fwd: Offer"),
        ("FW: WG: Fwd[2]: Offer", "Fwd: Offer"),
        ("Re: Offer", "Fwd: Re: Offer"),
        ("", "Fwd:"),
        ("I: think so", "Fwd: I: think so"),
    ],
)
def test_the_subject_has_one_prefix(subject: str, expected: str) -> None:
    assert forward_subject(subject) == expected


def test_a_hostile_header_adds_no_line_of_its_own() -> None:
    parent = Envelope(
        "Offer\r\nFrom: boss", 0, (Address("Karl\nTo: all", "karl@acme.example"),), (), (KARL,), (), (), "", ""
    )
    lines = passed_on(parent, "text", ["a\nCc: x"]).splitlines()
    assert [line.partition(":")[0] for line in lines[1:5]] == ["From", "Date", "Subject", "To"]
    assert lines[5:] == ["Attachments: a Cc: x (not included)", "", "text"]
