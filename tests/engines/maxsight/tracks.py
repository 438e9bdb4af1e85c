"""Things in view for the tests of urgency, wording and alerts."""

from __future__ import annotations

from typing import Any

from engines.maxsight.tiers import TrackedObject, Urgency, Zone


def thing(class_id: str = "car", **given: Any) -> TrackedObject:
    """Return a confirmed, sure, still thing 5 m ahead, safe until its class is judged."""
    values: dict[str, Any] = {
        "track_id": 1,
        "class_id": class_id,
        "score": 0.9,
        "box": (100.0, 100.0, 200.0, 200.0),
        "zone": Zone.MEDIUM,
        "distance_m": 5.0,
        "angle_deg": 0.0,
        "clock_hour": 12,
        "growth_per_s": 0.0,
        "time_to_contact_s": None,
        "approach_m_s": 0.0,
        "age_s": 1.0,
        "is_confirmed": True,
        "urgency": Urgency.SAFE,
    }
    return TrackedObject(**(values | given))


def coming(class_id: str = "car", *, contact_s: float, **given: Any) -> TrackedObject:
    """Return a thing that would arrive in so many seconds."""
    distance_m = given.get("distance_m", 5.0)
    movement = {
        "growth_per_s": 1 / contact_s,
        "time_to_contact_s": contact_s,
        "approach_m_s": distance_m / contact_s,
    }
    return thing(class_id, **(movement | given))
