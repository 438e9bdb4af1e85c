"""What all conditions have in common: who they are, what they take, and how strong they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.conditions import (
    CONDITIONS,
    HOW_CHECKED,
    NOT_THE_EXPERIENCE,
    condition_of,
    enhance,
    simulate,
)
from engines.maxsight.enhancement import ENHANCEMENTS
from engines.maxsight.frames import MAX_SIDE, Pixels
from engines.maxsight.simulation import SIMULATIONS
from engines.runtime.errors import InputError
from tests.engines.maxsight.eye_pictures import HEIGHT, WIDTH, scene

IDS = [one.id for one in CONDITIONS]
VERBS: dict[str, Callable[..., Pixels]] = {"simulate": simulate, "enhance": enhance}
REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (None, "not a picture"),
    "one pixel": (np.zeros((1, 1, 3), np.uint8), "only 1 × 1"),
    "empty": (np.zeros((0, 64, 3), np.uint8), "empty"),
    "channels first": (np.zeros((3, 48, 64), np.uint8), "shape 3 × 48 × 64"),
    "not a number": (np.full((48, 64, 3), np.nan, np.float32), "not numbers"),
}

both_verbs = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
every_condition = pytest.mark.parametrize("condition_id", IDS)


def test_there_are_thirteen_conditions_one_of_them_in_three_kinds() -> None:
    assert len(set(IDS)) == len(IDS) == 13 + 2
    assert set(IDS) == set(SIMULATIONS) == set(ENHANCEMENTS)


@pytest.mark.parametrize("condition", CONDITIONS, ids=IDS)
def test_a_condition_says_what_it_is_and_where_its_numbers_come_from(condition: Any) -> None:
    for text in (condition.what, condition.source, condition.help, condition.help_source):
        assert text.endswith(".") and "  " not in text and "!" not in text
    assert condition.assumes == "" or condition.assumes.endswith(".")
    assert condition.name and condition_of(condition.id) is condition


def test_a_source_that_is_named_from_memory_says_so_and_the_phrase_is_explained() -> None:
    assert "“not checked”" in HOW_CHECKED
    unread = {"hyperopia": "CPG16", "presbyopia": "Duane", "amblyopia": "Hess and Howell"}
    unread["cortical_visual_impairment"] = "Dutton"
    for one in CONDITIONS:
        assert ("not checked" in one.source) == (one.id in unread)
        assert unread.get(one.id, "") in one.source.partition("not checked")[0]


@pytest.mark.parametrize("condition_id", ["myopia", "hyperopia", "presbyopia", "astigmatism"])
def test_what_needs_a_distance_says_which_is_assumed(condition_id: str) -> None:
    assumes = condition_of(condition_id).assumes
    assert "taken to be" in assumes
    assert "40 cm" in assumes or "far away" in assumes or "one distance" in assumes


def test_it_is_said_that_a_simulation_is_not_the_experience() -> None:
    assert "not the experience" in NOT_THE_EXPERIENCE


@both_verbs
@every_condition
def test_no_severity_gives_the_picture_back_bit_for_bit(
    verb: Callable[..., Pixels], condition_id: str
) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for nothing in (0, 0.0, -0.0, np.float32(0)):
        np.testing.assert_array_equal(verb(picture, condition_id, nothing), picture)


@both_verbs
@every_condition
def test_full_severity_changes_the_picture_always_alike_and_not_what_was_handed_in(
    verb: Callable[..., Pixels], condition_id: str
) -> None:
    picture = scene()
    picture.flags.writeable = False
    once = verb(picture, condition_id, 1.0)
    assert once.shape == picture.shape and once.dtype == np.uint8
    assert np.abs(once.astype(int) - picture).mean() > 1
    np.testing.assert_array_equal(verb(picture, condition_id, 1.0), once)
    np.testing.assert_array_equal(picture, scene())


@both_verbs
@given(
    condition_id=st.sampled_from(IDS),
    height=st.integers(32, 200),
    width=st.integers(32, 200),
    severity=st.floats(0, 1),
    is_noise=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_picture_and_severity_give_a_picture_of_the_same_size(
    verb: Callable[..., Pixels],
    condition_id: str,
    height: int,
    width: int,
    severity: float,
    is_noise: bool,
) -> None:
    rng = np.random.default_rng(height)
    picture = rng.integers(0, 256 if is_noise else 1, (height, width, 3), dtype=np.uint8)
    seen = verb(picture, condition_id, severity)
    assert seen.shape == (height, width, 3) and seen.dtype == np.uint8
    if not is_noise and verb is simulate:
        assert not seen.any()  # no eye adds light to a black picture


@both_verbs
def test_the_smallest_severity_hardly_changes_anything(verb: Callable[..., Pixels]) -> None:
    for condition_id in IDS:
        changed = np.abs(verb(scene(), condition_id, 1e-6).astype(int) - scene())
        # Interpolation and the two ways of colour round.
        assert np.percentile(changed, 99) <= 3, condition_id


@both_verbs
@pytest.mark.parametrize(
    "severity",
    [-0.01, 1.01, math.nan, math.inf, -math.inf, None, "0.5", True, 1j],
    ids=str,
)
def test_a_severity_that_is_none_is_refused(verb: Callable[..., Pixels], severity: Any) -> None:
    with pytest.raises(InputError, match=r"The severity is .* Give a number from 0"):
        verb(scene(), "myopia", severity)


@both_verbs
@pytest.mark.parametrize("condition_id", ["", "Myopia", "covid", None, 3, ["myopia"]], ids=str)
def test_an_unknown_condition_is_refused_with_those_that_there_are(
    verb: Callable[..., Pixels], condition_id: Any
) -> None:
    with pytest.raises(InputError, match=r"no condition called .* Choose one of myopia"):
        verb(scene(), condition_id, 0.5)


@both_verbs
@pytest.mark.parametrize(("frame", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_picture_is_refused(
    verb: Callable[..., Pixels], frame: Any, sentence: str
) -> None:
    for severity in (0.0, 1.0):
        with pytest.raises(InputError, match=sentence):
            verb(frame, "cataract", severity)


def test_grey_transparent_and_huge_pictures_are_brought_to_one_form() -> None:
    grey = scene()[:, :, 0]
    assert simulate(grey, "cataract", 0.5).shape == (HEIGHT, WIDTH, 3)
    see_through = np.dstack([scene(), np.full((HEIGHT, WIDTH), 128, np.uint8)])
    assert simulate(see_through, "glaucoma", 0.5).shape == (HEIGHT, WIDTH, 3)
    huge = np.zeros((4320, 7680, 3), np.uint8)
    assert max(simulate(huge, "protan", 0.5).shape) == MAX_SIDE
