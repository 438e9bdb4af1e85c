"""What of the text in view is new, and which frame is the best one to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from rapidfuzz.fuzz import ratio

from engines.maxsight.frames import Pixels
from engines.maxsight.text_lines import TextLine

# A text is told again once it has been out of view for this long.
FORGET_AFTER_S = 20.0
# Readings of one text differ by a letter or two; short ones must agree, as must every digit.
ALIKE_PERCENT, SHORT_LETTERS = 85.0, 4
MAX_REMEMBERED = 200

# Text is read once or twice a second, on the sharpest frame of the last second.
LEAST_GAP_S, RECENT_S = 0.6, 1.0
# Sharpness is measured at this longer side, so that large frames are not sharp by their size.
SHARPNESS_SIDE_PX = 640

_DIGITS = re.compile(r"\d+")
_NO_WORD = re.compile(r"[\W_]+")


class TextMemory:
    """Remember what was read, so that a sign is told once and not at every look."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}

    def update(self, lines: Sequence[TextLine], at_s: float) -> tuple[TextLine, ...]:
        """Take in the lines of one look and return those that are new, in their order.

        A line is known if its letters are nearly those of a remembered one and its digits are the
        same. Something that stays in view stays known.

        Args:
            at_s: when the frame was captured, seconds. If it runs backwards, all is forgotten.
        """
        if any(seen_s > at_s for seen_s in self._seen_s.values()):
            self._seen_s.clear()
        self._seen_s = {
            key: seen_s for key, seen_s in self._seen_s.items() if at_s - seen_s <= FORGET_AFTER_S
        }
        new: list[TextLine] = []
        for line in lines:
            key = _key(line.text)
            known = next((one for one in self._seen_s if is_same_text(one, key)), None)
            if known is None:
                new.append(line)
                known = key
            # Taken out and put back, so that the one unseen for longest stands first.
            self._seen_s.pop(known, None)
            self._seen_s[known] = at_s
        while len(self._seen_s) > MAX_REMEMBERED:
            del self._seen_s[next(iter(self._seen_s))]
        return tuple(new)


def is_same_text(first: str, second: str) -> bool:
    """Say whether two readings are of one text: every digit alike, and most letters."""
    one, other = _key(first), _key(second)
    if one == other:
        return True
    if _DIGITS.findall(one) != _DIGITS.findall(other):
        return False
    if min(len(one), len(other)) <= SHORT_LETTERS:
        return False
    return ratio(one, other) >= ALIKE_PERCENT


def _key(text: str) -> str:
    """Leave out case, space and signs, but keep numbers apart that a sign stands between."""
    spaced = _NO_WORD.sub(" ", text.casefold()).strip()
    return re.sub(r"(?<!\d) | (?!\d)", "", spaced)


@dataclass(frozen=True)
class SharpFrame:
    """A frame that is worth reading.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, as it was offered, uncopied.
        frame_id: its number in the session.
        captured_s: when it was captured, seconds.
        sharpness: see `sharpness_of`.
    """

    pixels: Pixels
    frame_id: int
    captured_s: float
    sharpness: float


class SharpestFrame:
    """Keep the sharpest of the last second's frames, and hand one out once or twice a second."""

    def __init__(self) -> None:
        self._best: SharpFrame | None = None
        self._taken_s: float | None = None

    def offer(self, pixels: Pixels, *, frame_id: int, captured_s: float) -> None:
        """Consider a frame (H, W, 3) RGB that nobody writes to any more."""
        found = SharpFrame(pixels, frame_id, captured_s, sharpness_of(pixels))
        best = self._best
        if (
            best is None
            or found.sharpness >= best.sharpness
            or not 0 <= captured_s - best.captured_s <= RECENT_S
        ):
            self._best = found

    def take(self, now_s: float) -> SharpFrame | None:
        """Hand out the sharpest recent frame, once; None if there is none or it is too early.

        Args:
            now_s: on the clock of the frames. If it runs backwards, it is not too early.
        """
        best = self._best
        if best is None or now_s - best.captured_s > RECENT_S:
            return None
        if self._taken_s is not None and 0 <= now_s - self._taken_s < LEAST_GAP_S:
            return None
        self._best, self._taken_s = None, now_s
        return best


def sharpness_of(pixels: Pixels) -> float:
    """Measure how sharp a picture (H, W, 3) RGB is: the variance of its Laplacian, at least 0.

    On grey levels 0 to 255, the longer side at most 640 pixels; only comparable between pictures
    of one scene. Pech-Pacheco et al. 2000.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = SHARPNESS_SIDE_PX / max(grey.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in grey.shape)
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
