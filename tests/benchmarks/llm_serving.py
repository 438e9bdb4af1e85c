"""Speed of the language model on different engines: `python -m tests.benchmarks llm [FOLDER]`.

Each engine runs in a process of its own, the engines take turns, and all read the same prompts and
the same weights: those of FOLDER, which engines.llm.fit.export wrote, or the base model's, which
are then exported to a temporary folder first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from engines.llm.decoding import Decoder, OnnxDecoder
from engines.llm.fit.comparing import stops_of
from engines.llm.fit.decoders import Greedy, write
from engines.llm.fit.export import GGUF_FILE, GRAPH_FILE, save_half
from engines.llm.fit.merging import CHECK_QUESTIONS, load_base, round_to_half
from engines.llm.gguf_file import cutter_of, write_gguf
from engines.llm.llama_cpp import LlamaCppDecoder
from engines.llm.model import LanguageModel
from engines.llm.onnx_file import write_onnx
from engines.llm.prompt import Passage, build_messages, encode_chat
from engines.runtime.device import Placement, limit_threads
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from tests.benchmarks.llama_server import LlamaServer

REPO = Path(__file__).resolve().parents[2]
PROMPT_TOKENS = 600
ANSWER_TOKENS = 64
ROUNDS = 3
Q8_FILE = "model.q8_0.gguf"
INT8_FILE = "model.int8.onnx"


@dataclass(frozen=True)
class Measured:
    """What one engine did in one process.

    Attributes:
        load_s: from files to the first token of a short prompt.
        first_token_ms: median over the prompts. kept_ms: the same where the part of the prompt
            that all prompts share was read before.
        tokens_per_s: of the tokens after the first.
        memory_mb: most that the process held, less what it held before loading.
        answers: tokens of each answer.
    """

    engine: str
    load_s: float
    first_token_ms: float
    kept_ms: float
    tokens_per_s: float
    memory_mb: float
    answers: list[list[int]]


ENGINES = {
    "transformers": "transformers, bfloat16",
    "onnx": "ONNX Runtime, float32",
    "onnx-int8": "ONNX Runtime, int8 weights",
    "llama.cpp-f16": "llama.cpp, F16",
    "llama.cpp-q8_0": "llama.cpp, Q8_0",
    "llama-server-f16": "llama.cpp from PyPI, F16",
    "llama-server-q8_0": "llama.cpp from PyPI, Q8_0",
}
# The package that an engine needs, by the first part of its name; the others come with the app.
PACKAGES = {"llama.cpp": "llama_cpp", "llama-server": "xllamacpp"}


def serving_main(arguments: Sequence[str]) -> int:
    """Measure every engine that is installed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="what engines.llm.fit.export wrote")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="times each engine is measured")
    chosen = parser.parse_args(arguments)
    engines = [name for name in ENGINES if not missing_package(name)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, chosen.folder)
        runs: dict[str, list[Measured]] = {name: [] for name in engines}
        for _ in range(chosen.rounds):
            for name in engines:
                runs[name].append(in_a_process(name, folder))
        tokenizer = read_tokenizer(folder)
        prompt_tokens, stops = [len(ids) for ids in prompts(tokenizer)], stops_of(tokenizer)
    for name in ENGINES:
        if name not in engines:
            print(f"{ENGINES[name]} was left out: {missing_package(name)} is not installed.")
    settings = Settings()
    print(
        f"{settings.cpu_threads} threads, {len(prompt_tokens)} prompts of {min(prompt_tokens)} to "
        f"{max(prompt_tokens)} tokens, {ANSWER_TOKENS} tokens each, median of "
        f"{chosen.rounds} rounds.\n"
    )
    print(table([middle(runs[name]) for name in engines], stops))
    return 0


def missing_package(name: str) -> str:
    """Return the module that an engine needs and that is not installed, or nothing."""
    module = next((PACKAGES[start] for start in PACKAGES if name.startswith(start)), "")
    return module if module and importlib.util.find_spec(module) is None else ""


def prepare(folder: Path, exported: Path | None) -> None:
    """Write every file that an engine reads into `folder`, from an export or from the base."""
    settings = Settings()
    if exported is None:
        base = load_base(settings, settings.llm_model)
        round_to_half(base.network)
        cutter = cutter_of(base.gguf) if base.gguf else None
    else:
        base = load_base(settings, str(exported / "safetensors"))
        cutter = cutter_of(exported / "gguf" / GGUF_FILE)
    (folder / "safetensors").mkdir()
    save_half(base.network, folder / "safetensors")
    base.tokenizer.save_pretrained(folder / "safetensors")
    write_onnx(base.network, folder / GRAPH_FILE)
    write_onnx(base.network, folder / INT8_FILE, weights="int8")
    for name, kind in ((GGUF_FILE, "f16"), (Q8_FILE, "q8_0")):
        write_gguf(
            base.network, base.tokenizer, folder / name, name="measured", kind=kind, cutter=cutter
        )


def prompts(tokenizer: Any) -> list[list[int]]:
    """Return ten prompts as the chat writes them, each of at most `PROMPT_TOKENS` tokens."""
    documents = sorted((Settings().knowledge_dir).rglob("*.md"))
    written = []
    for number, question in enumerate(CHECK_QUESTIONS):
        passages = [
            Passage(place + 1, path.stem, path.read_text(encoding="utf-8")[:700])
            for place, path in enumerate(documents[number * 5 : number * 5 + 5])
        ]
        messages = build_messages(
            question, passages, tokenizer=tokenizer, token_budget=PROMPT_TOKENS
        )
        written.append(encode_chat(tokenizer, messages))
    return written


def measure(name: str, folder: Path) -> Measured:
    """Load one engine in this process and let it answer."""
    settings = Settings()
    limit_threads(settings.cpu_threads)
    tokenizer = read_tokenizer(folder)
    asked = prompts(tokenizer)
    shared = shared_length(asked)
    process = psutil.Process()
    before_mb = process.memory_info().rss / 1e6
    peak = _Peak(process)
    if name.startswith("llama-server"):
        return measure_server(name, folder, settings, tokenizer, before_mb, peak)
    start_s = time.perf_counter()
    decoder = Greedy(_decoder(name, folder, settings))
    write(decoder, asked[0][:16], max_new_tokens=1, stop_ids=())
    load_s = time.perf_counter() - start_s
    written = [write(decoder, ids, max_new_tokens=ANSWER_TOKENS, stop_ids=()) for ids in asked]
    kept_ms = []
    for ids in asked:
        write(decoder, ids[:shared], max_new_tokens=1, stop_ids=())
        begun_s = time.perf_counter()
        for at in range(shared, len(ids), 128):
            decoder.read(ids[at : at + 128])
        kept_ms.append((time.perf_counter() - begun_s) * 1000)
    steps, decode_s = sum(a.steps for a in written), sum(a.decode_ms for a in written) / 1000
    return Measured(
        engine=name,
        load_s=load_s,
        first_token_ms=statistics.median(answer.first_token_ms for answer in written),
        kept_ms=statistics.median(kept_ms),
        tokens_per_s=steps / decode_s,
        memory_mb=peak.stop() - before_mb,
        answers=[list(answer.tokens) for answer in written],
    )


def measure_server(
    name: str, folder: Path, settings: Settings, tokenizer: Any, before_mb: float, peak: _Peak
) -> Measured:
    """Measure llama.cpp's server, which writes whole answers and stops at their end."""
    asked = prompts(tokenizer)
    shared = shared_length(asked)
    start_s = time.perf_counter()
    file = GGUF_FILE if name.endswith("f16") else Q8_FILE
    server = LlamaServer(folder / file, threads=settings.cpu_threads)
    server.first_token_ms(asked[0][:16])
    load_s = time.perf_counter() - start_s
    first_ms = [server.first_token_ms(ids) for ids in asked]
    written = [server.answer(ids, tokens=ANSWER_TOKENS) for ids in asked]
    kept_ms = []
    for ids in asked:
        server.first_token_ms(ids[:shared])
        kept_ms.append(server.first_token_ms(ids, is_kept=True))
    return Measured(
        engine=name,
        load_s=load_s,
        first_token_ms=statistics.median(first_ms),
        kept_ms=statistics.median(kept_ms),
        tokens_per_s=sum(steps for _, steps, _ in written)
        / sum(milliseconds for _, _, milliseconds in written)
        * 1000,
        memory_mb=peak.stop() - before_mb,
        answers=[tokenizer.encode(text, add_special_tokens=False) for text, _, _ in written],
    )


def shared_length(asked: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts begin with: the system's turn."""
    return next(at for at, tokens in enumerate(zip(*asked)) if len(set(tokens)) > 1)


class _Peak:
    """Watch the memory of a process."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._most, self._is_over = process, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the most it held, in MB."""
        self._is_over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._is_over.wait(0.05):
            self._most = max(self._most, self._process.memory_info().rss / 1e6)


def in_a_process(name: str, folder: Path) -> Measured:
    """Measure one engine in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.llm_serving", name, str(folder)],
        cwd=REPO, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def middle(runs: Sequence[Measured]) -> Measured:
    """Return the median of each number; greedy answers are the same in every round."""
    numbers = ("load_s", "first_token_ms", "kept_ms", "tokens_per_s", "memory_mb")
    return replace(
        runs[0], **{name: statistics.median(getattr(run, name) for run in runs) for name in numbers}
    )


def table(rows: Sequence[Measured], stops: frozenset[int]) -> str:
    """Write the rows as text; answers are compared with the first row's, up to their end."""

    def until_end(tokens: list[int]) -> list[int]:
        ends = [at for at, token in enumerate(tokens) if token in stops]
        return tokens[: ends[0]] if ends else tokens

    reference = [until_end(tokens) for tokens in rows[0].answers]
    lines = [
        f"{'engine':<34} {'load s':>7} {'first token ms':>15} {'shared part kept':>17} "
        f"{'tokens/s':>9} {'MB':>6}  same text"
    ]
    for row in rows:
        same = sum(until_end(tokens) == own for tokens, own in zip(row.answers, reference))
        lines.append(
            f"{ENGINES[row.engine]:<34} {row.load_s:>7.2f} {row.first_token_ms:>15.0f} "
            f"{row.kept_ms:>17.0f} {row.tokens_per_s:>9.1f} {row.memory_mb:>6.0f}  "
            f"{same} of {len(reference)}"
        )
    return "\n".join(lines)


def read_tokenizer(folder: Path) -> Any:
    """Read the tokenizer alone."""
    ensure_torchvision()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder / "safetensors", local_files_only=True)


def _decoder(name: str, folder: Path, settings: Settings) -> Decoder:
    threads = settings.cpu_threads
    if name.startswith("onnx"):
        return OnnxDecoder(folder / (GRAPH_FILE if name == "onnx" else INT8_FILE), threads=threads)
    if name.startswith("llama.cpp"):
        file = GGUF_FILE if name == "llama.cpp-f16" else Q8_FILE
        return LlamaCppDecoder(folder / file, threads=threads)
    chosen = settings.model_copy(
        update={"llm_model": str(folder / "safetensors"), "llm_engine": "transformers"}
    )
    model = LanguageModel(chosen, Placement(torch.device("cpu"), torch.bfloat16, "measured"))
    model.load()
    return model.loaded().decoder


def main() -> None:
    """Measure one engine, for the process that compares them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=tuple(ENGINES))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(asdict(measure(arguments.engine, arguments.folder))))


if __name__ == "__main__":
    main()
