"""`MailSender`: SmtpSender on the demo world's submission server, over a sound and over a failing network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from app.backends.smtp import SmtpSender, SmtpTimeouts
from app.errors import (
    MessageRejected,
    Offline,
    OutcomeUnknown,
    PermanentError,
    SignInRequired,
    TransientError,
    ValidationFailed,
)
from app.model.mail import ConnectionSecurity
from tests.servers.mail_servers import MailHost, running_host
from tests.servers.proxy import Proxy, running_proxy

RAW = (
    b"From: rita@rita.example\r\nTo: sam@rita.example\r\nSubject: Dots\r\nMessage-ID: <dots@rita.example>\r\n\r\n"
    b"one\r\n.two\r\n..three\r\n.\r\nend\r\n"
)
SAM = "sam@rita.example"


@pytest.fixture
def host() -> Iterator[MailHost]:
    with running_host("demo") as running:
        yield running


@asynccontextmanager
async def sender_of(host: MailHost, *, port: int = 0, password: str = "") -> AsyncIterator[SmtpSender]:
    account = host.account(smtp_port=port)
    made = SmtpSender(account, password or host.password, timeouts=SmtpTimeouts(connect=5, reply=5, accepted=3))
    try:
        yield made
    finally:
        await made.close()


def sent(host: MailHost) -> list[bytes]:
    assert host.demo is not None
    return [each["raw"] for each in host.demo.sent()]


async def test_a_message_arrives_byte_for_byte(host: MailHost) -> None:
    async with sender_of(host) as sender:
        await sender.send(RAW, sender=host.user, recipients=[SAM, host.user])
    assert host.demo is not None
    (found,) = host.demo.sent()
    assert found["raw"].replace(b"\r\n", b"\n") == RAW.replace(b"\r\n", b"\n")
    assert found["recipients"] == [SAM, host.user]


async def test_starttls_where_it_is_asked_for(host: MailHost) -> None:
    account = replace(host.account(), smtp=host.smtp(security=ConnectionSecurity.STARTTLS))
    made = SmtpSender(account, host.password)
    await made.send(RAW, sender=host.user, recipients=[SAM])
    await made.close()
    assert len(sent(host)) == 1


async def test_verify_signs_in_and_sends_nothing(host: MailHost) -> None:
    async with sender_of(host) as sender:
        await sender.verify()
    assert sent(host) == []


async def test_a_wrong_password(host: MailHost) -> None:
    async with sender_of(host, password="wrong") as sender:
        with pytest.raises(SignInRequired):
            await sender.verify()
        with pytest.raises(SignInRequired):
            await sender.send(RAW, sender=host.user, recipients=[SAM])
    assert sent(host) == []


async def test_a_certificate_that_nobody_vouches_for(host: MailHost) -> None:
    made = SmtpSender(replace(host.account(), smtp=replace(host.smtp(), ca_file="")), host.password)
    with pytest.raises(PermanentError) as raised:
        await made.send(RAW, sender=host.user, recipients=[SAM])
    await made.close()
    assert raised.value.code == "certificate_not_trusted"


async def test_one_refused_recipient_stops_the_message(host: MailHost) -> None:
    assert host.demo is not None
    host.demo.fault("smtp", "refuse_recipient", times=-1, address="bounce@else.example")
    async with sender_of(host) as sender:
        with pytest.raises(MessageRejected):
            await sender.send(RAW, sender=host.user, recipients=[SAM, "bounce@else.example"])
    assert sent(host) == []


@pytest.mark.parametrize("address", ["a@b\r\nRCPT TO:<evil@x.example>", "a@b\nx", "", "a\x00@b"])
async def test_an_address_cannot_carry_a_command(host: MailHost, address: str) -> None:
    async with sender_of(host) as sender:
        with pytest.raises(ValidationFailed):
            await sender.send(RAW, sender=host.user, recipients=[SAM, address])
    assert sent(host) == []


async def test_the_answer_after_data_is_lost(host: MailHost) -> None:
    assert host.demo is not None
    host.demo.fault("smtp", "drop_after_data")
    order: list[str] = []

    async def note() -> None:
        order.append("before data")

    async with sender_of(host) as sender:
        with pytest.raises(OutcomeUnknown):
            await sender.send(RAW, sender=host.user, recipients=[SAM], before_data=note)
    assert order == ["before data"]
    assert len(sent(host)) == 1


async def test_before_data_can_stop_the_message(host: MailHost) -> None:
    async def stop() -> None:
        raise TransientError("the database is locked")

    async with sender_of(host) as sender:
        with pytest.raises(TransientError, match="locked"):
            await sender.send(RAW, sender=host.user, recipients=[SAM], before_data=stop)
    assert sent(host) == []


@pytest.fixture
def proxy(host: MailHost) -> Iterator[Proxy]:
    with running_proxy(host.host, host.smtps_port) as running:
        yield running


async def test_a_cut_inside_data_means_not_sent(host: MailHost, proxy: Proxy) -> None:
    # More than the buffers of both ends hold, so that the client learns of the cut before the end of the message.
    raw = RAW + b"line\r\n" * 4_000_000
    proxy.faults.cut_upstream_after = 200_000
    async with sender_of(host, port=proxy.port) as sender:
        with pytest.raises(Offline):
            await sender.send(raw, sender=host.user, recipients=[SAM])
    assert sent(host) == []


async def test_nobody_there(host: MailHost, proxy: Proxy) -> None:
    proxy.faults.refuse = True
    async with sender_of(host, port=proxy.port) as sender:
        with pytest.raises(Offline):
            await sender.send(RAW, sender=host.user, recipients=[SAM])


async def test_a_silent_line_is_given_up(host: MailHost, proxy: Proxy) -> None:
    async def fall_silent() -> None:
        proxy.faults.stall = True

    async with sender_of(host, port=proxy.port) as sender:
        with pytest.raises(TransientError):
            await sender.send(RAW, sender=host.user, recipients=[SAM], before_data=fall_silent)
        proxy.heal()
    assert sent(host) == []


async def test_cancelling_leaves_no_thread_behind(host: MailHost, proxy: Proxy) -> None:
    async with sender_of(host, port=proxy.port) as sender:
        proxy.faults.stall = True
        sending = asyncio.create_task(sender.send(RAW, sender=host.user, recipients=[SAM]))
        await asyncio.sleep(0.2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        proxy.heal()
    assert sent(host) == []
