"""What a benchmark returns, as a table for a person and as JSON for a program."""

from __future__ import annotations

import dataclasses
import json
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMPARISONS = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: ``ours`` and ``peer`` in ``unit``, ``ratio`` = ours / peer, ``goal`` for the ratio (">= 0.6", "<= 1.5")."""

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    goal: str
    unit: str

    @classmethod
    def compared(cls, name: str, *, ours: float, peer: float, peer_name: str, goal: str, unit: str) -> Row:
        """A row whose ratio is that of its two figures. Raises ValueError when ``goal`` is not a comparison or ``peer`` is not above zero."""
        if not re.fullmatch(r"(>=|<=) \d+(\.\d+)?", goal):
            raise ValueError(f"a goal looks like '>= 0.6', not {goal!r}")
        if peer <= 0:
            raise ValueError("a peer's figure is above zero")
        return cls(name, ours, peer, peer_name, ours / peer, goal, unit)

    def meets_goal(self) -> bool:
        """Whether the ratio is what the goal asks for."""
        sign, bound = self.goal.split()
        return bool(_COMPARISONS[sign](self.ratio, float(bound)))


def as_json(rows: Sequence[Row]) -> str:
    """A JSON list of objects with exactly the fields of `Row`."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n"


def as_table(rows: Sequence[Row]) -> str:
    """Rows below a heading, in columns."""
    heading = ("name", "ours", "peer", "unit", "peer is", "ratio", "goal", "met")
    cells = [
        (
            row.name,
            f"{row.ours:,.4g}",
            f"{row.peer:,.4g}",
            row.unit,
            row.peer_name,
            f"{row.ratio:.2f}",
            row.goal,
            "yes" if row.meets_goal() else "NO",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (heading, *cells)) for column in range(len(heading))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (heading, *cells)
    )
