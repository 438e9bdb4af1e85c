"""Examples as token ids: prompts as the models know them, and only the answer is learned."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from engines.llm.fit.examples import Example, Turn
from engines.llm.fit.templates import (
    IGNORED,
    TEMPLATES,
    Template,
    collator,
    encode,
    messages_of,
)
from engines.llm.prompt import encode_chat
from engines.runtime.torchvision_compat import ensure_torchvision

LINES = [
    "Put a jar in the glass bank without its lid. [1]",
    "Never put a dead vape in the bin, because its battery can catch fire. [2]",
    "The documents do not answer this. Below is an instruction that describes a task.",
    "In Germany, the Gelbe Tonne takes packaging; in France, the bac jaune does.",
    "0123456789 ### Instruction: Input: Response: system user assistant Question: Passages:",
]
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# A space before each answer, as such tokenizers put one before a text that begins.
LLAMA_CHAT = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}"
    "{% else %}{{ bos_token + '[INST] ' + m['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]

PLAIN = Example("Where does a jar go?", "", "Put it in the glass bank. [1]")
FULL = Example(
    "And the lid?",
    "[1] Jars: The lid goes with metal.",
    "The lid goes with metal. [1]",
    system="Be brief.",
    history=(Turn("Where does a jar go?", "In the glass bank."),),
)


def wrapped(tokenizer: Tokenizer, **options: Any) -> Any:
    ensure_torchvision()
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
        **options,
    )


@pytest.fixture(scope="module")
def byte_level() -> Any:
    """Return a byte-level BPE tokenizer, as of GPT-2 and Llama 3, that knows ChatML."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=[*SPECIAL, "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    made = wrapped(tokenizer)
    made.chat_template = CHAT
    return made


@pytest.fixture(scope="module")
def unigram() -> Any:
    """Return a tokenizer as SentencePiece makes them, with a mark for each space, as of Llama 2."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=SPECIAL,
        unk_token="<unk>",
        initial_alphabet=[chr(code) for code in range(33, 127)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    made = wrapped(tokenizer)
    made.chat_template = LLAMA_CHAT
    return made


@pytest.fixture(params=["own model", "byte-level BPE", "unigram"])
def any_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Return each of three tokenizers."""
    name = {"own model": "tokenizer", "byte-level BPE": "byte_level", "unigram": "unigram"}
    return request.getfixturevalue(name[request.param])


def learned(tokenizer: Any, example: Example, template: Template) -> str:
    labels = encode(example, tokenizer, template).labels
    return str(tokenizer.decode([label for label in labels if label != IGNORED]))


def end_of(tokenizer: Any, template: Template) -> str:
    """Return the token that ends a turn, or the end of text where the tokenizer has none."""
    ends = {"chatml": "<|im_end|>", "phi": "<|end|>"}
    if template == "own":
        return "</s>" if "<|im_end|>" not in tokenizer.get_vocab() else "<|im_end|>"
    end = ends.get(template, "")
    return end if end in tokenizer.get_vocab() else str(tokenizer.eos_token)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("example", [PLAIN, FULL], ids=["plain", "full"])
def test_only_the_answer_and_its_end_are_learned(
    any_tokenizer: Any, example: Example, template: Template
) -> None:
    encoded = encode(example, any_tokenizer, template)
    masked = encoded.labels.count(IGNORED)
    assert encoded.labels[:masked] == [IGNORED] * masked
    assert encoded.labels[masked:] == encoded.input_ids[masked:]
    assert len(encoded.labels) == len(encoded.input_ids)
    end = end_of(any_tokenizer, template)
    assert learned(any_tokenizer, example, template) == example.output + end
    assert encoded.input_ids[-1] == any_tokenizer.convert_tokens_to_ids(end)


# ASCII without what the normalizers of tokenizers may join or drop.
ANSWERS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(ANSWERS, min_size=1, max_size=8), template=st.sampled_from(TEMPLATES))
def test_any_answer_comes_back_from_its_labels(
    tokenizer: Any, byte_level: Any, unigram: Any, words: list[str], template: Template
) -> None:
    answer = " ".join(words)
    for each in (tokenizer, byte_level, unigram):
        end = end_of(each, template)
        text = learned(each, Example("Jar?", "", answer), template)
        assert text.removesuffix(end) == answer


# The model's own tokenizer has no token for the bytes of planes without letters.
LETTERS = st.characters(max_codepoint=0x1FFFF, exclude_categories=["Cs", "Cc", "Cn", "Co"])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    answer=st.text(LETTERS, min_size=1, max_size=40),
    template=st.sampled_from(TEMPLATES),
)
def test_byte_level_tokenizers_keep_answers_in_any_script(
    tokenizer: Any, byte_level: Any, answer: str, template: Template
) -> None:
    for each in (tokenizer, byte_level):
        assert learned(each, Example("Jar?", "", answer), template) == answer + end_of(
            each, template
        )


def prompt_of(tokenizer: Any, example: Example, template: Template) -> str:
    encoded = encode(example, tokenizer, template)
    return str(tokenizer.decode(encoded.input_ids[: encoded.labels.count(IGNORED)]))


@pytest.mark.parametrize("example", [PLAIN, FULL], ids=["plain", "full"])
def test_the_own_prompt_is_the_one_of_the_chat(any_tokenizer: Any, example: Example) -> None:
    encoded = encode(example, any_tokenizer)
    prompt = encode_chat(any_tokenizer, messages_of(example))
    assert encoded.input_ids[: len(prompt)] == prompt
    assert encoded.labels.count(IGNORED) == len(prompt)


PROMPTS: dict[Template, str] = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n"
    "<|im_start|>user\nWhere does a jar go?<|im_end|>\n"
    "<|im_start|>assistant\nIn the glass bank.<|im_end|>\n"
    "<|im_start|>user\n[1] Jars: The lid goes with metal.\nAnd the lid?<|im_end|>\n"
    "<|im_start|>assistant\n",
    "phi": "<|system|>\nBe brief.<|end|>\n<|user|>\nWhere does a jar go?<|end|>\n"
    "<|assistant|>\nIn the glass bank.<|end|>\n"
    "<|user|>\n[1] Jars: The lid goes with metal.\nAnd the lid?<|end|>\n<|assistant|>\n",
    "llama2": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhere does a jar go? [/INST] "
    "In the glass bank. </s><s>[INST] [1] Jars: The lid goes with metal.\nAnd the lid? [/INST]",
    "alpaca": "Below is an instruction that describes a task, paired with an input that provides "
    "further context. Write a response that appropriately completes the request.\n\nBe brief.\n\n"
    "### Instruction:\nWhere does a jar go?\n\n### Response:\nIn the glass bank.\n\n"
    "### Instruction:\nAnd the lid?\n\n### Input:\n[1] Jars: The lid goes with metal.\n\n"
    "### Response:\n",
}


@pytest.mark.parametrize("template", PROMPTS)
def test_a_prompt_has_the_form_its_models_know(byte_level: Any, template: Template) -> None:
    assert prompt_of(byte_level, FULL, template) == PROMPTS[template]


def test_alpaca_without_input_says_so(byte_level: Any) -> None:
    assert prompt_of(byte_level, PLAIN, "alpaca") == (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nWhere does a jar go?\n\n### Response:\n"
    )


def test_the_own_template_equals_chatml_where_the_model_speaks_it(tokenizer: Any) -> None:
    assert encode(FULL, tokenizer, "own") == encode(FULL, tokenizer, "chatml")


def test_batches_are_padded_to_the_longest_of_each(any_tokenizer: Any) -> None:
    collate = collator(any_tokenizer)
    short, long = encode(PLAIN, any_tokenizer), encode(FULL, any_tokenizer)
    assert len(short.input_ids) + 8 < len(long.input_ids)
    for encoded in ([short, long], [short, short], [long]):
        batch = collate([dict(vars(each)) for each in encoded])
        longest = max(len(each.input_ids) for each in encoded)
        assert longest <= batch["input_ids"].shape[1] < longest + 8
        for row, each in enumerate(encoded):
            size = len(each.input_ids)
            assert batch["input_ids"][row, :size].tolist() == each.input_ids
            assert batch["labels"][row, :size].tolist() == each.labels
            assert set(batch["input_ids"][row, size:].tolist()) <= {any_tokenizer.pad_token_id}
            assert set(batch["labels"][row, size:].tolist()) <= {IGNORED}
            assert batch["attention_mask"][row].sum() == size


def test_a_template_without_a_name_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="none of own, alpaca"):
        encode(PLAIN, tokenizer, "gemma")  # type: ignore[arg-type]


def test_a_tokenizer_without_a_template_of_its_own_is_refused(byte_level: Any) -> None:
    bare = copy.deepcopy(byte_level)
    bare.chat_template = None
    with pytest.raises(ValueError, match="no chat template"):
        encode(PLAIN, bare)


def test_a_template_that_changes_answers_is_refused(byte_level: Any) -> None:
    strange = copy.deepcopy(byte_level)
    strange.chat_template = CHAT.replace("{{ m['content'] }}", "{{ m['content'] | upper }}")
    with pytest.raises(ValueError, match="keep an answer"):
        encode(PLAIN, strange)
