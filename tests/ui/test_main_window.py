"""The whole window: keyboard, panes, palette, bars, reading, undo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QToolButton, QWidget

from app.bootstrap import Core
from app.events import SyncProgressed
from app.model.mail import Address, Flag, FolderRole
from app.model.operation import OperationKind
from tests.ui.desk import open_desk, sandbox_login
from tests.ui.sample_mail import Letter, folder_of, store
from tests.ui.waiting import turns, until
from ui.drag import messages_data, part_data
from ui.folder_tree.model import PLACE_ROLE
from ui.theme import HIT_TARGET

SIZES = [(1920, 1080), (1280, 800), (1100, 700), (1024, 700), (899, 650), (760, 480)]


async def test_folders_list_and_reader_show_what_is_stored(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        names = [item.data(PLACE_ROLE).name for item in desk.models.folders.items()]
        assert names[:2] == ["Inbox", "Outbox"]
        assert names[3] == "rita@globex.example"
        assert "Acme GmbH" in names
        await desk.choose("Re: Offer")
        assert desk.mail.reader.header.subject.text == "Re: Offer for the Q4 delivery"
        assert "thanks for the offer" in desk.mail.reader.plain.toPlainText()
        assert len(desk.mail.reader.attachments.chips) == 2


async def test_the_keyboard_alone_is_enough(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        assert desk.has_focus(desk.mail.messages.table)
        desk.press("j")
        assert desk.mail.messages.table.currentIndex().row() == 0
        desk.press("jj")
        assert desk.mail.messages.table.currentIndex().row() == 2
        desk.press("k")
        assert desk.mail.messages.table.currentIndex().row() == 1
        await until(lambda: desk.models.message.look is not None)
        desk.press(Qt.Key.Key_Return)
        assert desk.has_focus(desk.mail.reader)
        desk.press(Qt.Key.Key_Escape)
        assert desk.has_focus(desk.mail.messages.table)
        desk.press("/")
        assert desk.has_focus(desk.window.toolbar.search)
        desk.press("jk#")
        assert desk.window.toolbar.search.text() == "jk#"
        desk.press(Qt.Key.Key_Escape)
        assert desk.window.toolbar.search.text() == ""
        assert desk.has_focus(desk.mail.messages.table)


async def test_g_then_a_letter_goes_to_a_place(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.press("g")
        desk.press("s")
        await until(lambda: desk.models.messages.total == 1)
        assert desk.mail.folders.key == f"folder:{await folder_of(core, desk.account, 'Sent')}"
        desk.press("go")
        assert desk.window.page == "outbox"
        desk.press("gi")
        assert desk.window.page == ""
        await until(lambda: desk.models.messages.total == 35)


async def test_single_keys_can_be_switched_off(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("view.single_keys").trigger()
        desk.press("j")
        assert desk.mail.messages.table.currentIndex().row() <= 0
        desk.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        assert desk.window.palette_popup.isVisible()


async def test_f6_goes_round_the_panes(core: Core) -> None:
    async with open_desk(core, login=sandbox_login()) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        desk.mail.messages.table.setFocus()
        seen: list[str] = []
        for _ in range(4):
            desk.press(Qt.Key.Key_F6)
            panes = {
                "folders": desk.mail.folders,
                "list": desk.mail.messages,
                "reader": desk.mail.reader,
                "panel": desk.joins.crm.panel,
            }
            seen += [name for name, pane in panes.items() if desk.has_focus(pane)]
        assert seen == ["reader", "panel", "folders", "list"]
        desk.press(Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
        assert desk.has_focus(desk.mail.folders)


async def test_the_palette_finds_and_runs(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        palette = desk.window.palette_popup
        rows = palette.list.model()
        everything = rows.rowCount()
        assert everything == len(desk.window.commands.offered()) - 1
        desk.press("go out")
        assert rows.rowCount() == 1
        desk.press(Qt.Key.Key_Return)
        assert not palette.isVisible()
        assert desk.window.page == "outbox"
        desk.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        desk.press("zzz")
        assert rows.rowCount() == 0
        desk.press(Qt.Key.Key_Return)
        desk.press(Qt.Key.Key_Escape)
        assert not palette.isVisible()


async def test_archive_goes_on_to_the_next_and_undo_brings_it_back(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Revised figures")
        row = desk.mail.messages.table.currentIndex().row()
        following = desk.models.messages.message(row + 1)
        assert following is not None
        desk.mail.messages.table.setFocus()
        desk.press("e")
        await until(lambda: desk.models.messages.total == 34, "the mail to leave")
        await until(lambda: desk.mail.selected == [following.message_id], "the next to be selected")
        assert "Archived" in desk.window.undo_bar.text
        queued = await desk.services.outbox.list()
        assert [operation.kind for operation in queued] == [OperationKind.MOVE_MESSAGES]
        desk.press("z")
        await until(lambda: desk.models.messages.total == 35, "the mail to come back")
        assert not desk.window.undo_bar.can_undo


async def test_flag_and_unread_turn_over(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Site visit")
        message_id = desk.mail.selected[0]
        desk.mail.messages.table.setFocus()

        def flags() -> frozenset[str]:
            row = desk.models.messages.row_of(message_id)
            message = desk.models.messages.message(row) if row is not None else None
            return message.flags if message is not None else frozenset()

        desk.press("s")
        await until(lambda: Flag.FLAGGED in flags())
        desk.press("s")
        await until(lambda: Flag.FLAGGED not in flags())
        desk.press("u")
        await until(lambda: Flag.SEEN not in flags())


async def test_an_unread_mail_that_is_looked_at_counts_as_read(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        await desk.choose("Invoice")
        message_id = desk.mail.selected[0]

        def is_read() -> bool:
            row = desk.models.messages.row_of(message_id)
            message = desk.models.messages.message(row) if row is not None else None
            return message is not None and Flag.SEEN in message.flags

        assert not is_read()
        await until(is_read)
        assert not desk.window.undo_bar.can_undo


async def test_running_through_the_list_reads_nothing_and_shows_the_last(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        for _ in range(12):
            desk.press("j")
        await until(lambda: desk.models.message.look is not None)
        await turns()
        look = desk.models.message.look
        assert look is not None
        assert [look.message_id] == desk.mail.selected
        assert desk.mail.reader.header.subject.text == look.content.envelope.subject


async def test_several_selected_are_counted(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.press(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: len(desk.mail.selected) == 35)
        assert desk.mail.reader.empty.title == "35 messages selected"
        assert not desk.window.commands.action("message.reply").isEnabled()
        assert desk.window.commands.action("message.archive").isEnabled()


async def test_search_finds_and_says_when_it_does_not(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.press("/")
        desk.press("drawings")
        await until(lambda: desk.models.messages.is_search and desk.models.messages.total == 1)
        desk.window.toolbar.search.setText("")
        desk.press("qqqq")
        await until(lambda: desk.mail.messages.empty.isVisible())
        assert desk.mail.messages.empty.title == "Nothing found"
        desk.press(Qt.Key.Key_Escape)
        await until(lambda: desk.models.messages.total == 35)
        assert desk.mail.messages.table.isVisible()


async def test_empty_places_say_so(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.mail.folders.choose_role(FolderRole.JUNK)
        await until(lambda: desk.mail.messages.empty.isVisible())
        assert desk.mail.messages.empty.title == "Nothing in Spam"


async def test_the_first_start_leads_on(core: Core) -> None:
    async with open_desk(core, has_account=False) as desk:
        await until(lambda: desk.mail.reader.empty.title == "Welcome to Outrigger")
        assert desk.mail.messages.empty.title == "No mail account yet"


async def test_the_first_sync_is_told(core: Core) -> None:
    async with open_desk(core, mails=[]) as desk:
        inbox = await folder_of(core, desk.account, "INBOX")
        await until(lambda: desk.mail.messages.empty.title == "Your mail is on its way")
        core.bus.publish(SyncProgressed(inbox, 40, 120, is_finished=False))
        await turns()
        assert desk.mail.folders._progress_words.full_text == "Bringing mail: 40 of 120"
        await store(core, desk.account, [Letter(("Karl", "k@acme.example"), "First", "x")])
        await desk.listed()
        core.bus.publish(SyncProgressed(inbox, 120, 120, is_finished=True))
        await turns()
        assert not desk.mail.folders._progress_words.isVisible()


async def test_a_mail_that_is_not_here_and_cannot_be_had_says_so(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        row = next(r for r in range(35) if desk.models.messages.message(r).subject == "Not brought yet")  # type: ignore[union-attr]
        desk.mail.messages.table.go_to(row)
        await until(lambda: "not been brought" in desk.mail.reader.empty.title)


async def test_working_offline_is_quiet_and_told(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.commands.action("app.work_offline").trigger()
        await until(lambda: desk.mail.traffic.text().strip() == "Offline")
        message = await desk.services.composer.new(desk.account)
        await desk.services.composer.send(replace(message, to=(Address("Karl", "karl@acme.example"),), subject="Hello"))
        await until(lambda: desk.mail.traffic.text().strip() == "Offline, 1 waiting")
        assert desk.window.notices.isHidden()
        assert desk.window.commands.action("app.work_offline").isChecked()
        desk.window.commands.action("app.work_offline").trigger()
        await until(lambda: "Offline" not in desk.mail.traffic.text())


async def test_a_sandbox_is_marked(core: Core) -> None:
    async with open_desk(core, login=sandbox_login()) as desk:
        await until(lambda: desk.mail.org.isVisible())
        assert "sandbox" in desk.mail.org.accessibleName()
        assert desk.window._sandbox_line.isVisible()


async def test_a_question_about_one_mail_is_not_asked_of_the_next(core: Core) -> None:
    async with open_desk(core, login=sandbox_login()) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        panel = desk.joins.crm.panel
        panel._where.ask([])
        assert not panel._where.isHidden()
        await desk.choose("Invoice")
        assert panel._where.isHidden()


async def test_nothing_but_the_window_is_shown_while_it_fills(core: Core) -> None:
    # A part that is shown before it has a parent is a window of its own for a moment: it flickers and takes the focus.
    async with open_desk(core, login=sandbox_login()) as desk:
        await desk.listed()
        await until(lambda: desk.mail.org.isVisible())
        assert QApplication.activeWindow() is desk.window
        assert [w for w in QApplication.topLevelWidgets() if w.isVisible()] == [desk.window]


async def test_production_is_not_marked(core: Core) -> None:
    async with open_desk(core, login=sandbox_login(is_sandbox=False)) as desk:
        await until(lambda: desk.mail.org.isVisible())
        assert not desk.window._sandbox_line.isVisible()


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_panes_fold_and_nothing_scrolls_sideways(core: Core, size: tuple[int, int]) -> None:
    async with open_desk(core, size=size) as desk:
        await desk.listed()
        await desk.choose("A subject")
        assert desk.window.width() == size[0]
        assert desk.window.panes.panel.is_folded == (size[0] < 1100)
        assert desk.window.panes.folders.is_folded == (size[0] < 900)
        assert desk.mail.reader.width() >= 420
        for area in desk.window.findChildren(QAbstractScrollArea):
            if area.isVisible():
                assert area.horizontalScrollBar().maximum() == 0, area.accessibleName() or area
        for widget in desk.window.findChildren(QWidget):
            if widget.isVisible() and widget.window() is desk.window:
                right = widget.mapTo(desk.window, QPoint(widget.width(), 0)).x()
                assert right <= size[0] + 1 or widget.parentWidget().metaObject().className() == "QWidget", widget


async def test_a_folded_pane_opens_on_wish_and_folds_again_in_the_next_width(core: Core) -> None:
    async with open_desk(core, size=(1024, 700)) as desk:
        await desk.listed()
        panes = desk.window.panes
        assert panes.panel.is_folded
        panes.panel.unfold_requested.emit()
        assert not panes.panel.is_folded
        assert panes.folders.is_folded
        assert desk.window.width() == 1024
        desk.window.resize(1400, 700)
        await turns()
        assert not panes.panel.is_folded
        assert not panes.folders.is_folded
        desk.window.resize(1000, 700)
        await turns()
        assert panes.panel.is_folded


async def test_what_the_person_folded_stays_folded_and_is_remembered(core: Core) -> None:
    async with open_desk(core, size=(1500, 800)) as desk:
        await desk.listed()
        desk.window.commands.action("view.panel").trigger()
        assert desk.window.panes.panel.is_folded
        desk.window.resize(1600, 800)
        await turns()
        assert desk.window.panes.panel.is_folded
        settings = desk.window._settings
    assert settings.value("panes/panel", True, bool) is False


async def test_everything_that_can_be_clicked_is_large_enough(core: Core) -> None:
    async with open_desk(core, login=sandbox_login()) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        for button in desk.window.findChildren(QToolButton):
            if button.isVisible() and button.parent() is not desk.window.toolbar.search:
                assert button.height() >= HIT_TARGET, button.accessibleName() or button.text()
                assert button.width() >= HIT_TARGET, button.accessibleName() or button.text()


async def test_everything_that_takes_the_keyboard_has_a_name(core: Core) -> None:
    async with open_desk(core, login=sandbox_login()) as desk:
        await desk.listed()
        await desk.choose("Re: Offer")
        for widget in desk.window.findChildren(QWidget):
            takes_focus = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            if widget.isVisible() and takes_focus and not isinstance(widget, QAbstractScrollArea):
                name = widget.accessibleName() or getattr(widget, "text", lambda: "")() or widget.toolTip()
                assert name.strip(), widget


async def test_every_action_is_in_a_menu(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        menus = [action.menu() for action in desk.window.toolbar.menu.actions()]
        in_menus = {a.objectName() for menu in menus for a in menu.actions() if a.isVisible() and not a.isSeparator()}
        assert {command.command_id for command, _ in desk.window.commands.offered()} <= in_menus


async def test_dropping_messages_on_a_folder_moves_them(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        tree = desk.mail.folders.tree
        item = next(i for i in desk.models.folders.items() if i.data(PLACE_ROLE).name == "Acme GmbH")
        where = QPointF(tree.visualRect(item.index()).center())
        first = desk.models.messages.message(0)
        assert first is not None
        data = messages_data([first.message_id])
        _drop(tree.viewport(), where, data)
        await until(lambda: desk.models.messages.total == 34)
        assert "Moved to Acme GmbH" in desk.window.undo_bar.text


async def test_dropping_messages_on_a_rule_does_nothing(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        tree = desk.mail.folders.tree
        item = next(i for i in desk.models.folders.items() if i.data(PLACE_ROLE).name == "rita@globex.example")
        data = messages_data([desk.ids[0]])
        assert not _drop(tree.viewport(), QPointF(tree.visualRect(item.index()).center()), data)


async def test_a_drag_of_files_over_the_window_is_told(core: Core, tmp_path: Path) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        told: list[bool] = []
        desk.window.dragging.connect(told.append)
        file = tmp_path / "x.pdf"
        file.write_bytes(b"x")
        for data in (part_data(desk.ids[0], "2", file), _files(file)):
            event = QDragEnterEvent(
                QPoint(600, 20),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
            QApplication.sendEvent(desk.window, event)
            assert event.isAccepted()
            desk.window.set_dragging(False)
        assert told == [True, False, True, False]
        text = QMimeData()
        text.setText("words")
        event = QDragEnterEvent(
            QPoint(600, 20), Qt.DropAction.CopyAction, text, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(desk.window, event)
        assert not event.isAccepted()


async def test_the_undo_bar_goes_by_itself(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        undone: list[bool] = []
        bar = desk.window.undo_bar
        bar.offer("Done", lambda: undone.append(True))
        assert bar.isVisible()
        bar._timer.setInterval(1)
        bar._timer.start()
        await until(lambda: not bar.isVisible())
        bar.undo()
        assert undone == []


async def test_a_click_on_a_folder_shows_it(core: Core) -> None:
    async with open_desk(core) as desk:
        await desk.listed()
        desk.window.show_page("accounts")
        tree = desk.mail.folders.tree
        inbox = tree.visualRect(desk.models.folders.item_of("inbox:").index()).center()  # type: ignore[union-attr]
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=inbox)
        assert desk.window.page == ""
        sent = next(i for i in desk.models.folders.items() if i.data(PLACE_ROLE).role is FolderRole.SENT)
        QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=tree.visualRect(sent.index()).center())
        await until(lambda: desk.models.messages.total == 1)


def _files(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def _drop(viewport: QWidget, where: QPointF, data: QMimeData) -> bool:
    action, button, modifier = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(viewport, QDragEnterEvent(where.toPoint(), action, data, button, modifier))
    move = QDragMoveEvent(where.toPoint(), action, data, button, modifier)
    QApplication.sendEvent(viewport, move)
    if not move.isAccepted():
        return False
    drop = QDropEvent(where, action, data, button, modifier)
    QApplication.sendEvent(viewport, drop)
    return drop.isAccepted()
