"""Tokens: contrast, roles, light and dark."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QLabel

from ui.theme import DARK, LIGHT, Appearance, Tones, set_role, tones

SURFACES = ("window", "surface", "raised", "hover", "selected", "selected_inactive", "accent_soft")
INKS = ("text", "muted", "accent_text")


def _luminance(value: str) -> float:
    red, green, blue = (
        channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in QColor(value).getRgbF()[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two colours."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("chosen", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("ink", INKS)
def test_text_can_be_read_on_every_surface(chosen: Tones, surface: str, ink: str) -> None:
    assert contrast(getattr(chosen, ink), getattr(chosen, surface)) >= 4.5


@pytest.mark.parametrize("chosen", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("on_accent", "accent"),
        ("danger", "danger_soft"),
        ("danger", "surface"),
        ("danger", "raised"),
        ("warning", "warning_soft"),
        ("warning", "surface"),
        ("success", "success_soft"),
        ("success", "surface"),
        ("success", "selected"),
        ("on_sandbox", "sandbox"),
    ],
)
def test_signal_colours_can_be_read_on_their_grounds(chosen: Tones, ink: str, ground: str) -> None:
    assert contrast(getattr(chosen, ink), getattr(chosen, ground)) >= 4.5


@pytest.mark.parametrize("chosen", [LIGHT, DARK], ids=["light", "dark"])
def test_the_focus_ring_stands_out(chosen: Tones) -> None:
    # WCAG 1.4.11: 3:1 for what is not text.
    assert contrast(chosen.accent, chosen.surface) >= 3
    assert contrast(chosen.accent, chosen.window) >= 3


def test_light_and_dark_reach_a_widget_that_is_shown_at_once(appearance: Appearance) -> None:
    pane = QFrame()
    set_role(pane, "surface")
    pane.resize(20, 20)
    pane.show()
    assert pane.grab().toImage().pixelColor(10, 10) == QColor(LIGHT.surface)
    appearance.choose("dark")
    assert tones(pane) is DARK
    assert pane.grab().toImage().pixelColor(10, 10) == QColor(DARK.surface)


def test_roles_reach_the_style_sheet(appearance: Appearance) -> None:
    label = QLabel("Title")
    plain = label.sizeHint().height()
    set_role(label, "title")
    label.ensurePolished()
    assert label.sizeHint().height() > plain


def test_an_unknown_choice_is_refused(appearance: Appearance) -> None:
    with pytest.raises(ValueError, match="sepia"):
        appearance.choose("sepia")
