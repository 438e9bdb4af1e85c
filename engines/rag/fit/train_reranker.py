"""Fine-tune a cross-encoder on questions to our documents: who reads question and passage together
judges better than who compares two vectors.

`python -m engines.rag.fit.train_reranker --run runs/rag/reranker --out checkpoints/reranker`

Starts from all-MiniLM-L6-v2. Each sample is a question, the passage that answers it and hard
negatives: passages that search ranks high but that don't answer it. The loss is cross-entropy of
the right one among them (Gao et al. 2021, Rethink Training of BERT Rerankers). Whole documents are
kept apart for choosing the best epoch. Killed at any moment, the same command goes on.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from engines.rag.chunking import Chunk
from engines.rag.documents import load_documents
from engines.rag.index import build_or_load
from engines.rag.known_questions import read_known_questions
from engines.rag.library import OVERLAP_TOKENS, TARGET_TOKENS
from engines.rag.local_rules import documents_from_rules
from engines.rag.retrieve import RetrievalConfig, Retriever
from engines.runtime.device import choose_placement
from engines.runtime.fit import FitConfig, Run, SampleKey
from engines.runtime.settings import load_settings
from engines.runtime.text_encoder import open_encoder
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import find_weights

DEV_SHARE = 0.1
NEGATIVES = 5
POOL = 30  # negatives are drawn from this many best candidates
# A candidate this close to the right passage (cosine) may well answer too: it is no negative.
TOO_CLOSE = 0.8
MAX_TOKENS = 192


@dataclass(frozen=True)
class Group:
    """One question with the passage that answers it and passages that don't."""

    question: str
    right: str
    wrong: tuple[str, ...]
    is_dev: bool


def is_dev_document(document_id: str) -> bool:
    """Keep a tenth of the documents apart, the same in every run."""
    return int(hashlib.sha256(document_id.encode()).hexdigest()[:8], 16) % 100 < DEV_SHARE * 100


def make_groups(entries: Sequence[Mapping[str, Any]], retriever: Retriever) -> list[Group]:
    """Find the right passage and the hard negatives of every question."""
    chunks = retriever.store.chunks
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    vectors = retriever.encoder.encode_passages([chunk.search_text for chunk in chunks])
    row = {chunk.id: index for index, chunk in enumerate(chunks)}
    queries = retriever.encoder.encode_queries([entry["question"] for entry in entries])
    groups = []
    for entry, query in tqdm(zip(entries, queries, strict=True), total=len(entries)):
        own = by_document.get(entry["document"], [])
        named = [chunk for chunk in own if entry["heading"] in chunk.heading] or own
        if not named:
            continue
        right = max(named, key=lambda chunk: float(vectors[row[chunk.id]] @ query))
        found = retriever.search(entry["question"], vector=query)
        wrong = [
            retriever.store.get(candidate.chunk_id)
            for candidate in found.candidates[:POOL]
            if candidate.chunk_id != right.id
        ]
        wrong = [
            chunk for chunk in wrong if vectors[row[chunk.id]] @ vectors[row[right.id]] < TOO_CLOSE
        ]
        if len(wrong) >= NEGATIVES:
            groups.append(
                Group(
                    entry["question"],
                    right.search_text,
                    tuple(chunk.search_text for chunk in wrong),
                    is_dev_document(entry["document"]),
                )
            )
    return groups


class GroupDataset(Dataset[tuple[str, list[str]]]):
    """A question and 1 + NEGATIVES passages, the right one first; the seed draws the negatives."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = list(groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, key: SampleKey) -> tuple[str, list[str]]:
        index, seed = key
        group = self.groups[index]
        chosen = np.random.default_rng(seed).choice(len(group.wrong), NEGATIVES, replace=False)
        return group.question, [group.right, *(group.wrong[i] for i in chosen)]


def collate(tokenizer: Any, samples: Sequence[tuple[str, list[str]]]) -> dict[str, Tensor]:
    """Tokenise a batch of groups into pairs, all of one group together."""
    pairs = [(question, passage) for question, passages in samples for passage in passages]
    encoded: dict[str, Tensor] = dict(
        tokenizer(
            [p[0] for p in pairs],
            [p[1] for p in pairs],
            truncation="longest_first",
            max_length=MAX_TOKENS,
            padding=True,
            return_tensors="pt",
        )
    )
    return encoded


def loss_of(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the right passage among 1 + NEGATIVES (it stands first)."""
    logits = model(**batch).logits.view(-1, NEGATIVES + 1)
    target = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return nn.functional.cross_entropy(logits, target)


@torch.inference_mode()
def score_on_dev(model: nn.Module, tokenizer: Any, groups: Sequence[Group]) -> dict[str, float]:
    """Share of dev questions whose right passage comes first, and the mean reciprocal rank."""
    model.eval()
    ranks = []
    for group in groups:
        batch = collate(tokenizer, [(group.question, [group.right, *group.wrong[:15]])])
        logits = model(**batch).logits[:, 0]
        ranks.append(int((logits[1:] > logits[0]).sum()) + 1)
    reciprocal = float(np.mean([1 / rank for rank in ranks]))
    return {
        "first": float(np.mean([r == 1 for r in ranks])),
        "mrr": reciprocal,
        "score": reciprocal,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of this run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8, help="questions a step")
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    arguments = parser.parse_args(argv)
    ensure_torchvision()
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = load_settings()
    folder = find_weights("all_minilm_l6_v2", settings=settings).path.parent
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)  # the head starts at random
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    encoder = open_encoder(settings.embedding_model, settings, choose_placement(settings))
    documents = load_documents(settings.knowledge_dir) + documents_from_rules(settings.rules_dir)
    store = build_or_load(
        documents,
        encoder,
        cache_dir=settings.cache_dir,
        target_tokens=TARGET_TOKENS,
        overlap_tokens=OVERLAP_TOKENS,
    )
    groups = make_groups(
        read_known_questions(settings.knowledge_dir),
        Retriever(store, encoder, None, RetrievalConfig()),
    )
    training = [group for group in groups if not group.is_dev]
    dev = [group for group in groups if group.is_dev]
    print(f"{len(training)} questions to learn from, {len(dev)} on documents kept apart")

    def keys_of(epoch: int) -> list[SampleKey]:
        rng = np.random.default_rng(epoch)
        order = rng.permutation(len(training))
        seeds = rng.integers(0, 2**31, len(training))
        return [(int(i), int(s)) for i, s in zip(order, seeds, strict=True)]

    run = Run(
        model,
        loss_of=loss_of,
        dataset=GroupDataset(training),
        keys_of=keys_of,
        evaluate=lambda averaged: score_on_dev(averaged, tokenizer, dev),
        config=FitConfig(
            run_dir=arguments.run,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            weight_decay=0.01,
            warmup_epochs=0.2,
            ema_decay=0.98,
            patience=arguments.epochs,
        ),
        collate=lambda samples: collate(tokenizer, samples),
    )
    result = run.fit()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    print(f"best epoch {result.best_epoch}, dev MRR {result.best_score:.4f}")


if __name__ == "__main__":
    main()
