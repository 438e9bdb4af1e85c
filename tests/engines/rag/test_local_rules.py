from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from engines.rag.local_rules import ITEM_PHRASES, PLACE_PHRASES, documents_from_rules
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings
from engines.waste.taxonomy import ITEMS

RULES = Settings().rules_dir


def test_every_item_of_every_place_has_a_document() -> None:
    ids = {document.id for document in documents_from_rules(RULES)}
    places = {path.stem for path in RULES.glob("*.yaml")}
    assert set(PLACE_PHRASES) == places
    assert set(ITEM_PHRASES) == set(ITEMS)
    assert {f"rules/{place}/{item}" for place in places for item in ITEMS} <= ids


def test_a_rule_names_the_place_the_thing_and_the_bin() -> None:
    jar = next(d for d in documents_from_rules(RULES) if d.id == "rules/germany/glass_jar")
    assert "Germany" in jar.text
    assert "a glass jar" in jar.text
    assert "Glascontainer" in jar.text
    assert jar.regions == ("germany",)
    assert jar.sources[0].authority


def test_general_advice_holds_everywhere() -> None:
    documents = [d for d in documents_from_rules(RULES) if d.id.startswith("rules/generic/")]
    assert {d.regions for d in documents} == {("all",)}


def test_a_place_that_was_added_is_called_by_its_own_name(tmp_path: Path) -> None:
    place = yaml.safe_load((RULES / "germany.yaml").read_text())
    place |= {"id": "atlantis", "name": "Atlantis"}
    (tmp_path / "atlantis.yaml").write_text(yaml.safe_dump(place, allow_unicode=True))
    assert any(d.title == "Glass jars in Atlantis" for d in documents_from_rules(tmp_path))


@pytest.mark.parametrize("text", ["- a list", "id: x", "id: [", ""], ids=repr)
def test_a_damaged_rule_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text)
    with pytest.raises(InputError, match=r"broken\.yaml"):
        documents_from_rules(tmp_path)
