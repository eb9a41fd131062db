"""The outbox page: a list of what waits or was refused, and below it what exactly will be sent, with the remedies."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.model.operation import OperationKind, OperationState
from ui.icons import Icon, paint_icon
from ui.outbox.model import ROW_ROLE, OutboxModel, OutboxRow
from ui.text import Words, one_line
from ui.theme import Space, TextSize, colour, font, px, set_role, tones
from ui.widgets.bars import Choice, Strip, announce
from ui.widgets.choice import CheckBox
from ui.widgets.labels import paint_pill, pill_colours, plain_tip
from ui.widgets.scroll import scrolled
from ui.widgets.states import EmptyState

LONGEST_REASON = 400
LINES_HEIGHT = 168
"""Most that the lines of the detail take, in device-independent pixels; beyond it they scroll."""
Index = QModelIndex | QPersistentModelIndex
KIND_ICONS = {
    OperationKind.LOG_MESSAGE: Icon.LOG,
    OperationKind.ATTACH_FILE: Icon.ATTACHMENT,
    OperationKind.CREATE_RECORD: Icon.CONTACT,
    OperationKind.SEND_MESSAGE: Icon.SENT,
    OperationKind.SET_FLAGS: Icon.FLAG,
    OperationKind.MOVE_MESSAGES: Icon.MOVE,
}
_TONES = {OperationState.FAILED: "danger", OperationState.PAUSED: "warning", OperationState.DONE: "success"}
_ONE_LINE = int(Qt.TextFlag.TextSingleLine | Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


class OutboxDelegate(QStyledItemDelegate):
    """Paints an `OutboxRow`: picture, title, state pill; below it the reason or the time."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """One height for all."""
        return QSize(200, px(56))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, OutboxRow):
            return
        chosen = tones(option.widget)
        rect = QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colour(chosen.selected))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, colour(chosen.hover))
        ink = chosen.danger if row.state is OperationState.FAILED else chosen.muted
        paint_icon(painter, KIND_ICONS[row.kind], QRectF(rect.x() + Space.L, rect.y() + Space.M, 16, 16), ink)
        tone = _TONES.get(row.state, "muted")
        strong, small = font(TextSize.BASE, strong=True), font(TextSize.SMALL)
        painter.setFont(font(TextSize.SMALL, strong=True))
        pill_width = painter.fontMetrics().horizontalAdvance(row.state_words) + 2 * Space.S
        pill = QRectF(rect.right() - Space.L - pill_width, rect.y() + Space.M - 1, pill_width, px(18))
        paint_pill(painter, pill, row.state_words, *pill_colours(option.widget, tone))
        left = rect.x() + Space.L + 16 + Space.M
        painter.setFont(strong)
        painter.setPen(colour(chosen.text))
        title_box = QRect(left, rect.y() + Space.S, int(pill.left()) - left - Space.M, px(22))
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, title_box.width())
        painter.drawText(title_box, _ONE_LINE, title)
        painter.setFont(small)
        painter.setPen(colour(ink))
        line = "  ·  ".join(part for part in (row.detail, f"since {row.since}") if part)
        line_box = QRect(left, title_box.bottom(), rect.right() - left - Space.L, px(18))
        painter.drawText(
            line_box, _ONE_LINE, painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, line_box.width())
        )
        painter.setPen(colour(chosen.border))
        painter.drawLine(left, rect.bottom(), rect.right(), rect.bottom())
        painter.restore()


class OutboxView(QFrame):
    """The page. Wishes go out as signals; ids are strings."""

    retry_requested = Signal(str)
    discard_requested = Signal(str)
    discard_all_requested = Signal(str)
    description_requested = Signal(str)
    closed_toggled = Signal(bool)
    close_requested = Signal()

    def __init__(self, model: OutboxModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.setAccessibleName("Outbox")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._model = model
        self.table = QTableView()
        self.table.setModel(model)
        self.table.setItemDelegate(OutboxDelegate(self.table))
        self.table.setAccessibleName("Waiting work")
        self.table.horizontalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(px(56))
        self.table.setShowGrid(False)
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setMouseTracking(True)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._on_selection_changed())
        self._empty = EmptyState()
        self._empty.say(
            Icon.CHECK, "Nothing waits", "Everything you did has reached its server. What you do offline waits here."
        )
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.table)
        self._question = Strip(can_close=True)
        self._question.hide()
        self._detail = _Detail()
        self._detail.retry.clicked.connect(self._on_retry)
        self._detail.discard.clicked.connect(self._on_discard)
        self._build()
        model.modelReset.connect(self._on_model_reset)
        model.described.connect(self._on_described)
        model.dependants_found.connect(self._on_dependants_found)
        model.refused.connect(self._on_refused)
        model.news.connect(lambda text: announce(self.window(), text))
        self._selected = ""
        self._on_model_reset()

    def select(self, operation_id: str) -> None:
        """Show one operation."""
        row = self._model.row_of(operation_id)
        if row >= 0:
            self.table.selectRow(row)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The list takes the keyboard, at its first row."""
        super().focusInEvent(event)
        if self._model.rowCount():
            self.table.setFocus(event.reason())
            if self._selected_row() is None:
                self.table.selectRow(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete gives up, Enter retries, Escape goes back."""
        if event.key() == Qt.Key.Key_Delete:
            self._on_discard()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._on_retry()
        elif event.key() == Qt.Key.Key_Escape:
            self.close_requested.emit()
        else:
            super().keyPressEvent(event)

    def _build(self) -> None:
        title = QLabel("Outbox")
        set_role(title, "title")
        closed = CheckBox("Show what is done")
        closed.toggled.connect(self.closed_toggled)
        close = QPushButton("Back to mail")
        set_role(close, "quiet")
        close.clicked.connect(self.close_requested)
        head = QHBoxLayout()
        head.setContentsMargins(Space.L, Space.M, Space.L, Space.S)
        head.setSpacing(Space.M)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(closed)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._question)
        column.addWidget(self._pages, 1)
        column.addWidget(self._detail)

    def _on_model_reset(self) -> None:
        self._pages.setCurrentIndex(1 if self._model.rowCount() else 0)
        row = self._model.row_of(self._selected)
        if row >= 0:
            self.table.selectRow(row)
        else:
            self._selected = ""
            self._detail.hide()

    def _on_selection_changed(self) -> None:
        row = self._selected_row()
        if row is None:
            self._detail.hide()
            return
        self._selected = str(row.operation_id)
        self._detail.show_row(row)
        self.description_requested.emit(self._selected)

    def _on_described(self, operation_id: str, lines: list[tuple[str, str]]) -> None:
        if operation_id == self._selected:
            self._detail.show_lines(lines)

    def _on_dependants_found(self, operation_id: str, titles: list[str]) -> None:
        names = ", ".join(titles[:3]) + ("" if len(titles) <= 3 else f" and {len(titles) - 3} more")
        self._question.say(
            f"These need it and would be given up too: {names}.",
            choices=(
                Choice("Give all up", lambda: self._confirm(operation_id), "danger"),
                Choice("Keep", self._question.hide),
            ),
        )

    def _on_refused(self, words: Words) -> None:
        self._question.say(words.sentence, symbol=Icon.INFO)

    def _confirm(self, operation_id: str) -> None:
        self._question.hide()
        self.discard_all_requested.emit(operation_id)

    def _selected_row(self) -> OutboxRow | None:
        indexes = self.table.selectionModel().selectedRows()
        row = indexes[0].data(ROW_ROLE) if indexes else None
        return row if isinstance(row, OutboxRow) else None

    def _on_retry(self) -> None:
        row = self._selected_row()
        if row is not None and row.can_retry:
            self.retry_requested.emit(str(row.operation_id))

    def _on_discard(self) -> None:
        row = self._selected_row()
        if row is not None and row.can_discard:
            self.discard_requested.emit(str(row.operation_id))


class _Detail(QFrame):
    """What the selected operation will send, why it waits, and what to do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self._title = QLabel()
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setWordWrap(True)
        set_role(self._title, "strong")
        self._reason = QLabel()
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.setWordWrap(True)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(Space.L)
        self._form.setVerticalSpacing(Space.XS)
        lines = QWidget()
        lines.setLayout(self._form)
        self._form.setContentsMargins(0, 0, Space.S, 0)
        self._area = scrolled(lines)
        self._area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.retry = QPushButton("Try again")
        set_role(self.retry, "primary")
        self.discard = QPushButton("Give up")
        set_role(self.discard, "danger")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.discard)
        buttons.addWidget(self.retry)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        column.setSpacing(Space.S)
        column.addWidget(self._title)
        column.addWidget(self._reason)
        column.addWidget(self._area)
        column.addLayout(buttons)
        self.hide()

    def show_row(self, row: OutboxRow) -> None:
        """Show state and remedies; the lines follow."""
        self._title.setText(row.title)
        reason = one_line(f"{row.state_words}. {row.detail}".rstrip())
        self._reason.setText(reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON].rstrip()}…")
        self._reason.setToolTip(plain_tip(reason) if len(reason) > LONGEST_REASON else "")
        self.retry.setAccessibleName(f"Try again: {row.title}")
        self.discard.setAccessibleName(f"Give up: {row.title}")
        set_role(self._reason, "danger" if row.state is OperationState.FAILED else "muted")
        self.retry.setVisible(row.can_retry)
        self.discard.setVisible(row.can_discard)
        self.show()

    def show_lines(self, lines: list[tuple[str, str]]) -> None:
        """Show what exactly will be sent."""
        while self._form.rowCount():
            self._form.removeRow(0)
        for label, text in lines[:12]:
            caption = QLabel(label)
            set_role(caption, "muted")
            value = QLabel(text if len(text) <= 300 else f"{text[:300]}…")
            value.setTextFormat(Qt.TextFormat.PlainText)
            value.setWordWrap(True)
            self._form.addRow(caption, value)
        self._fit_lines()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines wrap anew."""
        super().resizeEvent(event)
        self._fit_lines()

    def _fit_lines(self) -> None:
        self._form.activate()
        wanted = self._form.totalHeightForWidth(self.width() - 2 * Space.L) if self._form.hasHeightForWidth() else 0
        wanted = max(wanted, self._form.sizeHint().height()) if self._form.rowCount() else 0
        self._area.setVisible(wanted > 0)
        self._area.setFixedHeight(min(LINES_HEIGHT, wanted))
