"""What every test of the screen needs: an application that is ready for the HTML engine, dressed as the program dresses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.bootstrap import Core, open_core
from app.paths import Profile
from tests.app.crm.org_data import org_data
from tests.servers.demo import DemoWorld, running_demo
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


@pytest.fixture(scope="session")
def org_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoWorld]:
    """The process of a demo world with the org of the stories and an empty mailbox."""
    fixture = tmp_path_factory.mktemp("org") / "org.json"
    mailbox = {"user": "rita@rita.example", "password": "rita-mail", "name": "Rita Rep"}
    fixture.write_text(json.dumps({**org_data(), "mailboxes": [mailbox]}), encoding="utf-8")
    with running_demo(fixture=fixture) as world:
        yield world


@pytest.fixture
def world(org_process: DemoWorld) -> DemoWorld:
    """That demo world as new."""
    org_process.reset()
    return org_process
