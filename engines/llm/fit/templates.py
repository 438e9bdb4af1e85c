"""Examples as token ids in the prompt forms of common models, with only the answer learned."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from engines.llm.fit.base import pad_token_of
from engines.llm.fit.examples import Example
from engines.llm.prompt import Message, encode_chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Template = Literal["own", "alpaca", "chatml", "llama2", "phi"]
TEMPLATES: tuple[Template, ...] = get_args(Template)
# What PyTorch's cross-entropy leaves out.
IGNORED = -100

ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request."
)
ALPACA_WITHOUT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request."
)


@dataclass(frozen=True)
class Encoded:
    """One example for the model; both lists are equally long.

    Attributes:
        input_ids: prompt and answer.
        labels: the same where the answer stands, `IGNORED` before it.
    """

    input_ids: list[int]
    labels: list[int]


def messages_of(example: Example) -> list[Message]:
    """Return the chat messages of an example up to its answer."""
    messages: list[Message] = []
    if example.system:
        messages.append({"role": "system", "content": example.system})
    for turn in example.history:
        messages.append({"role": "user", "content": turn.question})
        messages.append({"role": "assistant", "content": turn.answer})
    messages.append({"role": "user", "content": example.prompt})
    return messages


def encode(
    example: Example, tokenizer: PreTrainedTokenizerBase, template: Template = "own"
) -> Encoded:
    """Encode an example; the answer ends with what ends a turn in this template.

    Prompt and answer are encoded apart, since in use the model also begins at that border.

    A turn's end that the tokenizer does not know as one token gives way to its end of text:
    a model would never learn to stop at it.

    Raises:
        ValueError: if the template is not known, or "own" where the tokenizer has none.
    """
    if template == "own":
        if tokenizer.chat_template is None:
            raise ValueError("the tokenizer has no chat template of its own; choose another one")
        prompt = encode_chat(tokenizer, messages_of(example))
        end = _own_end(tokenizer)
    elif template in _WRITERS:
        text, end_text = _WRITERS[template](example)
        prompt = _ids(tokenizer, text)
        if tokenizer.bos_token_id is not None and template == "llama2":
            prompt = [tokenizer.bos_token_id, *prompt]
        stop = tokenizer.get_vocab().get(end_text)
        end = _eos(tokenizer) if stop is None else [int(stop)]
    else:
        raise ValueError(f"the template {template!r} is none of {', '.join(TEMPLATES)}")
    answer = _ids(tokenizer, example.output) + end
    return Encoded(prompt + answer, [IGNORED] * len(prompt) + answer)


def collator(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[Any]], Any]:
    """Return what pads examples to the longest of their batch, with masks and ignored labels."""
    from transformers import DataCollatorForSeq2Seq

    pad_token_of(tokenizer)
    return DataCollatorForSeq2Seq(
        tokenizer, padding=True, label_pad_token_id=IGNORED, pad_to_multiple_of=8
    )


def answer_collator(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[Any]], Any]:
    """Return a collator by which a model computes logits for nothing but the answers.

    Padding stands on the left, so that all answers end together. `labels` begin one place before
    the longest answer, and `logits_to_keep` says how many places that are: what a model of
    transformers computes from it, loss and gradient, is the same as from `collator`, without the
    logits of the prompts, which are most of a long batch.
    """
    left = copy.deepcopy(tokenizer)
    left.padding_side = "left"
    pad = collator(left)

    def collate(rows: Sequence[Any]) -> Any:
        batch = pad(rows)
        learned = (batch["labels"] != IGNORED).any(dim=0).nonzero()
        first = max(0, int(learned.min()) - 1) if len(learned) else 0
        batch["labels"] = batch["labels"][:, first:]
        batch["logits_to_keep"] = batch["labels"].shape[1]
        return batch

    return collate


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _eos(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer has no token that ends a text")
    return [int(tokenizer.eos_token_id)]


def _own_end(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that the tokenizer's template writes after an answer."""
    asked: list[Message] = [{"role": "user", "content": "a"}]
    prompt = encode_chat(tokenizer, asked)
    whole: Any = tokenizer.apply_chat_template(
        [*asked, {"role": "assistant", "content": "b"}], tokenize=True, return_dict=False
    )
    answer = _ids(tokenizer, "b")
    if list(whole[: len(prompt) + len(answer)]) != prompt + answer:
        raise ValueError("the tokenizer's chat template does not keep an answer as it is")
    end = [int(token) for token in whole[len(prompt) + len(answer) :]]
    # Some templates write a line break after the turn's end; the model stops before it.
    # A turn's end need not be one of the named special tokens (Phi's is not).
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    special |= set(tokenizer.all_special_ids)
    stops = [index for index, token in enumerate(end) if token in special]
    return end[: stops[0] + 1] if stops else _eos(tokenizer)


def _alpaca(example: Example) -> tuple[str, str]:
    parts = [ALPACA_WITH_INPUT if example.input else ALPACA_WITHOUT]
    if example.system:
        parts.append(example.system)
    for turn in example.history:
        parts += [f"### Instruction:\n{turn.question}", f"### Response:\n{turn.answer}"]
    parts.append(f"### Instruction:\n{example.instruction}")
    if example.input:
        parts.append(f"### Input:\n{example.input}")
    return "\n\n".join([*parts, "### Response:\n"]), ""


def _chatml(example: Example) -> tuple[str, str]:
    turns = "".join(
        f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages_of(example)
    )
    return f"{turns}<|im_start|>assistant\n", "<|im_end|>"


def _llama2(example: Example) -> tuple[str, str]:
    system = f"<<SYS>>\n{example.system}\n<</SYS>>\n\n" if example.system else ""
    text = ""
    for turn in example.history:
        text += f"[INST] {system}{turn.question} [/INST] {turn.answer} </s><s>"
        system = ""
    # No space at the end: Llama 2's tokenizer puts it before the answer itself.
    return f"{text}[INST] {system}{example.prompt} [/INST]", ""


def _phi(example: Example) -> tuple[str, str]:
    turns = "".join(f"<|{m['role']}|>\n{m['content']}<|end|>\n" for m in messages_of(example))
    return f"{turns}<|assistant|>\n", "<|end|>"


_WRITERS: dict[str, Callable[[Example], tuple[str, str]]] = {
    "alpaca": _alpaca,
    "chatml": _chatml,
    "llama2": _llama2,
    "phi": _phi,
}
