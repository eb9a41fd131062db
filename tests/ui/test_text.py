"""Errors, times and names in words."""

from __future__ import annotations

import datetime as dt

import pytest
from PySide6.QtCore import QLocale

import app.errors
from app.errors import AppError, DatabaseUnreadable, PermanentError, SignInRequired, ValidationFailed
from app.model.mail import Address
from app.model.operation import OperationState
from ui import text

NOW = dt.datetime(2026, 11, 24, 15, 0, tzinfo=dt.UTC).astimezone()


@pytest.fixture(autouse=True)
def english() -> None:
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))


def _every_error() -> list[AppError]:
    made: list[AppError] = []
    for value in vars(app.errors).values():
        if isinstance(value, type) and issubclass(value, AppError):
            if value is SignInRequired:
                made.append(SignInRequired("words of the core", account="mail:1"))
            elif value is DatabaseUnreadable:
                made += [
                    DatabaseUnreadable("words of the core", kind=kind)
                    for kind in ("wrong_key", "damaged", "emptied", "missing", "replaced", "not_encrypted", "other")
                ]
            else:
                made.append(value("words of the core"))
    return made


@pytest.mark.parametrize("error", _every_error(), ids=lambda e: f"{type(e).__name__}-{getattr(e, 'kind', '')}")
def test_every_error_says_what_happened_without_its_own_words(error: AppError) -> None:
    words = text.words_for(error)
    assert words.title.endswith(".")
    assert "words of the core" not in words.sentence
    assert not {"!", "oops"} & set(words.sentence.lower().split())


def test_each_damage_of_the_database_has_its_own_words() -> None:
    kinds = ("wrong_key", "damaged", "emptied", "missing", "replaced", "not_encrypted")
    titles = {text.words_for(DatabaseUnreadable("", kind=kind)).title for kind in kinds}
    assert len(titles) == len(kinds)
    for kind in kinds:
        words = text.words_for(DatabaseUnreadable("", kind=kind))
        assert words.meaning
        assert words.remedy


def test_what_a_server_wrote_is_shown_on_one_line() -> None:
    words = text.words_for(ValidationFailed("x", server_text="Amount must\nbe positive"))
    assert "Amount must be positive" in words.sentence


def test_a_foreign_error_shows_nothing_of_itself() -> None:
    assert "hunter2" not in text.words_for(RuntimeError("hunter2")).sentence
    assert not text.is_expected(RuntimeError("x"))
    assert text.is_expected(PermanentError("x"))


def test_every_state_of_an_operation_has_words() -> None:
    assert set(text.OPERATION_STATES) == set(OperationState)


@pytest.mark.parametrize(
    ("online", "open_", "failed", "paused", "words"),
    [
        (True, 0, 0, 0, ""),
        (True, 3, 0, 0, "3 waiting"),
        (False, 3, 0, 0, "Offline, 3 waiting"),
        (False, 0, 0, 0, "Offline"),
        (True, 3, 1, 0, "1 refused, 3 waiting"),
        (True, 2, 0, 2, "2 waiting for sign-in"),
    ],
)
def test_the_outbox_in_a_few_words(online: bool, open_: int, failed: int, paused: int, words: str) -> None:
    assert text.waiting(online, open_, failed, paused) == words


def _ago(**delta: float) -> int:
    return int((NOW - dt.timedelta(**delta)).timestamp())


def test_days_are_named() -> None:
    assert text.day_header(_ago(minutes=5), NOW) == "Today"
    assert text.day_header(_ago(days=1), NOW) == "Yesterday"
    assert text.day_header(_ago(days=3), NOW) == "Saturday"
    assert text.day_header(_ago(days=40), NOW) == "Thursday, 15 October"
    assert text.day_header(_ago(days=400), NOW) == "20 October 2025"


def test_times_are_short() -> None:
    assert text.short_time(_ago(minutes=5), NOW) == (NOW - dt.timedelta(minutes=5)).strftime("%H:%M")
    assert text.short_time(_ago(days=2), NOW) == "Sun"
    assert text.short_time(_ago(days=40), NOW) == "15 Oct"
    assert "2025" in text.short_time(_ago(days=400), NOW)


def test_under_a_heading_that_names_the_day_the_time_is_enough() -> None:
    yesterday = _ago(days=1)
    assert ":" in text.row_time(yesterday, NOW)
    assert text.row_time(_ago(days=2), NOW) == text.short_time(_ago(days=2), NOW)


@pytest.mark.parametrize("epoch", [-5, 0, 2**40, 2**62])
def test_no_date_is_too_strange_to_be_shown(epoch: int) -> None:
    assert text.short_time(epoch, NOW)
    assert text.day_header(epoch, NOW)
    assert text.full_time(epoch)
    assert text.is_same_day(epoch, epoch)


def test_one_line_takes_breaks_controls_and_overrides_out() -> None:
    assert text.one_line("a\r\nb\tc") == "a b c"
    assert text.one_line("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert text.one_line("x\x00\x07y") == "xy"
    assert len(text.one_line("w " * 100_000, 50)) <= 50


@pytest.mark.parametrize(
    ("name", "address", "letters"),
    [
        ("Karl Klein", "k@x.example", "KK"),
        ("Mia", "m@x.example", "M"),
        ("", "karl.klein@x.example", "KK"),
        ("", "", "?"),
        ("山田 花子", "h@x.example", "山花"),
        ("🎉", "party@x.example", "?"),
    ],
)
def test_initials(name: str, address: str, letters: str) -> None:
    assert text.initials(Address(name, address)) == letters


def test_many_recipients_are_counted() -> None:
    crowd = tuple(Address(f"P{n}", f"p{n}@x.example") for n in range(9))
    assert text.people(crowd, frozenset({"p0@x.example"})) == "me, P1, P2 and 6 others"
    assert text.people(crowd[:4]) == "P0, P1, P2, P3"
