"""Writing: prefilled, kept while it grows, asked in place, queued once, and no header smuggled in."""

from __future__ import annotations

import datetime as dt
import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.bootstrap import Core
from app.mail import outgoing_message
from app.model.mail import Address
from app.model.operation import OperationKind
from tests.ui.desk import Desk, open_desk
from tests.ui.org_desk import button, click, words
from tests.ui.waiting import turns, until
from ui.composer.model import join_addresses, parse_addresses
from ui.composer.view import ComposerWindow

KARL = ("Karl", "karl@acme.example")


async def opened(desk: Desk, command: str) -> ComposerWindow:
    """The window that an action opens, once it is filled."""
    desk.window.commands.action(command).trigger()
    composer = desk.joins.crm._composers[-1]
    await until(lambda: composer.send_button.isEnabled(), "the composer to be ready")
    composer.activateWindow()
    await turns()
    return composer


async def closed(desk: Desk, composer: ComposerWindow) -> None:
    """Until the window is gone."""
    await until(lambda: composer not in desk.joins.crm._composers, "the window to close")
    await turns()


async def test_a_reply_is_prefilled(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer for the Q4")
        composer = await opened(desk, "message.reply")
        assert composer.to.text() == "Karl Klein <karl.klein@acme.example>"
        assert composer.subject.text() == "Re: Offer for the Q4 delivery"
        assert composer.text.toPlainText().startswith("\n\nOn ")
        assert "> 1. Does the price hold until 15 January?" in composer.text.toPlainText()
        assert not composer.cc.isVisible()
        assert composer.windowTitle() == "Re: Offer for the Q4 delivery"
        composer.close()
        await turns()
        # Nothing was written, so nothing is kept.
        assert await desk.services.composer.drafts() == []


async def test_a_reply_to_all_shows_its_copies(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer for the Q4")
        composer = await opened(desk, "message.reply_all")
        assert composer.cc.isVisible()
        assert "mia.moser@acme.example" in composer.cc.text()


async def test_a_forward_goes_to_nobody_yet(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer for the Q4")
        composer = await opened(desk, "message.forward")
        assert (composer.to.text(), composer.subject.text()) == ("", "Fwd: Re: Offer for the Q4 delivery")
        assert "Attachments: Drawings Linz rev C.pdf, Q4 figures.xlsx (not included)" in composer.text.toPlainText()
        click(composer.send_button)
        assert "Add a recipient." in words(composer)
        assert await desk.services.outbox.list() == []


async def test_a_draft_is_kept_while_it_grows_and_when_the_window_closes(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        QTest.keyClicks(composer.subject, "Plan")
        await until(lambda: "Draft kept" in words(composer), "the draft to be kept")
        assert [draft.subject for draft in await desk.services.composer.drafts()] == ["Plan"]
        QTest.keyClicks(composer.text, "First thought")
        assert "Draft kept" not in words(composer)
        composer.close()
        await until(lambda: "The draft is kept" in desk.window.notices.text, "the words")
        await turns()
        (draft,) = await desk.services.composer.drafts()
        assert draft.text == "First thought"
        click(button(desk.window.notices, "Continue writing"))
        again = desk.joins.crm._composers[-1]
        await until(lambda: again.text.toPlainText() == "First thought", "the draft to be open again")
        assert again is not composer


async def test_drafts_can_be_opened_again_and_only_once(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        QTest.keyClicks(composer.subject, "Plan")
        composer.close()
        await until(lambda: "The draft is kept" in desk.window.notices.text, "the words")
        desk.window.commands.action("mail.drafts").trigger()
        await until(lambda: len(desk.joins.crm._composers) == 1, "the draft")
        await until(lambda: desk.joins.crm._composers[0].subject.text() == "Plan", "its subject")
        desk.window.commands.action("mail.drafts").trigger()
        await until(lambda: "No draft is kept" in desk.window.notices.text, "the words")
        assert len(desk.joins.crm._composers) == 1


async def test_sending_puts_it_into_the_outbox_once(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Re: Offer for the Q4")
        composer = await opened(desk, "message.reply")
        QTest.keyClicks(composer.text, "Yes.")
        QTest.keyClick(composer.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        # Impatience does not send twice, nor does saving stop it.
        QTest.keyClick(composer.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        composer._send()
        composer._model.send()
        composer._model.save()
        await closed(desk, composer)
        (operation,) = await desk.services.outbox.list()
        assert operation.kind is OperationKind.SEND_MESSAGE
        assert await desk.services.composer.drafts() == []
        assert desk.window.undo_bar.text == "Message is in the outbox"
        desk.window.undo_bar.undo()
        for _ in range(500):
            if not await desk.services.outbox.list():
                break
            await turns()
        assert [draft.subject for draft in await desk.services.composer.drafts()] == ["Re: Offer for the Q4 delivery"]


async def test_what_looks_forgotten_is_asked_in_place(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        QTest.keyClicks(composer.to, "not-an-address")
        click(composer.send_button)
        assert "This is not an address: not-an-address" in words(composer)
        composer.to.setText("karl@acme.example")
        composer.text.setPlainText("The plan is attached.")
        # The words about the address are still there: they are no answer to this question.
        click(composer.send_button)
        assert "It has no subject. It speaks of an attachment and has none." in words(composer)
        await turns()
        assert await desk.services.outbox.list() == []
        QTest.keyClick(composer.text, Qt.Key.Key_Escape)
        await turns()
        assert composer.isVisible()
        composer.subject.setText("Plan")
        click(composer.send_button)
        assert "It speaks of an attachment and has none." in words(composer)
        click(button(composer, "Send anyway"))
        await closed(desk, composer)
        assert len(await desk.services.outbox.list()) == 1


async def test_a_bad_copy_is_found_where_it_is(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        composer.to.setText("karl@acme.example")
        click(button(composer, "Cc Bcc"))
        assert composer.cc.isVisible()
        composer.bcc.setText("mia@")
        click(composer.send_button)
        assert "This is not an address: mia@" in words(composer)
        assert composer.bcc.property("role") == "invalid"
        assert desk.has_focus(composer.bcc)
        composer.bcc.setText("mia@acme.example")
        assert composer.bcc.property("role") == ""


async def test_discarding_asks_where_something_was_written(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        QTest.keyClicks(composer.text, "Draft")
        composer._model.save()
        click(button(composer, "Discard"))
        assert composer.isVisible()
        click(button(composer, "Discard message"))
        await closed(desk, composer)
        for _ in range(200):
            await turns()
        assert await desk.services.composer.drafts() == []


async def test_without_an_account_it_says_so(core: Core) -> None:
    async with open_desk(core, has_account=False) as desk:
        desk.window.commands.action("mail.write").trigger()
        composer = desk.joins.crm._composers[-1]
        await until(lambda: "There is no mail account yet." in words(composer), "the words")
        assert not composer.send_button.isEnabled()


async def test_tab_goes_through_the_fields_in_their_order(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        click(button(composer, "Cc Bcc"))
        composer.to.setFocus()
        visited = []
        for _ in range(5):
            visited.append(QApplication.focusWidget())
            QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert visited == [composer.to, composer.cc, composer.bcc, composer.subject, composer.text]
        assert desk.has_focus(composer.send_button)


@pytest.mark.parametrize(
    ("typed", "expected", "bad"),
    [
        ("Karl <karl@acme.example>; mia@acme.example", [KARL, ("", "mia@acme.example")], []),
        ('"Klein, Karl" <karl@acme.example>,', [("Klein, Karl", "karl@acme.example")], []),
        ('"The \\"boss\\"" <karl@acme.example>', [('The "boss"', "karl@acme.example")], []),
        ("山田 花子 <hanako@example.net>", [("山田 花子", "hanako@example.net")], []),
        ("karl@acme.example\r\nBcc: spy@evil.example", [], ["karl@acme.example Bcc: spy@evil.example"]),
        ("karl@acme.example, mia@, karl@@acme.example", [("", "karl@acme.example")], ["mia@", "karl@@acme.example"]),
        ("Karl <karl@acme.example> <spy@evil.example>", [], ["Karl <karl@acme.example> <spy@evil.example>"]),
        ("friends: karl@acme.example", [], ["friends: karl@acme.example"]),
        ('"Karl <karl@acme.example>', [], ['"Karl <karl@acme.example>']),
        ("", [], []),
        (" , ;", [], []),
    ],
)
def test_addresses_are_read_as_they_are_typed(typed: str, expected: list[tuple[str, str]], bad: list[str]) -> None:
    found, refused = parse_addresses(typed)
    assert [(address.name, address.address) for address in found] == expected
    assert refused == bad


@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["a@b.example", "o'x+y@c.example"])), max_size=4))
def test_what_is_prefilled_is_read_back(people: list[tuple[str, str]]) -> None:
    addresses = tuple(Address(" ".join(name.split()), address) for name, address in people)
    assert parse_addresses(join_addresses(addresses)) == (list(addresses), [])


async def test_no_field_can_add_a_header(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        composer = await opened(desk, "mail.write")
        composer.to.setText('"Karl\r\nX-Evil: 1" <karl@acme.example>')
        composer.subject.setText("Plan\r\nBcc: spy@evil.example")
        composer.text.setPlainText("Hello")
        click(composer.send_button)
        await closed(desk, composer)
        (operation,) = await desk.services.outbox.list()
        message = outgoing_message.from_json(operation.payload)
        assert [address.address for address in message.to] == ["karl@acme.example"]
        raw = outgoing_message.build(message, dt.datetime.now().astimezone())
        read = email.message_from_bytes(raw, policy=email.policy.default)
        assert (read["X-Evil"], read["Bcc"]) == (None, None)
        assert outgoing_message.recipients(message) == ["karl@acme.example"]
