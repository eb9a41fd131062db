"""The settings page: a change is kept at once, bounds hold, and repairs are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QStyle, QStyleOptionButton, QToolButton, QWidget

from app.bootstrap import Core, open_core
from app.errors import ValidationFailed
from app.paths import Profile
from tests.servers.secrets_in_memory import InMemorySecretStore
from tests.ui.desk import open_desk
from tests.ui.org_desk import button, click, seen, words
from tests.ui.waiting import turns, until
from ui.theme import HIT_TARGET, Appearance, tones
from ui.widgets.choice import CheckBox
from ui.widgets.scroll import column_in_middle, scrolled


async def test_a_change_is_kept_at_once(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("app.settings").trigger()
        page = desk.joins.crm.settings
        assert (page.lookup.value(), page.poll.value(), page.theme.currentData()) == (7, 5, "system")
        QTest.keyClick(page.lookup, Qt.Key.Key_Up)
        await until(lambda: desk.services.settings.lookup_ttl_s == 480, "the new time")
        page.theme.setCurrentIndex(page.theme.findData("dark"))
        page.theme.activated.emit(page.theme.currentIndex())
        await until(lambda: desk.services.settings.theme == "dark", "the new colours")
        kept = core.profile.settings_file.read_text(encoding="utf-8")
        assert "lookup_ttl_s = 480" in kept
        assert 'theme = "dark"' in kept
        assert str(core.profile.root) in words(page)
        click(button(page, "Back to mail"))
        assert desk.window.page == ""


async def test_a_number_can_be_read_and_stepped_with_the_mouse(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("app.settings").trigger()
        await turns()
        page = desk.joins.crm.settings
        field = page.lookup.lineEdit()
        assert field.width() > field.fontMetrics().horizontalAdvance(page.lookup.text())
        more = next(one for one in seen(page, QToolButton) if one.accessibleName() == "More")
        assert min(more.width(), more.height()) >= HIT_TARGET
        click(more)
        await until(lambda: desk.services.settings.lookup_ttl_s == 480, "the new time")


@pytest.mark.parametrize("choice", ["light", "dark"])
async def test_a_check_box_stands_out_from_its_ground(appearance: Appearance, choice: str) -> None:
    appearance.choose(choice)
    box = CheckBox("STARTTLS")
    box.setStyleSheet(f"background: {tones().surface};")
    box.show()
    await turns()
    empty = box.grab().toImage()
    box.setChecked(True)
    await turns()
    ticked = box.grab().toImage()
    place = box.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, _option(box), box)
    assert contrast(empty.pixelColor(place.left(), place.center().y()), QColor(tones().surface)) >= 3
    assert contrast(ticked.pixelColor(place.left() + 2, place.top() + 2), QColor(tones().surface)) >= 3
    box.close()
    box.deleteLater()


def _option(box: CheckBox) -> QStyleOptionButton:
    option = QStyleOptionButton()
    box.initStyleOption(option)
    return option


def contrast(first: QColor, second: QColor) -> float:
    """The contrast of two colours (WCAG 2.2)."""

    def light(one: QColor) -> float:
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (one.redF(), one.greenF(), one.blueF())
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dark = sorted((light(first), light(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


async def test_what_changes_elsewhere_is_shown_and_not_written_back(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.services.settings.change(lookup_ttl_s=599, poll_s=90)
        await turns()
        page = desk.joins.crm.settings
        assert (page.lookup.value(), page.poll.value()) == (10, 2)
        assert (desk.services.settings.lookup_ttl_s, desk.services.settings.poll_s) == (599, 90)


async def test_bounds_hold_in_the_page_and_below_it(core: Core) -> None:
    async with open_desk(core) as desk:
        page = desk.joins.crm.settings
        page.lookup.setValue(99)
        await until(lambda: desk.services.settings.lookup_ttl_s == 600, "the longest time")
        page.lookup.setValue(0)
        await until(lambda: desk.services.settings.lookup_ttl_s == 300, "the shortest time")
        page.lookup.lineEdit().selectAll()
        QTest.keyClicks(page.lookup, "700")
        QTest.keyClick(page.lookup, Qt.Key.Key_Return)
        await turns()
        assert 5 <= page.lookup.value() <= 10
        with pytest.raises(ValidationFailed):
            await desk.services.settings.change(lookup_ttl_s=601)


async def test_a_damaged_setting_is_told(tmp_path: Path) -> None:
    profile = Profile(tmp_path / "profile")
    profile.prepare()
    profile.settings_file.write_text('lookup_ttl_s = "long"\n', encoding="utf-8")
    async with open_core(profile, secrets=InMemorySecretStore()) as core, open_desk(core) as desk:
        desk.window.commands.action("app.settings").trigger()
        await turns()
        assert "lookup_ttl_s had an unusable value" in words(desk.joins.crm.settings)


async def test_a_tall_content_scrolls_down_and_never_sideways() -> None:
    label = QLabel("word " * 400)
    label.setWordWrap(True)
    area = scrolled(column_in_middle(label, 300))
    area.resize(800, 100)
    area.show()
    await turns()
    assert area.verticalScrollBar().maximum() > 0
    assert area.horizontalScrollBar().maximum() == 0
    assert label.width() <= 300
    holder = area.widget()
    assert isinstance(holder, QWidget)
    left = label.mapTo(holder, label.rect().topLeft()).x()
    assert abs(left - (holder.width() - label.width()) // 2) <= 2
    area.resize(200, 100)
    await turns()
    assert label.width() <= 200
    area.close()
    area.deleteLater()
