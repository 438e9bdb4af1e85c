"""The checkpoint that ships: its size, and what its card promises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engines.maxsight.classes import vocabulary
from engines.maxsight.stage_a_runner import CHECKPOINT, GRAPH_FILE
from engines.runtime.fit import CARD_FIELDS
from engines.runtime.settings import REPO_ROOT
from engines.runtime.weights import CARD_FILE, WEIGHTS_FILE

FOLDER = REPO_ROOT / "checkpoints" / CHECKPOINT


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / CARD_FILE).read_text("utf-8"))
    return loaded


def test_the_graph_is_small_and_belongs_to_the_card(card: dict[str, Any]) -> None:
    size_mb = (FOLDER / GRAPH_FILE).stat().st_size / 1e6
    assert size_mb <= 35
    assert card["size_mb"][GRAPH_FILE] == pytest.approx(size_mb, abs=0.01)
    assert card["metrics"]["int8_and_float"]["graph_mb"] == pytest.approx(size_mb, abs=1e-3)
    weights_mb = (FOLDER / WEIGHTS_FILE).stat().st_size / 1e6
    assert card["size_mb"][WEIGHTS_FILE] == pytest.approx(weights_mb, abs=0.01)


def test_int8_loses_no_more_than_a_hundredth(card: dict[str, Any]) -> None:
    told = card["metrics"]["int8_and_float"]
    assert told["map50_loss"] <= 0.01
    assert told["photos"] == card["metrics"]["photos"]


def test_the_card_is_whole_and_trusts_only_what_its_rule_allows(card: dict[str, Any]) -> None:
    assert all(card[name] for name in CARD_FIELDS)
    thresholds = card["inference"]["thresholds"]
    assert set(thresholds) <= set(vocabulary().trained_ids)
    points = card["metrics"]["operating_points"]
    told = {name for name, point in points.items() if point["ships_with_threshold"] is not None}
    assert told == set(thresholds)
