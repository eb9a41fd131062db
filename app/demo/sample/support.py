"""Support cases and their mails in Sam's mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from app.demo.sample.documents import pdf
from app.demo.sample.language import Language
from app.demo.sample.letter import Attachment, Letter
from app.demo.sample.people import SAM, People, Person
from app.demo.sample.thread import Thread

CASES: Final = 52
CASES_BY_MAIL: Final = 24
_STATUSES: Final = ("New", "Working", "Escalated", "Closed")


@dataclass(frozen=True, slots=True)
class SupportStory:
    """A case. ``letters`` is empty where the customer called instead of writing."""

    alias: str
    person: Person
    subject: str
    description: str
    case_type: str
    reason: str
    status: str
    opened: datetime
    letters: tuple[Letter, ...]


def support_stories(
    topics: list[Mapping[str, Any]], people: People, languages: Mapping[str, Language], now: datetime, chance: Random
) -> list[SupportStory]:
    """The cases of the last months, the oldest first, so that their numbers run with time."""
    ages = sorted((75 * chance.random() ** 1.5 for _ in range(CASES)), reverse=True)
    return [_story(number, topics, people, languages, now, age, chance) for number, age in enumerate(ages, 1)]


def _story(
    number: int,
    topics: list[Mapping[str, Any]],
    people: People,
    languages: Mapping[str, Language],
    now: datetime,
    age: float,
    chance: Random,
) -> SupportStory:
    company = people.companies[number * 17 % len(people.companies)]
    contacts = people.contacts[company.domain]
    person = contacts[number % len(contacts)]
    code = "de" if company.language == "de" else "en"
    language = languages[code]
    fitting = [topic for topic in topics if topic["language"] == code]
    topic = fitting[number % len(fitting)]
    facts = {"serial": f"VS2-{40000 + number * 613 % 20000}"}
    opened = (now - timedelta(days=age)).replace(
        hour=chance.randrange(7, 18), minute=chance.randrange(60), second=0, microsecond=0
    )
    opened = min(opened, now - timedelta(hours=2))
    subject = language.filled(topic["subject"], facts, opened)
    thread = Thread(f"case-{number}", subject, language, is_html=number % 3 != 0)
    turns = ((person, "customer"), (SAM, "answer"), (person, "thanks"))
    when = opened
    if number > CASES - CASES_BY_MAIL:
        for sender, part in turns:
            if when > now:
                break
            greeting = language.greeting(person, number) if sender is SAM else _hello_sam(code)
            text = f"{greeting}\n\n{language.filled(topic[part], facts, when)}"
            files = (
                (_certificate(facts["serial"]),)
                if part == "answer" and "{serial}" in topic["subject"] and number % 2
                else ()
            )
            thread.write(sender, [SAM if sender is person else person], when, text, attachments=files)
            when += timedelta(hours=chance.uniform(1, 30))
    answered = len(thread.letters)
    is_done = answered == len(turns) or (not answered and chance.random() < 0.7)
    status = "Closed" if is_done else _STATUSES[min(answered, 2)] if answered else chance.choice(_STATUSES[:3])
    description = language.filled(topic["customer"], facts, opened)
    return SupportStory(
        f"@case_{number}",
        person,
        subject,
        description,
        topic["type"],
        topic["reason"],
        status,
        opened,
        tuple(thread.letters),
    )


def filed_support(story: SupportStory, now: datetime) -> list[Letter]:
    """The letters with Sam's folders and flags."""
    folder = "Archive" if story.status == "Closed" and now - story.opened > timedelta(days=20) else "INBOX"
    filed: list[Letter] = []
    for place, letter in enumerate(story.letters):
        if letter.sender.address == SAM.address:
            filed.append(letter)
            continue
        is_answered = place + 1 < len(story.letters)
        flags = (
            ("\\Seen", "\\Answered") if is_answered else ("\\Seen",) if now - letter.when > timedelta(hours=20) else ()
        )
        filed.append(replace(letter, folder=folder, flags=flags))
    return filed


def _hello_sam(code: str) -> str:
    return "Hallo," if code == "de" else "Hello,"


def _certificate(serial: str) -> Attachment:
    lines = [
        "# Calibration certificate",
        "",
        f"VS-200, serial number {serial}",
        "",
        "Sensitivity 100.2 mV/g at 80 Hz",
        "Deviation 0.4 %",
        "Passed",
    ]
    return Attachment(f"{serial}.pdf", "application/pdf", pdf(f"Calibration {serial}", lines))
