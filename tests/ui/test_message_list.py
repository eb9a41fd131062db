"""The list: pages, places kept, day headings, a million rows."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from app.backends.system_browser import SystemBrowser
from app.bootstrap import Core
from app.bootstrap.services import join_services
from app.model.ids import FolderId, MailAccountId, MessageId
from app.model.mail import Address, Flag, FolderRole, MessageRow
from app.store import locations
from app.store.database import Transaction
from tests.ui.sample_mail import SEEN, Letter, add_account, folder_of, letters, store
from tests.ui.waiting import turns, until
from ui.dispatch import Dispatcher
from ui.drag import dragged_messages
from ui.message_list.delegate import MessageDelegate, day_height, row_height
from ui.message_list.model import PAGE_ROWS, MessageListModel
from ui.message_list.rows import ROW_ROLE, PersonMark, RowLook
from ui.message_list.view import MessageListView
from ui.text import is_same_day
from ui.theme import LIGHT


@asynccontextmanager
async def open_list(core: Core) -> AsyncIterator[tuple[MessageListModel, MessageListView]]:
    """Model and view over the real reader, joined as `ui.joins.mail` does."""
    services = await join_services(core, SystemBrowser())
    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(group)
        model = MessageListModel(
            services.reader,
            services.search,
            services.lookup,
            core.bus,
            dispatcher,
            now=lambda: dt.datetime.fromtimestamp(core.clock.wall(), tz=dt.UTC).astimezone(),
        )
        view = MessageListView(model)
        view.range_wanted.connect(model.set_range)
        view.table.all_requested.connect(model.know_all)
        model.all_known.connect(view.table.select_first)
        view.selection_changed.connect(model.set_selected)
        model.about_to_exchange.connect(view.remember_place)
        model.exchanged.connect(view.restore_place)
        view.resize(340, 800)
        view.show()
        try:
            yield model, view
        finally:
            model.close()
            dispatcher.close()
            view.close()


def _many(number: int) -> list[Letter]:
    return [
        Letter(("Karl Klein", "karl@acme.example"), f"Mail {n:04}", f"Text of mail {n}.", age_h=1 + n / 2)
        for n in range(number)
    ]


async def _listed(core: Core, model: MessageListModel, number: int) -> None:
    model.show_folder(None, FolderRole.INBOX)
    await until(lambda: model.total == number and model.message(0) is not None)


def _look(model: MessageListModel, row: int) -> RowLook:
    look = model.index(row, 0).data(ROW_ROLE)
    assert isinstance(look, RowLook)
    return look


async def test_rows_come_newest_first_and_in_words(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, letters())
    async with open_list(core) as (model, _view):
        await _listed(core, model, 35)
        first = _look(model, 0)
        assert (first.who, first.subject, first.is_unread) == ("Karl Klein", "Re: Offer for the Q4 delivery", True)
        assert first.person is PersonMark.NOT_LOOKED_UP
        assert first.message.has_attachments
        assert "Unread. Karl Klein. Re: Offer" in first.spoken
        dates = [_look(model, row).message.date for row in range(35)]
        assert dates == sorted(dates, reverse=True)
        nameless = next(look for row in range(35) if not (look := _look(model, row)).subject)
        assert nameless.who == "noreply@ticket.example"


async def test_sent_mail_names_its_recipients(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, letters())
    async with open_list(core) as (model, _view):
        model.show_folder(await folder_of(core, account, "Sent"), FolderRole.SENT)
        await until(lambda: model.total == 1 and model.message(0) is not None)
        assert _look(model, 0).who == "To Lena Vogt"


async def test_only_pages_near_the_rows_in_sight_are_read(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, _many(450))
    async with open_list(core) as (model, view):
        await _listed(core, model, 450)
        await turns()
        assert model.message(3 * PAGE_ROWS) is None
        view.table.scrollToBottom()
        await until(lambda: model.message(449) is not None)
        assert _look(model, 449).subject == "Mail 0449"
        assert view.table.horizontalScrollBar().maximum() == 0


async def test_each_day_has_one_heading_above_its_first_mail(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, _many(250))
    async with open_list(core) as (model, view):
        await _listed(core, model, 250)
        days = [_look(model, row).day for row in range(PAGE_ROWS)]
        assert days[0] in ("Today", "Yesterday")
        opened = [row for row in range(PAGE_ROWS) if days[row]]
        for row in opened[1:]:
            assert not is_same_day(_look(model, row - 1).message.date, _look(model, row).message.date)
        assert len({days[row] for row in opened}) == len(opened) >= 2
        for row in range(20):
            expected = row_height() + (day_height() if days[row] else 0)
            assert view.table.rowHeight(row) == expected


async def test_selection_and_place_survive_new_mail(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, _many(200))
    async with open_list(core) as (model, view):
        await _listed(core, model, 200)
        view.table.go_to(60)
        await until(lambda: model.message(60) is not None)
        await turns()
        chosen = view.selected_ids()
        told: list[list[MessageId]] = []
        view.selection_changed.connect(told.append)
        first, _ = view.table.rows_in_sight()
        top = model.message(first)
        y = view.table.rowViewportPosition(first)
        assert top is not None
        assert first > 0
        await store(
            core,
            account,
            [Letter(("Mia", "mia@acme.example"), f"New {n}", "x", age_h=0.1) for n in range(3)],
            is_new=True,
        )
        await until(lambda: model.total == 203)
        await turns()
        assert view.selected_ids() == chosen
        assert view.table.currentIndex().row() == 63
        assert told == []
        again, _ = view.table.rows_in_sight()
        now_on_top = model.message(again)
        assert now_on_top is not None
        assert now_on_top.message_id == top.message_id
        assert view.table.rowViewportPosition(again) == y


async def test_who_reads_the_newest_mail_sees_what_arrives(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, _many(60))
    async with open_list(core) as (model, view):
        await _listed(core, model, 60)
        await store(core, account, [Letter(("Mia", "mia@acme.example"), "New", "x", age_h=0.1)], is_new=True)
        await until(lambda: model.total == 61)
        assert view.table.rows_in_sight()[0] == 0
        assert _look(model, 0).subject == "New"


async def test_when_the_current_mail_leaves_its_neighbour_takes_its_place(core: Core) -> None:
    account = await add_account(core)
    ids = await store(core, account, _many(30))
    inbox = await folder_of(core, account, "INBOX")
    async with open_list(core) as (model, view):
        await _listed(core, model, 30)
        view.table.go_to(5)
        await turns()
        assert view.selected_ids() == [ids[5]]
        await _hide(core, account, inbox, ids[5])
        await until(lambda: model.total == 29)
        await turns()
        assert view.selected_ids() == [ids[6]]


async def _hide(core: Core, account: MailAccountId, folder: FolderId, message_id: MessageId) -> None:
    """The server no longer shows the message."""

    def hide(tx: Transaction) -> None:
        place = locations.places(tx, [message_id])[message_id][0]
        present = [uid for uid in locations.known_uids(tx, folder, 1) if uid != place.uid]
        known = locations.known_uids(tx, folder, 1)
        locations.note_missing(tx, account, folder, 1, present, known_before=known, now=core.clock.wall())

    await core.database.write("hide", hide)


async def test_a_flag_changes_the_row_and_nothing_else(core: Core) -> None:
    account = await add_account(core)
    ids = await store(core, account, _many(30))
    inbox = await folder_of(core, account, "INBOX")
    async with open_list(core) as (model, view):
        await _listed(core, model, 30)
        view.table.go_to(2)
        resets: list[bool] = []
        model.modelReset.connect(lambda: resets.append(True))

        def flag(tx: Transaction) -> None:
            place = locations.places(tx, [ids[2]])[ids[2]][0]
            seen = locations.FlagsSeen(place.uid, SEEN | {str(Flag.FLAGGED)}, 2)
            locations.set_server_flags(tx, account, inbox, 1, [seen])

        await core.database.write("flag", flag)
        await until(lambda: _look(model, 2).is_flagged)
        assert resets == []
        assert view.selected_ids() == [ids[2]]


async def test_search_lists_what_it_finds_and_goes_back(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, letters())
    async with open_list(core) as (model, view):
        await _listed(core, model, 35)
        found: list[tuple[str, int]] = []
        model.searched.connect(lambda words, number: found.append((words, number)))
        model.show_search("offer")
        await until(lambda: found)
        assert found[-1][1] == model.total >= 1
        assert all(_look(model, row).day == "" for row in range(model.total))
        assert view.table.rowHeight(0) == row_height()
        model.show_search("zzzzqqq")
        await until(lambda: len(found) == 2)
        assert model.total == 0
        model.show_search("")
        await until(lambda: model.total == 35)


async def test_dragged_rows_carry_their_messages(core: Core) -> None:
    account = await add_account(core)
    ids = await store(core, account, _many(10))
    async with open_list(core) as (model, _view):
        await _listed(core, model, 10)
        data = model.mimeData([model.index(row, 0) for row in (1, 3)])
        assert dragged_messages(data) == [ids[1], ids[3]]


async def test_home_end_and_select_all(core: Core) -> None:
    account = await add_account(core)
    ids = await store(core, account, _many(40))
    async with open_list(core) as (model, view):
        await _listed(core, model, 40)
        QTest.keyClick(view.table, Qt.Key.Key_End)
        assert view.table.currentIndex().row() == 39
        QTest.keyClick(view.table, Qt.Key.Key_Home)
        assert view.table.currentIndex().row() == 0
        view.table.selectAll()
        await until(lambda: set(view.selected_ids()) == set(ids))
        opened: list[bool] = []
        view.open_requested.connect(lambda: opened.append(True))
        QTest.keyClick(view.table, Qt.Key.Key_Return)
        assert opened == [True]


class Counted(QAbstractTableModel):
    """A million rows that count how often they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[int] = set()

    def rowCount(self, _parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1_000_000

    def columnCount(self, _parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, index: QModelIndex, role: int = 0) -> object:
        if role == ROW_ROLE:
            self.asked.add(index.row())
        return None


async def test_all_rows_are_selected_wherever_one_reads(core: Core) -> None:
    account = await add_account(core)
    await store(core, account, _many(450))
    async with open_list(core) as (model, view):
        await _listed(core, model, 450)
        view.table.scrollToBottom()
        await until(lambda: model.message(449) is not None)
        assert model.message(200) is None
        view.table.selectAll()
        await until(lambda: len(view.selected_ids()) == 450)
        await store(core, account, [Letter(("Mia", "mia@acme.example"), "New", "x", age_h=0.1)], is_new=True)
        await until(lambda: model.total == 451)
        await turns()
        ranges = view.table.selectionModel().selection()
        assert sum(ranges.at(n).height() for n in range(ranges.count())) == 450
        assert not view.table.selectionModel().isRowSelected(0)


async def test_a_million_rows_cost_what_is_in_sight() -> None:
    model = Counted()
    view = MessageListView(model)
    view.resize(340, 800)
    view.show()
    view.grab()
    await turns()
    # The neighbourhood of the first row for headings, and the rows in sight.
    assert len(model.asked) <= 250
    model.asked.clear()
    view.table.verticalScrollBar().setValue(view.table.verticalScrollBar().maximum() // 2)
    view.grab()
    await turns()
    assert 1 <= len(model.asked) <= 250
    assert min(model.asked) > 400_000
    view.close()


def _row(**changes: object) -> RowLook:
    message = MessageRow(
        MessageId(1),
        1,
        FolderId(1),
        Address("Karl", "k@a.example"),
        "Rita",
        "Offer",
        "Text",
        1_700_000_000,  # type: ignore[arg-type]
        frozenset(),
        False,
        100,
    )
    look = RowLook(message, "Karl", "9:41", "Offer", "Text", "", PersonMark.UNKNOWN)
    return replace(look, **changes)  # type: ignore[arg-type]


class OneRow(QAbstractTableModel):
    """A model of one given row."""

    def __init__(self, look: RowLook | None) -> None:
        super().__init__()
        self._look = look

    def rowCount(self, _parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1

    def columnCount(self, _parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, _index: QModelIndex, role: int = 0) -> object:
        return self._look if role == ROW_ROLE else None


def _painted(look: RowLook | None, state: QStyle.StateFlag = QStyle.StateFlag.State_Enabled) -> QImage:
    model = OneRow(look)
    view = MessageListView(model)
    image = QImage(340, row_height() + day_height(), QImage.Format.Format_ARGB32)
    image.fill(QColor(LIGHT.surface))
    option = QStyleOptionViewItem()
    option.widget = view.table
    option.state = state
    option.rect = image.rect() if look is not None and look.day else image.rect().adjusted(0, 0, 0, -day_height())
    painter = QPainter(image)
    MessageDelegate(view.table).paint(painter, option, model.index(0, 0))
    painter.end()
    view.close()
    return image


def _has(image: QImage, value: str, left: int = 0, right: int = 340) -> bool:
    """Whether a part of the picture holds this colour, or one so near that only smoothing can have made it."""
    red, green, blue, _ = QColor(value).getRgb()
    return any(
        abs(c.red() - red) + abs(c.green() - green) + abs(c.blue() - blue) < 60
        for x in range(left, right)
        for y in range(image.height())
        for c in [image.pixelColor(x, y)]
    )


def test_unread_is_a_dot_too() -> None:
    unread = _row()
    read = _row(message=replace(unread.message, flags=frozenset({str(Flag.SEEN)})))
    assert _has(_painted(unread), LIGHT.accent, 0, 24)
    assert not _has(_painted(read), LIGHT.accent, 0, 24)


def test_a_selected_row_has_its_ground() -> None:
    image = _painted(_row(), QStyle.StateFlag.State_Enabled | QStyle.StateFlag.State_Selected)
    assert image.pixelColor(200, 4) == QColor(LIGHT.selected_inactive)
    assert _painted(_row()).pixelColor(200, 4) == QColor(LIGHT.surface)


def test_marks_stand_at_the_right_edge() -> None:
    plain = _row(person=PersonMark.NOT_LOOKED_UP)
    known = _row(person=PersonMark.CONTACT)
    logged = _row(person=PersonMark.NOT_LOOKED_UP, message=replace(plain.message, logged="failed"))
    assert _painted(plain) != _painted(known)
    assert _has(_painted(logged), LIGHT.danger, 290)
    assert not _has(_painted(plain), LIGHT.danger, 290)


@pytest.mark.parametrize(
    "look", [None, _row(day="Yesterday"), _row(who="م" * 500, subject="🎉" * 500, snippet="日" * 500)]
)
def test_every_row_can_be_painted(look: RowLook | None) -> None:
    image = _painted(look)
    assert len({image.pixel(x, y) for x in range(30, 330, 3) for y in range(0, image.height(), 2)}) > 1


def test_a_long_subject_never_runs_over_the_edge() -> None:
    image = _painted(_row(who="W" * 400, subject="W" * 400, snippet="W" * 400, person=PersonMark.NOT_LOOKED_UP))
    assert all(image.pixelColor(339, y) == QColor(LIGHT.surface) for y in range(image.height()))


async def test_a_click_selects_and_a_context_menu_is_asked_for(core: Core) -> None:
    account = await add_account(core)
    ids = await store(core, account, _many(10))
    async with open_list(core) as (model, view):
        await _listed(core, model, 10)
        await turns()
        where = QPoint(60, view.table.rowViewportPosition(2) + row_height() // 2)
        QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert view.selected_ids() == [ids[2]]
        asked: list[QPoint] = []
        view.menu_requested.connect(asked.append)
        view.table.customContextMenuRequested.emit(where)
        assert len(asked) == 1
