"""Judge question and passage read together: slower than comparing vectors, and more exact."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import WeightsCorruptError, WeightsMissingError

if TYPE_CHECKING:
    import torch


class Reranker:
    """Score passages with a cross-encoder, in float32.

    A folder is read as it is and nothing is fetched. Anything else is taken as the name of a
    repository on the Hugging Face Hub.

    Args:
        folder: of a sequence classifier with one label, with its tokenizer.
        device: where it computes.
        max_length: tokens of question and passage together; the longer of the two is cut.
        batch_size: pairs that are scored together.

    Raises:
        WeightsMissingError: if the folder is not there, or the Hub doesn't give the model.
        WeightsCorruptError: if the folder holds no such model, a damaged one or one of several
            labels.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        device: torch.device | str,
        max_length: int = 256,
        batch_size: int = 16,
    ) -> None:
        self.batch_size = batch_size
        self._lock = threading.Lock()
        self._model = _load(folder, device, max_length)

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """Say how well each passage answers: (N,), the sigmoid of the model's logit, [0, 1]."""
        if not passages:
            return np.zeros(0)
        import torch

        with self._lock:
            logits = self._model.predict(
                [(question, passage) for passage in passages],
                batch_size=self.batch_size,
                show_progress_bar=False,
                activation_fn=torch.nn.Identity(),
            )
        return 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64).reshape(len(passages))))


def _load(folder: Path | str, device: torch.device | str, max_length: int) -> Any:
    # Here, not above: these take seconds to import.
    from engines.runtime.torchvision_compat import ensure_torchvision

    ensure_torchvision()
    import torch
    from sentence_transformers import CrossEncoder

    is_folder = Path(folder).is_dir()
    if not is_folder and isinstance(folder, Path):
        raise WeightsMissingError(
            f"There is no folder {folder} with the reranker.",
            "Restore it with git, or correct reranker_model in the settings.",
        )
    try:
        model = CrossEncoder(
            str(folder),
            device=str(device),
            max_length=max_length,
            local_files_only=is_folder,
            # It may be stored in half precision, which CPUs are slow at.
            model_kwargs={"dtype": torch.float32},
        )
    except Exception as error:
        # The libraries raise many kinds: OSError, ValueError, KeyError, SafetensorError, ...
        if is_folder:
            raise WeightsCorruptError(
                f"The reranker in {folder} cannot be read.", "Restore the folder with git."
            ) from error
        raise WeightsMissingError(
            f"The reranker {folder} could not be fetched from the Hugging Face Hub.",
            "Check the name and the network, or use the embedded profile.",
        ) from error
    if model.num_labels != 1:
        raise WeightsCorruptError(
            f"The model in {folder} gives {model.num_labels} scores for a passage, not one.",
            "Name a reranker in the settings.",
        )
    return model
