"""What a mistake would do to a person: false reassurance, misses, false alerts, wrong silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from engines.maxsight.classes import Vocabulary
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.decode import Detections
from engines.maxsight.fit.intervals import share
from engines.maxsight.fit.matching import FALSE, match, misnamed
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.targets import MIN_SIDE_PX
from engines.maxsight.fit.truth import Truth, truth_of
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import PipelineStep
from engines.maxsight.session import MaxSightSession
from engines.maxsight.tiers import GateReport, SeenObject, Tier1, Urgency, Zone
from engines.maxsight.urgency import final_urgency

VISIBLE_PX = 32.0
RELIABILITY_BINS = 5
# A still photo is shown this long, so that the tracker can believe what it sees.
SILENCE_S, SILENCE_FPS = 3.0, 10


def measure_safety(
    frames: Sequence[Frame], seen: Sequence[Tier1], words: Vocabulary, trusted: Sequence[set[str]]
) -> dict[str, Any]:
    """Measure all that follows from what the app says of each photo.

    Args:
        seen: what Stage A says of each photo, with thresholds that it had no part in.
        trusted: the classes that could be named in each photo.
    """
    truths = [truth_of(frame, words) for frame in frames]
    owners = [_owners(frame, one, words) for frame, one in zip(frames, seen, strict=True)]
    return {
        "false_reassurance": _false_reassurance(frames, truths, seen),
        "silence": _silence(frames, truths, seen, words),
        "alerts": _alerts(frames, truths, seen, owners, words, trusted),
        "uncertainty": _uncertainty(frames, seen, owners, words, trusted),
        "urgency_head": _urgency_head(truths, seen),
        "zones_of_found_things": _zones(truths, seen, owners),
    }


def zone_head(
    frames: Sequence[Frame], found: Sequence[Detections], words: Vocabulary
) -> dict[str, Any]:
    """Measure the network's own zones on right detections; the app shows those of the rule."""
    table = np.zeros((3, 3), np.int64)
    for frame, one in zip(frames, found, strict=True):
        truth = truth_of(frame, words)
        for index in np.unique(one.classes):
            mine, own = one.classes == index, np.flatnonzero(frame.classes == index)
            owners = match(one.boxes[mine], one.scores[mine], frame.boxes[own], frame.is_crowd[own])
            hit = owners >= 0
            np.add.at(table, (truth.zones[own[owners[hit]]], one.zones[mine][hit]), 1)
    return _confusion(table)


def _owners(frame: Frame, seen: Tier1, words: Vocabulary) -> NDArray[np.int64]:
    """Return the index of the true box of each thing seen; FALSE or NEITHER where it has none."""
    owners = np.full(len(seen.objects), FALSE, np.int64)
    classes = np.array([words.index_of(one.class_id) for one in seen.objects], np.int64)
    for index in np.unique(classes):
        mine, own = np.flatnonzero(classes == index), np.flatnonzero(frame.classes == index)
        found = match(
            np.array([seen.objects[place].box for place in mine], np.float32),
            np.array([seen.objects[place].score for place in mine], np.float32),
            frame.boxes[own],
            frame.is_crowd[own],
        )
        for place, owner in zip(mine, found, strict=True):
            owners[place] = own[owner] if owner >= 0 else owner
    return owners


def _false_reassurance(
    frames: Sequence[Frame], truths: Sequence[Truth], seen: Sequence[Tier1]
) -> dict[str, Any]:
    danger, wrong, by_head, by_rule, spoken, sources = 0, 0, 0, 0, 0, []
    for frame, truth, one in zip(frames, truths, seen, strict=True):
        sides = (frame.boxes[:, 2:] - frame.boxes[:, :2]).min(axis=1, initial=np.inf)
        is_visible = truth.is_counted & (sides >= VISIBLE_PX)
        if not (truth.levels[is_visible] == Urgency.DANGER).any():
            continue
        danger += 1
        rule = max([int(thing.urgency) for thing in one.objects], default=0)
        by_head += one.urgency < Urgency.WARNING
        by_rule += rule < Urgency.WARNING
        spoken += bool(spoken_of(one, frame))
        if final_urgency(one, ()).frame < Urgency.WARNING:
            wrong += 1
            sources.append(frame.path.name)
    return {
        "danger_frames": danger,
        "shown_as_safe_or_caution": wrong,
        "share": share(wrong, danger),
        "share_by_head_alone": share(by_head, danger),
        "share_by_rule_alone": share(by_rule, danger),
        "spoken_of": spoken,
        "share_spoken_of": share(spoken, danger),
        "photos": sources,
    }


def _silence(
    frames: Sequence[Frame], truths: Sequence[Truth], seen: Sequence[Tier1], words: Vocabulary
) -> dict[str, Any]:
    count, silent = 0, 0
    for frame, truth, one in zip(frames, truths, seen, strict=True):
        if truth.worst_case > Urgency.SAFE or not truth.is_street_marked:
            continue
        count += 1
        silent += not spoken_of(_only_judged(one, frame, words), frame)
    return {"frames": count, "silent": silent, "share": share(silent, count)}


def spoken_of(seen: Tier1, photo: Frame) -> list[str]:
    """Return what a session says while a still photo is shown for SILENCE_S."""

    def look(frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox) -> PipelineStep:
        own = replace(seen, frame_id=frame_id, captured_s=captured_s)
        return PipelineStep(own, GateReport("absent", "Skipped: there is no context pass."), None)

    session = MaxSightSession(look, lambda: 0.0)
    picture = np.full((photo.height, photo.width, 3), 128, np.uint8)
    for tick in range(int(SILENCE_S * SILENCE_FPS)):
        session.step(picture, tick / SILENCE_FPS)
    return [alert.text for alert in session.alerts]


def _is_judged(thing: SeenObject, frame: Frame, words: Vocabulary) -> bool:
    """Tell whether one knows if it is there: the photo marks its class, or gives another name."""
    if frame.is_annotated[words.index_of(thing.class_id)]:
        return True
    return bool(misnamed(np.array([thing.box], np.float32), frame)[0])


def _only_judged(seen: Tier1, frame: Frame, words: Vocabulary) -> Tier1:
    kept = tuple(thing for thing in seen.objects if _is_judged(thing, frame, words))
    return replace(seen, objects=kept)


def _alerts(
    frames: Sequence[Frame],
    truths: Sequence[Truth],
    seen: Sequence[Tier1],
    owners: Sequence[NDArray[np.int64]],
    words: Vocabulary,
    trusted: Sequence[set[str]],
) -> dict[str, Any]:
    """Count true, missed and false things by class and zone, and those that would be spoken of.

    A true thing is in the zone of its true box, a false one in that of its detection.
    """
    shape = (len(words.trained), 3)
    true, missed, named, false = (np.zeros(shape, np.int64) for _ in range(4))
    matters = {"true": 0, "missed": 0, "named": 0, "false": 0}
    for frame, truth, one, own, names in zip(frames, truths, seen, owners, trusted, strict=True):
        for index in np.flatnonzero(truth.is_counted):
            place = frame.classes[index], truth.zones[index]
            if words.trained_ids[place[0]] not in names:
                continue
            is_missed = index not in own
            true[place] += 1
            missed[place] += is_missed
            if truth.levels[index] > Urgency.SAFE:
                matters["true"] += 1
                matters["missed"] += int(is_missed)
        for thing, owner in zip(one.objects, own, strict=True):
            row = words.index_of(thing.class_id)
            if owner < FALSE or not _is_judged(thing, frame, words):
                continue
            named[row, thing.zone] += 1
            false[row, thing.zone] += owner == FALSE
            if thing.urgency > Urgency.SAFE:
                matters["named"] += 1
                matters["false"] += int(owner == FALSE)
    by_class = {
        name: {
            Zone(zone).name.lower(): {
                "true": int(true[row, zone]), "missed": int(missed[row, zone]),
                "named": int(named[row, zone]), "false": int(false[row, zone]),
            }
            for zone in range(3)
        }
        for row, name in enumerate(words.trained_ids)
        if true[row].any() or named[row].any()
    }  # fmt: skip
    by_zone = {
        Zone(zone).name.lower(): {
            "missed": share(int(missed[:, zone].sum()), int(true[:, zone].sum())),
            "false": share(int(false[:, zone].sum()), int(named[:, zone].sum())),
        }
        for zone in range(3)
    }
    return {
        "by_class_and_zone": by_class,
        "by_zone": by_zone,
        "of_what_matters": {
            **matters,
            "missed_share": share(matters["missed"], matters["true"]),
            "false_share": share(matters["false"], matters["named"]),
        },
    }


def _uncertainty(
    frames: Sequence[Frame],
    seen: Sequence[Tier1],
    owners: Sequence[NDArray[np.int64]],
    words: Vocabulary,
    trusted: Sequence[set[str]],
) -> dict[str, Any]:
    """Ask whether uncertainty is higher where the photo's worst thing is missed."""
    doubts, misses = [], []
    for frame, one, own, names in zip(frames, seen, owners, trusted, strict=True):
        sides = (frame.boxes[:, 2:] - frame.boxes[:, :2]).min(axis=1, initial=np.inf)
        wanted = [
            index
            for index in np.flatnonzero(~frame.is_crowd & (sides >= MIN_SIDE_PX))
            if words.trained_ids[frame.classes[index]] in names
        ]
        if wanted:
            doubts.append(one.uncertainty)
            misses.append(not set(wanted) <= set(own.tolist()))
    doubt, missed = np.array(doubts), np.array(misses, bool)
    bins: list[dict[str, Any]] = []
    # As many photos in each.
    for part in np.array_split(np.argsort(doubt, kind="stable"), RELIABILITY_BINS):
        if len(part):
            bins.append(
                {
                    "photos": len(part),
                    "mean_uncertainty": float(doubt[part].mean()),
                    "something_missed": share(int(missed[part].sum()), len(part)),
                }
            )
    error = sum(
        one["photos"] * abs(one["mean_uncertainty"] - one["something_missed"][0]) for one in bins
    )
    has_both = bool(missed.any() and not missed.all())
    return {
        "photos": len(doubt),
        "something_missed": share(int(missed.sum()), len(missed)),
        "auroc": float(roc_auc_score(missed, doubt)) if has_both else None,
        "bins": bins,
        "calibration_error": error / len(doubt) if len(doubt) else None,
    }


def _urgency_head(truths: Sequence[Truth], seen: Sequence[Tier1]) -> dict[str, Any]:
    """Compare the head and what is shown with the rule on true boxes, where all is marked."""
    head, shown = np.zeros((4, 4), np.int64), np.zeros((4, 4), np.int64)
    for truth, one in zip(truths, seen, strict=True):
        if truth.is_street_marked and truth.worst_case == truth.urgency:
            head[truth.urgency, one.urgency] += 1
            shown[truth.urgency, final_urgency(one, ()).frame] += 1
    return {"head": _confusion(head), "shown": _confusion(shown)}


def _zones(
    truths: Sequence[Truth], seen: Sequence[Tier1], owners: Sequence[NDArray[np.int64]]
) -> dict[str, Any]:
    table = np.zeros((3, 3), np.int64)
    for truth, one, own in zip(truths, seen, owners, strict=True):
        for thing, owner in zip(one.objects, own, strict=True):
            if owner >= 0:
                table[truth.zones[owner], thing.zone] += 1
    return _confusion(table)


def _confusion(table: NDArray[np.int64]) -> dict[str, Any]:
    right, count = int(np.trace(table)), int(table.sum())
    return {"accuracy": share(right, count), "rows_true_columns_said": table.tolist()}
