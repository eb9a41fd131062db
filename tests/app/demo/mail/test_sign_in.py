"""Signing in: LOGIN, PLAIN, TLS in both ways, and what is said before and after (RFC 9051 6.1, 6.2)."""

from __future__ import annotations

import base64
import socket
import ssl

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from tests.app.demo.mail.running import PASSWORD, RITA, SAM, RunningMail, client_context


def test_login_over_tls_lists_the_extensions_in_its_reply(mail_world: RunningMail):
    with mail_world.imap() as client:
        assert {b"CONDSTORE", b"IDLE", b"MOVE", b"SPECIAL-USE", b"UIDPLUS"} <= set(client.capabilities())
        assert b"AUTH=PLAIN" not in client.capabilities()


def test_authenticate_plain(mail_world: RunningMail):
    client = IMAPClient("localhost", mail_world.servers.imaps, ssl_context=client_context())
    client.plain_login(SAM, PASSWORD)
    assert client.select_folder("INBOX")[b"EXISTS"] == 0
    client.logout()


def test_authenticate_plain_with_an_initial_response(mail_world: RunningMail):
    credentials = base64.b64encode(f"\0{RITA}\0{PASSWORD}".encode()).decode()
    with mail_world.raw_imap(sign_in=False) as raw:
        assert raw.ask(f"AUTHENTICATE PLAIN {credentials}")[-1].startswith(b"t OK [CAPABILITY ")


def test_a_cancelled_authentication_leaves_the_session_usable(mail_world: RunningMail):
    with mail_world.raw_imap(sign_in=False) as raw:
        raw.send(b"t AUTHENTICATE PLAIN\r\n")
        assert raw.line().startswith(b"+")
        raw.send(b"*\r\n")
        assert raw.until(b"t ")[-1].startswith(b"t BAD")
        assert raw.ask(f'LOGIN {RITA} "{PASSWORD}"')[-1].startswith(b"t OK")


@pytest.mark.parametrize(("user", "password"), [(RITA, "wrong"), ("nobody@rita.example", PASSWORD), (RITA, "")])
def test_wrong_credentials_are_refused_alike(mail_world: RunningMail, user: str, password: str):
    with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"), mail_world.imap(user, password):
        pass


def test_acting_for_somebody_else_is_refused(mail_world: RunningMail):
    credentials = base64.b64encode(f"{SAM}\0{RITA}\0{PASSWORD}".encode()).decode()
    with mail_world.raw_imap(sign_in=False) as raw:
        assert raw.ask(f"AUTHENTICATE PLAIN {credentials}")[-1].startswith(b"t NO [AUTHORIZATIONFAILED]")


def test_starttls_comes_before_signing_in(mail_world: RunningMail):
    client = IMAPClient("localhost", mail_world.servers.imap, ssl=False)
    assert {b"STARTTLS", b"LOGINDISABLED"} <= set(client.capabilities())
    with pytest.raises(LoginError, match="PRIVACYREQUIRED"):
        client.login(RITA, PASSWORD)
    client.starttls(client_context())
    assert not {b"STARTTLS", b"LOGINDISABLED"} & set(client.capabilities())
    client.login(RITA, PASSWORD)
    assert client.select_folder("INBOX")[b"EXISTS"] == 3
    client.logout()


def test_what_is_sent_along_with_starttls_is_dropped(mail_world: RunningMail):
    """The plain-text command injection of CVE-2011-0411: nothing of it may be carried out inside TLS."""
    with socket.create_connection(("localhost", mail_world.servers.imap), timeout=20) as plain:
        plain.recv(1000)
        plain.sendall(b"a STARTTLS\r\nb CAPABILITY\r\n")
        answer = plain.recv(1000)
        assert answer.startswith(b"a OK")
        assert b"b OK" not in answer
        with client_context().wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"c NOOP\r\n")
            assert secure.recv(1000).startswith(b"c OK")


def test_a_client_that_talks_nonsense_instead_of_tls_is_dropped(mail_world: RunningMail):
    with socket.create_connection(("localhost", mail_world.servers.imap), timeout=20) as plain:
        plain.recv(1000)
        plain.sendall(b"a STARTTLS\r\n")
        plain.recv(1000)
        plain.sendall(b"not a handshake, whatever this is\r\n" * 10)
        rest = b""
        try:
            while chunk := plain.recv(1000):
                rest += chunk
        except ConnectionResetError:
            pass
        assert b" OK " not in rest
    with mail_world.inbox() as client:
        assert client.search() == [1, 2, 3]


def test_the_certificate_is_the_worlds_own(mail_world: RunningMail):
    with pytest.raises(ssl.SSLCertVerificationError):
        IMAPClient("localhost", mail_world.servers.imaps, ssl_context=ssl.create_default_context())


def test_users_see_their_own_mail_only(mail_world: RunningMail):
    with mail_world.imap(SAM) as client:
        client.create_folder("Secret plans")
    with mail_world.imap(RITA) as client:
        assert "Secret plans" not in [name for _flags, _delimiter, name in client.list_folders()]


def test_id_namespace_noop_and_logout(mail_world: RunningMail):
    client = IMAPClient("localhost", mail_world.servers.imaps, ssl_context=client_context())
    client.login(RITA, PASSWORD)
    assert client.id_({"name": "test"})[0][:2] == (b"name", b"Outrigger demo mail")
    assert client.namespace().personal == (("", "/"),)
    assert client.noop() == (b"Done", [])
    assert client.logout() == b"Until next time"


@pytest.mark.parametrize(
    "command", ["SELECT INBOX", 'LIST "" *', "UID FETCH 1 FLAGS", "IDLE", "ENABLE CONDSTORE", "CLOSE"]
)
def test_nothing_works_before_signing_in(mail_world: RunningMail, command: str):
    with mail_world.raw_imap(sign_in=False) as raw:
        assert raw.ask(command)[-1].startswith(b"t BAD")


def test_commands_of_the_wrong_state(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        assert raw.ask("LOGIN a b")[-1].startswith(b"t BAD")
        assert raw.ask("STARTTLS")[-1].startswith(b"t BAD")
        assert raw.ask("FETCH 1 FLAGS")[-1].startswith(b"t BAD")
        assert raw.ask("SELECT INBOX")[-1].startswith(b"t OK [READ-WRITE]")
        assert raw.ask("ENABLE CONDSTORE")[-1].startswith(b"t BAD")


def test_sign_in_with_literals(mail_world: RunningMail):
    with mail_world.raw_imap(sign_in=False) as raw:
        raw.send(b"t LOGIN {%d}\r\n" % len(RITA))
        assert raw.line().startswith(b"+ ")
        raw.send(RITA.encode() + b" {%d+}\r\n" % len(PASSWORD) + PASSWORD.encode() + b"\r\n")
        assert raw.until(b"t ")[-1].startswith(b"t OK")


def test_capability_by_hand(mail_world: RunningMail):
    with mail_world.raw_imap() as raw:
        lines = raw.ask("CAPABILITY")
        assert lines[0].startswith(b"* CAPABILITY IMAP4rev1 ")
        assert lines[-1] == b"t OK Capabilities listed"
