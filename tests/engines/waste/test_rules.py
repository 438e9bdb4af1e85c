"""The rule files of places: every shipped one is complete, and a person can add one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engines.waste.rules import (
    REQUIRED_CONTAMINATION,
    Place,
    RuleBook,
    RuleFileError,
    load_place,
    load_places,
)
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS, MATERIALS

RULES = Path(__file__).parents[3] / "assets" / "rules"
FILES = sorted(RULES.glob("*.yaml"))
BOOK: RuleBook = load_places(RULES)
PLACES = list(BOOK.places.values())

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
every_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped rules that a test may change."""
    return Path(shutil.copytree(RULES, tmp_path / "rules"))


def edit(path: Path, change: Callable[[dict], object]) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def test_at_least_ten_places_are_shipped_and_none_has_a_problem() -> None:
    assert BOOK.problems == ()
    assert len(PLACES) == len(FILES) >= 10


def test_the_generic_place_comes_first_and_the_rest_follow_by_order_then_name() -> None:
    keys = [(place.order, place.name) for place in PLACES]
    assert keys == sorted(keys)
    assert PLACES[0].id == "generic"


@every_file
def test_a_shipped_file_keeps_to_the_schema(path: Path) -> None:
    assert load_place(path).id == path.stem


@every_place
@pytest.mark.parametrize("item", ITEMS)
def test_every_item_has_a_rule_with_a_step_to_do_first(place: Place, item: str) -> None:
    for material in (None, *ITEM_BY_ID[item].materials):
        rule = place.rule_for(item, material)
        target = place.bin(rule.bin_id)
        assert (rule.bin_name, rule.bin_color) == (target.name, target.color)
        assert 1 <= len(rule.prepare) <= 4


@every_place
def test_steps_are_short_and_start_like_an_instruction(place: Place) -> None:
    # An unquoted comma in a YAML list cuts a step in two; the second half starts in lower case.
    for item in ITEMS:
        for material in (None, *place.items[item].materials):
            for step in place.rule_for(item, material).prepare:
                assert step[0].isupper() and len(step) <= 70 and not step.endswith(".")


@every_place
def test_texts_are_whole_sentences_without_exclamation_marks(place: Place) -> None:
    notes = [rule.note for rule in place.items.values()]
    notes += [o.note for rule in place.items.values() for o in rule.materials.values()]
    sentences = [note for note in notes if note] + [case.do for case in place.contamination]
    for sentence in [*sentences, place.summary, place.last_word]:
        assert sentence.endswith(".") and "!" not in sentence


@every_place
def test_bins_differ_in_name_and_colour(place: Place) -> None:
    for field in ("id", "name", "color", "color_name"):
        values = [getattr(entry, field) for entry in place.bins]
        assert len(set(values)) == len(values), field


@every_place
def test_every_bin_is_used_by_an_item(place: Place) -> None:
    used = {rule.bin for rule in place.items.values()}
    used |= {o.bin for rule in place.items.values() for o in rule.materials.values()}
    used |= {case.bin for case in place.contamination}
    assert used == {entry.id for entry in place.bins}


@every_place
def test_an_override_is_for_a_material_the_item_can_have(place: Place) -> None:
    for item, rule in place.items.items():
        assert set(rule.materials) <= set(ITEM_BY_ID[item].materials), item


@every_place
def test_the_common_mistakes_are_covered(place: Place) -> None:
    assert set(REQUIRED_CONTAMINATION) <= {case.id for case in place.contamination}
    shown = {case.id for case in place.rule_for("cardboard_box").contamination}
    assert "greasy_pizza_box" in shown
    assert "receipt_paper" not in shown


@every_place
def test_batteries_and_electronics_never_go_in_a_household_bin(place: Place) -> None:
    for item in ("battery", "mobile_phone", "small_electronics", "appliance"):
        assert place.rule_for(item).bin_kind in {"hazardous", "return", "collection"}
    assert any("ape " in step for step in place.rule_for("battery").prepare)


@every_place
def test_the_authority_and_the_last_word_stand_with_every_rule(place: Place) -> None:
    rule = place.rule_for("paper")
    source = place.authority
    assert rule.authority == f"{source.name}, {source.document} ({source.year})"
    assert rule.last_word == place.last_word
    assert "last word" in rule.last_word


@pytest.mark.parametrize(
    ("place_id", "item", "material", "bin_id"),
    [
        ("germany", "plastic_bottle", "PET", "pfand"),
        ("germany", "plastic_bottle", "HDPE", "gelbe_tonne"),
        ("germany", "plastic_bottle", None, "pfand"),
        ("netherlands", "disposable_cup", "coated_paper", "restafval"),
        ("netherlands", "disposable_cup", "PP", "pmd"),
        ("us_california", "aluminum_can", "aluminum", "crv"),
        ("france", "plastic_bag", "LDPE", "bac_jaune"),
        ("japan_tokyo", "plastic_bottle", "HDPE", "plastic"),
        ("australia_nsw", "food_waste", "organic", "green_lid"),
        ("spain", "drink_carton", "coated_paper", "amarillo"),
        ("uk_england", "plastic_food_container", "PS", "general"),
    ],
)
def test_the_place_and_the_material_decide_the_bin(
    place_id: str, item: str, material: str | None, bin_id: str
) -> None:
    assert BOOK.places[place_id].rule_for(item, material).bin_id == bin_id


def test_an_override_into_another_bin_drops_the_note_of_the_first(folder: Path) -> None:
    path = folder / "generic.yaml"

    def change(data: dict) -> None:
        data["items"]["plastic_bottle"]["materials"] = {"HDPE": {"bin": "general"}}

    edit(path, change)
    place = load_place(path)
    assert place.rule_for("plastic_bottle", "PET").note
    assert place.rule_for("plastic_bottle", "HDPE").note is None
    expected = place.rule_for("plastic_bottle").prepare
    assert place.rule_for("plastic_bottle", "HDPE").prepare == expected


@given(
    place=st.sampled_from(PLACES),
    item=st.sampled_from(ITEMS),
    material=st.none() | st.sampled_from(MATERIALS),
)
def test_any_known_item_and_material_get_a_rule(
    place: Place, item: str, material: str | None
) -> None:
    rule = place.rule_for(item, material)
    assert rule.place_id == place.id
    assert rule.bin_id in {entry.id for entry in place.bins}


def test_an_unknown_item_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="No item 'sofa'"):
        BOOK.places["generic"].rule_for("sofa")


def test_an_unknown_material_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="No material 'gold'"):
        BOOK.places["generic"].rule_for("paper", "gold")


def test_adding_a_file_adds_the_place(folder: Path) -> None:
    added = folder / "atlantis.yaml"
    shutil.copy(folder / "generic.yaml", added)
    edit(added, lambda data: data.update(id="atlantis", name="Atlantis", order=5))
    book = load_places(folder)
    assert list(book.places)[:2] == ["generic", "atlantis"]
    assert book.places["atlantis"].rule_for("paper").place_name == "Atlantis"
    assert book.problems == ()


def test_a_broken_file_is_named_and_the_rest_load(folder: Path) -> None:
    (folder / "broken.yaml").write_text("id: [never closed", encoding="utf-8")
    (folder / "latin.yaml").write_bytes(b"id: caf\xe9")
    book = load_places(folder)
    assert list(book.places) == list(BOOK.places)
    assert [problem.split()[0] for problem in book.problems] == ["broken.yaml", "latin.yaml"]


@pytest.mark.parametrize(
    "content",
    [b"", b"just words", b"- a\n- list", b"? [a, b]\n: c", b"reviewed: 2026-13-45", b"[" * 5000],
    ids=["empty", "words", "list", "list as key", "impossible date", "nested too deep"],
)
def test_an_odd_file_is_a_problem_and_stops_no_other(folder: Path, content: bytes) -> None:
    (folder / "odd.yaml").write_bytes(content)
    book = load_places(folder)
    assert list(book.places) == list(BOOK.places)
    assert len(book.problems) == 1 and book.problems[0].startswith("odd.yaml")


def test_a_missing_folder_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    book = load_places(tmp_path / "nowhere")
    assert not book.places
    assert "nowhere" in book.problems[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(id="elsewhere"), "file name asks for 'generic'"),
        (lambda d: d.update(colour="red"), "colour: is not a known field"),
        (lambda d: d.pop("last_word"), "last_word: is missing"),
        (lambda d: d["bins"][0].update(color="blue"), r"bins\.0\.color"),
        (lambda d: d["bins"][0].update(icon="star"), r"bins\.0\.icon"),
        (lambda d: d["bins"].append(d["bins"][0]), "bins: 'recycling' is there twice"),
        (lambda d: d["items"].pop("wood"), "items: 'wood' is missing"),
        (lambda d: d["items"].update(sofa=d["items"]["wood"]), "'sofa' is not a known item"),
        (lambda d: d["items"]["wood"].update(bin="moon"), "items.wood.bin: no bin 'moon'"),
        (lambda d: d["items"]["wood"].update(prepare=[]), r"items\.wood\.prepare"),
        (lambda d: d["items"]["wood"].update(prepare=["Cut"] * 5), r"items\.wood\.prepare"),
        (
            lambda d: d["items"]["wood"].update(materials={"gold": {"bin": "general"}}),
            "items.wood.materials: 'gold' is not a known material",
        ),
        (lambda d: d["contamination"].pop(0), "'greasy_pizza_box' is missing"),
        (lambda d: d["contamination"][0].update(bin="moon"), "greasy_pizza_box.bin: no bin 'moon'"),
        (lambda d: d["contamination"][0].update(items=["sofa"]), "'sofa' is not a known item"),
        (lambda d: d.update(reviewed="last week"), "reviewed"),
    ],
    ids=[
        "id is not the file name",
        "unknown field",
        "missing field",
        "colour is no hex",
        "unknown icon",
        "bin twice",
        "item missing",
        "unknown item",
        "unknown bin",
        "no step",
        "five steps",
        "unknown material",
        "contamination case missing",
        "contamination with unknown bin",
        "contamination with unknown item",
        "date in words",
    ],
)
def test_a_mistake_is_named_with_file_and_field(
    folder: Path, change: Callable[[dict], object], said: str
) -> None:
    path = folder / "generic.yaml"
    edit(path, change)
    with pytest.raises(RuleFileError, match=said) as caught:
        load_place(path)
    assert str(caught.value).startswith("generic.yaml")


def test_an_item_written_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "double.yaml"
    path.write_text("id: double\nname: One\nname: Two\n", encoding="utf-8")
    with pytest.raises(RuleFileError, match=r"double.yaml .* line 3: 'name' is written twice"):
        load_place(path)
