"""An IMAP server that answers what a test tells it to: nonsense, floods, silence, half of a literal.

By default it is polite and holds one INBOX. `EvilImap.answers` replaces what it says to a command, by the command's name ("FETCH" also stands for
"UID FETCH"): bytes in which ``%tag%`` is the client's tag, or a function of the connection and the tag.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from app.model.ids import MailAccountId
from app.model.mail import ConnectionSecurity, MailAccount, MailServer

Answer = bytes | Callable[[ssl.SSLSocket, bytes, bytes], None]

CAPABILITIES = b"IMAP4rev1 AUTH=PLAIN ENABLE IDLE MOVE UIDPLUS CONDSTORE"


@dataclass
class EvilImap:
    """The running server."""

    port: int
    plain_port: int
    ca_file: str
    messages: dict[int, bytes] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    greeting: bytes = b"* OK [CAPABILITY " + CAPABILITIES + b"] ready\r\n"
    plain_greeting: bytes = b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"
    starttls_answer: bytes = b"%tag% OK begin\r\n"
    commands: list[bytes] = field(default_factory=list)
    """Every command line that came, without its tag."""

    def account(self, *, starttls: bool = False) -> MailAccount:
        """An account that reads here."""
        security = ConnectionSecurity.STARTTLS if starttls else ConnectionSecurity.TLS
        server = MailServer("localhost", self.plain_port if starttls else self.port, security, "rita", self.ca_file)
        return MailAccount(MailAccountId(1), "rita@rita.example", "Rita", server, server)


@contextlib.contextmanager
def running_evil_imap() -> Iterator[EvilImap]:
    """The server for the time of the block."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        plain_listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        evil = EvilImap(listener.getsockname()[1], plain_listener.getsockname()[1], str(ca_file))
        stop = threading.Event()
        threads: list[threading.Thread] = []
        for each, is_plain in ((listener, False), (plain_listener, True)):
            each.settimeout(0.1)
            accepting = threading.Thread(target=_accept, args=(evil, each, context, is_plain, stop, threads))
            accepting.start()
            threads.append(accepting)
        try:
            yield evil
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)


def silence(connection: ssl.SSLSocket, tag: bytes, stop: bytes) -> None:
    """Say nothing until the client goes away."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def after(start: bytes, rest: Answer) -> Answer:
    """First some bytes, then another answer."""

    def say(connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
        connection.sendall(start.replace(b"%tag%", tag))
        _say(rest, connection, tag, line)

    return say


def flood(connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
    """Untagged answers without end."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"* 1 RECENT\r\n" * 1000)


def trickle(connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
    """One byte now and then, so that no read ever times out."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x")
            time.sleep(0.2)


def hang_up(connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
    """Close the connection without a word."""
    raise ConnectionAbortedError


def fetch_all_but(evil: EvilImap, bad_uid: int) -> Answer:
    """FETCH works unless the words of a certain message are asked for; then the connection ends."""

    def say(connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
        if b"BODY" in line and bad_uid in _uids(evil, line):
            raise ConnectionAbortedError
        connection.sendall(_fetched(evil, line) + tag + b" OK done\r\n")

    return say


def _accept(
    evil: EvilImap,
    listener: socket.socket,
    context: ssl.SSLContext,
    is_plain: bool,
    stop: threading.Event,
    threads: list[threading.Thread],
) -> None:
    while not stop.is_set():
        try:
            plain, _ = listener.accept()
        except TimeoutError:
            continue
        thread = threading.Thread(target=_serve, args=(evil, plain, context, is_plain, stop))
        thread.start()
        threads.append(thread)


def _serve(
    evil: EvilImap, plain: socket.socket, context: ssl.SSLContext, is_plain: bool, stop: threading.Event
) -> None:
    plain.settimeout(4)
    with plain, contextlib.suppress(OSError, EOFError):
        if is_plain:
            plain.sendall(evil.plain_greeting)
            while True:
                tag, _, line = _line(plain).partition(b" ")
                evil.commands.append(line)
                if line.upper().startswith(b"STARTTLS"):
                    plain.sendall(evil.starttls_answer.replace(b"%tag%", tag))
                    break
                plain.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")
        with context.wrap_socket(plain, server_side=True) as connection:
            if not is_plain:
                connection.sendall(evil.greeting)
            while not stop.is_set():
                _answer(evil, connection, _line(connection))


def _answer(evil: EvilImap, connection: ssl.SSLSocket, line: bytes) -> None:
    tag, _, rest = line.partition(b" ")
    evil.commands.append(rest)
    words = rest.upper().split()
    name = (words[1] if words[:1] == [b"UID"] else words[0]).decode() if words else ""
    if name in evil.answers:
        _say(evil.answers[name], connection, tag, rest)
        return
    said = b""
    if name == "AUTHENTICATE":
        connection.sendall(b"+ \r\n")
        _line(connection)
    elif name == "CAPABILITY":
        said = b"* CAPABILITY " + CAPABILITIES + b"\r\n"
    elif name == "LIST":
        said = b'* LIST () "/" INBOX\r\n'
    elif name in ("SELECT", "EXAMINE"):
        next_uid = max(evil.messages, default=0) + 1
        said = b"* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n" % (
            len(evil.messages),
            next_uid,
        )
    elif name == "SEARCH":
        said = b"* SEARCH " + b" ".join(b"%d" % uid for uid in sorted(evil.messages)) + b"\r\n"
    elif name == "FETCH":
        said = _fetched(evil, rest)
    elif name == "LOGOUT":
        said = b"* BYE bye\r\n"
    connection.sendall(said + tag + b" OK done\r\n")


def _fetched(evil: EvilImap, line: bytes) -> bytes:
    said = b""
    for number, uid in enumerate(_uids(evil, line), 1):
        raw = evil.messages[uid]
        if b"BODY.PEEK[]" in line:
            said += b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (number, uid, len(raw), raw)
        elif b"HEADER" in line:
            block = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            said += (
                b'* %d FETCH (UID %d FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE %d '
                b'BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) BODY[HEADER.FIELDS (SUBJECT)] {%d}\r\n%s)\r\n'
            ) % (number, uid, len(raw), len(block), block)
        else:
            said += b"* %d FETCH (UID %d FLAGS ())\r\n" % (number, uid)
    return said


def _uids(evil: EvilImap, line: bytes) -> list[int]:
    chosen: set[int] = set()
    for piece in line.split()[2].split(b","):
        first, _, last = piece.partition(b":")
        high = max(evil.messages, default=0) if last == b"*" else int(last or first)
        chosen.update(uid for uid in evil.messages if int(first) <= uid <= high)
    return sorted(chosen)


def _say(answer: Answer, connection: ssl.SSLSocket, tag: bytes, line: bytes) -> None:
    if isinstance(answer, bytes):
        connection.sendall(answer.replace(b"%tag%", tag))
    else:
        answer(connection, tag, line)


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        piece = connection.recv(1)
        if not piece:
            raise EOFError
        line += piece
    return line[:-2]
