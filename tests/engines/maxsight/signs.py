"""Painted signs to be read."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engines.maxsight.frames import Pixels

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def sign(
    lines: tuple[str, ...],
    *,
    size: tuple[int, int] = (640, 480),
    letters: int = 50,
    degrees: float = 0.0,
) -> Pixels:
    """Return a picture (height, width, 3) of a board with these lines."""
    picture = Image.new("RGB", size, (90, 110, 90))
    draw = ImageDraw.Draw(picture)
    edge = size[0] // 11
    draw.rectangle((edge, edge, size[0] - edge, size[1] - edge), fill=(240, 240, 230))
    font = ImageFont.truetype(str(FONT), letters)
    for number, text in enumerate(lines):
        place = 1.4 * edge, 1.4 * edge + 1.5 * letters * number
        draw.text(place, text, font=font, fill=(20, 20, 40))
    return np.asarray(picture.rotate(degrees, expand=True))
