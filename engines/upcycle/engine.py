"""The upcycling engine: a thing in, projects worth making out, each with its reasons."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from time import perf_counter

import numpy as np

from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.health import EngineHealth
from engines.runtime.settings import Settings
from engines.runtime.weights import Card
from engines.upcycle.explain import Explanation, candidate_paths, rank_paths, why_sentence
from engines.upcycle.filters import Filters
from engines.upcycle.inference import Attention
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link
from engines.upcycle.loading import Loaded, read_everything
from engines.upcycle.model import NETWORKS
from engines.upcycle.results import Comparison, PairScore, Recommendation, Recommendations
from engines.upcycle.safety import Thing, Verdict
from engines.upcycle.schema import ProjectRecord
from engines.upcycle.scoring import (
    Row,
    baseline_rows,
    is_plain_item,
    network_row,
    new_item,
    pair_score,
    scores_of,
)

RULED_OUT_SHOWN = 10


class UpcycleEngine:
    """Recommend projects for things, over the graph of assets/graph."""

    name = "upcycle"

    def __init__(self, settings: Settings, placement: Placement) -> None:
        self.settings, self.placement = settings, placement
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the facts and the networks, and embed every node.

        Raises:
            InputError: if a file of facts does not fit; it names file and line.
            WeightsMissingError, WeightsCorruptError: if a model is not there or damaged.
        """
        self.use(read_everything(self.settings, self.placement))

    def use(self, loaded: Loaded) -> None:
        """Answer from facts and networks that were read already."""
        with self._lock:
            self._loaded = loaded

    def warmup(self) -> None:
        """Recommend once for a known and once for a new thing."""
        self.recommend(self.link("glass jar"))
        self.recommend(self.link("garden gnome"))

    def health(self) -> EngineHealth:
        """Say which network answers."""
        if self._loaded is None:
            return EngineHealth(False)
        known = self._loaded
        return EngineHealth(
            True,
            f"{known.card.name} {known.card.version} ({known.winner}), "
            f"{len(known.projects)} projects",
        )

    def unload(self) -> None:
        """Give the memory back."""
        with self._lock:
            self._loaded = None

    @property
    def knowledge(self) -> Knowledge:
        """The facts; raises EngineUnavailableError before loading."""
        return self._ready().knowledge

    @property
    def card(self) -> Card:
        """The card of the networks; raises EngineUnavailableError before loading."""
        return self._ready().card

    def link(self, text: str) -> Link:
        """Tie the name of a thing, or the id of an item, to the graph.

        Raises:
            InputError: if the text is empty, too long, not understood, or not about a thing.
        """
        known = self._ready()
        item = known.knowledge.items.get(text)
        return known.linker.link(item.name if item is not None else text)

    def correct(self, link: Link, *, materials: Sequence[str], properties: Sequence[str]) -> Link:
        """Take a person's word for materials and form; raises InputError for unknown names."""
        return self._ready().linker.correct(link, materials=materials, properties=properties)

    def recommend(
        self,
        link: Link,
        *,
        k: int = 10,
        filters: Filters | None = None,
        network: str | None = None,
    ) -> Recommendations:
        """Find the k best projects for a thing; safety stands before every score.

        Args:
            link: from `link`. network: one of `NETWORKS`; the winner of the card by default.

        Raises:
            InputError: if the network is not known.
        """
        started_s = perf_counter()
        known, filters = self._ready(), filters or Filters()
        danger = known.rules.danger(link.thing)
        scores = scores_of(known, link, network)
        verdicts = known.rules.verdicts(link.thing)
        allowed = (
            row
            for row in np.argsort(-scores, kind="stable").tolist()
            if not verdicts[known.projects[row].id].is_forbidden
            and filters.allows(known.projects[row])
        )
        forbidden = [known.project_row[name] for name in known.rules.forbidden(link.thing)]
        forbidden.sort(key=lambda row: (-scores[row], row))
        best, ruled_out = (
            [
                _entry(known, link.thing, row, scores, verdicts[known.projects[row].id])
                for row in rows
            ]
            for rows in (islice(allowed, k), forbidden[:RULED_OUT_SHOWN])
        )
        relaxations: dict[str, int] = {}
        together: tuple[str, ...] = ()
        if len(best) < k:
            safe = [p for p in known.projects if not verdicts[p.id].is_forbidden]
            relaxations = filters.relaxations(safe)
            together = () if best or relaxations else filters.fewest_to_relax(safe)
        return Recommendations(
            link=link,
            best=tuple(best),
            ruled_out=tuple(ruled_out),
            danger=None if danger is None else f"{danger[0]}. Take it to {danger[1]}.",
            relaxations=relaxations,
            relax_together=together,
            latency_ms=(perf_counter() - started_s) * 1000,
        )

    def recommend_many(
        self, links: Sequence[Link], *, k: int = 10, filters: Filters | None = None
    ) -> Recommendations:
        """Find the k best projects for several things at hand; each names the thing it is for.

        Raises:
            InputError: if there are no links.
        """
        if not links:
            raise InputError("There is no thing to start from.", "Name one.")
        found = [self.recommend(link, k=k, filters=filters) for link in links]
        if len(found) == 1:
            return found[0]
        best: dict[str, Recommendation] = {}
        for entry in sorted((e for part in found for e in part.best), key=lambda e: -e.score):
            best.setdefault(entry.project.id, entry)
        shown = tuple(best.values())[:k]
        ruled_out = sorted((e for part in found for e in part.ruled_out), key=lambda e: -e.score)
        dangers = [f"{part.link.text}: {part.danger}" for part in found if part.danger]
        helpful = max(
            (part.relaxations for part in found), key=lambda r: max(r.values(), default=0)
        )
        is_short = len(shown) < k
        together = [part.relax_together for part in found if part.relax_together]
        return replace(
            found[0],
            best=shown,
            ruled_out=tuple(ruled_out)[:RULED_OUT_SHOWN],
            danger=" ".join(dangers) or None,
            relaxations=helpful if is_short else {},
            relax_together=min(together, key=len) if together and not shown and not helpful else (),
            latency_ms=sum(part.latency_ms for part in found),
        )

    def verdict(self, thing: Thing, project: str) -> Verdict:
        """Say what safety has to say about a pair: "why not?"; raises InputError if unknown."""
        known = self._ready()
        return known.rules.verdicts(thing)[_project(known, project).id]

    def explain(self, link: Link, project: str) -> Explanation:
        """Find the paths that the winner's score of a known project leans on.

        Raises:
            InputError: if the project is not known.
        """
        known = self._ready()
        record = _project(known, project)
        thing, node = link.thing, f"project:{record.id}"
        embeddings = known.networks[known.winner]
        score = float(scores_of(known, link)[known.project_row[record.id]])
        if is_plain_item(known, thing):

            def logit_without(edges: Sequence[tuple[str, str]]) -> float:
                return embeddings.logit(f"item:{thing.item}", node, without=edges)
        else:
            features, ties = new_item(known, link)
            thing = replace(thing, item=None)

            def logit_without(edges: Sequence[tuple[str, str]]) -> float:
                own = {right for left, right in edges if left == "item:new"}
                kept = [tie for tie in ties if tie[1] not in own]
                inner = [edge for edge in edges if edge[0] != "item:new"]
                return embeddings.new_logit(features, kept, node, without=inner)

        paths = candidate_paths(known.knowledge, thing, record.id)
        ranked = rank_paths(known.knowledge, thing, paths, logit_without)
        return Explanation(link.thing, record.id, score, ranked)

    def compare(self, link: Link, *, k: int = 10) -> Comparison:
        """Set the networks and the plain baselines side by side, all behind the same safety rules.

        Adamic-Adar is left out for a new thing, of which no project is known.
        """
        known = self._ready()
        columns = {name: network_row(known, link, name) for name in NETWORKS}
        columns |= baseline_rows(known, link)
        verdicts = known.rules.verdicts(link.thing)
        ordered = {}
        for name, scores in columns.items():
            ranked = (known.projects[row] for row in np.argsort(-scores, kind="stable"))
            safe = (project for project in ranked if not verdicts[project.id].is_forbidden)
            ordered[name] = tuple(islice(safe, k))
        attention: tuple[Attention, ...] = ()
        if is_plain_item(known, link.thing):
            attention = known.networks["gat"].attention_on(f"item:{link.thing.item}")
        return Comparison(link, ordered, attention)

    def score_pair(self, item: str, project: str) -> PairScore:
        """Score a thing and a project that are given as text.

        Raises:
            InputError: if one of the texts is empty, too long or not understood.
        """
        known = self._ready()
        link, target = self.link(item), known.project_linker.link(project)
        verdict = known.rules.judge(link.thing, target.project)
        item_node = f"item:{link.near[0].id}"
        project_node = f"project:{target.project.id if target.is_known else target.near[0].id}"
        if verdict.is_forbidden:
            return PairScore(0.0, True, verdict.reasons[0], item_node, project_node)
        score = pair_score(known, link, target)
        reason = why_sentence(known.knowledge, link.thing, target.project)
        return PairScore(score, False, reason, item_node, project_node)

    def _ready(self) -> Loaded:
        loaded = self._loaded
        if loaded is None:
            raise EngineUnavailableError("Upcycle is not loaded.", "Wait a moment and try again.")
        return loaded


def _entry(known: Loaded, thing: Thing, row: int, scores: Row, verdict: Verdict) -> Recommendation:
    project = known.projects[row]
    is_documented = thing.item is not None and bool(
        known.documented[known.item_row[thing.item], row]
    )
    why = why_sentence(known.knowledge, thing, project)
    return Recommendation(project, thing.name, float(scores[row]), is_documented, why, verdict)


def _project(known: Loaded, project: str) -> ProjectRecord:
    record = known.knowledge.projects.get(project)
    if record is None:
        raise InputError(f"There is no project '{project}'.", "Choose one of the cards.")
    return record
