"""The converted language model: made once, checked before it is used, and never a must."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.llm import converted, onnx_file
from engines.llm.converted import ABOUT_FILE, QUESTIONS, difference
from engines.llm.decoding import OnnxDecoder, TransformersDecoder
from engines.llm.generate import stream
from engines.llm.model import LanguageModel
from engines.llm.onnx_file import write_onnx
from engines.llm.prompt import encode_chat
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, WeightsMissingError
from engines.runtime.settings import Settings
from tests.engines.llm.conftest import network_of

PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")
ASK = [{"role": "user", "content": "Answer with one word: what is the capital of France?"}]

Make = Callable[..., LanguageModel]


@pytest.fixture
def folder(tokenizer: Any, tmp_path: Path) -> Path:
    """Return the folder of a chat model of two layers, whole blocks wide, that nobody trained."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=256,
        initializer_range=0.5,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    path = tmp_path / "small-chat"
    LlamaForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def make(folder: Path, tmp_path: Path) -> Make:
    """Build a model of that folder whose cache is this test's own."""

    def build(placement: Placement = PLAIN_CPU, **settings: Any) -> LanguageModel:
        own = {
            "cache_dir": tmp_path / "cache",
            "checkpoints_dir": tmp_path / "none",
            "llm_model": str(folder),
            "llm_engine": "onnx",
        }
        return LanguageModel(Settings(**{**own, **settings}), placement)

    return build


def kept_in(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "llm").iterdir())


def is_converted(model: LanguageModel) -> bool:
    return isinstance(model.loaded().decoder, OnnxDecoder)


def test_the_model_of_the_app_writes_by_onnx_runtime(
    llm: LanguageModel, cache_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(cache_dir=cache_dir, checkpoints_dir=tmp_path, llm_engine="onnx")
    model = LanguageModel(settings, PLAIN_CPU)
    model.load()
    model.warmup()
    assert "135 million parameters in int8, by ONNX Runtime" in model.health().detail
    assert model.loaded().stop_ids == llm.loaded().stop_ids
    assert model.loaded().max_context == llm.loaded().max_context
    writing = stream(model, ASK, run=lambda job: job(), max_new_tokens=60)
    assert "Paris" in "".join(writing)
    assert writing.stats.finish == "end"
    prompts = [
        encode_chat(llm.tokenizer, [{"role": "user", "content": text}]) for text in QUESTIONS
    ]
    assert prompts == [
        encode_chat(model.tokenizer, [{"role": "user", "content": text}]) for text in QUESTIONS
    ]
    assert difference(llm.loaded().decoder, model.loaded().decoder, prompts) < 0.08


def test_full_precision_writes_the_very_same_words(llm: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "full.onnx"
    write_onnx(network_of(llm), path)
    graph = OnnxDecoder(path, threads=1)
    own = TransformersDecoder(network_of(llm))
    for question in QUESTIONS[:2]:
        ids = encode_chat(llm.tokenizer, [{"role": "user", "content": question}])
        texts = []
        for decoder in (graph, own):
            reading = decoder.begin(ids, len(ids) + 16)
            logits = reading.logits(ids)
            text = [int(logits.argmax())]
            for _ in range(15):
                text.append(int(reading.logits(text[-1:]).argmax()))
            texts.append(text)
        assert texts[0] == texts[1]


def test_it_is_made_once(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make().load()
    (kept,) = kept_in(tmp_path)
    assert kept.name.startswith("small-chat-onnx-")
    monkeypatch.setattr(converted, "_write", lambda *_: pytest.fail("it was made again"))
    model = make()
    model.load()
    model.warmup()
    assert is_converted(model)
    assert model.loaded().max_context == 256
    assert "".join(stream(model, ASK, run=lambda job: job(), max_new_tokens=3))


def test_another_model_gets_a_file_of_its_own(make: Make, folder: Path, tmp_path: Path) -> None:
    make().load()
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1  # in the middle of the last number's digits
    weights.write_bytes(bytes(content))
    make().load()
    assert len(kept_in(tmp_path)) == 2


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", ABOUT_FILE, "tokenizer.json"])
@pytest.mark.parametrize("is_there", [True, False], ids=["cut off", "missing"])
def test_a_damaged_one_is_made_again(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, is_there: bool
) -> None:
    make().load()
    (kept,) = kept_in(tmp_path)
    whole = (kept / name).read_bytes()
    if is_there:
        (kept / name).write_bytes(whole[: len(whole) // 2])
    else:
        (kept / name).unlink()
    with caplog.at_level(logging.WARNING):
        model = make()
        model.load()
    assert "is made again" in caplog.text
    assert is_converted(model)
    assert kept_in(tmp_path) == [kept]
    assert len((kept / name).read_bytes()) == len(whole)


def test_one_that_writes_other_words_is_not_used(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil(weight: torch.Tensor) -> Any:
        steps, scales = rounded(weight)
        return steps[:, :, ::-1], scales

    rounded = onnx_file.quantise_blocks
    monkeypatch.setattr(onnx_file, "quantise_blocks", spoil)
    with pytest.raises(EngineUnavailableError, match="writes other words"):
        make().load()
    assert kept_in(tmp_path) == []
    model = make(llm_engine="auto")
    with caplog.at_level(logging.WARNING):
        model.load()
    assert "onnx can't compute" in caplog.text
    assert "by transformers" in model.health().detail


@pytest.mark.parametrize("wrong", [float("nan"), 0.2])
def test_numbers_that_are_none_count_as_other_words(
    make: Make, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    monkeypatch.setattr(converted, "difference", lambda *_: wrong)
    with pytest.raises(EngineUnavailableError, match="writes other words"):
        make().load()


def test_a_full_disk_leaves_it_to_transformers(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_file, "write_onnx", full)
    model = make(llm_engine="auto")
    model.load()
    assert not is_converted(model)
    assert kept_in(tmp_path) == []
    with pytest.raises(EngineUnavailableError, match="No space left"):
        make().load()


@pytest.mark.parametrize(
    ("placement", "settings", "expected"),
    [
        (PLAIN_CPU, {}, True),
        (PLAIN_CPU, {"dtype": "float32"}, False),
        (Placement(torch.device("meta"), torch.float16, "a test"), {}, False),
        (PLAIN_CPU, {"llm_engine": "transformers"}, False),
    ],
    ids=["CPU", "a precision is asked for", "another device", "transformers is asked for"],
)
def test_who_computes_by_itself(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    placement: Placement,
    settings: dict[str, Any],
    expected: bool,
) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    monkeypatch.setattr("engines.llm.model.has_llama_cpp", lambda: False)
    model = make(placement, **{"llm_engine": "auto", **settings})
    assert model._engines() == (("onnx",) if expected else ())


def test_llama_cpp_comes_first_where_it_is_installed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.llm.model.has_llama_cpp", lambda: True)
    assert make(llm_engine="auto")._engines() == ("llama.cpp", "onnx")
    monkeypatch.setattr("engines.llm.model.has_llama_cpp", lambda: False)
    with pytest.raises(EngineUnavailableError, match="pip install llama-cpp-python"):
        make(llm_engine="llama.cpp").load()


def test_a_large_model_is_not_converted_unasked(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.llm.model.MAX_CONVERTED_BYTES", 1000)
    assert make(llm_engine="auto")._engines() == ()
    assert make()._engines() == ("onnx",)


def test_a_model_of_the_hub_is_not_converted(make: Make) -> None:
    assert make(llm_engine="auto", llm_model="nobody/no-model")._engines() == ()
    with pytest.raises(EngineUnavailableError, match="is on the Hub"):
        make(llm_model="nobody/no-model", is_hub_allowed=False).load()


def test_what_is_missing_is_said_as_without_conversion(make: Make, tmp_path: Path) -> None:
    model = make(llm_engine="auto", llm_adapter=tmp_path / "adapter")
    with pytest.raises(WeightsMissingError, match="RELEAF_LLM_ADAPTER"):
        model.load()


def test_what_is_known_about_it_is_kept_beside_it(make: Make, tmp_path: Path) -> None:
    make().load()
    (kept,) = kept_in(tmp_path)
    about = json.loads((kept / ABOUT_FILE).read_text())
    assert about["max_context"] == 256
    assert 0 <= about["difference"] <= converted.MAX_DIFFERENCE
