"""The icons of the program: one kept library (Phosphor, from qtawesome), one weight, 16 and 20 px.

The font files are read straight from the library's folder: importing it loads ten fonts, a quarter of the time in which the window opens.
An `icon` takes its colour when it is painted, so that light and dark follow at once.
"""

from __future__ import annotations

import importlib.util
import json
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap, QRawFont

from ui.theme import colour, tones


class Icon(StrEnum):
    """What a picture means here, by its name in the font."""

    ACCOUNT = "at"
    ACTIVITY = "activity"
    ALL_MAIL = "stack"
    ARCHIVE = "archive"
    ATTACHMENT = "paperclip"
    BACK = "arrow-left"
    CALENDAR = "calendar-blank"
    CASE = "lifebuoy"
    CHECK = "check"
    CLOCK = "clock"
    CLOSE = "x"
    CLOUD = "cloud"
    COLLAPSE = "caret-down"
    COMMAND = "command"
    COMPANY = "buildings"
    CONTACT = "identification-card"
    COPY = "copy"
    DELETE = "trash"
    DEMO = "flask"
    DETAILS = "caret-down"
    DOWNLOAD = "download-simple"
    DRAFTS = "note-pencil"
    EXPAND = "caret-right"
    EXTERNAL = "arrow-square-out"
    FAILED = "warning-circle"
    FILE = "file"
    FILE_ARCHIVE = "package"
    FILE_IMAGE = "image"
    FILE_PDF = "file-pdf"
    FILE_PROGRAM = "app-window"
    FILE_SHEET = "table"
    FILE_SLIDES = "presentation"
    FILE_TEXT = "file-text"
    FLAG = "flag"
    FLAG_ON = "flag-fill"
    FOLDER = "folder-simple"
    FORWARD = "arrow-bend-up-right"
    IMAGES_OFF = "eye-slash"
    INBOX = "tray"
    INFO = "info"
    JUNK = "prohibit"
    KEY = "key"
    KEYBOARD = "keyboard"
    LEAD = "user-plus"
    LINK = "link-simple"
    LOG = "cloud-arrow-up"
    LOGGED = "check-circle"
    MAIL = "envelope-simple"
    MAIL_OPEN = "envelope-simple-open"
    MENU = "list"
    MORE = "dots-three"
    MOVE = "folder-notch"
    NOTE = "note"
    OFFLINE = "link-break"
    OPPORTUNITY = "currency-circle-dollar"
    ORG = "cloud"
    OUTBOX = "paper-plane-tilt"
    PANEL = "columns"
    PERSON = "user"
    PHONE = "phone"
    PLUS = "plus"
    QUEUED = "clock"
    REFRESH = "arrows-clockwise"
    REPLY = "arrow-bend-up-left"
    REPLY_ALL = "arrow-bend-double-up-left"
    SAVE = "download-simple"
    SEARCH = "magnifying-glass"
    SENT = "paper-plane-right"
    SETTINGS = "gear-six"
    SIGN_IN = "sign-in"
    SOURCE = "code"
    SYNC = "arrows-clockwise"
    TASK = "check-square"
    UNDO = "arrow-counter-clockwise"
    UNKNOWN_PERSON = "question"
    WARNING = "warning"
    WRITE = "pencil-simple"


_FONT = "phosphor-1.3.0.ttf"
_NAMES = "phosphor-charmap-1.3.0.json"


def icon(name: Icon, tone: str = "muted") -> QIcon:
    """A picture in one tone of `ui.theme.Tones` ("muted", "text", "accent_text", "danger", "on_accent" …)."""
    return QIcon(_GlyphEngine(name, tone))


def paint_icon(painter: QPainter, name: Icon, rect: QRectF, value: str) -> None:
    """Draw a picture into a rectangle in a colour (``#rrggbb``), for delegates."""
    raw, glyph = _glyph(name, round(rect.height()))
    path = raw.pathForGlyph(glyph)
    bounds = QRectF(0, -raw.ascent(), rect.height(), raw.ascent() + raw.descent())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(QPointF(rect.center().x() - bounds.center().x(), rect.center().y() - bounds.center().y()))
    painter.fillPath(path, colour(value))
    painter.restore()


class _GlyphEngine(QIconEngine):
    def __init__(self, name: Icon, tone: str) -> None:
        super().__init__()
        self._name = name
        self._tone = tone

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        """Draw in the tone of the moment; disabled pictures fade."""
        chosen = tones()
        value = chosen.border_strong if mode is QIcon.Mode.Disabled else str(getattr(chosen, self._tone))
        side = min(rect.width(), rect.height())
        box = QRectF(rect.x() + (rect.width() - side) / 2, rect.y() + (rect.height() - side) / 2, side, side)
        paint_icon(painter, self._name, box, value)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """A transparent picture of that size."""
        result = QPixmap(size)
        result.fill(Qt.GlobalColor.transparent)
        painter = QPainter(result)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return result

    def clone(self) -> QIconEngine:
        """A copy, as Qt asks for."""
        return _GlyphEngine(self._name, self._tone)


@lru_cache(maxsize=1)
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(_font_folder() / _FONT))
    families = QFontDatabase.applicationFontFamilies(number)
    return families[0] if families else ""


@lru_cache(maxsize=1)
def _code_points() -> dict[str, str]:
    known: dict[str, str] = json.loads((_font_folder() / _NAMES).read_text(encoding="utf-8"))
    return known


@lru_cache(maxsize=512)
def _glyph(name: Icon, size: int) -> tuple[QRawFont, int]:
    point = _code_points()[name.value]
    shape = QFont(_family())
    shape.setPixelSize(max(1, size))
    raw = QRawFont.fromFont(shape)
    glyphs = raw.glyphIndexesForString(chr(int(point, 16)))
    return raw, glyphs[0]


def _font_folder() -> Path:
    found = importlib.util.find_spec("qtawesome")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the icon font (qtawesome) is not installed")
    return Path(next(iter(found.submodule_search_locations))) / "fonts"
