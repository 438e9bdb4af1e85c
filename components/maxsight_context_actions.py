"""What the MaxSight tab does about the surroundings: read, find, and look through other eyes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

import cv2
import gradio as gr
import numpy as np

from components.maxsight_actions import MaxSightTab
from components.maxsight_context_message import Message, eyes_message, read_message
from components.maxsight_context_reword import Rewording
from components.maxsight_context_sight import NO_PICTURE, Held
from components.maxsight_message import as_json, said_message
from components.maxsight_viewer import ENGINE, Viewer, picture_url
from engines.maxsight.classes import vocabulary
from engines.maxsight.conditions import condition_of, enhance, simulate
from engines.maxsight.context_wording import context_wording
from engines.maxsight.context_worker import step_back
from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import TextReader
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.stage_a_runner import CHECKPOINT, read_inference
from engines.maxsight.text_lines import TextLine
from engines.runtime.errors import BusyError, EngineUnavailableError, InputError, ReleafError
from engines.runtime.settings import Settings
from engines.runtime.weights import load_card

log = logging.getLogger(__name__)

# Text is given up after this, waiting for others included.
READS_AT_MOST_S = 30.0
MOST_WAITING = 6
# The longer side of a picture that is seen through other eyes; more costs time and shows no more.
EYES_SIDE = 640

BROKE_OFF = EngineUnavailableError("That broke off unexpectedly.", "Try again; the log says more.")


class Reader(Protocol):
    """Describe what reads text in a frame, such as `TextReader`."""

    def load(self) -> None:
        """Get ready; raises a `ReleafError` that says why it can't."""

    def read(
        self, frame: Any, *, is_late: Callable[[], bool], is_thorough: bool
    ) -> tuple[TextLine, ...] | None:
        """Return the lines in reading order; None if it got late."""


class ContextTab:
    """The handlers of the surroundings. What belongs to a person is in that person's `Viewer`.

    Args:
        tab: of the MaxSight tab.
        reader: reads text on request; None takes the engine's own, which is then in memory once.
        clock: seconds, rising.
    """

    def __init__(
        self,
        tab: MaxSightTab,
        reader: Reader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tab, self._reader, self._clock = tab, reader, clock
        # Off the lane, which frames need, and behind Stage A's threads: one text at a time.
        self._desk = ThreadPoolExecutor(1, "maxsight-text", step_back)
        self._lock, self._waiting = threading.Lock(), 0
        self._rewording = Rewording(tab.context.pool, clock=clock)
        self.findable = findable(tab.context.settings)

    def read(self, request: gr.Request) -> str:
        """Read the text in the newest frame, thoroughly."""

        def job(viewer: Viewer) -> Message:
            held, words = _newest(viewer), context_wording(viewer.preferences.language)
            if held is None:
                return _unread(viewer, words.no_picture())
            lines = self._lines(held.pixels)
            if lines is None:
                return _unread(viewer, words.too_late())
            viewer.surroundings.keep_read(held, lines)
            number = viewer.next_sentence()
            return read_message(lines, viewer.preferences, number=number, frame_id=held.frame_id)

        return self._told(request, "read", job)

    def describe(self, request: gr.Request) -> str:
        """Say what is around without being asked each time."""

        def job(viewer: Viewer) -> Message:
            answer, number = viewer.around(), viewer.next_sentence()
            said = said_message(number, answer.text, viewer.preferences, language=answer.language)
            return {**said, "kind": "around"}

        return self._told(request, "around", job)

    def fuller(self, request: gr.Request, is_wanted: bool | None) -> None:
        """Describe in fuller sentences from now on, or no more."""
        begin = self._rewording.begin if is_wanted else None
        self._tab.viewer(request).surroundings.begin_rewording = begin

    def seek(self, request: gr.Request, class_id: str | None) -> str:
        """Begin to look for a class, and say where it is now."""

        def job(viewer: Viewer) -> Message:
            if class_id not in self.findable:
                known = ", ".join(sorted(_name(one) for one in self.findable))
                do = f"Choose one of these: {known}." if known else "Restore its checkpoint."
                raise InputError("MaxSight can't look for that.", do)
            report = viewer.last if viewer.source is not None else None
            viewer.surroundings.seek(class_id, 0.0 if report is None else report.captured_s)
            guidance = None
            if report is not None:
                guidance = viewer.surroundings.guidance(report, viewer.preferences)
            return {"kind": "seek", "name": _name(class_id), "guidance": guidance}

        return self._told(request, "seek", job)

    def end_search(self, request: gr.Request) -> str:
        """Look for nothing any more."""

        def job(viewer: Viewer) -> Message:
            viewer.surroundings.seek(None)
            return {"kind": "seek", "name": None, "guidance": None}

        return self._told(request, "seek", job)

    def context(self, request: gr.Request) -> str:
        """Say what Stage B found of a photo or a video's frame after its message was sent."""

        def job(viewer: Viewer) -> Message:
            report, found = viewer.last, None
            if report is not None and viewer.source is not None:
                found = viewer.surroundings.context(
                    report, viewer.preferences, viewer.newest_context
                )
            return {"kind": "context", "context": found}

        return self._told(request, "context", job)

    def take_picture(self, request: gr.Request, condition_id: Any, severity: Any, way: Any) -> str:
        """Look at the newest frame through other eyes from now on."""

        def job(viewer: Viewer) -> Message:
            viewer.surroundings.eyes = _in_view(viewer)
            return _through_eyes(viewer, condition_id, severity, way)

        return self._told(request, "eyes", job)

    def change_eyes(self, request: gr.Request, condition_id: Any, severity: Any, way: Any) -> str:
        """Look at the picture that was taken through other eyes than before."""
        return self._told(
            request, "eyes", lambda viewer: _through_eyes(viewer, condition_id, severity, way)
        )

    def follow_eyes(self, request: gr.Request, condition_id: Any, severity: Any, way: Any) -> Any:
        """Take the newest frame, if it is another than before; else nothing changes."""
        viewer = self._tab.viewer(request)
        held, frame = viewer.surroundings.eyes, _newest(viewer)
        if frame is None or (held is not None and frame.pixels is held.pixels):
            return gr.skip()
        return self.take_picture(request, condition_id, severity, way)

    def _lines(self, pixels: Pixels) -> tuple[TextLine, ...] | None:
        """Read a frame when it is its turn; None if that took too long."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise BusyError("Many people have text read now.", "Try again in a moment.")
            self._waiting += 1
        until_s = self._clock() + READS_AT_MOST_S
        try:
            return self._desk.submit(self._read, pixels, lambda: self._clock() > until_s).result()
        finally:
            with self._lock:
                self._waiting -= 1

    def _read(self, pixels: Pixels, is_late: Callable[[], bool]) -> tuple[TextLine, ...] | None:
        if is_late():
            return None
        reader = self._reader
        if reader is None:
            engine = cast(MaxSightPipeline, self._tab.context.pool.get(ENGINE))
            reader = engine.reader
        if reader is None:
            reader = self._reader = TextReader()
        reader.load()
        return reader.read(pixels, is_late=is_late, is_thorough=True)

    def _told(self, request: gr.Request, kind: str, job: Callable[[Viewer], Message]) -> str:
        """Do something for a person; what goes wrong becomes a message for the page."""
        viewer = self._tab.viewer(request)
        try:
            message = job(viewer)
        except ReleafError as error:
            message = _problem(viewer, kind, error)
        except Exception:
            log.exception("the surroundings of MaxSight broke off")
            message = _problem(viewer, kind, BROKE_OFF)
        # A number makes the same answer a new one; the page hears of changes alone.
        return as_json({"at": viewer.next_sentence(), **message})


def findable(settings: Settings) -> tuple[str, ...]:
    """List the classes that the shipped network may name; none where its card can't be read."""
    try:
        card = load_card(settings.checkpoints_dir / CHECKPOINT)
        if card is None:
            return ()
        words = vocabulary()
        return tuple(words.trained_ids[one] for one in read_inference(card, words).thresholds)
    except ReleafError as error:
        log.warning("nothing can be looked for: %s", error)
        return ()


def _problem(viewer: Viewer, kind: str, error: ReleafError) -> Message:
    said = said_message(viewer.next_sentence(), str(error), viewer.preferences, language="en")
    return {**said, "kind": kind, "error": str(error)}


def _unread(viewer: Viewer, text: str) -> Message:
    """Say in the person's language why nothing was read."""
    said = said_message(viewer.next_sentence(), text, viewer.preferences)
    return {**said, "kind": "read", "error": text}


def _newest(viewer: Viewer) -> Held | None:
    """Return the frame in view; None where nothing is, as after the camera was stopped."""
    try:
        return _in_view(viewer)
    except InputError:
        return None


def _in_view(viewer: Viewer) -> Held:
    if viewer.source is None:
        raise NO_PICTURE
    return viewer.surroundings.frame


def _through_eyes(viewer: Viewer, condition_id: Any, severity: Any, way: Any) -> Message:
    held = viewer.surroundings.eyes
    if held is None:
        raise InputError(
            "No picture was taken yet.", "Start the camera or choose a photo, then take a picture."
        )
    condition = condition_of(condition_id)
    if way not in ("simulate", "enhance"):
        raise InputError("That can't be shown.", "Choose as it may look, or what may help.")
    is_help = way == "enhance"
    picture = _smaller(held.pixels)
    changed = (enhance if is_help else simulate)(picture, condition.id, severity)
    shown = eyes_message(
        condition,
        number=viewer.next_sentence(),
        severity=severity,
        is_help=is_help,
        original=picture_url(picture),
        changed=picture_url(changed),
    )
    return {**shown, "kind": "eyes", "frame": held.frame_id}


def _smaller(pixels: Pixels) -> Pixels:
    scale = EYES_SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = max(32, round(pixels.shape[1] * scale)), max(32, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _name(class_id: str | None) -> str:
    words = vocabulary()
    return words.trained[words.index_of(class_id or "")].names["en"]
