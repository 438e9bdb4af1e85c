"""What one person's newest frame holds beyond alerts: the surroundings, and what is looked for."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from components.maxsight_context_message import context_message, guidance_message
from components.maxsight_message import problem_said
from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.context_wording import context_wording
from engines.maxsight.describe import Description, describe
from engines.maxsight.find import guide
from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.preferences import Preferences
from engines.maxsight.reword import Reword, reworded
from engines.maxsight.scene_graph import SceneGraph, scene_graph
from engines.maxsight.session import SceneReport
from engines.maxsight.stage_b import OUTPUT, Context
from engines.maxsight.text_lines import TextLine
from engines.maxsight.tiers import ContextResult, SeenObject, TrackedObject, Urgency
from engines.runtime.errors import InputError

log = logging.getLogger(__name__)

# A context of an older frame says nothing of what is around now.
FRESH_S = 3.0
# Pauses of a search: between sentences that changed, that did not, and that it is not in view.
SAID_EVERY_S, SAME_EVERY_S, NOT_IN_VIEW_EVERY_S = 4.0, 10.0, 10.0
# The tracker may lose a thing for a moment; that is not said.
LOST_AFTER_S = 1.0
REMEMBERED_FRAMES = 300

# The language model that comes with the app knows no other language well enough.
REWORDED: Language = "en"

NO_PICTURE = InputError("There is no picture yet.", "Start the camera, or choose a photo.")

Message = dict[str, Any]
Thing = TypeVar("Thing", SeenObject, TrackedObject)


@dataclass(frozen=True)
class Answer:
    """A sentence and the language that it is in."""

    text: str
    language: Language


@dataclass(frozen=True)
class Held:
    """A frame (H, W, 3) RGB as it was given, its number in the session, and when it was taken."""

    pixels: Pixels
    frame_id: int
    captured_s: float


@dataclass
class Search:
    """What a person looks for, and what they were told of it."""

    class_id: str
    began_s: float
    seen_s: float | None = None
    followed: int | None = None
    number: int = 0
    said: str = ""
    said_s: float | None = None
    is_told_lost: bool = False


class Surroundings:
    """Hold the newest frame of one person, what was found around it, and their search.

    Args:
        next_number: numbers a sentence that is to be spoken.
    """

    def __init__(self, next_number: Callable[[], int]) -> None:
        self._next_number = next_number
        self._search: Search | None = None
        # The picture that "Look through other eyes" shows; it outlives the source it came from.
        self.eyes: Held | None = None
        # Begins to word a description in fuller sentences; None where that is not wanted.
        self.begin_rewording: Callable[[], Reword] | None = None
        self.restart()

    def restart(self) -> None:
        """Forget the frames of another source; the search goes on."""
        self._frame: Held | None = None
        self._report: SceneReport | None = None
        self._times: deque[tuple[int, float]] = deque(maxlen=REMEMBERED_FRAMES)
        self._read: tuple[float, tuple[TextLine, ...]] | None = None
        search = self._search
        self._search = None if search is None else Search(search.class_id, 0.0)

    @property
    def frame(self) -> Held:
        """The newest frame; raises an `InputError` before the first."""
        if self._frame is None:
            raise NO_PICTURE
        return self._frame

    @property
    def sought(self) -> str | None:
        """The class that is looked for, if any."""
        return None if self._search is None else self._search.class_id

    def seek(self, class_id: str | None, now_s: float = 0.0) -> None:
        """Look for a class from now on; None ends the search.

        Raises:
            InputError: if it is no class that can be recognised.
        """
        if class_id is not None:
            guide(class_id, ())
        self._search = None if class_id is None else Search(class_id, now_s)

    def note(self, frame: Any, report: SceneReport) -> None:
        """Take a frame in that was looked at; one that could not be read is left out."""
        if report.tier1 is not None:
            self._frame = Held(to_rgb(frame), report.frame_id, report.captured_s)
            self._report = report
            self._times.append((report.frame_id, report.captured_s))

    def more_of(self, report: SceneReport, preferences: Preferences) -> Message:
        """Return what a frame's message says beyond alerts; it never raises."""
        try:
            return {
                "context": self.context(report, preferences),
                "guidance": self.guidance(report, preferences),
            }
        except Exception:
            log.exception("the surroundings of a frame could not be told")
            return {"context": None, "guidance": None}

    def context(
        self, report: SceneReport, preferences: Preferences, newest: ContextResult | None = None
    ) -> Message | None:
        """Say what Stage B found, for clinicians and developers; None where there is nothing.

        Args:
            newest: a result that came after the report.
        """
        result = newest or report.context
        context = _context_of(result)
        if result is None or context is None or preferences.mode == "person":
            return None
        taken_s = self._taken_s(context.frame_id)
        return context_message(
            context,
            result.latency_ms,
            preferences,
            frame_id=report.frame_id,
            age_s=None if taken_s is None else report.captured_s - taken_s,
        )

    def guidance(self, report: SceneReport, preferences: Preferences) -> Message | None:
        """Say where the thing is that is looked for; None without a search."""
        search, now_s = self._search, report.captured_s
        # Where nothing can be seen, "not in view" would say too much; the problem is told.
        if search is None or report.problem is not None:
            return None
        context = self._fresh(report.context, now_s)
        guidance = guide(
            search.class_id,
            report.tracks,
            language=preferences.language,
            style=preferences.direction_style,
            findabilities=() if context is None else context.findabilities,
            followed=search.followed,
            unseen_s=now_s - (search.began_s if search.seen_s is None else search.seen_s),
        )
        if guidance.is_in_view:
            search.followed = guidance.track_id
        self._speak(search, guidance.text, guidance.reasons_text, guidance.is_in_view, now_s)
        return guidance_message(guidance, preferences, number=search.number, spoken=search.said)

    def keep_read(self, held: Held, lines: tuple[TextLine, ...]) -> None:
        """Remember what was read in a frame, unless another source was chosen meanwhile."""
        if (held.frame_id, held.captured_s) in self._times:
            self._read = held.captured_s, lines

    def around(
        self,
        report: SceneReport | None,
        preferences: Preferences,
        *,
        newest: ContextResult | None,
        now_s: float,
        sounds: Sequence[str] = (),
    ) -> Answer:
        """Answer "What is around me?" from what is known now, and from nothing else.

        In fuller sentences, where they are wanted, this takes seconds. If something else is around
        by then, the answer is what is around then, in the short sentences.

        Args:
            report: of the newest frame; None where there is none to speak of.
            preferences: language, directions, and what the person wants to be told of.
            newest: Stage B's newest result.
            now_s: on the clock of the frames.
            sounds: ids of what is heard now.
        """
        answer, found = self._in_short(report, preferences, newest, now_s, sounds)
        if found is None or self.begin_rewording is None or answer.language != REWORDED:
            return answer
        said, graph = found
        fuller = reworded(said, graph, self.begin_rewording())
        later = self._report
        if later is not None and report is not None and later.frame_id != report.frame_id:
            since, _ = self._in_short(later, preferences, later.context, later.captured_s, sounds)
            if since != answer:
                return since
        return Answer(fuller.text, answer.language)

    def _in_short(
        self,
        report: SceneReport | None,
        preferences: Preferences,
        newest: ContextResult | None,
        now_s: float,
        sounds: Sequence[str],
    ) -> tuple[Answer, tuple[Description, SceneGraph] | None]:
        """Answer in short sentences; return what the answer stands on, too, if it describes."""
        language = preferences.language
        words = context_wording(language)
        is_old = report is not None and not 0 <= now_s - report.captured_s <= FRESH_S
        if report is not None and not is_old and report.problem is not None:
            return Answer(*problem_said(report, language)), None
        if report is None or is_old or report.tier1 is None:
            return Answer(words.no_picture(), language), None
        context = self._fresh(newest, now_s)
        size, lines = report.tier1.frame_size, () if context is None else context.lines
        if self._read is not None and 0 <= now_s - self._read[0] <= FRESH_S:
            lines = self._read[1]
        if context is not None and context.graph is not None:
            seen = _wanted(context.objects, preferences)
            graph = scene_graph(seen, lines, sounds, frame_size=size)
        else:
            believed = [track for track in report.tracks if track.is_confirmed]
            graph = scene_graph(_wanted(believed, preferences), lines, sounds, frame_size=size)
        said = describe(graph, language, style=preferences.direction_style)
        return Answer(said.text, language), (said, graph)

    def _speak(
        self, search: Search, text: str, reasons: str, is_in_view: bool, now_s: float
    ) -> None:
        """Choose when a sentence of the search is spoken."""
        since_s = None if search.said_s is None else now_s - search.said_s
        if is_in_view:
            is_back = search.seen_s is None or search.is_told_lost
            search.seen_s, search.is_told_lost = now_s, False
            pause_s = SAME_EVERY_S if text in search.said else SAID_EVERY_S
            if is_back or since_s is None or not 0 <= since_s < pause_s:
                said = f"{text} {reasons}" if is_back and reasons else text
                self._say(search, said, now_s)
            return
        lost_s = None if search.seen_s is None else now_s - search.seen_s
        is_flicker = lost_s is not None and 0 <= lost_s < LOST_AFTER_S
        if is_flicker or (since_s is not None and 0 <= since_s < NOT_IN_VIEW_EVERY_S):
            return
        search.is_told_lost = True
        self._say(search, text, now_s)

    def _say(self, search: Search, text: str, now_s: float) -> None:
        search.number, search.said, search.said_s = self._next_number(), text, now_s

    def _fresh(self, result: ContextResult | None, now_s: float) -> Context | None:
        context = _context_of(result)
        taken_s = None if context is None else self._taken_s(context.frame_id)
        is_fresh = taken_s is not None and 0 <= now_s - taken_s <= FRESH_S
        return context if is_fresh else None

    def _taken_s(self, frame_id: int) -> float | None:
        return next((at_s for number, at_s in reversed(self._times) if number == frame_id), None)


def _context_of(result: ContextResult | None) -> Context | None:
    found = None if result is None else result.outputs.get(OUTPUT)
    return found if isinstance(found, Context) else None


def _wanted(things: Iterable[Thing], preferences: Preferences) -> list[Thing]:
    """Leave out what the person doesn't want to hear of; a danger counts at any distance."""
    words = vocabulary()
    groups = {one.id: one.group for one in words.trained}
    return [
        thing
        for thing in things
        if groups[thing.class_id] in preferences.groups_told
        and (thing.distance_m <= preferences.max_distance_m or thing.urgency == Urgency.DANGER)
    ]
