"""Content that may be taller than its place."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget


def scrolled(content: QWidget) -> QScrollArea:
    """A frameless area that scrolls up and down only and lets the ground of its pane show through."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(content)
    # setWidget gives the content a ground of its own.
    area.viewport().setAutoFillBackground(False)
    content.setAutoFillBackground(False)
    return area


def column_in_middle(content: QWidget, width: int) -> QWidget:
    """A page's column of at most ``width`` device-independent pixels, in the middle of a wide window."""
    content.setMaximumWidth(width)
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addStretch(1)
    row.addWidget(content, 100)
    row.addStretch(1)
    return holder
