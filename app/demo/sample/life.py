"""A rep's three months: conversations with everybody in the org, in time and in order, and the mail they leave behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

from app.demo.sample.calendars import invitation
from app.demo.sample.deals import STAGES, Deal, new_deal
from app.demo.sample.language import Dialogue, Language, Turn, picked
from app.demo.sample.letter import Letter
from app.demo.sample.papers import deal_papers
from app.demo.sample.people import JONAS, RITA, Company, People, Person
from app.demo.sample.thread import Thread

MONTHS_DAYS: Final = 90
MAIN_KINDS: Final = ("offer", "order", "inquiry", "renewal", "lost")
SIDE_KINDS: Final = ("technical", "delivery", "meeting", "invoice", "short", "complaint", "training")
LONG_STORY: Final = ("inquiry", "offer", "order", "delivery", "invoice")
"""Dialogues that four customers hold in one thread from beginning to end: fifteen mails and more."""

LONG_STORIES: Final = 4
LEAD_STORIES: Final = 26
FRESH_MINUTES: Final = (17, 38, 74, 121, 163, 208, 262, 317, 371, 442)
"""How long ago the conversations began that make the inbox of today, in minutes."""

_TODAY_KINDS: Final = ("technical", "short", "delivery", "complaint", "inquiry", "order", "training")


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation as it went: its letters in order, each with the person who wrote it, and what it was about."""

    key: str
    kind: str
    person: Person
    deal: Deal
    letters: tuple[Letter, ...]
    bodies: tuple[str, ...]
    ended: bool
    """Whether the last turn of the dialogue has been reached."""

    @property
    def stage(self) -> str:
        """The stage in which this leaves the opportunity, "" where it is not about one."""
        stages = STAGES.get(self.kind, ())
        return "" if not stages else stages[-1 if len(self.letters) > 2 or self.ended else 0]


@dataclass(frozen=True, slots=True)
class _Plan:
    key: str
    kind: str
    person: Person
    dialogues: tuple[Dialogue, ...]
    colleague: Person | None = None


@dataclass
class Life:
    """Makes the stories. The same seed and the same ``now`` make the same stories."""

    people: People
    languages: Mapping[str, Language]
    now: datetime
    seed: int
    _counters: dict[str, int] = field(default_factory=dict)

    def stories(self) -> list[Story]:
        """All stories, the oldest first."""
        chance = Random(self.seed)  # noqa: S311 - reproducible, not secret
        plans = [*self._customer_plans(chance), *self._lead_plans(chance)]
        chance.shuffle(plans)
        fresh = [plan for plan in plans if plan.kind in _TODAY_KINDS and len(plan.dialogues) == 1][: len(FRESH_MINUTES)]
        others = [plan for plan in plans if plan not in fresh]
        starts = self._starts(len(others), chance)
        told = [
            self._tell(plan, start, number, chance)
            for number, (plan, start) in enumerate(zip(others, starts, strict=True), 1)
        ]
        for number, (plan, minutes) in enumerate(zip(fresh, FRESH_MINUTES, strict=False), len(told) + 1):
            told.append(self._tell(plan, self.now - timedelta(minutes=minutes), number, chance, wait_h=2.5))
        return sorted((story for story in told if story.letters), key=lambda story: story.letters[0].when)

    def _customer_plans(self, chance: Random) -> Iterator[_Plan]:
        long_stories = 0
        for place, company in enumerate(self.people.companies):
            language = self.languages[company.language]
            contacts = self.people.contacts[company.domain]
            kinds = self._kinds(place, company, language, chance)
            if long_stories < LONG_STORIES and self._has(language, LONG_STORY) and "Customer" in company.account_type:
                long_stories += 1
                dialogues = tuple(self._dialogue(language, kind, place) for kind in LONG_STORY)
                yield _Plan(f"{company.domain}-long", "order", contacts[0], dialogues, contacts[-1])
                kinds = kinds[1:]
            for turn, kind in enumerate(kinds):
                person = contacts[turn % len(contacts)]
                colleague = contacts[(turn + 1) % len(contacts)] if chance.random() < 0.3 else None
                yield _Plan(
                    f"{company.domain}-{kind}-{turn}", kind, person, (self._dialogue(language, kind, place),), colleague
                )

    def _kinds(self, place: int, company: Company, language: Language, chance: Random) -> list[str]:
        main = MAIN_KINDS if "Customer" in company.account_type else ("inquiry", "offer", "lost")
        kinds = [kind for kind in (*main[place % len(main) :], *main) if self._has(language, (kind,))][:1]
        side = [kind for kind in SIDE_KINDS if self._has(language, (kind,))]
        wanted = 2 if chance.random() < 0.75 else 1
        return kinds + [side[(place * 2 + step) % len(side)] for step in range(min(wanted, len(side)))]

    def _lead_plans(self, chance: Random) -> Iterator[_Plan]:
        for number, person in enumerate(chance.sample(self.people.leads, LEAD_STORIES)):
            language = self.languages[person.language]
            yield _Plan(f"lead-{person.address}", "lead", person, (picked_dialogue(language.lead_dialogues, number),))

    def _starts(self, count: int, chance: Random) -> list[datetime]:
        """Moments within the three months, denser towards now, in working hours."""
        ages = [MONTHS_DAYS * ((number + chance.random()) / count) ** 1.6 for number in range(count)]
        chance.shuffle(ages)
        return [self._working_time(self.now - timedelta(days=0.4 + age), chance) for age in ages]

    def _tell(self, plan: _Plan, start: datetime, number: int, chance: Random, *, wait_h: float = 0.0) -> Story:
        language = self.languages[plan.person.language]
        deal = new_deal(number, plan.person, plan.kind, start, chance)
        subject = language.filled(picked(plan.dialogues[0].subjects, number), deal.facts(language, start), start)
        thread = Thread(
            plan.key,
            subject[:1].upper() + subject[1:],
            language,
            is_html=chance.random() < (0.3 if language.code == "ja" else 0.62),
        )
        bodies: list[str] = []
        when = start
        turns = [turn for dialogue in plan.dialogues for turn in dialogue.turns]
        for turn in turns:
            if when > self.now - timedelta(minutes=2):
                break
            bodies.append(self._write(thread, plan, turn, deal, when, chance))
            wait = wait_h or (chance.uniform(0.5, 9) if turn.who == "contact" else chance.uniform(3, 60))
            later = when + timedelta(hours=wait)
            when = later if wait_h else max(self._working_time(later, chance), when + timedelta(minutes=25))
        return Story(
            plan.key, plan.kind, plan.person, deal, tuple(thread.letters), tuple(bodies), len(bodies) == len(turns)
        )

    def _write(self, thread: Thread, plan: _Plan, turn: Turn, deal: Deal, when: datetime, chance: Random) -> str:
        language = thread.language
        is_ours = turn.who == "us"
        sender, receiver = (RITA, plan.person) if is_ours else (plan.person, RITA)
        number = len(thread.written) + deal.number
        facts = deal.facts(language, when)
        paragraphs = [
            language.filled(picked(variants, deal.number if place == turn.topic else chance.randrange(60)), facts, when)
            for place, variants in enumerate(turn.text)
        ]
        greeting = language.greeting(plan.person if is_ours else None, number)
        body = "\n\n".join([greeting, *(paragraph for paragraph in paragraphs if paragraph)])
        copies = [plan.colleague] if plan.colleague is not None and not is_ours else []
        copies += [JONAS] if turn.copy_to == "jonas" else []
        calendar = ""
        if turn.invite_days:
            begin = self._working_time(when + timedelta(days=turn.invite_days), chance).replace(hour=10, minute=0)
            uid = f"{plan.key}-{deal.number}@rita.example"
            calendar = invitation(uid, thread.subject, begin, 60, RITA, [plan.person], plan.person.company.city, when)
        kind = turn.attach or (
            "drawings" if plan.kind == "inquiry" and len(thread.written) == 2 and deal.number % 2 else ""
        )
        thread.write(
            sender,
            [receiver],
            when,
            body,
            cc=copies,
            attachments=deal_papers(kind, deal, when, self.languages),
            calendar=calendar,
            charset="utf-8" if thread.is_html else _old_charset(language.code, plan.key),
            signature="full" if len(thread.written) < 2 or chance.random() < 0.35 else "short",
        )
        return body

    def _working_time(self, when: datetime, chance: Random) -> datetime:
        """That moment, or one in working hours near it; now and then somebody writes in the evening."""
        if chance.random() < 0.08:
            return when.replace(second=chance.randrange(60), microsecond=0)
        days = {5: 2, 6: 1}.get(when.weekday(), 0)
        hour = when.hour if 7 <= when.hour < 18 else chance.randrange(8, 17)
        shifted = when + timedelta(days=days)
        return shifted.replace(hour=hour, minute=chance.randrange(60), second=chance.randrange(60), microsecond=0)

    def _has(self, language: Language, kinds: Sequence[str]) -> bool:
        return set(kinds) <= {dialogue.kind for dialogue in language.dialogues}

    def _dialogue(self, language: Language, kind: str, place: int) -> Dialogue:
        return picked_dialogue([dialogue for dialogue in language.dialogues if dialogue.kind == kind], place)


def picked_dialogue(dialogues: Sequence[Dialogue], number: int) -> Dialogue:
    """One of the dialogues."""
    return dialogues[number % len(dialogues)]


def filed(story: Story, now: datetime, chance: Random) -> list[Letter]:
    """The letters of a story with the folder and the flags that Rita's habits give them."""
    return with_habits(story.letters, _folder(story, now, chance), now, chance)


def with_habits(letters: Sequence[Letter], folder: str, now: datetime, chance: Random) -> list[Letter]:
    """A conversation with its folder and flags: read when it is old or answered, answered when Rita wrote later, sometimes flagged."""
    filed_letters: list[Letter] = []
    for place, letter in enumerate(letters):
        if letter.sender.address == RITA.address:
            filed_letters.append(letter)
            continue
        age = now - letter.when
        flags: list[str] = []
        is_answered = any(later.sender.address == RITA.address for later in letters[place + 1 :])
        if is_answered or age > timedelta(days=3) or (age > timedelta(hours=7) and chance.random() < 0.6):
            flags.append("\\Seen")
        if is_answered:
            flags.append("\\Answered")
        if chance.random() < 0.05 or (not is_answered and age > timedelta(days=1) and chance.random() < 0.2):
            flags.append("\\Flagged")
        if "\\Seen" in flags and chance.random() < 0.05:
            flags.append("$Forwarded")
        filed_letters.append(letter.moved(folder, *flags))
    return filed_letters


def _folder(story: Story, now: datetime, chance: Random) -> str:
    if now - story.letters[-1].when < timedelta(days=16):
        return "INBOX"
    own = CUSTOMER_FOLDERS.get(story.person.company.domain)
    if own:
        return own
    return "Archive" if chance.random() < 0.75 else "INBOX"


CUSTOMER_FOLDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bergmann-brau.example": "Customers/Bergmann Brauerei",
        "stahl-rheinhausen.example": "Customers/Stahlwerk",
        "lakeside-foods.example": "Customers/Lakeside Foods",
        "laiterie-val.example": "Customers/Laiterie du Val de Loire",
        "tokai-seiki.example": "Customers/東海精機",
        "harrow-packaging.example": "Customers/Harrow",
        "delta-nine.example": "Customers/Delta Nine",
    }
)
"""The customers who have a folder of their own in Rita's mailbox."""


def _old_charset(code: str, key: str) -> str:
    """The charset of a plain letter: some programs out there still have their own ideas."""
    if len(key) % 2 and code != "ja":
        return "utf-8"
    return {"de": "iso-8859-1", "fr": "windows-1252", "es": "windows-1252", "ja": "iso-2022-jp"}.get(code, "utf-8")
