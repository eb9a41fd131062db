"""The core works where no Qt can be imported: every module of app, the demo world and the command line included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

IMPORT_ALL_BARRED = """
import importlib, pkgutil, sys

BARRED = {"PySide6", "shiboken6", "qasync", "qtawesome", "qtpy", "ui"}

class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BARRED:
            raise ImportError(f"{name} is barred here")

sys.meta_path.insert(0, Bar())
import app

names = [module.name for module in pkgutil.walk_packages(app.__path__, "app.") if not module.name.endswith(".__main__")]
for name in names:
    importlib.import_module(name)
assert not BARRED & {name.partition(".")[0] for name in sys.modules}
print(len(names))
"""


def test_every_module_of_app_imports_without_qt() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL_BARRED],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
