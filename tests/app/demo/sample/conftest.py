"""The world that the sample tests look at: generated once, for a fixed moment."""

from __future__ import annotations

import email
from datetime import datetime, timedelta, timezone
from email.message import Message

import pytest

from app.demo.mail import MailboxData, MessageData
from app.demo.sample import WorldData, load_world

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=timezone(timedelta(hours=1)))
PROD = "00D5e000000PRODEA4"
SANDBOX = "00D5e0000000SBXEA2"


@pytest.fixture(scope="session")
def world() -> WorldData:
    return load_world(None, NOW)


@pytest.fixture(scope="session")
def rita(world: WorldData) -> MailboxData:
    return next(box for box in world.mailboxes if box.user == "rita@rita.example")


@pytest.fixture(scope="session")
def sam(world: WorldData) -> MailboxData:
    return next(box for box in world.mailboxes if box.user == "sam@rita.example")


@pytest.fixture(scope="session")
def letters(rita: MailboxData) -> list[tuple[str, MessageData, Message]]:
    """Folder, data and parsed message of everything in Rita's mailbox."""
    return [
        (folder.name, data, email.message_from_bytes(data.raw)) for folder in rita.folders for data in folder.messages
    ]
