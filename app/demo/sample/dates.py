"""Relative dates of fixtures: ``{"$date": "+30d"}`` and ``{"$datetime": "-3d 09:30"}`` become ISO texts that fit the day of the start."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_DAYS: Final = re.compile(r"([+-]\d{1,5})d(?: (\d{1,2}):(\d{2}))?")
_MINUTES: Final = re.compile(r"([+-]\d{1,7})m")


class FixtureProblem(Exception):
    """The fixture file cannot be used; the text names the place and what is expected there."""


def resolve(value: Any, now: datetime) -> Any:
    """A copy of a JSON value in which every relative date is an ISO text. Raises FixtureProblem."""
    if isinstance(value, dict):
        if value.keys() == {"$date"}:
            return moment(value["$date"], now).date().isoformat()
        if value.keys() == {"$datetime"}:
            return iso(moment(value["$datetime"], now))
        return {key: resolve(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, now) for item in value]
    return value


def moment(text: Any, now: datetime) -> datetime:
    """The time that a text such as "-3d 09:30", "+30d" or "-45m" means; a time of day is in the time zone of ``now``."""
    if isinstance(text, str):
        days = _DAYS.fullmatch(text)
        if days:
            when = now + timedelta(days=int(days[1]))
            if days[2] is None:
                return when
            hour, minute = int(days[2]), int(days[3])
            if hour < 24 and minute < 60:
                return when.replace(hour=hour, minute=minute, second=0, microsecond=0)
        minutes = _MINUTES.fullmatch(text)
        if minutes:
            return now + timedelta(minutes=int(minutes[1]))
    raise FixtureProblem('a relative date is a text such as "-3d 09:30", "+30d" or "-45m"')


def iso(when: datetime) -> str:
    """A moment as Salesforce takes it: UTC with milliseconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
