"""What computes with a language model's weights: it reads tokens and says which may follow.

Three engines do the same: transformers on any device, ONNX Runtime and llama.cpp on a CPU. Each
keeps what all prompts begin with, read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engines.llm.packed import PackedLinear

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Reading(Protocol):
    """One text as it is read and written. Many can go on at a time and don't disturb each other.

    Attributes:
        known: tokens that need no reading, since all prompts begin with them.
    """

    known: int

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Read one token or more and return the next one's logits, (1, vocabulary) float32."""


class Decoder(Protocol):
    """The weights, ready to read.

    Attributes:
        device: where it computes.
        detail: what it computes with, for a person.
    """

    device: torch.device
    detail: str

    def begin(self, prompt: Sequence[int], room: int) -> Reading:
        """Begin a text of at most `room` tokens, prompt and answer together."""

    def keep(self, ids: Sequence[int]) -> None:
        """Read what all prompts begin with, if they do, and keep it for each of them."""


def starts_with(prompt: Sequence[int], kept: Sequence[int]) -> bool:
    """Say whether a prompt begins with `kept` and goes on after it."""
    return 0 < len(kept) < len(prompt) and tuple(prompt[: len(kept)]) == tuple(kept)


class TransformersDecoder:
    """Compute with a network of transformers, in the precision and on the device it has."""

    def __init__(self, network: PreTrainedModel) -> None:
        self.network, self.device = network, network.device
        millions = round(sum(parameter.numel() for parameter in network.parameters()) / 1e6)
        dtype = str(network.dtype).removeprefix("torch.")
        is_packed = any(isinstance(module, PackedLinear) for module in network.modules())
        also = " (int8 for single tokens)" if is_packed else ""
        self.detail = f"{millions} million parameters in {dtype}{also}, by transformers"
        self.kept: tuple[int, ...] = ()
        self._layers: tuple[tuple[Tensor, Tensor], ...] = ()

    def begin(self, prompt: Sequence[int], room: int) -> TransformersReading:
        """Begin a text; its cache grows as it needs, so `room` is not used."""
        layers = self._layers if starts_with(prompt, self.kept) else ()
        return TransformersReading(self.network, layers, len(self.kept) if layers else 0)

    @torch.inference_mode()
    def keep(self, ids: Sequence[int]) -> None:
        """Read what all prompts begin with."""
        if not ids:
            return
        reading = TransformersReading(self.network, (), 0)
        reading.logits(ids)
        layers: list[Any] = list(reading.cache.layers)
        if any(layer.get_seq_length() != len(ids) for layer in layers):
            return  # a sliding window has dropped some of it already
        self._layers = tuple((layer.keys, layer.values) for layer in layers)
        self.kept = tuple(ids)


class TransformersReading:
    """A text that a network of transformers reads.

    Args:
        layers: keys and values of what is known, (1, heads, tokens, width) each; never changed.
        known: its number of tokens.
    """

    def __init__(
        self, network: PreTrainedModel, layers: Sequence[tuple[Tensor, Tensor]], known: int
    ) -> None:
        from transformers import DynamicCache

        self._network: Any = network
        self.cache = DynamicCache(config=network.config)
        self.known = known
        for number, (keys, values) in enumerate(layers):
            self.cache.update(keys, values, number)

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> Tensor:
        """Read tokens and return the next one's logits, (1, vocabulary) float32."""
        out = self._network(
            input_ids=torch.tensor([list(ids)], device=self._network.device),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        last: Tensor = out.logits[:, -1].float()
        return last


class OnnxDecoder:
    """Compute with ONNX Runtime and a graph of `onnx_file.write_onnx`.

    Keys and values of a text lie in one piece of memory with room for all its tokens, to which
    ONNX Runtime appends; a cache that grew would be copied for each token.

    Args:
        graph: the ONNX file.
        threads: CPU threads; they sleep between tokens instead of spinning, so that other engines
            have the cores.

    Raises:
        Exception: whatever ONNX Runtime raises for a file that it can't read.
    """

    device = torch.device("cpu")

    def __init__(self, graph: Path, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self.pasts = [
            entry for entry in self.session.get_inputs() if entry.name.startswith("past_key")
        ]
        self.detail = "ONNX Runtime"
        self.kept: tuple[int, ...] = ()
        self._prefix: list[np.ndarray[Any, np.dtype[np.float32]]] = []

    def begin(self, prompt: Sequence[int], room: int) -> OnnxReading:
        """Begin a text of at most `room` tokens."""
        is_known = starts_with(prompt, self.kept)
        return OnnxReading(self, max(room, len(prompt)), self._prefix if is_known else [])

    def keep(self, ids: Sequence[int]) -> None:
        """Read what all prompts begin with."""
        if not ids:
            return
        reading = OnnxReading(self, len(ids), [])
        reading.logits(ids)
        self._prefix, self.kept = reading.memory, tuple(ids)


class OnnxReading:
    """A text that ONNX Runtime reads.

    Args:
        room: most tokens of it.
        prefix: keys and values of what is known, (1, heads, tokens, width) each; never changed.
    """

    def __init__(
        self,
        decoder: OnnxDecoder,
        room: int,
        prefix: Sequence[np.ndarray[Any, np.dtype[np.float32]]],
    ) -> None:
        import onnxruntime

        self._session, self._room = decoder.session, room
        self._names = [entry.name for entry in decoder.pasts]
        self._presents = [entry.name for entry in decoder.session.get_outputs()[1:]]
        self.memory = [
            np.zeros((1, entry.shape[1], room, entry.shape[3]), dtype=np.float32)
            for entry in decoder.pasts
        ]
        self.known = prefix[0].shape[2] if prefix else 0
        for own, known in zip(self.memory, prefix):
            own[:, :, : self.known] = known
        # On a CPU these are the arrays themselves, no copies.
        self._cache = [onnxruntime.OrtValue.ortvalue_from_numpy(own) for own in self.memory]
        self._length = self.known

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Read tokens and return the next one's logits, (1, vocabulary) float32.

        Raises:
            ValueError: if they are more than there is room for.
        """
        if self._length + len(ids) > self._room:
            raise ValueError(f"there is room for {self._room} tokens only")
        self._length += len(ids)
        binding = self._session.io_binding()
        binding.bind_cpu_input("input_ids", np.array([ids], dtype=np.int64))
        binding.bind_cpu_input("attention_mask", np.ones((1, self._length), dtype=np.int64))
        for past, present, value in zip(self._names, self._presents, self._cache):
            binding.bind_ortvalue_input(past, value)
            binding.bind_ortvalue_output(present, value)
        binding.bind_output("logits", "cpu")
        self._session.run_with_iobinding(binding)
        (out,) = [
            value.numpy()
            for value, name in zip(binding.get_outputs(), [*self._presents, "logits"])
            if name == "logits"
        ]
        return torch.from_numpy(out[:, -1])
