"""Conversations: letters that answer each other, with quotations, signatures and References (RFC 5322 3.6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from html import escape
from typing import Final

from app.demo.sample.documents import Colour, logo
from app.demo.sample.language import Language
from app.demo.sample.letter import Attachment, Letter, Mailbox, fitting_charset
from app.demo.sample.people import Person

QUOTED_LEVELS: Final = 5
REFERENCES_LIMIT: Final = 20
_COLOURS: Final = ((20, 92, 122), (150, 58, 42), (38, 110, 70), (90, 70, 130), (176, 116, 20), (40, 60, 90))
_FONT: Final = "font-family:Calibri,Arial,sans-serif;font-size:11pt"


@dataclass(frozen=True, slots=True)
class _Written:
    letter: Letter
    sender: Person
    body: str
    html_body: str


@dataclass
class Thread:
    """One conversation. ``key`` is unique in the mailbox and makes the Message-IDs; ``language`` the one it is held in."""

    key: str
    subject: str
    language: Language
    is_html: bool = True
    written: list[_Written] = field(default_factory=list)

    @property
    def letters(self) -> list[Letter]:
        """The letters so far."""
        return [one.letter for one in self.written]

    def write(
        self,
        sender: Person,
        to: Sequence[Person],
        when: datetime,
        body: str,
        *,
        cc: Sequence[Person] = (),
        attachments: tuple[Attachment, ...] = (),
        subject: str = "",
        message_id: str = "",
        calendar: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        charset: str = "utf-8",
        signature: str = "full",
        sender_mailbox: Mailbox | None = None,
        extra_html: str = "",
        extra_inline: tuple[Attachment, ...] = (),
    ) -> Letter:
        """Add a letter that answers the last one, if there is one, and quotes it.

        ``body`` is the text from the greeting to the last paragraph; ``signature`` is "full", "short" (the name) or "" (none).
        """
        before = self.written[-1] if self.written else None
        own_id = message_id or self._message_id(sender, when)
        references = (*before.letter.references, before.letter.message_id)[-REFERENCES_LIMIT:] if before else ()
        number = _number(sender.address)
        signed = f"{body}\n\n{self._signature(sender, number, full=signature == 'full')}" if signature else body
        text = f"{signed}\n" + (f"\n{self._attribution(before)}\n{_quoted(before.body)}\n" if before else "")
        html = ""
        inline: tuple[Attachment, ...] = ()
        if self.is_html:
            html, inline = self._html(sender, body, number, signature, before, extra_html)
        letter = Letter(
            sender_mailbox or sender.mailbox,
            tuple(person.mailbox for person in to),
            subject or (("Re: " + self.subject) if before else self.subject),
            when,
            text,
            own_id,
            tuple(person.mailbox for person in cc),
            html,
            (*inline, *extra_inline),
            attachments,
            calendar,
            before.letter.message_id if before else "",
            references,
            headers,
            fitting_charset(charset, text, self.subject, sender.name),
        )
        html_body = _inner(html) if html else ""
        self.written.append(_Written(letter, sender, text.rstrip("\n"), html_body))
        return letter

    def replace_last(self, letter: Letter) -> None:
        """Put another form of the last letter in its place."""
        self.written[-1] = replace(self.written[-1], letter=letter)

    def _message_id(self, sender: Person, when: datetime) -> str:
        seed = f"{self.key} {len(self.written)} {when.isoformat()}"
        return f"<{blake2b(seed.encode(), digest_size=9).hexdigest()}@{sender.address.rpartition('@')[2]}>"

    def _attribution(self, before: _Written) -> str:
        return self.language.attribution(before.letter.when, before.sender.name)

    def _signature(self, sender: Person, number: int, *, full: bool) -> str:
        lines = [self.language.closing(number)]
        if not full:
            return "\n".join([*lines, sender.first if self.language.code == "en" else sender.name])
        return "\n".join([*lines, "", *_signature_lines(sender, self.language)])

    def _html(
        self, sender: Person, body: str, number: int, signature: str, before: _Written | None, extra: str
    ) -> tuple[str, tuple[Attachment, ...]]:
        direction = ' dir="rtl"' if self.language.code == "ar" else ""
        pieces = [
            f'<html><head><meta charset="utf-8"></head><body style="{_FONT}"{direction}>',
            _paragraphs(body),
            extra,
        ]
        inline: tuple[Attachment, ...] = ()
        if signature == "full":
            image = _company_logo(sender, number)
            inline = (image,) if image is not None else ()
            pieces.append(
                f"<p>{escape(self.language.closing(number))}</p>" + _signature_html(sender, self.language, image)
            )
        elif signature:
            pieces.append(_paragraphs(self._signature(sender, number, full=False)))
        if before is not None:
            quoted = before.html_body or _paragraphs(before.body)
            style = "margin:0 0 0 .8ex;border-left:2px solid #ccc;padding-left:1ex"
            pieces.append(
                f'<p>{escape(self._attribution(before))}</p><blockquote type="cite" style="{style}">{quoted}</blockquote>'
            )
        pieces.append("</body></html>")
        return "\r\n".join(pieces), inline


def _signature_lines(sender: Person, language: Language) -> list[str]:
    company = sender.company
    lines = [sender.name, sender.title, company.name]
    if company.street:
        lines.append(f"{company.street}, {company.postal_code} {company.city}")
    if sender.phone:
        lines.append(f"{language.label('phone')} {sender.phone}")
    if sender.mobile:
        lines.append(f"{language.label('mobile')} {sender.mobile}")
    lines.append(f"www.{company.domain}")
    return [line for line in lines if line]


def _signature_html(sender: Person, language: Language, image: Attachment | None) -> str:
    name, *others = _signature_lines(sender, language)
    picture = (
        f'<td style="padding-right:12px"><img src="cid:{image.content_id}" width="160" height="44" alt=""></td>'
        if image
        else ""
    )
    rows = "<br>".join(escape(line) for line in others)
    text = f'<td style="font-size:9pt;color:#444"><b style="color:#111">{escape(name)}</b><br>{rows}</td>'
    return f'<table cellpadding="0" cellspacing="0"><tr>{picture}{text}</tr></table>'


def _company_logo(sender: Person, number: int) -> Attachment | None:
    """Two companies in five put a picture into their signatures."""
    mark = _number(sender.company.domain)
    if mark % 5 > 1:
        return None
    colour: Colour = _COLOURS[mark % len(_COLOURS)]
    return Attachment("logo.png", "image/png", logo(colour), f"logo.{number % 100000}@{sender.company.domain}")


def _quoted(text: str) -> str:
    lines = [(">" if line.startswith(">") else "> ") + line if line else ">" for line in text.split("\n")]
    return "\n".join(line for line in lines if not line.startswith(">" * (QUOTED_LEVELS + 1)))


def _paragraphs(text: str) -> str:
    blocks = (escape(block).replace("\n", "<br>\r\n") for block in text.split("\n\n") if block.strip())
    return "\r\n".join(f"<p>{block}</p>" for block in blocks)


def _inner(html: str) -> str:
    """What a reply quotes of a letter's HTML; pictures of signatures stay behind, as they do in most clients' replies."""
    start, end = html.index(">", html.index("<body")) + 1, html.rindex("</body>")
    inner = html[start:end]
    while '<td style="padding-right:12px"><img ' in inner:
        at = inner.index('<td style="padding-right:12px"><img ')
        inner = inner[:at] + inner[inner.index("</td>", at) + 5 :]
    levels = inner.count("<blockquote")
    if levels >= QUOTED_LEVELS:
        # Every quotation is the end of the one around it.
        inner = inner[: inner.rindex("<blockquote")] + "</blockquote>" * (levels - 1)
    return inner


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
