"""Help: the doctor's page, the keys, about."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel

from app.bootstrap import Core
from tests.ui.desk import open_desk
from tests.ui.waiting import until
from ui.app_icon import SIZES, application_icon


async def test_the_doctor_says_what_is_well_and_what_is_not(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("app.doctor").trigger()
        assert desk.window.page == "doctor"
        view = desk.joins.help.view
        await until(lambda: view.lines.count() > 1 and "ook" not in view.summary.text()[:4], "the findings")
        words = [label.text() for label in view.findChildren(QLabel)]
        assert any("database" in text.lower() for text in words)
        # The account's server does not answer in this test, and that is told.
        assert "need a look" in view.summary.text()
        view.close_requested.emit()
        assert desk.window.page == ""


async def test_the_keys_are_shown_and_the_program_names_itself(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("app.keys").trigger()
        assert desk.window.palette_popup.isVisible()
        desk.window.palette_popup.close_palette()
        desk.window.commands.action("app.about").trigger()
        assert "Apache" in desk.window.notices.text


def test_the_icon_has_every_size() -> None:
    assert {size.width() for size in application_icon().availableSizes()} == set(SIZES)
