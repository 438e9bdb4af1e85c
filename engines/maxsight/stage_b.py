"""Stage B: what a frame means, in parts, the most useful first, as long as there is time."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.depth import Camera, Distance, distance_of, level_camera
from engines.maxsight.findability import Findability, findability_of
from engines.maxsight.frames import Pixels
from engines.maxsight.free_path import FreePath, free_path
from engines.maxsight.measures import (
    Difficulty,
    PictureMeasures,
    measure_picture,
    navigation_difficulty,
    picture_maps,
    roi_priority,
)
from engines.maxsight.motion import small_grey
from engines.maxsight.optical_flow import (
    Crossing,
    FlowField,
    Motion,
    crossings,
    dense_flow,
    motions_of,
)
from engines.maxsight.scene_graph import SceneGraph, scene_graph
from engines.maxsight.text_lines import TextLine
from engines.maxsight.text_watch import LineReader
from engines.maxsight.tiers import SeenObject, Tier1
from engines.runtime.errors import ReleafError

log = logging.getLogger(__name__)

OUTPUT = "scene"
# Over a longer time what moved is somewhere else, and the flow of the two frames means nothing.
LONGEST_FLOW_S = 0.4


class Reader(LineReader, Protocol):
    """Describe what reads text a line at a time, such as `TextReader`."""

    def load(self) -> None:
        """Get ready; raises a `ReleafError` that says why it can't."""


@dataclass(frozen=True)
class Context:
    """All that Stage B found in one frame. Parts that there was no time for are None or empty.

    Attributes:
        frame_id: of the frame.
        objects: what Stage A saw in it; the lists below are in this order.
        distances: of the objects, with error bars.
        findabilities: how easy each is to see, and why not.
        priorities: how much each deserves a look, 0 to 1.
        motions: how each moves by itself; None where that can't be told.
        crossings: what moves across the way ahead.
        picture: contrast, glare, clutter, light.
        path: how far the floor is free, an estimate.
        difficulty: how hard it is to find one's way here.
        lines: text in view, in reading order, as far as it was read; see `text_watch`.
        graph: how the things stand to each other.
        problems: which parts failed, in words for a person.
    """

    frame_id: int
    objects: tuple[SeenObject, ...]
    distances: tuple[Distance, ...] = ()
    findabilities: tuple[Findability, ...] = ()
    priorities: tuple[float, ...] = ()
    motions: tuple[Motion | None, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    picture: PictureMeasures | None = None
    path: FreePath | None = None
    difficulty: Difficulty | None = None
    lines: tuple[TextLine, ...] = ()
    graph: SceneGraph | None = None
    problems: tuple[str, ...] = ()


@dataclass
class _Draft:
    """A context that grows, and what later parts need of earlier ones."""

    frame: Pixels
    tier1: Tier1
    memory: ContextMemory
    is_late: Callable[[], bool]
    began_s: float
    found: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    camera: Camera | None = None
    flow: FlowField | None = None


class ContextPass:
    """Stage B: adds to what Stage A saw, and never changes it.

    The parts run one after the other; a part that fails is named in `Context.problems`, and the
    others go on. Text takes longest, so it is read in what is left of a third of a second, and
    the rest of it at the next looks.

    Args:
        reader: reads text; None leaves that part out.
        clock: seconds, rising; measures what is left.
    """

    def __init__(
        self, reader: Reader | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._reader, self._clock = reader, clock
        self._reader_problem: str | None = None
        self._is_reader_loaded = False
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Load what reads text before the first look; what fails is told at each look."""
        if self._reader is not None:
            with contextlib.suppress(ReleafError):
                self._ready_reader()

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        """Return {`OUTPUT`: `Context`}; see `context_worker.StageB`."""
        draft = _Draft(frame, tier1, memory, is_late, self._clock())
        for part in (_distances, _movement, _surroundings, _path, self._text, _relations):
            if is_late():
                break
            try:
                part(draft)
            except ReleafError as error:
                draft.problems.append(str(error))
            except Exception:
                name = part.__name__.strip("_")
                log.exception("the part “%s” of the context pass broke off", name)
                draft.problems.append(f"The part “{name}” broke off; the log says more.")
        memory.earlier, memory.earlier_s = frame, tier1.captured_s
        memory.earlier_boxes = tuple(seen.box for seen in tier1.objects)
        context = Context(
            tier1.frame_id, tier1.objects, **draft.found, problems=tuple(draft.problems)
        )
        return {OUTPUT: context}

    def _text(self, draft: _Draft) -> None:
        """Read on in what is in view."""
        if self._reader is None:
            return
        draft.found["lines"] = draft.memory.text.look(
            self._ready_reader(),
            draft.frame,
            frame_id=draft.tier1.frame_id,
            captured_s=draft.tier1.captured_s,
            frame_side_px=max(draft.tier1.frame_size),
            spent_ms=lambda: (self._clock() - draft.began_s) * 1000,
        )

    def _ready_reader(self) -> Reader:
        """Load the reader when it is first needed; what keeps it from loading is told each time."""
        assert self._reader is not None
        with self._lock:
            if self._reader_problem is not None:
                raise ReleafError(self._reader_problem, "")
            if not self._is_reader_loaded:
                try:
                    self._reader.load()
                except ReleafError as error:
                    self._reader_problem = str(error)
                    raise
                self._is_reader_loaded = True
            return self._reader


def _distances(draft: _Draft) -> None:
    size, objects = draft.tier1.frame_size, draft.tier1.objects
    draft.camera = level_camera(objects, frame_size=size)
    draft.found["distances"] = tuple(
        distance_of(seen, frame_size=size, camera=draft.camera) for seen in objects
    )
    draft.found["priorities"] = tuple(map(float, roi_priority(objects, frame_size=size)))


def _movement(draft: _Draft) -> None:
    """Tell what moves by itself since the last look, if that was a moment ago."""
    memory, tier1 = draft.memory, draft.tier1
    shift = memory.motion.update(
        small_grey(draft.frame), frame_size=tier1.frame_size, boxes_before=memory.earlier_boxes
    )
    elapsed_s = tier1.captured_s - memory.earlier_s
    earlier = memory.earlier
    if earlier is None or earlier.shape != draft.frame.shape or not 0 < elapsed_s <= LONGEST_FLOW_S:
        return
    draft.flow = dense_flow(
        earlier, draft.frame, shift, elapsed_s=elapsed_s, frame_size=tier1.frame_size
    )
    draft.found["motions"] = motions_of(draft.flow, tier1.objects)
    draft.found["crossings"] = crossings(draft.flow, tier1.objects)


def _surroundings(draft: _Draft) -> None:
    maps = picture_maps(draft.frame, frame_size=draft.tier1.frame_size)
    draft.found["picture"] = measure_picture(maps)
    draft.found["findabilities"] = findability_of(maps, draft.tier1.objects)


def _path(draft: _Draft) -> None:
    path = free_path(
        draft.frame,
        draft.tier1.objects,
        frame_size=draft.tier1.frame_size,
        camera=draft.camera,
        flow=draft.flow,
    )
    draft.found["path"] = path
    picture = draft.found.get("picture")
    if picture is not None:
        draft.found["difficulty"] = navigation_difficulty(
            picture,
            draft.tier1.objects,
            free_ahead_m=path.ahead.free_m,
            crossing=len(draft.found.get("crossings", ())),
        )


def _relations(draft: _Draft) -> None:
    draft.found["graph"] = scene_graph(
        draft.tier1.objects, draft.found.get("lines", ()), frame_size=draft.tier1.frame_size
    )
