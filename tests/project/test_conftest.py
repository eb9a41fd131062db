"""What tests/conftest.py promises: each kind of thing left behind fails the test that left it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLEAN = """
async def test_it():
    import asyncio
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))

def test_thread():
    import threading
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
"""
PENDING_TASK = """
import asyncio
kept = []
async def test_it():
    kept.append(asyncio.create_task(asyncio.sleep(60), name="forgotten"))
"""
PENDING_TASK_OF_A_FIXTURE = """
import asyncio, pytest
@pytest.fixture
async def service():
    task = asyncio.create_task(asyncio.sleep(60), name="forgotten")
    yield task
async def test_it(service):
    assert not service.done()
"""
LIVE_THREAD = """
import threading
def test_it():
    threading.Thread(target=threading.Event().wait, args=(20,), name="forgotten", daemon=True).start()
"""
UNFETCHED = """
import asyncio, gc
async def fail():
    raise ValueError("forgotten")
async def test_it():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
"""
WARNING = """
import warnings
def test_it():
    warnings.warn("forgotten", UserWarning)
"""
THREAD_EXCEPTION = """
import threading
def fail():
    raise ValueError("forgotten")
def test_it():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""
QT_MESSAGE = """
def test_it(qapp):
    from PySide6.QtCore import qWarning
    qWarning("forgotten")
"""
ON_QT = """
import asyncio
async def test_it():
    assert type(asyncio.get_running_loop()).__module__.startswith("qasync")
    await asyncio.sleep(0.001)
"""
ON_PLAIN_ASYNCIO = """
import asyncio
async def test_it():
    assert type(asyncio.get_running_loop()).__module__.startswith("asyncio")
"""


PASSING = {
    "app/clean": CLEAN,
    "ui/clean": CLEAN,
    "ui/on_qt": ON_QT,
    "end2end/on_qt": ON_QT,
    "app/on_plain_asyncio": ON_PLAIN_ASYNCIO,
}
FAILING = {
    "app/pending_task": PENDING_TASK,
    "ui/pending_task": PENDING_TASK,
    "app/pending_task_of_a_fixture": PENDING_TASK_OF_A_FIXTURE,
    "app/live_thread": LIVE_THREAD,
    "app/unfetched_exception": UNFETCHED,
    "app/warning": WARNING,
    "app/exception_in_a_thread": THREAD_EXCEPTION,
    "ui/qt_message": QT_MESSAGE,
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All planted tests run in one process; what pytest says of each file: "passed", or its complaint."""
    folder = tmp_path_factory.mktemp("planted")
    for name, source in (PASSING | FAILING).items():
        room, title = name.split("/")
        path = folder / "tests" / room / f"test_{title}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    report = folder / "report.xml"
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *plugins,
            "-c",
            ROOT / "pyproject.toml",
            "--rootdir",
            folder,
            "--junitxml",
            report,
            folder / "tests",
        ],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        name = case.get("classname", "").removeprefix("tests.").replace(".test_", "/")
        complaint = "".join(
            (child.text or "") + child.get("message", "") for child in case if child.tag in {"failure", "error"}
        )
        found[name] = found.get(name, "").removeprefix("passed") + complaint or "passed"
    return found


@pytest.mark.parametrize("name", PASSING)
def test_a_clean_test_passes(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "passed"


@pytest.mark.parametrize("name", FAILING)
def test_what_is_left_behind_fails_the_test(outcomes: dict[str, str], name: str) -> None:
    assert "forgotten" in outcomes[name]
