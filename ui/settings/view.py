"""The settings page: few settings, and where the data is in plain words."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ui.settings.model import SettingsState
from ui.theme import Space, set_role
from ui.widgets.bars import Strip
from ui.widgets.choice import ChoiceBox, NumberBox, Stepper
from ui.widgets.scroll import column_in_middle, scrolled

COLUMN_WIDTH = 640
CAPTION_WIDTH = 220
_TRUST = (
    ("Mail", "On this computer in an encrypted database (SQLCipher, AES-256), and on your mail server."),
    ("Salesforce data", "Looked-up records stay in memory for a few minutes and are never written to disk."),
    ("Waiting work", "In the same encrypted database, until Salesforce or the mail server has it."),
    (
        "Who is contacted",
        "Your mail server and your Salesforce org. No other server takes part, and nothing is counted or reported.",
    ),
)


class SettingsView(QFrame):
    """Shows a `SettingsState`; changes go out as signals at once."""

    theme_chosen = Signal(str)
    lookup_minutes_chosen = Signal(int)
    poll_minutes_chosen = Signal(int)
    close_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.setAccessibleName("Settings")
        self._is_filling = False
        self._repairs = Strip(can_close=True)
        self.theme = ChoiceBox()
        for text, key in (("As the system", "system"), ("Light", "light"), ("Dark", "dark")):
            self.theme.addItem(text, key)
        self.theme.activated.connect(lambda index: self.theme_chosen.emit(str(self.theme.itemData(index))))
        self.lookup = NumberBox(5, 10)
        self.lookup.setSuffix(" minutes")
        self.poll = NumberBox(1, 60)
        self.poll.setSuffix(" minutes")
        for box, signal in ((self.lookup, self.lookup_minutes_chosen), (self.poll, self.poll_minutes_chosen)):
            box.setKeyboardTracking(False)
            box.setMinimumWidth(120)
            box.valueChanged.connect(lambda value, s=signal: None if self._is_filling else s.emit(value))
        self._secrets = _value("")
        self._folder = _value("")
        self._folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._build()

    def show_state(self, state: SettingsState) -> None:
        """Paint this."""
        self._is_filling = True
        self.theme.setCurrentIndex(max(0, self.theme.findData(state.theme)))
        self.lookup.setValue(state.lookup_minutes)
        self.poll.setValue(state.poll_minutes)
        self._secrets.setText(state.secrets_place)
        self._folder.setText(state.profile_folder)
        self._is_filling = False
        if state.repairs:
            self._repairs.say(f"Some settings could not be read and were put back: {'; '.join(state.repairs)}.")

    def _build(self) -> None:
        title = QLabel("Settings")
        set_role(title, "title")
        close = QPushButton("Back to mail")
        set_role(close, "quiet")
        close.clicked.connect(self.close_requested)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(close)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.XL)
        column.setSpacing(Space.M)
        column.addLayout(head)
        column.addWidget(self._repairs)
        column.addLayout(
            _grid(
                (
                    ("Colours", self.theme),
                    ("Keep looked-up Salesforce data in memory for", Stepper(self.lookup)),
                    ("Look at other folders every", Stepper(self.poll)),
                )
            )
        )
        heading = QLabel("Where your data is")
        set_role(heading, "heading")
        column.addSpacing(Space.S)
        column.addWidget(heading)
        rows: list[tuple[str, QWidget]] = [(label, _value(text)) for label, text in _TRUST]
        rows += [("Passwords and keys", self._secrets), ("Folder of this profile", self._folder)]
        column.addLayout(_grid(tuple(rows)))
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolled(column_in_middle(content, COLUMN_WIDTH)))


def _grid(rows: tuple[tuple[str, QWidget], ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(Space.L)
    grid.setVerticalSpacing(Space.S)
    grid.setColumnStretch(1, 1)
    for row, (label, widget) in enumerate(rows):
        caption = QLabel(label)
        caption.setWordWrap(True)
        caption.setFixedWidth(CAPTION_WIDTH)
        set_role(caption, "muted")
        caption.setBuddy(widget)
        (widget.number if isinstance(widget, Stepper) else widget).setAccessibleName(label)
        is_text = isinstance(widget, QLabel)
        grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop if is_text else Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(widget, row, 1)
    return grid


def _value(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
