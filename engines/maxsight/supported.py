"""Keep of a reworded description only what the scene graph supports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engines.maxsight.claims import (
    QUOTE_SIGN,
    QUOTED,
    Segments,
    parse,
    plain,
    sentences_of,
)
from engines.maxsight.classes import Language
from engines.maxsight.description_words import description_words
from engines.maxsight.lexicon import Phrase, spoken_distance, spoken_side, words_of
from engines.maxsight.scene_graph import SceneGraph, SceneNode
from engines.maxsight.tiers import TrackedObject, Urgency


@dataclass
class _Mention:
    """One noun of a sentence and what is claimed of it."""

    noun: Phrase
    clause: int
    count: int | None = None
    sides: set[str] = field(default_factory=set)
    hours: set[str] = field(default_factory=set)
    distances: set[str] = field(default_factory=set)
    is_urgent: bool = False
    is_landmark: bool = False
    leads: bool = False

    @property
    def is_placed(self) -> bool:
        return bool(self.sides or self.hours)


def keep_supported(text: str, graph: SceneGraph, *, language: Language = "en") -> str:
    """Return the sentences of a text that say only what is in the graph.

    A sentence stays if each of its words is known and each of its claims holds: which things there
    are, how many, in which direction, how far, which is on, left of or near which, what is read and
    what is heard. Unknown words, and so colours, movement, comparisons and denials, which no graph
    holds, take their sentence with them, as does anything that cannot be understood. It is meant
    for a rewording of `describe`; a true sentence that is worded freely may be lost.
    """
    sentences = sentences_of(text.strip())
    return " ".join(one for one in sentences if is_supported(one, graph, language=language))


def is_supported(sentence: str, graph: SceneGraph, *, language: Language = "en") -> bool:
    """Say whether one sentence claims something, and only what is in the graph."""
    if QUOTE_SIGN in sentence:
        return False
    words = words_of(sentence)
    if words == words_of(description_words(language).templates.nothing):
        return not graph.of_kind("object") and not graph.left_out
    quotes = QUOTED.findall(sentence)
    if any(plain(quote) not in _texts(graph) for quote in quotes):
        return False
    try:
        segments = parse(QUOTED.sub(f" {QUOTE_SIGN} ", sentence), language)
    except ValueError:
        return False
    return _Check(graph, language, quotes).holds(segments)


def _texts(graph: SceneGraph) -> set[str]:
    return {plain(node.text) for node in graph.of_kind("text")}


class _Check:
    """Hold the claims of one sentence against the graph."""

    def __init__(self, graph: SceneGraph, language: Language, quotes: list[str]) -> None:
        self._graph, self._language = graph, language
        self._quotes = iter(quotes)
        self._claims, self._warns = 0, False

    def holds(self, segments: Segments) -> bool:
        mentions: list[_Mention] = []
        left_out: list[int] = []
        for clauses in segments:
            phrases = [phrase for clause in clauses for phrase in clause]
            if any(phrase is not None and phrase.kind == "hears" for phrase in phrases):
                if not self._is_heard(phrases):
                    return False
                continue
            found = self._read_segment(clauses, left_out)
            if found is None:
                return False
            mentions += found
        if self._warns:  # of a danger that is not named
            return False
        if not all(self._is_there(one) for one in mentions):
            return False
        said = sum(one.count or 1 for one in mentions if not one.is_landmark)
        if left_out:
            is_vague = any(one.count is None and one.noun.is_plural for one in mentions)
            total = len(self._graph.of_kind("object")) + self._graph.left_out
            if is_vague or len(left_out) > 1 or said + left_out[0] != total:
                return False
        return bool(self._claims or mentions)

    def _is_heard(self, phrases: list[Phrase | None]) -> bool:
        """A segment about sounds names sounds, and claims nothing else of them."""
        heard = {node.class_id for node in self._graph.of_kind("sound")}
        for phrase in phrases:
            if phrase is None or phrase.kind not in ("hears", "noun", "filler"):
                return False
            if phrase.kind == "noun":
                if phrase.sound_id not in heard:
                    return False
                self._claims += 1
        return True

    def _read_segment(
        self, clauses: list[list[Phrase | None]], left_out: list[int]
    ) -> list[_Mention] | None:
        """Find what is mentioned in a segment and claimed of it; None if that does not hold."""
        mentions: list[_Mention] = []
        relation: tuple[_Mention, Phrase] | None = None
        related: list[tuple[_Mention, Phrase, _Mention]] = []
        written: list[tuple[str, _Mention]] = []
        for number, clause in enumerate(clauses):
            early: list[Phrase] = []  # claims before the first noun of the clause
            count: int | None = None
            for phrase in clause:
                if count is not None and (phrase is None or phrase.kind not in ("noun", "more")):
                    return None
                if phrase is None:
                    self._claims += 1
                    quote = next(self._quotes)
                    written += [(quote, one) for one in mentions[-1:]]
                elif phrase.kind == "noun":
                    one = _Mention(phrase, number, count, is_urgent=self._warns)
                    count, self._warns = None, False
                    one.leads = bool(early)
                    for claim in early:
                        _claim(one, claim)
                    early = []
                    if relation is not None:
                        one.is_landmark = True
                        related.append((*relation, one))
                        relation = None
                    mentions.append(one)
                elif phrase.kind == "number":
                    count = int(phrase.value)
                elif phrase.kind == "more":
                    if count is None:
                        return None
                    left_out.append(count)
                    count = None
                elif phrase.kind == "single_more":
                    left_out.append(1)
                elif phrase.kind == "relation":
                    if not mentions or relation is not None:
                        return None
                    relation = mentions[-1], phrase
                elif phrase.kind in ("side", "clock", "distance"):
                    if mentions and mentions[-1].clause == number:
                        _claim(mentions[-1], phrase)
                    else:
                        early.append(phrase)
                elif phrase.kind == "warns":
                    self._warns = True
                elif phrase.kind == "reads" and not self._graph.of_kind("text"):
                    return None
            if count is not None:
                return None
            # A clause without a noun speaks of the one before.
            for claim in early:
                if not mentions:
                    return None
                _claim(mentions[-1], claim)
        if relation is not None:
            return None
        _share_places(mentions)
        # Only now is all known that is claimed of each.
        is_true = all(self._is_written(*one) for one in written)
        return mentions if is_true and all(self._is_related(*one) for one in related) else None

    def _is_written(self, quote: str, thing: _Mention) -> bool:
        """Say whether a quotation beside a thing is written on it."""
        things = {node.id for node, _ in self._candidates(thing)}
        texts = {n.id for n in self._graph.of_kind("text") if plain(n.text) == plain(quote)}
        return any(
            edge.relation == "written_on" and edge.source in texts and edge.target in things
            for edge in self._graph.edges
        )

    def _is_related(self, first: _Mention, phrase: Phrase, second: _Mention) -> bool:
        sources = {node.id for node, _ in self._candidates(first)}
        targets = {node.id for node, _ in self._candidates(second)}
        return any(
            edge.relation in phrase.relations and edge.source in sources and edge.target in targets
            for edge in self._graph.edges
        )

    def _is_there(self, one: _Mention) -> bool:
        """Say whether there is such a thing, or as many, where and how far it is claimed."""
        all_placed = list(self._candidates(one, with_distance=False))
        fitting = list(self._candidates(one))
        # Of several, the one that warns need not be the nearest, whose distance is told.
        warning = all_placed if one.noun.is_plural or (one.count or 1) > 1 else fitting
        if one.is_urgent and all(thing.urgency < Urgency.WARNING for _, thing in warning):
            return False
        if not fitting:
            return False
        if one.count is not None:
            is_many = one.noun.is_plural
            agrees = is_many is None or is_many == (one.count != 1)
            return agrees and len(all_placed) == one.count
        return not one.noun.is_plural or len(all_placed) > 1

    def _candidates(
        self, one: _Mention, *, with_distance: bool = True
    ) -> Iterator[tuple[SceneNode, TrackedObject]]:
        """Yield the seen things of which all that is claimed of a mention is true."""
        for node in self._graph.of_kind("object"):
            thing = node.thing
            if thing is None or node.class_id != one.noun.object_id:
                continue
            if any(side != spoken_side(thing, self._language) for side in one.sides):
                continue
            if any(hour != str(thing.clock_hour) for hour in one.hours):
                continue
            distance = spoken_distance(thing, self._language)
            if with_distance and any(claimed != distance for claimed in one.distances):
                continue
            yield node, thing


def _claim(one: _Mention, phrase: Phrase) -> None:
    {"side": one.sides, "clock": one.hours, "distance": one.distances}[phrase.kind].add(
        phrase.value
    )


def _share_places(mentions: list[_Mention]) -> None:
    """Let a place hold for all that it may be meant for: "a cup and a chair on the left".

    What stands without a place takes that of the next thing that has one, and that of the one
    before if its place was said first: "on the left a cup and a chair".
    """
    own = [(set(one.sides), set(one.hours)) for one in mentions]
    for index, one in enumerate(mentions):
        if any(own[index]) or one.is_landmark:
            continue
        after = [at for at in range(index + 1, len(mentions)) if any(own[at])]
        before = [at for at in range(index) if any(own[at]) and mentions[at].leads]
        for at in (*after[:1], *before[-1:]):
            one.sides |= own[at][0]
            one.hours |= own[at][1]
