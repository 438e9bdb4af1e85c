"""What every prompt of the chat begins with: the system's turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engines.llm.prompt import Exchange, Passage, build_messages, encode_chat
from engines.runtime.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
