"""Fit what tells answerable questions from others, and measure the chat.

`python -m engines.rag.fit.calibrate --dev tests/engines/rag/data/dev.jsonl \\
    --test tests/engines/rag/data/test.jsonl`

The model is fitted on the training questions (those beside the documents, which have an answer, and
unanswerable.jsonl) and on the dev questions, which were looked at while the chat was built. The
threshold is chosen on what models that did not see them say of the dev questions (five folds). What
counts is measured on the test questions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from engines.rag.ask import read_questions
from engines.rag.engine import RagEngine
from engines.rag.evidence import CHECKPOINT, AnswerableModel, Evidence
from engines.rag.fit.answerable import (
    FOLDS,
    Asked,
    choose_threshold,
    cross_judged,
    fit,
    fold_of,
    is_refused,
    judged,
)
from engines.rag.known_questions import read_known_questions
from engines.rag.session import ChatSession
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings, load_settings
from engines.runtime.text_encoder import open_encoder

UNANSWERABLE = Path(__file__).with_name("unanswerable.jsonl")
BOOTSTRAP_DRAWS = 2000


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


def ask_training(
    settings: Settings, answerable: AnswerableModel, unanswerable: Sequence[dict[str, Any]]
) -> list[Asked]:
    """Find passages for the training questions, each by an engine that does not know it.

    In five folds; questions on one section of a document stay together, since they are alike.
    """
    known = read_known_questions(settings.knowledge_dir)
    asked = []
    for fold in range(FOLDS):
        others = [entry for entry in known if fold_of(entry) != fold]
        engine = open_engine(settings, answerable, others)
        mine = [entry for entry in (*known, *unanswerable) if fold_of(entry) == fold]
        asked += ask_all(engine, mine)
    return asked


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
        rank = next((i for i, d in enumerate(order, 1) if d in a.entry["documents"]), np.inf)
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
    probability = [a.probability for a in asked]
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


def open_engine(
    settings: Settings,
    answerable: AnswerableModel | None = None,
    known: Sequence[dict[str, Any]] | None = None,
) -> RagEngine:
    """Load the chat engine for measuring."""
    limit_threads(settings.cpu_threads)
    engine = RagEngine(settings, choose_placement(settings), answerable=answerable, known=known)
    engine.load()
    return engine


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", type=Path, required=True, help="labelled questions to choose by")
    parser.add_argument("--test", type=Path, help="labelled questions to report on")
    parser.add_argument("--out", type=Path, default=Path("checkpoints") / CHECKPOINT)
    arguments = parser.parse_args(argv)
    names = [field.name for field in fields(Evidence)]
    settings = load_settings()
    width = open_encoder(settings.embedding_model, settings, choose_placement(settings)).width
    untrained = AnswerableModel.open(width)
    training = ask_training(settings, untrained, read_questions(UNANSWERABLE))
    engine = open_engine(settings, untrained)
    dev = ask_all(engine, read_questions(arguments.dev))
    crossed = cross_judged(dev, training)
    model = fit([*training, *dev])
    model = replace(model, threshold=choose_threshold(crossed, model))
    metrics = {"dev": measure(engine, crossed, model)}
    if arguments.test:
        test = ask_all(engine, read_questions(arguments.test))
        metrics["test"] = measure(engine, [judged(a, model) for a in test], model)
    command = "python -m engines.rag.fit.calibrate"
    command += f" --dev {arguments.dev}" + (f" --test {arguments.test}" if arguments.test else "")
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "weight": torch.from_numpy(model.weight).float(),
            "bias": torch.tensor(model.bias),
            "kind_vectors": torch.from_numpy(model.kind.vectors).half(),
            "kind_weights": torch.from_numpy(model.kind.weights).float(),
            "kind_bias": torch.tensor(model.kind.bias),
            "kind_gamma": torch.tensor(model.kind.gamma),
            "unanswerable": torch.from_numpy(model.unanswerable).half(),
        },
        arguments.out / "model.safetensors",
    )
    model.wording.save(arguments.out)
    write_card(
        arguments.out,
        {
            "name": "answerable",
            "version": "1",
            "summary": "Says whether the documents hold an answer to a question.",
            "command": command,
            "training": f"Logistic regression on {', '.join(names)}; "
            f"{len(training) + len(dev)} questions, {len(dev)} of them dev. The dev numbers are "
            "cross-validated in five folds.",
            "data": [
                {
                    "name": "Questions written for this project",
                    "licence": "as the project",
                    "use": "fit (questions beside the documents and in engines/rag/fit, dev), "
                    "threshold (dev, cross-validated), report (test)",
                }
            ],
            "licence": "as the project",
            "limits": [
                "The chat was built while looking at the dev questions, so their numbers flatter.",
                "A test question's documents are those that a reader judged to answer it, among "
                "the best of meaning, words and both together: one that none of them found counts "
                "as wrong.",
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
