"""PySide6 must not abort the interpreter.

PySide6 6.12.0 on Python 3.11 drops one reference too many on None for each Qt call that returns nothing, and on True for each signal; after some
thousands the interpreter dies. So the lock keeps 6.12 away from Python 3.11, and this test calls Qt often enough to die with it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MANY_CALLS = """
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Source(QObject):
    happened = Signal(int)

heard = 0
def on_happened(number):
    global heard
    heard += 1

application = QCoreApplication([])
for _ in range(200_000):
    application.processEvents()
source = Source()
source.happened.connect(on_happened)
for number in range(20_000):
    source.happened.emit(number)
assert heard == 20_000
print("survived")
"""


def test_many_qt_calls_leave_the_interpreter_alive() -> None:
    done = subprocess.run([sys.executable, "-c", MANY_CALLS], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("survived")


def test_the_lock_keeps_6_12_away_from_python_3_11() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^(pyside6(?:-\w+)?|shiboken6)==(\d+)\.(\d+)\S* *(?:; (.*?))? *\\?$", lock, re.MULTILINE)
    assert {name for name, *_ in pins} >= {"pyside6", "pyside6-essentials", "pyside6-addons", "shiboken6"}
    for name, major, minor, marker in pins:
        if (int(major), int(minor)) >= (6, 12):
            assert marker == "python_full_version >= '3.12'", name
    assert any(name == "pyside6" and "< '3.12'" in marker for name, _, _, marker in pins)


def test_the_project_asks_for_no_other() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert [line for line in wanted if line.startswith("pyside6")] == [
        "pyside6>=6.10,<6.12; python_version < '3.12'",
        "pyside6>=6.10; python_version >= '3.12'",
    ]
