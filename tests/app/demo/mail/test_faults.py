"""Faults on purpose: what a client meets when the network, the server or the sign-in fails."""

from __future__ import annotations

import imaplib
import smtplib
import socket

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from app.demo.mail import MailFaults
from tests.app.demo.mail.running import RITA, SAM, RunningMail, client_context, mail

BROKEN = (OSError, imaplib.IMAP4.abort, imaplib.IMAP4.error, smtplib.SMTPServerDisconnected, EOFError)


def set_network(world: RunningMail, service: str, *, up: bool) -> None:
    world.call(lambda: world.faults.set_network(service, up=up))


def inject(world: RunningMail, service: str, fault: dict, times: int = 1) -> None:
    world.call(lambda: world.faults.inject(service, fault, times))


def drain(client: IMAPClient) -> None:
    """Read until the connection breaks."""
    while client.socket().recv(1000):
        pass
    raise EOFError


def test_a_line_that_goes_down_resets_clients_and_refuses_new_ones(mail_world: RunningMail):
    with mail_world.inbox() as client:
        client.idle()
        set_network(mail_world, "imap", up=False)
        with pytest.raises(BROKEN):
            drain(client)
        for port in (mail_world.servers.imap, mail_world.servers.imaps):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=10)
        with mail_world.smtp() as sender:
            sender.sendmail(RITA, [RITA], mail(8))
        set_network(mail_world, "imap", up=True)
    with mail_world.inbox() as client:
        assert client.search() == [1, 2, 3, 4]


def test_the_line_of_smtp_is_its_own(mail_world: RunningMail):
    with mail_world.smtp() as sender:
        set_network(mail_world, "smtp", up=False)
        with pytest.raises(BROKEN):
            sender.sendmail(RITA, [SAM], mail(8))
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP("127.0.0.1", mail_world.servers.smtp, timeout=10)
        with mail_world.inbox() as client:
            assert client.search() == [1, 2, 3]
        set_network(mail_world, "smtp", up=True)
    with mail_world.smtp() as sender:
        assert sender.sendmail(RITA, [SAM], mail(8)) == {}


def test_an_answer_lost_after_data_leaves_the_mail_delivered_once(mail_world: RunningMail):
    inject(mail_world, "smtp", {"kind": "drop_after_data"})
    with mail_world.smtp() as sender, pytest.raises(BROKEN):
        sender.sendmail(RITA, [SAM], mail(8))
    assert len(mail_world.call(mail_world.servers.sent)) == 1
    with mail_world.inbox(SAM) as client:
        assert client.search() == [1]
    with mail_world.smtp() as sender:
        assert sender.sendmail(RITA, [SAM], mail(9)) == {}


def test_a_mail_cut_in_the_middle_is_not_accepted(mail_world: RunningMail):
    with mail_world.smtp() as sender:
        inject(mail_world, "smtp", {"kind": "cut_after", "bytes": 30_000})
        assert sender.noop()[0] == 250
    with pytest.raises(BROKEN), mail_world.smtp() as sender:
        sender.sendmail(RITA, [SAM], mail(8, body="line of text\r\n" * 20_000))
    assert mail_world.call(mail_world.servers.sent) == []


def test_a_literal_cut_in_the_middle_breaks_the_connection(mail_world: RunningMail):
    mail_world.deliver(mail(8, body="line of text\r\n" * 20_000))
    inject(mail_world, "imap", {"kind": "cut_after", "bytes": 60_000})
    with pytest.raises(BROKEN), mail_world.inbox() as client:
        client.fetch([4], ["BODY.PEEK[]"])
    with mail_world.inbox() as client:
        assert len(client.fetch([4], ["BODY.PEEK[]"])[4][b"BODY[]"]) > 200_000


@pytest.mark.parametrize("service", ["imap", "smtp"])
def test_the_right_password_can_be_refused(mail_world: RunningMail, service: str):
    inject(mail_world, service, {"kind": "refuse_auth"}, times=2)
    for _attempt in range(2):
        with pytest.raises((LoginError, smtplib.SMTPAuthenticationError)), getattr(mail_world, service)():
            pass
    with getattr(mail_world, service)() as client:
        assert client.noop()[0] in {b"Done", 250}


def test_a_recipient_can_be_refused(mail_world: RunningMail):
    inject(mail_world, "smtp", {"kind": "refuse_recipient", "address": "Karl@acme.example"})
    with mail_world.smtp() as sender:
        assert sender.sendmail(RITA, ["karl@acme.example", SAM], mail(1))["karl@acme.example"][0] == 550
        assert sender.sendmail(RITA, ["karl@acme.example", SAM], mail(1)) == {}


def test_delays_hold_answers_back(mail_world: RunningMail):
    """No time is measured: an answer that is held back is not there while the client looks for it."""
    with mail_world.raw_imap() as raw:
        inject(mail_world, "imap", {"kind": "delay", "s": 600})
        raw.send(b"t NOOP\r\n")
        raw.connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.connection.recv(1)
    client = IMAPClient("localhost", mail_world.servers.imaps, ssl_context=client_context())
    assert client.noop()[0] == b"Done"
    client.shutdown()


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("pop3", {"kind": "delay", "s": 1}),
        ("imap", {"kind": "magic"}),
        ("imap", {}),
        ("imap", {"kind": "drop_after_data"}),
        ("imap", {"kind": "delay", "seconds": 1}),
        ("imap", {"kind": "delay", "s": "long"}),
        ("imap", {"kind": "cut_after", "bytes": -1}),
    ],
)
def test_faults_that_do_not_exist(service: str, fault: dict):
    with pytest.raises(ValueError, match=r"\w"):
        MailFaults().inject(service, fault)


def test_faults_are_listed_and_cleared():
    faults = MailFaults()
    faults.inject("smtp", {"kind": "refuse_recipient", "address": "a@b.example"}, -1)
    faults.inject("imap", {"kind": "delay", "s": 2}, 3)
    assert faults.as_json() == [
        {"where": "smtp", "fault": {"kind": "refuse_recipient", "address": "a@b.example"}, "times": -1},
        {"where": "imap", "fault": {"kind": "delay", "s": 2.0}, "times": 3},
    ]
    faults.clear()
    assert faults.as_json() == []
    with pytest.raises(ValueError, match="network"):
        faults.set_network("pop3", up=False)
