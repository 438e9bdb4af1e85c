"""Every phrase that a description may use, and what it claims, by language."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from engines.maxsight.classes import Language
from engines.maxsight.description_words import description_words, names, nouns
from engines.maxsight.scene_graph import Relation
from engines.maxsight.sound_classes import sounds
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from engines.maxsight.wording import COARSE_FROM_M, COARSE_STEP_M, wording

PhraseKind = Literal[
    "noun", "side", "clock", "distance", "relation", "number", "join", "hears", "reads", "warns",
    "more", "single_more", "filler",
]  # fmt: skip
Words = tuple[str, ...]
# Estimates beyond this are said in these words too, but no rewording may name them.
MAX_METRES = 1000

# A word, with or without an apostrophe in it; a number; or a single other sign.
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,]\d+)*|\S")


@dataclass(frozen=True)
class Phrase:
    """What one phrase claims.

    Attributes:
        kind: what sort of claim.
        value: side "left", clock hour, distance as it is spoken, number; "" where there is none.
        object_id: class that a noun may name by sight, or None.
        sound_id: sound that it may name, or None.
        is_plural: whether a noun speaks of several; None where both look alike.
        relations: what a relation may mean.
    """

    kind: PhraseKind
    value: str = ""
    object_id: str | None = None
    sound_id: str | None = None
    is_plural: bool | None = None
    relations: tuple[Relation, ...] = ()


def words_of(text: str) -> Words:
    """Split a text into lower-case words, numbers and signs."""
    return tuple(_TOKEN.findall(text.replace("’", "'").casefold()))


def spoken_distance(thing: TrackedObject, language: Language) -> str:
    """Return how the distance of a thing is spoken, as a phrase's value."""
    return " ".join(words_of(wording(language).distance(thing)))


def spoken_side(thing: TrackedObject, language: Language) -> str:
    """Return "left", "ahead" or "right"."""
    return _sides(language)[wording(language).direction(thing, "sides")]


@cache
def lexicon(language: Language) -> dict[Words, Phrase]:
    """Return all phrases of a language by their words."""
    words, speak = description_words(language), wording(language)
    found: dict[Words, Phrase] = {}

    def put(phrases: Iterable[str], phrase: Phrase) -> None:
        for text in phrases:
            found[words_of(text)] = phrase

    put(words.fillers, Phrase("filler"))
    put(words.joins, Phrase("join"))
    put(words.hears, Phrase("hears"))
    put(words.reads, Phrase("reads"))
    put(words.warns, Phrase("warns"))
    put(words.more_words, Phrase("more"))
    put(words.single_more, Phrase("single_more"))
    put(words.one, Phrase("number", "1"))
    for text, relations in words.relations.items():
        put([text], Phrase("relation", relations=tuple(relations)))
    for said, side in _sides(language).items():
        put([said], Phrase("side", side))
    for side, phrases in words.sides:
        put(phrases, Phrase("side", side))
    for hour in range(1, 13):
        put([speak.direction(_probe(clock_hour=hour), "clock")], Phrase("clock", str(hour)))
    metres = [0.5, 1.0, 1.5, *range(2, COARSE_FROM_M)]
    metres += range(COARSE_FROM_M, MAX_METRES + 1, COARSE_STEP_M)
    probes = [_probe(distance_m=float(one)) for one in metres]
    probes += [_probe(distance_m=float("nan"), zone=zone) for zone in Zone]
    for probe in probes:
        said = speak.distance(probe)
        put([said], Phrase("distance", " ".join(words_of(said))))
    _put_nouns(found, language)
    return found


def _put_nouns(found: dict[Words, Phrase], language: Language) -> None:
    single = {class_id: [name] for class_id, name in names(language).items()}
    for class_id, (one, many) in nouns(language).items():
        bare = one.split(" ", 1)[1]
        singles, plural = {words_of(bare), words_of(single[class_id][0])}, words_of(many)
        for form in singles | {plural}:
            is_plural = None if {form} == singles & {plural} else form == plural
            found[form] = Phrase("noun", object_id=class_id, is_plural=is_plural)
    for sound in sounds():
        form = words_of(sound.name_in(language))
        seen = found.get(form)
        found[form] = Phrase(
            "noun",
            object_id=seen.object_id if seen else None,
            sound_id=sound.id,
            is_plural=seen.is_plural if seen else None,
        )


@cache
def _sides(language: Language) -> dict[str, str]:
    """Return what is spoken of the three directions -> its name."""
    speak = wording(language)
    angles = {"left": -45.0, "ahead": 0.0, "right": 45.0}
    return {
        speak.direction(_probe(angle_deg=angle), "sides"): side for side, angle in angles.items()
    }


def _probe(
    *,
    distance_m: float = 5.0,
    angle_deg: float = 0.0,
    clock_hour: int = 12,
    zone: Zone = Zone.MEDIUM,
) -> TrackedObject:
    """Return a thing at a place, to hear how the place is spoken."""
    return TrackedObject(
        track_id=0, class_id="person", score=1.0, box=(0.0, 0.0, 1.0, 1.0), zone=zone,
        distance_m=distance_m, angle_deg=angle_deg, clock_hour=clock_hour, growth_per_s=0.0,
        time_to_contact_s=None, approach_m_s=0.0, age_s=0.0, is_confirmed=True,
        urgency=Urgency.SAFE,
    )  # fmt: skip
