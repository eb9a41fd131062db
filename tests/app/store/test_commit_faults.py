"""What the writer says of a commit is true, whatever the disk does: real system calls fail under ``strace``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.store.database import DatabaseKey
from tests.app.store.rows import make_file, names_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")

ROWS = 5
FAULTS = [
    *[("fsync", "EIO", str(n)) for n in range(2, 8)],
    *[("fsync", "EIO", f"{n}+") for n in (2, 4, 6)],
    *[("pwrite64", "ENOSPC", str(n)) for n in (1, 4, 9, 14, 20)],
    *[("pwrite64", "ENOSPC", f"{n}+") for n in (1, 7, 15)],
    *[("pwrite64", "EIO", str(n)) for n in (2, 8, 13)],
]


def outcomes_under(fault: tuple[str, str, str], path: Path, key: DatabaseKey) -> dict[str, str]:
    call, error, when = fault
    finished = subprocess.run(
        [
            *("strace", "-f", "-o", "/dev/null", "-e", f"trace={call}"),
            *("-e", f"inject={call}:error={error}:when={when}"),
            *(sys.executable, "-m", "tests.app.store.writer_process"),
            *(str(path), key.key_hex, key.database_id, str(ROWS)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Operation not permitted" not in finished.stderr, "strace may not trace here"
    lines = (line.split() for line in finished.stdout.splitlines() if line != "begun")
    return {f"row {number}": outcome for number, outcome in lines}


@pytest.mark.parametrize("fault", FAULTS, ids=["-".join(fault) for fault in FAULTS])
async def test_saved_is_saved_and_refused_is_not(fault: tuple[str, str, str], path: Path, key: DatabaseKey) -> None:
    await make_file(path, key, rows=0)
    told = outcomes_under(fault, path, key)
    there = set(await names_in(path, key))
    assert {row for row, outcome in told.items() if outcome == "saved"} <= there
    assert not {row for row, outcome in told.items() if outcome == "refused"} & there
    if told and not fault[2].endswith("+"):
        # One error of the disk is one refusal at most; the program goes on.
        assert list(told.values()).count("saved") >= ROWS - 1
        assert "unknown" not in told.values()
