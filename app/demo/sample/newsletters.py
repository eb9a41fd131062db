"""Newsletters as they really come: tables in tables, CSS in the head and in the line, remote pictures, a pixel that reports the opening."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from html import escape
from random import Random
from string import Template
from typing import Any, Final

from app.demo.sample.letter import Letter, Mailbox
from app.demo.sample.people import RITA
from app.demo.sample.resources import load_text

DAYS: Final = 88
ARTICLES: Final = 3


def newsletters(publishers: Sequence[Mapping[str, Any]], now: datetime, chance: Random) -> list[Letter]:
    """Every issue of three months, the old ones read, some of them thrown away."""
    template = Template(load_text("letters/newsletter.html"))
    letters: list[Letter] = []
    for place, publisher in enumerate(publishers):
        for number, when in enumerate(_issues(publisher, place, now)):
            letter = _issue(template, publisher, number, when)
            age = now - when
            folder = "Newsletters" if age > timedelta(days=14) else "INBOX"
            if age > timedelta(days=20) and chance.random() < 0.2:
                folder = "Trash"
            seen = age > timedelta(days=9) or (age > timedelta(days=1) and chance.random() < 0.5)
            letters.append(letter.moved(folder, *(("\\Seen",) if seen else ())))
    return letters


def _issues(publisher: Mapping[str, Any], place: int, now: datetime) -> Iterator[datetime]:
    step = int(publisher["every_days"])
    days = place % step
    while days < DAYS:
        when = (now - timedelta(days=days)).replace(
            hour=int(publisher["hour"]), minute=(place * 7) % 60, second=11, microsecond=0
        )
        if when <= now:
            yield when
        days += step


def _issue(template: Template, publisher: Mapping[str, Any], number: int, when: datetime) -> Letter:
    subjects, articles = publisher["subjects"], publisher["articles"]
    subject = subjects[number % len(subjects)]
    leading = [article for article in articles if article[0] == subject]
    others = [articles[(number * 2 + step) % len(articles)] for step in range(len(articles))]
    chosen = [*leading, *(article for article in others if article[0] != subject)][:ARTICLES]
    domain = publisher["domain"]
    token = blake2b(f"{domain} {number} {RITA.address}".encode(), digest_size=10).hexdigest()
    leave = f"https://click.{domain}/u/{token}"
    links = [f"{title}\n{body}\nhttps://www.{domain}/a/{n}" for n, (title, body) in enumerate(chosen)]
    text = "\n\n".join([publisher["preheader"], *links, leave, ""])
    return Letter(
        Mailbox(publisher["name"], publisher["address"]),
        (Mailbox("", RITA.address),),
        subject,
        when,
        text,
        f"<{token}@mail.{domain}>",
        html=_page(template, publisher, chosen, token, leave),
        headers=(
            ("List-Id", f"{publisher['name']} <news.{domain}>"),
            ("List-Unsubscribe", f"<{leave}>, <mailto:leave-{token}@{domain}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Precedence", "bulk"),
            ("X-Campaign", f"{domain}-{number}"),
        ),
    )


def _page(
    template: Template, publisher: Mapping[str, Any], articles: Sequence[Sequence[str]], token: str, leave: str
) -> str:
    design = publisher["design"]
    body = {"letter": _letter, "shop": _columns, "columns": _columns}.get(design, _rows)(articles, publisher)
    return template.substitute(
        {key: escape(str(publisher[key])) for key in ("name", "domain", "colour", "language", "preheader")},
        hero="" if design == "letter" else _hero(publisher["domain"], token),
        body=body,
        address=RITA.address,
        leave=leave,
        token=token,
    )


def _hero(domain: str, token: str) -> str:
    style = "display:block;width:100%;border:0"
    return f'<tr><td><img src="https://img.{domain}/hero/{token[:6]}.jpg" width="600" height="220" alt="" style="{style}"></td></tr>'


def _rows(articles: Sequence[Sequence[str]], publisher: Mapping[str, Any]) -> str:
    colour, domain = publisher["colour"], publisher["domain"]
    return "\n".join(
        f'<tr><td style="padding:20px 28px 4px 28px"><h2 style="color:{colour}">{escape(title)}</h2>\n<p>{escape(text)}</p>\n'
        f'<p class="button"><a href="https://click.{domain}/a/{number}?u={RITA.address}">Read more</a></p></td></tr>'
        for number, (title, text) in enumerate(articles)
    )


def _columns(articles: Sequence[Sequence[str]], publisher: Mapping[str, Any]) -> str:
    colour, domain = publisher["colour"], publisher["domain"]
    cells = "\n".join(
        f'<td class="col" width="33%" valign="top" style="padding:14px">'
        f'<img src="https://img.{domain}/p/{number}.jpg" width="160" height="120" alt="">'
        f'<h2 style="font-size:15px;color:{colour}">{escape(title)}</h2>\n<p style="font-size:13px">{escape(text)}</p>\n'
        f'<p class="button"><a href="https://click.{domain}/a/{number}">&rarr;</a></p></td>'
        for number, (title, text) in enumerate(articles)
    )
    table = f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>{cells}</tr></table>'
    return f'<tr><td style="padding:14px">{table}</td></tr>'


def _letter(articles: Sequence[Sequence[str]], _publisher: Mapping[str, Any]) -> str:
    title, text = articles[0]
    paragraphs = (f"<b>{escape(title)}</b>", "Hi Rita,", escape(text), "Yours,<br>Dana")
    return '<tr><td style="padding:28px">' + "\n".join(f"<p>{one}</p>" for one in paragraphs) + "</td></tr>"
