"""Mail that no person wrote, and mail that programs wrote badly: notices, bounces, absences, junk, drafts, odd charsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from app.demo.sample.documents import pdf, xlsx
from app.demo.sample.files import XLSX
from app.demo.sample.letter import Attachment, Letter, Mailbox, entity, multipart
from app.demo.sample.people import RITA, SAM, Person

LONG_SUBJECT: Final = (
    "Fwd: WG: AW: [EXTERNAL] RE: Automatic notification 4711-0815/2026 of the supplier portal: your self-disclosure "
    "regarding conflict minerals, REACH, RoHS, packaging, supply chain due diligence, cyber security and bank details "
    "expires in fourteen days and must be renewed by an authorised signatory with a qualified electronic signature, "
    "otherwise orders may be blocked"
)
LONG_NAME: Final = (
    "Portal für Lieferantenselbstauskünfte, Nachhaltigkeitsnachweise und Konformitätserklärungen der Vereinigten "
    "Hüttenwerke Rhein-Ruhr"
)


def notices(data: Mapping[str, Any], now: datetime, chance: Random) -> list[Letter]:
    """Everything automatic, junk included."""
    letters = [letter for notice in data["notice"] for letter in _notice(notice, now, chance)]
    letters += [_junk(entry, now) for entry in data["junk"]]
    letters += [_bounce(entry, now) for entry in data["bounce"]]
    letters.append(_portal(now))
    return letters


def strange_letters(entries: Sequence[Mapping[str, Any]], now: datetime) -> list[Letter]:
    """Mails whose charset is old, wrong or no charset at all."""
    letters: list[Letter] = []
    for entry in entries:
        sender = _named(entry["sender"])
        hour, minute = (int(part) for part in entry["time"].split(":"))
        letters.append(
            Letter(
                sender,
                (RITA.mailbox,),
                entry["subject"],
                _at(now, int(entry["days"]), hour, minute),
                entry["text"] + "\n",
                f"<strange.{entry['days']}@{sender.address.rpartition('@')[2]}>",
                charset=entry["charset"],
                declared_charset=entry["declared"],
                encoding="8bit",
                flags=("\\Seen",),
            )
        )
    return letters


def absences(people: Sequence[Person], now: datetime) -> list[Letter]:
    """Automatic replies to mails that Rita sent."""
    letters: list[Letter] = []
    for number, person in enumerate(people):
        back = now + timedelta(days=3 + number)
        text = f"Thank you for your message. I am out of the office until {back:%d.%m.%Y} and will answer after my return.\n\n{person.name}\n"
        headers = (
            ("Auto-Submitted", "auto-replied"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "auto_reply"),
        )
        when = _at(now, 2 + number * 3, 8 + number, 12)
        subject = f"Automatic reply: {('Meeting next week', 'Your order', 'Offer')[number % 3]}"
        name = f"<auto.{number}@{person.company.domain}>"
        letters.append(
            Letter(person.mailbox, (RITA.mailbox,), subject, when, text, name, headers=headers, flags=("\\Seen",))
        )
    return letters


def drafts(entries: Sequence[Mapping[str, Any]], now: datetime) -> list[Letter]:
    """What Rita has begun to write."""
    return [
        Letter(
            RITA.mailbox,
            (_named(entry["to"]),) if entry["to"] else (),
            entry["subject"],
            now - timedelta(minutes=int(entry["minutes"])),
            entry["text"],
            f"<draft.{entry['minutes']}@rita.example>",
            folder="Drafts",
            flags=("\\Draft", "\\Seen"),
        )
        for entry in entries
    ]


def _notice(notice: Mapping[str, Any], now: datetime, chance: Random) -> list[Letter]:
    letters: list[Letter] = []
    for place, days in enumerate(notice["days"]):
        hour, minute = int(notice["time"].partition(":")[0]), chance.randrange(60)
        when = _at(now, days, hour, minute)
        if when > now:
            continue
        number = str(chance.randrange(10**8, 10**9))
        subject = notice["subjects"][place % len(notice["subjects"])].format(number=number)
        sender = _named(notice["sender"])
        seen = ("\\Seen",) if now - when > timedelta(days=1.5) else ()
        letters.append(
            Letter(
                sender,
                (RITA.mailbox,),
                subject,
                when,
                notice["text"].format(number=number) + "\n",
                f"<{number}@{sender.address.rpartition('@')[2]}>",
                attachments=_papers(notice.get("attach", ""), number),
                headers=(("Auto-Submitted", "auto-generated"),),
                folder="INBOX" if now - when < timedelta(days=25) else "Archive",
                flags=seen,
            )
        )
    return letters


def _papers(kind: str, number: str) -> tuple[Attachment, ...]:
    if kind == "ticket":
        lines = ["# Ticket", "", f"Booking {number}", "Rep, Rita", "", "Coach 7, seat 41", "Valid with identity card"]
        return (Attachment(f"ticket_{number}.pdf", "application/pdf", pdf("Ticket", lines)),)
    if kind == "report":
        rows: list[list[str | float]] = [
            ["Opportunity", "Stage", "Amount"],
            ["Acme 2025", "Proposal/Price Quote", 80000],
            ["Acme renewal", "Qualification", 20000],
        ]
        rows.append(["Total", "", "=SUM(C2:C3)"])
        return (Attachment("My open opportunities.xlsx", XLSX, xlsx("Report", rows)),)
    return ()


def _junk(entry: Mapping[str, Any], now: datetime) -> Letter:
    sender = _named(entry["sender"])
    days = int(entry["days"])
    when = _at(now, days, 2 + days % 9, days * 7 % 60)
    return Letter(
        sender,
        (RITA.mailbox,),
        entry["subject"],
        min(when, now),
        entry["text"] + "\n",
        f"<junk.{days}@{sender.address.rpartition('@')[2]}>",
        html=entry.get("html", ""),
        headers=(("X-Spam-Flag", "YES"), ("X-Spam-Score", f"{8 + days % 7}.{days % 10}")),
        folder="Junk",
        flags=("$Junk",),
    )


def _bounce(entry: Mapping[str, Any], now: datetime) -> Letter:
    """A delivery status notification (RFC 3464)."""
    recipient = entry["recipient"]
    domain = recipient.rpartition("@")[2]
    text = f"This is the mail system at mx.{domain}.\r\n\r\nYour message could not be delivered to <{recipient}>: 550 5.1.1 unknown user.\r\n"
    status = (
        f"Reporting-MTA: dns; mx.{domain}\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 unknown user\r\n"
    )
    original = f"From: Rita Rep <{RITA.address}>\r\nTo: {recipient}\r\nSubject: {entry['subject']}\r\nMessage-ID: <lost.1@rita.example>\r\n"
    parts = [
        entity("text/plain; charset=us-ascii", text.encode(), "7bit"),
        entity("message/delivery-status", status.encode(), "7bit"),
        entity("text/rfc822-headers", original.encode(), "7bit"),
    ]
    header, body = multipart("report", parts, recipient, "; report-type=delivery-status")
    whole = "\r\n".join(["MIME-Version: 1.0", *header]).encode() + b"\r\n\r\n" + body
    return Letter(
        Mailbox("Mail Delivery System", f"MAILER-DAEMON@{domain}"),
        (RITA.mailbox,),
        "Undelivered Mail Returned to Sender",
        _at(now, int(entry["days"]), 14, 31),
        "",
        f"<bounce.{entry['days']}@{domain}>",
        headers=(("Auto-Submitted", "auto-replied"),),
        entity=whole,
        flags=("\\Seen",),
    )


def _portal(now: datetime) -> Letter:
    text = "Please sign in to the supplier portal and renew your self-disclosure.\n"
    return Letter(
        Mailbox(LONG_NAME, "noreply@portal.stahl-rheinhausen.example"),
        (RITA.mailbox, SAM.mailbox),
        LONG_SUBJECT,
        _at(now, 1, 4, 55),
        text,
        "<portal.4711@stahl-rheinhausen.example>",
        headers=(("Auto-Submitted", "auto-generated"), ("X-Priority", "1")),
    )


def _at(now: datetime, days: int, hour: int, minute: int) -> datetime:
    return (now - timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)


def _named(text: str) -> Mailbox:
    name, _bracket, address = text.rpartition("<")
    return Mailbox(name.strip(' "'), address.rstrip("> "))
