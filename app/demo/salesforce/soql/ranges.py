"""Date literals: TODAY, LAST_N_DAYS:7 and their kin as a first day and the day after the last.

Source: "Date Formats and Date Literals" of the SOQL Reference. Weeks begin on Sunday (locale en_US); the fiscal year is
the calendar year.
"""

from __future__ import annotations

from datetime import date, timedelta


def day_range(literal: str, count: int, today: date) -> tuple[date, date]:
    """First day and the day after the last of a date literal, seen from ``today`` in the user's time zone."""
    if literal in _SINGLE_DAYS:
        day = today + timedelta(days=_SINGLE_DAYS[literal])
        return day, day + timedelta(days=1)
    if literal == "LAST_90_DAYS":
        return today - timedelta(days=90), today + timedelta(days=1)
    if literal == "NEXT_90_DAYS":
        return today + timedelta(days=1), today + timedelta(days=91)
    words = literal.replace("FISCAL_", "").split("_")
    if words[0] == "N":
        return _period_ago(words[1], count, today)
    if words[1] == "N":
        return _several(words[0], words[2], count, today)
    return _unit_range(words[1], {"LAST": -1, "THIS": 0, "NEXT": 1}[words[0]], today)


_SINGLE_DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def _several(direction: str, units: str, count: int, today: date) -> tuple[date, date]:
    if units == "DAYS":
        if direction == "LAST":
            return today - timedelta(days=count), today + timedelta(days=1)
        return today + timedelta(days=1), today + timedelta(days=count + 1)
    unit = units.removesuffix("S")
    if direction == "LAST":
        return _unit_range(unit, -count, today)[0], _unit_range(unit, 0, today)[0]
    return _unit_range(unit, 1, today)[0], _unit_range(unit, count, today)[1]


def _period_ago(units: str, count: int, today: date) -> tuple[date, date]:
    if units == "DAYS":
        day = today - timedelta(days=count)
        return day, day + timedelta(days=1)
    return _unit_range(units.removesuffix("S"), -count, today)


def _unit_range(unit: str, offset: int, today: date) -> tuple[date, date]:
    if unit == "WEEK":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=offset)
        return sunday, sunday + timedelta(weeks=1)
    months = _MONTHS[unit]
    first = (today.year * 12 + today.month - 1) // months * months + offset * months
    return _month(first), _month(first + months)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
