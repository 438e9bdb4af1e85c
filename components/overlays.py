"""What is drawn over pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def blend_heat(picture: Image.Image, heat: NDArray[np.float32]) -> Image.Image:
    """Lay a heat map over a picture: dim where nothing was found, warm where most was.

    Brightness carries the same message as hue, so that it also reads without colour vision.

    Args:
        picture: RGB, (W, H). heat: (H, W) in [0, 1].
    """
    photo = np.asarray(picture, dtype=np.float32)
    levels = (np.clip(heat, 0, 1) * 255).astype(np.uint8)
    warm = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[:, :, ::-1].astype(np.float32)
    weight = heat[..., None]
    dimmed = photo * (0.35 + 0.65 * weight)
    blended = dimmed * (1 - 0.45 * weight) + warm * 0.45 * weight
    return Image.fromarray(np.clip(blended, 0, 255).astype(np.uint8))
