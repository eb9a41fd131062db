"""What keeps a profile closed, as pages in the window, through the real program."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.bootstrap import open_core, open_vault
from app.errors import DatabaseTooNew, DatabaseUnreadable, DiskFull, ProfileInUse, SecretStoreUnavailable
from app.paths import Profile
from tests.ui.waiting import turns, until
from ui.main import Sitting, Target
from ui.start_page import LEAST_PASSPHRASE, StartAnswer, StartPage
from ui.theme import Appearance

PASSPHRASE = "several words of mine"


@asynccontextmanager
async def sitting(appearance: Appearance, profile: Profile) -> AsyncIterator[Sitting]:
    """The program over a profile, from the first page on; closed at the end."""
    target = Target(profile)
    shown = Sitting(appearance, target, target)
    running = asyncio.create_task(shown.run())
    try:
        yield shown
    finally:
        shown._window.close()
        await running
        await turns()


def _asks(shown: Sitting, button: str) -> bool:
    page = shown._window.start_page
    return page.isVisible() and page.button(button) is not None


def _press(shown: Sitting, text: str) -> None:
    button = shown._window.start_page.button(text)
    assert button is not None, text
    button.click()


async def _vault_profile(path: Path) -> Profile:
    profile = Profile(path)
    vault = await open_vault(profile, PASSPHRASE)
    async with open_core(profile, secrets=vault):
        pass
    await vault.close()
    return profile


async def test_a_vault_opens_with_its_passphrase_and_with_no_other(appearance: Appearance, tmp_path: Path) -> None:
    profile = await _vault_profile(tmp_path / "p")
    async with sitting(appearance, profile) as shown:
        page = shown._window.start_page
        await until(lambda: _asks(shown, "Open"))
        assert page.title.text() == "Your secrets are in a vault."
        assert page.passphrase.isVisible()
        assert not page.again.isVisible()
        _press(shown, "Open")
        assert page.problem.text() == "Enter the passphrase."
        page.passphrase.setText("not this one at all")
        _press(shown, "Open")
        assert not page.passphrase.isEnabled()
        await until(lambda: page.problem.text() == "That is not the passphrase.")
        assert page.passphrase.isEnabled()
        page.passphrase.setText(PASSPHRASE)
        QTest.keyClick(page.passphrase, Qt.Key.Key_Return)
        await until(lambda: not page.isVisible(), "the panes")


async def test_a_damaged_database_is_named_and_set_aside_only_on_wish(appearance: Appearance, tmp_path: Path) -> None:
    profile = await _vault_profile(tmp_path / "p")
    data = bytearray(profile.database.read_bytes())
    data[20:4096] = bytes(4076)
    profile.database.write_bytes(bytes(data))
    async with sitting(appearance, profile) as shown:
        page = shown._window.start_page
        await until(lambda: _asks(shown, "Open"))
        page.passphrase.setText(PASSPHRASE)
        _press(shown, "Open")
        await until(lambda: _asks(shown, "Set aside and start anew…"))
        assert str(profile.database) in page.remedy.text()
        assert profile.database.read_bytes() == bytes(data)
        _press(shown, "Set aside and start anew…")
        assert page.title.text() == "Set this database aside?"
        assert str(profile.database) in page.remedy.text()
        assert profile.database.read_bytes() == bytes(data)
        _press(shown, "Back")
        await until(lambda: _asks(shown, "Set aside and start anew…"))
        _press(shown, "Set aside and start anew…")
        _press(shown, "Set aside and start anew")
        await until(lambda: not page.isVisible(), "the panes over a new database")
        aside = [path for path in profile.root.iterdir() if ".damaged-" in path.name]
        assert any(path.read_bytes() == bytes(data) for path in aside)


async def test_a_profile_in_use_says_so_and_opens_when_it_is_free(appearance: Appearance, tmp_path: Path) -> None:
    profile = await _vault_profile(tmp_path / "p")
    vault = await open_vault(profile, PASSPHRASE)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(open_core(profile, secrets=vault))
        async with sitting(appearance, profile) as shown:
            await until(lambda: _asks(shown, "Try again"))
            page = shown._window.start_page
            assert "already running" in page.title.text()
            await stack.aclose()
            await vault.close()
            _press(shown, "Try again")
            await until(lambda: _asks(shown, "Open"))


async def test_quitting_on_a_problem_ends_the_program(appearance: Appearance, tmp_path: Path) -> None:
    profile = await _vault_profile(tmp_path / "p")
    target = Target(profile)
    shown = Sitting(appearance, target, target)
    running = asyncio.create_task(shown.run())
    await until(lambda: _asks(shown, "Quit"))
    _press(shown, "Quit")
    assert await running is None
    await turns()


@pytest.mark.parametrize(
    ("error", "offers"),
    [
        (SecretStoreUnavailable("x"), "Use a passphrase vault"),
        (DatabaseUnreadable("x", kind="damaged"), "Set aside and start anew…"),
        (DatabaseUnreadable("x", kind="emptied"), "Set aside and start anew…"),
        (DatabaseUnreadable("x", kind="missing"), "Set aside and start anew…"),
        (DatabaseTooNew("x"), ""),
        (DiskFull("x"), ""),
        (ProfileInUse("x"), ""),
        (RuntimeError("x"), ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_problem_offers_what_helps_and_no_more(error: Exception, offers: str) -> None:
    page = StartPage()
    page.show_error(error, where="/there/outrigger.db", can_make_vault=True)
    assert page.button("Try again") is not None
    assert page.button("Quit") is not None
    for choice in ("Use a passphrase vault", "Set aside and start anew…"):
        assert (page.button(choice) is not None) == (choice == offers), choice


def test_no_vault_is_offered_beside_a_database_that_has_its_key_elsewhere() -> None:
    page = StartPage()
    page.show_error(SecretStoreUnavailable("x"), can_make_vault=False)
    assert page.button("Use a passphrase vault") is None


def test_a_new_passphrase_is_long_and_typed_twice() -> None:
    page = StartPage()
    page.show()
    answers: list[tuple[StartAnswer, str]] = []
    page.answered.connect(lambda answer, words: answers.append((answer, words)))
    page.show_error(SecretStoreUnavailable("x"), can_make_vault=True)
    button = page.button("Use a passphrase vault")
    assert button is not None
    button.click()
    assert answers == []
    make = page.button("Make the vault")
    assert make is not None
    page.passphrase.setText("x" * (LEAST_PASSPHRASE - 1))
    make.click()
    assert "at least" in page.problem.text()
    page.passphrase.setText(PASSPHRASE)
    page.again.setText(PASSPHRASE + "x")
    make.click()
    assert "differ" in page.problem.text()
    page.again.setText(PASSPHRASE)
    make.click()
    assert answers == [(StartAnswer.MAKE_VAULT, PASSPHRASE)]
    page.close()
    QApplication.sendPostedEvents()
