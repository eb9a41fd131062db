"""The left pane: places, accounts, folders with their counts, and how far a first sync is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPen,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QProgressBar,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.model.mail import FolderRole
from ui.drag import MESSAGES_MIME_TYPE, dragged_messages
from ui.folder_tree.model import COUNT_ROLE, PLACE_ROLE, FolderTreeModel, Place, PlaceKind
from ui.icons import Icon, paint_icon
from ui.theme import Radius, Space, TextSize, colour, font, px, set_role, tones
from ui.widgets.labels import ElidedLabel

ROW = 30
INDENT = 14

_ROLE_ICONS = {
    FolderRole.INBOX: Icon.INBOX,
    FolderRole.ARCHIVE: Icon.ARCHIVE,
    FolderRole.DRAFTS: Icon.DRAFTS,
    FolderRole.SENT: Icon.SENT,
    FolderRole.JUNK: Icon.JUNK,
    FolderRole.TRASH: Icon.DELETE,
    FolderRole.ALL: Icon.ALL_MAIL,
    FolderRole.FLAGGED: Icon.FLAG,
    FolderRole.NONE: Icon.FOLDER,
}

Index = QModelIndex | QPersistentModelIndex


class PlaceDelegate(QStyledItemDelegate):
    """Paints a place: picture, name, number."""

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        """Lines of one height; the rule between accounts is thin."""
        place = index.data(PLACE_ROLE)
        is_rule = isinstance(place, Place) and place.kind is PlaceKind.RULE
        return QSize(60, 13 if is_rule else px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one line across the whole width of the pane."""
        place = index.data(PLACE_ROLE)
        if not isinstance(place, Place):
            return
        chosen = tones(option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        full = QRect(0, option.rect.y(), option.widget.width(), option.rect.height())
        if place.kind is PlaceKind.RULE:
            painter.setPen(QPen(colour(chosen.border), 1))
            y = full.center().y() + 0.5
            painter.drawLine(QPointF(full.left() + Space.M, y), QPointF(full.right() - Space.M, y))
            painter.restore()
            return
        has_focus = option.widget.hasFocus()
        box = QRectF(full).adjusted(Space.S, 1, -Space.S, -1)
        if option.state & QStyle.StateFlag.State_Selected:
            self._ground(painter, box, chosen.selected if has_focus else chosen.selected_inactive)
        elif option.state & QStyle.StateFlag.State_MouseOver and place.is_selectable:
            self._ground(painter, box, chosen.hover)
        if has_focus and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(colour(chosen.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), Radius.CONTROL, Radius.CONTROL)
        self._line(painter, option, index, place, box)
        painter.restore()

    def _ground(self, painter: QPainter, box: QRectF, value: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(value))
        painter.drawRoundedRect(box, Radius.CONTROL, Radius.CONTROL)

    def _line(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, place: Place, box: QRectF) -> None:
        chosen = tones(option.widget)
        x = float(option.rect.left() + Space.M)
        right = box.right() - Space.S
        number = str(index.data(COUNT_ROLE) or "")
        if number:
            painter.setFont(font(TextSize.SMALL, strong=True))
            width = painter.fontMetrics().horizontalAdvance(number)
            painter.setPen(colour(chosen.muted))
            painter.drawText(
                QRectF(right - width, box.top(), width + 1, box.height()), int(Qt.AlignmentFlag.AlignVCenter), number
            )
            right -= width + Space.S
        is_account = place.kind is PlaceKind.ACCOUNT
        if not is_account:
            symbol = Icon.OUTBOX if place.kind is PlaceKind.OUTBOX else _ROLE_ICONS[place.role]
            is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
            tone = chosen.accent_text if is_selected else chosen.muted
            paint_icon(painter, symbol, QRectF(x, box.center().y() - 8, 16, 16), tone)
            x += 16 + Space.S
        has_unread = place.unread > 0 and place.kind is not PlaceKind.OUTBOX
        painter.setFont(font(TextSize.SMALL, strong=True) if is_account else font(TextSize.BASE, strong=has_unread))
        painter.setPen(colour(chosen.muted if is_account or not place.is_selectable else chosen.text))
        name = painter.fontMetrics().elidedText(place.name, Qt.TextElideMode.ElideRight, int(right - x))
        painter.drawText(
            QRectF(x, box.top(), right - x, box.height()),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine),
            name,
        )


class PlaceTree(QTreeView):
    """The tree itself. Dropping dragged messages on a folder asks to move them."""

    messages_dropped = Signal(list, Place)

    def __init__(self, model: QStandardItemModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        set_role(self, "sidebar")
        self.setItemDelegate(PlaceDelegate(self))
        self.setHeaderHidden(True)
        self.setIndentation(INDENT)
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setExpandsOnDoubleClick(False)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.setAccessibleName("Folders")

    def drawBranches(self, _painter: QPainter, _rect: QRect, _index: Index) -> None:
        """Nothing: indentation alone shows the tree."""

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Only messages may be dropped."""
        if event.mimeData().hasFormat(MESSAGES_MIME_TYPE):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Only on a folder."""
        place = self.indexAt(event.position().toPoint()).data(PLACE_ROLE)
        if isinstance(place, Place) and place.kind is PlaceKind.FOLDER and place.is_selectable:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Ask for the move."""
        place = self.indexAt(event.position().toPoint()).data(PLACE_ROLE)
        ids = dragged_messages(event.mimeData())
        if isinstance(place, Place) and place.kind is PlaceKind.FOLDER and ids:
            event.acceptProposedAction()
            self.messages_dropped.emit(ids, place)
        else:
            event.ignore()


class FolderTreeView(QFrame):
    """The pane. ``place_chosen(place)`` tells what was chosen, by the person or by `choose`; ``place_clicked(place)`` a click on what may be chosen
    already.
    """

    place_chosen = Signal(Place)
    place_clicked = Signal(Place)
    messages_dropped = Signal(list, Place)

    def __init__(self, model: FolderTreeModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "sidebar")
        self.setMinimumWidth(150)
        self.setAccessibleName("Folder pane")
        self._model = model
        self._key = Place(PlaceKind.UNIFIED_INBOX, "").key
        self.tree = PlaceTree(model)
        self._progress_words = ElidedLabel(role="small")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName("First sync")
        self._status = QWidget()
        foot = QVBoxLayout(self._status)
        foot.setContentsMargins(Space.L, Space.S, Space.L, Space.M)
        foot.setSpacing(Space.XS)
        foot.addWidget(self._progress_words)
        foot.addWidget(self._progress)
        self._status.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, Space.S, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tree, 1)
        column.addWidget(self._status)
        # While the tree is rebuilt Qt makes one line after the other the current one.
        self._is_rebuilding = False
        self._told = ""
        self.tree.selectionModel().currentChanged.connect(self._on_current_changed)
        self.tree.clicked.connect(self._on_clicked)
        self.tree.messages_dropped.connect(self.messages_dropped)
        model.about_to_rebuild.connect(self._on_about_to_rebuild)
        model.rebuilt.connect(self._on_rebuilt)

    @property
    def key(self) -> str:
        """The `Place.key` of what is chosen."""
        return self._key

    def choose(self, key: str) -> Place | None:
        """Choose a place by its `Place.key`; None when it is not there (yet): it is chosen when it comes."""
        self._key = key
        item = self._model.item_of(key)
        if item is None:
            return None
        self.tree.setCurrentIndex(item.index())
        place = item.data(PLACE_ROLE)
        return place if isinstance(place, Place) else None

    def choose_role(self, role: FolderRole) -> Place | None:
        """Choose the first folder of that role; None when there is none."""
        for item in self._model.items():
            place = item.data(PLACE_ROLE)
            if isinstance(place, Place) and place.kind is PlaceKind.FOLDER and place.role is role:
                return self.choose(place.key)
        return None

    def set_progress(self, words: str, share: float) -> None:
        """How far a first sync is; "" hides it, a negative share is unknown."""
        self._status.setVisible(bool(words))
        self._progress_words.set_text(words)
        self._progress.setRange(0, 1000 if share >= 0 else 0)
        if share >= 0:
            self._progress.setValue(round(share * 1000))

    def _on_about_to_rebuild(self) -> None:
        self._is_rebuilding = True

    def _on_rebuilt(self) -> None:
        self._is_rebuilding = False
        self.tree.expandAll()
        key = self._key
        if not self.choose(key):
            self.choose(Place(PlaceKind.UNIFIED_INBOX, "").key)

    def _on_current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        place = current.data(PLACE_ROLE)
        if self._is_rebuilding or not isinstance(place, Place) or not place.is_selectable:
            return
        if self._model.item_of(self._key) is None and place.key != self._key:
            # Before the first account there is no inbox yet; a pane that takes the focus makes its only line the current one, which is no choice.
            return
        self._key = place.key
        if place.key != self._told:
            self._told = place.key
            self.place_chosen.emit(place)

    def _on_clicked(self, index: QModelIndex) -> None:
        place = index.data(PLACE_ROLE)
        if isinstance(place, Place) and place.is_selectable:
            self.choose(place.key)
            self.place_clicked.emit(place)
