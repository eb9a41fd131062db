"""First sync of an inbox from a local Dovecot over TLS to encrypted and searchable, beside the floor: imaplib that fetches and throws away.

Linux only (Dovecot). Both read the same mailbox in the same run, in turn.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.events import MessagesStored
from app.store import search
from tests.app.mail.rig import open_rig
from tests.benchmarks.mail_corpus import mails
from tests.benchmarks.rows import Row
from tests.servers.dovecot import Dovecot
from tests.servers.mail_servers import MailHost, running_host

NAME = "first-sync"
MAILS = 3_000
ROUNDS = 3
BATCH = 500


def run() -> list[Row]:
    """Seconds for all of them, and until the newest stand in the list."""
    if sys.platform != "linux":
        return []
    floors, wholes, firsts = [], [], []
    with _filled_host(MAILS) as host:
        for _ in range(ROUNDS):
            floors.append(_fetch_and_forget(host))
            with tempfile.TemporaryDirectory() as folder:
                first, whole = asyncio.run(_sync(host, Path(folder)))
            firsts.append(first)
            wholes.append(whole)
    return [
        Row.compared(
            f"first sync of {MAILS:,} mails, searchable and encrypted",
            ours=statistics.median(wholes),
            peer=statistics.median(floors),
            peer_name="imaplib, fetched and thrown away",
            goal="<= 40",
            unit="s",
        ),
        Row.compared(
            "first rows of the inbox",
            ours=statistics.median(firsts),
            peer=statistics.median(wholes),
            peer_name="the whole first sync",
            goal="<= 0.25",
            unit="s",
        ),
    ]


@contextmanager
def _filled_host(count: int) -> Iterator[MailHost]:
    with running_host("dovecot") as host:
        assert host.dovecot is not None
        _fill(host.dovecot, count)
        yield host


def _fill(server: Dovecot, count: int) -> None:
    # Straight into the Maildir: a delivery each would take longer than all that is measured.
    server.append("INBOX", b"Subject: makes the folder\r\n\r\n")
    folder = server.mail_dir / "cur"
    for number, (when, raw) in enumerate(mails(count)):
        path = folder / f"{int(when.timestamp())}.{number:06}.bench:2,"
        path.write_bytes(raw)
        os.utime(path, (when.timestamp(), when.timestamp()))
        if os.geteuid() == 0:
            shutil.chown(path, "nobody", "nogroup")
    with server.client() as client:
        client.select("INBOX")
        client.uid("STORE", "1", "+FLAGS", "(\\Deleted)")
        client.expunge()
        # Reading sizes and structures once fills Dovecot's own cache for both sides alike.
        client.uid("FETCH", "1:*", "(RFC822.SIZE BODYSTRUCTURE)")


def _fetch_and_forget(host: MailHost) -> float:
    started = time.perf_counter()
    with host.client() as client:
        client.select("INBOX", readonly=True)
        uids = client.uid("SEARCH", "ALL")[1][0].split()
        for at in range(0, len(uids), BATCH):
            client.uid("FETCH", b",".join(uids[at : at + BATCH]).decode(), "(BODY.PEEK[])")
    return time.perf_counter() - started


async def _sync(host: MailHost, folder: Path) -> tuple[float, float]:
    async with open_rig(host, folder) as rig:
        await rig.add_account()
        first = 0.0
        started = time.perf_counter()

        def stored(_: MessagesStored) -> None:
            nonlocal first
            first = first or time.perf_counter() - started

        rig.bus.subscribe(MessagesStored, stored)
        await rig.sync.sync_now()
        whole = time.perf_counter() - started
        inbox = await rig.folder("INBOX")
        found = await rig.database.read(lambda reader: search.completeness(reader, inbox))
        assert found == search.IndexCount(MAILS, MAILS, MAILS)
        return first, whole
