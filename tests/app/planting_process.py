"""A process that fills a profile with things nobody else may read, then waits: ``python -m tests.app.planting_process PROFILE FILE``.

Reads from its input: the vault's passphrase, then the canaries as one JSON object. ``FILE`` is a file to be queued for upload. Says ``planted``,
then ``sorting`` in the middle of a large sort (a line of input lets it go on), then ``read``, and waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

from app.backends.system_browser import SystemBrowser
from app.bootstrap import open_core, open_vault
from app.bootstrap.services import join_services
from app.crm.actions import RecordTarget
from app.mail.envelope import parse_envelope
from app.mail.parsing import extract_texts
from app.model.crm import CrmLogin
from app.model.ids import CrmLoginId, MessageId, RecordId
from app.model.mail import ConnectionSecurity, FolderRole, MailServer
from app.paths import Profile
from app.store import accounts, folders, messages
from app.store.database import Reader, Transaction
from app.store.messages import NewHeader

ROWS = 4000
SERVER = MailServer("mail.example.com", 993, ConnectionSecurity.TLS, "rita")


def message(canaries: dict[str, str]) -> bytes:
    mail = EmailMessage()
    mail["From"] = f"{canaries['name']} <{canaries['address']}@example.com>"
    mail["To"] = "rita@example.com"
    mail["Subject"] = canaries["subject"]
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content(f"Dear Rita, {canaries['body']}")
    mail.add_attachment(
        canaries["attachment"].encode() * 50, maintype="application", subtype="pdf", filename=f"{canaries['file']}.pdf"
    )
    return mail.as_bytes()


def plant(canaries: dict[str, str], raw: bytes) -> Callable[[Transaction], tuple[CrmLogin, MessageId]]:
    def fill(tx: Transaction) -> tuple[CrmLogin, MessageId]:
        account = accounts.add_mail_account(tx, "rita@example.com", "", SERVER, SERVER)
        folder_id = folders.make_local(tx, account.account_id, FolderRole.INBOX, "INBOX", "/")
        now = 1_790_000_000
        header = raw.partition(b"\n\n")[0]
        made = [
            NewHeader(uid, frozenset(), 1, now + uid, len(raw) + uid, parse_envelope(header, now + uid), True)
            for uid in range(1, ROWS)
        ]
        ids = messages.store_headers(tx, account.account_id, folder_id, 1, made)
        text = extract_texts([raw])[0]
        messages.store_bodies(tx, [(ids[0], raw, text)], 1)
        login = accounts.keep_crm_login(tx, login_of(canaries), canaries["token"])
        return login, ids[0]

    return fill


def login_of(canaries: dict[str, str]) -> CrmLogin:
    return CrmLogin(
        login_id=CrmLoginId(0),
        login_url="https://login.salesforce.com",
        instance_url="https://acme.my.salesforce.com",
        client_id="client",
        org_id="00D000000000001AAA",
        user_id="005000000000001AAA",
        username="rita@example.com",
        display_name=canaries["name"],
        org_name="Acme",
        is_sandbox=False,
    )


def sort_everything(reader: Reader) -> int:
    """A sort larger than its memory, held open in the middle: on disk it would spill names and subjects in clear."""
    rows = reader.each(
        "SELECT a.subject || b.sender_name || a.message_id FROM message a JOIN (SELECT * FROM message LIMIT 100) b"
        " ORDER BY substr(a.subject, 3) || b.message_id % 7 || a.message_id % 13"
    )
    next(rows)
    print("sorting", flush=True)
    sys.stdin.readline()
    return 1 + sum(1 for _ in rows)


async def live(profile: Profile, file: Path) -> None:
    passphrase = sys.stdin.readline().rstrip("\n")
    canaries: dict[str, str] = json.loads(sys.stdin.readline())
    vault = await open_vault(profile, passphrase)
    await vault.set("mail:1", canaries["password"])
    async with open_core(profile, secrets=vault) as core:
        services = await join_services(core, SystemBrowser())
        raw = message(canaries)
        login, message_id = await core.database.write("plant", plant(canaries, raw))
        target = RecordTarget(RecordId("006000000000001AAA"), "Opportunity", canaries["record"])
        await services.crm_actions.attach_file(login.login_id, file, target)
        await services.crm_actions.attach_part(login.login_id, message_id, "2", target)
        await services.crm_actions.create_person(
            login.login_id, "Lead", {"LastName": canaries["name"], "Company": canaries["company"]}
        )
        logging.getLogger("app").warning(
            "signed in as %s@example.com, token=%s", canaries["address"], canaries["token"]
        )
        print("planted", flush=True)
        content = await services.reader.content(message_id)
        assert canaries["body"] in content.text
        assert await services.search.search(canaries["body"])
        assert await core.database.read(sort_everything) > ROWS
        try:
            raise ValueError(canaries["body"])
        except ValueError:
            logging.getLogger("app").exception("an error that quotes a mail")
        logging.getLogger("imapclient").warning("answer %s", canaries["subject"])
        print("read", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(Profile(Path(sys.argv[1])), Path(sys.argv[2])))
