"""Training and evaluation: baselines and measures by hand, and runs that resume to the same end."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from engines.upcycle.fit import baselines
from engines.upcycle.fit.data import split_pairs
from engines.upcycle.fit.evaluate import _card, fit_blend, plain_scores, spread
from engines.upcycle.fit.metrics import LinkMetrics, filtered_ranks, link_metrics
from engines.upcycle.fit.train import _Sampler, everything, train_network
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.loading import Loaded
from engines.upcycle.model import NETWORKS
from engines.upcycle.tensors import GraphData, pair_matrix
from tests.engines.upcycle.toy import everything_seen, toy_data

REPO = Path(__file__).resolve().parents[3]

# One item, six projects. Project 0 is known from training, 3 and 4 are held out.
SCORES = np.array([[0.9, 0.8, 0.7, 0.6, 0.1, 0.05]])
KNOWN = np.array([[True, False, False, True, True, False]])
SEEN = np.array([[True, False, False, False, False, False]])
HELD_OUT = np.array([[0, 3], [0, 4]])


def test_ranks_are_among_all_projects_that_are_no_edge() -> None:
    # 3 stands behind 1 and 2; 4 too, and the true ones 0 and 3 do not count.
    assert filtered_ranks(SCORES, KNOWN, HELD_OUT).tolist() == [3.0, 3.0]


def test_equal_scores_count_half() -> None:
    scores = np.zeros((1, 6))
    # Three others are equal: the rank is the mean of 1 and 4.
    assert filtered_ranks(scores, KNOWN, HELD_OUT).tolist() == [2.5, 2.5]


def test_measures_by_hand() -> None:
    # As many negatives are drawn as there are held-out pairs: here 2 of the projects 1, 2 and 5.
    found = link_metrics(SCORES, train_and_val=SEEN, known=KNOWN, held_out=HELD_OUT, seed=0)
    assert found.mrr == pytest.approx(1 / 3)
    assert (found.hits_1, found.hits_3, found.hits_10) == (0.0, 1.0, 1.0)
    assert found.recall_10 == 1.0
    # Of the ranking 1 2 3 4 5 the places 3 and 4 are right.
    gained = 1 / math.log2(4) + 1 / math.log2(5)
    assert found.ndcg_10 == pytest.approx(gained / (1 + 1 / math.log2(3)))
    drawn = np.random.default_rng(0).choice(3, 2, replace=False)
    values = [*SCORES[0, [3, 4]], *SCORES[0, np.array([1, 2, 5])[drawn]]]
    assert found.auc == pytest.approx(roc_auc_score([1, 1, 0, 0], values))
    assert found.ap == pytest.approx(average_precision_score([1, 1, 0, 0], values))


def test_measures_equal_those_of_scikit_learn_over_many_items() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random((12, 40))
    known = rng.random((12, 40)) < 0.2
    pairs = np.argwhere(known)
    held_out = pairs[rng.random(len(pairs)) < 0.4]
    test = np.zeros_like(known)
    test[held_out[:, 0], held_out[:, 1]] = True
    found = link_metrics(
        scores, train_and_val=known & ~test, known=known, held_out=held_out, seed=1
    )
    items = np.unique(held_out[:, 0])
    candidates = [~(known & ~test)[item] for item in items]
    expected = np.mean(
        [
            ndcg_score([test[item, kept]], [scores[item, kept]], k=10)
            for item, kept in zip(items, candidates)
        ]
    )
    assert found.ndcg_10 == pytest.approx(expected)
    recalls = []
    for item, kept in zip(items, candidates):
        top = np.flatnonzero(kept)[np.argsort(-scores[item, kept])[:10]]
        recalls.append(test[item, top].sum() / test[item].sum())
    assert found.recall_10 == pytest.approx(np.mean(recalls))


def test_a_perfect_ranking_measures_one_and_a_reversed_one_less() -> None:
    known = np.eye(5, 20, dtype=bool)
    held_out = np.argwhere(known)
    nothing = np.zeros_like(known)

    def measured(scores: np.ndarray) -> LinkMetrics:
        return link_metrics(scores, train_and_val=nothing, known=known, held_out=held_out, seed=0)

    best = measured(known.astype(float))
    assert [getattr(best, f.name) for f in fields(best)] == [1.0] * 8
    worst = measured(-known.astype(float))
    assert worst.auc == 0.0 and worst.hits_10 == 0.0 and worst.mrr == pytest.approx(1 / 20)


def test_popularity_counts_items() -> None:
    assert baselines.popularity(toy_data(), everything_seen()).tolist() == [[2.0, 2.0, 1.0]] * 3


def test_adamic_adar_by_hand() -> None:
    scores = baselines.adamic_adar(toy_data(), everything_seen())
    # p0 and p1 are shared by two items each: a shared one weighs 1 / log 2.
    weight = 1 / math.log(2)
    # The box shares p1 with the jar: it hears of the jar's p0 and p1.
    assert scores[0] == pytest.approx([weight, weight, 0.0])
    # The jar shares p1 with the box and p0 with the tin.
    assert scores[1] == pytest.approx([weight, weight, weight])
    assert scores[2] == pytest.approx([weight, weight, 0.0])


def test_adamic_adar_equals_that_of_networkx() -> None:
    import networkx as nx

    rng = np.random.default_rng(5)
    data = toy_data()
    linked = rng.random((3, 3)) < 0.7
    split = type(everything_seen())("warm", np.argwhere(linked), *[np.zeros((0, 2), int)] * 2)
    graph = nx.Graph([(f"i{a}", f"p{b}") for a, b in np.argwhere(linked)])
    graph.add_nodes_from([f"i{a}" for a in range(3)])
    alike = np.zeros((3, 3))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        [(_, _, value)] = nx.adamic_adar_index(graph, [(f"i{a}", f"i{b}")])
        alike[a, b] = alike[b, a] = value
    assert baselines.adamic_adar(data, split) == pytest.approx(alike @ linked)


def test_property_overlap_by_hand() -> None:
    scores = baselines.property_overlap(toy_data(), everything_seen())
    # Both properties are required by two of three projects, so both weigh the same.
    assert scores == pytest.approx(np.array([[0, 0.5, 1], [1, 0.5, 0], [1, 0.5, 0]]))


def test_text_cosine_is_that_of_the_embeddings(data: GraphData) -> None:
    scores = baselines.text_cosine(data, everything(data))
    item, project = data.embeddings[data.items[3]], data.embeddings[data.projects[5]]
    assert scores[3, 5] == pytest.approx(float(item @ project), abs=1e-5)
    assert scores.shape == (len(data.items), len(data.projects))


@pytest.mark.parametrize("name", ["popularity", "adamic_adar"])
def test_a_baseline_knows_no_held_out_pair(data: GraphData, name: str) -> None:
    split = split_pairs(data, "warm", 0)
    only_train = type(split)("warm", split.train, split.val[:0], split.test[:0])
    baseline = getattr(baselines, name)
    assert np.array_equal(baseline(data, split), baseline(data, only_train))


def test_light_gcn_learns_the_train_pairs_and_is_the_same_twice(
    data: GraphData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "LIGHTGCN_STEPS", 40)
    split = split_pairs(data, "warm", 0)
    scores = baselines.light_gcn(data, split, seed=0)
    known = pair_matrix(data, [split.train])
    assert scores[known].mean() > scores[~known].mean() + scores[~known].std()
    again = baselines.light_gcn(data, split, seed=0)
    # Sums of many threads differ in their last digits, and training carries these on.
    assert np.corrcoef(scores.ravel(), again.ravel())[0, 1] > 0.999
    assert not np.allclose(scores, baselines.light_gcn(data, split, seed=1), rtol=0.1)


def test_hidden_pairs_are_asked_for_and_the_other_true_ones_are_no_rivals(data: GraphData) -> None:
    split = split_pairs(data, "warm", 0)
    sampler = _Sampler(data, split)
    shares = []
    for seed in range(20):
        hidden = sampler.hide(np.random.default_rng(seed))
        assert hidden.any() and not hidden.all()
        shares.append(hidden.mean())
    assert 0.2 < np.mean(shares) < 0.4
    z = torch.zeros(len(data.nodes), 4)
    asked = split.train[:50]
    rivals = len(data.projects) - pair_matrix(data, [split.train])[asked[:, 0]].sum(axis=1)
    expected = np.log(rivals + 1).mean()
    assert float(sampler.softmax_loss(z, asked)) == pytest.approx(expected, rel=1e-4)


def test_negatives_are_no_edges_and_the_hard_ones_are_of_the_same_material(data: GraphData) -> None:
    split = split_pairs(data, "warm", 0)
    sampler = _Sampler(data, split)
    known = pair_matrix(data, [split.train])
    rng = np.random.default_rng(0)
    for item in split.train[:200, 0]:
        assert not known[item, sampler._negative(int(item), rng)]
    assert any(len(candidates) for candidates in sampler.hard)
    for item, candidates in enumerate(sampler.hard):
        assert not known[item, candidates].any()


@pytest.mark.parametrize("loss", ["softmax", "binary"])
def test_the_loss_falls_and_what_was_held_out_is_found(
    data: GraphData, tmp_path: Path, loss: str
) -> None:
    split = split_pairs(data, "warm", 0)
    trained = train_network("graphsage", data, split, run_dir=tmp_path, seed=0, epochs=3, loss=loss)  # type: ignore[arg-type]
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < log[0]["loss"]
    scores = trained.scores(data)
    assert scores.shape == (len(data.items), len(data.projects))
    known = pair_matrix(data, [split.train, split.val, split.test])
    ranks = filtered_ranks(scores, known, split.test)
    by_chance = len(data.projects) / 2
    assert np.median(ranks) < by_chance / 2
    assert trained.epochs <= 3 and not trained.network.training


RUN = """
import sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from engines.upcycle.tensors import GraphData
from tests.engines.upcycle.test_fit import short_run
stored = dict(np.load(sys.argv[1]))
data = GraphData(nodes=tuple(stored.pop("nodes").tolist()), **stored)
short_run(data, Path(sys.argv[2]))
"""


def short_run(data: GraphData, run_dir: Path) -> np.ndarray:
    """Train for two epochs and return the scores."""
    trained = train_network(
        "graphsage", data, split_pairs(data, "cold", 1), run_dir=run_dir, seed=1, epochs=2
    )
    return trained.scores(data)


def test_a_killed_run_resumes_to_the_same_numbers(data: GraphData, tmp_path: Path) -> None:
    stored, folder = tmp_path / "data.npz", tmp_path / "killed"
    np.savez(stored, **{**vars(data), "nodes": np.array(data.nodes)})
    killed = subprocess.Popen([sys.executable, "-c", RUN, str(stored), str(folder)], cwd=REPO)
    while killed.poll() is None and not list(folder.glob("state-*")):
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert np.array_equal(short_run(data, folder), short_run(data, tmp_path / "whole"))
    finally:
        torch.set_num_threads(threads)


def test_a_blend_is_fitted_on_val_and_never_sees_test(data: GraphData) -> None:
    split = split_pairs(data, "warm", 0)
    plain = {
        "property_overlap": baselines.property_overlap(data, split),
        "text_cosine": baselines.text_cosine(data, split),
    }
    network = np.random.default_rng(0).standard_normal(plain["text_cosine"].shape)
    blend = fit_blend(network, plain, data, split)
    changed = network.copy()
    changed[split.test[:, 0], split.test[:, 1]] = 1e3
    changed[split.train[:, 0], split.train[:, 1]] = -1e3
    again = fit_blend(changed, plain, data, split)
    assert again.weights == pytest.approx(blend.weights) and again.bias == pytest.approx(blend.bias)
    # Noise weighs little, shared properties and likeness of words speak for a project.
    assert abs(blend.weights[0]) < min(blend.weights[1:])


def test_every_baseline_of_the_reference_design_is_measured(
    data: GraphData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "LIGHTGCN_STEPS", 1)
    found = plain_scores(data, split_pairs(data, "cold", 0), 0)
    assert set(found) == {
        "popularity", "adamic_adar", "text_cosine", "property_overlap", "light_gcn",
    }  # fmt: skip
    for scores in found.values():
        assert scores.shape == (len(data.items), len(data.projects)) and np.isfinite(scores).all()


def test_a_spread_is_mean_lowest_and_highest() -> None:
    runs = [{"auc": 0.5, "mrr": 0.1}, {"auc": 0.7, "mrr": 0.4}]
    assert spread(runs) == {"auc": [0.6, 0.5, 0.7], "mrr": [0.25, 0.1, 0.4]}


def test_the_card_says_how_to_make_the_model_and_what_it_is_not(
    knowledge: Knowledge, loaded: Loaded, tmp_path: Path
) -> None:
    from engines.runtime.fit import write_card

    learnt = {name: [{"seconds": 2.0}, {"seconds": 4.0}] for name in NETWORKS}
    card = _card(knowledge, {"warm": {}}, loaded.card.raw["inference"], learnt)
    write_card(tmp_path, card)
    assert f"{len(knowledge.projects)} projects" in json.dumps(card)
    assert "3.0" in card["training"]
    assert "no probability" in json.dumps(card["limits"])
