"""The words of the engine and what goes together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.waste.taxonomy import (
    BIN_NAMES,
    BINS,
    ITEM_BY_ID,
    ITEMS,
    MATERIAL_NAMES,
    MATERIALS,
    TRIPLES,
    item,
)


def test_there_are_20_items_15_materials_and_4_bins() -> None:
    assert (len(set(ITEMS)), len(set(MATERIALS)), len(set(BINS))) == (20, 15, 4)


def test_every_material_and_bin_has_a_name_for_people() -> None:
    assert set(MATERIAL_NAMES) == set(MATERIALS)
    assert set(BIN_NAMES) == set(BINS)


def test_every_material_and_every_bin_is_used_by_some_item() -> None:
    assert {material for _, material, _ in TRIPLES} == set(MATERIALS)
    assert {bin_ for _, _, bin_ in TRIPLES} == set(BINS)


@given(st.sampled_from(TRIPLES))
def test_every_triple_is_one_that_its_item_allows(triple: tuple[str, str, str]) -> None:
    name, material, bin_ = triple
    assert material in ITEM_BY_ID[name].materials
    assert bin_ == ITEM_BY_ID[name].bin


def test_an_unknown_item_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="plastic_bottle"):
        item("spaceship")
