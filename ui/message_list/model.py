"""The rows of one folder, the unified inbox or a search, read page by page.

The only file of this feature that calls the core. A million rows cost what fifty do: the view says which rows are in sight, the model reads those
pages and forgets the ones seen longest ago. When mail comes or goes, the pages in sight are read anew and exchanged in one step, so that
selection and scroll position survive.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from app.crm.lookup import ContactLookup
from app.events import EventBus, LookupExpired, MessagesChanged, MessagesRemoved, MessagesStored, OperationChanged
from app.mail.reader import MailReader, MailSearch
from app.model.crm import LookupResult
from app.model.ids import CrmLoginId, FolderId, MessageId
from app.model.mail import FolderRole, MessageRow
from ui.dispatch import Dispatcher
from ui.drag import MESSAGES_MIME_TYPE, messages_data
from ui.message_list.rows import ROW_ROLE, PersonMark, RowLook
from ui.message_list.view import SELECTION_LIMIT, Kept
from ui.text import day_header, is_same_day, one_line, row_time, short_time

PAGE_ROWS = 100
PAGES_KEPT = 40
REFRESH_MS = 150
"""Events within this time, in milliseconds, make one re-reading."""
LOOKED_UP_ALONE = 50
"""A selection larger than this is looked for in one reading of the newest rows."""

Index = QModelIndex | QPersistentModelIndex


class MessageListModel(QAbstractTableModel):
    """One column; `ROW_ROLE` gives a `RowLook`, or None while its page is read.

    ``about_to_exchange`` and ``exchanged(Kept)`` surround a change of rows: the view keeps its place between them.
    ``counted(total)`` follows each reading, ``searched(words, found)`` a search, ``all_known(number)`` a `know_all`.
    """

    about_to_exchange = Signal()
    exchanged = Signal(Kept)
    counted = Signal(int)
    all_known = Signal(int)
    searched = Signal(str, int)

    def __init__(
        self,
        reader: MailReader,
        search: MailSearch,
        lookup: ContactLookup,
        bus: EventBus,
        dispatcher: Dispatcher,
        *,
        now: Callable[[], dt.datetime],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._search = search
        self._lookup = lookup
        self._dispatcher = dispatcher
        self._now = now
        self._login: CrmLoginId | None = None
        self._folder: FolderId | None = None
        self._role = FolderRole.INBOX
        self._words = ""
        self._total = 0
        self._is_counted = False
        self._pages: OrderedDict[int, tuple[MessageRow, ...]] = OrderedDict()
        self._sight = (0, 0)
        self._selected: tuple[MessageId, ...] = ()
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(REFRESH_MS)
        self._refresh_timer.timeout.connect(self.refresh)
        self._unsubscribe = [
            bus.subscribe(MessagesStored, lambda event: self._on_folder_changed(event.folder_id)),
            bus.subscribe(MessagesRemoved, lambda event: self._on_folder_changed(event.folder_id)),
            bus.subscribe(MessagesChanged, lambda event: self._on_messages_changed(event.message_ids)),
            bus.subscribe(OperationChanged, self._on_operation_changed),
            bus.subscribe(LookupExpired, lambda _event: self.marks_changed()),
        ]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self._total

    @property
    def is_search(self) -> bool:
        """Whether a search is shown."""
        return bool(self._words)

    def show_folder(self, folder_id: FolderId | None, role: FolderRole) -> None:
        """List a folder from its newest message on; None is the unified inbox."""
        self._folder, self._role, self._words = folder_id, role, ""
        self._selected = ()
        self._sight = (0, 0)
        self.beginResetModel()
        self._pages.clear()
        self._total, self._is_counted = 0, False
        self.endResetModel()
        self.refresh()

    def show_search(self, words: str) -> None:
        """List what a search finds; empty words go back to the folder."""
        words = words.strip()
        if not words:
            self.show_folder(self._folder, self._role)
            return
        self._words = words
        self._selected = ()
        self._sight = (0, 0)
        self.refresh()

    def set_login(self, login_id: CrmLoginId | None) -> None:
        """The org whose marks the rows show."""
        self._login = login_id
        self.marks_changed()

    def set_range(self, first: int, last: int) -> None:
        """Rows in sight; pages that are missing there are read."""
        self._sight = (first, last)
        missing = self._missing_pages(first, last)
        if missing and not self._words:
            self._dispatcher.start(self._read_pages(missing), slot=(self, "pages"))

    def set_selected(self, ids: Sequence[MessageId]) -> None:
        """What is selected, the current message first: it is looked for when the rows change."""
        self._selected = tuple(ids)

    def know_all(self) -> None:
        """Read the first `SELECTION_LIMIT` rows, so that they can be selected."""
        self._dispatcher.start(self._know_all(self._folder), slot=(self, "all"))

    def refresh(self) -> None:
        """Read count and rows in sight anew."""
        self._refresh_timer.stop()
        work = self._exchange_search(self._words) if self._words else self._exchange_folder(self._folder)
        self._dispatcher.start(work, slot=(self, "exchange"))

    def marks_changed(self) -> None:
        """Paint the marks of people anew."""
        if self._total:
            first, last = self._sight
            self.dataChanged.emit(
                self.index(max(0, first), 0), self.index(min(last + 1, self._total - 1), 0), [ROW_ROLE]
            )

    def close(self) -> None:
        """Hear no more events."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._refresh_timer.stop()

    def row_of(self, message_id: MessageId) -> int | None:
        """The row of a message, where its page is in memory."""
        for page, rows in self._pages.items():
            for offset, row in enumerate(rows):
                if row.message_id == message_id:
                    return page * PAGE_ROWS + offset
        return None

    def message(self, row: int) -> MessageRow | None:
        """The message of a row, None while its page is not in memory."""
        rows = self._pages.get(row // PAGE_ROWS)
        offset = row % PAGE_ROWS
        return rows[offset] if rows is not None and offset < len(rows) else None

    # Qt's model interface

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default, never changed
        """All rows, read or not."""
        return 0 if parent.isValid() else self._total

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - see rowCount
        """One."""
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        """`ROW_ROLE` for the delegate; words for a screen reader."""
        if role not in (ROW_ROLE, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.DisplayRole):
            return None
        message = self.message(index.row())
        if message is None:
            return None if role == ROW_ROLE else "Loading"
        look = self._look(index.row(), message)
        if role == ROW_ROLE:
            return look
        return look.spoken if role == Qt.ItemDataRole.AccessibleTextRole else look.subject

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be selected and dragged."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def mimeTypes(self) -> list[str]:
        """Message ids for the folder pane."""
        return [MESSAGES_MIME_TYPE]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The dragged messages."""
        found = (self.message(index.row()) for index in indexes)
        return messages_data([m.message_id for m in found if m is not None])

    # Reading

    async def _exchange_folder(self, folder: FolderId | None) -> None:
        total = await self._reader.count(folder)
        top = self.message(self._sight[0])
        top_row = await self._position(folder, top.message_id) if top is not None else None
        if top_row is None:
            top_row = min(self._sight[0], max(0, total - 1))
        # Who reads the newest mail sees what arrives; who reads further down stays there.
        if self._sight[0] == 0:
            top_row = 0
        kept_rows = await self._rows_of(folder, self._selected)
        length = max(self._sight[1] - self._sight[0], 20)
        wanted = _pages_of(max(0, top_row - 1), top_row + length)
        for row in kept_rows[:1]:
            wanted |= _pages_of(row, row) if row is not None else set()
        pages = {page: await self._rows(folder, page) for page in sorted(wanted) if page * PAGE_ROWS < max(total, 1)}
        self._exchange(total, pages, top_row if total else None, kept_rows)
        self.counted.emit(total)

    async def _rows_of(self, folder: FolderId | None, ids: tuple[MessageId, ...]) -> list[int | None]:
        if len(ids) <= LOOKED_UP_ALONE:
            return [await self._position(folder, message_id) for message_id in ids]
        newest = await self._reader.rows(folder, offset=0, limit=2 * SELECTION_LIMIT)
        numbers = {row.message_id: number for number, row in enumerate(newest)}
        return [numbers.get(message_id) for message_id in ids]

    async def _exchange_search(self, words: str) -> None:
        found = await self._search.search(words)
        rows_by_id = {row.message_id: number for number, row in enumerate(found)}
        kept = [rows_by_id.get(message_id) for message_id in self._selected]
        pages = {
            start // PAGE_ROWS: tuple(found[start : start + PAGE_ROWS]) for start in range(0, len(found), PAGE_ROWS)
        }
        top_row = min(self._sight[0], len(found) - 1) if found else None
        self._exchange(len(found), pages, top_row, kept)
        self.searched.emit(words, len(found))

    def _exchange(
        self,
        total: int,
        pages: dict[int, tuple[MessageRow, ...]],
        top_row: int | None,
        kept_rows: list[int | None],
    ) -> None:
        if self._is_counted and total == self._total and self._has_same_ids(pages):
            self._pages.update(pages)
            self._tell_changed(pages)
            return
        self.about_to_exchange.emit()
        self.beginResetModel()
        self._total, self._is_counted = total, True
        self._pages = OrderedDict(pages)
        self.endResetModel()
        rows = tuple(row for row in kept_rows if row is not None and row < total)
        current = kept_rows[0] if kept_rows else None
        self.exchanged.emit(Kept(top_row, current if current is not None and current < total else None, rows))

    def _has_same_ids(self, pages: dict[int, tuple[MessageRow, ...]]) -> bool:
        for page, rows in pages.items():
            old = self._pages.get(page)
            if old is None or [r.message_id for r in old] != [r.message_id for r in rows]:
                return False
        # Pages out of sight may be stale; they are read again when they come into sight.
        for page in [page for page in self._pages if page not in pages]:
            del self._pages[page]
        return True

    async def _read_pages(self, pages: list[int]) -> None:
        for page in pages:
            if page in self._pages or page * PAGE_ROWS >= self._total:
                continue
            rows = await self._rows(self._folder, page)
            expected = min(PAGE_ROWS, self._total - page * PAGE_ROWS)
            if len(rows) < expected:
                # Messages left while the page was read.
                self._refresh_timer.start()
            self._pages[page] = rows
            self._tell_changed({page: rows})
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    async def _know_all(self, folder: FolderId | None) -> None:
        number = min(self._total, SELECTION_LIMIT)
        if not self._words:
            rows = await self._reader.rows(folder, offset=0, limit=number)
            number = min(len(rows), self._total)
            for start in range(0, number, PAGE_ROWS):
                self._pages[start // PAGE_ROWS] = tuple(rows[start : start + PAGE_ROWS])
        self.all_known.emit(number)

    async def _rows(self, folder: FolderId | None, page: int) -> tuple[MessageRow, ...]:
        return tuple(await self._reader.rows(folder, offset=page * PAGE_ROWS, limit=PAGE_ROWS))

    async def _position(self, folder: FolderId | None, message_id: MessageId) -> int | None:
        return await self._reader.position(folder, message_id)

    def _tell_changed(self, pages: dict[int, tuple[MessageRow, ...]]) -> None:
        for page in pages:
            first = page * PAGE_ROWS
            # The row after a page may now know that it opens a day.
            last = min(first + PAGE_ROWS, self._total - 1)
            if first <= last:
                self.dataChanged.emit(self.index(first, 0), self.index(last, 0), [ROW_ROLE])

    def _missing_pages(self, first: int, last: int) -> list[int]:
        # One page ahead in both directions, the ones in sight first.
        ahead = _pages_of(max(0, first - PAGE_ROWS // 2), last + PAGE_ROWS // 2)
        in_sight = _pages_of(first, last)
        for page in in_sight & self._pages.keys():
            self._pages.move_to_end(page)
        return sorted(
            (page for page in ahead if page not in self._pages and page * PAGE_ROWS < self._total),
            key=lambda page: (page not in in_sight, page),
        )

    # Rows in words

    def _look(self, number: int, message: MessageRow) -> RowLook:
        now = self._now()
        before = self.message(number - 1) if number > 0 else None
        opens_day = not self._words and (
            number == 0 or (before is not None and not is_same_day(before.date, message.date))
        )
        is_outgoing = self._role in (FolderRole.SENT, FolderRole.DRAFTS) and not self._words
        who = f"To {message.recipients}" if is_outgoing and message.recipients else message.sender.display
        return RowLook(
            message=message,
            who=one_line(who, 300) or "(no sender)",
            when=short_time(message.date, now) if self._words else row_time(message.date, now),
            subject=one_line(message.subject, 500),
            snippet=one_line(message.snippet, 300),
            day=day_header(message.date, now) if opens_day else "",
            person=self._person(message),
        )

    def _person(self, message: MessageRow) -> PersonMark:
        address = message.sender.address
        if self._login is None or not address:
            return PersonMark.NOT_LOOKED_UP
        result: LookupResult | None = self._lookup.cached(self._login, [address])
        if result is None:
            return PersonMark.NOT_LOOKED_UP
        for match in result.people:
            if match.address.lower() == address.lower():
                return PersonMark.LEAD if match.person.object_type == "Lead" else PersonMark.CONTACT
        return PersonMark.UNKNOWN

    # Events

    def _on_folder_changed(self, folder_id: FolderId) -> None:
        if self._words or self._folder is None or folder_id == self._folder:
            self._refresh_soon()

    def _on_messages_changed(self, message_ids: tuple[MessageId, ...]) -> None:
        changed = set(message_ids)
        if any(row.message_id in changed for rows in self._pages.values() for row in rows):
            self._refresh_soon()

    def _on_operation_changed(self, event: OperationChanged) -> None:
        if event.subject_message is not None and self.row_of(MessageId(event.subject_message)) is not None:
            self._refresh_soon()

    def _refresh_soon(self) -> None:
        # Not restarted by each event: a long burst must not starve the list.
        if not self._refresh_timer.isActive():
            self._refresh_timer.start()


def _pages_of(first: int, last: int) -> set[int]:
    return set(range(first // PAGE_ROWS, last // PAGE_ROWS + 1)) if last >= first else set()
