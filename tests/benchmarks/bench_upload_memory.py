"""How much memory an upload takes: a file of 256 MB beside one of 8 MB, staged in the encrypted store and sent, in a process of its own each.

The figure is the growth of the peak resident size over the same program without an upload.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.app.crm.org_data import org_data
from tests.app.crm.rig import open_rig
from tests.benchmarks.rows import Row
from tests.servers.demo import running_demo

NAME = "upload-memory"
MEGABYTE = 1024 * 1024
LARGE_MB = 256
SMALL_MB = 8


def run() -> list[Row]:
    """Peak growth in megabytes."""
    floor, small, large = (_peak_mb(size) for size in (0, SMALL_MB, LARGE_MB))
    return [
        Row.compared(
            "upload_memory",
            ours=max(large - floor, 0.1),
            peer=float(LARGE_MB),
            peer_name=f"the {LARGE_MB} MB file itself",
            goal="<= 0.2",
            unit="MB",
        ),
        Row.compared(
            "upload_memory_by_size",
            ours=large,
            peer=small,
            peer_name=f"the same program with a file of {SMALL_MB} MB",
            goal="<= 1.2",
            unit="MB",
        ),
    ]


def _peak_mb(size: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bench_upload_memory", str(size)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return float(ended.stdout.strip().splitlines()[-1])


async def _upload(size_mb: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fixture = folder / "org.json"
        fixture.write_text(json.dumps(org_data()), encoding="utf-8")
        with running_demo(fixture=fixture) as world:
            async with open_rig(world, folder) as rig:
                login = await rig.sign_in()
                target = rig.target("Account", "Acme GmbH")
                path = folder / "file.bin"
                with path.open("wb") as file:
                    for _ in range(max(size_mb, 1)):
                        file.write(os.urandom(MEGABYTE) if size_mb else b"x")
                await rig.actions.attach_file(login.login_id, path, target)
                await rig.drain()
                (version,) = rig.soql("SELECT ContentSize FROM ContentVersion")
                assert version["ContentSize"] == path.stat().st_size


def _own_peak_mb() -> float:
    if sys.platform == "win32":
        raise SystemExit("this benchmark reads the peak by getrusage, which Windows lacks")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEGABYTE if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    asyncio.run(_upload(int(sys.argv[1])))
    print(_own_peak_mb())
