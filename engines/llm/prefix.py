"""What every prompt begins with, read once: the system's turn as keys and values of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engines.llm.prompt import Exchange, Passage, build_messages, encode_chat
from engines.runtime.errors import InputError

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class PromptPrefix:
    """The tokens that all prompts share, and what the network keeps of them.

    Attributes:
        ids: the tokens.
        layers: keys and values of each layer, (1, heads, tokens, width) each; never changed.
    """

    ids: tuple[int, ...]
    layers: tuple[tuple[Tensor, Tensor], ...]

    def fill(self, cache: DynamicCache, prompt: Sequence[int]) -> int:
        """Put the prefix into an empty cache and return how many tokens need no reading.

        0, with the cache left empty, where the prompt begins otherwise or has nothing after it.
        """
        count = len(self.ids)
        if len(prompt) <= count or tuple(prompt[:count]) != self.ids:
            return 0
        for number, (keys, values) in enumerate(self.layers):
            cache.update(keys, values, number)
        return count


def shared_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the tokens that prompts begin with, whatever is asked; empty where they are none.

    They are what three prompts have in common that differ in all that may differ.
    """
    try:
        prompts = [
            encode_chat(tokenizer, build_messages(question, passages, tokenizer=tokenizer, **more))
            for question, passages, more in _DIFFERENT
        ]
    except InputError:  # the system's turn alone is longer than a prompt may be
        return ()
    pairs = enumerate(zip(*prompts))
    end = next((at for at, tokens in pairs if len(set(tokens)) > 1), 0)
    return tuple(prompts[0][:end])


_DIFFERENT: tuple[tuple[str, tuple[Passage, ...], dict[str, Any]], ...] = (
    ("Where does glass go?", (Passage(1, "Glass", "To the bottle bank."),), {}),
    ("How are tins rinsed?", (), {}),
    ("And here?", (), {"history": (Exchange("Is foil recycled?", "Often."),)}),
)


@torch.inference_mode()
def read_prefix(
    network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> PromptPrefix | None:
    """Let the network read what all prompts share; None where that is nothing."""
    from transformers import DynamicCache

    ids = shared_tokens(tokenizer)
    if not ids:
        return None
    cache = DynamicCache(config=network.config)
    reads: Any = network
    reads(
        input_ids=torch.tensor([ids], device=network.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    layers: list[Any] = list(cache.layers)
    if any(layer.get_seq_length() != len(ids) for layer in layers):
        return None  # a sliding window has dropped some of it already
    return PromptPrefix(ids, tuple((layer.keys, layer.values) for layer in layers))
