"""Turn texts into vectors whose inner product says how close their meanings are."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.device import Placement
from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]

# What the BGE models want before a question, and only there (Xiao et al. 2023, C-Pack).
BGE_QUERY_PROMPT = "Represent this sentence for searching relevant passages: "
_SAMPLED = 64  # numbers of each tensor that go into the name


class DenseEncoder:
    """Encode texts with a sentence-transformers model, in float32.

    A folder is read as it is and nothing is fetched. Anything else is taken as the name of a
    repository on the Hugging Face Hub.

    Args:
        folder: of the model, as sentence-transformers saves it.
        device: where it computes.
        query_prompt: put before every question; "" for models that want none.
        batch_size: texts that are encoded together.

    Raises:
        WeightsMissingError: if the folder is not there, or the Hub doesn't give the model.
        WeightsCorruptError: if the folder holds no such model or a damaged one.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        device: torch.device | str,
        query_prompt: str = "",
        batch_size: int = 32,
    ) -> None:
        self.query_prompt, self.batch_size = query_prompt, batch_size
        self._lock = threading.Lock()
        self._model = _load(folder, device)
        self.width = int(self._model.get_embedding_dimension())
        self.max_tokens = int(self._model.max_seq_length)
        self.name = f"{Path(folder).name}-{self._fingerprint()}"
        # A copy: encoding switches truncation and padding of the model's own on and off.
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Encode questions: (N, width), L2-normalised."""
        return self._encode(texts, self.query_prompt, is_progress_shown=False)

    def encode_passages(self, texts: Sequence[str], *, is_progress_shown: bool = False) -> Floats:
        """Encode passages: (N, width), L2-normalised. What exceeds `max_tokens` is not read.

        Args:
            is_progress_shown: whether a bar is drawn on stderr.
        """
        return self._encode(texts, "", is_progress_shown=is_progress_shown)

    def count_tokens(self, text: str) -> int:
        """Count the model's tokens in a text, without the marks at its two ends."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    @property
    def words(self) -> frozenset[str]:
        """The whole words of the model's vocabulary, lower case: common words of the language."""
        return frozenset(word.lower() for word in self._tokenizer.get_vocab() if word.isalpha())

    def _encode(self, texts: Sequence[str], prompt: str, *, is_progress_shown: bool) -> Floats:
        if not texts:
            return np.zeros((0, self.width), np.float32)
        with self._lock:
            vectors = self._model.encode(
                list(texts),
                prompt=prompt,
                batch_size=self.batch_size,
                show_progress_bar=is_progress_shown,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        return np.ascontiguousarray(vectors, np.float32)

    def _fingerprint(self) -> str:
        """Tell models apart by a few numbers of every tensor; training changes all of them."""
        found = hashlib.sha256(
            f"{self.max_tokens} {[type(m).__name__ for m in self._model]}".encode()
        )
        for name, tensor in self._model.state_dict().items():
            found.update(f"{name} {tuple(tensor.shape)}".encode())
            found.update(tensor.flatten()[:_SAMPLED].float().cpu().numpy().tobytes())
        return found.hexdigest()[:12]


# Engines that use the same model share one copy; it goes when the last of them lets go of it.
_open: weakref.WeakValueDictionary[tuple[str, str], DenseEncoder]
_open = weakref.WeakValueDictionary()
_open_lock = threading.Lock()


def open_encoder(name: str, settings: Settings, placement: Placement) -> DenseEncoder:
    """Open an encoder by a known name of weights, a folder, or a repository on the Hub.

    Engines that ask for the same one get the same object. The BGE models get their prompt.

    Raises:
        WeightsMissingError: if it is not here and may not be downloaded.
        WeightsCorruptError: if it is here and can't be read.
    """
    folder: Path | str = Path(name) if Path(name).is_dir() else name
    if isinstance(folder, str) and "/" not in folder:
        folder = find_weights(folder, settings=settings).path.parent
    prompt = BGE_QUERY_PROMPT if "bge" in name.lower() else ""
    key = (str(folder), str(placement.device))
    with _open_lock:
        encoder = _open.get(key)
        if encoder is None:
            encoder = DenseEncoder(folder, device=placement.device, query_prompt=prompt)
            _open[key] = encoder
        return encoder


def _load(folder: Path | str, device: torch.device | str) -> Any:
    # Here, not above: these take seconds to import.
    from engines.runtime.torchvision_compat import ensure_torchvision

    ensure_torchvision()
    import torch
    from sentence_transformers import SentenceTransformer

    is_folder = Path(folder).is_dir()
    if not is_folder and isinstance(folder, Path):
        raise WeightsMissingError(
            f"There is no folder {folder} with the embedding model.",
            "Correct embedding_model in the settings, or install the weights.",
        )
    try:
        return SentenceTransformer(
            str(folder),
            device=str(device),
            local_files_only=is_folder,
            model_kwargs={"dtype": torch.float32},
        )
    except Exception as error:
        # The libraries raise many kinds: OSError, ValueError, KeyError, SafetensorError, ...
        if is_folder:
            raise WeightsCorruptError(
                f"The embedding model in {folder} cannot be read.",
                "Install its package again, or restore the folder.",
            ) from error
        raise WeightsMissingError(
            f"The embedding model {folder} could not be fetched from the Hugging Face Hub.",
            "Check the name and the network, or use the embedded profile.",
        ) from error
