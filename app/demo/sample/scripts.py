"""Conversations that are written down word by word in resources/demo/scripts, and the mails that only code can make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from random import Random
from typing import Any, Final

from app.demo.sample.calendars import invitation
from app.demo.sample.dates import moment
from app.demo.sample.files import FILES, big_plan
from app.demo.sample.language import Language
from app.demo.sample.letter import Letter, Mailbox
from app.demo.sample.life import with_habits
from app.demo.sample.people import ANA, JONAS, KARL, LENA, MIA, RITA, SAM, THEO, Company, Person
from app.demo.sample.resources import load_bytes, load_toml
from app.demo.sample.thread import Thread

COLLEAGUES: Final = (RITA, SAM, ANA, THEO, LENA, JONAS)
SCRIPTS: Final = ("scenarios", "office")


def scripted_letters(mailbox: str, now: datetime, languages: Mapping[str, Language], chance: Random) -> list[Letter]:
    """The scripted letters of the mailbox "rita" or "sam", those its owner sent among them, filed; only what is in the past."""
    letters: list[Letter] = []
    for name in SCRIPTS:
        script = load_toml(f"scripts/{name}.toml")
        people = _people(script["people"])
        for entry in script["thread"]:
            if entry.get("mailbox", "rita") == mailbox:
                played = [
                    one for one in _play(entry, people, now, languages[entry.get("language", "en")]) if one.when <= now
                ]
                letters += with_habits(played, _folder(entry, played, now), now, chance)
    if mailbox == "rita":
        letters.append(signed_letter(now).moved("INBOX", "\\Seen"))
    return letters


def _folder(entry: Mapping[str, Any], letters: Sequence[Letter], now: datetime) -> str:
    is_old = not letters or now - letters[-1].when > timedelta(days=18)
    return str(entry.get("folder", "Archive")) if is_old else "INBOX"


def big_attachment_letter(now: datetime, languages: Mapping[str, Language], plan_bytes: int = 60_000_000) -> Letter:
    """Karl's mail with documents once more, with a plan.xlsx of about ``plan_bytes``."""
    script = load_toml("scripts/scenarios.toml")
    entry = next(one for one in script["thread"] if one["key"] == "acme-documents")
    letter = _play(entry, _people(script["people"]), now, languages["en"])[0]
    attachments = (letter.attachments[0], big_plan(plan_bytes))
    return replace(letter, attachments=attachments, message_id="<documents-big.51c0@acme.example>")


def signed_letter(now: datetime) -> Letter:
    """A mail with a valid S/MIME signature: the signed entity is kept in resources/demo/signed.eml, for not a byte may change."""
    when = (now - timedelta(days=4)).replace(hour=13, minute=2, second=0, microsecond=0)
    sender = Mailbox("Harald Quist", "harald.quist@nordbank.example")
    return Letter(
        sender,
        (RITA.mailbox,),
        "Guarantee for your advance payment",
        when,
        "",
        "<guarantee.2207@nordbank.example>",
        entity=load_bytes("signed.eml"),
    )


def _people(entries: Mapping[str, str]) -> dict[str, Person]:
    people = {person.first.lower(): person for person in (*COLLEAGUES, KARL, MIA)}
    for key, text in entries.items():
        salutation, first, last, title, address, company, phone = text.split("|")
        home = Company(company, address.rpartition("@")[2], "en")
        people[key] = Person(salutation, first, last, title, address, home, "", phone)
    return people


def _play(entry: Mapping[str, Any], people: Mapping[str, Person], now: datetime, language: Language) -> list[Letter]:
    thread = Thread(entry["key"], entry["subject"], language, is_html=not entry.get("plain", False))
    for mail in entry["mail"]:
        _write(thread, mail, people, now, _list_headers(entry.get("list", "")))
    return thread.letters


def _write(
    thread: Thread,
    mail: Mapping[str, Any],
    people: Mapping[str, Person],
    now: datetime,
    list_headers: Sequence[tuple[str, str]],
) -> None:
    sender, to = people[mail["from"]], [people[name] for name in mail["to"]]
    cc = [people[name] for name in mail.get("cc", [])]
    when = moment(mail["at"], now)
    text = mail["text"]
    inline = tuple(FILES[name](now) for name in mail.get("inline", []))
    extra = "".join(f'<p><img src="cid:{one.content_id}" width="160" height="44" alt=""></p>' for one in inline)
    if "link" in mail:
        extra = f'<p><a href="{escape(mail["link"])}">{escape(mail["link"])}</a></p>' + extra
    calendar = ""
    if "invite" in mail:
        start = moment(mail["invite"], now)
        uid = f"{thread.key}@{sender.address.rpartition('@')[2]}"
        calendar = invitation(uid, thread.subject, start, 60, sender, to, mail["location"], when)
    named = mail.get("sender", "")
    letter = thread.write(
        sender,
        to,
        when,
        text,
        cc=cc,
        attachments=tuple(FILES[name](now) for name in mail.get("attach", [])),
        subject=mail.get("subject", ""),
        message_id=mail.get("id", ""),
        calendar=calendar,
        headers=(*list_headers, *((name, value) for name, value in mail.get("headers", []))),
        signature=mail.get("signature", "short"),
        sender_mailbox=_named(named) if named else None,
        extra_html=extra,
        extra_inline=inline,
    )
    if "quote" in mail:
        thread.replace_last(_with_quotation(letter, mail, thread.language))


def _with_quotation(letter: Letter, mail: Mapping[str, Any], language: Language) -> Letter:
    """The letter with a forwarded voice below: a quotation of a mail that is not part of the thread."""
    intro = language.attribution(letter.when - timedelta(days=2), mail["quote_from"])
    lines = mail["quote"].split("\n")
    text = letter.text + "\n" + "\n".join([intro, *(f"> {line}".rstrip() for line in lines)]) + "\n"
    quoted = "<br>\r\n".join(escape(line) for line in lines)
    html = letter.html.replace(
        "</body>", f'<p>{escape(intro)}</p><blockquote type="cite"><p>{quoted}</p></blockquote></body>'
    )
    return replace(letter, text=text, html=html)


def _list_headers(list_id: str) -> tuple[tuple[str, str], ...]:
    if not list_id:
        return ()
    name, _dot, domain = list_id.rpartition("<")[2].rstrip(">").partition(".")
    return (
        ("List-Id", list_id),
        ("List-Unsubscribe", f"<mailto:{name}-leave@{domain}>, <https://{domain}/{name}/leave>"),
        ("List-Post", f"<mailto:{name}@{domain}>"),
        ("Precedence", "list"),
    )


def _named(text: str) -> Mailbox:
    name, _bracket, address = text.rpartition("<")
    return Mailbox(name.strip(), address.rstrip("> "))
