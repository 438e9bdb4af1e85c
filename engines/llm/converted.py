"""The language model in the form that an engine other than transformers reads.

It is written once, from the model and its adapter, into the cache folder: an ONNX graph or a GGUF
file, both with weights in int8, and the tokenizer beside it. Before it is used it has to foresee
the same next words as the model that it was made from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from engines.llm.adapter import ADAPTER_CONFIG, ADAPTER_FILE
from engines.llm.decoding import Decoder, OnnxDecoder, TransformersDecoder
from engines.llm.llama_cpp import CONTEXT_TOKENS, LlamaCppDecoder
from engines.llm.prompt import encode_chat
from engines.llm.reading import fingerprint_of
from engines.runtime.errors import EngineUnavailableError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

Kind = Literal["onnx", "llama.cpp"]

# Raise this when files made by an earlier version must not be used any more.
VERSION = 1
FILES: dict[Kind, str] = {"onnx": "model.onnx", "llama.cpp": "model.gguf"}
ABOUT_FILE = "about.json"
# What the next words are foreseen for.
QUESTIONS = (
    "Where does a glass jar with its lid on go?",
    "What do I do with an empty spray can?",
    "How do I throw away 3 AA batteries?",
    "Is bubble wrap recycled?",
    "Name two things that may go on a compost heap.",
)
# Most that the chances of the next word may differ by, as total variation (0 to 1), on average.
MAX_DIFFERENCE = 0.1


@dataclass(frozen=True)
class About:
    """What is known of a converted model without reading its weights.

    Attributes:
        stop_ids: tokens at which an answer ends.
        max_context: most tokens of prompt and answer together.
        millions: parameters.
        difference: see `MAX_DIFFERENCE`; measured when it was made.
    """

    stop_ids: tuple[int, ...]
    max_context: int
    millions: int
    difference: float


@dataclass(frozen=True)
class Converted:
    """A converted model, ready to read."""

    decoder: Decoder
    tokenizer: PreTrainedTokenizerBase
    about: About


@dataclass(frozen=True)
class Plain:
    """The model to convert.

    Attributes:
        network: in float32 on the CPU, with its adapter merged.
        gguf: the file it was read from, None if that was a folder.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]
    max_context: int
    gguf: Path | None


def folder_for(kind: Kind, source: Path, adapter: Path | None, cache_dir: Path) -> Path:
    """Return where a converted model is kept; another model or adapter has another folder.

    Args:
        source: the model's GGUF file, or its folder.

    Raises:
        OSError: if one of the files can't be read.
    """
    files = [source]
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.is_file())
    if adapter is not None:
        files += [adapter / ADAPTER_CONFIG, adapter / ADAPTER_FILE]
    digest = hashlib.sha256(f"{VERSION} {kind}".encode())
    for path in files:
        digest.update(fingerprint_of(path).encode())
    return cache_dir / "llm" / f"{source.stem}-{kind}-{digest.hexdigest()[:16]}"


def open_converted(
    kind: Kind, folder: Path, read_plain: Callable[[], Plain], *, threads: int
) -> Converted:
    """Read a converted model; make it first where it is not there or damaged.

    Args:
        read_plain: reads the model to convert.

    Raises:
        EngineUnavailableError: if what was made foresees other words.
        OSError: if there is no room for it on the disk.
        ReleafError: as `read_plain`, and InputError if this engine can't compute such a model.
    """
    if folder.is_dir():
        try:
            return _read(kind, folder, threads)
        except MemoryError:
            raise
        except Exception as error:
            # Damaged files raise many kinds: OSError, ValueError, KeyError, those of ONNX Runtime.
            log.warning("the language model in %s is made again: %s", folder, error)
            shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        _write(kind, unfinished, read_plain(), threads)
        try:
            # A rename is all or nothing: no start ever meets half a model.
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
        return _read(kind, folder, threads)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def difference(one: Decoder, other: Decoder, prompts: Sequence[Sequence[int]]) -> float:
    """Return how much the chances of the next word differ, as total variation (0 to 1), averaged
    over the prompts."""
    found = []
    for prompt in prompts:
        chances = [
            torch.softmax(decoder.begin(prompt, len(prompt)).logits(prompt), dim=-1)
            for decoder in (one, other)
        ]
        found.append(float((chances[0] - chances[1]).abs().sum()) / 2)
    return sum(found) / len(found)


def _write(kind: Kind, folder: Path, plain: Plain, threads: int) -> None:
    # Only the first start writes; all others need not load the packages that do.
    from engines.llm.gguf_file import cutter_of, write_gguf
    from engines.llm.onnx_file import MAX_POSITIONS, write_onnx

    network, tokenizer = plain.network, plain.tokenizer
    path = folder / FILES[kind]
    if kind == "onnx":
        write_onnx(network, path, weights="int8")
    else:
        cutter = cutter_of(plain.gguf) if plain.gguf is not None else None
        write_gguf(network, tokenizer, path, name="ReLeAF", kind="q8_0", cutter=cutter)
    tokenizer.save_pretrained(folder)
    prompts = [
        encode_chat(tokenizer, [{"role": "user", "content": question}]) for question in QUESTIONS
    ]
    apart = difference(TransformersDecoder(network), _decoder(kind, folder, threads), prompts)
    log.info("%s: the next words' chances differ by %.3f", kind, apart)
    # Written so that a number that is none counts as too much, too.
    if not apart <= MAX_DIFFERENCE:
        raise EngineUnavailableError(
            f"The language model writes other words by {kind} on this machine.",
            "Set RELEAF_LLM_ENGINE to transformers.",
        )
    limit = MAX_POSITIONS if kind == "onnx" else CONTEXT_TOKENS
    about = About(
        stop_ids=tuple(sorted(plain.stop_ids)),
        max_context=min(plain.max_context, limit),
        millions=round(sum(weight.numel() for weight in network.parameters()) / 1e6),
        difference=round(apart, 4),
    )
    (folder / ABOUT_FILE).write_text(json.dumps(asdict(about)), encoding="utf-8")


def _read(kind: Kind, folder: Path, threads: int) -> Converted:
    from transformers import AutoTokenizer

    found: dict[str, Any] = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    about = About(**{**found, "stop_ids": tuple(found["stop_ids"])})
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    decoder = _decoder(kind, folder, threads)
    decoder.detail = f"{about.millions} million parameters in int8, by {decoder.detail}"
    return Converted(decoder, tokenizer, about)


def _decoder(kind: Kind, folder: Path, threads: int) -> Decoder:
    path = folder / FILES[kind]
    if kind == "onnx":
        return OnnxDecoder(path, threads=threads)
    return LlamaCppDecoder(path, threads=threads)
