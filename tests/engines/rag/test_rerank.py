"""The reranker: equal to plain transformers, whatever the passages' lengths and order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.rag.rerank import Reranker
from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from tests.engines.rag.passages import save_small_cross_encoder

QUESTION = "Where does a dead vape go?"
PASSAGES = [
    "Old e-cigarettes go to a collection point.",
    "Glass bottles are melted.",
    "x",
    "Rinse the jar and take the lid off. " * 60,
    "",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small cross-encoder."""
    return save_small_cross_encoder(tmp_path_factory.mktemp("cross_encoder"))


@pytest.mark.parametrize("max_length", [256, 64])
def test_scores_equal_the_sigmoid_of_the_logits(folder: Path, max_length: int) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = tokenizer(
        [QUESTION] * len(PASSAGES),
        PASSAGES,
        padding=True,
        truncation="longest_first",
        max_length=max_length,
        return_tensors="pt",
    )
    assert tokens["input_ids"].shape[1] == max_length
    with torch.inference_mode():
        logits = model(**tokens).logits[:, 0].double().numpy()
    found = Reranker(folder, device="cpu", max_length=max_length).scores(QUESTION, PASSAGES)
    assert found.dtype == np.float64
    assert found == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)
    assert len(set(found.round(4))) > 1


def test_a_passage_has_the_same_score_alone_and_among_others(folder: Path) -> None:
    reranker = Reranker(folder, device="cpu", batch_size=2)
    together = reranker.scores(QUESTION, PASSAGES)
    alone = [reranker.scores(QUESTION, [passage])[0] for passage in PASSAGES]
    assert together == pytest.approx(alone, abs=1e-5)
    assert ((together >= 0) & (together <= 1)).all()


def test_no_passages_have_no_scores(folder: Path) -> None:
    assert Reranker(folder, device="cpu").scores(QUESTION, []).shape == (0,)


def test_a_checkpoint_in_half_precision_is_computed_in_float32(
    folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    halved = AutoModelForSequenceClassification.from_pretrained(folder).half()
    halved.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(tmp_path)
    found = Reranker(tmp_path, device="cpu").scores(QUESTION, PASSAGES)
    # float32 sums of the rounded weights stay near; sums in half precision would not.
    whole = halved.float()
    whole.save_pretrained(tmp_path / "whole")
    AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(tmp_path / "whole")
    expected = Reranker(tmp_path / "whole", device="cpu").scores(QUESTION, PASSAGES)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_missing_folder_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="no folder"):
        Reranker(tmp_path / "nowhere", device="cpu")


def test_a_damaged_folder_is_said_in_words(tmp_path: Path) -> None:
    folder = save_small_cross_encoder(tmp_path)
    (folder / "model.safetensors").write_bytes(b"\x00 not a model")
    with pytest.raises(WeightsCorruptError, match="cannot be read"):
        Reranker(folder, device="cpu")


def test_a_classifier_of_several_labels_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorruptError, match="3 scores"):
        Reranker(save_small_cross_encoder(tmp_path, labels=3), device="cpu")
