"""Words: names are compared by what they mean, quantities are read, typing errors mended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.runtime.text_encoder import DenseEncoder
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.naming import Names
from engines.upcycle.words import content, head, holds, holds_in_order, plain, quantity, stems


@pytest.fixture(scope="module")
def names(knowledge: Knowledge, encoder: DenseEncoder) -> Names:
    """Return the names of the facts."""
    return Names(knowledge, encoder.words, encoder.count_tokens)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Glass  JAR", "glass jars"),
        ("an old, broken umbrella", "umbrellas"),
        ("T-shirt", "t shirts"),
        ("café cups", "cafe cup"),
        ("knife", "three knives"),
        ("CD", "old CDs"),
        ("wooden box", "box of wood"),
        ("grandpa’s tie", "grandpa's ties"),
    ],
)
def test_the_same_thing_has_the_same_content(left: str, right: str) -> None:
    assert set(content(left)) == set(content(right))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("jumper with holes", "jumper"),
        ("umbrella, black", "umbrella"),
        ("a chair from the garden", "a chair"),
        ("with love", "with love"),
        ("box of corks", "box of corks"),
    ],
)
def test_an_afterthought_is_left_out(text: str, kept: str) -> None:
    assert head(text) == kept


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("glass jar", 1),
        ("two broken umbrellas", 2),
        ("3 wine bottles", 3),
        ("my 12 corks", 12),
        ("a dozen egg boxes", 12),
        ("a couple of pallets", 2),
        ("a pair of jeans", 1),
        ("two pairs of shoes", 2),
        ("glass jars x 6", 6),
        ("6x glass jars", 6),
        ("Levi's 501 jeans", 1),
        ("iPhone 6", 1),
        ("2 litre bottle", 1),
        ("three 2 litre bottles", 3),
        ("100% cotton shirt", 1),
        ("20 year old chair", 1),
        ("0 jars", 1),
        ("99999999 jars", 1),
        ("2x4 timber", 1),
    ],
)
def test_a_quantity_is_read_where_it_counts_things(text: str, count: int) -> None:
    assert quantity(text) == count


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("glas jar", "glass jar"),
        ("umbrela", "umbrella"),
        ("brokn umbrellla", "broken umbrella"),
        ("plastik bottel", "plastic bottle"),
        ("cardbord box", "cardboard box"),
        ("woden pallett", "wooden pallet"),
        ("glass jar", "glass jar"),
        ("pants", "pants"),
        ("bananas", "bananas"),
        ("trampoline", "trampoline"),
        ("asdf", "asdf"),
    ],
)
def test_only_misspelt_names_are_mended(names: Names, typed: str, meant: str) -> None:
    assert names.mend(typed) == meant


@pytest.mark.parametrize(
    ("text", "materials"),
    [
        ("lead crystal vase", ("lead_glass",)),
        ("treated wood", ("treated_wood",)),
        ("wood and steel", ("wood", "steel")),
        ("stainless steel bowl", ("stainless_steel",)),
        ("a thing", ()),
    ],
)
def test_materials_are_found_in_order_and_the_longest_phrase_counts(
    names: Names, text: str, materials: tuple[str, ...]
) -> None:
    assert names.materials_in(stems(text)) == materials


@pytest.mark.parametrize(
    ("text", "has", "lacks"),
    [
        ("tea cup", {"hot_drink", "drink"}, {"candle"}),
        ("tea light holder", {"candle"}, {"hot_drink"}),
        ("herb planter", {"edible_plants"}, {"food"}),
        ("toy car", {"toy"}, set()),
        ("drawer organiser", set(), {"food", "toy", "candle"}),
    ],
)
def test_uses_are_found_in_the_name_of_a_project(
    names: Names, text: str, has: set[str], lacks: set[str]
) -> None:
    found = set(names.uses_in(text))
    assert has <= found
    assert not lacks & found


def test_every_name_and_alias_finds_its_item(names: Names, knowledge: Knowledge) -> None:
    for item in knowledge.items.values():
        for name in (item.name, *item.aliases):
            found = names.find(names.mend(name))
            assert found is not None and found.item == item.id, name


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert plain(text) == plain(plain(text))
    assert 1 <= quantity(text) <= 10_000
    assert all(word == word.lower() for word in content(text))
    head(text)


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=3))
def test_a_phrase_word_after_word_is_also_there_in_order(
    words: list[str], phrase: list[str]
) -> None:
    if holds(tuple(words), tuple(phrase)):
        assert holds_in_order(tuple(words), tuple(phrase))
    assert not holds(tuple(words), ())
