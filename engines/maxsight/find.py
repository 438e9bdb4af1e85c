"""Find my thing: where it is, in words and in a tone that rises on the way to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.maxsight.boxes import iou_matrix
from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.context_wording import context_wording
from engines.maxsight.findability import Findability, Reason
from engines.maxsight.preferences import DirectionStyle
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from engines.maxsight.wording import wording
from engines.runtime.errors import InputError

# Two octaves from the edge of the picture to its middle, where all telephones sound well.
LOWEST_HZ, OCTAVES = 220.0, 2.0
# Tones a second from far to near; more would run together.
SLOWEST_PER_S, FASTEST_PER_S = 1.0, 8.0
# Between these distances the rate rises.
FAR_M, REACH_M = 8.0, 0.75
# A usual camera sees about so far to each side.
EDGE_DEG = 31.0
# Where the distance is not a number, its zone stands for one.
ZONE_M = {Zone.NEAR: 1.5, Zone.MEDIUM: 5.0, Zone.FAR: FAR_M}
# After searching this long without a sighting, it may be elsewhere.
LONG_SEARCH_S = 20.0
# A judgement of an older frame belongs to a track whose box it overlaps by this.
SAME_IOU = 0.3


@dataclass(frozen=True)
class Guidance:
    """Where the thing is that a person looks for.

    Attributes:
        class_id: what is looked for.
        is_in_view: whether it is seen now.
        track_id: which one; hand it back with the next frame to stay with it. None if not in view.
        text: a sentence to speak.
        tone_hz: pitch, 220 to 880, higher the nearer it is to the middle; None if not in view.
        tones_per_s: rate, 1 to 8, faster the closer it is; None if not in view.
        tone_pan: -1 left to 1 right; None if not in view.
        findability: how easy it is to see, 0 to 1; None where that was not judged.
        reasons: why it is hard to see, worst first.
        reasons_text: the same as a sentence; empty where there is no reason.
    """

    class_id: str
    is_in_view: bool
    track_id: int | None
    text: str
    tone_hz: float | None = None
    tones_per_s: float | None = None
    tone_pan: float | None = None
    findability: float | None = None
    reasons: tuple[Reason, ...] = ()
    reasons_text: str = ""


def guide(
    class_id: str,
    tracks: Sequence[TrackedObject],
    *,
    language: Language = "en",
    style: DirectionStyle = "clock",
    findabilities: Sequence[Findability] = (),
    followed: int | None = None,
    unseen_s: float = 0.0,
) -> Guidance:
    """Guide a person to a thing of a class.

    Args:
        class_id: a trained class of the vocabulary.
        tracks: what is in view now.
        findabilities: of this frame or a recent one; the one that overlaps the thing counts.
        followed: the track that was guided to before. It is kept while it is in view; else the
            nearest is taken, and what is not confirmed only where nothing else is.
        unseen_s: how long it has been looked for without a sighting, seconds.

    Raises:
        InputError: if it is no class that can be recognised.
    """
    if class_id not in vocabulary().trained_ids:
        names = sorted(one.names[language] for one in vocabulary().trained)
        raise InputError(
            f"MaxSight can't recognise {class_id.replace('_', ' ') or 'that'}.",
            f"Choose one of these: {', '.join(names)}.",
        )
    found = [track for track in tracks if track.class_id == class_id]
    if not found:
        text = context_wording(language).not_in_view(class_id, is_long=unseen_s >= LONG_SEARCH_S)
        return Guidance(class_id, False, None, text)
    track = min(
        found,
        key=lambda one: (
            one.track_id != followed, not one.is_confirmed, distance_m(one), abs(one.angle_deg)
        ),
    )  # fmt: skip
    judged = _judgement_of(track, findabilities)
    reasons = () if judged is None else judged.reasons
    # It was asked for, so it is named plainly and not as a danger.
    calm = replace(track, urgency=Urgency.SAFE)
    return Guidance(
        class_id=class_id,
        is_in_view=True,
        track_id=track.track_id,
        text=wording(language).alert(calm, style=style),
        tone_hz=tone_hz(track.angle_deg),
        tones_per_s=tones_per_s(distance_m(track)),
        tone_pan=max(-1.0, min(1.0, track.angle_deg / EDGE_DEG)),
        findability=None if judged is None else judged.score,
        reasons=reasons,
        reasons_text=context_wording(language).hard_to_see(reasons),
    )


def tone_hz(angle_deg: float) -> float:
    """Return the pitch for a direction: 880 Hz straight ahead, 220 Hz at 31° and beyond."""
    centred = max(0.0, 1 - abs(angle_deg) / EDGE_DEG)
    return LOWEST_HZ * 2 ** (OCTAVES * centred)


def tones_per_s(distance_m: float) -> float:
    """Return the rate for a distance in metres: 8 a second within reach, 1 from 8 m on.

    The rate rises evenly with each halving of the distance.
    """
    if distance_m <= REACH_M:
        return FASTEST_PER_S
    near = max(0.0, math.log(FAR_M / distance_m) / math.log(FAR_M / REACH_M))
    return SLOWEST_PER_S + (FASTEST_PER_S - SLOWEST_PER_S) * near


def distance_m(track: TrackedObject) -> float:
    """Return a track's distance in metres; one that stands for its zone where it is no number."""
    return track.distance_m if math.isfinite(track.distance_m) else ZONE_M[track.zone]


def _judgement_of(track: TrackedObject, findabilities: Sequence[Findability]) -> Findability | None:
    if not findabilities:
        return None
    boxes = np.array([one.box for one in findabilities])
    overlaps = iou_matrix(np.array([track.box]), boxes)[0]
    best = int(overlaps.argmax())
    return findabilities[best] if overlaps[best] >= SAME_IOU else None
