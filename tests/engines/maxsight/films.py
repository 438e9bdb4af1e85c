"""Random films of things in view, and the scheduler that alerts of them."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from engines.maxsight.classes import vocabulary
from engines.maxsight.preferences import Preferences
from engines.maxsight.scheduler import AlertScheduler
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from tests.engines.maxsight.tracks import thing

# One class per track, so that no track is taken for another under a new number.
CLASS_IDS = vocabulary().trained_ids
any_tracks = st.builds(
    lambda index, **given: thing(CLASS_IDS[index], track_id=index, **given),
    st.integers(0, len(CLASS_IDS) - 1),
    zone=st.sampled_from(list(Zone)),
    distance_m=st.floats(0.0, 30.0) | st.sampled_from([math.nan, math.inf]),
    approach_m_s=st.sampled_from([0.0, 2.0, math.nan]),
    time_to_contact_s=st.sampled_from([None, 2.0, 8.0, math.nan]),
    is_confirmed=st.booleans(),
    score=st.floats(0.0, 1.0),
)
frames = st.tuples(
    st.floats(0.0, 20.0) | st.floats(0.0, 0.2),
    st.lists(any_tracks, max_size=4, unique_by=lambda track: track.track_id),
    st.sampled_from(list(Urgency)),
)
films = st.lists(frames, max_size=40)


def scheduler(**preferences: Any) -> AlertScheduler:
    """Return a scheduler for a person with these preferences."""
    return AlertScheduler(Preferences(**preferences), clock=lambda: 0.0)


def run(film: list[Any], one: AlertScheduler) -> list[tuple[float, list[TrackedObject], Any]]:
    """Return time, tracks and alerts of each frame of a film."""
    now_s, done = 0.0, []
    for pause_s, tracks, frame in film:
        now_s += pause_s
        done.append((now_s, tracks, one.step(tracks, frame_urgency=frame, now_s=now_s)))
    return done
