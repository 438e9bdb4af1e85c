"""Turn the disposal rules of places into documents, so that the chat can quote them.

The rule files in assets/rules say for each place and item where it goes. They are checked against
their schema by the waste engine; here they are only put into sentences.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from engines.rag.documents import Document, Source
from engines.runtime.errors import InputError
from engines.runtime.yaml_files import StrictLoader

# How a place and an item are named inside a sentence.
PLACE_PHRASES = {
    "generic": "most places",
    "us_single_stream": "the United States with single-stream recycling",
    "us_california": "California",
    "canada_bc": "British Columbia",
    "uk_england": "England",
    "germany": "Germany",
    "france": "France",
    "netherlands": "the Netherlands",
    "spain": "Spain",
    "australia_nsw": "New South Wales",
    "japan_tokyo": "Tokyo",
}
ITEM_PHRASES = {
    "plastic_bottle": ("a plastic bottle", "Plastic bottles"),
    "plastic_bag": ("a plastic bag", "Plastic bags"),
    "plastic_food_container": ("a plastic food container", "Plastic food containers"),
    "detergent_bottle": ("a detergent bottle", "Detergent bottles"),
    "disposable_cup": ("a disposable cup", "Disposable cups"),
    "glass_bottle": ("a glass bottle", "Glass bottles"),
    "glass_jar": ("a glass jar", "Glass jars"),
    "aluminum_can": ("a drink can", "Drink cans"),
    "food_can": ("a food can (tin)", "Food cans (tins)"),
    "cardboard_box": ("a cardboard box", "Cardboard boxes"),
    "paper": ("paper", "Paper"),
    "drink_carton": ("a drink carton", "Drink cartons"),
    "food_waste": ("food waste", "Food waste"),
    "battery": ("a battery", "Batteries"),
    "mobile_phone": ("a mobile phone", "Mobile phones"),
    "small_electronics": ("small electronics", "Small electronics"),
    "appliance": ("an appliance", "Appliances"),
    "clothing": ("clothing", "Clothing"),
    "shoes": ("shoes", "Shoes"),
    "wood": ("wood", "Wood"),
}


def documents_from_rules(rules_dir: Path) -> tuple[Document, ...]:
    """Write one document for each item of each place and one for its common mistakes.

    Raises:
        InputError: if a rule file can't be read; it names the file.
    """
    documents: list[Document] = []
    for path in sorted(rules_dir.glob("*.yaml")):
        try:
            raw = path.read_text(encoding="utf-8")
            place = yaml.load(raw, Loader=StrictLoader)
            documents.extend(_documents_of(place, hashlib.sha256(raw.encode()).hexdigest()))
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"The rule file {path.name} can't be turned into documents ({error!r}).",
                "Correct it; the README in its folder says what it has to hold.",
            ) from error
    return tuple(documents)


def guides_of_rule(document_id: str) -> tuple[str, ...]:
    """Return the documents on the item that a place's rule is about; none for other documents."""
    folder, _, item = document_id.rpartition("/")
    if not folder.startswith("rules/") or item not in ITEM_PHRASES:
        return ()
    return f"guide/{item}", f"faq/faq_{item}"


def place_phrase(place: dict[str, Any]) -> str:
    """Name a place inside a sentence; a place that was added later goes by its own name."""
    return PLACE_PHRASES.get(place["id"], str(place["name"]))


def _documents_of(place: dict[str, Any], content_hash: str) -> list[Document]:
    where = place_phrase(place)
    bins = {entry["id"]: str(entry["name"]) for entry in place["bins"]}
    authority = place["authority"]
    shared: dict[str, Any] = {
        "doc_type": "policy",
        "regions": ("all",) if place["id"] == "generic" else (str(place["id"]),),
        "sources": (Source(authority["name"], authority["document"], int(authority["year"])),),
        "reviewed": str(place["reviewed"]),
        "content_hash": content_hash,
        "is_upload": False,
    }
    documents = []
    for item, rule in place["items"].items():
        thing, things = ITEM_PHRASES[item]
        documents.append(
            Document(
                id=f"rules/{place['id']}/{item}",
                title=f"{things} in {where}",
                topics=(thing.split(" ", 1)[-1], where),
                items=(item,),
                text="\n\n".join(_item_lines(rule, item, where, bins)),
                **shared,
            )
        )
    mistakes = [f"## {case['title']}\n\n{_mistake(case, where)}" for case in place["contamination"]]
    documents.append(
        Document(
            id=f"rules/{place['id']}/mistakes",
            title=f"Common mistakes in {where}",
            topics=("contamination", where),
            items=tuple(
                sorted({item for case in place["contamination"] for item in case["items"]})
            ),
            text="\n\n".join([*mistakes, f"## Who decides\n\n{place['last_word']}"]),
            **shared,
        )
    )
    return documents


def _item_lines(
    rule: dict[str, Any], item: str, where: str, bins: dict[str, str], made_of: str = ""
) -> list[str]:
    thing, things = ITEM_PHRASES[item]
    lines = [f"In {where}, the right place for {thing}{made_of} is “{bins[rule['bin']]}”."]
    if rule.get("prepare"):
        steps = "; ".join(step[0].lower() + step[1:] for step in rule["prepare"])
        lines[0] += f" First, for {thing}{made_of} in {where}: {steps}."
    if rule.get("note"):
        lines.append(f"{things}{made_of} in {where}: {rule['note']}")
    for material, override in rule.get("materials", {}).items():
        lines += _item_lines(override, item, where, bins, f" made of {material}")
    return lines


def _mistake(case: dict[str, Any], where: str) -> str:
    return f"{case['title']} in {where}: {case['do']}"
