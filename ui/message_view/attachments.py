"""Attachments as chips: preview, open, save, drag out as real files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QDrag, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.model.ids import MessageId
from ui.drag import part_data
from ui.icons import Icon, icon
from ui.message_view.looks import Attachment
from ui.text import size
from ui.theme import Space, px, set_role
from ui.widgets.flow import FlowLayout

CHIP_WIDTH = 260
MOST_HEIGHT = 116
"""Three lines of chips; more scroll."""


class AttachmentBar(QFrame):
    """The chips under a message. All signals carry part ids.

    ``file_wanted`` asks for the part as a real file because a drag may begin; `file_ready` answers. ``drag_changed(bool)``: a drag began or ended.
    """

    preview_requested = Signal(str)
    open_requested = Signal(str)
    save_requested = Signal(str)
    save_to_requested = Signal(str)
    save_all_requested = Signal()
    file_wanted = Signal(str)
    drag_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.chips: list[AttachmentChip] = []
        self._message_id: MessageId | None = None
        self._holder = QWidget()
        set_role(self._holder, "surface")
        self._flow = FlowLayout(self._holder, Space.S)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(self._holder)
        self._save_all = QToolButton()
        self._save_all.setIcon(icon(Icon.SAVE))
        self._save_all.setToolTip("Save all attachments")
        self._save_all.setAccessibleName("Save all attachments")
        set_role(self._save_all, "icon")
        self._save_all.clicked.connect(self.save_all_requested)
        rule = QFrame()
        set_role(rule, "divider")
        row = QHBoxLayout()
        row.setContentsMargins(Space.XL, Space.S, Space.L, Space.M)
        row.setSpacing(Space.S)
        row.addWidget(self._scroll, 1)
        row.addWidget(self._save_all, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(rule)
        column.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()

    def show_attachments(self, message_id: MessageId, attachments: tuple[Attachment, ...]) -> None:
        """Show the chips of another message."""
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._message_id = message_id
        self.chips = [AttachmentChip(message_id, attachment) for attachment in attachments]
        for chip in self.chips:
            chip.preview_requested.connect(self.preview_requested)
            chip.open_requested.connect(self.open_requested)
            chip.save_requested.connect(self.save_requested)
            chip.save_to_requested.connect(self.save_to_requested)
            chip.file_wanted.connect(self.file_wanted)
            chip.drag_changed.connect(self.drag_changed)
            self._flow.addWidget(chip)
        self._save_all.setVisible(len(attachments) > 1)
        self.setVisible(bool(attachments))
        self._fit()

    def file_ready(self, part_id: str, path: Path) -> None:
        """The part was written to a real file: a drag that waits for it may begin."""
        for chip in self.chips:
            if chip.attachment.part.part_id == part_id:
                chip.file_ready(path)

    def resizeEvent(self, event: object) -> None:
        """Lines may change."""
        super().resizeEvent(event)  # type: ignore[arg-type]  # whatever Qt gave goes back to Qt
        self._fit()

    def _fit(self) -> None:
        height = self._flow.heightForWidth(max(1, self._scroll.viewport().width()))
        self._scroll.setFixedHeight(min(MOST_HEIGHT, max(px(32), height)))


class AttachmentChip(QToolButton):
    """One attachment. A click previews it where that is possible, else opens it; the menu has the rest."""

    preview_requested = Signal(str)
    open_requested = Signal(str)
    save_requested = Signal(str)
    save_to_requested = Signal(str)
    file_wanted = Signal(str)
    drag_changed = Signal(bool)

    def __init__(self, message_id: MessageId, attachment: Attachment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "chip")
        self.attachment = attachment
        self._message_id = message_id
        self._file: Path | None = None
        self._drag_from: QPoint | None = None
        self._is_dragging = False
        part = attachment.part
        self.setIcon(icon(attachment.symbol, "warning" if attachment.is_program else "muted"))
        self.setIconSize(QSize(20, 20))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFixedHeight(px(32))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        suffix = f"   {size(part.size)}"
        room = px(CHIP_WIDTH) - 20 - 4 * Space.S - self.fontMetrics().horizontalAdvance(suffix)
        name = self.fontMetrics().elidedText(part.filename, Qt.TextElideMode.ElideMiddle, room)
        self.setText(f" {name.replace('&', '&&')}{suffix}")
        kind = "Program. " if attachment.is_program else ""
        self.setToolTip(
            f"{part.filename}\n{kind}{part.content_type}, {size(part.size)}\nDrag it to a record, a folder or another program."
        )
        self.setAccessibleName(
            f"Attachment {part.filename}, {size(part.size)}{', program' if attachment.is_program else ''}"
        )
        self.clicked.connect(self._on_clicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu_requested)

    def menu_actions(self, owner: QWidget) -> list[QAction]:
        """What can be done with it, for its menu."""
        part_id = self.attachment.part.part_id
        entries = [
            ("Preview", self.preview_requested, self.attachment.can_preview),
            ("Open", self.open_requested, True),
            ("Save to Downloads", self.save_requested, True),
            ("Save to another folder…", self.save_to_requested, True),
        ]
        actions = []
        for text, signal, is_offered in entries:
            if is_offered:
                action = QAction(text, owner)
                action.triggered.connect(lambda _checked=False, signal=signal: signal.emit(part_id))
                actions.append(action)
        return actions

    def file_ready(self, path: Path) -> None:
        """The real file is there."""
        self._file = path
        if self._drag_from is not None and self._is_dragging:
            # Not from within the task that brought the file: a drag runs a loop of its own.
            QTimer.singleShot(0, self._drag)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag may begin: have the file made."""
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag_from = event.position().toPoint()
            self._is_dragging = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begin the drag once the pointer has gone far enough and the file is there."""
        if self._drag_from is None or not event.buttons() & Qt.MouseButton.LeftButton:
            super().mouseMoveEvent(event)
            return
        far = (event.position().toPoint() - self._drag_from).manhattanLength()
        if far < QApplication.startDragDistance() or self._is_dragging:
            return
        self._is_dragging = True
        self.setDown(False)
        if self._file is not None:
            self._drag()
        else:
            self.file_wanted.emit(self.attachment.part.part_id)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A press that became a drag is no click."""
        was_drag, self._is_dragging, self._drag_from = self._is_dragging, False, None
        if was_drag:
            self.setDown(False)
            event.accept()
        else:
            super().mouseReleaseEvent(event)

    def _drag(self) -> None:
        if self._file is None or self._drag_from is None:
            return
        self._drag_from = None
        drag = QDrag(self)
        drag.setMimeData(part_data(self._message_id, self.attachment.part.part_id, self._file))
        drag.setPixmap(self.grab())
        drag.setHotSpot(QPoint(12, 12))
        self.drag_changed.emit(True)
        drag.exec(Qt.DropAction.CopyAction)
        self.drag_changed.emit(False)
        self._is_dragging = False

    def _on_clicked(self) -> None:
        signal = self.preview_requested if self.attachment.can_preview else self.open_requested
        signal.emit(self.attachment.part.part_id)

    def _on_menu_requested(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions(self.menu_actions(menu))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.mapToGlobal(position))
