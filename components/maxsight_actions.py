"""What the MaxSight tab does when a person acts: one method per event."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import gradio as gr
import numpy as np

from components.context import AppContext
from components.maxsight_form import Form
from components.maxsight_message import Progress, as_json, error_message, said_message
from components.maxsight_playback import Playback
from components.maxsight_viewer import Message, Viewer, picture_url
from engines.maxsight.preferences import Preferences
from engines.maxsight.session import SessionStore
from engines.maxsight.timeline import write_timeline
from engines.runtime.errors import EngineUnavailableError, InputError, ReleafError, StorageError
from engines.waste.images import open_picture

log = logging.getLogger(__name__)

NO_VIDEO = InputError("There is no video yet.", "Choose a video first.")
FILE_NAME = "maxsight-timeline.csv"

T = TypeVar("T")


class MaxSightTab:
    """The handlers of the tab. What belongs to a person is in that person's `Viewer`.

    Args:
        context: the settings and the engines.
        clock: seconds, rising.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        context: AppContext,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.context = context
        self._clock, self._sleep = clock, sleep
        self.sessions = SessionStore(lambda: Viewer(context.pool, clock), clock)

    def viewer(self, request: gr.Request) -> Viewer:
        """Return what belongs to the person who asks, anew for a new one."""
        session = self.sessions.get(_id_of(request))
        assert isinstance(session, Viewer)  # the store builds nothing else
        return session

    def look(self, request: gr.Request, frame: Any, sent: str | None = None) -> Any:
        """Take a frame of the camera; nothing changes on the page if it was dropped."""
        if frame is None:
            return gr.skip()
        message = _told(lambda: self.viewer(request).camera(frame, sent))
        return gr.skip() if message is None else as_json(message)

    def photo(self, request: gr.Request, path: str | None) -> Any:
        """Look at a photo that was handed in."""
        if path is None:
            return gr.skip()

        def job() -> Message:
            picture = open_picture(Path(path), max_pixels=self.context.settings.max_image_pixels)
            return self.viewer(request).photo(np.asarray(picture, dtype=np.uint8))

        return as_json(_told(job))

    def video(self, request: gr.Request, path: str | None) -> Any:
        """Open a video that was handed in, and look at its first frame."""
        viewer = self.viewer(request)
        if path is None:
            with viewer.at_work:
                viewer.leave_video()
            return gr.skip()

        def job() -> Message:
            playback = Playback(Path(path))
            with viewer.at_work:
                viewer.begin("video")
                viewer.playback = playback
                return _advance(viewer, playback)

        return as_json(_told(job))

    def forward(self, request: gr.Request) -> Any:
        """Show the video's next frame."""
        return self._step(request, lambda viewer, playback: playback.forward())

    def back(self, request: gr.Request) -> Any:
        """Show the video's frame before."""

        def step(viewer: Viewer, playback: Playback) -> Message:
            message = playback.back()
            if message is None:
                raise InputError(
                    "There is no earlier frame kept.", "Choose the video again to start over."
                )
            return message

        return self._step(request, step)

    def play(self, request: gr.Request) -> Iterator[Any]:
        """Show the rest of the video at its own pace; pressed again, pause.

        Frames that the engine is too slow for are passed over, and counted as dropped.
        """
        viewer = self.viewer(request)
        playback = viewer.playback
        if playback is None:
            yield as_json(error_message(NO_VIDEO))
            return
        if playback.is_playing():
            playback.pause()
            return
        playback.play()
        started_s = self._clock()
        origin_s: float | None = None
        while playback.is_playing():
            passed_s = self._clock() - started_s
            from_s = 0.0 if origin_s is None else origin_s + passed_s
            message = _told(partial(_playing, viewer, playback, from_s))
            if message is None:
                return
            yield as_json(message)
            progress = message.get("progress")
            if progress is None or not progress["isPlaying"]:
                break
            if origin_s is None:
                origin_s = progress["at_s"]
            ahead_s = progress["at_s"] - origin_s - (self._clock() - started_s)
            self._sleep(max(0.0, ahead_s))
        playback.pause()

    def stop(self, request: gr.Request) -> str:
        """End the camera's stream and the play through."""
        return as_json(self.viewer(request).stop())

    def around(self, request: gr.Request) -> str:
        """Answer "What is around me?"."""
        viewer = self.viewer(request)
        answer, preferences = viewer.around(), viewer.preferences
        number = viewer.next_sentence()
        return as_json(said_message(number, answer.text, preferences, language=answer.language))

    def prefer(self, request: gr.Request, *values: Any) -> tuple[str, Any]:
        """Take the settings as they stand in the form.

        Returns:
            What is wrong with them, as HTML or empty; and the values to remember.
        """
        try:
            preferences = Form(*values).preferences()
        except ReleafError as error:
            return f'<p class="problem" role="alert">{escape(str(error))}</p>', gr.skip()
        self.viewer(request).preferences = preferences
        return "", list(Form.of(preferences).values)

    def recall(self, request: gr.Request, values: Any) -> tuple[Any, ...]:
        """Take the settings that the browser remembers from another visit, if they still fit."""
        try:
            preferences = Form(*values).preferences() if values else Preferences()
        except (ReleafError, TypeError):
            preferences = Preferences()
        self.viewer(request).preferences = preferences
        return Form.of(preferences).values

    def load(self, request: gr.Request, load_ms: float | None) -> None:
        """Set the artificial load before each of this person's frames, milliseconds."""
        self.viewer(request).load_ms = load_ms or 0.0

    def timeline(self, request: gr.Request) -> tuple[Any, str]:
        """Write the last frames to a file; returns updates of download and announcement."""
        try:
            path = Path(tempfile.mkdtemp(prefix="releaf-")) / FILE_NAME
            with path.open("w", encoding="utf-8", newline="") as target:
                write_timeline(self.viewer(request).timeline, target)
        except OSError as error:
            problem = StorageError(
                f"The timeline could not be written ({error.strerror}).", "Free some space."
            )
            return gr.skip(), str(problem)
        return gr.update(value=str(path)), "The timeline is being downloaded."

    def leave(self, request: gr.Request) -> None:
        """End what belongs to a person who closed the page."""
        viewer = self.viewer(request)
        viewer.stop()
        with viewer.at_work:
            viewer.leave_video()
        self.sessions.end(_id_of(request))

    def _step(self, request: gr.Request, step: Callable[[Viewer, Playback], Message | None]) -> str:
        """Show a frame that is kept or, if there is none, look at the next one."""
        viewer = self.viewer(request)

        def job() -> Message:
            with viewer.at_work:
                playback = viewer.playback
                if playback is None:
                    raise NO_VIDEO
                playback.pause()
                return step(viewer, playback) or _advance(viewer, playback)

        return as_json(_told(job))


def _playing(viewer: Viewer, playback: Playback, from_s: float) -> Message | None:
    """Show the next frame while it plays, from those that are kept first.

    None where it no longer plays, perhaps as another source was chosen meanwhile.
    """
    with viewer.at_work:
        if viewer.playback is not playback or not playback.is_playing():
            return None
        kept = playback.forward()
        if kept is None:
            return _advance(viewer, playback, from_s)
        is_going_on = playback.is_playing() and not kept["progress"]["isLast"]
        return {**kept, "progress": {**kept["progress"], "isPlaying": is_going_on}}


def _advance(viewer: Viewer, playback: Playback, from_s: float = 0.0) -> Message:
    """Look at the video's next frame; at its end the last message stands."""
    taken = playback.advance(from_s)
    if taken is None:
        raise InputError("The video ends here.", "Go back, or choose another one.")
    frame, at_s, passed = taken
    viewer.meter.drop(passed)
    progress = Progress(
        at_s,
        playback.duration_s,
        is_first=playback.is_fresh,
        is_last=playback.is_at_end,
        is_playing=playback.is_playing() and not playback.is_at_end,
    )
    message = viewer.take(frame, at_s=at_s, picture=picture_url(frame), progress=progress)
    playback.keep(message)
    return message


def _told(job: Callable[[], T]) -> T | Message:
    """Do something; what goes wrong becomes a message for the page."""
    try:
        return job()
    except ReleafError as error:
        return error_message(error)
    except Exception:
        log.exception("MaxSight broke off")
        return error_message(
            EngineUnavailableError(
                "MaxSight broke off unexpectedly.", "Try again; the log says more."
            )
        )


def _id_of(request: gr.Request) -> str:
    # A call without a session is a stranger each time, and meets nobody else's.
    return str(request.session_hash or uuid4())
