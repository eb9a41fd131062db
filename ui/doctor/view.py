"""The doctor's findings, one line each."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from ui.icons import Icon
from ui.theme import Space, set_role
from ui.widgets.bars import IconLabel, announce


class Seen(Protocol):
    """What a line shows of a finding."""

    @property
    def name(self) -> str:
        """What was looked at."""
        ...

    @property
    def is_ok(self) -> bool:
        """Whether it is well."""
        ...

    @property
    def words(self) -> str:
        """What was found."""
        ...

    @property
    def what_to_do(self) -> str:
        """What to do about it, "" for nothing."""
        ...


class DoctorView(QFrame):
    """The page. ``run_requested()`` looks again, ``close_requested()`` goes back to the mail."""

    run_requested = Signal()
    close_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.setAccessibleName("Doctor")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        title = QLabel("Doctor")
        set_role(title, "title")
        self.summary = QLabel()
        set_role(self.summary, "muted")
        self._again = QPushButton("Look again")
        self._again.clicked.connect(self.run_requested)
        back = QPushButton("Back to mail")
        set_role(back, "quiet")
        back.clicked.connect(self.close_requested)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self._again)
        head.addWidget(back)
        self._holder = QWidget()
        set_role(self._holder, "surface")
        self.lines = QVBoxLayout(self._holder)
        self.lines.setContentsMargins(0, 0, 0, 0)
        self.lines.setSpacing(Space.L)
        self.lines.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._holder)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addLayout(head)
        column.addWidget(self.summary)
        column.addWidget(scroll, 1)

    def show_looking(self) -> None:
        """It is looking."""
        self._again.setEnabled(False)
        self.summary.setText("Looking at keychain, database, network and accounts…")

    def show_findings(self, findings: list[Seen]) -> None:
        """Show what it found, troubles first."""
        self._again.setEnabled(True)
        troubles = [finding for finding in findings if not finding.is_ok]
        text = "All is well." if not troubles else f"{len(troubles)} of {len(findings)} need a look."
        self.summary.setText(text)
        announce(self, text)
        while self.lines.count() > 1:
            item = self.lines.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for number, finding in enumerate([*troubles, *(f for f in findings if f.is_ok)]):
            self.lines.insertWidget(number, _line(finding))


def _line(finding: Seen) -> QWidget:
    line = QWidget()
    symbol = IconLabel(Icon.LOGGED, "success", 20) if finding.is_ok else IconLabel(Icon.WARNING, "warning", 20)
    column = QVBoxLayout()
    column.setSpacing(2)
    for text, role in ((finding.name, "strong"), (finding.words, ""), (finding.what_to_do, "muted")):
        if text:
            label = QLabel(text[0].upper() + text[1:])
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setMinimumWidth(0)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if role:
                set_role(label, role)
            column.addWidget(label)
    row = QHBoxLayout(line)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(Space.M)
    row.addWidget(symbol, 0, Qt.AlignmentFlag.AlignTop)
    row.addLayout(column, 1)
    line.setAccessibleName(f"{finding.name}: {finding.words} {finding.what_to_do}".strip())
    return line
