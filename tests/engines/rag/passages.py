"""Passages for the tests of this folder, the small set in BEIR layout, the shipped encoder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.rag.chunking import Chunk
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import find_weights

BEIR_SMALL = Path(__file__).parent / "data" / "beir_small"
WIDTH = 24


def passage(
    document_id: str,
    text: str,
    *,
    order: int = 0,
    heading: str = "",
    doc_type: str = "guide",
    regions: tuple[str, ...] = ("all",),
) -> Chunk:
    """Make a passage whose sentences end at full stops."""
    sentences = tuple(f"{part.strip().rstrip('.')}." for part in text.split(". ") if part.strip())
    return Chunk(
        id=f"{document_id}#{order}",
        document_id=document_id,
        title=document_id.replace("_", " "),
        heading=heading,
        text=" ".join(sentences),
        sentences=sentences,
        doc_type=doc_type,
        regions=regions,
        items=(),
        topics=(),
        order=order,
        token_count=len(text.split()),
        is_upload=document_id.startswith("upload/"),
    )


def unit_vectors(count: int, *, width: int = WIDTH, seed: int = 0) -> NDArray[np.float32]:
    """Draw directions evenly: (count, width), L2-normalised."""
    drawn = np.random.default_rng(seed).normal(size=(count, width))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=1)
def real_encoder() -> DenseEncoder:
    """Open the embedding model that the app ships with, once for all tests."""
    folder = find_weights("all_minilm_l6_v2", settings=Settings()).path.parent
    return DenseEncoder(folder, device="cpu")


def save_small_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """Save a cross-encoder of two narrow layers with drawn weights: real, but knowing nothing."""
    ensure_torchvision()
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(
        find_weights("all_minilm_l6_v2", settings=Settings()).path.parent, local_files_only=True
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        # Wide enough that the drawn scores differ.
        initializer_range=0.3,
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
