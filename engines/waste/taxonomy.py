"""The words of the waste engine: 20 items, 15 materials, 4 bins, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass

BINS: tuple[str, ...] = ("recycle", "compost", "landfill", "hazardous")

MATERIALS: tuple[str, ...] = (
    "PET", "HDPE", "LDPE", "PP", "PS", "glass", "aluminum", "steel", "cardboard", "paper",
    "coated_paper", "organic", "textile", "electronic", "wood",
)  # fmt: skip

# Full names for people; resin codes keep their number because that is what is stamped on the thing.
MATERIAL_NAMES: dict[str, str] = {
    "PET": "PET plastic (1)",
    "HDPE": "HDPE plastic (2)",
    "LDPE": "LDPE film (4)",
    "PP": "PP plastic (5)",
    "PS": "PS plastic (6)",
    "glass": "Glass",
    "aluminum": "Aluminium",
    "steel": "Steel",
    "cardboard": "Cardboard",
    "paper": "Paper",
    "coated_paper": "Coated paper",
    "organic": "Organic",
    "textile": "Textile",
    "electronic": "Electronics",
    "wood": "Wood",
}

BIN_NAMES: dict[str, str] = {
    "recycle": "Recycling",
    "compost": "Compost",
    "landfill": "General waste",
    "hazardous": "Hazardous or special collection",
}


@dataclass(frozen=True)
class Item:
    """One kind of thing the classifier knows.

    `materials` are what it can be made of, likeliest first; `bin` is where it goes by default.
    """

    id: str
    name: str
    materials: tuple[str, ...]
    bin: str


_ITEMS: tuple[Item, ...] = (
    Item("plastic_bottle", "Plastic bottle", ("PET", "HDPE"), "recycle"),
    Item("plastic_bag", "Plastic bag", ("LDPE",), "landfill"),
    Item("plastic_food_container", "Plastic food container", ("PP", "PET", "PS"), "recycle"),
    Item("detergent_bottle", "Detergent bottle", ("HDPE", "PET"), "recycle"),
    Item("disposable_cup", "Disposable cup", ("PP", "coated_paper", "PS"), "landfill"),
    Item("glass_bottle", "Glass bottle", ("glass",), "recycle"),
    Item("glass_jar", "Glass jar", ("glass",), "recycle"),
    Item("aluminum_can", "Drink can", ("aluminum", "steel"), "recycle"),
    Item("food_can", "Food can", ("steel", "aluminum"), "recycle"),
    Item("cardboard_box", "Cardboard box", ("cardboard",), "recycle"),
    Item("paper", "Paper", ("paper",), "recycle"),
    Item("drink_carton", "Drink carton", ("coated_paper",), "recycle"),
    Item("food_waste", "Food waste", ("organic",), "compost"),
    Item("battery", "Battery", ("electronic",), "hazardous"),
    Item("mobile_phone", "Mobile phone", ("electronic",), "hazardous"),
    Item("small_electronics", "Small electronics", ("electronic",), "hazardous"),
    Item("appliance", "Appliance", ("electronic",), "hazardous"),
    Item("clothing", "Clothing", ("textile",), "landfill"),
    Item("shoes", "Shoes", ("textile",), "landfill"),
    Item("wood", "Wood", ("wood",), "landfill"),
)

ITEMS: tuple[str, ...] = tuple(item.id for item in _ITEMS)
ITEM_BY_ID: dict[str, Item] = {item.id: item for item in _ITEMS}

# Every (item, material, bin) that makes sense together, in item order. The joint decision of the
# engine chooses among these and nothing else, so the three heads can't contradict each other.
TRIPLES: tuple[tuple[str, str, str], ...] = tuple(
    (item.id, material, item.bin) for item in _ITEMS for material in item.materials
)


def item(item_id: str) -> Item:
    """Return the item with this id.

    Raises:
        KeyError: if there is no such item; the message lists the known ones.
    """
    try:
        return ITEM_BY_ID[item_id]
    except KeyError:
        raise KeyError(f"no item {item_id!r}; known items: {', '.join(ITEMS)}") from None
