"""Submission with smtplib as it comes (RFC 6409, RFC 3207, RFC 4954)."""

from __future__ import annotations

import smtplib

import pytest

from app.demo.mail.smtp import SIZE_LIMIT
from tests.app.demo.mail.running import PASSWORD, RITA, SAM, RunningMail, client_context, mail


def test_a_mail_is_recorded_and_delivered_to_local_recipients(mail_world: RunningMail):
    with mail_world.smtp() as client:
        assert client.sendmail(RITA, [SAM, "karl@acme.example", "R.Rep@rita.example"], mail(5)) == {}
    (sent,) = mail_world.call(mail_world.servers.sent)
    assert (sent.sender, sent.recipients, sent.user) == (RITA, (SAM, "karl@acme.example", "R.Rep@rita.example"), RITA)
    assert sent.raw == mail(5)
    with mail_world.inbox(SAM) as client:
        raw = client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"]
        assert raw.endswith(mail(5))
        assert raw.startswith(b"Return-Path: <rita@rita.example>\r\nReceived: from ")
    with mail_world.inbox() as client:
        assert client.search() == [1, 2, 3, 4]
        assert client.folder_status("Sent", ["MESSAGES"]) == {b"MESSAGES": 0}


def test_delivery_by_smtp_wakes_an_idle_client(mail_world: RunningMail):
    with mail_world.inbox(SAM) as watcher, mail_world.smtp() as client:
        watcher.idle()
        client.sendmail(RITA, [SAM], mail(5))
        assert watcher.idle_check(timeout=30) == [(1, b"EXISTS")]
        watcher.idle_done()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_starttls_is_required_on_the_plain_port(mail_world: RunningMail, mechanism: str):
    with smtplib.SMTP("localhost", mail_world.servers.smtp, timeout=30) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.docmd("MAIL", f"FROM:<{RITA}>")[0] == 530
        client.starttls(context=client_context())
        client.ehlo()
        assert not client.has_extn("starttls")
        client.user, client.password = RITA, PASSWORD
        assert client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))[0] == 235
        assert client.sendmail(RITA, [SAM], mail(6)) == {}
    assert len(mail_world.call(mail_world.servers.sent)) == 1


def test_nobody_sends_without_signing_in(mail_world: RunningMail):
    with smtplib.SMTP_SSL("localhost", mail_world.servers.smtps, context=client_context(), timeout=30) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail(RITA, [SAM], mail(5))
        assert refused.value.smtp_code == 530
    assert mail_world.call(mail_world.servers.sent) == []


@pytest.mark.parametrize(("user", "password"), [(RITA, "wrong"), ("nobody@rita.example", PASSWORD)])
def test_wrong_credentials_get_an_answer(mail_world: RunningMail, user: str, password: str):
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused, mail_world.smtp(user, password):
        pass
    assert refused.value.smtp_code == 535


def test_a_recipient_that_bounces_does_not_stop_the_others(mail_world: RunningMail):
    with mail_world.smtp() as client:
        refused = client.sendmail(RITA, ["bounce@acme.example", SAM], mail(5))
        assert refused["bounce@acme.example"][0] == 550
    assert mail_world.call(mail_world.servers.sent)[0].recipients == (SAM,)


def test_colleagues_without_a_mailbox_here_are_accepted(mail_world: RunningMail):
    with mail_world.smtp() as client:
        assert client.sendmail(RITA, ["theo@rita.example"], mail(5)) == {}
        assert client.docmd("RCPT", "TO:<nobody>")[0] == 503
        client.mail(RITA)
        assert client.rcpt("nobody")[0] == 553
    assert mail_world.call(mail_world.servers.sent)[0].recipients == ("theo@rita.example",)


def test_only_bouncing_recipients_refuse_the_mail(mail_world: RunningMail):
    with mail_world.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail(RITA, ["Bounce@acme.example"], mail(5))
    assert mail_world.call(mail_world.servers.sent) == []


def test_the_size_limit_is_announced_and_kept(mail_world: RunningMail):
    with mail_world.smtp() as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == SIZE_LIMIT
        assert client.docmd("MAIL", f"FROM:<{RITA}> SIZE={SIZE_LIMIT + 1}")[0] == 552
    line = b"x" * 998 + b"\r\n"
    with mail_world.smtp() as client:
        client.mail(RITA)
        client.rcpt(SAM)
        assert client.data(mail(1) + line * (SIZE_LIMIT // len(line) + 1))[0] == 552
    assert mail_world.call(mail_world.servers.sent) == []


def test_eight_bit_and_dots_arrive_as_they_were_sent(mail_world: RunningMail):
    raw = mail(5, body=".\r\n..two dots\r\nGr\xfc\xdfe\r\n.\r\n").decode().encode("latin-1")
    with mail_world.smtp() as client:
        client.sendmail(RITA, [SAM], raw, mail_options=["BODY=8BITMIME"])
    assert mail_world.call(mail_world.servers.sent)[0].raw == raw


def test_several_mails_over_one_connection(mail_world: RunningMail):
    with mail_world.smtp() as client:
        for number in range(5):
            client.sendmail(RITA, [SAM], mail(number))
        assert client.quit()[0] == 221
    assert len(mail_world.call(mail_world.servers.sent)) == 5
