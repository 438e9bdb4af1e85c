"""A line of text as it was read, its place, and the order in which a person would read several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engines.maxsight.tiers import Box

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

# Lines of one block: of similar height, and no farther apart than this many of those heights.
HEIGHTS_ALIKE, LINE_GAP, WORD_GAP = 1.6, 1.0, 1.5
# Of the lower line's height: what overlaps by more stands in one row.
SAME_ROW = 0.5
# A block with letters at least this share of the largest is read before the small print.
LARGE_SHARE = 0.5


@dataclass(frozen=True)
class Reading:
    """What stands in one line, wherever it is.

    Attributes:
        text: as it was read, without space around it; empty where that is unsure or no word.
        confidence: mean of the network's certainty of each character, in [0, 1].
        is_over: whether it stands on its head in the picture that was cut out.
    """

    text: str
    confidence: float
    is_over: bool


@dataclass(frozen=True)
class TextLine:
    """One line of text in a frame.

    Attributes:
        text: as it was read, without space around it; never empty.
        corners: in pixels of the frame, clockwise, the first where the text begins at its top.
        confidence: mean of the network's certainty of each character, in [0, 1].
        language: ISO 639-1 code, or None where the text does not tell.
    """

    text: str
    corners: Corners
    confidence: float
    language: str | None

    @property
    def box(self) -> Box:
        """The upright box around it: x0, y0, x1, y1 in pixels of the frame."""
        across, down = zip(*self.corners)
        return min(across), min(down), max(across), max(down)

    @property
    def height_px(self) -> float:
        """How tall the letters are, whichever way they stand."""
        return math.dist(self.corners[0], self.corners[3])

    @property
    def angle_deg(self) -> float:
        """Direction in which it is read: 0 to the right, 90 down, from -180 to 180."""
        (x0, y0), (x1, y1) = self.corners[:2]
        return math.degrees(math.atan2(y1 - y0, x1 - x0))


@dataclass(frozen=True)
class _Placed:
    """A line in a picture that is turned so that most text stands upright."""

    line: TextLine
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def height(self) -> float:
        return max(self.line.height_px, 1.0)


def reading_order(lines: Sequence[TextLine]) -> tuple[TextLine, ...]:
    """Sort lines as a person reads them: large blocks first, and each from its top.

    Lines of similar height that stand close together are a block, so that columns are not mixed.
    Where most of the text stands on its head or on its side, the order turns with it.
    """
    if not lines:
        return ()
    quarter = _upright_quarter(lines)
    blocks = _blocks([_placed(line, quarter) for line in lines])
    largest = max(one.height for block in blocks for one in block)
    blocks.sort(
        key=lambda block: (
            max(one.height for one in block) < LARGE_SHARE * largest,
            min(one.y0 for one in block),
            min(one.x0 for one in block),
        )
    )
    return tuple(one.line for block in blocks for row in _rows(block) for one in row)


def _upright_quarter(lines: Sequence[TextLine]) -> int:
    """Return in which of the four directions most of the text runs: 0 right, 1 down, 2, 3."""
    weights = [0.0] * 4
    for line in lines:
        weights[round(line.angle_deg / 90) % 4] += math.dist(*line.corners[:2]) * line.height_px
    return weights.index(max(weights))


def _placed(line: TextLine, quarter: int) -> _Placed:
    turned = [((x, y), (y, -x), (-x, -y), (-y, x))[quarter] for x, y in line.corners]
    across, down = zip(*turned)
    return _Placed(line, min(across), min(down), max(across), max(down))


def _blocks(lines: list[_Placed]) -> list[list[_Placed]]:
    """Join what belongs together, and what belongs to that, and so on."""
    blocks: list[list[_Placed]] = []
    for line in lines:
        touched = [block for block in blocks if any(_belong(line, one) for one in block)]
        blocks = [block for block in blocks if not any(block is one for one in touched)]
        blocks.append([line, *(one for block in touched for one in block)])
    return blocks


def _belong(first: _Placed, second: _Placed) -> bool:
    low, high = sorted((first.height, second.height))
    if high > HEIGHTS_ALIKE * low:
        return False
    across = max(first.x0, second.x0) - min(first.x1, second.x1)
    down = max(first.y0, second.y0) - min(first.y1, second.y1)
    if _is_one_row(first, second):
        return across <= WORD_GAP * low
    return across < 0 and down <= LINE_GAP * low


def _is_one_row(first: _Placed, second: _Placed) -> bool:
    overlap = min(first.y1, second.y1) - max(first.y0, second.y0)
    return overlap > SAME_ROW * min(first.y1 - first.y0, second.y1 - second.y0)


def _rows(block: Sequence[_Placed]) -> list[list[_Placed]]:
    rows: list[list[_Placed]] = []
    for line in sorted(block, key=lambda one: one.y0 + one.y1):
        if rows and _is_one_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda one: one.x0) for row in rows]
