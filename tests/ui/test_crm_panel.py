"""What the Salesforce panel shows: every state of it, and never anything of another mail."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from app.bootstrap import Core
from app.model.operation import OperationState
from tests.servers.demo import DemoWorld
from tests.ui.org_desk import (
    KARL,
    LEE,
    MIA,
    RITA,
    STRANGER,
    OrgDesk,
    button,
    click,
    everything_held,
    mail_from,
    open_org_desk,
    seen,
    words,
)
from tests.ui.waiting import turns, until
from ui.crm_panel.log_row import WhereChooser
from ui.crm_panel.model import PanelState, PanelStatus
from ui.crm_panel.person import OtherPerson, PersonHeader
from ui.crm_panel.person_form import PersonForm
from ui.widgets.labels import Badge
from ui.widgets.states import Skeleton

FRONT_DESK = ("Front Desk", "info@acme.example")


async def test_without_a_login_it_leads_to_one(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.listed()
        await desk.panel_is(PanelStatus.NO_LOGIN)
        await desk.choose("Offer")
        assert "No Salesforce yet" in words(desk.panel)
        action = desk.window.commands.action("crm.log")
        assert (action.isEnabled(), action.toolTip()) == (False, "Sign in to Salesforce to log mails.")
        click(button(desk.panel, "Add Salesforce"))
        assert desk.window.page == "accounts"
        assert desk.crm.accounts.salesforce_form.isVisible()
        assert desk.has_focus(desk.crm.accounts.salesforce_form.client_id)


async def test_without_a_mail_it_says_so_and_with_one_it_shows_everybody(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer", cc=[MIA, STRANGER])]) as desk:
        await desk.sign_in()
        await desk.listed()
        desk.panel_model.show_nothing()
        await desk.panel_is(PanelStatus.NO_MESSAGE)
        assert "No mail selected" in words(desk.panel)
        world.clear_requests()
        await desk.open("Offer")
        text = words(desk.panel)
        assert world.api_calls() == 1
        assert "Karl Klein\ncanary-title, Acme GmbH\nkarl@acme.example" in text
        assert {card.target.name for card in desk.cards()} >= {"Acme GmbH", "Acme 2025", "Acme renewal"}
        assert "Acme line 2" not in text
        assert [one.words for one in seen(desk.panel, OtherPerson)] == [
            "Mia Moser  ·  Contact  ·  Acme GmbH",
            "Nora Neu",
        ]
        (header,) = seen(desk.panel, PersonHeader)
        assert "Email of the Contact is karl@acme.example" in header.toolTip()
        click(button(desk.panel, "Mia Moser"))
        await turns()
        assert "00001001 Gateway drops off" in words(desk.panel)
        assert "canary-title" not in everything_held(desk.panel)
        assert world.api_calls() == 1


async def test_while_salesforce_is_asked_nothing_of_the_mail_before_is_left(core: Core, world: DemoWorld) -> None:
    mails = [mail_from(KARL, "Offer"), mail_from(LEE, "Question", age_h=2)]
    async with open_org_desk(core, world, mails) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        world.faults("delay", s=2, path_regex="composite")
        await desk.choose("Question")
        assert desk.panel_model.state.status is PanelStatus.LOADING
        assert "lee@newco.example" in words(desk.panel)
        assert "Salesforce is asked" in words(desk.panel)
        held = everything_held(desk.panel)
        assert not any(name in held for name in ("Karl", "Acme 2025", "canary-title"))
        assert "being asked" in desk.window.commands.action("crm.log").toolTip()
        await desk.panel_is(PanelStatus.READY)
        assert "NewCo Systems Ltd" in words(desk.panel)


async def test_before_anybody_is_known_grey_bars_hold_the_place(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        login = await desk.sign_in()
        desk.panel.show_state(PanelState(PanelStatus.LOADING, login=login))
        assert seen(desk.panel, Skeleton)


async def test_nobody_besides_oneself(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(("Rita Rep", "rita@globex.example"), "To myself")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("To myself")
        assert "Nobody to look up" in words(desk.panel)


async def test_a_stranger_can_be_created(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "First contact")]) as desk:
        login = await desk.sign_in()
        await desk.services.schema.look(login.login_id, "Contact")
        await desk.listed()
        await desk.open("First contact")
        assert "Not in Salesforce" in words(desk.panel)
        assert not any(one.text() == "Log mail" for one in seen(desk.panel, QToolButton))
        assert "Create a contact or lead first" in desk.window.commands.action("crm.log").toolTip()
        click(button(desk.panel, "New contact"))
        (form,) = seen(desk.panel, PersonForm)
        assert {name: field.text() for name, field in form.fields.items() if field.isVisible()} == {
            "FirstName": "Nora",
            "LastName": "Neu",
            "Email": "nora.neu@nova.example",
            "Title": "",
            "Phone": "",
        }
        form.fields["LastName"].clear()
        QTest.keyClick(form.fields["Phone"], Qt.Key.Key_Return)
        assert "Salesforce needs last name." in words(form)
        assert desk.has_focus(form.fields["LastName"])
        QTest.keyClicks(form.fields["LastName"], "Neu")
        QTest.keyClicks(form.fields["Title"], "x" * 129)
        click(form.save)
        await until(lambda: "Too long for Salesforce: Title." in words(form), "the refusal")
        assert form.fields["LastName"].text() == "Neu"
        form.fields["Title"].setText("Head of Finance")
        click(form.save)
        click(form.save)
        (waiting,) = await desk.operations(1)
        await until(lambda: "Waits in the outbox to be created" in words(desk.panel))
        assert not form.isVisible()
        assert desk.window.undo_bar.text == "New Contact is in the outbox"
        # The mail can be logged to somebody who is not there yet.
        click(button(desk.panel, "Log mail"))
        await desk.operations(2)
        await desk.replay()
        await desk.operations(0)
        (row,) = world.soql("", "SELECT Id, Title FROM Contact WHERE Email = 'nora.neu@nova.example'")
        assert row["Title"] == "Head of Finance"
        await until(lambda: "Head of Finance" in words(desk.panel), "the new contact's card")
        assert waiting.title == "New Contact: Nora Neu"


async def test_a_refused_create_says_why_and_can_be_given_up_with_what_needs_it(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "First contact")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("First contact")
        desk.panel.start_create("Contact")
        click(seen(desk.panel, PersonForm)[0].save)
        await desk.operations(1)
        await until(lambda: "Waits in the outbox" in words(desk.panel))
        click(button(desk.panel, "Log mail"))
        await desk.operations(2)
        reason = "Contacts of Nova <b>may not</b> be made. " + "Ask the sales desk first. " * 30
        body = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": reason, "fields": ["LastName"]}]
        world.faults("error", status=400, body=body, path_regex="Contact|composite", method="POST")
        await desk.replay()
        await until(lambda: "Salesforce refused to create this" in words(desk.panel), "the refusal")
        assert "may not</b> be made" in words(desk.panel)
        assert len(max(words(desk.panel).splitlines(), key=len)) < 400
        click(button(desk.panel, "Discard"))
        await until(lambda: "would be discarded too" in words(desk.panel), "the question")
        assert "Log “First contact”" in words(desk.panel)
        click(button(desk.panel, "Keep"))
        assert len(await desk.operations(2)) == 2
        click(button(desk.panel, "Try again"))
        await until(lambda: "Waits in the outbox to be created" in words(desk.panel))
        await desk.replay()
        assert world.count("", "SELECT COUNT() FROM Contact WHERE Email = 'nora.neu@nova.example'") == 1


async def test_everything_that_needs_it_is_given_up_on_one_answer(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "First contact")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("First contact")
        desk.panel.start_create("Lead")
        click(seen(desk.panel, PersonForm)[0].save)
        (create,) = await desk.operations(1)
        await until(lambda: "Waits in the outbox" in words(desk.panel))
        click(button(desk.panel, "Log mail"))
        await desk.operations(2)
        desk.panel_model.discard(create.operation_id)
        await until(lambda: "would be discarded too" in words(desk.panel), "the question")
        click(button(desk.panel, "Discard all"))
        await desk.operations(0)
        await until(lambda: "Not in Salesforce" in words(desk.panel), "the stranger again")


async def test_a_section_that_may_not_be_seen_says_so(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in("blind@rita.example")
        await desk.listed()
        await desk.open("Offer")
        assert "canary-title, Acme GmbH" in words(desk.panel)
        assert words(desk.panel).count("Your rights in Salesforce do not include these.") == 2
        assert [card.target.object_type for card in desk.cards()] == ["Account"]


async def test_a_revoked_sign_in_is_asked_for_and_comes_back(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        world.revoke_tokens()
        desk.panel_model.refresh()
        await desk.panel_is(PanelStatus.SIGN_IN)
        assert "Salesforce needs you to sign in again." in words(desk.panel)
        assert "Acme 2025" not in everything_held(desk.panel)
        click(button(desk.panel, "Sign in"))
        assert desk.window.page == "accounts"
        desk.browser.sign_in_as(RITA, world.login(RITA).password)
        click(button(desk.crm.accounts, "Sign in again"))
        await desk.panel_is(PanelStatus.READY)
        assert "Acme 2025" in words(desk.panel)
        assert "Signed in to Rita Instruments as Rita Rep." in words(desk.crm.accounts)


async def test_offline_it_says_so_and_comes_back_by_itself(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        await desk.sign_in()
        await desk.listed()
        desk.services.connectivity.set_work_offline(True)
        await desk.open("Offer", PanelStatus.OFFLINE)
        assert "No current data" in words(desk.panel)
        assert "Not looked up yet" in words(desk.panel)
        assert desk.cards() == []
        desk.services.connectivity.set_work_offline(False)
        await desk.panel_is(PanelStatus.READY)
        assert "No current data" not in words(desk.panel)


async def test_offline_a_mail_can_go_to_a_record_worked_on_lately(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer"), mail_from(KARL, "Second", age_h=2)]) as desk:
        login = await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        click(button(desk.panel, "Log mail"))
        click(button(desk.panel, "Acme renewal"))
        await desk.operations(1)
        await desk.replay()
        await desk.operations(0)
        desk.services.connectivity.set_work_offline(True)
        desk.services.lookup.forget(login.login_id)
        await desk.open("Second", PanelStatus.OFFLINE)
        await until(lambda: button(desk.panel, "Log mail").isEnabled())
        click(button(desk.panel, "Log mail"))
        (chooser,) = seen(desk.panel, WhereChooser)
        assert "Acme renewal" in [answer.accessibleName() for answer in chooser.answers]
        click(button(chooser, "Acme renewal"))
        (log,) = await desk.operations(1)
        assert log.subject_record == world.soql("", "SELECT Id FROM Opportunity WHERE Name = 'Acme renewal'")[0]["Id"]


async def test_values_leave_the_screen_when_they_leave_memory(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer")]) as desk:
        login = await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        click(button(desk.panel, "Log mail"))
        assert "Acme renewal" in everything_held(desk.panel)
        world.network(salesforce="down")
        desk.services.lookup.forget(login.login_id)
        await turns()
        held = everything_held(desk.panel)
        assert not any(value in held for value in ("Acme 2025", "Acme renewal", "canary-title", "Acme GmbH"))
        await desk.panel_is(PanelStatus.OFFLINE)
        assert "Acme 2025" not in everything_held(desk.panel)


async def test_rapid_selection_never_shows_one_mail_beside_another(core: Core, world: DemoWorld) -> None:
    people = [KARL, LEE, STRANGER, MIA]
    mails = [mail_from(people[n % 4], f"Mail {n:02}", age_h=n + 1.0) for n in range(40)]
    async with open_org_desk(core, world, mails) as desk:
        await desk.sign_in()
        await desk.listed()
        expected = {desk.ids[n]: people[n % 4][1] for n in range(40)}
        shown: list[PanelState] = []
        desk.panel_model.state_changed.connect(shown.append)
        world.faults("delay", s=0.05, when="after", times=-1, path_regex="composite", probability=0.5)
        for turn in range(120):
            desk.mail.messages.table.go_to(turn * 7 % 40)
            await asyncio.sleep(0.004 * (turn % 5))
        await until(lambda: desk.panel_model.state.status is PanelStatus.READY, "the last mail's panel")
        await turns()
        assert len({state.message_id for state in shown}) >= 5
        for state in shown:
            if state.message_id is not None:
                assert {entry.address.address for entry in state.people} <= {expected[state.message_id]}
                assert all(
                    entry.match is None or entry.match.address == entry.address.address for entry in state.people
                )
        # A known person was never called unknown: that would be another mail's answer.
        ready = [state for state in shown if state.status is PanelStatus.READY and state.message_id is not None]
        assert all((state.people[0].match is None) == (expected[state.message_id] == STRANGER[1]) for state in ready)
        assert expected[desk.mail.selected[0]] in words(desk.panel)


async def test_a_failed_question_for_one_mail_is_no_news_for_another(core: Core, world: DemoWorld) -> None:
    mails = [mail_from(KARL, "Offer"), mail_from(LEE, "Question", age_h=2)]
    async with open_org_desk(core, world, mails) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        world.faults("delay", s=0.6, path_regex="composite")
        world.faults("error", status=503, body=[], path_regex="composite", times=3)
        await desk.choose("Question")
        await desk.choose("Offer")
        await asyncio.sleep(1.0)
        assert desk.panel_model.state.status is PanelStatus.READY
        assert "canary-title" in words(desk.panel)


async def test_a_question_does_not_outlive_its_mail(core: Core, world: DemoWorld) -> None:
    mails = [mail_from(KARL, "Offer"), mail_from(MIA, "Gateway", age_h=2), mail_from(STRANGER, "Hello", age_h=3)]
    async with open_org_desk(core, world, mails) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        click(button(desk.panel, "Log mail"))
        assert seen(desk.panel, WhereChooser)
        await desk.open("Gateway")
        assert not seen(desk.panel, WhereChooser)
        await desk.open("Hello")
        desk.panel.start_create("Lead")
        (form,) = seen(desk.panel, PersonForm)
        assert form.fields["Company"].text() == "Nova"
        await desk.open("Offer")
        await desk.open("Hello")
        assert not seen(desk.panel, PersonForm)
        assert await desk.services.outbox.list() == []


async def test_several_records_of_one_address_are_listed_with_their_type(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(FRONT_DESK, "Delivery")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Delivery")
        listed = [one.words for one in seen(desk.panel, OtherPerson)]
        assert len(listed) == 3
        assert listed[-1] == "Front Desk  ·  Lead  ·  Acme GmbH"
        assert all("Contact" in one for one in listed[:2])
        click(button(desk.panel, "Front Desk"))
        await turns()
        assert "LEAD" in [badge.accessibleName() for badge in seen(desk.panel, Badge)]
        # One address is one person: the mail is logged to the record that was chosen and to no other.
        click(button(desk.panel, "Log mail"))
        (log,) = await desk.operations(1)
        people = log.payload["people"]
        assert isinstance(people, list)
        assert [one["name"] for one in people if isinstance(one, dict)] == ["Front Desk"]


async def test_many_recipients_are_folded(core: Core, world: DemoWorld) -> None:
    others = [(f"Person {n:02}", f"person{n:02}@nova.example") for n in range(12)]
    async with open_org_desk(core, world, [mail_from(KARL, "To all", cc=others)]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("To all")
        assert len(seen(desk.panel, OtherPerson)) == 5
        click(button(desk.panel, "7 more"))
        await turns()
        assert len(seen(desk.panel, OtherPerson)) == 12
        assert desk.has_focus(seen(desk.panel, OtherPerson)[5])


@pytest.mark.parametrize("way", ["chooser", "form"])
async def test_the_keyboard_reaches_questions_and_escape_closes_them(core: Core, world: DemoWorld, way: str) -> None:
    mails = [mail_from(KARL, "Offer"), mail_from(STRANGER, "Hello", age_h=2)]
    async with open_org_desk(core, world, mails) as desk:
        await desk.sign_in()
        await desk.listed()
        if way == "chooser":
            await desk.open("Offer")
            desk.press("l")
            (chooser,) = seen(desk.panel, WhereChooser)
            assert desk.has_focus(chooser.answers[0])
            desk.press(Qt.Key.Key_Down)
            assert desk.has_focus(chooser.answers[1])
            desk.press(Qt.Key.Key_Up)
            assert desk.has_focus(chooser.answers[0])
            chosen: list[object] = []
            chooser.chosen.connect(chosen.append)
            chooser.chosen.disconnect(desk.panel.log_requested)
            desk.press(Qt.Key.Key_Return)
            assert len(chosen) == 1
            desk.press("l")
        else:
            await desk.open("Hello")
            desk.window.commands.action("crm.create_lead").trigger()
            assert desk.has_focus(seen(desk.panel, PersonForm)[0])
        desk.press(Qt.Key.Key_Escape)
        await turns()
        assert not seen(desk.panel, WhereChooser)
        assert not seen(desk.panel, PersonForm)
        assert desk.has_focus(desk.panel)
        assert await desk.services.outbox.list() == []


async def test_another_org_shows_its_own_and_what_waits_for_it(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(STRANGER, "Hello")]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Hello")
        desk.panel.start_create("Contact")
        click(seen(desk.panel, PersonForm)[0].save)
        (waiting,) = await desk.operations(1)
        await until(lambda: "Waits in the outbox" in words(desk.panel))
        sandbox = await desk.sign_in("rita@sandbox.example")
        desk.panel_model.use_login(sandbox.login_id)
        await until(lambda: desk.panel_model.state.login == sandbox, "the sandbox")
        await desk.panel_is(PanelStatus.READY)
        assert "SANDBOX" in words(desk.panel)
        assert "Not in Salesforce" in words(desk.panel)
        assert "Waits" not in words(desk.panel)
        assert waiting.state is OperationState.PENDING


async def test_every_part_has_a_name(core: Core, world: DemoWorld) -> None:
    async with open_org_desk(core, world, [mail_from(KARL, "Offer", cc=[MIA])]) as desk:
        await desk.sign_in()
        await desk.listed()
        await desk.open("Offer")
        assert _nameless(desk) == []


def _nameless(desk: OrgDesk) -> list[str]:
    found = []
    for widget in desk.panel.findChildren(object):
        if hasattr(widget, "focusPolicy") and widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            name = widget.accessibleName() or getattr(widget, "text", lambda: "")()
            if not name:
                found.append(type(widget).__name__)
    return found
