"""The report from photos to card, with a random network, a tiny pack and a rule that trusts all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.maxsight.fit import report
from engines.maxsight.fit.card import known_failures, make_card, read_log
from engines.maxsight.fit.measure import Measured, Videos, measure
from engines.maxsight.fit.pack import load_frames
from engines.maxsight.fit.thresholds import TrustRule
from engines.maxsight.stage_a_runner import StageARunner
from engines.runtime.device import Placement
from engines.runtime.fit import CARD_FIELDS, write_card
from engines.runtime.settings import Settings
from tests.engines.maxsight.fit.toy import CAR, WORDS, random_frame, toy_frame, write_pack
from tests.engines.maxsight.random_checkpoint import write_checkpoint

SIDE = 128
LAX = TrustRule(
    min_boxes=1, min_precision=0.0, dangerous_precision=0.0, min_recall=0.0, least_score=0.02
)
NOTES = json.loads(report.NOTES.read_text("utf-8"))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write val with ten photos, one of them with a car nearby."""
    folder: Path = tmp_path_factory.mktemp("pack")
    parked = toy_frame((CAR, (40.0, 40.0, 260.0, 190.0)), number=10)
    write_pack(folder, "val", [*(random_frame(number) for number in range(9)), parked])
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a random network with its graph, and no card."""
    folder = write_checkpoint(tmp_path_factory.mktemp("checkpoints"), side=SIDE)
    (folder / "card.json").unlink()
    return folder


@pytest.fixture(scope="module")
def measured(pack: Path, checkpoint: Path) -> Measured:
    return measure(
        checkpoint,
        load_frames(pack, "val", WORDS),
        words=WORDS,
        settings=Settings(cpu_threads=1),
        sides=[SIDE],
        powers=[0.0, 1.0],
        rule=LAX,
        videos=Videos(calm=1, parked=1, seconds=1.0, fps=4.0),
    )


def test_all_numbers_are_there_and_are_json(measured: Measured) -> None:
    metrics = json.loads(json.dumps(measured.metrics))
    assert metrics["photos"] == 10
    assert metrics["network"] == "exported graph"
    assert metrics["trust_rule"] == LAX.words
    assert len(metrics["choices_of_the_parts"]) == 5
    assert set(metrics["precision"]["by_class"]) == {"person", "car", "dog"}
    assert len(metrics["operating_points"]) == len(WORDS.trained)
    assert metrics["safety"]["false_reassurance"]["danger_frames"] >= 1
    assert metrics["parked_car_within_3_m"]["videos"] == 1
    assert {row["power"] for row in metrics["score_by_side_and_power"]} == {0.0, 1.0}
    assert (np.array(metrics["zone_head"]["rows_true_columns_said"]) >= 0).all()


def test_the_card_is_complete_and_the_app_takes_it(
    measured: Measured, checkpoint: Path, tmp_path: Path, placement: Placement
) -> None:
    folder = tmp_path / "maxsight-a"
    folder.mkdir()
    for name in ("model.safetensors", "model.onnx"):
        (folder / name).symlink_to(checkpoint / name)
    exported = {"graph_mb": 27.5, "map50_float": 0.5, "map50_int8": 0.48, "map50_loss": 0.02}
    card = make_card(
        NOTES, measured.metrics, measured.inference, checkpoint=folder, exported=exported
    )
    assert all(card[name] for name in CARD_FIELDS)
    assert set(card["size_mb"]) == {"model.safetensors", "model.onnx"}
    assert card["metrics"]["int8_and_float"]["map50_int8"] == 0.48
    assert any("int8 graph loses 0.020" in limit for limit in card["limits"])
    write_card(folder, card)
    runner = StageARunner(Settings(checkpoints_dir=tmp_path, cpu_threads=1), placement)
    runner.load()
    named = len(measured.inference["thresholds"])
    assert f"{named} of {len(WORDS.trained)} classes" in runner.health().detail


def test_the_graph_is_measured_at_each_side(pack: Path, checkpoint: Path) -> None:
    found = measure(
        checkpoint,
        load_frames(pack, "val", WORDS)[:6],
        words=WORDS,
        settings=Settings(cpu_threads=1),
        sides=[SIDE, 256],
        powers=[0.0],
        rule=LAX,
        videos=Videos(calm=0, parked=0),
    )
    rows = found.metrics["score_by_side_and_power"]
    assert [row["side"] for row in rows] == [SIDE, 256]
    assert rows[0]["score"] != rows[1]["score"]
    assert found.inference["input_side"] in (SIDE, 256)


def test_a_network_that_may_name_nothing_is_not_shipped(
    pack: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="No class is good enough to be named"):
        report.main(
            ["--data", str(pack), "--checkpoint", str(checkpoint), "--out", str(tmp_path),
             "--sides", str(SIDE), "--powers", "0", "--photos", "5"]
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_the_notes_hold_every_fixed_text() -> None:
    assert set(CARD_FIELDS) - set(NOTES) == {"created", "metrics"}


def test_a_log_tells_the_best_epoch(tmp_path: Path) -> None:
    rows = [
        {"epoch": epoch, "map50": value, "map50_many": value + 0.1, "score": value + 0.05}
        for epoch, value in enumerate((0.1, 0.3, 0.2))
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    told = read_log(tmp_path / "log.jsonl")
    assert (told["epochs"], told["best_epoch"], told["best_map50"]) == (3, 2, 0.3)


def test_a_card_tells_the_runs_of_the_checkpoint_it_started_from(
    measured: Measured, tmp_path: Path
) -> None:
    run = tmp_path / "again"
    run.mkdir()
    row = {"epoch": 0, "map50": 0.5, "map50_many": 0.4, "score": 0.45}
    (run / "log.jsonl").write_text(json.dumps(row) + "\n")
    card = make_card(
        NOTES, measured.metrics, measured.inference, checkpoint=tmp_path, runs=[run],
        earlier={"metrics": {"training": {"main": {"epochs": 9}}}},
    )  # fmt: skip
    assert list(card["metrics"]["training"]) == ["main", "again"]
    assert card["metrics"]["training"]["main"] == {"epochs": 9}
    assert card["metrics"]["training"]["again"]["best_map50"] == 0.5
    write_card(tmp_path, card)
    usual = ["--data", str(tmp_path), "--checkpoint", str(tmp_path), "--runs", str(run)]
    with pytest.raises(SystemExit, match="a run again: rename the folder"):
        report.main([*usual, "--earlier", str(tmp_path / "card.json")])


# What a card says when a number is bad: path into the metrics, its value, words.
FAILURES: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "map50": (
        ("precision", "map50_classes_with_50_boxes", "ap50"), [0.4, 0.3, 0.5],
        "goal of 0.50 mAP50 over the classes with 50 or more boxes is not reached: 0.40",
    ),
    "person": (
        ("precision", "by_class", "person", "ap50"), [0.5, 0.4, 0.6],
        "goal of 0.68 AP50 for person is not reached: 0.50",
    ),
    "recall": (
        ("operating_points", "car", "recall"), [0.3, 0.2, 0.4], "found are: car (30% of 150)",
    ),
    "shaky": (
        ("operating_points", "car", "trusted_in_parts"), 3, "depends on which photos",
    ),
    "reassurance": (
        ("safety", "false_reassurance", "share"), [0.05, 0.01, 0.1],
        "The goal of less than 1 % is not reached",
    ),
    "too few dangers": (
        ("safety", "false_reassurance", "share"), [0.0, 0.0, 0.05],
        "too few such photos to show",
    ),
    "silence": (
        ("safety", "silence", "share"), [0.9, 0.8, 0.95], "It speaks in 10% of the 60 photos",
    ),
    "near": (
        ("safety", "alerts", "by_class_and_zone", "car", "near", "missed"), 9,
        "car nearby: 9 of 10 are missed",
    ),
    "zone": (
        ("safety", "alerts", "by_zone", "far", "missed"), [0.6, 0.5, 0.7],
        "Of the things in the far zone 60% are missed",
    ),
    "uncertainty": (("safety", "uncertainty", "auroc"), 0.6, "AUROC 0.60"),
    "calm": (("calm_videos", "videos_above_2_a_minute"), 4, "In 4 of 20 calm videos"),
    "false danger": (
        ("calm_videos", "false_dangers_a_minute"), 0.3, "danger where there is none 0.3 times",
    ),
}  # fmt: skip


def good_metrics() -> dict[str, Any]:
    """Return metrics that leave nothing to complain of."""
    sure = [0.9, 0.8, 0.95]
    return {
        "precision": {
            "map50_classes_with_50_boxes": {"classes": 2, "ap50": sure},
            "by_class": {name: {"boxes": 150, "ap50": sure} for name in ("person", "car", "door")},
        },
        "operating_points": {
            "car": {"trusted_in_parts": 5, "boxes": 150, "precision": sure, "recall": sure}
        },
        "safety": {
            "false_reassurance": {
                "danger_frames": 700, "shown_as_safe_or_caution": 0, "share": [0.0, 0.0, 0.005],
            },
            "silence": {"frames": 60, "share": [0.97, 0.9, 0.99]},
            "alerts": {
                "by_class_and_zone": {"car": {"near": {"true": 10, "missed": 1}}},
                "by_zone": {"far": {"missed": [0.1, 0.0, 0.2]}},
            },
            "uncertainty": {"auroc": 0.85},
        },
        "calm_videos": {
            "videos": 20, "videos_above_2_a_minute": 0, "alerts_a_minute": 1.0,
            "false_dangers_a_minute": 0.0,
        },
        "parked_car_within_3_m": {"videos": 0, "dangers_said_a_minute": None},
    }  # fmt: skip


CAR_ONLY = {"classes": ["car"], "thresholds": {"car": 0.4}}


def test_good_numbers_are_no_failure() -> None:
    (said,) = known_failures(good_metrics(), CAR_ONLY)
    assert said.startswith("Danger shown as safe or caution: 0 of 700")
    assert "goal" not in said and "too few" not in said


@pytest.mark.parametrize(("path", "value", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_bad_numbers_are_said_in_words(path: tuple[str, ...], value: Any, words: str) -> None:
    metrics = good_metrics()
    place = metrics
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert any(words in said for said in known_failures(metrics, CAR_ONLY))


def test_what_is_never_named_is_listed() -> None:
    said = known_failures(good_metrics(), {**CAR_ONLY, "classes": ["car", "truck", "bench"]})
    assert any("Never named" in one and "truck, bench" in one for one in said)
