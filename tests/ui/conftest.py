"""What every test of the screen needs: an application that is ready for the HTML engine, dressed as the program dresses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.bootstrap import Core, open_core
from app.paths import Profile
from tests.servers.secrets_in_memory import InMemorySecretStore
from ui.theme import Appearance

# Before any application is made: the HTML engine is loaded long after it.
QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)


@pytest.fixture(scope="session")
def appearance() -> Appearance:
    """The application's dress, light."""
    application = QApplication.instance() or QApplication(["outrigger-tests"])
    assert isinstance(application, QApplication)
    application.setQuitOnLastWindowClosed(False)
    return Appearance(application, "light")


@pytest.fixture(autouse=True)
def light(appearance: Appearance) -> None:
    """Every test begins light."""
    if appearance.choice != "light":
        appearance.choose("light")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    """A profile with a real encrypted database."""
    async with open_core(Profile(tmp_path / "profile"), secrets=InMemorySecretStore()) as opened:
        yield opened
