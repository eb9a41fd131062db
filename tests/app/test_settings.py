"""Settings: typed, repaired, told, and never more than plain text may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ValidationFailed
from app.events import EventBus, SettingsChanged
from app.settings import FIELDS, Settings, SettingValues


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


async def loaded(path: Path, bus: EventBus | None = None) -> Settings:
    settings = Settings(path, bus or EventBus())
    await settings.load()
    return settings


async def test_without_a_file_the_defaults_hold_and_nothing_is_written(path: Path) -> None:
    settings = await loaded(path)
    assert settings.values == SettingValues()
    assert 300 <= settings.lookup_ttl_s <= 600
    assert settings.repairs == ()
    await settings.close()
    assert not path.exists()


async def test_a_change_is_kept_and_told(path: Path) -> None:
    bus = EventBus()
    heard: list[SettingsChanged] = []
    bus.subscribe(SettingsChanged, heard.append)
    settings = await loaded(path, bus)
    await settings.change(theme="dark", lookup_ttl_s=600)
    assert (settings.theme, settings.lookup_ttl_s) == ("dark", 600)
    assert heard == [SettingsChanged(("theme", "lookup_ttl_s"))]
    await settings.close()
    again = await loaded(path)
    assert (again.theme, again.lookup_ttl_s) == ("dark", 600)
    await again.close()


async def test_what_a_person_wrote_stays(path: Path) -> None:
    path.write_text('# mine\ntheme = "light" # bright\n[future]\nthing = 1\n', encoding="utf-8")
    settings = await loaded(path)
    await settings.change(work_offline=True)
    await settings.close()
    text = path.read_text(encoding="utf-8")
    assert "# mine" in text
    assert "# bright" in text
    assert "thing = 1" in text
    again = await loaded(path)
    assert again.work_offline
    assert again.theme == "light"
    await again.close()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("lookup_ttl_s = 299", "lookup_ttl_s"),
        ("lookup_ttl_s = 601", "lookup_ttl_s"),
        ("lookup_ttl_s = true", "lookup_ttl_s"),
        ("lookup_ttl_s = 400.5", "lookup_ttl_s"),
        ('lookup_ttl_s = "400"', "lookup_ttl_s"),
        ("lookup_ttl_s = [1]", "lookup_ttl_s"),
        ('theme = "pink"', "theme"),
        ("theme = {}", "theme"),
        ("work_offline = 1", "work_offline"),
        ("work_offline = 1979-05-27", "work_offline"),
    ],
)
async def test_a_bad_value_is_repaired_in_the_file_and_told(path: Path, line: str, name: str) -> None:
    path.write_text(f'log_level = "debug"\n{line}\n', encoding="utf-8")
    settings = await loaded(path)
    assert [repair.name for repair in settings.repairs] == [name]
    assert settings.repairs[0].words
    assert getattr(settings, name) == FIELDS[name].default
    assert settings.log_level == "debug"
    await settings.close()
    again = await loaded(path)
    assert again.repairs == ()
    assert again.log_level == "debug"
    await again.close()


@pytest.mark.parametrize(
    "data", [b"theme = ", b"\xff\xfe\x00", b"[[[", b"a=1\na=2", b"x = '" + b"y" * (1 << 20) + b"'"]
)
async def test_a_file_that_is_no_toml_is_set_aside(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    settings = await loaded(path)
    assert settings.values == SettingValues()
    assert [repair.name for repair in settings.repairs] == [""]
    assert path.with_name("settings.toml.damaged").read_bytes() == data
    await settings.change(theme="dark")
    await settings.close()
    again = await loaded(path)
    assert again.theme == "dark"
    await again.close()


@pytest.mark.parametrize("changes", [{"theme": "pink"}, {"lookup_ttl_s": 0}, {"no_such": 1}, {"work_offline": "yes"}])
async def test_a_change_that_does_not_fit_is_refused(path: Path, changes: dict[str, object]) -> None:
    settings = await loaded(path)
    with pytest.raises(ValidationFailed) as caught:
        await settings.change(**changes)  # type: ignore[arg-type]
    assert caught.value.fields == tuple(changes)
    assert settings.values == SettingValues()
    await settings.close()
    assert not path.exists()


def test_every_setting_can_be_read_by_name() -> None:
    settings = Settings(Path("unused"), EventBus())
    for name, described in FIELDS.items():
        assert getattr(settings, name) == described.default
        assert described.metadata["words"]
