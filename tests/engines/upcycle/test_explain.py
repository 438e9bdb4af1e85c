"""Explanations: typed paths whose edges the score leans on, and sentences that read well."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from engines.runtime.errors import InputError
from engines.runtime.settings import Settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.explain import (
    CAVEAT,
    NEW,
    candidate_paths,
    shared_properties,
    why_sentence,
)
from engines.upcycle.inference import NodeEmbeddings
from engines.upcycle.knowledge import RELATIONS, Knowledge, kind_of
from engines.upcycle.loading import Loaded, read_checkpoint
from engines.upcycle.safety import SafetyRules, Thing
from engines.upcycle.tensors import messages_of

SAMPLE = 36


@pytest.fixture(scope="module")
def sample(engine: UpcycleEngine, loaded: Loaded) -> list[tuple[str, str]]:
    """Return pairs of an item and a project: half documented ones, half first suggestions."""
    rng = np.random.default_rng(0)
    rows = rng.choice(len(loaded.data.pairs), SAMPLE // 2, replace=False)
    items = list(loaded.item_row)
    pairs = [(items[i], loaded.projects[p].id) for i, p in loaded.data.pairs[rows]]
    harmless = [i for i in items if loaded.knowledge.items[i].danger is None]
    for item in rng.choice(harmless, SAMPLE // 2, replace=False):
        pairs.append((str(item), engine.recommend(engine.link(str(item)), k=1).best[0].project.id))
    return pairs


def test_dropping_the_edges_of_the_best_path_lowers_the_score(
    engine: UpcycleEngine, loaded: Loaded, sample: list[tuple[str, str]]
) -> None:
    """The fall is measured anew, on a network that is run over the smaller graph."""
    assert len(sample) >= 30
    x = torch.from_numpy(loaded.projection(loaded.data.embeddings, loaded.data.kinds))
    messages = messages_of(loaded.data, loaded.data.pairs)
    network = read_checkpoint(Settings()).networks[loaded.winner]
    place = {node: number for number, node in enumerate(loaded.data.nodes)}
    sources, targets = messages.edge_index
    rng = np.random.default_rng(1)

    whole_z = network.encode(x, messages).detach()

    def logit(item: str, project: str, dropped: list[tuple[str, str]]) -> float:
        marked = torch.zeros(len(sources), dtype=torch.bool)
        for left, right in dropped:
            a, b = place[left], place[right]
            ends = ((sources == a) & (targets == b)) | ((sources == b) & (targets == a))
            assert ends.sum() >= 2
            marked |= ends
        z = network.encode(x, messages.without(marked)).detach() if dropped else whole_z
        return float(z[place[f"item:{item}"]] @ z[place[f"project:{project}"]])

    facts = [(loaded.data.nodes[a], loaded.data.nodes[b]) for a, b in loaded.data.facts]
    explained, falls, falls_at_random = 0, [], []
    for item, project in sample:
        found = engine.explain(engine.link(item), project)
        if not found.paths:
            continue
        explained += 1
        whole = logit(item, project, [])
        best = found.paths[0]
        fall = whole - logit(item, project, list(pairwise(best.nodes)))
        assert fall > 0, (item, project)
        assert fall == pytest.approx(best.importance, rel=1e-2, abs=1e-2)
        falls.append(fall)
        if len(falls) % 3 == 0:
            drawn = rng.choice(len(facts), len(best.relations), replace=False)
            falls_at_random.append(whole - logit(item, project, [facts[n] for n in drawn]))
    # A pair without any path that the score leans on is left unexplained, not made up.
    assert explained >= 0.9 * len(sample)
    assert np.median(falls) > 10 * abs(np.median(falls_at_random))


def test_paths_are_typed_have_at_most_three_hops_and_stand_in_the_graph(
    engine: UpcycleEngine, knowledge: Knowledge, sample: list[tuple[str, str]]
) -> None:
    graph = knowledge.graph
    for item, project in sample[::3]:
        found = engine.explain(engine.link(item), project)
        assert 0.0 <= found.score <= 1.0 and found.caveat == CAVEAT
        importances = [path.importance for path in found.paths]
        assert importances == sorted(importances, reverse=True) and min(importances, default=1) > 0
        for path in found.paths:
            assert path.nodes[0] == f"item:{item}" and path.nodes[-1] == f"project:{project}"
            assert 2 <= len(path.relations) == len(path.nodes) - 1 <= 3
            assert len(set(path.nodes)) == len(path.nodes)
            for (left, right), relation in zip(pairwise(path.nodes), path.relations):
                name = relation.removeprefix("rev_")
                source, target = (right, left) if relation.startswith("rev_") else (left, right)
                assert graph.has_edge(source, target, key=name)
                assert RELATIONS[name] == (kind_of(source), kind_of(target))


def test_a_known_project_is_not_explained_by_being_known(
    knowledge: Knowledge, sample: list[tuple[str, str]]
) -> None:
    rules = SafetyRules(knowledge)
    for item, project in sample:
        for nodes, relations in candidate_paths(knowledge, rules.thing(item), project):
            assert len(nodes) > 2 and relations != ("can_become",)


def test_a_new_thing_is_explained_by_its_materials_and_form(engine: UpcycleEngine) -> None:
    link = engine.link("garden gnome")
    link = engine.correct(link, materials=["ceramic"], properties=["container", "wide_mouth"])
    project = engine.recommend(link, k=1).best[0].project
    found = engine.explain(link, project.id)
    assert found.paths
    for path in found.paths:
        assert path.nodes[0] == NEW
        assert path.relations[0] in ("made_of", "has_form")
        assert path.sentence.startswith("It ") and "item:new" not in path.sentence


def test_the_paths_of_another_material_are_those_of_the_correction(engine: UpcycleEngine) -> None:
    link = engine.correct(engine.link("glass jar"), materials=["wood"], properties=["container"])
    project = engine.recommend(link, k=1).best[0].project
    for path in engine.explain(link, project.id).paths:
        assert path.nodes[1] != "material:glass"


def test_sentences_read_well(
    engine: UpcycleEngine, knowledge: Knowledge, sample: list[tuple[str, str]]
) -> None:
    rules = SafetyRules(knowledge)
    sentences = [
        why_sentence(knowledge, rules.thing(item), project)
        for item in knowledge.items
        for project in list(knowledge.projects.values())[::9]
    ]
    for item, project in sample[::6]:
        sentences += [path.sentence for path in engine.explain(engine.link(item), project).paths]
    for sentence in sentences:
        assert re.fullmatch(r"[A-Z“].*[.]", sentence), sentence
        assert not re.search(r"_|  |\b(a|an) (a|an|the)\b|\ba [aeio]|[.;,]{2}|None", sentence), (
            sentence
        )


def test_the_sentence_names_shared_properties_rare_ones_first(knowledge: Knowledge) -> None:
    rules = SafetyRules(knowledge)
    thing = rules.thing("glass_jar")
    counts = knowledge.requirement_counts
    for project in knowledge.projects.values():
        shared = shared_properties(knowledge, thing, project)
        names = [name for name, _ in shared]
        has = knowledge.properties_of(knowledge.items["glass_jar"])
        assert set(names) == set(project.requires) & has
        assert [counts[n] for n in names] == sorted(counts[n] for n in names)
        for name, material in shared:
            assert material == "" or name in knowledge.materials[material].properties


def test_nothing_shared_is_said_so(knowledge: Knowledge) -> None:
    thing = Thing("ghost", None, ("toxic_residue",), ())
    project = next(iter(knowledge.projects.values()))
    assert "nothing that" in why_sentence(knowledge, thing, project)


def test_an_unknown_project_is_named(engine: UpcycleEngine) -> None:
    with pytest.raises(InputError, match="There is no project 'moon_base'"):
        engine.explain(engine.link("glass jar"), "moon_base")


def test_attention_is_on_neighbours_only(loaded: Loaded) -> None:
    gat: NodeEmbeddings = loaded.networks["gat"]
    found = gat.attention_on("item:glass_jar")
    graph = loaded.knowledge.graph
    assert found and sum(entry.share for entry in found) == pytest.approx(1.0, abs=1e-3)
    assert [e.share for e in found] == sorted((e.share for e in found), reverse=True)
    assert all(graph.has_edge("item:glass_jar", e.node, key=e.relation) for e in found)
    assert loaded.networks["graphsage"].attention_on("item:glass_jar") == ()
