"""Starts a Dovecot of its own for tests: IMAP over TLS and with STARTTLS on loopback, one user, Maildir in a temporary folder.

Linux only. The peculiarities of version 2.3 that this knows: its parser goes line by line; run by root it wants its own two users, and its
processes must not chroot where the base folder is temporary; the penalty after a wrong password would slow down the next test.
"""

from __future__ import annotations

import contextlib
import imaplib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme

START_WITHIN_S = 20
USER = "rita@rita.example"
PASSWORD = "rose water and öl"
FOLDERS = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Trash": "\\Trash", "Junk": "\\Junk", "Archive": "\\Archive"}


class DovecotNotStarted(RuntimeError):
    """Dovecot is not installed, or ended before it answered."""


@dataclass(frozen=True)
class Dovecot:
    """A running server. ``imaps_port`` is implicit TLS, ``imap_port`` STARTTLS; ``ca_file`` is a PEM bundle that vouches for both."""

    host: str
    imaps_port: int
    imap_port: int
    ca_file: str
    user: str
    password: str
    mail_dir: Path
    base_dir: Path

    def client(self) -> imaplib.IMAP4_SSL:
        """A plain, independent client, signed in: what another mail program would do."""
        context = ssl.create_default_context(cafile=self.ca_file)
        client = imaplib.IMAP4_SSL(self.host, self.imaps_port, ssl_context=context, timeout=30)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.authenticate("PLAIN", lambda _: f"\0{self.user}\0{self.password}".encode())
        return client

    def append(self, folder: str, *raws: bytes, flags: str = "", when: datetime | None = None) -> None:
        """Put messages into a folder as a delivery or another program would."""
        client = self.client()
        try:
            for raw in raws:
                date = imaplib.Time2Internaldate(when) if when else None
                answer, told = client.append(f'"{folder}"', flags, date, raw)  # type: ignore[arg-type]
                assert answer == "OK", told
        finally:
            client.logout()

    def renumber(self, folder: str) -> None:
        """Give a folder a new UIDVALIDITY and its messages new UIDs, as a server restored from a backup does."""
        where = self.mail_dir / (f".{folder}" if folder != "INBOX" else ".")
        for name in (
            "dovecot-uidlist",
            "dovecot.index",
            "dovecot.index.log",
            "dovecot.index.cache",
            "dovecot.list.index",
        ):
            with contextlib.suppress(FileNotFoundError):
                (where / name).unlink()
        time.sleep(1.1)  # UIDVALIDITY is a time in seconds


@contextlib.contextmanager
def running_dovecot(*, without: tuple[str, ...] = (), folders: dict[str, str] | None = None) -> Iterator[Dovecot]:
    """A Dovecot in processes of its own. ``without`` names capabilities that it shall not announce. Raises DovecotNotStarted."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise DovecotNotStarted("dovecot is not installed (Debian: dovecot-imapd)")
    base = Path(tempfile.mkdtemp(prefix="dovecot-"))
    try:
        server = _prepare(base, FOLDERS if folders is None else folders, without)
        process = subprocess.Popen(
            [program, "-F", "-c", str(base / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # The program under test keeps its files to itself; the server's own users must be able to read theirs.
            umask=0o022,
        )
        try:
            _wait_until_up(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stderr is not None
            process.stderr.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _prepare(base: Path, folders: dict[str, str], without: tuple[str, ...]) -> Dovecot:
    base.chmod(0o755)
    mail, run = base / "mail", base / "run"
    for folder in (mail, run):
        folder.mkdir()
        folder.chmod(0o755)
    is_root = os.geteuid() == 0
    owner = "nobody" if is_root else _own_name()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(base / "ca.pem"))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(base / "server.pem")
    )
    (base / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    (base / "users").chmod(0o644)
    tls_port, plain_port = _free_port(), _free_port()
    boxes = "\n".join(
        f'  mailbox "{name}" {{\n    auto = subscribe\n' + (f"    special_use = {use}\n" if use else "") + "  }"
        for name, use in folders.items()
    )
    as_root = "default_internal_user = dovecot\ndefault_login_user = dovenull\n" if is_root else (
        f"default_internal_user = {owner}\ndefault_login_user = {owner}\ndefault_internal_group = {_own_group()}\n"
    )  # fmt: skip
    dropped = f"  imap_capability = {_capabilities(without)}\n" if without else ""
    (base / "dovecot.conf").write_text(
        f"""
protocols = imap
listen = 127.0.0.1
base_dir = {run}
log_path = {base / "dovecot.log"}
{as_root}
mail_uid = {owner}
mail_gid = {"nogroup" if is_root else _own_group()}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{mail}
mail_fsync = never
ssl = yes
ssl_cert = <{base / "server.pem"}
ssl_key = <{base / "server.pem"}
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0
mail_max_userip_connections = 50
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base / "users"}
}}
userdb {{
  driver = static
  args = uid={owner} gid={"nogroup" if is_root else _own_group()} home={mail}
}}
namespace inbox {{
  inbox = yes
  separator = /
{boxes}
}}
protocol imap {{
{dropped}}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
""",
        encoding="utf-8",
    )
    if is_root:
        shutil.chown(mail, "nobody", "nogroup")
    return Dovecot("127.0.0.1", tls_port, plain_port, str(base / "ca.pem"), USER, PASSWORD, mail, base)


def _capabilities(without: tuple[str, ...]) -> str:
    offered = (
        "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND UNSELECT CHILDREN NAMESPACE UIDPLUS "
        "LIST-EXTENDED CONDSTORE QRESYNC ESEARCH SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SPECIAL-USE LITERAL+"
    ).split()
    return " ".join(word for word in offered if word not in without)


def _wait_until_up(server: Dovecot, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            server.client().logout()
            return
        except (OSError, imaplib.IMAP4.error) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                log = server.base_dir / "dovecot.log"
                words = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
                raise DovecotNotStarted(f"{error!r}; {words[-2000:]}") from None
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _own_group() -> str:
    import grp

    return grp.getgrgid(os.getegid()).gr_name
