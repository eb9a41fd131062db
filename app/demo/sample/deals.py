"""Opportunities with the facts that letters, papers and Salesforce records share: products, sums, numbers, dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Final

from app.demo.sample.language import Language
from app.demo.sample.people import Company, Person, ascii_name

PRICES: Final[Mapping[str, float]] = MappingProxyType(
    {"vs200": 390.0, "vs400": 560.0, "ts80": 145.0, "gw10": 1150.0, "cloud": 108.0, "kit": 2980.0}
)
"""List price of one in euros; of a measuring point for a year."""

QUANTITIES: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "vs200": (24, 36, 48, 60, 80, 120, 160, 240),
        "vs400": (12, 18, 30, 44, 64),
        "ts80": (40, 80, 150, 300),
        "gw10": (4, 6, 10, 16, 22),
        "cloud": (60, 120, 200, 360, 500),
        "kit": (3, 5, 8, 12, 20),
    }
)
PILOT_PRICE: Final = 4900.0
STAGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "inquiry": ("Qualification", "Needs Analysis"),
        "offer": ("Proposal/Price Quote", "Negotiation/Review"),
        "order": ("Closed Won",),
        "lost": ("Closed Lost",),
        "renewal": ("Value Proposition", "Proposal/Price Quote"),
        "meeting": ("Prospecting", "Id. Decision Makers"),
    }
)
"""What stage a dialogue of that kind leaves an opportunity in: after few of its turns, and after more."""

_LEGAL_FORMS: Final = frozenset(
    "AG GmbH SE eG KG Co. & Ltd Inc. DAC B.V. ApS Oy LLC S.A. S.r.l. the".split(),
)


@dataclass(frozen=True, slots=True)
class Deal:
    """One opportunity. ``discount`` is in percent; sums are net, in euros."""

    number: int
    person: Person
    product: str
    quantity: int
    discount: int
    project: int
    started: datetime

    @property
    def alias(self) -> str:
        """The name of the Opportunity record in the fixture."""
        return f"@opportunity_{self.number}"

    @property
    def list_amount(self) -> float:
        """The sum by list prices."""
        return PRICES[self.product] * self.quantity

    @property
    def amount(self) -> float:
        """The sum after the discount."""
        return round(self.list_amount * (100 - self.discount) / 100, 2)

    @property
    def offer_number(self) -> str:
        """The number of our offer."""
        return f"{self.started.year}-{410 + self.number:04d}"

    @property
    def order_number(self) -> str:
        """The number of the customer's order."""
        return f"45{(self.number * 7919 + 10007) % 100000:05d}"

    @property
    def invoice_number(self) -> str:
        """The number of our invoice."""
        return f"RE-{self.started.year % 100}-{1100 + self.number}"

    def name(self, english: Language) -> str:
        """The opportunity's name in Salesforce."""
        return f"{short_name(self.person.company)}: {english.project(self.project).removeprefix('the ')}"

    def facts(self, language: Language, when: datetime) -> dict[str, str]:
        """What letters say about it, in their language."""
        return {
            "product": language.product(self.product),
            "quantity": str(self.quantity),
            "unit_price": language.money(PRICES[self.product]),
            "list_amount": language.money(self.list_amount),
            "amount": language.money(self.amount),
            "discount": str(self.discount),
            "project": language.project(self.project),
            "site": self.person.company.city,
            "company": self.person.company.name,
            "offer_no": self.offer_number,
            "order_no": self.order_number,
            "invoice_no": self.invoice_number,
            "week": str((when + timedelta(days=18)).isocalendar().week),
            "cloud_price": language.money(PRICES["cloud"]),
            "pilot_price": language.money(PILOT_PRICE),
        }


def new_deal(number: int, person: Person, kind: str, started: datetime, chance: Random) -> Deal:
    """A deal for a conversation of that kind."""
    products = ("cloud",) if kind == "renewal" else tuple(key for key in PRICES if key != "cloud")
    product = chance.choice(products)
    discount = 0 if kind == "inquiry" else chance.choice((3, 4, 5, 6, 8))
    quantity = chance.choice(QUANTITIES[product])
    return Deal(number, person, product, quantity, discount, chance.randrange(10), started)


def short_name(company: Company) -> str:
    """How colleagues call a company: its first two words without the legal form, in Latin letters."""
    if not ascii_name(company.name).strip("-"):
        return company.domain.partition(".")[0].replace("-", " ").title()
    words = [word for word in company.name.split() if word not in _LEGAL_FORMS]
    return " ".join(words[:2])
