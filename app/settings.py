"""Typed settings in one TOML file that a person may edit.

A value of the wrong type or out of bounds is put back to its default, in the file too, and reported; keys that this version does not know are
kept. A file that is no TOML is set aside as ``.damaged`` and replaced. Nothing secret belongs here: the file is plain text.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.exceptions

from app.concurrency import BlockingWorker
from app.errors import ValidationFailed
from app.events import EventBus, SettingsChanged
from app.paths import folder_error, write_private

LONGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Repair:
    """One setting that could not be used. ``name`` is "" where the whole file was unreadable; ``words`` say what was done."""

    name: str
    words: str


def _number(default: int, low: int, high: int, words: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "words": words})


def _choice(default: str, choices: tuple[str, ...], words: str) -> Any:
    return field(default=default, metadata={"choices": choices, "words": words})


def _switch(default: bool, words: str) -> Any:
    return field(default=default, metadata={"words": words})


@dataclass(frozen=True, slots=True)
class SettingValues:
    """Every setting with its default and bounds."""

    lookup_ttl_s: int = _number(420, 300, 600, "Seconds that looked-up Salesforce values stay in memory.")
    poll_s: int = _number(300, 60, 3600, "Seconds between looks at folders that the server does not report by itself.")
    theme: str = _choice("system", ("system", "light", "dark"), "Colours of the window.")
    work_offline: bool = _switch(False, "Stay offline until told otherwise.")
    log_level: str = _choice("info", ("debug", "info", "warning"), "How much the log file tells.")


FIELDS: Mapping[str, dataclasses.Field[Any]] = {one.name: one for one in dataclasses.fields(SettingValues)}


class Settings:
    """The settings in force. Reading is plain attribute access on the loop's thread; writing goes through `change`."""

    def __init__(self, path: Path, bus: EventBus) -> None:
        self._path = path
        self._bus = bus
        self._worker = BlockingWorker("settings")
        self.values = SettingValues()
        self.repairs: tuple[Repair, ...] = ()

    async def load(self) -> None:
        """Read the file; what cannot be used is repaired and told in `repairs`. Raises DiskFull, LocalError (a file that may not be read)."""
        self.values, self.repairs = await self._worker.run(_load, self._path)

    async def change(self, **changes: str | int | bool) -> None:
        """Set values by name, keep them, and publish SettingsChanged. Raises ValidationFailed (fields named), DiskFull, LocalError."""
        wrong = [name for name, value in changes.items() if name not in FIELDS or not _fits(FIELDS[name], value)]
        if wrong:
            raise ValidationFailed(f"not a usable setting: {', '.join(wrong)}", fields=wrong)
        await self._worker.run(_store, self._path, changes)
        self.values = dataclasses.replace(self.values, **changes)  # type: ignore[arg-type]  # checked by _fits
        self._bus.publish(SettingsChanged(tuple(changes)))

    async def close(self) -> None:
        """End the thread that writes the file."""
        await self._worker.close()

    @property
    def lookup_ttl_s(self) -> int:
        """Seconds (300 to 600) that looked-up Salesforce values stay in memory."""
        return self.values.lookup_ttl_s

    @property
    def poll_s(self) -> int:
        """Seconds between looks at folders that the server does not report by itself."""
        return self.values.poll_s

    @property
    def theme(self) -> str:
        """One of "system", "light", "dark"."""
        return self.values.theme

    @property
    def work_offline(self) -> bool:
        """Whether the person chose to stay offline."""
        return self.values.work_offline

    @property
    def log_level(self) -> str:
        """One of "debug", "info", "warning"."""
        return self.values.log_level


def _load(path: Path) -> tuple[SettingValues, tuple[Repair, ...]]:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
    except FileNotFoundError:
        return SettingValues(), ()
    except OSError as error:
        raise folder_error(error, "the settings cannot be read") from error
    document = _parse(data)
    if document is None:
        aside = path.with_name(f"{path.name}.damaged")
        with contextlib.suppress(OSError):
            path.replace(aside)
        return SettingValues(), (Repair("", f"the settings file was unreadable; it is kept as {aside.name}"),)
    values: dict[str, Any] = {}
    repairs: list[Repair] = []
    for name, described in FIELDS.items():
        if name not in document:
            continue
        value = _plain(document[name])
        if _fits(described, value):
            values[name] = value
        else:
            repairs.append(Repair(name, f"{name} had an unusable value; it is {described.default!r} again"))
    if repairs:
        _store(path, {one.name: FIELDS[one.name].default for one in repairs})
    return SettingValues(**values), tuple(repairs)


def _store(path: Path, changes: Mapping[str, Any]) -> None:
    document: tomlkit.TOMLDocument | None = None
    with contextlib.suppress(OSError):
        document = _parse(path.read_bytes())
    if document is None:
        document = tomlkit.document()
        document.add(tomlkit.comment("Outrigger's settings. Values that do not fit are put back to their defaults."))
    for name, value in changes.items():
        document[name] = value
    write_private(path, tomlkit.dumps(document).encode())


def _parse(data: bytes) -> tomlkit.TOMLDocument | None:
    if len(data) > LONGEST_FILE:
        return None
    try:
        return tomlkit.parse(data.decode())
    except (tomlkit.exceptions.TOMLKitError, UnicodeDecodeError, RecursionError, ValueError):
        return None


def _plain(item: Any) -> Any:
    return item.unwrap() if hasattr(item, "unwrap") else item


def _fits(described: dataclasses.Field[Any], value: Any) -> bool:
    # Exact types: True is an int to Python, and a person who writes it for a number meant something else.
    if type(value) is not type(described.default):
        return False
    limits = described.metadata
    if "choices" in limits:
        return value in limits["choices"]
    if "low" in limits:
        return bool(limits["low"] <= value <= limits["high"])
    return True
