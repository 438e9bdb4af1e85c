"""The shipped embedding model: equal to plain transformers, offline, the same in every order."""

from __future__ import annotations

import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import BGE_QUERY_PROMPT, DenseEncoder
from engines.runtime.weights import find_weights
from tests.engines.rag.passages import real_encoder

TEXTS = [
    "Where does a dead vape go?",
    "Old e-cigarettes are taken to a collection point for electrical waste.",
    "Glass bottles are melted and formed again.",
    "x",
    "Rinse the jar. " * 40,
]


@pytest.fixture(scope="module")
def encoder() -> DenseEncoder:
    """Return the shipped encoder."""
    return real_encoder()


@pytest.fixture(scope="module")
def folder() -> Path:
    """Return the folder of the shipped model."""
    return find_weights("all_minilm_l6_v2", settings=Settings()).path.parent


def test_vectors_are_float32_of_length_one(encoder: DenseEncoder) -> None:
    vectors = encoder.encode_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.width) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_vectors_equal_mean_pooling_written_out(encoder: DenseEncoder, folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    pooled = (states * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled).numpy()
    assert encoder.encode_passages(TEXTS) == pytest.approx(expected, abs=1e-5)


def test_a_question_is_nearest_to_the_passage_that_answers_it(encoder: DenseEncoder) -> None:
    question = encoder.encode_queries(TEXTS[:1])[0]
    cosines = encoder.encode_passages(TEXTS[1:4]) @ question
    assert cosines.argmax() == 0


def test_a_text_has_the_same_vector_alone_and_among_others(encoder: DenseEncoder) -> None:
    together = encoder.encode_passages(TEXTS)
    for row, text in enumerate(TEXTS):
        assert encoder.encode_passages([text])[0] == pytest.approx(together[row], abs=1e-5)


def test_the_prompt_goes_before_questions_only(folder: Path, encoder: DenseEncoder) -> None:
    prompted = DenseEncoder(folder, device="cpu", query_prompt=BGE_QUERY_PROMPT)
    expected = encoder.encode_passages([BGE_QUERY_PROMPT + TEXTS[0]])
    assert prompted.encode_queries(TEXTS[:1]) == pytest.approx(expected, abs=1e-5)
    assert prompted.encode_passages(TEXTS[:1]) == pytest.approx(
        encoder.encode_passages(TEXTS[:1]), abs=1e-5
    )
    assert prompted.name == encoder.name, "passages have the same vectors, so they can be kept"


def test_what_exceeds_256_tokens_is_not_read(encoder: DenseEncoder) -> None:
    assert encoder.max_tokens == 256
    # 254 words of one token each, and the marks at the two ends.
    full = "glass " * 254
    assert encoder.count_tokens(full) == 254
    longer = encoder.encode_passages([full + "oil paint battery " * 50])
    assert longer == pytest.approx(encoder.encode_passages([full]), abs=1e-5)
    shorter = encoder.encode_passages(["glass " * 200 + "oil paint battery " * 18])
    assert np.abs(shorter - longer).max() > 1e-3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("glass", 1, id="a word"),
        pytest.param("glass jar.", 3, id="words and a mark"),
        pytest.param("glass " * 1000, 1000, id="longer than the model reads"),
    ],
)
def test_tokens_are_counted(encoder: DenseEncoder, text: str, expected: int) -> None:
    assert encoder.count_tokens(text) == expected


def test_nothing_to_encode_gives_no_rows(encoder: DenseEncoder) -> None:
    assert encoder.encode_queries([]).shape == (0, 384)
    assert encoder.encode_passages([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", "🙂", "\x00\x07", "垃圾分类", "a" * 10_000])
def test_odd_texts_have_finite_vectors(encoder: DenseEncoder, text: str) -> None:
    assert np.isfinite(encoder.encode_queries([text])).all()


def test_threads_may_count_while_others_encode(encoder: DenseEncoder) -> None:
    expected = encoder.encode_passages(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        encoded = [pool.submit(encoder.encode_passages, TEXTS) for _ in range(4)]
        counted = [pool.submit(encoder.count_tokens, "glass " * 300) for _ in range(200)]
    assert {future.result() for future in counted} == {300}
    for future in encoded:
        assert future.result() == pytest.approx(expected, abs=1e-5)


def test_loading_a_folder_opens_no_connection(
    folder: Path, monkeypatch: pytest.MonkeyPatch, encoder: DenseEncoder
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    again = DenseEncoder(folder, device="cpu")
    assert again.name == encoder.name
    assert again.encode_queries(TEXTS[:1]) == pytest.approx(
        encoder.encode_queries(TEXTS[:1]), abs=1e-6
    )


def test_a_missing_folder_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="no folder"):
        DenseEncoder(tmp_path / "nowhere", device="cpu")


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_folder_is_said_in_words(folder: Path, tmp_path: Path, broken: str) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder, copy, copy_function=lambda one, other: Path(other).symlink_to(one))
    (copy / broken).unlink()
    (copy / broken).write_bytes(b"\x00 not what it should be")
    with pytest.raises(WeightsCorruptError, match="cannot be read"):
        DenseEncoder(copy, device="cpu")
