"""Letters in one language: phrases, dates, sums and dialogues from resources/demo/letters, filled with the facts of a conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.demo.sample.people import Person
from app.demo.sample.resources import load_toml

FRIDAY: Final = 4
LANGUAGES: Final = ("en", "de", "fr", "es", "ja", "ar")
_PLACE: Final = re.compile(r"\{(\w+)([+-]\d+)?\}")


@dataclass(frozen=True, slots=True)
class Turn:
    """One mail of a dialogue: ``text`` is a list of paragraphs, each a list of variants.

    ``topic`` is the paragraph whose variant goes with that of the subject, -1 where none does.
    """

    who: str
    text: tuple[tuple[str, ...], ...]
    attach: str
    copy_to: str
    invite_days: int
    topic: int


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation's course. ``kind`` says what it is about and what it makes of an opportunity or case."""

    kind: str
    subjects: tuple[str, ...]
    turns: tuple[Turn, ...]


class Language:
    """The letters of one language."""

    def __init__(self, code: str, data: Mapping[str, Any]) -> None:
        self.code = code
        self._phrases: Mapping[str, Any] = data["phrases"]
        self._products: Mapping[str, str] = data["products"]
        self.paper_words: Mapping[str, Any] = data.get("papers", {})
        """What papers call things: empty where the plain fonts of a PDF lack the letters of the language."""
        self.dialogues = tuple(_dialogue(one) for one in data["dialogue"])
        self.lead_dialogues = tuple(_dialogue(one) for one in data["lead_dialogue"])

    def day(self, when: datetime) -> str:
        """A day, such as "Thursday 27 November"."""
        names = self._phrases["months"], self._phrases["weekdays"]
        return str(self._phrases["date"]).format(
            month=names[0][when.month - 1], weekday=names[1][when.weekday()], day=when.day
        )

    def money(self, amount: float) -> str:
        """A sum in euros, cents only where there are any."""
        text = f"{amount:,.2f}".removesuffix(".00")
        text = text.replace(",", "\0").replace(".", self._phrases["decimal"]).replace("\0", self._phrases["thousands"])
        return str(self._phrases["money"]).format(amount=text)

    def project(self, number: int) -> str:
        """What a conversation is about; the same number means the same thing in every language."""
        return picked(self._phrases["projects"], number)

    def product(self, key: str) -> str:
        """The name of a product, as it stands after a number."""
        return self._products[key]

    def salutation(self, person: Person) -> str:
        """Mr. or Ms., where the language has a word for it."""
        return str(self._phrases.get("ms" if person.salutation == "Ms." else "mr", ""))

    def greeting(self, person: Person | None, number: int) -> str:
        """The first line of a letter to that person; None is Rita, addressed by others. ``number`` picks a variant."""
        if person is None:
            return picked(self._phrases["greeting_to_us"], number)
        is_ms = person.salutation == "Ms."
        facts = {
            "first": person.first,
            "last": person.last,
            "salutation": self.salutation(person),
            "r_mr": "" if is_ms else "r",
            "o_mr": "a" if is_ms else "o",
            "a_ms": "ة" if is_ms else "",
        }
        return picked(self._phrases["greeting"], number).format(**facts)

    def closing(self, number: int) -> str:
        """The last line before the name."""
        return picked(self._phrases["closing"], number)

    def attribution(self, when: datetime, name: str) -> str:
        """The line above a quotation."""
        return str(self._phrases["attribution"]).format(date=self.day(when), time=f"{when:%H:%M}", name=name)

    def label(self, name: str) -> str:
        """A label of a signature: "phone" or "mobile"."""
        return str(self._phrases.get(name, name))

    def filled(self, text: str, facts: Mapping[str, str], when: datetime) -> str:
        """Text with its facts; ``{day+5}`` is five working days after ``when``, ``{day-2}`` two before."""

        def fact(match: re.Match[str]) -> str:
            if match[1] == "day":
                return self.day(working_days_later(when, int(match[2] or 0)))
            return facts[match[1]]

        return _PLACE.sub(fact, text)


def working_days_later(when: datetime, count: int) -> datetime:
    """That many working days later, or earlier where ``count`` is negative; 0 is the day itself."""
    step = timedelta(days=1 if count >= 0 else -1)
    for _day in range(abs(count)):
        when += step
        while when.weekday() > FRIDAY:
            when += step
    return when


def picked(variants: Sequence[str], number: int) -> str:
    """One of the variants."""
    return variants[number % len(variants)]


def load_languages() -> dict[str, Language]:
    """All languages by code."""
    return {code: Language(code, load_toml(f"letters/{code}.toml")) for code in LANGUAGES}


def _dialogue(data: Mapping[str, Any]) -> Dialogue:
    attach = str(data.get("attach", ""))
    turns = tuple(
        Turn(
            turn["who"],
            tuple(tuple(paragraph) for paragraph in turn["text"]),
            str(turn.get("attach", attach)),
            str(turn.get("cc", "")),
            int(turn.get("invite", 0)),
            int(turn.get("topic", -1)),
        )
        for turn in data["turn"]
    )
    return Dialogue(data["kind"], tuple(data["subject"]), turns)
