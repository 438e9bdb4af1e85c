"""The question that a photo asks the chat, in plain English."""

from __future__ import annotations

from engines.runtime.errors import InputError
from engines.waste.taxonomy import ITEM_BY_ID, MATERIAL_NAMES, MATERIALS

# Things that are spoken of without "a": there is more of them, or no single one.
_WITHOUT_ARTICLE = frozenset(
    ["paper", "food_waste", "small_electronics", "clothing", "shoes", "wood"]
)


def disposal_question(item: str, material: str, place_name: str | None) -> str:
    """Ask the chat how to dispose of an item of a material, in a place if one is named.

    Example:
        >>> disposal_question("plastic_bottle", "PET", "Germany")
        'How do I dispose of a plastic bottle made of PET plastic in Germany?'

    Raises:
        InputError: if the item or the material is not in the taxonomy.
    """
    if item not in ITEM_BY_ID or material not in MATERIALS:
        raise InputError(f"'{item}' of '{material}' is unknown.", "Take both from the taxonomy.")
    thing = ITEM_BY_ID[item].name.lower()
    if item not in _WITHOUT_ARTICLE:
        thing = f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"
    # "Made of wood" says nothing new of wood, and no phone is "made of electronics".
    if len(ITEM_BY_ID[item].materials) > 1:
        thing += f" made of {material_words(material)}"
    where = "" if place_name is None else f" in {place_name}"
    return f"How do I dispose of {thing}{where}?"


def material_words(material: str) -> str:
    """Name a material of the taxonomy as it is spoken: "PET" becomes "PET plastic"."""
    # "PET plastic (1)": the number is stamped on the thing and not spoken.
    name = MATERIAL_NAMES[material].partition(" (")[0]
    return name if name[:2].isupper() else name[:1].lower() + name[1:]
