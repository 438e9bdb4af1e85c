"""A question is dangerous by its intent, by its words or by the questions that are like it."""

from __future__ import annotations

import pytest

from engines.rag.danger import is_dangerous
from engines.rag.intent import INTENTS, IntentGuess


def guess(hazard: float) -> IntentGuess:
    rest = (1 - hazard) / (len(INTENTS) - 1)
    probabilities = {name: hazard if name == "hazard" else rest for name in INTENTS}
    return IntentGuess(max(INTENTS, key=lambda name: probabilities[name]), 1.0, probabilities)


@pytest.mark.parametrize(
    ("text", "hazard", "nearness", "expected"),
    [
        pytest.param("where does a jar go", 0.05, {"guide/glass_jar": 0.8}, False, id="a jar"),
        pytest.param("old cells", 0.5, {}, True, id="the intent"),
        pytest.param("is it poisonous", 0.05, {}, True, id="a word"),
        pytest.param("the back bulges", 0.05, {}, True, id="another form of a word"),
        pytest.param(
            "silver bulbs in the park",
            0.05,
            {"hazard/nitrous_oxide_and_pressure_cylinders": 0.6, "guide/garden_waste": 0.5},
            True,
            id="a known question",
        ),
        pytest.param(
            "silver bulbs in the park",
            0.05,
            {"hazard/nitrous_oxide_and_pressure_cylinders": 0.4, "guide/garden_waste": 0.5},
            False,
            id="a nearer known question",
        ),
    ],
)
def test_one_sign_of_danger_is_enough(
    text: str, hazard: float, nearness: dict[str, float], expected: bool
) -> None:
    assert is_dangerous(text, guess(hazard), nearness) is expected
