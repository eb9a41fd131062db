"""Logging, and dropping files on cards."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from app.bootstrap import Core
from app.model.operation import OperationKind
from tests.servers.demo import DemoWorld
from tests.ui.org_desk import (
    KARL,
    LEE,
    MIA,
    button,
    click,
    drag_away,
    drag_over,
    drop,
    mail_from,
    open_org_desk,
    seen,
    words,
)
from tests.ui.sample_mail import Letter
from tests.ui.waiting import turns, until
from ui.crm_panel.cards import OperationRow
from ui.crm_panel.log_row import WhereChooser
from ui.crm_panel.model import PanelStatus
from ui.drag import messages_data, part_data

PDF = ("offer & plan.pdf", "application/pdf", b"%PDF-1.4 " * 2000)


async def test_with_no_candidate_a_log_goes_to_the_person_at_once(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(LEE, "Question")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Question")
        click(button(desk.panel, "Log mail"))
        (log,) = await desk.operations(1)
        assert log.payload["related_to"] is None
        assert not seen(desk.panel, WhereChooser)
        await until(lambda: "Log waits in the outbox" in words(desk.panel))
        assert "waits in the outbox" in desk.window.commands.action("crm.log").toolTip()
        await desk.replay()
        await until(lambda: "Logged in Salesforce" in words(desk.panel))
        assert "logged in Salesforce already" in desk.window.commands.action("crm.log").toolTip()
        assert world.count("", "SELECT COUNT() FROM EmailMessage") == 1


async def test_with_one_candidate_a_log_goes_there_at_once_and_can_be_undone(core: Core, world: DemoWorld) -> None:
    (opportunity,) = world.soql("", "SELECT Id FROM Opportunity WHERE Name = 'Acme 2025'")
    rita = world.soql("", "SELECT Id FROM User WHERE Username = 'rita@rita.example'")[0]["Id"]
    account = world.insert("Account", {"Name": "Solo Ltd", "OwnerId": rita})
    world.insert("Contact", {"LastName": "Solo", "Email": "solo@solo.example", "AccountId": account, "OwnerId": rita})
    only = world.insert(
        "Opportunity",
        {
            "Name": "Only one",
            "AccountId": account,
            "StageName": "Qualification",
            "CloseDate": "2099-01-01",
            "OwnerId": rita,
        },
    )
    async with open_org_desk(core, world, [mail_from(("Solo", "solo@solo.example"), "Alone")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Alone")
        click(button(desk.panel, "Log mail"))
        (log,) = await desk.operations(1)
        assert (log.subject_record, only == opportunity["Id"]) == (only, False)
        assert not seen(desk.panel, WhereChooser)
        desk.window.undo_bar.undo()
        await desk.operations(0)
        await until(lambda: button(desk.panel, "Log mail").isEnabled())


async def test_with_two_candidates_it_asks_and_logs_to_the_answer(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer", cc=[MIA])]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        click(button(desk.panel, "Log mail"))
        (chooser,) = seen(desk.panel, WhereChooser)
        names = [answer.accessibleName() for answer in chooser.answers]
        assert {"Acme 2025", "Acme renewal"} <= set(names)
        assert names[-1] == "To the person only"
        assert await desk.services.outbox.list() == []
        click(button(chooser, "Acme renewal"))
        (log,) = await desk.operations(1)
        assert log.subject_record == desk.card("Acme renewal").target.record_id
        await until(lambda: desk.card("Acme renewal")._edge_at_rest == "pending", "the pending mark")
        await desk.replay()
        (message,) = world.soql("", "SELECT Id, RelatedToId FROM EmailMessage")
        assert message["RelatedToId"] == log.subject_record
        await until(lambda: desk.card("Acme renewal")._edge_at_rest == "", "the mark to go")


async def test_an_attachment_dropped_on_a_card_goes_to_its_record(core: Core, world: DemoWorld, tmp_path: Path) -> None:
    letter = Letter(KARL, "Offer", "See the file.", files=[PDF])
    async with open_org_desk(core, world, [letter]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        look = desk.models.message.look
        assert look is not None
        (part,) = look.content.attachments
        data = part_data(look.message_id, part.part_id, tmp_path / "offer.pdf")
        card = desk.card("Acme 2025")
        assert drag_over(card, data)
        assert "Save to Acme 2025" in words(card)
        drag_away(card)
        assert "Save to Acme 2025" not in words(card)
        assert drag_over(card, data)
        assert drop(card, data)
        (attach,) = await desk.operations(1)
        assert (attach.kind, attach.subject_record) == (OperationKind.ATTACH_FILE, card.target.record_id)
        await until(lambda: any("offer & plan.pdf" in one.accessibleName() for one in seen(desk.panel, OperationRow)))
        await desk.replay()
        (version,) = world.soql("", "SELECT Title, ContentSize FROM ContentVersion")
        assert version["ContentSize"] == len(PDF[2])


async def test_files_of_the_desktop_go_one_by_one(core: Core, world: DemoWorld, tmp_path: Path) -> None:
    paths = [tmp_path / "plan.txt", tmp_path / "Büro 見積.txt"]
    for number, path in enumerate(paths):
        path.write_text(f"content {number}", encoding="utf-8")
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        card = desk.card("Acme renewal")
        assert drag_over(card, data)
        assert drop(card, data)
        await desk.operations(2)
        assert desk.window.undo_bar.text == "2 files for Acme renewal in the outbox"
        await desk.replay()
        assert world.count("", "SELECT COUNT() FROM ContentVersion") == 2
        await desk.panel_is(PanelStatus.READY)
        # What is not there, or empty, is told and not queued.
        missing = QMimeData()
        missing.setUrls([QUrl.fromLocalFile(str(tmp_path / "gone.txt"))])
        assert drag_over(desk.card("Acme renewal"), missing)
        assert drop(desk.card("Acme renewal"), missing)
        await until(lambda: not desk.window.notices.isHidden(), "the words")
        assert await desk.services.outbox.list() == []


async def test_a_card_takes_neither_messages_nor_web_addresses(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        card = desk.card("Acme 2025")
        web = QMimeData()
        web.setUrls([QUrl("https://acme.example/offer.pdf")])
        for data in (messages_data(desk.ids), web, QMimeData()):
            assert not drag_over(card, data)
            assert not drop(card, data)
        assert "Save to" not in words(card)
        assert await desk.services.outbox.list() == []


async def test_every_card_becomes_a_zone_and_keeps_its_size_while_a_drag_is_on(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        heights = [card.sizeHint().height() for card in desk.cards()]
        desk.window.set_dragging(True)
        await turns()
        assert all(f"Save to {card.target.name}" in words(card) for card in desk.cards())
        assert [card.sizeHint().height() for card in desk.cards()] == heights
        # Leaving one card does not end the drag for it.
        drag_away(desk.card("Acme 2025"))
        assert "Save to Acme 2025" in words(desk.panel)
        desk.window.set_dragging(False)
        await turns()
        assert "Save to" not in words(desk.panel)


async def test_attachments_reach_a_record_by_keyboard(core: Core, world: DemoWorld) -> None:
    letter = Letter(KARL, "Offer", "See the file.", files=[PDF])
    async with open_org_desk(core, world, [letter]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        action = desk.window.commands.action("crm.attach_parts")
        await until(action.isEnabled)
        action.trigger()
        (chooser,) = seen(desk.panel, WhereChooser)
        assert "Where do you want to save this attachment?" in words(chooser)
        assert "To the person only" not in [one.text() for one in chooser.answers]
        button(chooser, "Acme 2025").click()
        (attach,) = await desk.operations(1)
        assert attach.kind is OperationKind.ATTACH_FILE
        assert not seen(desk.panel, WhereChooser)
