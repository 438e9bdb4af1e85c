"""Read a language model from its files, and keep an unpacked copy of what is slow to read."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engines.runtime.errors import EngineUnavailableError, WeightsCorruptError
from engines.runtime.weights import INSTALL_COMMAND

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

# Raise this when copies made by an earlier version must not be used any more.
COPY_VERSION = 1
_MIB = 1024 * 1024


def read_folder(
    folder: Path | str, dtype: torch.dtype, **options: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Read network and tokenizer with transformers; weights that are not in the file are an error.

    Raises:
        ValueError: if weights are missing or have another shape.
        Exception: whatever transformers, tokenizers and safetensors raise for what they can't read.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    reader: dict[str, Any] = {"use_safetensors": True}
    if "gguf_file" in options:
        # A network that counts as quantised could not be saved.
        reader = {"quantization_config": GgufConfig(dequantize=True)}
    # Left to itself, transformers asks the Hub for an adapter even where it may read local files
    # alone, and without a network that takes it many seconds.
    reader["adapter_kwargs"] = {
        key: options[key] for key in ("local_files_only", "cache_dir") if key in options
    }
    read: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, output_loading_info=True, **reader, **options
    )
    network, report = read
    # transformers fills missing weights with random numbers and only warns.
    for kind in ("missing_keys", "mismatched_keys"):
        if report.get(kind):
            raise ValueError(f"{len(report[kind])} of its weights are missing or do not fit")
    return network, AutoTokenizer.from_pretrained(folder, **options)


def read_gguf(
    path: Path, cache_dir: Path, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Read a GGUF file, or the copy of it that was kept when it was read the first time.

    Unpacking the quantised weights takes many seconds, reading the unpacked copy about one.
    """
    try:
        copy = cache_dir / "llm" / f"{path.stem}-{fingerprint_of(path)}"
    except OSError as error:
        raise _corrupt_gguf(path, error) from error
    if copy.is_dir():
        try:
            return read_folder(copy, dtype, local_files_only=True)
        except MemoryError:
            raise
        except Exception as error:
            log.warning("the copy of the language model in %s is made again: %s", copy, error)
            shutil.rmtree(copy, ignore_errors=True)
    try:
        # In the precision of the copy, so that the first start answers as all later ones do.
        network, tokenizer = read_folder(path.parent, torch.bfloat16, gguf_file=path.name)
    except ImportError as error:
        raise EngineUnavailableError(
            "The packages gguf and accelerate, which read the language model, are not installed.",
            "Run: pip install -r requirements.txt",
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        raise _corrupt_gguf(path, error) from error
    _keep_copy(network, tokenizer, copy)
    return network, tokenizer


def _keep_copy(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, copy: Path) -> None:
    """Save the unpacked model for the next start; where that fails it only costs time."""
    unfinished: Path | None = None
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent, prefix=".unfinished-"))
        network.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        # A rename is all or nothing: no start ever meets half a copy.
        unfinished.rename(copy)
    except Exception as error:
        # safetensors reports a full disk with an error of its own, not with OSError.
        log.warning("could not keep a copy of the language model in %s: %s", copy, error)
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def fingerprint_of(path: Path) -> str:
    """Tell one file from another by its size, its first and its last MiB.

    Raises:
        OSError: if it can't be read.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(f"{COPY_VERSION} {size}".encode())
    with path.open("rb") as file:
        digest.update(file.read(_MIB))
        file.seek(max(0, size - _MIB))
        digest.update(file.read(_MIB))
    return digest.hexdigest()[:16]


def _corrupt_gguf(path: Path, error: Exception) -> WeightsCorruptError:
    log.warning("could not read %s: %s", path, error)
    return WeightsCorruptError(
        f"The language model's file {path.name} cannot be used: it is damaged or no GGUF file.",
        f"Install it again with: {INSTALL_COMMAND}",
    )
