"""The search of `dev.py check` finds what is planted, names file and line, and leaves honest text alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from build_scripts.source_search import search, search_text

ROOT = Path(__file__).resolve().parents[2]

# Put together here, so that this file does not hold what it plants.
BAD = {
    "an index": ("README.md", "pip install --index-url" + " packages.example/x"),
    "a registry": ("README.md", "see " + "pypi" + ".org for it"),
    "a file host": ("requirements.txt", "files." + "pythonhosted" + ".org"),
    "another registry": ("notes.md", "registry" + ".npmjs.example"),
    "a mirror": ("setup.cfg", "find = " + "/opt" + "/wheels"),
    "a home": ("app/paths.py", 'ROOT = "' + "/home" + '/anna/outrigger"'),
    "root's home": ("build_scripts/x.sh", "cd " + "/root" + "/project"),
    "a work folder": ("tests/test_x.py", "open('" + "/work" + "/main/x')"),
    "a Windows home": ("x.ini", "C:" + "\\Users" + "\\anna"),
    "a mock": ("tests/test_x.py", "from " + "unittest" + ".mock import patch"),
    "a mock class": ("tests/test_x.py", "thing = " + "Magic" + "Mock()"),
    "a patched attribute": ("tests/test_x.py", "monkeypatch" + ".setattr(x, 'y', 1)"),
    "work left undone": ("ui/x.py", "# TO" + "DO later"),
    "a thread of Qt": ("ui/x.py", "worker = QThread()"),
    "the default executor": ("app/x.py", "await asyncio.to_thread(f)"),
    "a spun loop": ("ui/x.py", "QApplication.processEvents()"),
}
GOOD = {
    "a link of Salesforce": ("app/x.py", 'url = f"{base}/lightning/page/home/x"'),
    "a path inside a server": ("app/x.py", '"/services/data/v60.0/work/x"'),
    "a word about a thread": ("ui/x.py", "# never a QThread: it outlives its loop"),
    "events in a test": ("tests/ui/x.py", "qapp.processEvents()"),
    "an environment variable": ("tests/x.py", "monkeypatch.setenv('A', 'b')"),
    "a place of the web": ("README.md", "https://help.salesforce.com/s/articleView"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_planted_is_found(name: str) -> None:
    path, line = BAD[name]
    findings = search_text(path, f"first = 1\n{line}\nlast = 3\n")
    assert [(finding.path, finding.line) for finding in findings] == [(path, 2)]
    assert str(findings[0]).startswith(f"{path}:2: ")


@pytest.mark.parametrize("name", GOOD)
def test_honest_text_is_left_alone(name: str) -> None:
    path, line = GOOD[name]
    assert search_text(path, line + "\n") == []


def test_tracked_files_are_searched_and_binary_ones_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(BAD["a mock class"][1] + "\n", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0" + BAD["a home"][1].encode())
    (tmp_path / "untracked.py").write_text(BAD["a home"][1], encoding="utf-8")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "tests", "picture.png"], cwd=tmp_path, check=True)
    assert [str(finding).rpartition(": ")[0].split(":")[:2] for finding in search(tmp_path)] == [
        ["tests/test_x.py", "1"]
    ]
