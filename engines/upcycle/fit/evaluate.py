"""Compare the networks with plain baselines, ship what wins, and write its card.

`python -m engines.upcycle.fit.evaluate --out checkpoints/upcycle`

Edges are held out in two ways: single ones (warm), and all of an item (cold). Every system scores
all projects for an item; the blend's weights are fitted on the val part of each split.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.fit import write_card
from engines.runtime.settings import load_settings
from engines.runtime.text_encoder import open_encoder
from engines.upcycle.blend import ENCODER, Blend, parts_of
from engines.upcycle.fit import baselines
from engines.upcycle.fit.data import Setting, Split, features_for, split_pairs
from engines.upcycle.fit.metrics import Scores, link_metrics
from engines.upcycle.fit.train import everything, train_network
from engines.upcycle.knowledge import GRAPH_DIR, Knowledge, read_knowledge
from engines.upcycle.model import NETWORKS
from engines.upcycle.tensors import GraphData, graph_data, pair_matrix

SEEDS = 5
SETTINGS: tuple[Setting, ...] = ("warm", "cold")
PLAIN = ("popularity", "adamic_adar", "text_cosine", "property_overlap", "light_gcn")
CHOOSE_BY = "mrr"


def plain_scores(data: GraphData, split: Split, seed: int) -> dict[str, Scores]:
    """Score all pairs with every baseline."""
    return {
        "popularity": baselines.popularity(data, split),
        "adamic_adar": baselines.adamic_adar(data, split),
        "text_cosine": baselines.text_cosine(data, split),
        "property_overlap": baselines.property_overlap(data, split),
        "light_gcn": baselines.light_gcn(data, split, seed),
    }


def fit_blend(network: Scores, plain: Mapping[str, Scores], data: GraphData, split: Split) -> Blend:
    """Fit a blend on the val pairs, against all pairs of their items that are no edge."""
    known = pair_matrix(data, [split.train, split.val, split.test])
    wanted = pair_matrix(data, [split.val])
    # A test pair of the same item is neither asked for nor held against the blend.
    is_used = wanted | ~known
    is_used[np.setdiff1d(np.arange(len(data.items)), split.val[:, 0])] = False
    x = parts_of(network, plain["property_overlap"], plain["text_cosine"])
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(x[is_used], wanted[is_used])
    return Blend(tuple(float(w) for w in model.coef_[0]), float(model.intercept_[0]))


def evaluate_split(
    data: GraphData, setting: Setting, seed: int, runs: Path
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]], dict[str, Any]]:
    """Measure every system on one split.

    Returns:
        Metrics on test and on val by system, and what was learnt (blends, epochs, seconds).
    """
    split = split_pairs(data, setting, seed)
    plain = plain_scores(data, split, seed)
    systems: dict[str, Scores] = dict(plain)
    # The blend without a network, and with the strongest plain baseline in its place: what the
    # networks add is the difference to these.
    stand_ins = {"rules_and_text": np.zeros_like(plain["light_gcn"]), **plain}
    for name in ("rules_and_text", "adamic_adar", "light_gcn"):
        blend = fit_blend(stand_ins[name], plain, data, split)
        systems[f"{name}_blend"] = blend.logits(
            parts_of(stand_ins[name], plain["property_overlap"], plain["text_cosine"])
        )
    learnt: dict[str, Any] = {}
    for name in NETWORKS:
        trained = train_network(
            name, data, split, run_dir=runs / f"{setting}_{seed}_{name}", seed=seed
        )
        systems[name] = trained.scores(data)
        blend = fit_blend(systems[name], plain, data, split)
        systems[f"{name}_blend"] = blend.logits(
            parts_of(systems[name], plain["property_overlap"], plain["text_cosine"])
        )
        learnt[name] = {"blend": blend, "epochs": trained.epochs, "seconds": trained.seconds}
    # The reference design's loss, so that the card shows what the other one is worth.
    run_dir = runs / f"{setting}_{seed}_binary"
    binary = train_network("graphsage", data, split, run_dir=run_dir, seed=seed, loss="binary")
    systems["graphsage_binary_loss"] = binary.scores(data)
    known = pair_matrix(data, [split.train, split.val, split.test])
    measured = []
    for held_out, others in ((split.test, split.val), (split.val, split.test)):
        seen = pair_matrix(data, [split.train, others])
        measured.append(
            {
                name: asdict(
                    link_metrics(s, train_and_val=seen, known=known, held_out=held_out, seed=seed)
                )
                for name, s in systems.items()
            }
        )
    return measured[0], measured[1], learnt


def spread(runs: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Mean, lowest and highest value of each metric over the seeds."""
    return {
        name: [
            round(float(pick(np.array([run[name] for run in runs]))), 4)
            for pick in (np.mean, np.min, np.max)
        ]
        for name in runs[0]
    }


def ship(
    knowledge: Knowledge,
    data: GraphData,
    learnt: Mapping[str, Sequence[Mapping[str, Any]]],
    winner: str,
    runs: Path,
    out: Path,
) -> dict[str, Any]:
    """Train every network on all edges for its usual number of epochs, and save them all."""
    split = everything(data)
    _, projection = features_for(data, split)
    tensors = {
        "projection.mean": torch.from_numpy(projection.mean),
        "projection.components": torch.from_numpy(projection.components),
        "projection.scale": torch.tensor(projection.scale),
    }
    inference: dict[str, Any] = {"encoder": ENCODER, "winner": winner, "blend": {}, "epochs": {}}
    for name in NETWORKS:
        epochs = int(np.median([entry["epochs"] for entry in learnt[name]]))
        trained = train_network(
            name, data, split, run_dir=runs / f"all_{name}", seed=0, epochs=epochs
        )
        tensors |= {
            f"{name}.{key}": value.half() if value.is_floating_point() else value
            for key, value in trained.network.state_dict().items()
        }
        blends = [entry["blend"] for entry in learnt[name]]
        inference["blend"][name] = {
            "weights": [
                round(float(w), 5) for w in np.mean([blend.weights for blend in blends], axis=0)
            ],
            "bias": round(float(np.mean([blend.bias for blend in blends])), 5),
        }
        inference["epochs"][name] = epochs
    out.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in tensors.items()}, out / "model.safetensors"
    )
    return inference


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.upcycle.fit.evaluate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--graph", type=Path, default=GRAPH_DIR)
    parser.add_argument("--out", type=Path, default=Path("checkpoints/upcycle"))
    parser.add_argument("--runs", type=Path, default=Path("runs/upcycle"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--fresh", action="store_true", help="forget finished runs first")
    arguments = parser.parse_args(argv)
    settings = load_settings()
    limit_threads(settings.cpu_threads)
    if arguments.fresh:
        shutil.rmtree(arguments.runs, ignore_errors=True)
    knowledge = read_knowledge(arguments.graph)
    data = graph_data(knowledge, open_encoder(ENCODER, settings, choose_placement(settings)))
    # A finished run is taken up again, but only on the very graph it was trained on.
    runs = arguments.runs / data.fingerprint
    test: dict[str, dict[str, list[dict[str, float]]]] = {}
    val: dict[str, dict[str, list[dict[str, float]]]] = {}
    learnt: dict[str, list[dict[str, Any]]] = {name: [] for name in NETWORKS}
    for setting in tqdm(SETTINGS, desc="settings"):
        for seed in range(arguments.seeds):
            measured, on_val, entries = evaluate_split(data, setting, seed, runs)
            for name in measured:
                test.setdefault(setting, {}).setdefault(name, []).append(measured[name])
                val.setdefault(setting, {}).setdefault(name, []).append(on_val[name])
            for name, entry in entries.items():
                learnt[name].append(entry)
            line = {k: round(v["hits_10"], 3) for k, v in measured.items()}
            print(setting, seed, json.dumps(line), flush=True)
    # The blend's weights are fitted on val, so val would flatter it: the networks are compared
    # on val without it, and the shipped network is always asked through its blend.
    winner = max(
        NETWORKS,
        key=lambda name: np.mean(
            [run[CHOOSE_BY] for setting in SETTINGS for run in val[setting][name]]
        ),
    )
    inference = ship(knowledge, data, learnt, winner, runs, arguments.out)
    metrics = {
        setting: {name: spread(measures) for name, measures in systems.items()}
        for setting, systems in test.items()
    }
    write_card(arguments.out, _card(knowledge, metrics, inference, learnt))
    print(json.dumps(metrics, indent=1))


def _card(
    knowledge: Knowledge,
    metrics: Mapping[str, Any],
    inference: Mapping[str, Any],
    learnt: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    seconds = {
        name: round(float(np.median([entry["seconds"] for entry in entries])), 1)
        for name, entries in learnt.items()
    }
    return {
        "name": "upcycle",
        "version": "1.0.0",
        "created": date.today().isoformat(),
        "summary": "Says which projects suit a thing, over the graph of assets/graph.",
        "command": "make train-upcycle",
        "training": (
            "AdamW 1e-3, weight decay 5e-4, warm-up of one epoch of 20 steps, cosine, gradient "
            "norm 1.0, moving average 0.98, best epoch by MRR on val with a patience of 8 epochs. "
            "Each step hides 30 % of the edges, or all edges of 30 % of the items, and asks for "
            "them back by a softmax over all projects that are no edge of the item. "
            "graphsage_binary_loss is the same network with the reference design's loss: binary "
            "cross-entropy with one negative per edge, half of them projects of items of the same "
            "material. The shipped networks are trained on all edges, for the median "
            f"number of epochs. Median seconds of one training on the CPU: {json.dumps(seconds)}."
        ),
        "data": {
            "assets/graph": (
                f"{len(knowledge.items)} items, {len(knowledge.materials)} materials, "
                f"{len(knowledge.properties)} properties, {len(knowledge.projects)} projects, "
                f"{len(knowledge.tools)} tools, {len(knowledge.edges)} edges, written for this "
                "project."
            ),
        },
        "licence": "As the project. Embeddings come from all-MiniLM-L6-v2 (Apache-2.0).",
        "limits": [
            "The facts have few authors. A pair that is not in the graph counts as wrong, though "
            "it may be a good idea: the measures are lower bounds.",
            "The measured networks saw 80 % of the edges; the shipped ones saw all and are not "
            "measured themselves.",
            "The blend's weights are the mean of those fitted on the val parts.",
            "Scores order projects. They are no probability that a project succeeds.",
        ],
        "metrics": metrics,
        "inference": inference,
    }


if __name__ == "__main__":
    main()
