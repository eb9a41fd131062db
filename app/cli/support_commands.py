"""``doctor``: what is well, what is not, and what to do."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from app.bootstrap import open_app, open_vault, renew_key, start_over
from app.cli.output import DONE, REFUSED, Answer, plain
from app.doctor import Finding, findings_of_error
from app.errors import AppError
from app.paths import Profile


def register(commands: Any, add: Any) -> None:
    """Declare the command."""
    parser = add(commands, "doctor", "check keychain, database, network and each account", doctor)
    parser.add_argument(
        "--set-aside-database",
        action="store_true",
        help="put an unreadable database aside, whole, so that the next start makes a new one",
    )
    parser.add_argument("--renew-key", action="store_true", help="encrypt the whole database under a new key")


async def doctor(profile: Profile, args: argparse.Namespace, passphrase: str | None) -> Answer:
    """Examine everything; works where the profile does not open, too: then it says why."""
    findings: list[Finding] = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            vault = None
            if passphrase is not None:
                vault = await open_vault(profile, passphrase)
                stack.push_async_callback(vault.close)
            if args.set_aside_database:
                aside = await start_over(profile, secrets=vault)
                words = "there was no database file" if aside is None else f"the database is now {aside.name}"
                findings.append(Finding("set aside", is_ok=True, words=words))
            if args.renew_key:
                await renew_key(profile, secrets=vault)
                findings.append(Finding("new key", is_ok=True, words="the database has a new key"))
            services = await stack.enter_async_context(open_app(profile, secrets=vault, start_background=False))
            findings += await services.doctor.run()
    except AppError as error:
        findings += findings_of_error(error)
    document = {
        "findings": [
            {"name": one.name, "is_ok": one.is_ok, "words": one.words, "what_to_do": one.what_to_do} for one in findings
        ]
    }
    lines: list[str] = []
    for one in findings:
        lines.append(plain(f"{'ok  ' if one.is_ok else 'BAD '} {one.name}: {one.words}"))
        if one.what_to_do:
            lines.append(plain(f"     {one.what_to_do}"))
    return Answer(document, lines, code=DONE if all(one.is_ok for one in findings) else REFUSED)
