"""Tie free text to the graph: known items by name, new ones by likeness, materials and form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError
from engines.runtime.kept_vectors import PassageEncoder
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.naming import CONTENTS, Named, Names
from engines.upcycle.refusals import Refusals
from engines.upcycle.safety import Thing
from engines.upcycle.words import head, plain, quantity, stems

Floats = NDArray[np.float32]

MAX_CHARACTERS = 200
# Chosen on the texts of tests/engines/upcycle/data/texts.jsonl marked "dev".
MIN_LIKENESS = 0.42
# Where the text itself says what a thing is made of, less likeness will do.
MIN_LIKENESS_WITH_MATERIAL = 0.30
DANGER_LIKENESS = 0.55
NEAR_ITEMS = 3
NEAR_BAND = 0.12
MISNAMED_BAND = 0.05
SHARE = 0.5
SURE_LIKENESS = 0.55
# Words for a family of materials: what they mean where nothing better is known, and who belongs.
_PLASTICS = frozenset(
    ["PET", "HDPE", "LDPE", "PP", "PS", "PVC", "acrylic", "hard_plastic", "foam_polystyrene"]
)
_METALS = frozenset(["aluminum", "steel", "stainless_steel", "copper", "brass"])
_WOODS = frozenset(["wood", "treated_wood", "plywood", "bamboo"])
_CLOTHS = frozenset(["cotton", "polyester", "nylon", "denim", "wool", "natural_fibre"])
FAMILIES = {"hard_plastic": _PLASTICS, "steel": _METALS, "wood": _WOODS, "cotton": _CLOTHS}


@dataclass(frozen=True)
class Near:
    """A known node that a text is like; `likeness` is a cosine in [-1, 1]."""

    id: str
    likeness: float


@dataclass(frozen=True)
class Link:
    """What a text was taken for.

    Attributes:
        text: as the person wrote it, trimmed. thing: what goes into the graph.
        near: items that it is like, best first; just the item itself where it was known by name.
        quantity: how many of it the text speaks of.
        is_known: whether it is an item of the graph.
        vector: embedding of the text, (E,).
    """

    text: str
    thing: Thing
    near: tuple[Near, ...]
    quantity: int
    is_known: bool
    vector: Floats

    @property
    def is_sure(self) -> bool:
        """Whether the thing is known or much like a known one; else a person had better look."""
        return self.is_known or self.near[0].likeness >= SURE_LIKENESS


class Linker:
    """Find what the name of a thing means in the graph.

    Args:
        knowledge: the facts. names: of items and materials. encoder: embeds the names at once,
            about 700 short texts.
    """

    def __init__(self, knowledge: Knowledge, names: Names, encoder: PassageEncoder) -> None:
        self._knowledge, self._names, self._encoder = knowledge, names, encoder
        self._refusals = Refusals(knowledge.refusals, encoder)
        phrases = [
            (item.id, name)
            for item in knowledge.items.values()
            for name in (item.name, *item.aliases)
        ]
        self._phrase_items = [item for item, _ in phrases]
        self._phrases = encoder.encode_passages([name for _, name in phrases])

    def link(self, text: str) -> Link:
        """Tie the name of a thing to the graph.

        Raises:
            InputError: if the text is empty, too long, not understood, or not about a thing.
        """
        text = checked(text, "a thing, such as: glass jar")
        mended = self._names.mend(text)
        named = self._names.find(mended)
        if named is None or named.rest:
            self._refusals.check_words(mended)
        vector = self._encoder.encode_passages([mended])[0]
        likeness = self._likeness(vector)
        if named is not None and not self._is_misnamed(mended, named, likeness):
            thing = self._named_thing(text, mended, named)
            is_known = thing.item is not None
            return Link(text, thing, (Near(named.item, 1.0),), quantity(mended), is_known, vector)
        self._refusals.check_meaning(mended, vector, max(likeness.values()))
        materials = self._spoken_materials(mended)
        near = self._near(mended, likeness, bool(materials))
        if not near or not self._names.is_understood(mended):
            raise InputError(
                f"'{text}' was not understood.",
                "Name one thing in English, such as: glass jar, old umbrella, wooden pallet.",
            )
        thing = self._new_thing(text, near, materials)
        return Link(text, thing, near, quantity(mended), False, vector)

    def correct(self, link: Link, *, materials: Sequence[str], properties: Sequence[str]) -> Link:
        """Take a person's word for what a thing is made of and which form it has.

        What is dangerous whatever it is made of, such as a battery, stays so.

        Raises:
            InputError: if no material is left, or one is not known.
        """
        unknown = [m for m in materials if m not in self._knowledge.materials]
        unknown += [p for p in properties if p not in self._knowledge.properties]
        if unknown:
            raise InputError(f"'{unknown[0]}' is unknown.", "Choose from the list.")
        if not materials:
            raise InputError("At least one material is needed.", "Choose from the list.")
        item = link.thing.item
        is_dangerous = item is not None and self._knowledge.items[item].danger is not None
        near = tuple(n.id for n in link.near)
        thing = Thing(
            link.text, item if is_dangerous else None, tuple(materials), tuple(properties), near
        )
        return replace(link, thing=thing, is_known=False)

    def _is_misnamed(self, mended: str, named: Named, likeness: Mapping[str, float]) -> bool:
        """Say whether the words that a name leaves over make it another thing: a "plant pot"."""
        is_explained = set(named.rest) <= self._names.material_stems
        if is_explained or self._knowledge.items[named.item].danger is not None:
            return False
        others = (v for item, v in likeness.items() if self._names.could_be(mended, item))
        return max(others, default=-1.0) > likeness[named.item] + MISNAMED_BAND

    def _named_thing(self, text: str, mended: str, named: Named) -> Thing:
        """Describe an item that was named, made of what the text says it is made of."""
        known = self._knowledge.items[named.item]
        as_known = Thing(known.name, known.id, known.made_of, known.properties)
        if known.danger is not None:
            return as_known
        hazards = self._hazards(mended, self._names.beyond(mended, known.id))
        if hazards:
            materials = (*hazards, *known.made_of)
            return Thing(text, None, materials, known.properties, (known.id,))
        spoken = self._spoken_materials(mended, beyond=named.rest)
        # A "metal" colander is just a colander; a "metal" rake handle is not the wooden one.
        others = tuple(m for m in spoken if not _is_among(m, known.made_of))
        if others:
            return Thing(text, None, others[:2], known.properties, (known.id,))
        if spoken and spoken[0] in known.made_of:
            # "leather shoes" are shoes whose likeliest material is known.
            order = (spoken[0], *(m for m in known.made_of if m != spoken[0]))
            return replace(as_known, materials=order)
        return as_known

    def _hazards(self, mended: str, beyond: Sequence[str] | None) -> tuple[str, ...]:
        """Find materials that nothing is made of, wherever in the text they are named."""
        found = self._names.materials_in(stems(mended), beyond=beyond)
        return tuple(m for m in found if self._knowledge.materials[m].hazard is not None)

    def _spoken_materials(
        self, mended: str, *, beyond: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """Find what a text says a thing is made of, hazards first."""
        words = stems(head(mended))
        hazards = self._hazards(mended, beyond)
        found = self._names.materials_in(words, beyond=beyond)
        ends = self._names.materials_in(words[-1:])
        made_of = (m for m in found if m not in CONTENTS or m in ends)
        return tuple(dict.fromkeys((*hazards, *made_of)))

    def _likeness(self, vector: Floats) -> dict[str, float]:
        likeness: dict[str, float] = defaultdict(lambda: -1.0)
        for item, value in zip(self._phrase_items, self._phrases @ vector, strict=True):
            likeness[item] = max(likeness[item], float(value))
        return likeness

    def _near(
        self, mended: str, likeness: Mapping[str, float], is_material_known: bool
    ) -> tuple[Near, ...]:
        order = sorted(likeness.items(), key=lambda entry: -entry[1])
        # A vague likeness to something dangerous, or being a part of it, is no danger.
        order = [
            (item, value)
            for item, value in order
            if self._knowledge.items[item].danger is None
            or (value >= DANGER_LIKENESS and not self._names.is_only_part_of(mended, item))
        ][:NEAR_ITEMS]
        best = order[0][1]
        if best < (MIN_LIKENESS_WITH_MATERIAL if is_material_known else MIN_LIKENESS):
            return ()
        return tuple(Near(item, value) for item, value in order if value > best - NEAR_BAND)

    def _new_thing(self, text: str, near: tuple[Near, ...], materials: tuple[str, ...]) -> Thing:
        """Put a thing together from what it is like, unless its text says what it is made of."""
        items = [self._knowledge.items[n.id] for n in near]
        weights = vote_weights(near)
        if not materials:
            likely = votes(
                [{m: 1.0 / (place + 1) for place, m in enumerate(i.made_of)} for i in items],
                weights,
            )
            materials = tuple(sorted(likely, key=lambda m: -likely[m]))[:2]
        traits = votes([dict.fromkeys(i.properties, 1.0) for i in items], weights)
        properties = tuple(p for p, vote in traits.items() if vote >= SHARE)
        dangerous = items[0].danger is not None
        named = items[0].id if dangerous else None
        return Thing(text, named, materials, properties, tuple(n.id for n in near))


def checked(text: str, example: str) -> str:
    """Refuse a text that is empty, too long or without letters; return it trimmed.

    Raises:
        InputError: it says what to write instead.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not plain(text):
        raise InputError("Nothing was entered.", f"Name {example}.")
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"That is {len(text):,} characters long.",
            f"Name {example}, in up to {MAX_CHARACTERS} characters.",
        )
    if not any(c.isalpha() for c in text):
        raise InputError(f"'{text}' holds no word.", f"Name {example}.")
    return text


def _is_among(material: str, known: Sequence[str]) -> bool:
    """Say whether a material is one of the known ones, or a word for the family of one."""
    return material in known or bool(FAMILIES.get(material, frozenset()) & set(known))


def vote_weights(near: Sequence[Near]) -> NDArray[np.float64]:
    """Weigh nodes by how much liker than the others they are; the weights add up to 1."""
    values = np.exp((np.array([n.likeness for n in near]) - near[0].likeness) / 0.05)
    weights: NDArray[np.float64] = values / values.sum()
    return weights


def votes(choices: Sequence[Mapping[str, float]], weights: NDArray[np.float64]) -> dict[str, float]:
    """Add up what each choice gives to each name, by weight."""
    total: dict[str, float] = defaultdict(float)
    for choice, weight in zip(choices, weights, strict=True):
        for name, value in choice.items():
            total[name] += value * float(weight)
    return dict(total)
