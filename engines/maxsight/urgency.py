"""How urgent a scene is: the network's own judgement or the rule's, whichever is the safer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from engines.maxsight.classes import ObjectClass, vocabulary
from engines.maxsight.geometry import urgency_of
from engines.maxsight.tiers import Tier1, TrackedObject, Urgency

# A third of a walking pace; slower than that, a thing may as well stand.
MIN_APPROACH_M_S = 0.5
# What needs longer to arrive does not count as approaching yet.
MAX_CONTACT_S = 10.0
# Time to notice, decide and step aside.
SHORT_CONTACT_S = 3.0
# From this base urgency on (bicycles and larger vehicles) a thing that moves can be a danger. The
# reference design puts a moving person at warning.
DANGEROUS_BASE = 2


@dataclass(frozen=True)
class SceneUrgency:
    """How urgent a frame and the things in it are.

    Attributes:
        frame: of the whole frame; never below any of its things.
        tracks: those given, in their order, each with its final urgency.
    """

    frame: Urgency
    tracks: tuple[TrackedObject, ...]


def is_approaching(track: TrackedObject) -> bool:
    """Say whether a thing that moves by itself comes closer.

    Approach and time to contact must both say so: the one alone is noise for far things, the other
    for slow ones. What cannot move by itself only seems to approach when the camera moves.
    """
    return (
        vocabulary_entry(track.class_id).moves
        and track.approach_m_s >= MIN_APPROACH_M_S
        and track.time_to_contact_s is not None
        and track.time_to_contact_s <= MAX_CONTACT_S
    )


def urgency_of_track(track: TrackedObject) -> Urgency:
    """Judge one thing by class, zone and movement; never below what it was judged before.

    `geometry.urgency_of` gives the level. A thing that comes closer and would arrive within
    SHORT_CONTACT_S is a warning at least, and a danger if it is a vehicle. A class below
    DANGEROUS_BASE never becomes a danger by movement.

    Raises:
        KeyError: if its class is not trained.
    """
    entry = vocabulary_entry(track.class_id)
    is_coming = is_approaching(track)
    level = urgency_of(
        base_urgency=entry.base_urgency,
        zone=track.zone,
        group=entry.group,
        is_moving=is_coming,
    )
    can_be_danger = entry.base_urgency >= DANGEROUS_BASE
    if not can_be_danger:
        level = min(level, Urgency.WARNING)
    contact_s = track.time_to_contact_s
    if is_coming and contact_s is not None and contact_s <= SHORT_CONTACT_S:
        level = max(level, Urgency.DANGER if can_be_danger else Urgency.WARNING)
    return Urgency(max(level, track.urgency))


def final_urgency(tier1: Tier1, tracks: Sequence[TrackedObject]) -> SceneUrgency:
    """Judge a frame and each thing in it; the higher of learned head and rule wins.

    Everything seen counts for the frame, also what is not followed yet: showing a danger as safe
    is the worst mistake. Judging tracks twice changes nothing.

    Raises:
        KeyError: if the class of a track is not trained.
    """
    judged = tuple(replace(track, urgency=urgency_of_track(track)) for track in tracks)
    levels = [tier1.urgency]
    levels += [seen.urgency for seen in tier1.objects]
    levels += [track.urgency for track in judged]
    return SceneUrgency(Urgency(max(levels)), judged)


@cache
def vocabulary_entry(class_id: str) -> ObjectClass:
    """Return a trained class of the vocabulary; raises KeyError for any other."""
    words = vocabulary()
    return words.trained[words.index_of(class_id)]
