"""Fit what tells answerable questions from others, and measure the chat on held-out questions.

`python -m engines.rag.fit.calibrate --held-out tests/engines/rag/data/held_out.jsonl`

Two logistic regressions are fitted on the training questions beside this file. The threshold is
chosen on the dev part of the held-out questions; what counts is measured on their test part.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from engines.rag.ask import read_questions
from engines.rag.engine import Found, RagEngine
from engines.rag.evidence import CHECKPOINT, AnswerableModel, Evidence
from engines.rag.library import open_encoder
from engines.rag.session import ChatSession
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings, load_settings

HERE = Path(__file__).parent
FALSE_REFUSALS = 0.05
KIND_C = 1.0
BOOTSTRAP_DRAWS = 2000
UNANSWERABLE_KINDS = ("unanswerable", "out_of_scope")


@dataclass(frozen=True)
class Asked:
    """A labelled question and what was found for it; None where it was refused as input."""

    entry: dict[str, Any]
    found: Found | None

    @property
    def is_answerable(self) -> bool:
        """Whether the documents should answer it."""
        return bool(self.entry.get("documents") or self.entry.get("document"))


def ask_all(engine: RagEngine, entries: Sequence[dict[str, Any]]) -> list[Asked]:
    """Find passages for every question, each on its own."""
    asked = []
    for entry in tqdm(entries, unit="question"):
        region = entry.get("region", "generic")
        region = "generic" if region == "all" else region
        try:
            found = engine.find(entry["question"], ChatSession(), region=region)
        except InputError:
            found = None
        asked.append(Asked(entry, found))
    return asked


def fit(asked: Sequence[Asked]) -> AnswerableModel:
    """Fit both class-balanced logistic regressions; the model's threshold is 0.

    The second sees what the first says of questions that it was not fitted on (stacking with
    five folds), as it will be with new questions.
    """
    usable = [(a.found, a.is_answerable) for a in asked if a.found is not None]
    y = np.array([label for _, label in usable], dtype=int)
    embedded = np.stack([found.vector for found, _ in usable])
    kind = LogisticRegression(C=KIND_C, class_weight="balanced", max_iter=2000)
    unseen = cross_val_predict(kind, embedded, y, cv=5, method="decision_function")
    kind.fit(embedded, y)
    x = np.stack([replace(f.evidence, kind=k).vector() for (f, _), k in zip(usable, unseen)])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(scaler.transform(x), y)
    weight = model.coef_[0] / scaler.scale_
    return AnswerableModel(
        weight=weight,
        bias=float(model.intercept_[0] - weight @ scaler.mean_),
        kind_weight=kind.coef_[0],
        kind_bias=float(kind.intercept_[0]),
        threshold=0.0,
    )


def with_kind(asked: Asked, model: AnswerableModel) -> Asked:
    """Fill in what the fitted model says of the kind of question."""
    if asked.found is None:
        return asked
    kind = model.kind(asked.found.vector)
    evidence = replace(asked.found.evidence, kind=kind)
    return Asked(asked.entry, replace(asked.found, evidence=evidence))


def probabilities(asked: Sequence[Asked], model: AnswerableModel) -> NDArray[np.float64]:
    """Probability of each question to be answerable; 0 where it was refused as input."""
    return np.array(
        [0.0 if a.found is None else model.probability(a.found.evidence) for a in asked]
    )


def is_relevant(document_id: str, entry: dict[str, Any]) -> bool:
    """Say whether a document answers a labelled question.

    The rules of a place count where the guide or the questions on the same item are listed.
    """
    wanted = set(entry["documents"])
    if document_id.startswith("rules/"):
        item = document_id.rsplit("/", 1)[-1]
        return bool({f"guide/{item}", f"faq/faq_{item}"} & wanted)
    return document_id in wanted


def document_ranks(asked: Sequence[Asked]) -> NDArray[np.float64]:
    """Rank of the first relevant document of each answerable question, inf where none is found."""
    ranks = []
    for a in asked:
        if not a.is_answerable:
            continue
        found = a.found
        order = [] if found is None else [hit.chunk.document_id for hit in found.hits]
        order += [] if found is None else [c.chunk_id.split("#")[0] for c in found.trace.candidates]
        order = list(dict.fromkeys(order))
        rank = next((i for i, d in enumerate(order, 1) if is_relevant(d, a.entry)), np.inf)
        ranks.append(rank)
    return np.array(ranks, dtype=float)


def interval(values: NDArray[Any]) -> list[float]:
    """Mean with its 95 % bootstrap interval."""
    if not len(values):
        return []
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(values), (BOOTSTRAP_DRAWS, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return [round(float(v), 4) for v in (values.mean(), low, high)]


def measure(engine: RagEngine, asked: Sequence[Asked], model: AnswerableModel) -> dict[str, Any]:
    """Compute what the card reports of these questions."""
    answerable = np.array([a.is_answerable for a in asked])
    probability = probabilities(asked, model)
    refused = np.array([is_refused(a, model) for a in asked])
    ranks = document_ranks(asked)
    hazards = [a for a in asked if a.entry["kind"] == "hazard"]
    has_safety = [
        a.found is not None
        and not is_refused(a, model)
        and any(s.is_safety for s in engine.quote(replace(a.found, is_answerable=True)).sentences)
        for a in hazards
    ]
    latencies = [
        sum(t.latency_ms for t in a.found.trace.timings) for a in asked if a.found is not None
    ]
    return {
        "questions": len(asked),
        "answerable": int(answerable.sum()),
        "recall@5": interval((ranks <= 5).astype(float)),
        "mrr": interval(1.0 / ranks),
        "auroc": round(float(roc_auc_score(answerable, probability)), 4),
        "unanswerable_caught": interval(refused[~answerable].astype(float)),
        "false_refusals": interval(refused[answerable].astype(float)),
        "hazard_questions": len(hazards),
        "hazard_safety_sentence": interval(np.array(has_safety, dtype=float)),
        "find_p50_ms": round(float(np.percentile(latencies, 50)), 1),
        "find_p95_ms": round(float(np.percentile(latencies, 95)), 1),
    }


def is_refused(asked: Asked, model: AnswerableModel) -> bool:
    """Say whether a question would be refused, as the engine decides it."""
    if asked.found is None:
        return True
    bar = model.bar(is_danger_known=asked.found.is_danger and bool(asked.found.safety))
    return model.probability(asked.found.evidence) < bar


def choose_threshold(asked: Sequence[Asked], model: AnswerableModel) -> float:
    """Take the threshold that refuses a little less than FALSE_REFUSALS of the answerable."""
    kept = probabilities([a for a in asked if a.is_answerable], model)
    return float(np.quantile(kept, FALSE_REFUSALS * 0.8))


def open_engine(settings: Settings, answerable: AnswerableModel | None = None) -> RagEngine:
    """Load the chat engine for measuring."""
    limit_threads(settings.cpu_threads)
    engine = RagEngine(settings, choose_placement(settings), answerable=answerable)
    engine.load()
    return engine


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", type=Path, required=True, help="labelled held-out questions")
    parser.add_argument("--out", type=Path, default=Path("checkpoints") / CHECKPOINT)
    arguments = parser.parse_args(argv)
    names = [field.name for field in fields(Evidence)]
    settings = load_settings()
    width = open_encoder(settings, choose_placement(settings)).width
    engine = open_engine(settings, AnswerableModel.open(width))
    training = ask_all(
        engine,
        read_questions(HERE / "questions.jsonl") + read_questions(HERE / "unanswerable.jsonl"),
    )
    held_out = ask_all(engine, read_questions(arguments.held_out))
    dev, test = ([a for a in held_out if a.entry["split"] == split] for split in ("dev", "test"))
    model = fit(training)
    dev, test = ([with_kind(a, model) for a in part] for part in (dev, test))
    model = replace(model, threshold=choose_threshold(dev, model))
    metrics = {"dev": measure(engine, dev, model), "test": measure(engine, test, model)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "weight": torch.from_numpy(model.weight).float(),
            "bias": torch.tensor(model.bias),
            "kind_weight": torch.from_numpy(model.kind_weight).float(),
            "kind_bias": torch.tensor(model.kind_bias),
        },
        arguments.out / "model.safetensors",
    )
    write_card(
        arguments.out,
        {
            "name": "answerable",
            "version": "1",
            "summary": "Says whether the documents hold an answer to a question.",
            "command": f"python -m engines.rag.fit.calibrate --held-out {arguments.held_out}",
            "training": f"Logistic regression on {', '.join(names)}; {len(training)} questions.",
            "data": [
                {
                    "name": "Questions written for this project",
                    "licence": "as the project",
                    "use": "fit (engines/rag/fit), threshold (held-out dev), report (test)",
                }
            ],
            "licence": "as the project",
            "limits": [
                "The labels of the held-out questions come from the documents' names: a document "
                "that answers without being listed counts as a miss.",
                "A question that is close to a topic of the documents but asks for a detail they "
                "don't hold is the likeliest to be answered wrongly.",
            ],
            "created": date.today().isoformat(),
            "metrics": metrics,
            "inference": {"features": names, "threshold": round(model.threshold, 4)},
        },
    )
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
