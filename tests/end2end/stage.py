"""Hands and eyes for a story on the real window: find, click, type, drop, wait, take a picture."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QTableView, QWidget

from ui.main_window import MainWindow

W = TypeVar("W", bound=QWidget)

WITHIN_S = 90.0
SETTLE_S = 0.4
"""Animations, elided texts and the HTML engine have drawn themselves within this; only pictures depend on it."""


class StoryStuck(AssertionError):
    """What was waited for did not come."""


class Stage:
    """The application as a person meets it. ``pictures`` is where pictures go, None for none."""

    def __init__(self, application: QApplication, pictures: Path | None, number: int = 1) -> None:
        self._application = application
        self._pictures = pictures
        self._number = number

    @property
    def number(self) -> int:
        """The number of the next picture."""
        return self._number

    @property
    def window(self) -> MainWindow:
        """The window of the program. Raises StoryStuck when there is none."""
        for widget in self._application.topLevelWidgets():
            if isinstance(widget, MainWindow) and widget.isVisible():
                return widget
        raise StoryStuck("the program shows no window")

    def has_window(self) -> bool:
        """Whether the program shows its window by now."""
        return any(isinstance(w, MainWindow) and w.isVisible() for w in self._application.topLevelWidgets())

    async def until(self, what: str, condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
        """Wait for something to become true. Raises StoryStuck, with a picture of what is there instead."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    answer = condition()
                    if await answer if inspect.isawaitable(answer) else answer:
                        return
                    await asyncio.sleep(0.03)
        except TimeoutError:
            await self.picture("stuck")
            raise StoryStuck(what) from None

    def find(self, kind: type[W], where: Callable[[W], bool] = lambda _widget: True) -> W:
        """The first visible widget of a kind. Raises StoryStuck."""
        found = self.seen(kind, where)
        if not found:
            raise StoryStuck(f"no {kind.__name__} is to be seen")
        return found[0]

    def seen(self, kind: type[W], where: Callable[[W], bool] = lambda _widget: True) -> list[W]:
        """The visible widgets of a kind."""
        return [widget for widget in self.window.findChildren(kind) if widget.isVisible() and where(widget)]

    def button(self, words: str) -> QAbstractButton | None:
        """The visible button that says (or is read out as) these words, or begins with them."""
        for button in self.seen(QAbstractButton):
            if any(text.startswith(words) for text in (button.text(), button.accessibleName())):
                return button
        return None

    async def press(self, words: str) -> None:
        """Click the button that says these words, as soon as it is there and can be used."""

        def is_ready() -> bool:
            button = self.button(words)
            return button is not None and button.isEnabled()

        await self.until(f"a button “{words}”", is_ready)
        button = self.button(words)
        assert button is not None
        self.click(button)

    def click(self, widget: QWidget) -> None:
        """Click into the middle of a widget."""
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    async def type_into(self, field: QLineEdit, text: str) -> None:
        """Replace the text of a field by the keyboard."""
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, text)

    def click_row(self, table: QTableView, index: QModelIndex) -> None:
        """Click a row of a table."""
        table.scrollTo(index)
        QTest.mouseClick(
            table.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            table.visualRect(index).center() - QPoint(0, 4),
        )

    def command(self, command_id: str) -> None:
        """Do what a menu's action does. Raises StoryStuck when it cannot be used now."""
        action = self.window.commands.action(command_id)
        if not action.isEnabled():
            raise StoryStuck(f"{command_id} cannot be used now")
        action.trigger()

    def drag_over(self, widget: QWidget, data: QMimeData) -> None:
        """Bring a drag over a widget. Qt's own loop of a drag needs a real pointer; these are the events that it sends."""
        middle = widget.rect().center()
        copy = Qt.DropAction.CopyAction
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(widget, QDragEnterEvent(middle, copy, data, left, none))
        QApplication.sendEvent(widget, QDragMoveEvent(middle, copy, data, left, none))

    def drop_on(self, widget: QWidget, data: QMimeData) -> None:
        """Let go of it there. Raises StoryStuck when the widget does not take it."""
        event = QDropEvent(
            QPointF(widget.rect().center()),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(widget, event)
        if not event.isAccepted():
            raise StoryStuck("what was dropped was not taken")

    def drag_away(self, widget: QWidget) -> None:
        """Take the drag away again."""
        QApplication.sendEvent(widget, QDragLeaveEvent())

    async def picture(self, name: str) -> None:
        """Keep a picture of the window as the next one."""
        if self._pictures is None or not self.has_window():
            return
        await asyncio.sleep(SETTLE_S)
        self.window.grab().save(str(self._pictures / f"{self._number:02} {name}.png"))
        self._number += 1
