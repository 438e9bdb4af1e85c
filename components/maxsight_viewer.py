"""One person at the MaxSight tab: a session, its source of frames, and its numbers."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np

from components.maxsight_context_sight import Answer, Surroundings
from components.maxsight_message import (
    NumberedAlert,
    Progress,
    Source,
    StageMeter,
    scene_message,
)
from components.maxsight_playback import Playback
from engines.maxsight.artificial_load import MAX_LOAD_MS, work_for
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline, PipelineStep
from engines.maxsight.scheduler import Alert
from engines.maxsight.session import MaxSightSession, SceneReport
from engines.maxsight.tiers import ContextResult
from engines.runtime.errors import BusyError
from engines.runtime.lane import Priority
from engines.runtime.pool import EnginePool

ENGINE = "maxsight"
# How long an alert is sent again with the frames that follow; the page may miss a message.
ALERT_RESENT_S = 2.0
# Frames that were on their way when the camera was stopped come within this.
LATE_FRAMES_S = 0.5
# A photo is held before the eye for three frames: the tracker believes nothing it saw only once.
PHOTO_LOOKS, PHOTO_STEP_S = 3, 1 / 12
# What the page gets of a photo or a video's frame.
PICTURE_SIDE, PICTURE_QUALITY = 960, 80

Message = dict[str, Any]


class Viewer(MaxSightSession):
    """Take the frames of one person from camera, photo or video, and say what the page shows.

    Args:
        pool: holds the engine "maxsight", a `MaxSightPipeline`.
        clock: seconds, rising.
    """

    def __init__(self, pool: EnginePool, clock: Callable[[], float]) -> None:
        super().__init__(self._look_under_load, clock)
        self._pool = pool
        self.meter = StageMeter()
        self.playback: Playback | None = None
        self.source: Source | None = None
        # Held while a frame is at work: the camera's next one is dropped, not queued.
        self.at_work = threading.Lock()
        self._has_met_engine = False
        self._load_ms = 0.0
        self._started_s, self._deaf_until_s = 0.0, -1.0
        self._first_sent: int | None = None
        self._last_sent = self._taken = self._missed = 0
        self._alert_count = self._sentences = 0
        self._recent: deque[tuple[float, NumberedAlert]] = deque()
        self.surroundings = Surroundings(self.next_sentence)
        # Says which sounds are heard now, once there are ears.
        self.ears: Callable[[], tuple[str, ...]] = tuple

    @property
    def load_ms(self) -> float:
        """Artificial load before each of this person's frames, milliseconds."""
        return self._load_ms

    @load_ms.setter
    def load_ms(self, load_ms: float) -> None:
        self._load_ms = min(max(float(load_ms), 0.0), MAX_LOAD_MS)

    def camera(self, frame: Any, sent: str | None = None) -> Message | None:
        """Take a camera's frame, unless one is at work or the camera was just stopped.

        Args:
            frame: as the browser sent it.
            sent: "COUNT MS" of the page: the frames that it sent before in this stream, and its
                own time of this frame.

        Returns:
            The message, or None if the frame was dropped.

        Raises:
            BusyError: if the engine is still loading; nobody has to wait for that.
            ReleafError: as `step` does.
        """
        if self._clock() < self._deaf_until_s:
            return None
        if not self.at_work.acquire(blocking=False):
            self.meter.drop()
            self._taken += 1
            return None
        try:
            self._expect_engine()
            if self.source != "camera":
                self.begin("camera")
            count, sent_ms = _read_sent(sent)
            self._count_missed(count)
            at_s = self._clock() - self._started_s
            return self.take(frame, at_s=at_s, sent_ms=sent_ms)
        finally:
            self.at_work.release()

    def photo(self, frame: Pixels) -> Message:
        """Look at a photo (H, W, 3) RGB until what is on it is believed or not."""
        with self.at_work:
            self.begin("photo")
            for look in range(PHOTO_LOOKS - 1):
                self.measured(frame, look * PHOTO_STEP_S)
            at_s = (PHOTO_LOOKS - 1) * PHOTO_STEP_S
            return self.take(frame, at_s=at_s, picture=picture_url(frame))

    def begin(self, source: Source) -> None:
        """Begin anew with another source; the caller holds `at_work`."""
        self.leave_video()
        self.restart()
        self.surroundings.restart()
        self.source = source
        self.meter = StageMeter()
        self._started_s = self._clock()
        self._first_sent, self._taken, self._missed = None, 0, 0
        self._recent.clear()

    def stop(self) -> Message:
        """End camera and play through. A frame at work is finished, but nobody waits for it."""
        self._deaf_until_s = self._clock() + LATE_FRAMES_S
        if self.playback is not None:
            self.playback.pause()
        if self.source == "camera":
            self.source = None
        return {"ended": True}

    def leave_video(self) -> None:
        """Let the video's file go, if there is one."""
        if self.playback is not None:
            self.playback.close()
            self.playback = None

    def take(
        self,
        frame: Any,
        *,
        at_s: float,
        picture: str | None = None,
        progress: Progress | None = None,
        sent_ms: float | None = None,
    ) -> Message:
        """Look at a frame and say what the page shows; the caller holds `at_work`."""
        report = self.measured(frame, at_s)
        message = scene_message(
            report,
            self.preferences,
            self.meter,
            source=self.source or "camera",
            frame=frame,
            alerts=[numbered for _, numbered in self._recent],
            picture=picture,
            progress=progress,
            sent_ms=sent_ms,
        )
        return {**message, **self.surroundings.more_of(report, self.preferences)}

    def measured(self, frame: Any, at_s: float) -> SceneReport:
        """Look at a frame, measure it, and number what it says."""
        report = self.step(frame, at_s)
        self.surroundings.note(frame, report)
        now_s = self._clock()
        if report.tier1 is not None:
            self.meter.add(report.tier1.latency_ms, now_s)
        self._number(report.alerts, now_s)
        return report

    @property
    def newest_context(self) -> ContextResult | None:
        """What Stage B found last, perhaps after the frame's message was sent."""
        return self._box.latest

    def around(self) -> Answer:
        """Answer "What is around me?" from the newest frame, what was read and what is heard."""
        report = self.last if self.source is not None else None
        now_s = self._clock() - self._started_s
        if report is not None and self.source != "camera":
            # A photo or a video that stands still is as true as it was.
            now_s = report.captured_s
        return self.surroundings.around(
            report, self.preferences, newest=self.newest_context, now_s=now_s, sounds=self.ears()
        )

    def next_sentence(self) -> int:
        """Number a sentence that belongs to no frame."""
        self._sentences += 1
        return self._sentences

    def _expect_engine(self) -> None:
        """Have the engine loaded in the background instead of holding up a frame for it."""
        if self._has_met_engine:
            return
        state = next(one.state for one in self._pool.health() if one.name == ENGINE)
        if state == "not_loaded":
            self._pool.preload((ENGINE,))
        if state in ("not_loaded", "loading"):
            raise BusyError("MaxSight is still loading.", "It begins by itself in a moment.")
        self._has_met_engine = state == "loaded"

    def _number(self, alerts: Iterable[Alert], now_s: float) -> None:
        while self._recent and now_s - self._recent[0][0] > ALERT_RESENT_S:
            self._recent.popleft()
        for alert in alerts:
            self._alert_count += 1
            self._recent.append((now_s, NumberedAlert(self._alert_count, alert)))

    def _count_missed(self, count: int | None) -> None:
        """Count the frames that Gradio overwrote with a newer one before they came here."""
        if count is not None:
            if self._first_sent is None or count < self._last_sent:
                self._first_sent, self._taken, self._missed = count, 0, 0
            self._last_sent = count
            missed = count - self._first_sent - self._taken
            self.meter.drop(missed - self._missed)
            self._missed = max(self._missed, missed)
        self._taken += 1

    def _look_under_load(
        self, frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox
    ) -> PipelineStep:
        # In this person's own thread, so that it takes nobody else's turn on the lane.
        spent_ms = work_for(self._load_ms) if self._load_ms else 0.0

        def look(engine: MaxSightPipeline) -> PipelineStep:
            return engine.step(
                frame, frame_id=frame_id, captured_s=captured_s, box=box, spent_ms=spent_ms
            )

        return self._pool.run(ENGINE, look, priority=Priority.SAFETY)


def picture_url(frame: Pixels) -> str:
    """Write a frame (H, W, 3) RGB as a data: URL of a JPEG, at most 960 pixels wide or high."""
    scale = PICTURE_SIDE / max(frame.shape[:2])
    if scale < 1:
        size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _read_sent(sent: str | None) -> tuple[int | None, float | None]:
    """Read "COUNT MS"; anything else, also from a stranger, is nothing."""
    parts = (sent or "").split()
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 16 for part in parts):
        return None, None
    return int(parts[0]), float(parts[1])
