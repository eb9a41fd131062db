"""Design tokens: colours, spacing, type, and how they reach every widget.

Three ways to use them, in this order:

1. A plain widget needs nothing: the application's style sheet (`ui.style_sheet`) and palette dress it.
2. A widget with a role says so by a dynamic property that the style sheet knows: ``set_role(label, "muted")``.
3. A widget that paints itself asks ``tones(self)`` inside ``paintEvent`` and never keeps the answer, so that light and dark follow at once.

Spacing is only ever one of `Space`, type one of `TextSize` with weight 400 or 600.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import lru_cache

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from ui.style_sheet import style_sheet


class Space(IntEnum):
    """Distances in device-independent pixels."""

    XS = 4
    S = 8
    M = 12
    L = 16
    XL = 24


class Radius(IntEnum):
    """Corner radii in device-independent pixels."""

    CONTROL = 6
    CARD = 8


class TextSize(IntEnum):
    """Type sizes at the system's normal text size."""

    SMALL = 11
    BASE = 13
    LARGE = 15
    TITLE = 20


HIT_TARGET = 28
"""Least height and width of anything that can be clicked, in device-independent pixels."""

READING_WIDTH = 760
"""Widest text column of the reader, in device-independent pixels."""


@dataclass(frozen=True, slots=True)
class Tones:
    """Every colour of one appearance, as ``#rrggbb``.

    Text tones (``text``, ``muted``, ``accent_text``, ``danger``, ``warning``, ``success``) reach 4.5:1 on every surface tone;
    ``on_accent`` does on ``accent``.
    """

    is_dark: bool
    window: str
    surface: str
    raised: str
    hover: str
    selected: str
    selected_inactive: str
    border: str
    border_strong: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_text: str
    accent_soft: str
    danger: str
    danger_soft: str
    warning: str
    warning_soft: str
    success: str
    success_soft: str
    sandbox: str
    on_sandbox: str


LIGHT = Tones(
    is_dark=False,
    window="#f2f5f5",
    surface="#ffffff",
    raised="#ffffff",
    hover="#e8eeed",
    selected="#d5ebe8",
    selected_inactive="#e4eae9",
    border="#dde3e3",
    border_strong="#aab5b4",
    text="#182120",
    muted="#52605e",
    accent="#0f766e",
    on_accent="#ffffff",
    accent_text="#0b625b",
    accent_soft="#d5ebe8",
    danger="#a92015",
    danger_soft="#fdeae8",
    warning="#7a4a00",
    warning_soft="#fdf0d9",
    success="#136239",
    success_soft="#def3e6",
    sandbox="#f0a020",
    on_sandbox="#2b1b00",
)

DARK = Tones(
    is_dark=True,
    window="#171b1c",
    surface="#1d2223",
    raised="#252b2c",
    hover="#2a3132",
    selected="#1c4744",
    selected_inactive="#2d3536",
    border="#30383a",
    border_strong="#5c6869",
    text="#e7edec",
    muted="#a9b5b3",
    accent="#46b8ab",
    on_accent="#04211e",
    accent_text="#74d0c5",
    accent_soft="#1c4744",
    danger="#ff9d92",
    danger_soft="#47211e",
    warning="#f2bd5a",
    warning_soft="#3f2f12",
    success="#7ad9a5",
    success_soft="#1b3c2b",
    sandbox="#d99a2b",
    on_sandbox="#201400",
)


def tones(_widget: QWidget | None = None) -> Tones:
    """The colours of the moment.

    They are the application's: a widget's own palette lags behind while a style sheet is exchanged.
    """
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


@lru_cache(maxsize=256)
def colour(value: str, alpha: float = 1.0) -> QColor:
    """A token as a `QColor`; do not change the object."""
    result = QColor(value)
    result.setAlphaF(alpha)
    return result


def px(size: float) -> int:
    """A length scaled with the system's text size."""
    return max(1, round(size * text_scale()))


def text_scale() -> float:
    """The application's base text size in units of `TextSize.BASE`."""
    size = QApplication.font().pixelSize()
    return size / TextSize.BASE if size > 0 else 1.0


def font(size: int = TextSize.BASE, *, strong: bool = False) -> QFont:
    """The system font at one of `TextSize`, weight 400 or 600."""
    result = QFont(QApplication.font())
    result.setPixelSize(px(size))
    result.setWeight(QFont.Weight.DemiBold if strong else QFont.Weight.Normal)
    return result


def set_role(widget: QWidget, role: str) -> None:
    """Name the part a widget plays, for the style sheet (`ui.style_sheet` lists the roles)."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        # A widget that was never shown gets its style when it is.
        if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
            widget.style().unpolish(widget)
            widget.style().polish(widget)


class Appearance(QObject):
    """Dresses the application and keeps to the system's light or dark, or to the one the person chose.

    ``choice`` is "system", "light" or "dark". `changed` comes after palette and style sheet are in place.
    """

    changed = Signal()

    def __init__(self, application: QApplication, choice: str = "system") -> None:
        super().__init__(application)
        self._application = application
        self._choice = choice
        self._system_font = QFont(application.font())
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self.apply)
        self.apply()

    @property
    def choice(self) -> str:
        """What the person chose: "system", "light" or "dark"."""
        return self._choice

    def choose(self, choice: str) -> None:
        """Follow the system, or stay light or dark."""
        if choice not in ("system", "light", "dark"):
            raise ValueError(choice)
        self._choice = choice
        self.apply()

    def apply(self) -> None:
        """Put font, palette and style sheet in place."""
        scheme = self._application.styleHints().colorScheme()
        is_dark = self._choice == "dark" or (self._choice == "system" and scheme is Qt.ColorScheme.Dark)
        chosen = DARK if is_dark else LIGHT
        base = QFont(self._system_font)
        base.setPixelSize(round(TextSize.BASE * _system_scale(self._system_font)))
        self._application.setFont(base)
        self._application.setPalette(palette_of(chosen))
        self._application.setStyleSheet(style_sheet(_values(chosen), text_scale()))
        self.changed.emit()


def palette_of(chosen: Tones) -> QPalette:
    """The tokens as a `QPalette`."""
    role = QPalette.ColorRole
    palette = QPalette()
    for where, value in (
        (role.Window, chosen.window),
        (role.WindowText, chosen.text),
        (role.Base, chosen.surface),
        (role.AlternateBase, chosen.window),
        (role.Text, chosen.text),
        (role.Button, chosen.raised),
        (role.ButtonText, chosen.text),
        (role.ToolTipBase, chosen.raised),
        (role.ToolTipText, chosen.text),
        (role.PlaceholderText, chosen.muted),
        (role.Highlight, chosen.accent),
        (role.HighlightedText, chosen.on_accent),
        (role.Link, chosen.accent_text),
        (role.LinkVisited, chosen.accent_text),
        (role.Accent, chosen.accent),
        (role.Light, chosen.raised),
        (role.Midlight, chosen.hover),
        (role.Mid, chosen.border),
        (role.Dark, chosen.border_strong),
        (role.Shadow, chosen.border_strong),
    ):
        palette.setColor(where, colour(value))
    disabled = QPalette.ColorGroup.Disabled
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, where, colour(chosen.muted, 0.6))
    return palette


def _values(chosen: Tones) -> dict[str, str]:
    return {f.name: str(getattr(chosen, f.name)) for f in fields(chosen) if f.name != "is_dark"}


def _system_scale(system_font: QFont) -> float:
    # What the platform calls normal: 9 pt at 96 dpi on Windows, 13 px on macOS, 10 pt at 96 dpi elsewhere. A difference of a
    # pixel is a matter of the desktop's font, not a wish for larger text.
    normal = {"win32": 12.0, "darwin": 13.0}.get(sys.platform, 13.33)
    scale = QFontInfo(system_font).pixelSize() / normal
    return 1.0 if abs(scale - 1.0) <= 0.12 else min(2.0, max(0.8, scale))
