"""The joint decision: consistent, calibrated as asked, stable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.runtime.errors import WeightsCorruptError
from engines.waste.decision import Calibration, decide, log_softmax, waste_log_odds
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS, TRIPLES

PLAIN = Calibration(1.0, 0.5, 0.25, 0.6, 0.0)
finite = st.floats(-60, 60, width=32)


def logits(width: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, (3, width), elements=finite)


@settings(max_examples=60, deadline=None)
@given(logits(len(ITEMS)), logits(len(MATERIALS)), logits(len(BINS)), st.floats(0.1, 5))
def test_the_answer_is_always_a_triple_of_the_taxonomy_and_rows_sum_to_one(
    item: np.ndarray, material: np.ndarray, bin_: np.ndarray, temperature: float
) -> None:
    found = decide(item, material, bin_, Calibration(temperature, 0.5, 0.25, 0.6, 0.0))
    for table in (found.items, found.materials, found.bins):
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-9)
    for row, index in enumerate(found.triple):
        assert TRIPLES[index][0] == ITEMS[found.items[row].argmax()]


def test_without_the_other_heads_an_item_has_its_own_softmax_however_many_materials_it_has() -> (
    None
):
    item = np.random.default_rng(2).normal(0, 2, (5, len(ITEMS)))
    material = np.random.default_rng(3).normal(0, 2, (5, len(MATERIALS)))
    found = decide(item, material, np.zeros((5, 4)), Calibration(1.0, 0.0, 0.0, 0.6, 0.0))
    np.testing.assert_allclose(found.items, np.exp(log_softmax(item)), atol=1e-12)


@pytest.mark.parametrize("wanted", ["PET", "HDPE"])
def test_within_an_item_the_material_head_decides(wanted: str) -> None:
    item, material = np.zeros((1, len(ITEMS))), np.zeros((1, len(MATERIALS)))
    item[0, ITEMS.index("plastic_bottle")] = 6.0
    material[0, MATERIALS.index(wanted)] = 2.0
    material[0, MATERIALS.index("wood")] = 3.0  # no bottle is made of it
    found = decide(item, material, np.zeros((1, 4)), Calibration(1.0, 0.0, 0.0, 0.6, 0.0))
    assert TRIPLES[found.triple[0]] == ("plastic_bottle", wanted, "recycle")


def test_the_material_head_settles_a_tie_between_items() -> None:
    item = np.zeros((1, len(ITEMS)))
    material = np.zeros((1, len(MATERIALS)))
    material[0, MATERIALS.index("wood")] = 8.0
    found = decide(item, material, np.zeros((1, len(BINS))), PLAIN)
    assert TRIPLES[found.triple[0]] == ("wood", "wood", "landfill")


def test_a_higher_temperature_makes_the_engine_less_sure() -> None:
    rng = np.random.default_rng(1)
    heads = [rng.normal(0, 3, (50, width)) for width in (len(ITEMS), len(MATERIALS), len(BINS))]
    cold = decide(*heads, Calibration(0.7, 0.5, 0.25, 0.6, 0.0)).items.max(axis=1)
    warm = decide(*heads, Calibration(2.0, 0.5, 0.25, 0.6, 0.0)).items.max(axis=1)
    assert (warm < cold).all()


def test_waste_odds_are_the_log_sum_exp_of_the_item_logits() -> None:
    item = np.log(np.full((1, len(ITEMS)), 0.1))
    assert waste_log_odds(item)[0] == pytest.approx(np.log(2.0))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"temperature": 0}, id="zero temperature"),
        pytest.param({"temperature": float("nan")}, id="not a number"),
        pytest.param({"sure_above": "high"}, id="a word"),
        pytest.param({"waste_above": None}, id="nothing"),
    ],
)
def test_a_card_with_a_senseless_calibration_is_refused(change: dict[str, object]) -> None:
    numbers = {
        "temperature": 1.0,
        "material_weight": 0.5,
        "bin_weight": 0.2,
        "sure_above": 0.6,
        "waste_above": 0.0,
    }
    assert Calibration.from_card(numbers).temperature == 1.0
    with pytest.raises(WeightsCorruptError, match="card"):
        Calibration.from_card(numbers | change)
