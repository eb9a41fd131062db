"""The panes side by side: remembered widths, and side panes that fold to a strip of pictures when the window is narrow."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QSplitter, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from ui.icons import Icon, icon
from ui.theme import Space, set_role

STRIP_WIDTH = 44
FOLD_PANEL_BELOW = 1100
FOLD_FOLDERS_BELOW = 900
"""Window widths in device-independent pixels."""

FOLDERS_WIDTH = 200
LIST_WIDTH = 340
READER_LEAST = 420
PANEL_WIDTH = 320
WIDEST = 16_777_215


class FoldingPane(QStackedWidget):
    """A side pane: its content, or a strip of pictures. ``unfold_requested`` comes from the strip."""

    unfold_requested = Signal()

    def __init__(self, symbol: Icon, words: str, least_width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least = least_width
        self._content: QWidget | None = None
        self._strip = QFrame()
        set_role(self._strip, "sidebar")
        self._column = QVBoxLayout(self._strip)
        self._column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        self._column.setSpacing(Space.XS)
        self._column.addWidget(self._button(symbol, words))
        self._column.addStretch(1)
        self.addWidget(self._strip)
        self.set_folded(True)

    @property
    def content(self) -> QWidget | None:
        """The pane itself."""
        return self._content

    @property
    def is_folded(self) -> bool:
        """Whether only the strip is shown."""
        return self.currentWidget() is self._strip

    def set_content(self, content: QWidget) -> None:
        """Put the pane in."""
        self._content = content
        self.addWidget(content)
        self.set_folded(False)

    def add_to_strip(self, action: QAction) -> None:
        """Offer an action while the pane is folded."""
        button = QToolButton()
        button.setDefaultAction(action)
        button.setIconSize(QSize(20, 20))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        set_role(button, "icon")
        self._column.insertWidget(self._column.count() - 1, button)

    def set_folded(self, folded: bool) -> None:
        """Fold or unfold."""
        if folded or self._content is None:
            self.setCurrentWidget(self._strip)
            self.setMinimumWidth(STRIP_WIDTH)
            self.setMaximumWidth(STRIP_WIDTH)
        else:
            self.setMaximumWidth(WIDEST)
            self.setMinimumWidth(self._least)
            self.setCurrentWidget(self._content)

    def _button(self, symbol: Icon, words: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(symbol))
        button.setIconSize(QSize(20, 20))
        button.setToolTip(words)
        button.setAccessibleName(words)
        set_role(button, "icon")
        button.clicked.connect(self.unfold_requested)
        return button


class Panes(QSplitter):
    """Folders, centre and panel. The centre is a stack of pages; its first page is the mail: list and reader side by side.

    What the person wants (a pane folded at any width) is remembered; what a narrow window demands is not.
    """

    folded_changed = Signal()

    def __init__(self, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._settings = settings
        self.folders = FoldingPane(Icon.MENU, "Show folders", 160)
        self.panel = FoldingPane(Icon.PANEL, "Show the Salesforce panel", 240)
        self.mail = QSplitter(Qt.Orientation.Horizontal)
        self.centre = QStackedWidget()
        self.centre.addWidget(self.mail)
        for widget in (self.folders, self.centre, self.panel):
            self.addWidget(widget)
        self.setStretchFactor(1, 1)
        for splitter in (self, self.mail):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
        self._wants_folders = settings.value("panes/folders", True, bool)
        self._wants_panel = settings.value("panes/panel", True, bool)
        # A narrow window folds; a click in the strip unfolds until the width crosses the border again.
        self._forced_folders = False
        self._forced_panel = False
        self._band = (False, False)
        self.folders.unfold_requested.connect(lambda: self.show_folders(True))
        self.panel.unfold_requested.connect(lambda: self.show_panel(True))

    def set_mail(self, message_list: QWidget, reader: QWidget) -> None:
        """Put list and reader in."""
        reader.setMinimumWidth(READER_LEAST)
        self.mail.addWidget(message_list)
        self.mail.addWidget(reader)
        self.mail.setStretchFactor(1, 1)

    def restore(self) -> None:
        """Give the panes the widths of last time, or the first ones. After everything was put in."""
        outer = self._settings.value("panes/outer")
        inner = self._settings.value("panes/inner")
        if not (isinstance(outer, QByteArray) and self.restoreState(outer)):
            self.setSizes([FOLDERS_WIDTH, max(600, self.width() - FOLDERS_WIDTH - PANEL_WIDTH), PANEL_WIDTH])
        if not (isinstance(inner, QByteArray) and self.mail.restoreState(inner)):
            self.mail.setSizes([LIST_WIDTH, max(READER_LEAST, self.width())])
        self._band = (False, False)
        self.fold_for(self.width())

    def keep(self) -> None:
        """Remember the widths and what the person folded."""
        if not self.folders.is_folded and not self.panel.is_folded:
            self._settings.setValue("panes/outer", self.saveState())
        self._settings.setValue("panes/inner", self.mail.saveState())
        self._settings.setValue("panes/folders", self._wants_folders)
        self._settings.setValue("panes/panel", self._wants_panel)

    def show_folders(self, on: bool) -> None:
        """Fold or unfold the folders because the person says so."""
        self._wants_folders = on
        self._forced_folders = on and self.width() < FOLD_FOLDERS_BELOW
        if self._forced_folders:
            self._forced_panel = False
        self._apply()

    def show_panel(self, on: bool) -> None:
        """Fold or unfold the panel because the person says so."""
        self._wants_panel = on
        self._forced_panel = on and self.width() < FOLD_PANEL_BELOW
        if self._forced_panel:
            self._forced_folders = False
        self._apply()

    def fold_for(self, width: int) -> None:
        """Fold what has no room in this width."""
        band = (width < FOLD_PANEL_BELOW, width < FOLD_FOLDERS_BELOW)
        if band != self._band:
            self._band = band
            self._forced_folders = self._forced_panel = False
        self._apply()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold and unfold with the width."""
        self.fold_for(event.size().width())
        super().resizeEvent(event)

    def _apply(self) -> None:
        is_narrow, is_very_narrow = self._band
        # The panel beside unfolded folders needs the wide window.
        folds_folders = not self._wants_folders or (
            (is_very_narrow or (is_narrow and self._forced_panel)) and not self._forced_folders
        )
        folds_panel = not self._wants_panel or (is_narrow and not self._forced_panel)
        before = (self.folders.is_folded, self.panel.is_folded)
        if before == (folds_folders, folds_panel):
            return
        sizes = self.sizes()
        self.folders.set_folded(folds_folders)
        self.panel.set_folded(folds_panel)
        if before[0] and not folds_folders:
            sizes[0] = FOLDERS_WIDTH
        if before[1] and not folds_panel:
            sizes[2] = PANEL_WIDTH
        if folds_folders:
            sizes[0] = STRIP_WIDTH
        if folds_panel:
            sizes[2] = STRIP_WIDTH
        sizes[1] = max(1, sum(self.sizes()) - sizes[0] - sizes[2])
        self.setSizes(sizes)
        self.folded_changed.emit()
