"""One measured line, and the table of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
Measured = tuple[str, float, str, float | None, str]  # name, value, unit, bound, remark


@dataclass(frozen=True)
class Row:
    """One line of the table; `bound` is None where the number is only for information."""

    name: str
    value: float
    unit: str
    bound: float | None
    remark: str

    @property
    def is_kept(self) -> bool:
        """Whether the value is within its bound."""
        return self.bound is None or self.value <= self.bound


def text_table(rows: Sequence[Row]) -> str:
    """Write rows for a terminal."""
    lines = [f"{'what':<46}{'value':>9} {'':<6}{'bound':>7}  remark"]
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:g}"
        flag = "" if row.is_kept else "  MISSED"
        lines.append(f"{row.name:<46}{row.value:>9.2f} {row.unit:<6}{bound:>7}  {row.remark}{flag}")
    return "\n".join(lines)


def markdown_table(rows: Sequence[Row]) -> str:
    """Write rows in Markdown."""
    lines = ["| what | measured | bound | remark |", "| --- | --- | --- | --- |"]
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:g}"
        missed = "" if row.is_kept else ", missed"
        lines.append(f"| {row.name} | {number(row)} | {bound}{missed} | {row.remark} |")
    return "\n".join(lines)


def number(row: Row) -> str:
    """Write a value with its unit; three digits say as much as a measurement holds."""
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:.3g}"
    return value if row.unit == "ratio" else f"{value} {row.unit}"
