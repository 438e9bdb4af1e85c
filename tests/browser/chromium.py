"""Chromium as the tests launch it, with files as what its camera sees and its microphone hears."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Each window of Chromium loads two pages of its own for the address bar, which nobody sees here: a
# third of the processor time of opening ours. This list takes the place of Playwright's own; the
# second part is what of that matters here.
WITHOUT_FEATURES = (
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup",
    "AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying",
    "OptimizationHints", "PaintHolding", "PreconnectToSearch",
)  # fmt: skip
CAMERA_SIZE = (640, 480)


@contextmanager
def launched(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """Launch Chromium with an empty profile; the flags say what its camera and microphone get."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.fail("The browser tests need Chromium. As root: make chromium")
    chromium = playwright.chromium.launch(
        executable_path=executable,
        args=[
            *CHROMIUM_FLAGS,
            f"--disable-features={','.join(WITHOUT_FEATURES)}",
            "--use-fake-device-for-media-stream",
            *flags,
        ],
    )
    yield chromium
    chromium.close()


def seeing(film: Path) -> str:
    """Return the flag that makes Chromium's camera show a YUV4MPEG2 film again and again."""
    return f"--use-file-for-fake-video-capture={film}"


def hearing(sound: Path) -> str:
    """Return the flag that makes Chromium's microphone hear a WAV file again and again."""
    return f"--use-file-for-fake-audio-capture={sound}"


def write_film(target: Path, picture: Path, *, frames: int = 20) -> None:
    """Write a still picture as a YUV4MPEG2 video, 640 × 480, the picture whole in the middle."""
    width, height = CAMERA_SIZE
    with Image.open(picture) as opened:
        photo = opened.convert("RGB").resize((height, height))
    canvas = Image.new("RGB", CAMERA_SIZE, photo.getpixel((2, 2)))
    canvas.paste(photo, ((width - height) // 2, 0))
    frame = cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2YUV_I420).tobytes()
    with target.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F20:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(frames):
            film.write(b"FRAME\n" + frame)
