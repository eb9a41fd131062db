"""Who writes to whom: the companies, contacts, leads and strangers of resources/demo/people.json, and the colleagues at Rita's company."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.demo.sample.letter import Mailbox

OWN_DOMAIN: Final = "rita.example"
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "ı": "i",
        "æ": "ae",
        "å": "a",
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
    }
)


@dataclass(frozen=True, slots=True)
class Company:
    """A company outside. ``alias`` names its Account record in the fixture."""

    name: str
    domain: str
    language: str
    alias: str = ""
    industry: str = ""
    account_type: str = ""
    phone: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    employees: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes mail. ``alias`` names the Contact, Lead or User record, "" for people Salesforce does not know."""

    salutation: str
    first: str
    last: str
    title: str
    address: str
    company: Company
    alias: str = ""
    phone: str = ""
    mobile: str = ""

    @property
    def name(self) -> str:
        """The full name in the order of the language."""
        if self.company.language == "ja":
            return f"{self.last} {self.first}"
        return f"{self.first} {self.last}"

    @property
    def mailbox(self) -> Mailbox:
        """The person as sender or recipient."""
        return Mailbox(self.name, self.address)

    @property
    def language(self) -> str:
        """The language the person writes in."""
        return self.company.language


@dataclass(frozen=True, slots=True)
class People:
    """Everybody. ``contacts`` by the company's domain."""

    companies: tuple[Company, ...]
    contacts: Mapping[str, tuple[Person, ...]]
    leads: tuple[Person, ...]
    unknown: tuple[Person, ...]


OWN_COMPANY: Final = Company(
    "Rita Instruments GmbH",
    OWN_DOMAIN,
    "en",
    phone="+49 40 66969",
    street="Speicherkai 9",
    postal_code="20457",
    city="Hamburg",
    country="Germany",
)
RITA: Final = Person(
    "Ms.",
    "Rita",
    "Rep",
    "Account Executive",
    "rita@rita.example",
    OWN_COMPANY,
    "@rita",
    "+49 40 66969 120",
    "+49 176 04069 120",
)
SAM: Final = Person(
    "Mr.", "Sam", "Support", "Customer Support Engineer", "sam@rita.example", OWN_COMPANY, "@sam", "+49 40 66969 140"
)
ANA: Final = Person(
    "Ms.", "Ana", "Alvarez", "Account Executive", "ana@rita.example", OWN_COMPANY, "@ana", "+49 40 66969 121"
)
THEO: Final = Person(
    "Mr.", "Theo", "Brandt", "Sales Director", "theo@rita.example", OWN_COMPANY, "@theo", "+49 40 66969 101"
)
LENA: Final = Person(
    "Ms.", "Lena", "Fuchs", "Product Manager", "lena@rita.example", OWN_COMPANY, "@lena", "+49 40 66969 133"
)
JONAS: Final = Person(
    "Mr.", "Jonas", "Weber", "Field Service Engineer", "jonas@rita.example", OWN_COMPANY, "@jonas", "+49 40 66969 144"
)

ACME: Final = Company(
    "Acme GmbH",
    "acme.example",
    "en",
    "@acme",
    "Machinery",
    "Customer - Direct",
    "+49 40 66969",
    "Industriestraße 12",
    "20539",
    "Hamburg",
    "Germany",
    420,
    61_000_000,
)
KARL: Final = Person(
    "Mr.",
    "Karl",
    "Klein",
    "Head of Purchasing",
    "karl@acme.example",
    ACME,
    "@karl",
    "+49 40 66969 310",
    "+49 176 04069 010",
)
MIA: Final = Person(
    "Ms.", "Mia", "Moser", "Plant Engineer", "mia@acme.example", ACME, "@mia", "+49 40 66969 322", "+49 176 04069 022"
)


def load_people(data: Mapping[str, Any]) -> People:
    """Companies and people from the form of resources/demo/people.json."""
    companies: list[Company] = []
    contacts: dict[str, tuple[Person, ...]] = {}
    for number, entry in enumerate(data["companies"], 1):
        company = Company(
            entry["name"],
            entry["domain"],
            entry["language"],
            f"@account_{number}",
            entry["industry"],
            entry["type"],
            entry["phone"],
            entry["street"],
            entry["postal"],
            entry["city"],
            entry["country"],
            entry["employees"],
            entry["revenue"],
        )
        companies.append(company)
        contacts[company.domain] = tuple(
            _contact(text.split("|"), company, f"@contact_{number}_{place}", place)
            for place, text in enumerate(entry["people"])
        )
    leads = tuple(_outsider(text.split("|"), f"@lead_{number}") for number, text in enumerate(data["leads"], 1))
    unknown = tuple(_outsider(text.split("|"), "") for text in data["unknown"])
    return People(tuple(companies), contacts, leads, unknown)


def ascii_name(text: str) -> str:
    """A name in the letters of a mail address."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).encode("ascii", "ignore").decode("ascii")
    return "".join(character for character in plain.replace(" ", "-") if character.isalnum() or character == "-")


def _contact(fields: Sequence[str], company: Company, alias: str, place: int) -> Person:
    salutation, first, last, title = fields[:4]
    local = fields[4] if len(fields) > 4 else f"{ascii_name(first)}.{ascii_name(last)}"
    phone = f"{company.phone} {_extension(company.phone, 110 + place * 11)}"
    mobile = f"+49 176 0406 {9000 + int(alias.split('_')[1]) * 10 + place}" if company.country == "Germany" else ""
    return Person(salutation, first, last, title, f"{local}@{company.domain}", company, alias, phone, mobile)


def _extension(prefix: str, number: int) -> str:
    """The last digits as the country writes them."""
    if prefix.startswith(("+1 ", "+44 ")):
        return f"{number:04d}"
    return f"{number // 100:02d} {number % 100:02d}" if prefix.startswith("+33 ") else str(number)


def _outsider(fields: Sequence[str], alias: str) -> Person:
    salutation, first, last, title, name, domain, language, country, city = fields[:9]
    local = fields[9] if len(fields) > 9 else f"{ascii_name(first)}.{ascii_name(last)}"
    company = Company(name, domain, language, country=country, city=city)
    return Person(salutation, first, last, title, f"{local}@{domain}", company, alias)
