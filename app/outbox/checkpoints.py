"""Named points of the queue's work, at which a test may end the process to prove that nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Checkpoint: TypeAlias = "Callable[[str], None]"
"""Called with the point's name, in the loop's thread or (points named ``in_…``) in the database's."""

CHECKPOINTS = (
    "before_enqueue",
    "in_enqueue",
    "after_enqueue",
    "in_recover",
    "after_recover",
    "before_begin",
    "in_begin",
    "after_begin",
    "after_perform",
    "in_settle",
    "after_settle",
    "before_probe",
    "after_probe",
    "in_save",
    "after_save",
    "in_back_out",
    "after_back_out",
    "in_pause",
    "after_pause",
)
"""Every name that is called."""


def pass_by(name: str) -> None:
    """The checkpoint of the product: nothing happens."""
