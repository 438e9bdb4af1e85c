"""From the outputs of the network of sounds to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from engines.maxsight.sound_classes import kept_sounds, learnt_ids, output_ids
from engines.maxsight.sound_outputs import (
    audioset_outputs,
    kept_logits,
    output_count,
    probabilities_of,
)

IDS, LEARNT = output_ids(), len(learnt_ids())
DOORBELL = IDS.index("doorbell")


def outputs(*, learnt: float = 0.0, kept: float = -30.0) -> np.ndarray:
    """One window's outputs: every learnt and every kept one alike."""
    return np.array([[learnt] * LEARNT + [kept] * len(audioset_outputs())], np.float32)


def test_where_no_kept_sound_is_heard_the_learnt_ones_share_all() -> None:
    logits = outputs()
    logits[0, :LEARNT] = np.linspace(-2, 2, LEARNT)
    found = probabilities_of(logits, 2.0)[0]
    wanted = softmax(logits[0, :LEARNT] / 2.0)
    np.testing.assert_allclose(np.delete(found, range(LEARNT - 1, len(IDS) - 1)), wanted, atol=1e-9)
    assert found[DOORBELL] < 1e-9


def test_one_of_a_sounds_outputs_is_enough_and_has_its_odds_against_the_background() -> None:
    logits = outputs()
    logits[0, LEARNT + audioset_outputs().index(356)] = np.log(3.0)
    found = probabilities_of(logits, 1.0)[0]
    assert found[DOORBELL] == pytest.approx(3.0 * found[-1])
    assert found[0] == pytest.approx(found[-1])


def test_a_sound_that_was_learnt_and_is_surely_heard_stays() -> None:
    logits = outputs(kept=np.log(3.0))
    logits[0, IDS.index("siren")] = 8.0
    found = probabilities_of(logits, 1.0)[0]
    assert found[IDS.index("siren")] > 0.95 and found[DOORBELL] < 0.01


@given(
    st.lists(st.floats(-80, 80), min_size=output_count(), max_size=output_count()),
    st.floats(0.1, 10.0),
)
def test_they_always_sum_to_one(logits: list[float], temperature: float) -> None:
    found = probabilities_of(np.array([logits], np.float32), temperature)
    assert found.shape == (1, len(IDS)) and (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)


def test_kept_logits_are_each_sounds_highest() -> None:
    numbers = np.arange(len(audioset_outputs()), dtype=np.float32)[None]
    widths = [len(one.audioset) for one in kept_sounds()]
    assert kept_logits(numbers)[0].tolist() == [end - 1 for end in np.cumsum(widths)]
