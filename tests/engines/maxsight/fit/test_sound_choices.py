"""What is chosen for the sounds: temperature, thresholds and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from engines.maxsight.fit.sound_choices import (
    MIN_TOLD,
    USUAL_THRESHOLD,
    choose_thresholds,
    even_weights,
    fit_temperature,
    log_likelihood,
)
from tests.engines.maxsight.fit.sound_said import BACKGROUND, DOG, SIREN, said


def test_a_threshold_is_the_least_at_which_four_of_five_names_are_right() -> None:
    rows = [(SIREN, 0.9)] * 20 + [(SIREN, 0.42)] * 10 + [(BACKGROUND, 0.9)] * 10
    wanted = np.array([SIREN] * 20 + [BACKGROUND] * 20)
    chosen = choose_thresholds(said(*rows), wanted)
    assert chosen["siren"] == pytest.approx(0.45)
    rows = [(SIREN, 0.9)] * 20 + [(BACKGROUND, 0.9)] * 20
    assert choose_thresholds(said(*rows), wanted)["siren"] == pytest.approx(0.3)


def test_a_sound_that_is_mostly_named_wrong_is_not_named() -> None:
    rows = [(SIREN, 0.9)] * 40
    wanted = np.array([SIREN] * 20 + [DOG] * 20)
    assert "siren" not in choose_thresholds(said(*rows), wanted)


def test_few_clips_leave_the_usual_threshold() -> None:
    wanted = np.array([SIREN] * (MIN_TOLD - 1) + [BACKGROUND] * 20)
    rows = [(SIREN, 0.9)] * (MIN_TOLD - 1) + [(BACKGROUND, 0.9)] * 20
    chosen = choose_thresholds(said(*rows), wanted)
    assert chosen["siren"] == chosen["cat"] == USUAL_THRESHOLD
    assert "background" not in chosen


def test_the_temperature_finds_what_was_made_too_sure() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(4_000, 3)) * 2
    wanted = np.array([rng.choice(3, p=row) for row in softmax(true, axis=1)])
    found = fit_temperature((true * 2.5).astype(np.float32), wanted)
    assert found == pytest.approx(2.5, rel=0.15)


def test_even_weights_give_each_class_the_same() -> None:
    weights = even_weights(np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_the_log_likelihood_weighs_classes_alike_and_cools_or_heats_the_logits() -> None:
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0]], np.float32)
    wanted = np.array([0, 0, 1])
    likely = log_softmax(logits / 2.0, axis=1)
    by_hand = (likely[0, 0] + likely[2, 1]) / 2
    assert log_likelihood(logits, wanted, 2.0) == pytest.approx(by_hand)
