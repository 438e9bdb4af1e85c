"""Safety numbers, on photos that can be judged by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.maxsight.decode import Detections
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.safety import measure_safety, spoken_of, zone_head
from engines.maxsight.fit.truth import truth_of
from engines.maxsight.tiers import Tier1, Urgency, Zone
from tests.engines.maxsight.fit.seen_frames import all_found, thing, tier1
from tests.engines.maxsight.fit.toy import CAR, COUNT, DOG, DOOR, PERSON, WORDS, toy_frame

Box = tuple[float, float, float, float]
# In a photo of 320 × 240 a car of 150 px is at 2.6 m, one of 60 at 6.6 m, one of 20 at 20 m.
NEAR_CAR, MEDIUM_CAR, FAR_CAR = (
    (40.0, 40.0, 260.0, 190.0), (40.0, 40.0, 150.0, 100.0), (40.0, 40.0, 80.0, 60.0),
)  # fmt: skip
# A person of 40 px is at 10.8 m, which is far and safe.
FAR_PERSON = (200.0, 100.0, 215.0, 140.0)
ALL = set(WORDS.trained_ids)

TRUTHS: dict[str, tuple[Frame, Urgency]] = {
    "a car nearby": (toy_frame((CAR, NEAR_CAR)), Urgency.DANGER),
    "a car not so near": (toy_frame((CAR, MEDIUM_CAR)), Urgency.WARNING),
    "a car far away": (toy_frame((CAR, FAR_CAR)), Urgency.CAUTION),
    "a person far away": (toy_frame((PERSON, FAR_PERSON)), Urgency.SAFE),
    "nothing": (toy_frame(), Urgency.SAFE),
    "the worst of two": (toy_frame((PERSON, FAR_PERSON), (CAR, NEAR_CAR)), Urgency.DANGER),
    "a difficult one": (toy_frame((CAR, NEAR_CAR), crowds=[0]), Urgency.SAFE),
}


@pytest.mark.parametrize(("frame", "urgency"), TRUTHS.values(), ids=TRUTHS.keys())
def test_true_boxes_make_an_urgency(frame: Frame, urgency: Urgency) -> None:
    assert truth_of(frame, WORDS).urgency == urgency


def test_a_difficult_car_is_no_danger_but_no_calm_either() -> None:
    truth = truth_of(toy_frame((CAR, NEAR_CAR), crowds=[0]), WORDS)
    assert truth.worst_case == Urgency.DANGER
    assert truth.is_street_marked
    assert not truth_of(toy_frame(annotated=[DOOR]), WORDS).is_street_marked


def measured(frames: list[Frame], seen: list[Tier1], names: set[str] = ALL) -> dict[str, Any]:
    return measure_safety(frames, seen, WORDS, [names] * len(frames))


def test_a_danger_is_shown_if_head_or_rule_sees_it() -> None:
    frames = [
        toy_frame((CAR, NEAR_CAR), number=number, path=Path(f"{number}.jpg")) for number in range(5)
    ]
    seen = [
        all_found(frames[0]),
        tier1(frames[1], urgency=Urgency.DANGER),
        tier1(frames[2], urgency=Urgency.WARNING),
        tier1(frames[3], urgency=Urgency.CAUTION),
        tier1(frames[4], thing(frames[4], CAR, FAR_CAR)),
    ]
    found = measured([*frames, toy_frame()], [*seen, tier1(toy_frame())])["false_reassurance"]
    assert found["danger_frames"] == 5
    assert found["shown_as_safe_or_caution"] == 2
    assert found["photos"] == ["3.jpg", "4.jpg"]
    assert found["share"][0] == pytest.approx(0.4)
    assert found["share_by_head_alone"][0] == pytest.approx(0.6)
    assert found["share_by_rule_alone"][0] == pytest.approx(0.8)
    assert found["spoken_of"] == 2
    assert found["share_spoken_of"][0] == pytest.approx(0.4)


def test_what_is_hardly_visible_makes_no_danger_photo() -> None:
    strip = (0.0, 40.0, 31.0, 200.0)
    frame = toy_frame((CAR, strip))
    assert truth_of(frame, WORDS).urgency == Urgency.DANGER
    assert measured([frame], [tier1(frame)])["false_reassurance"]["danger_frames"] == 0


def test_silence_is_right_where_nothing_matters() -> None:
    empty = toy_frame()
    quiet = tier1(empty, thing(empty, PERSON, FAR_PERSON))
    speaks = tier1(empty, thing(empty, CAR, NEAR_CAR))
    found = measured([empty, empty], [quiet, speaks])["silence"]
    assert (found["frames"], found["silent"]) == (2, 1)
    busy = toy_frame((CAR, MEDIUM_CAR))
    assert measured([busy], [all_found(busy)])["silence"]["frames"] == 0
    unmarked = toy_frame(annotated=[DOOR])
    assert measured([unmarked], [tier1(unmarked)])["silence"]["share"] is None


def test_what_a_photo_does_not_mark_counts_neither_way() -> None:
    frame = toy_frame(annotated=[index for index in range(COUNT) if index != DOOR])
    door = thing(frame, DOOR, (100.0, 20.0, 180.0, 230.0))
    assert spoken_of(tier1(frame, door), frame)
    found = measured([frame], [tier1(frame, door)])
    assert found["silence"]["silent"] == 1
    assert found["alerts"]["of_what_matters"]["named"] == 0


def test_what_has_another_name_is_false_also_where_its_class_is_not_marked() -> None:
    frame = toy_frame((DOG, NEAR_CAR), annotated=[index for index in range(COUNT) if index != CAR])
    alerts = measured([frame], [tier1(frame, thing(frame, CAR, NEAR_CAR))])["alerts"]
    assert alerts["by_class_and_zone"]["car"]["near"]["false"] == 1
    matters = alerts["of_what_matters"]
    assert (matters["named"], matters["false"]) == (1, 1)


def test_misses_and_false_alerts_are_counted_by_class_and_zone() -> None:
    frame = toy_frame((CAR, NEAR_CAR), (PERSON, FAR_PERSON), (DOG, (5.0, 5.0, 30.0, 30.0)))
    seen = tier1(frame, thing(frame, CAR, NEAR_CAR), thing(frame, PERSON, (0.0, 60.0, 70.0, 230.0)))
    alerts = measured([frame], [seen], ALL - {"dog"})["alerts"]
    table = alerts["by_class_and_zone"]
    assert table["car"]["near"] == {"true": 1, "missed": 0, "named": 1, "false": 0}
    assert table["person"]["far"] == {"true": 1, "missed": 1, "named": 0, "false": 0}
    assert table["person"]["near"] == {"true": 0, "missed": 0, "named": 1, "false": 1}
    assert "dog" not in table
    assert alerts["by_zone"]["far"]["missed"][0] == 1
    # The person far away does not matter; the one that is not there would be spoken of.
    matters = alerts["of_what_matters"]
    assert (matters["true"], matters["missed"]) == (1, 0)
    assert (matters["named"], matters["false"]) == (2, 1)


def test_uncertainty_is_judged_by_whether_something_is_missed() -> None:
    frame = toy_frame((CAR, NEAR_CAR))
    found = [all_found(frame, uncertainty=0.1 + 0.01 * number) for number in range(10)]
    missed = [tier1(frame, uncertainty=0.8 + 0.01 * number) for number in range(10)]
    good = measured([frame] * 20, found + missed)["uncertainty"]
    assert good["auroc"] == 1
    assert good["photos"] == 20
    assert good["something_missed"][0] == pytest.approx(0.5)
    assert [one["photos"] for one in good["bins"]] == [4] * 5
    assert good["bins"][0]["something_missed"][0] == 0
    assert good["bins"][-1]["something_missed"][0] == 1
    alone = measured([frame], [all_found(frame)])["uncertainty"]
    assert alone["auroc"] is None
    assert alone["calibration_error"] == pytest.approx(0.5)
    assert measured([toy_frame()], [tier1(toy_frame())])["uncertainty"]["photos"] == 0


def test_head_and_shown_urgency_are_compared_with_the_rule() -> None:
    near, empty = toy_frame((CAR, NEAR_CAR)), toy_frame()
    seen = [tier1(near, urgency=Urgency.WARNING), tier1(empty, urgency=Urgency.SAFE)]
    found = measured([near, empty], seen)["urgency_head"]
    assert found["head"]["accuracy"][0] == pytest.approx(0.5)
    assert found["head"]["rows_true_columns_said"][Urgency.DANGER][Urgency.WARNING] == 1
    better = measured([near], [all_found(near)])["urgency_head"]
    assert better["head"]["accuracy"][0] == 0
    assert better["shown"]["accuracy"][0] == 1


def test_zones_of_found_things_and_of_the_networks_own_head() -> None:
    frame = toy_frame((CAR, NEAR_CAR))
    smaller = (60.0, 60.0, 245.0, 180.0)
    seen = tier1(frame, thing(frame, CAR, smaller))
    assert seen.objects[0].zone == Zone.MEDIUM
    table = measured([frame], [seen])["zones_of_found_things"]["rows_true_columns_said"]
    assert table[Zone.NEAR][Zone.MEDIUM] == 1
    found = Detections(
        np.array([NEAR_CAR, NEAR_CAR], np.float32), np.array([0.9, 0.8], np.float32),
        np.array([CAR, PERSON]), np.array([Zone.NEAR, Zone.FAR]),
    )  # fmt: skip
    assert zone_head([frame], [found], WORDS)["accuracy"][0] == 1
