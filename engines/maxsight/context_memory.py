"""What Stage B remembers of one person between its looks."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.maxsight.frames import Pixels
from engines.maxsight.motion import CameraMotion
from engines.maxsight.text_watch import TextWatch
from engines.maxsight.tiers import Box


@dataclass
class ContextMemory:
    """Held by the person's `ContextBox`; only Stage B's thread reads and writes it.

    Attributes:
        earlier: the frame of the last look, (H, W, 3) uint8 RGB, read-only; None before the first.
        earlier_s: when it was captured, seconds.
        earlier_boxes: of the things in it, in its pixels.
        motion: how the camera moved since.
        text: what was read, and what is being read.
    """

    earlier: Pixels | None = None
    earlier_s: float = 0.0
    earlier_boxes: tuple[Box, ...] = ()
    motion: CameraMotion = field(default_factory=CameraMotion)
    text: TextWatch = field(default_factory=TextWatch)
