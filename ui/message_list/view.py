"""The list pane: heading, table, empty states. It speaks by signals and reads rows through Qt's own model interface."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QPoint,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.model.ids import MessageId
from ui.icons import Icon, icon
from ui.message_list.delegate import MessageDelegate, day_height, row_height
from ui.message_list.rows import ROW_ROLE, RowLook
from ui.theme import HIT_TARGET, Space, set_role
from ui.widgets.bars import Choice
from ui.widgets.labels import ElidedLabel
from ui.widgets.states import EmptyState

SELECTION_LIMIT = 2_000
"""More messages than this are never selected at once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where things are after the rows were read anew: row numbers, None for what is gone. ``top_row`` was the first one in sight."""

    top_row: int | None
    current_row: int | None
    selected_rows: tuple[int, ...]


class MessageTable(QTableView):
    """One column of rows of fixed height: constant cost at any number of rows."""

    open_requested = Signal()
    all_requested = Signal()

    def __init__(self, model: QAbstractTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        set_role(self, "messages")
        self.setItemDelegate(MessageDelegate(self))
        self.horizontalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setMinimumSectionSize(0)
        header = self.verticalHeader()
        header.hide()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(1)
        header.setDefaultSectionSize(row_height())
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName("Messages")

    def rows_in_sight(self) -> tuple[int, int]:
        """First and last row that can be seen; (0, -1) when there is none."""
        total = self.model().rowCount()
        if total == 0:
            return 0, -1
        first = max(0, self.rowAt(0))
        last = self.rowAt(self.viewport().height() - 1)
        return first, last if last >= 0 else total - 1

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home, End and Enter do what a list does; "select all" stays within bounds."""
        total = self.model().rowCount()
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_requested.emit()
        elif key == Qt.Key.Key_Home and total:
            self.go_to(0)
        elif key == Qt.Key.Key_End and total:
            self.go_to(total - 1)
        else:
            super().keyPressEvent(event)

    def selectAll(self) -> None:
        """Ask for all rows; `select_first` follows when they are known."""
        self.all_requested.emit()

    def select_first(self, number: int) -> None:
        """Select so many rows from the top, as one range."""
        if number > 0:
            model = self.model()
            self.selectionModel().select(
                QItemSelection(model.index(0, 0), model.index(number - 1, 0)),
                QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
            )

    def go_to(self, row: int) -> None:
        """Make one row the current and only selected one, in sight."""
        index = self.model().index(row, 0)
        self.selectionModel().setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        )
        self.scrollTo(index)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The selection looks awake in the pane that has the focus."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """See `focusInEvent`."""
        super().focusOutEvent(event)
        self.viewport().update()


class MessageListView(QFrame):
    """The pane. Signals carry row numbers or `MessageId` lists.

    ``range_wanted(first, last)`` asks the model for rows in sight; ``selection_changed(ids)`` tells what is selected (the current message first);
    ``open_requested()`` is Enter or a double click; ``menu_requested(global_position)`` a context menu;
    ``search_closed()`` the cross beside a search.
    """

    range_wanted = Signal(int, int)
    selection_changed = Signal(list)
    open_requested = Signal()
    menu_requested = Signal(QPoint)
    search_closed = Signal()

    def __init__(self, model: QAbstractTableModel, parent: QWidget | None = None) -> None:
        """``model`` gives a `RowLook` (or None) for `ROW_ROLE` in its one column."""
        super().__init__(parent)
        set_role(self, "surface")
        self.setMinimumWidth(240)
        self.setAccessibleName("Message list")
        self._is_restoring = False
        self._reported: list[MessageId] = []
        self._row_before = -1
        self._scrolled_out = 0
        self._day_rows: set[int] = set()
        self.table = MessageTable(model)
        self.empty = EmptyState()
        self._title = ElidedLabel(role="heading")
        self._detail = QLabel()
        set_role(self._detail, "small")
        self._close_search = QToolButton()
        self._close_search.setIcon(icon(Icon.CLOSE))
        self._close_search.setIconSize(QSize(16, 16))
        self._close_search.setToolTip("Close the search")
        self._close_search.setAccessibleName("Close the search")
        set_role(self._close_search, "icon")
        self._close_search.hide()
        self._close_search.clicked.connect(self.search_closed)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        heading = QHBoxLayout()
        heading.setContentsMargins(Space.L, Space.XS, Space.M, Space.XS)
        heading.setSpacing(Space.S)
        heading.addWidget(self._title, 1)
        heading.addStrut(HIT_TARGET)
        heading.addWidget(self._detail)
        heading.addWidget(self._close_search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        rule = QFrame()
        set_role(rule, "divider")
        column.addLayout(heading)
        column.addWidget(rule)
        column.addWidget(self._stack, 1)
        # One report for a burst of scroll steps.
        self._range_timer = QTimer(self)
        self._range_timer.setSingleShot(True)
        self._range_timer.setInterval(0)
        self._range_timer.timeout.connect(self._report_range)
        self.table.verticalScrollBar().valueChanged.connect(lambda _value: self._range_timer.start())
        self.table.open_requested.connect(self.open_requested)
        self.table.doubleClicked.connect(lambda _index: self.open_requested.emit())
        self.table.customContextMenuRequested.connect(self._on_menu_requested)
        model.modelReset.connect(self._on_rows_reset)
        model.dataChanged.connect(lambda first, last, _roles=None: self._fit_days(first.row(), last.row()))
        self.table.selectionModel().selectionChanged.connect(lambda _new, _old: self._report_selection())
        self.table.selectionModel().currentChanged.connect(lambda _new, _old: self._report_selection())

    def set_heading(self, title: str, detail: str, *, is_search: bool = False) -> None:
        """What is listed, and how much of it."""
        self._title.set_text(title)
        self._detail.setText(detail)
        self._close_search.setVisible(is_search)
        self.table.setAccessibleName(f"Messages in {title}")

    def show_empty(self, symbol: Icon, title: str, detail: str = "", choices: tuple[Choice, ...] = ()) -> None:
        """Say why there are no rows."""
        self.empty.say(symbol, title, detail, choices)
        self._stack.setCurrentWidget(self.empty)

    def show_rows(self) -> None:
        """Show the table again."""
        self._stack.setCurrentWidget(self.table)

    def selected_ids(self) -> list[MessageId]:
        """The selected messages that are known, the current one first."""
        selection = self.table.selectionModel()
        spans = selection.selection()
        rows: list[int] = []
        for span in (spans.at(i) for i in range(spans.count())):
            rows.extend(range(span.top(), min(span.bottom(), span.top() + SELECTION_LIMIT) + 1))
        current = selection.currentIndex().row()
        rows.sort(key=lambda row: (row != current, row))
        looks = (self._look(row) for row in rows[:SELECTION_LIMIT])
        return [look.message.message_id for look in looks if look is not None]

    def step(self, by: int) -> None:
        """Go ``by`` rows down (up when negative)."""
        model = self.table.model()
        if model.rowCount() == 0:
            return
        # A table that takes the focus makes its first row current without selecting it.
        is_chosen = self.table.selectionModel().hasSelection()
        current = self.table.currentIndex().row()
        self.table.go_to(min(max(current + by, 0), model.rowCount() - 1) if is_chosen else max(current, 0))

    def remember_place(self) -> None:
        """Just before the rows are read anew: note where things are. `restore_place` must follow."""
        self._is_restoring = True
        self._row_before = self.table.currentIndex().row()
        first, last = self.table.rows_in_sight()
        self._scrolled_out = -self.table.rowViewportPosition(first) if last >= first else 0

    def restore_place(self, kept: Kept) -> None:
        """Just after the rows were read anew: put selection and scroll position back without telling anybody of it.

        When the current message is gone, its neighbour takes its place and that is told.
        """
        selection = self.table.selectionModel()
        model = self.table.model()
        flags = QItemSelectionModel.SelectionFlag
        try:
            selection.select(self._spans(kept.selected_rows), flags.Select | flags.Rows)
            if kept.current_row is not None:
                selection.setCurrentIndex(model.index(kept.current_row, 0), flags.NoUpdate)
            if kept.top_row is not None:
                self._fit_days(max(0, kept.top_row - 100), min(kept.top_row + 100, model.rowCount() - 1))
                bar = self.table.verticalScrollBar()
                bar.setValue(self.table.verticalHeader().sectionPosition(kept.top_row) + self._scrolled_out)
        finally:
            self._is_restoring = False
        if self._reported and kept.current_row is None and not kept.selected_rows and model.rowCount():
            self.table.go_to(min(max(self._row_before, 0), model.rowCount() - 1))
        self._report_selection()
        self._report_range()

    def _spans(self, rows: tuple[int, ...]) -> QItemSelection:
        # Neighbours as one range: row by row, two thousand rows take as long as reading them.
        model, spans = self.table.model(), QItemSelection()
        ordered = sorted(rows)
        first = 0
        for number in range(1, len(ordered) + 1):
            if number == len(ordered) or ordered[number] != ordered[number - 1] + 1:
                spans.select(model.index(ordered[first], 0), model.index(ordered[number - 1], 0))
                first = number
        return spans

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More rows may be in sight."""
        super().resizeEvent(event)
        self._range_timer.start()

    def _look(self, row: int) -> RowLook | None:
        look = self.table.model().index(row, 0).data(ROW_ROLE)
        return look if isinstance(look, RowLook) else None

    def _report_selection(self) -> None:
        if self._is_restoring:
            return
        ids = self.selected_ids()
        if ids != self._reported:
            self._reported = ids
            self.selection_changed.emit(ids)

    def _report_range(self) -> None:
        first, last = self.table.rows_in_sight()
        if last >= first:
            self.range_wanted.emit(first, last)

    def _on_rows_reset(self) -> None:
        # Qt keeps the heights of row numbers over a reset.
        header = self.table.verticalHeader()
        header.setDefaultSectionSize(row_height())
        for row in self._day_rows:
            if row < header.count():
                header.resizeSection(row, row_height())
        self._day_rows.clear()
        model = self.table.model()
        if model.rowCount():
            self._range_timer.start()
            first, last = self.table.rows_in_sight()
            self._fit_days(max(0, first - 100), min(last + 100, model.rowCount() - 1))

    def _fit_days(self, first: int, last: int) -> None:
        # A row that opens a day is higher by the heading. What is above the first row in sight must not push it down.
        header = self.table.verticalHeader()
        in_sight = self.table.rowAt(0)
        moved = 0
        for row in range(first, last + 1):
            look = self._look(row)
            opens_day = look is not None and bool(look.day)
            if opens_day == (row in self._day_rows) or look is None:
                continue
            header.resizeSection(row, row_height() + (day_height() if opens_day else 0))
            (self._day_rows.add if opens_day else self._day_rows.discard)(row)
            if row < in_sight:
                moved += day_height() if opens_day else -day_height()
        if moved and not self._is_restoring:
            bar = self.table.verticalScrollBar()
            bar.setValue(bar.value() + moved)

    def _on_menu_requested(self, position: QPoint) -> None:
        if self.table.indexAt(position).isValid():
            self.menu_requested.emit(self.table.viewport().mapToGlobal(position))
