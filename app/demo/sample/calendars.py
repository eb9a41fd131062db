"""Invitations, replies and cancellations as iCalendar (RFC 5545, RFC 5546)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.demo.sample.people import Person


def invitation(
    uid: str,
    summary: str,
    start: datetime,
    minutes: int,
    organizer: Person,
    attendees: Sequence[Person],
    location: str,
    stamp: datetime,
    *,
    method: str = "REQUEST",
    sequence: int = 0,
    rule: str = "",
) -> str:
    """A calendar with one event, lines ended by CRLF and folded at 75 octets. ``method`` is REQUEST, REPLY or CANCEL."""
    end = start + timedelta(minutes=minutes)
    status = "CANCELLED" if method == "CANCEL" else "CONFIRMED"
    answer = "ACCEPTED" if method == "REPLY" else "NEEDS-ACTION"
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Rita Instruments//Demo//EN",
        "VERSION:2.0",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{_utc(stamp)}",
        f"DTSTART:{_utc(start)}",
        f"DTEND:{_utc(end)}",
        f"SUMMARY:{_escaped(summary)}",
        f"LOCATION:{_escaped(location)}",
        f'ORGANIZER;CN="{organizer.name}":mailto:{organizer.address}',
        *(
            f'ATTENDEE;CN="{one.name}";ROLE=REQ-PARTICIPANT;PARTSTAT={answer};RSVP=TRUE:mailto:{one.address}'
            for one in attendees
        ),
        *([f"RRULE:{rule}"] if rule else []),
        f"SEQUENCE:{sequence}",
        f"STATUS:{status}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) + "\r\n" for line in lines)


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> str:
    pieces: list[str] = []
    piece = ""
    for character in line:
        if len((piece + character).encode()) > 74:
            pieces.append(piece)
            piece = ""
        piece += character
    return "\r\n ".join([*pieces, piece])
