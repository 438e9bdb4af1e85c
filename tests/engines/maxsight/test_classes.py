"""The vocabulary: the shipped file holds together, and a file that does not is refused."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.maxsight.classes import CLASSES_FILE, ObjectClass, read_vocabulary, vocabulary
from engines.maxsight.fit.teacher import COCO_NAMES

WORDS = vocabulary()
KNOWN = yaml.safe_load(CLASSES_FILE.read_text("utf-8"))


def test_every_trained_class_has_one_output_and_all_a_thing_needs() -> None:
    for index, one in enumerate(WORDS.trained):
        assert WORDS.index_of(one.id) == index
        assert one.trained and one.height_m is not None and one.group in WORDS.groups
    assert len(WORDS.trained) == len(KNOWN["trained"])


@pytest.mark.parametrize("language", ["en", "es", "de"])
def test_a_spoken_name_means_one_class(language: str) -> None:
    names = [one.names[language].lower() for one in WORDS.trained]
    assert len(set(names)) == len(names)


def test_a_class_without_training_has_no_output() -> None:
    assert WORDS.untrained
    for one in WORDS.untrained:
        assert not one.trained and one.group == "" and one.height_m is None
        with pytest.raises(KeyError, match=f"{one.id} is not a trained class"):
            WORDS.index_of(one.id)


def test_every_class_of_the_teacher_is_in_the_vocabulary() -> None:
    every = {one.id for one in (*WORDS.trained, *WORDS.untrained)}
    assert len(COCO_NAMES) == 80
    assert set(COCO_NAMES) <= every


@pytest.mark.parametrize(
    ("class_id", "urgency"),
    [("person", 1), ("bicycle", 2), ("car", 2), ("stop_sign", 1), ("fire_hydrant", 0)],
)
def test_classes_start_as_urgent_as_the_reference_design_says(class_id: str, urgency: int) -> None:
    assert WORDS.trained[WORDS.index_of(class_id)].base_urgency == urgency


def test_the_shipped_vocabulary_is_read_once() -> None:
    assert vocabulary() is WORDS
    assert read_vocabulary(CLASSES_FILE) == WORDS


SMALL: dict[str, Any] = {
    "groups": ["people", "doors"],
    "trained": [
        {
            "id": "person", "names": {"en": "person", "es": "persona", "de": "Person"},
            "height_m": 1.65, "base_urgency": 1, "moves": True, "group": "people",
        }
    ],
    "untrained": {"coco": ["hot_dog"], "accessibility": []},
}  # fmt: skip


def test_a_small_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    words = read_vocabulary(path)
    assert words.groups == ("people", "doors")
    names = {"en": "person", "es": "persona", "de": "Person"}
    assert words.trained == (ObjectClass("person", names, 1.65, 1, True, "people", trained=True),)
    assert [one.names for one in words.untrained] == [{"en": "hot dog"}]


BAD = {
    "unknown group": (("group", "vehicles"), "group vehicles, which is not listed"),
    "name with a space": (("id", "a person"), "trained.0.id"),
    "no height": (("height_m", 0), "trained.0.height_m"),
    "taller than a house": (("height_m", 20.5), "trained.0.height_m"),
    "urgency above danger": (("base_urgency", 4), "trained.0.base_urgency"),
    "urgency below safe": (("base_urgency", -1), "trained.0.base_urgency"),
    "no German name": (("names", {"en": "a", "es": "b"}), "names.de: is missing"),
    "empty name": (("names", {"en": "", "es": "b", "de": "c"}), "names.en"),
    "a field too many": (("colour", "red"), "colour: is not a known field"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD.keys())
def test_a_class_that_does_not_fit_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, Any], message: str
) -> None:
    content = deepcopy(SMALL)
    content["trained"][0][change[0]] = change[1]
    path = tmp_path / "classes.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"^classes\.yaml: .*" + message):
        read_vocabulary(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (yaml.safe_dump({**SMALL, "trained": SMALL["trained"] * 2}), "listed twice: person"),
        (
            yaml.safe_dump({**SMALL, "untrained": {"coco": ["person"], "accessibility": []}}),
            "listed twice: person",
        ),
        (yaml.safe_dump({**SMALL, "trained": []}), "trained"),
        (yaml.safe_dump({"groups": ["people"]}), "trained: is missing"),
        ("groups: [people]\ngroups: [doors]\n", "'groups' is written twice"),
        ("groups: [people", "is not valid YAML"),
    ],
    ids=[
        "trained twice", "trained and untrained", "nothing trained", "parts missing",
        "a key twice", "not YAML",
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_vocabulary(path)
