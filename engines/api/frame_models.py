"""What the API gives on frames."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from engines.api.models import Model
from engines.maxsight.session import SceneReport
from engines.maxsight.tiers import TrackedObject, Urgency

UrgencyName = Literal["safe", "caution", "warning", "danger"]
ZoneName = Literal["near", "medium", "far"]


def _finite(value: Any) -> Any:
    """Leave out what JSON has no number for, such as an endless distance."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


# A number that may be missing.
Known = Annotated[float | None, BeforeValidator(_finite)]


class Track(Model):
    """One thing followed over the frames of a session."""

    track_id: int
    class_id: str
    score: float
    box: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1, pixels.")
    zone: ZoneName
    distance_m: Known
    angle_deg: float = Field(description="From straight ahead; left is negative.")
    clock_hour: int
    time_to_contact_s: Known
    is_confirmed: bool
    urgency: UrgencyName


class AlertReply(Model):
    """One thing to say now."""

    text: str
    language: str
    urgency: UrgencyName
    is_interrupting: bool
    haptic_ms: list[int]


class FrameReply(Model):
    """All there is to say about one frame, for one session."""

    session_id: str = Field(description="Send it with the next frame.")
    frame_id: int
    captured_s: float
    frame_size: tuple[int, int] | None = Field(description="Height and width, pixels.")
    urgency: UrgencyName | None = Field(description="None is not the same as safe.")
    uncertainty: float | None
    latency_ms: float | None
    tracks: list[Track]
    alerts: list[AlertReply]
    gate: str | None = Field(description="Whether the context pass ran, and why.")
    picture: Literal["fine", "unreadable", "black", "blank", "frozen"]
    problem: str | None

    @classmethod
    def of(cls, session_id: str, seen: SceneReport) -> FrameReply:
        """Take over the report of a frame."""
        tier1 = seen.tier1
        return cls(
            session_id=session_id,
            frame_id=seen.frame_id,
            captured_s=seen.captured_s,
            frame_size=tier1.frame_size if tier1 else None,
            urgency=None if seen.urgency is None else _urgency(seen.urgency),
            uncertainty=tier1.uncertainty if tier1 else None,
            latency_ms=tier1.latency_ms if tier1 else None,
            tracks=[_track(track) for track in seen.tracks],
            alerts=[
                AlertReply(
                    text=alert.text,
                    language=alert.language,
                    urgency=_urgency(alert.urgency),
                    is_interrupting=alert.is_interrupting,
                    haptic_ms=list(alert.haptic_ms),
                )
                for alert in seen.alerts
            ],
            gate=seen.gate.reason if seen.gate else None,
            picture=seen.picture,
            problem=seen.problem,
        )


def _track(track: TrackedObject) -> Track:
    names: dict[str, Any] = {name: getattr(track, name) for name in Track.model_fields}
    return Track.model_validate(
        names | {"zone": track.zone.name.lower(), "urgency": _urgency(track.urgency)}
    )


def _urgency(urgency: Urgency) -> UrgencyName:
    names: tuple[UrgencyName, ...] = ("safe", "caution", "warning", "danger")
    return names[urgency]
