"""Export: one set of weights, three formats, the same words."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engines.llm.adapter import ADAPTER_FILE
from engines.llm.decoding import OnnxDecoder, TransformersDecoder
from engines.llm.fit.comparing import Row, answers, compared, stops_of, table
from engines.llm.fit.decoders import Greedy, write
from engines.llm.fit.export import GGUF_FILE, GRAPH_FILE, main, run
from engines.llm.fit.folders import RECORD_FILE, read_record
from engines.llm.fit.lora import TrainConfig, with_lora
from engines.llm.fit.merging import (
    CHECK_QUESTIONS,
    Base,
    check_prompts,
    load_base,
    logits_of,
    merge,
)
from engines.llm.llama_cpp import LlamaCppDecoder, tokens_of
from engines.llm.model import LanguageModel
from engines.llm.onnx_file import write_onnx
from engines.llm.reading import read_folder
from engines.llm.source import SHIPPED_MODEL
from engines.runtime.errors import InputError, StorageError, WeightsCorruptError
from engines.runtime.settings import Settings
from tests.engines.llm.conftest import network_of

TOKENS = 8
# Of the model's thirty; each is like the others, and ten answers in four programs take long.
LAYERS = 5


def write_adapter(base: Base, folder: Path, *, base_name: str, seed: int, size: float) -> Path:
    """Save a LoRA adapter whose products are small and not zero; the base is used up."""
    network = with_lora(base.network, TrainConfig(rank=4, alpha=8), base_name=base_name)
    dice = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        if "lora_" in name:
            weight.data = size * torch.randn(weight.shape, generator=dice)
    network.save_pretrained(folder, save_embedding_layers=False)
    return folder


def first_layers(settings: Settings, name: str) -> Base:
    """Read a model as `load_base` does, and keep its first layers."""
    base = load_base(settings, name)
    network: Any = base.network
    network.model.layers = network.model.layers[:LAYERS]
    network.config.num_hidden_layers = LAYERS
    return base


@dataclass(frozen=True)
class Shipped:
    """What was exported of the first layers of the model that comes with the app."""

    out: Path
    adapter: Path
    rows: list[Row]
    settings: Settings
    printed: str


@pytest.fixture(scope="module")
def shipped(
    cache_dir: Path, llm: LanguageModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shipped]:
    """Teach the first layers of the app's model small things and export them in all formats."""
    folder = tmp_path_factory.mktemp("export")
    settings = Settings(cache_dir=cache_dir, checkpoints_dir=folder)
    name = llm.loaded().name
    adapter = write_adapter(
        first_layers(settings, SHIPPED_MODEL), folder / "lora", base_name=name, seed=1, size=0.03
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        patch.setattr("engines.llm.fit.export.load_base", first_layers)
        rows = run(adapter, folder / "out", settings=settings, model=SHIPPED_MODEL, tokens=TOKENS)
    yield Shipped(folder / "out", adapter, rows, settings, printed.getvalue())
    shutil.rmtree(folder)  # more than a gigabyte


def thin_adapter(folder: Path, out: Path, *, seed: int = 1, base_name: str = "thin-chat") -> Path:
    """Save an adapter of the thin model."""
    base = load_base(Settings(), str(folder))
    return write_adapter(base, out, base_name=base_name, seed=seed, size=0.1)


def test_ten_answers_are_the_same_in_every_format(shipped: Shipped) -> None:
    assert [row.name for row in shipped.rows] == ["safetensors", "gguf f16", "onnx"]
    for row in shipped.rows:
        assert row.check is not None
        assert (row.check.same_texts, row.check.texts) == (10, len(CHECK_QUESTIONS))
        assert row.check.tokens_per_s > 0


def test_merging_changes_no_logit_and_the_adapter_changes_many(
    shipped: Shipped, llm: LanguageModel
) -> None:
    record = json.loads((shipped.out / "onnx" / RECORD_FILE).read_text())
    assert 0 < record["merge_difference"] < 1e-3
    assert 0 < record["rounding_difference"] < 0.1
    assert f"{record['merge_difference']:.2g}" in shipped.printed
    prompt = check_prompts(llm.tokenizer)[:1]
    taught, _ = read_folder(shipped.out / "safetensors", torch.float32, local_files_only=True)
    (before,), (after,) = logits_of(network_of(llm), prompt), logits_of(taught, prompt)
    assert (before - after).abs().max() > 0.5


def test_the_app_reads_the_exported_folder(shipped: Shipped) -> None:
    from engines.runtime.device import Placement

    folder = shipped.out / "safetensors"
    settings = shipped.settings.model_copy(
        update={"llm_model": str(folder), "llm_engine": "transformers"}
    )
    model = LanguageModel(settings, Placement(torch.device("cpu"), torch.bfloat16, "a test"))
    model.load()
    assert model.loaded().name == "safetensors"
    assert model.tokenizer.chat_template
    card = json.loads((folder / "card.json").read_text())
    assert card["metrics"]["export"]["same_texts"] == 10
    assert "r 4, α 8" in card["summary"]


def test_the_gguf_file_says_what_llama_cpp_needs_to_know(shipped: Shipped) -> None:
    reader = gguf.GGUFReader(shipped.out / "gguf" / GGUF_FILE)
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["general.architecture"] == "llama"
    assert said["general.file_type"] == gguf.LlamaFileType.MOSTLY_F16
    assert said["llama.attention.head_count_kv"] == 3
    assert said["llama.rope.freq_base"] == 100_000
    assert said["tokenizer.ggml.pre"] == "smollm"
    assert said["tokenizer.ggml.eos_token_id"] == said["tokenizer.ggml.tokens"].index("<|im_end|>")
    assert said["tokenizer.ggml.token_type"][2] == gguf.TokenType.CONTROL
    assert "<|im_start|>" in said["tokenizer.chat_template"]
    kinds = {tensor.name: tensor.tensor_type for tensor in reader.tensors}
    assert kinds["blk.0.attn_q.weight"] == gguf.GGMLQuantizationType.F16
    assert kinds["blk.0.attn_norm.weight"] == gguf.GGMLQuantizationType.F32
    assert "output.weight" not in kinds  # tied to the table of words


@pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)
def test_llama_cpp_reads_the_gguf_file_and_writes_the_same(
    shipped: Shipped, tokenizer: Any
) -> None:
    prompts, stops = check_prompts(tokenizer), stops_of(tokenizer)
    network, _ = read_folder(shipped.out / "safetensors", torch.float32, local_files_only=True)
    decoder = LlamaCppDecoder(shipped.out / "gguf" / GGUF_FILE, threads=2)
    assert [tokens_of(decoder, tokenizer.decode(ids)) for ids in prompts] == prompts
    own = answers(
        Greedy(TransformersDecoder(network)), prompts, tokens=TOKENS, stops=stops, name="own"
    )
    other = answers(Greedy(decoder), prompts, tokens=TOKENS, stops=stops, name="llama.cpp")
    assert compared(own, other).same_texts == 10


def test_a_second_run_keeps_what_is_there_and_whole(
    shipped: Shipped, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = shipped.out / "onnx" / GRAPH_FILE
    written_ns = graph.stat().st_mtime_ns
    rows = run(shipped.adapter, shipped.out, settings=shipped.settings, model=SHIPPED_MODEL)
    assert all(row.check is None and row.remark.startswith("kept") for row in rows)
    assert graph.stat().st_mtime_ns == written_ns
    assert "Merging" not in capsys.readouterr().out
    assert table(rows).count(" - ") == 3


def test_a_damaged_format_and_one_of_another_adapter_are_made_again(
    thin_folder: Path, tmp_path: Path
) -> None:
    out, settings = tmp_path / "out", Settings()
    first = thin_adapter(thin_folder, tmp_path / "first")
    second = thin_adapter(thin_folder, tmp_path / "second", seed=2)

    def made(adapter: Path, formats: Any = ("safetensors", "onnx")) -> list[bool]:
        rows = run(
            adapter, out, settings=settings, model=str(thin_folder), formats=formats, tokens=2
        )
        return [row.check is not None for row in rows]

    assert made(first) == [True, True]
    with (out / "onnx" / (GRAPH_FILE + ".data")).open("r+b") as data:
        data.write(b"damaged")
    assert made(first) == [False, True]
    assert made(second, ["safetensors"]) == [True]
    assert sorted(path.name for path in out.iterdir()) == ["onnx", "safetensors"]


def test_a_full_disk_keeps_the_last_good_file(thin_folder: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    out, settings = tmp_path / "out", Settings()
    first = thin_adapter(thin_folder, tmp_path / "first")
    second = thin_adapter(thin_folder, tmp_path / "second", seed=2)

    def export(adapter: Path, name: Any) -> None:
        run(adapter, out, settings=settings, model=str(thin_folder), formats=[name], tokens=2)

    for name in ("safetensors", "onnx"):
        export(first, name)
        record = read_record(out / name, {})
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        try:
            with pytest.raises(StorageError, match="could not be written"):
                export(second, name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert record is not None
        assert read_record(out / name, {}) == record
    assert sorted(path.name for path in out.iterdir()) == ["onnx", "safetensors"]


@pytest.mark.parametrize("named", ["meta-llama/Meta-Llama-3-8B-Instruct", "thin-chat-2", ""])
def test_an_adapter_for_another_model_is_refused_by_name(
    thin_folder: Path, tmp_path: Path, named: str
) -> None:
    adapter = thin_adapter(thin_folder, tmp_path / "lora", base_name=named)
    with pytest.raises(InputError, match="thin-chat") as refused:
        run(adapter, tmp_path / "out", settings=Settings(), model=str(thin_folder))
    assert named in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_adapter_that_lacks_a_layer_is_refused(thin_folder: Path, tmp_path: Path) -> None:
    adapter = thin_adapter(thin_folder, tmp_path / "lora")
    weights = load_file(adapter / ADAPTER_FILE)
    save_file({k: v for k, v in weights.items() if "layers.1." not in k}, adapter / ADAPTER_FILE)
    with pytest.raises(WeightsCorruptError, match="its layers are not those"):
        merge(load_base(Settings(), str(thin_folder)), adapter)


def test_a_dry_run_says_what_it_would_write_and_writes_nothing(
    thin_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = thin_adapter(thin_folder, tmp_path / "lora")
    out = tmp_path / "out"
    main(["--adapter", str(adapter), "--out", str(out), "--model", str(thin_folder), "--dry-run"])
    printed = capsys.readouterr().out
    assert all(f"{out / name}: " in printed for name in ("safetensors", "gguf", "onnx"))
    assert not out.exists()


def test_the_command_says_what_is_missing(tmp_path: Path, thin_folder: Path) -> None:
    arguments = ["--adapter", str(tmp_path), "--out", str(tmp_path), "--model", str(thin_folder)]
    with pytest.raises(SystemExit, match=r"There is no adapter_config\.json"):
        main(arguments)


def test_reading_onnx_in_pieces_gives_the_network_s_logits(thin: Base, tmp_path: Path) -> None:
    write_onnx(thin.network, tmp_path / GRAPH_FILE)
    decoder = Greedy(OnnxDecoder(tmp_path / GRAPH_FILE, threads=1))
    ids = check_prompts(thin.tokenizer)[0]
    (expected,) = logits_of(thin.network, [ids])
    for _ in range(2):  # and nothing is left from the time before
        decoder.restart()
        for start, end in ((0, 1), (1, 9), (9, 10), (10, len(ids))):
            found = decoder.logits(ids[start:end])
            np.testing.assert_allclose(found, expected[end - 1], atol=1e-4)


def test_an_answer_ends_at_its_length_or_at_an_end_token(thin: Base) -> None:
    decoder = Greedy(TransformersDecoder(thin.network))
    ids = check_prompts(thin.tokenizer)[0]
    whole = write(decoder, ids, max_new_tokens=5, stop_ids=())
    assert (len(whole.tokens), whole.steps) == (5, 4)
    ended = write(decoder, ids, max_new_tokens=5, stop_ids={whole.tokens[0]})
    assert (ended.tokens, ended.steps) == ((), 0)
