"""A queued change in words, for kinds whose handler does not say it better."""

from __future__ import annotations

from app.model.crm import JsonObject, JsonValue

LONGEST_VALUE = 2000
"""Characters of one value that are shown; more is cut with a mark."""


def payload_in_words(payload: JsonObject) -> list[tuple[str, str]]:
    """The payload as label and text, nested values flattened, in the payload's own order."""
    pairs: list[tuple[str, str]] = []
    for name, value in payload.items():
        _add(pairs, _label(name), value)
    return pairs


def _add(pairs: list[tuple[str, str]], label: str, value: JsonValue) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _add(pairs, f"{label}: {_label(name)}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value, start=1):
            _add(pairs, f"{label} {place}" if len(value) > 1 else label, inner)
    elif value is not None and value != "":
        pairs.append((label, _text(value)))


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def _label(name: str) -> str:
    # API names (LastName) stay as they are; our own snake_case reads better with spaces.
    return name.replace("_", " ").capitalize() if name.islower() else name
