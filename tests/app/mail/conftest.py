"""Mail servers for the tests of mail: each test finds the folders empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.app.mail.rig import Rig, open_rig
from tests.servers.mail_servers import KINDS, MailHost, running_host

FOLDERS = ("INBOX", "Archive", "Trash", "Sent", "Drafts", "Junk")


@pytest.fixture(scope="module", params=KINDS)
def any_host(request: pytest.FixtureRequest) -> Iterator[MailHost]:
    with running_host(request.param) as host:
        yield host


@pytest.fixture
def host(any_host: MailHost) -> MailHost:
    """A server of each kind."""
    for folder in FOLDERS:
        any_host.expunge(folder, "1:*")
    return any_host


@pytest.fixture
async def rig(host: MailHost, tmp_path: Path) -> AsyncIterator[Rig]:
    """A profile without an account."""
    async with open_rig(host, tmp_path) as made:
        yield made
