"""The outbox page: what waits, what exactly it is, trying again, giving up."""

from __future__ import annotations

import uuid

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.bootstrap import Core
from app.crm.actions import RecordTarget
from app.model.ids import OperationId
from app.model.operation import OperationState
from tests.servers.demo import DemoWorld
from tests.ui.org_desk import KARL, STRANGER, OrgDesk, button, click, mail_from, open_org_desk, seen, words
from tests.ui.waiting import turns, until
from ui.crm_panel.person_form import PersonForm
from ui.outbox.model import ROW_ROLE, OutboxRow
from ui.outbox.view import OutboxDelegate, OutboxView

REFUSAL = "The sales desk <i>must</i> agree first."


def page(desk: OrgDesk) -> OutboxView:
    return desk.crm.outbox


def rows(desk: OrgDesk) -> list[OutboxRow]:
    model = desk.joins.crm_models.outbox
    found = (model.index(row, 0).data(ROW_ROLE) for row in range(model.rowCount()))
    return [row for row in found if isinstance(row, OutboxRow)]


async def a_contact_and_its_log(desk: OrgDesk) -> None:
    """Two operations, the second needs the first; the outbox is shown."""
    await desk.sign_in()
    await desk.listed()
    await desk.open("Hello")
    desk.panel.start_create("Contact")
    click(seen(desk.panel, PersonForm)[0].save)
    await desk.operations(1)
    await until(lambda: "Waits in the outbox" in words(desk.panel))
    click(button(desk.panel, "Log mail"))
    await desk.operations(2)
    desk.window.commands.action("go.outbox").trigger()
    await until(lambda: len(rows(desk)) == 2, "two rows")
    await turns()


async def test_an_empty_outbox_says_so(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.listed()
        desk.window.commands.action("go.outbox").trigger()
        await turns()
        assert desk.window.page == "outbox"
        assert "Nothing waits" in words(page(desk))
        click(button(page(desk), "Back to mail"))
        assert desk.window.page == ""


async def test_rows_say_what_waits_for_what_and_the_detail_what_is_sent(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "Hello")]) as desk:
        await a_contact_and_its_log(desk)
        create, log = rows(desk)
        assert (create.title, log.title) == ("New Contact: Nora Neu", "Log “Hello” to Nora Neu")
        assert log.detail == "Goes out after what it needs"
        assert (create.can_retry, create.can_discard) == (False, True)
        # The keyboard is in the list, at the first row.
        assert desk.has_focus(page(desk).table)
        await until(lambda: "nora.neu@nova.example" in words(page(desk)), "the description")
        desk.press(Qt.Key.Key_Down)
        await until(lambda: "Waits for\nNew Contact: Nora Neu" in words(page(desk)), "what it waits for")
        model = desk.joins.crm_models.outbox
        spoken = model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert "Log “Hello” to Nora Neu." in spoken
        assert "Goes out after what it needs" in spoken


async def test_keys_of_the_outbox_leave_the_mail_alone(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "Hello")]) as desk:
        await a_contact_and_its_log(desk)
        for key in ("e", "s", "u", "#"):
            desk.press(key)
        await turns()
        assert [row.title for row in rows(desk)] == ["New Contact: Nora Neu", "Log “Hello” to Nora Neu"]
        assert len(await desk.services.outbox.list()) == 2
        click(button(page(desk), "Back to mail"))
        assert desk.window.commands.action("message.archive").isEnabled()


async def test_what_is_needed_is_given_up_only_after_a_question(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "Hello")]) as desk:
        await a_contact_and_its_log(desk)
        desk.press(Qt.Key.Key_Delete)
        await until(lambda: "would be given up too: Log “Hello”" in words(page(desk)), "the question")
        await turns()
        click(button(page(desk), "Keep"))
        assert len(await desk.operations(2)) == 2
        click(button(page(desk), "Give up"))
        await until(lambda: "would be given up too" in words(page(desk)), "the question")
        click(button(page(desk), "Give all up"))
        await desk.operations(0)
        await until(lambda: "Nothing waits" in words(page(desk)), "the empty page")


async def test_a_refused_operation_comes_first_says_why_and_can_be_tried_again(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Other"), mail_from(STRANGER, "Hello", age_h=2)]) as desk:
        told: list[str] = []
        desk.joins.crm_models.outbox.news.connect(told.append)
        await a_contact_and_its_log(desk)
        body = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": REFUSAL, "fields": ["LastName"]}]
        world.faults("error", status=400, body=body, path_regex="Contact|composite", method="POST")
        await desk.replay()
        await until(lambda: any(row.state is OperationState.FAILED for row in rows(desk)), "the refusal")
        await turns()
        assert rows(desk)[0].state is OperationState.FAILED
        assert REFUSAL in rows(desk)[0].detail
        assert told == ["Refused: New Contact: Nora Neu"]
        desk.crm.outbox.table.selectRow(0)
        await turns()
        assert REFUSAL in words(page(desk))
        page(desk).table.setFocus()
        desk.press(Qt.Key.Key_Return)
        await until(lambda: not any(row.state is OperationState.FAILED for row in rows(desk)), "the new try")
        await desk.replay()
        await until(lambda: "Nothing waits" in words(page(desk)), "the end")
        assert told[-1] == "The outbox is empty"
        assert world.count("", "SELECT COUNT() FROM Contact WHERE Email = 'nora.neu@nova.example'") == 1
        click(button(page(desk), "Back to mail"))


async def test_what_is_done_can_be_listed_too(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "Hello")]) as desk:
        await a_contact_and_its_log(desk)
        await desk.replay()
        await until(lambda: rows(desk) == [], "the empty outbox")
        check = button(page(desk), "Show what is done")
        check.setFocus()
        QTest.keyClick(check, Qt.Key.Key_Space)
        await until(lambda: len(rows(desk)) == 2, "two rows")
        assert {row.state for row in rows(desk)} == {OperationState.DONE}
        assert not any(row.can_retry or row.can_discard for row in rows(desk))
        # A remedy that comes too late is told in words of its own.
        desk.joins.crm_models.outbox.discard(str(rows(desk)[0].operation_id))
        await until(lambda: "This is over already." in words(page(desk)), "the words")
        desk.joins.crm_models.outbox.retry(str(OperationId(str(uuid.uuid4()))))
        await until(lambda: "It is no longer kept here." in words(page(desk)), "the words")


async def test_a_long_title_is_cut_and_told_by_its_tooltip(core: Core, world: DemoWorld) -> None:
    subject = "عرض الأسعار 見積もり 🎉 <b>" + "very " * 60
    async with open_org_desk(core, world, [mail_from(KARL, subject)]) as desk:
        login = await desk.sign_in()
        await desk.listed()
        await desk.choose(subject[:10])
        await desk.services.crm_actions.log_message(
            login.login_id, desk.ids[0], people=[], related_to=(await _opportunity(desk))
        )
        desk.window.commands.action("go.outbox").trigger()
        await until(lambda: len(rows(desk)) == 1, "the row")
        tip = desk.joins.crm_models.outbox.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
        assert "&lt;b&gt;" in tip
        assert isinstance(page(desk).table.itemDelegate(), OutboxDelegate)
        assert page(desk).table.horizontalScrollBar().maximum() == 0
        page(desk).grab()


async def _opportunity(desk: OrgDesk) -> RecordTarget:
    await until(lambda: bool(desk.panel_model.state.log_targets), "the opportunities")
    return desk.panel_model.state.log_targets[0]
