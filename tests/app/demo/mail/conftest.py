"""Fixtures of the mail servers' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.demo.mail.running import RunningMail, running_mail


@pytest.fixture
def mail_world() -> Iterator[RunningMail]:
    """Servers with Rita (three unread messages) and Sam (none), in memory."""
    with running_mail() as running:
        yield running
