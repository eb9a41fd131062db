"""The style sheet of the application, made from the tokens of `ui.theme`.

Roles that widgets take by ``ui.theme.set_role``:

- labels: ``title``, ``heading``, ``strong``, ``muted``, ``small``, ``danger``, ``warning``, ``success``, ``link``, ``sandbox``
- buttons: ``primary``, ``quiet``, ``danger``, ``accent``, ``action``, ``chip``, ``icon``
- frames: ``card``, ``toolbar``, ``sidebar``, ``surface``, ``strip``, ``warning_strip``, ``danger_strip``, ``success_strip``, ``popup``, ``divider``,
  ``sandbox_line``
- fields: ``field`` (text edits), ``invalid`` (line edits), ``reading`` (the reader's text)
"""

from __future__ import annotations

from string import Template

_SHEET = Template(
    """
* { outline: none; }
QToolTip { background: $raised; color: $text; border: 1px solid $border_strong; padding: 4px 8px; }
QLabel { background: transparent; }
QLabel[role="title"] { font-size: ${px20}px; font-weight: 600; }
QLabel[role="heading"] { font-size: ${px15}px; font-weight: 600; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="small"] { color: $muted; font-size: ${px11}px; }
QLabel[role="danger"] { color: $danger; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="success"] { color: $success; }
QLabel[role="link"] { color: $accent_text; }
QLabel[role="sandbox"] { background: $sandbox; color: $on_sandbox; font-size: ${px11}px; font-weight: 600; padding: 2px; }

QFrame[role="sandbox_line"] { background: $sandbox; border: 0; }
QFrame[role="toolbar"] { background: $window; border: 0; border-bottom: 1px solid $border; }
QFrame[role="sidebar"] { background: $window; border: 0; }
QFrame[role="surface"] { background: $surface; border: 0; }
QFrame[role="card"] { background: $raised; border: 1px solid $border; border-radius: 8px; }
QFrame[role="strip"] { background: $window; border: 1px solid $border; border-radius: 6px; }
QFrame[role="warning_strip"] { background: $warning_soft; border: 1px solid $warning_soft; border-radius: 6px; }
QFrame[role="danger_strip"] { background: $danger_soft; border: 1px solid $danger_soft; border-radius: 6px; }
QFrame[role="success_strip"] { background: $success_soft; border: 1px solid $success_soft; border-radius: 6px; }
QFrame[role="popup"] { background: $raised; border: 1px solid $border_strong; border-radius: 8px; }
QFrame[role="divider"] { background: $border; border: 0; max-height: 1px; min-height: 1px; }

QPushButton, QToolButton {
    background: $raised; color: $text; border: 1px solid $border_strong; border-radius: 6px;
    padding: 0 12px; min-height: 26px;
}
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $selected_inactive; }
QPushButton:disabled, QToolButton:disabled { color: $border_strong; border-color: $border; }
QPushButton:focus, QToolButton:focus { border: 2px solid $accent; padding: 0 11px; min-height: 24px; }
QPushButton[role="primary"], QToolButton[role="primary"] {
    background: $accent; color: $on_accent; border: 1px solid $accent; font-weight: 600;
}
QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover { background: $accent_hover; }
QPushButton[role="primary"]:pressed, QToolButton[role="primary"]:pressed { background: $accent_text; }
QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="danger"] { color: $danger; border-color: $danger; }
QPushButton[role="quiet"], QToolButton[role="quiet"], QToolButton[role="icon"] { background: transparent; border: 1px solid transparent; }
QPushButton[role="quiet"]:hover, QToolButton[role="quiet"]:hover, QToolButton[role="icon"]:hover { background: $hover; }
QPushButton[role="quiet"]:pressed, QToolButton[role="quiet"]:pressed, QToolButton[role="icon"]:pressed { background: $selected_inactive; }
QPushButton[role="quiet"]:focus, QToolButton[role="quiet"]:focus { border: 2px solid $accent; padding: 0 11px; }
QPushButton[role="accent"] { background: transparent; border: 1px solid transparent; color: $accent_text; font-weight: 600; padding: 0 8px; }
QPushButton[role="accent"]:hover { background: $hover; }
QPushButton[role="accent"]:focus { border: 2px solid $accent; padding: 0 7px; }
QToolButton[role="action"] { background: transparent; border: 1px solid transparent; padding: 0 8px; }
QToolButton[role="action"]:hover { background: $hover; }
QToolButton[role="action"]:pressed { background: $selected_inactive; }
QToolButton[role="action"]:focus { border: 2px solid $accent; padding: 0 7px; }
QToolButton[role="icon"] { padding: 0; min-width: 26px; }
QToolButton[role="icon"]:focus { border: 2px solid $accent; padding: 0; min-width: 24px; }
QToolButton[role="icon"]:checked { background: $accent_soft; color: $accent_text; }
QPushButton[role="chip"], QToolButton[role="chip"] { border: 1px solid $border; background: $raised; padding: 0 8px; }
QPushButton[role="chip"]:hover, QToolButton[role="chip"]:hover { background: $hover; border-color: $border_strong; }
QPushButton[role="chip"]:focus, QToolButton[role="chip"]:focus { border: 2px solid $accent; padding: 0 7px; }
QToolButton::menu-indicator, QPushButton::menu-indicator { image: none; width: 0; }

QLineEdit, QPlainTextEdit[role="field"], QTextEdit[role="field"], QComboBox, QSpinBox, QDateTimeEdit {
    background: $surface; color: $text; border: 1px solid $border_strong; border-radius: 6px; padding: 0 8px; min-height: 26px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QPlainTextEdit[role="field"], QTextEdit[role="field"] { padding: 6px 8px; }
QLineEdit:focus, QPlainTextEdit[role="field"]:focus, QTextEdit[role="field"]:focus, QComboBox:focus, QSpinBox:focus, QDateTimeEdit:focus {
    border: 2px solid $accent; padding: 0 7px; min-height: 24px;
}
QPlainTextEdit[role="field"]:focus, QTextEdit[role="field"]:focus { padding: 5px 7px; }
QLineEdit QToolButton { background: transparent; border: 0; padding: 0; min-height: 0; min-width: 0; }
QLineEdit[role="invalid"] { border: 1px solid $danger; }
QLineEdit:disabled { color: $muted; background: $window; border-color: $border; }
QComboBox::drop-down { border: 0; width: 20px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border_strong; selection-background-color: $selected; selection-color: $text; }
QPlainTextEdit[role="reading"] {
    background: $surface; color: $text; border: 0; padding: 0;
    selection-background-color: $accent; selection-color: $on_accent;
}
QCheckBox, QRadioButton { spacing: 8px; min-height: 28px; }
QCheckBox:focus, QRadioButton:focus { color: $accent_text; }

QAbstractItemView { background: $surface; color: $text; border: 0; selection-background-color: $selected; selection-color: $text; }
QTreeView[role="sidebar"], QListView[role="sidebar"] { background: $window; selection-background-color: transparent; }
QTableView[role="messages"] {
    background: $surface; gridline-color: transparent; selection-background-color: transparent; selection-color: $text;
}
QListView[role="popup_list"] { background: $raised; }
QListView[role="popup_list"]::item { min-height: 32px; padding: 0 8px; border-radius: 6px; }
QListView[role="popup_list"]::item:selected { background: $selected; color: $text; }

QMenu { background: $raised; color: $text; border: 1px solid $border_strong; border-radius: 8px; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 12px; border-radius: 4px; min-height: 18px; }
QMenu::item:selected { background: $selected; color: $text; }
QMenu::item:disabled { color: $border_strong; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QMenuBar { background: $window; color: $text; border: 0; }
QMenuBar::item { padding: 4px 10px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: $hover; }

QSplitter::handle { background: $border; }
QSplitter::handle:hover { background: $accent; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; border: 0; }
QScrollBar::handle:vertical { background: $scroll; min-height: 32px; border-radius: 3px; margin: 2px 3px; }
QScrollBar::handle:vertical:hover { background: $muted; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; border: 0; }
QScrollBar::handle:horizontal { background: $scroll; min-width: 32px; border-radius: 3px; margin: 3px 2px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: 0; background: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: none; }
QScrollArea { background: transparent; border: 0; }
QScrollArea > QWidget > QWidget[role="surface"] { background: $surface; }
QProgressBar { background: $hover; border: 0; border-radius: 2px; max-height: 4px; min-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
QTabBar::tab { padding: 6px 12px; border: 0; border-bottom: 2px solid transparent; color: $muted; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabWidget::pane { border: 0; border-top: 1px solid $border; }
"""
)


def style_sheet(tokens: dict[str, str], scale: float) -> str:
    """The sheet for one appearance. ``tokens`` are the colours by name, ``scale`` multiplies the type sizes."""
    sizes = {f"px{size}": str(max(1, round(size * scale))) for size in (11, 13, 15, 20)}
    return _SHEET.substitute(
        tokens, **sizes, accent_hover=_blend(tokens["accent"], tokens["text"]), scroll=tokens["border_strong"]
    )


def _blend(first: str, second: str, share: float = 0.12) -> str:
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
