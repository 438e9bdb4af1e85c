"""What MaxSight says about a frame: Tier 1 from Stage A, context from Stage B, and tracks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

Box = tuple[float, float, float, float]
GateCode = Literal["ran", "slow", "unsure", "busy", "absent"]


class Urgency(IntEnum):
    """How much a thing matters now; the reference design's four levels."""

    SAFE = 0
    CAUTION = 1
    WARNING = 2
    DANGER = 3


class Zone(IntEnum):
    """How far a thing is, in three steps; the order of `heads.detection.ZONES`."""

    NEAR = 0
    MEDIUM = 1
    FAR = 2


@dataclass(frozen=True)
class SeenObject:
    """One thing in one frame, as Stage A alone sees it.

    Attributes:
        class_id: a trained class of the vocabulary.
        score: how sure the network is, in [0, 1].
        box: x0, y0, x1, y1 in pixels of the frame.
        zone: near, medium or far.
        distance_m: estimate from the apparent height, metres; an upper bound where `is_cut`.
        is_cut: whether the frame's edge cuts it off.
        urgency: by class and zone, before movement counts.
    """

    class_id: str
    score: float
    box: Box
    zone: Zone
    distance_m: float
    is_cut: bool
    urgency: Urgency


@dataclass(frozen=True)
class Tier1:
    """All that Stage A says of one frame; it needs nothing else and never waits for anything.

    Attributes:
        frame_id: number of the frame in its session, rising.
        captured_s: when it was captured, seconds on the session's clock.
        frame_size: height and width, pixels.
        objects: best first.
        urgency: of the frame as the network's own head judges it.
        uncertainty: in [0, 1], how likely the worst-seen thing is missed.
        latency_ms: from the frame to this, device synchronised.
    """

    frame_id: int
    captured_s: float
    frame_size: tuple[int, int]
    objects: tuple[SeenObject, ...]
    urgency: Urgency
    uncertainty: float
    latency_ms: float


@dataclass(frozen=True)
class ContextResult:
    """What Stage B added about one frame; it can be late, and never changes Tier 1.

    Attributes:
        frame_id: the frame it belongs to, which may be older than the one it is shown with.
        latency_ms: what it took.
        outputs: by the name of the part of Stage B that made it.
    """

    frame_id: int
    latency_ms: float
    outputs: dict[str, Any]


@dataclass(frozen=True)
class GateReport:
    """Whether Stage B was started for a frame, and why.

    Attributes:
        code: "ran", "slow" or "unsure" by the gate; "busy" while B works on an older frame;
            "absent" where there is no Stage B.
        reason: the same as a sentence for a person.
    """

    code: GateCode
    reason: str


@dataclass(frozen=True)
class TrackedObject:
    """One thing followed over several frames, as the tracker of a session sees it.

    Attributes:
        track_id: number of the track in its session; it never names another thing.
        class_id: a trained class of the vocabulary.
        score: how sure the network is, in [0, 1].
        box: x0, y0, x1, y1 in pixels of the frame, smoothed over time.
        zone: near, medium or far.
        distance_m: estimate from the smoothed height, metres.
        angle_deg: direction of the box's middle from straight ahead, degrees; left is negative.
        clock_hour: the same on a clock's face, 1 to 12; straight ahead is 12.
        growth_per_s: how fast it looks larger, share of its own height per second, the camera's
            own movement taken out; negative where it shrinks.
        time_to_contact_s: seconds until it is reached at that growth; None where it does not grow.
        approach_m_s: how fast it comes closer, metres per second; negative where it goes away.
        age_s: seconds since it was first seen.
        is_confirmed: whether it was seen in enough frames to be believed.
        urgency: by class and zone, before movement counts.
    """

    track_id: int
    class_id: str
    score: float
    box: Box
    zone: Zone
    distance_m: float
    angle_deg: float
    clock_hour: int
    growth_per_s: float
    time_to_contact_s: float | None
    approach_m_s: float
    age_s: float
    is_confirmed: bool
    urgency: Urgency
