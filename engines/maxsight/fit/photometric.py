"""Another light, another camera: changes of colour and sharpness that leave boxes alone."""

from __future__ import annotations

import cv2
import numpy as np


def change_colours(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change light, contrast, colour, sharpness and noise of a picture (H, W, 3), RGB uint8."""
    if rng.random() < 0.7:
        pixels = _curve(pixels, rng)
    if rng.random() < 0.6:
        pixels = _hue_and_saturation(pixels, rng)
    if rng.random() < 0.06:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    chance = rng.random()
    if chance < 0.06:
        pixels = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 1.4)))
    elif chance < 0.10:
        pixels = _motion_blur(pixels, rng)
    elif chance < 0.16:
        noise = rng.normal(0, float(rng.uniform(2, 14)), pixels.shape[:2]).astype(np.float32)
        pixels = np.clip(pixels + noise[..., None], 0, 255).astype(np.uint8)
    return pixels


def _curve(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast and gamma of the picture, and a tint of each channel."""
    level = np.linspace(0, 1, 256)
    gamma = float(np.exp(rng.normal(0, 0.25)))
    contrast, brightness = float(rng.uniform(0.7, 1.3)), float(rng.uniform(-0.12, 0.12))
    if rng.random() < 0.08:  # dusk
        gamma, brightness = gamma * 1.8, brightness - 0.05
    base = (level**gamma - 0.5) * contrast + 0.5 + brightness
    gains = np.exp(rng.normal(0, 0.05, 3))
    table = np.clip(base[:, None] * gains * 255, 0, 255).astype(np.uint8)
    return cv2.LUT(pixels, table[None])


def _hue_and_saturation(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    level = np.arange(256)
    table = np.stack(
        [
            (level + int(rng.integers(-6, 7))) % 180,
            np.clip(level * rng.uniform(0.6, 1.4), 0, 255),
            level,
        ],
        axis=1,
    ).astype(np.uint8)
    return cv2.cvtColor(cv2.LUT(hsv, table[None]), cv2.COLOR_HSV2RGB)


def _motion_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    end = rng.integers(0, length)
    cv2.line(kernel, (0, int(end)), (length - 1, int(length - 1 - end)), 1.0, 1)
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())
