"""The import contracts catch what they are for: violations planted one by one in a copy of the tree, each seen by the contract it breaks."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from build_scripts.check import contract_findings

ROOT = Path(__file__).resolve().parents[2]
IN_FUNCTION = "def late():\n    import {0}\n    return {0}\n"
UNDER_TYPE_CHECKING = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import {0}\n"
PLAIN = "import {0}\n"


@dataclass(frozen=True)
class Violation:
    """A module that breaks ``contract`` (an id in pyproject.toml), and the line of the import that does."""

    path: str
    imported: str
    contract: str
    form: str = PLAIN

    @property
    def line(self) -> int:
        return next(number for number, line in enumerate(self.form.splitlines(), 1) if "import {0}" in line)


VIOLATIONS = (
    Violation("app/mail/planted.py", "app.crm.ports", "floors"),
    Violation("app/crm/planted.py", "app.mail.ports", "floors", IN_FUNCTION),
    Violation("app/store/planted.py", "app.outbox.handler", "floors", UNDER_TYPE_CHECKING),
    Violation("app/outbox/planted.py", "app.mail.ports", "floors"),
    Violation("app/model/planted.py", "app.events", "floors"),
    Violation("app/mail/planted.py", "PySide6.QtCore", "core-without-screen"),
    Violation("app/crm/planted.py", "qasync", "core-without-screen", IN_FUNCTION),
    Violation("app/model/planted.py", "ui.widgets", "core-without-screen", UNDER_TYPE_CHECKING),
    Violation("app/demo/planted.py", "PySide6.QtCore", "core-without-screen"),
    Violation("ui/message_list/planted.py", "app.store.database", "screen-without-disk"),
    Violation("ui/widgets/planted.py", "app.store.database", "screen-without-disk", UNDER_TYPE_CHECKING),
    Violation("ui/crm_panel/planted.py", "app.backends", "only-bootstrap-knows-backends", IN_FUNCTION),
    Violation("app/crm/planted.py", "app.backends", "only-bootstrap-knows-backends"),
    Violation("ui/message_list/planted.py", "app.bootstrap", "only-front-ends-know-bootstrap"),
    Violation("ui/message_list/planted.py", "ui.folder_tree", "features-apart"),
    Violation("ui/crm_panel/planted.py", "ui.message_view", "features-apart", UNDER_TYPE_CHECKING),
    Violation("ui/message_list/planted.py", "app.mail.ports", "models-call-the-core"),
    Violation("ui/composer/planted.py", "app.outbox.handler", "models-call-the-core", UNDER_TYPE_CHECKING),
    Violation("ui/composer/planted.py", "ui.main_window", "features-below-the-window", IN_FUNCTION),
    Violation("ui/widgets/planted.py", "ui.outbox", "widgets-know-no-feature"),
    Violation("app/backends/planted.py", "app.backends.neighbour", "backends-apart"),
    Violation("app/backends/planted.py", "app.backends.neighbour", "backends-apart", IN_FUNCTION),
    Violation("app/demo/planted.py", "app.model.ids", "demo-knows-no-client"),
    Violation("app/demo/planted.py", "app.errors", "demo-knows-no-client", UNDER_TYPE_CHECKING),
    Violation("app/demo/planted.py", "ui.widgets", "demo-knows-no-client", IN_FUNCTION),
    Violation("app/mail/planted.py", "app.demo", "client-knows-no-demo"),
    Violation("ui/accounts/planted.py", "app.demo", "client-knows-no-demo", IN_FUNCTION),
    Violation("app/mail/planted.py", "sqlcipher3", "door-of-sqlcipher"),
    Violation("ui/settings/planted.py", "sqlite3", "door-of-sqlcipher", IN_FUNCTION),
    Violation("app/backends/planted.py", "imapclient", "door-of-imap"),
    Violation("app/mail/planted.py", "imaplib", "door-of-imap", IN_FUNCTION),
    Violation("app/auth/planted.py", "keyring", "door-of-keyring"),
    Violation("app/crm/planted.py", "requests", "door-of-network"),
    Violation("ui/crm_panel/planted.py", "simple_salesforce", "door-of-network", UNDER_TYPE_CHECKING),
    Violation("ui/message_view/planted.py", "nh3", "door-of-mail-parsers"),
    Violation("app/store/planted.py", "argon2", "door-of-ciphers"),
    Violation("app/mail/planted.py", "pebble", "door-of-worker-processes"),
    Violation("app/auth/planted.py", "aiohttp", "door-of-demo-servers"),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("app", "ui"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "app" / "backends" / "neighbour.py").touch()
    return folder


@pytest.fixture
def plant(copy: Path) -> Iterator[list[Path]]:
    planted: list[Path] = []
    yield planted
    for path in planted:
        path.unlink()


def contract_names() -> dict[str, str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]}


def findings_in(folder: Path) -> list[str]:
    return contract_findings(Path(sys.executable), folder, os.environ)


def test_the_tree_as_it_is_keeps_every_contract(copy: Path) -> None:
    assert findings_in(copy) == []


@pytest.mark.parametrize(
    "violation",
    VIOLATIONS,
    ids=lambda v: f"{v.path.rpartition('/')[0].replace('/', '.')} imports {v.imported} ({v.contract})",
)
def test_a_violation_is_caught_by_its_contract(copy: Path, plant: list[Path], violation: Violation) -> None:
    path = copy / violation.path
    path.write_text(violation.form.format(violation.imported), encoding="utf-8")
    plant.append(path)
    seen = findings_in(copy)
    place, name = f"{violation.path}:{violation.line}: ", contract_names()[violation.contract]
    assert any(line.startswith(place) and line.endswith(f"({name})") for line in seen), seen


def test_every_contract_is_violated_by_one_of_them() -> None:
    assert {violation.contract for violation in VIOLATIONS} == set(contract_names())


def test_a_module_on_no_floor_is_caught(copy: Path, plant: list[Path]) -> None:
    path = copy / "app" / "planted.py"
    path.touch()
    plant.append(path)
    seen = findings_in(copy)
    assert any("planted" in line for line in seen), seen


def test_every_feature_of_the_screen_is_under_contract() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    apart = next(
        c["modules"] for c in configuration["tool"]["importlinter"]["contracts"] if c["id"] == "features-apart"
    )
    packages = {f"ui.{path.parent.name}" for path in (ROOT / "ui").glob("*/__init__.py")}
    # Widgets are shared by features, joins know several of them: neither is one.
    assert packages - {"ui.widgets", "ui.joins"} == set(apart)
