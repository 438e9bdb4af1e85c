"""The thing that a person has in front: it goes from tab to tab and survives a reload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import gradio as gr
from gradio.context import Context

from components.browser_memory import browser_memory
from engines.journey_question import material_words
from engines.waste.taxonomy import ITEM_BY_ID, MATERIAL_NAMES

THING_KEY = "releaf.thing"
# What the browser keeps where there is no thing: Gradio would not write an empty value over one.
NOTHING = {"item": ""}


@dataclass(frozen=True)
class Thing:
    """An item and a material of the waste taxonomy, by their ids."""

    item: str
    material: str

    @classmethod
    def from_kept(cls, kept: object) -> Thing | None:
        """Read what a browser has kept; None where that is nothing, or no thing of today."""
        if not isinstance(kept, dict):
            return None
        return cls._known(kept.get("item"), kept.get("material"))

    @classmethod
    def from_address(cls, address: str) -> Thing | None:
        """Read "<item>/<material>", as `address` writes it; None for anything else."""
        item, _, material = address.partition("/")
        return cls._known(item, material)

    @classmethod
    def _known(cls, item: object, material: object) -> Thing | None:
        if not isinstance(item, str) or item not in ITEM_BY_ID:
            return None
        if not isinstance(material, str) or material not in ITEM_BY_ID[item].materials:
            return None
        return cls(item, material)

    @property
    def address(self) -> str:
        """Name it in the action of a button."""
        return f"{self.item}/{self.material}"

    @property
    def kept(self) -> dict[str, str]:
        """What a browser is to keep of it."""
        return {"item": self.item, "material": self.material}

    @property
    def name(self) -> str:
        """Name the item for a person: "Glass jar"."""
        return ITEM_BY_ID[self.item].name

    @property
    def material_name(self) -> str:
        """Name the material as it stands on the thing: "PET plastic (1)"."""
        return MATERIAL_NAMES[self.material]

    @property
    def words(self) -> str:
        """Name it with its material, unless the name says that: "Plastic bottle of PET plastic"."""
        if len(ITEM_BY_ID[self.item].materials) == 1:
            return self.name
        return f"{self.name} of {material_words(self.material)}"


def action_of(numbered: str) -> tuple[str, str]:
    """Read what a button of the page asks for: "3 ask:glass_jar/glass" is ("ask", "glass_jar/...").

    The number makes each press a change of the hidden field that carries it.
    """
    kind, _, rest = numbered.partition(" ")[2].partition(":")
    return kind, rest


def make_memory() -> gr.BrowserState:
    """Make the page's memory of the thing, in the visitor's own browser."""
    return browser_memory(THING_KEY)


def find_memory() -> gr.BrowserState | None:
    """Find the memory that the Waste tab has made; None on a page without that tab."""
    page = cast(gr.Blocks, Context.root_block)
    for block in page.blocks.values():
        if isinstance(block, gr.BrowserState) and block.storage_key == THING_KEY:
            return block
    return None
