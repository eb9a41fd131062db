"""Answering and sending: once, filed once, and asked for when an answer was lost."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest

from app.backends.smtp import SmtpTimeouts
from app.errors import RecordNotFound, ValidationFailed
from app.mail import outgoing_message
from app.mail.compose import answered, quotation, reply_subject
from app.model.ids import MessageId
from app.model.mail import Address, Envelope, Flag, OutgoingMessage
from app.model.operation import OperationState
from app.store.database import DatabaseKey
from tests.app.mail.rig import Rig, mail, open_rig
from tests.app.mail.test_operations import KillAt, Killed
from tests.servers.mail_servers import MailHost, running_host
from tests.servers.proxy import running_proxy
from tests.servers.secrets_in_memory import InMemorySecretStore

SAM = Address("Sam Support", "sam@rita.example")
TIMEOUTS = SmtpTimeouts(connect=5, reply=5, accepted=3)


@pytest.fixture
def host() -> Iterator[MailHost]:
    with running_host("demo") as running:
        yield running


@pytest.fixture
async def rig(host: MailHost, tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(host, tmp_path, smtp_timeouts=TIMEOUTS) as made:
        yield made


async def written(rig: Rig, *, to: tuple[Address, ...] = (SAM,), text: str = "Dear Sam\n") -> OutgoingMessage:
    (account, *_) = await rig.accounts.list()
    return replace(await rig.composer.new(account.account_id), to=to, subject="Contract", text=text)


def parsed(raw: bytes) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(raw, policy=email.policy.default))


def words(message: EmailMessage) -> str:
    return str(message.get_content()).replace("\r\n", "\n")


def accepted(host: MailHost) -> list[EmailMessage]:
    assert host.demo is not None
    return [parsed(each["raw"]) for each in host.demo.sent()]


async def test_an_answer_goes_out_once_and_is_filed(host: MailHost, rig: Rig) -> None:
    host.append("INBOX", mail(1, subject="Angebot", headers="Cc: Mia <mia@acme.example>, rita@rita.example\r\n"))
    await rig.add_account()
    await rig.sync.sync_now()
    (message_id,) = (await rig.ids("INBOX")).values()
    answer = await rig.composer.reply(message_id, to_all=True)
    assert [address.address for address in answer.to] == ["karl@acme.example"]
    assert [address.address for address in answer.cc] == ["mia@acme.example"]
    answer = replace(answer, to=(SAM,), cc=(), text="Gerne, größere Mengen!\n" + answer.text)
    operation = await rig.composer.send(answer)
    assert [row.pending for row in await rig.reader.rows(await rig.folder("INBOX"), offset=0, limit=9)] == ["pending"]
    await rig.replay()
    assert (await rig.operation(operation)).state is OperationState.DONE
    (sent,) = accepted(host)
    assert sent["Message-ID"] == answer.message_id
    assert (sent["In-Reply-To"], sent["References"]) == ("<1@acme.example>", "<1@acme.example>")
    assert sent["Subject"] == "Re: Angebot"
    assert words(sent).startswith("Gerne, größere Mengen!\n")
    assert "> Hello Rita" in words(sent)
    assert host.subjects("Sent") == ["Re: Angebot"]
    assert host.flags("Sent")["Re: Angebot"] == {"\\Seen"}
    assert "\\Answered" in host.flags("INBOX")["Angebot"]
    assert Flag.ANSWERED in (await rig.flags("INBOX"))["Angebot"]


async def test_bcc_is_sent_to_and_not_shown(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    await rig.sync.sync_now()
    message = replace(await written(rig), bcc=(Address("Boss", "boss@else.example"),))
    await rig.composer.send(message)
    await rig.replay()
    assert host.demo is not None
    (sent,) = host.demo.sent()
    assert sent["recipients"] == ["sam@rita.example", "boss@else.example"]
    assert b"boss" not in sent["raw"]


async def test_a_server_that_files_by_itself_gets_no_second_copy(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    await rig.sync.sync_now()
    message = await written(rig)
    host.append("Sent", outgoing_message.build(message, datetime.now(UTC)))
    await rig.composer.send(message)
    await rig.replay()
    assert host.subjects("Sent") == ["Contract"]
    assert len(accepted(host)) == 1


async def test_a_lost_answer_is_found_in_the_inbox(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    await rig.sync.sync_now()
    assert host.demo is not None
    host.demo.fault("smtp", "drop_after_data")
    operation = await rig.composer.send(await written(rig, to=(SAM, Address("", host.user))))
    await rig.replay()
    assert (await rig.operation(operation)).state is OperationState.DONE
    assert len(accepted(host)) == 1
    assert host.subjects("Sent") == ["Contract"]


async def test_a_lost_answer_that_leaves_no_trace_is_never_sent_again_unasked(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    await rig.sync.sync_now()
    assert host.demo is not None
    host.demo.fault("smtp", "drop_after_data")
    operation = await rig.composer.send(await written(rig))
    await rig.replay()
    await rig.replay()
    failed = await rig.operation(operation)
    assert (failed.state, failed.error_code) == (OperationState.FAILED, "undecidable")
    assert len(accepted(host)) == 1
    # A person may ask for it: then the same bytes go out, recognisable by their Message-ID.
    await rig.outbox.retry(operation)
    await rig.replay()
    done = await rig.operation(operation)
    assert done.state is OperationState.DONE
    first, second = accepted(host)
    assert first.as_bytes() == second.as_bytes()
    assert host.subjects("Sent") == ["Contract"]


async def test_a_refused_recipient_is_shown_and_nothing_is_lost(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    await rig.sync.sync_now()
    assert host.demo is not None
    host.demo.fault("smtp", "refuse_recipient", times=-1, address="bounce@else.example")
    message = await written(rig, to=(SAM, Address("", "bounce@else.example")), text="Words that must not be lost\n")
    await rig.composer.save_draft(message)
    operation = await rig.composer.send(message)
    assert await rig.composer.drafts() == []
    await rig.replay()
    failed = await rig.operation(operation)
    assert (failed.state, failed.error_code) == (OperationState.FAILED, "message_rejected")
    assert accepted(host) == []
    await rig.outbox.discard(operation)
    assert await rig.composer.drafts() == [message]


async def test_offline_it_waits(host: MailHost, rig: Rig) -> None:
    with running_proxy(host.host, host.smtps_port) as proxy:
        await rig.add_account(smtp_port=proxy.port)
        await rig.sync.sync_now()
        proxy.faults.refuse = True
        operation = await rig.composer.send(await written(rig))
        await rig.replayer.run_once()
        waiting = await rig.operation(operation)
        assert (waiting.state, waiting.attempts) == (OperationState.PENDING, 0)
        proxy.heal()
        await rig.sync.sync_now()
        await rig.outbox.retry(operation)
        await rig.replay()
        assert len(accepted(host)) == 1


@pytest.mark.parametrize(
    ("name", "is_decided"),
    [("after_begin", True), ("mail_accepted", False), ("mail_accepted_noted", True), ("mail_filed", True), ("after_perform", True)],
)  # fmt: skip
async def test_killed_while_sending(host: MailHost, tmp_path: Path, name: str, is_decided: bool) -> None:
    key, secrets = DatabaseKey.new(), InMemorySecretStore()
    async with open_rig(host, tmp_path, key=key, secrets=secrets, checkpoint=KillAt(name)) as rig:
        await rig.add_account()
        await rig.sync.sync_now()
        operation = await rig.composer.send(await written(rig))
        with pytest.raises(BaseException) as raised:  # noqa: PT011 - its type is what the next line is about
            await rig.replay()
        assert (
            raised.group_contains(Killed)
            if isinstance(raised.value, BaseExceptionGroup)
            else raised.errisinstance(Killed)
        )
    async with open_rig(host, tmp_path, key=key, secrets=secrets) as rig:
        await rig.replay()
        state = (await rig.operation(operation)).state
        assert state is (OperationState.DONE if is_decided else OperationState.FAILED)
        assert host.subjects("Sent") == (["Contract"] if is_decided else [])
    assert len(accepted(host)) == 1


async def test_drafts_are_kept_and_replaced(host: MailHost, rig: Rig) -> None:
    await rig.add_account()
    first = await written(rig, text="one")
    await rig.composer.save_draft(first)
    await rig.composer.save_draft(replace(first, text="two"))
    assert await rig.composer.drafts() == [replace(first, text="two")]
    await rig.composer.discard_draft(first.message_id)
    await rig.composer.discard_draft(first.message_id)
    assert await rig.composer.drafts() == []


@pytest.mark.parametrize("bad", ["", "nobody", "a b@c.d", "a@b\r\nBcc: x@y", "a@b,c@d", "<a@b>"])
async def test_what_cannot_be_sent_is_not_queued(host: MailHost, rig: Rig, bad: str) -> None:
    await rig.add_account()
    with pytest.raises(ValidationFailed):
        await rig.composer.send(await written(rig, to=(Address("x", bad),)))
    assert await rig.outbox.list() == []


async def test_answering_what_is_gone(rig: Rig) -> None:
    with pytest.raises(RecordNotFound):
        await rig.composer.reply(MessageId(17))


def test_a_subject_cannot_write_headers() -> None:
    message = OutgoingMessage(
        1, "<a@b>", Address("R\r\nX: y", "r@rita.example"), (SAM,), (), (), "Hi\r\nBcc: evil@x.example", "text"
    )  # type: ignore[arg-type]
    made = parsed(outgoing_message.build(message, datetime.now(UTC)))
    assert made["Bcc"] is None
    assert made["X"] is None
    assert made["Subject"] == "Hi Bcc: evil@x.example"


def test_names_and_text_survive_in_any_language() -> None:
    to = (Address("鈴木 太郎", "suzuki@acme.example"), Address('O"Brien, Pat', "pat@acme.example"))
    message = OutgoingMessage(1, "<a@b>", Address("Rita", "r@rita.example"), to, (), (), "Über 日本 🎉", "ß" * 2000 + "\n.\nFrom x\n")  # type: ignore[arg-type]  # fmt: skip
    raw = outgoing_message.build(message, datetime.now(UTC))
    made = parsed(raw)
    assert raw.isascii()
    assert [(a.display_name, a.addr_spec) for a in made["To"].addresses] == [(a.name, a.address) for a in to]
    assert made["Subject"] == "Über 日本 🎉"
    assert words(made) == "ß" * 2000 + "\n.\nFrom x\n"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_a_message_is_the_same_after_a_draft() -> None:
    message = OutgoingMessage(
        3, "<a@b>", Address("Rita", "r@rita.example"), (SAM,), (), (), "s", "t", "<p@q>", ("<o@q>", "<p@q>"), MessageId(9)
    )  # type: ignore[arg-type]  # fmt: skip
    assert outgoing_message.from_text(outgoing_message.as_text(message)) == message


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Offer", "Re: Offer"),
        ("Re: Offer", "Re: Offer"),
        ("AW: RE: Offer", "Re: Offer"),
        ("Re[2]: Offer", "Re: Offer"),
        ("", "Re:"),
        ("Rest: x", "Re: Rest: x"),
    ],
)
def test_reply_subjects(subject: str, expected: str) -> None:
    assert reply_subject(subject) == expected


def envelope(**fields: tuple[Address, ...]) -> Envelope:
    empty: dict[str, tuple[Address, ...]] = dict.fromkeys(("from_", "reply_to", "to", "cc", "bcc"), ())
    return Envelope(subject="s", date=1_700_000_000, message_id="<a@b>", in_reply_to="", **{**empty, **fields})


def test_who_an_answer_goes_to() -> None:
    karl, mia, rita, desk = (Address("", f"{name}@x.example") for name in ("karl", "mia", "rita", "desk"))
    own = frozenset({"rita@x.example"})
    parent = envelope(from_=(karl,), to=(rita, mia), cc=(desk, karl))
    assert answered(parent, own, to_all=False) == ((karl,), ())
    assert answered(parent, own, to_all=True) == ((karl, mia), (desk,))
    assert answered(envelope(from_=(karl,), reply_to=(desk,), to=(rita,)), own, to_all=False) == ((desk,), ())
    # One's own mail is followed up, not answered to oneself.
    assert answered(envelope(from_=(rita,), to=(karl,), cc=(mia,)), own, to_all=True) == ((karl,), (mia,))
    assert answered(envelope(from_=(rita,), to=(rita,)), own, to_all=False) == ((rita,), ())


def test_a_quotation_leaves_the_signature_out() -> None:
    text = quotation(envelope(from_=(Address("Karl", "karl@x.example"),)), "Hello\n\n> older\nBye\n-- \nKarl\nTel. 1")
    assert text.splitlines()[0].endswith("Karl wrote:")
    assert text.splitlines()[1:] == ["> Hello", ">", ">> older", "> Bye"]
