"""The graph as numbers: 128 of them a node, and no held-out edge among the messages."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from engines.upcycle.features import TEXT_WIDTH, WIDTH, fit_projection, node_text
from engines.upcycle.fit.data import Setting, Split, features_for, split_pairs
from engines.upcycle.knowledge import NODE_TYPES, Knowledge, kind_of
from engines.upcycle.loading import Loaded
from engines.upcycle.model import EDGE_TYPES
from engines.upcycle.tensors import GraphData, messages_of, pair_matrix, property_matrices
from tests.engines.upcycle.toy import toy_data

SPLITS = [(setting, seed) for setting in get_args(Setting) for seed in range(3)]


def test_a_node_has_128_numbers_of_which_the_last_say_its_type(
    data: GraphData, loaded: Loaded
) -> None:
    x = loaded.projection(data.embeddings, data.kinds)
    assert x.shape == (len(data.nodes), WIDTH) == (len(data.nodes), 128)
    assert x.dtype == np.float32 and np.isfinite(x).all()
    types = x[:, TEXT_WIDTH:]
    assert (types.sum(axis=1) == 1).all()
    assert [NODE_TYPES[place] for place in types.argmax(axis=1)] == data.kinds


def test_the_words_of_a_project_do_not_list_its_items(knowledge: Knowledge) -> None:
    for project in knowledge.projects.values():
        assert node_text(knowledge, f"project:{project.id}") == f"{project.name}. {project.summary}"


def test_nodes_are_embedded_with_unit_length(data: GraphData) -> None:
    assert np.linalg.norm(data.embeddings, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_the_projection_equals_that_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    scale = np.linspace(3, 0.1, 160)
    embeddings = (rng.standard_normal((400, 160)) * scale).astype(np.float32)
    ours = fit_projection(embeddings)
    reference = PCA(TEXT_WIDTH, svd_solver="full").fit(embeddings)
    projected = ours(embeddings, ["item"] * 400)[:, :TEXT_WIDTH] * ours.scale
    expected = reference.transform(embeddings)
    assert np.abs(projected) == pytest.approx(np.abs(expected), abs=2e-3)
    assert projected.std() / ours.scale == pytest.approx(1.0, abs=1e-3)


def test_too_few_nodes_for_the_projection_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fit_projection(np.zeros((TEXT_WIDTH - 1, 384), np.float32))


@pytest.mark.parametrize(("setting", "seed"), SPLITS)
def test_the_projection_is_fitted_on_the_train_graph_only(
    data: GraphData, setting: Setting, seed: int
) -> None:
    split = split_pairs(data, setting, seed)
    held_out = np.concatenate([split.val[:, 0], split.test[:, 0]])
    unseen = data.items[np.setdiff1d(held_out, split.train[:, 0])]
    _, before = features_for(data, split)
    changed = data.embeddings.copy()
    changed[unseen] = np.roll(changed[unseen], 7, axis=1) * -3
    other = GraphData(**{**vars(data), "embeddings": changed})
    _, after = features_for(other, split)
    assert np.array_equal(before.components, after.components)
    assert np.array_equal(before.mean, after.mean) and before.scale == after.scale
    if setting == "cold":
        assert len(unseen)
        everything = fit_projection(data.embeddings)
        assert not np.array_equal(before.mean, everything.mean)


@pytest.mark.parametrize(("setting", "seed"), SPLITS)
def test_the_parts_of_a_split_share_no_pair_and_miss_none(
    data: GraphData, setting: Setting, seed: int
) -> None:
    split = split_pairs(data, setting, seed)
    parts = [set(map(tuple, part)) for part in (split.train, split.val, split.test)]
    assert sum(map(len, parts)) == len(data.pairs) == len(set.union(*parts))
    if setting == "warm":
        assert [round(len(p) / len(data.pairs), 2) for p in parts] == [0.8, 0.1, 0.1]
    else:
        items = [set(part[:, 0]) for part in (split.train, split.val, split.test)]
        total = len(set.union(*items))
        assert sum(map(len, items)) == total
        assert [round(len(i) / total, 1) for i in items] == [0.8, 0.1, 0.1]


def leaks(data: GraphData, split: Split) -> list[tuple[int, int, int]]:
    """List messages between the ends of a held-out pair, in any direction and of any type."""
    messages = messages_of(data, split.train)
    sent = set(zip(*messages.edge_index.tolist(), strict=True))
    held_out = np.concatenate([split.val, split.test])
    ends = [(int(data.items[i]), int(data.projects[p])) for i, p in held_out]
    return [(a, b, 0) for a, b in ends if (a, b) in sent or (b, a) in sent]


@pytest.mark.parametrize(("setting", "seed"), SPLITS)
def test_no_held_out_pair_is_among_the_messages(
    data: GraphData, setting: Setting, seed: int
) -> None:
    split = split_pairs(data, setting, seed)
    assert len(split.test) and leaks(data, split) == []
    # The check would see one.
    leaky = Split(setting, np.concatenate([split.train, split.test[:1]]), split.val, split.test)
    assert len(leaks(data, leaky)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_cold_item_is_tied_to_no_project_at_all(data: GraphData, seed: int) -> None:
    split = split_pairs(data, "cold", seed)
    messages = messages_of(data, split.train)
    cold = set(data.items[np.unique(split.test[:, 0])].tolist())
    projects = set(data.projects.tolist())
    for a, b in zip(*messages.edge_index.tolist(), strict=True):
        assert not (a in cold and b in projects) and not (b in cold and a in projects)


def test_no_fact_is_derived_from_pairs_of_items_and_projects(data: GraphData) -> None:
    kinds = data.kinds
    between = {(kinds[a], kinds[b]) for a, b in data.facts}
    assert ("item", "project") not in between and ("project", "item") not in between
    assert ("item", "item") not in between and ("project", "project") not in between
    assert len({(a, b, t) for (a, b), t in zip(data.facts, data.fact_types)}) == len(data.facts)
    assert len({tuple(pair) for pair in data.pairs}) == len(data.pairs)


def test_messages_hold_each_edge_once_in_each_direction(data: GraphData) -> None:
    messages = messages_of(data, data.pairs)
    edges = list(zip(*messages.edge_index.tolist(), messages.edge_type.tolist(), strict=True))
    assert len(set(edges)) == len(edges) == 2 * (len(data.facts) + len(data.pairs))
    half = len(EDGE_TYPES) // 2
    forward = {edge for edge in edges if edge[2] < half}
    assert {(b, a, kind + half) for a, b, kind in forward} == set(edges) - forward


def test_the_graph_as_numbers_holds_what_the_facts_say(
    knowledge: Knowledge, data: GraphData
) -> None:
    assert data.nodes == knowledge.nodes
    assert [kind_of(data.nodes[place]) for place in data.items] == ["item"] * len(knowledge.items)
    named = {
        (data.nodes[data.items[i]], "can_become", data.nodes[data.projects[p]])
        for i, p in data.pairs
    }
    named |= {
        (data.nodes[a], EDGE_TYPES[kind], data.nodes[b])
        for (a, b), kind in zip(data.facts, data.fact_types, strict=True)
    }
    assert named == set(knowledge.edges)


def test_property_matrices_by_hand() -> None:
    has, materials, requires = property_matrices(toy_data())
    # Columns: hollow, strong. The box is hollow by form, jar and tin strong by their metal.
    assert has.tolist() == [[True, False], [False, True], [False, True]]
    assert materials.tolist() == [[True, False], [False, True], [False, True]]
    assert requires.tolist() == [[False, True], [True, True], [True, False]]


def test_a_pair_matrix_marks_the_pairs_of_all_parts() -> None:
    data = toy_data()
    marked = pair_matrix(data, [data.pairs[:2], data.pairs[4:]])
    assert marked.tolist() == [[False, True, True], [False] * 3, [True, False, False]]
