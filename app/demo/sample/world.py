"""A fixture file as the data that the demo world starts with."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from app.demo.mail import FolderData, MailboxData, MessageData
from app.demo.sample.dates import FixtureProblem, moment, resolve
from app.demo.sample.language import load_languages
from app.demo.sample.letter import Letter, Mailbox
from app.demo.sample.life import Life, filed
from app.demo.sample.newsletters import newsletters
from app.demo.sample.notices import absences, drafts, notices, strange_letters
from app.demo.sample.people import ANA, load_people
from app.demo.sample.records import Books
from app.demo.sample.resources import data_folder, load_json, load_toml
from app.demo.sample.scripts import scripted_letters
from app.demo.sample.support import filed_support, support_stories

SPECIAL_FOLDERS: Final = (
    FolderData("INBOX"),
    FolderData("Drafts", "\\Drafts"),
    FolderData("Sent", "\\Sent"),
    FolderData("Archive", "\\Archive"),
    FolderData("Junk", "\\Junk"),
    FolderData("Trash", "\\Trash"),
)
SALESFORCE_KEYS: Final = ("orgs", "users", "profiles", "objects", "rules", "records", "clients")


@dataclass(frozen=True)
class WorldData:
    """What the servers start with. ``salesforce`` has the keys of `SALESFORCE_KEYS`, all relative dates resolved."""

    salesforce: dict[str, Any]
    mailboxes: tuple[MailboxData, ...]


def load_world(fixture: Path | None, now: datetime) -> WorldData:
    """The world of a fixture file, or of resources/demo/org.json, as it is at ``now`` (timezone-aware: its zone is the rep's).

    Raises FixtureProblem where the file cannot be read or has not the form described in resources/demo/README.md.
    """
    path = fixture or data_folder() / "org.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FixtureProblem(f"{path.name} is not a JSON file that can be read") from error
    if not isinstance(data, dict) or not isinstance(data.get("orgs"), list):
        raise FixtureProblem(f"{path.name} needs an object with a list of orgs")
    # Mailboxes keep their relative dates: a message needs a moment, not a text.
    written = data.pop("mailboxes", [])
    resolved = resolve(data, now)
    salesforce = {key: resolved.get(key, [] if key in {"orgs", "users", "clients"} else {}) for key in SALESFORCE_KEYS}
    letters: dict[str, list[Letter]] = {}
    if "life" in data:
        letters = _live(resolved, now)
    try:
        mailboxes = tuple(_mailbox(entry, letters.get(entry.get("user", ""), []), now) for entry in written)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FixtureProblem(f"mailboxes: not in the form that README.md describes ({error})") from error
    return WorldData(salesforce, mailboxes)


def _live(fixture: dict[str, Any], now: datetime) -> dict[str, list[Letter]]:
    """Let three months happen: the letters by mailbox; the records join those that the fixture has for the org."""
    try:
        org, seed = fixture["life"]["org"], int(fixture["life"]["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise FixtureProblem("life needs an org and a seed") from error
    languages = load_languages()
    people = load_people(load_json("people.json"))
    chance = Random(seed)  # noqa: S311 - reproducible, not secret
    stories = Life(people, languages, now, seed).stories()
    support = support_stories(load_toml("letters/support.toml")["topic"], people, languages, now, chance)
    records = fixture.setdefault("records", {}).setdefault(org, {})
    for name, rows in Books(people, languages, now, chance).keep(stories, support).items():
        records.setdefault(name, []).extend(rows)
    rita = scripted_letters("rita", now, languages, chance)
    rita += [letter for story in stories for letter in filed(story, now, chance)]
    rita += newsletters(load_toml("letters/newsletters.toml")["publisher"], now, chance)
    automatic = load_toml("letters/notices.toml")
    rita += notices(automatic, now, chance)
    rita += strange_letters(automatic["strange"], now)
    rita += absences([people.contacts[company.domain][0] for company in people.companies[10:13]], now)
    rita += drafts(automatic["draft"], now)
    sam = scripted_letters("sam", now, languages, chance)
    sam += [letter for story in support for letter in filed_support(story, now)]
    ana = [
        letter.moved("INBOX") for letter in rita if any(one.address == ANA.address for one in (*letter.to, *letter.cc))
    ]
    letters = {"rita@rita.example": rita, "sam@rita.example": sam, "ana@rita.example": ana}
    return {user: [letter for letter in found if letter.when <= now] for user, found in letters.items()}


def _mailbox(entry: Mapping[str, Any], letters: Iterable[Letter], now: datetime) -> MailboxData:
    for key in ("user", "password"):
        if not isinstance(entry.get(key), str):
            raise FixtureProblem(f"mailboxes: every mailbox needs a {key}")
    user = entry["user"]
    folders: dict[str, FolderData] = {folder.name: folder for folder in SPECIAL_FOLDERS}
    messages: dict[str, list[MessageData]] = {name: [] for name in folders}
    for folder in entry.get("folders", []):
        name = folder["name"]
        folders[name] = FolderData(name, folder.get("special_use", folders.get(name, FolderData(name)).special_use))
        messages.setdefault(name, []).extend(_message(one, now) for one in folder.get("messages", []))
    for letter in sorted(letters, key=lambda one: (one.when, one.message_id)):
        folder = letter.folder
        flags = letter.flags
        if letter.sender.address == user and folder == "INBOX":
            folder, flags = "Sent", ("\\Seen", *flags)
        folders.setdefault(folder, FolderData(folder))
        messages.setdefault(folder, []).append(MessageData(letter.render(), letter.when, flags))
    filled = tuple(
        FolderData(name, folder.special_use, tuple(sorted(messages[name], key=lambda one: one.internal_date)))
        for name, folder in folders.items()
    )
    return MailboxData(user, entry["password"], entry.get("name", ""), tuple(entry.get("addresses", [user])), filled)


def _message(entry: Mapping[str, Any], now: datetime) -> MessageData:
    """A message of a fixture: ``raw`` or ``raw_base64``, or ``from``, ``to``, ``subject``, ``text`` and perhaps ``html``."""
    when = moment(entry.get("date", "-1d 09:00"), now)
    flags = tuple(entry.get("flags", ()))
    if "raw_base64" in entry:
        try:
            return MessageData(base64.b64decode(entry["raw_base64"], validate=True), when, flags)
        except (binascii.Error, ValueError) as error:
            raise FixtureProblem("mailboxes: raw_base64 is not base64") from error
    if "raw" in entry:
        return MessageData(str(entry["raw"]).replace("\r\n", "\n").replace("\n", "\r\n").encode(), when, flags)
    try:
        letter = Letter(
            _named(entry["from"]),
            tuple(_named(one) for one in entry["to"]),
            entry["subject"],
            when,
            entry["text"],
            entry["message_id"],
            html=entry.get("html", ""),
        )
    except KeyError as error:
        raise FixtureProblem(f"mailboxes: a message without raw needs {error.args[0]}") from error
    return MessageData(letter.render(), when, flags)


def _named(text: str) -> Mailbox:
    name, _bracket, address = text.rpartition("<")
    return Mailbox(name.strip(), address.rstrip("> "))
