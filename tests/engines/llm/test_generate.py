"""Writing token by token: the same text as transformers writes, and stoppable at any of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.llm.decoding import TransformersDecoder
from engines.llm.generate import PREFILL_TOKENS, Detokenizer, stream
from engines.llm.model import LanguageModel
from engines.llm.prompt import Message, Passage, build_messages, encode_chat
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.engines.llm.conftest import network_of

T = TypeVar("T")

PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")
SHORT: list[Message] = [{"role": "user", "content": "Name three things made of glass."}]


def at_once(fn: Callable[[], T], /) -> T:
    return fn()


def long_chat(tokenizer: Any) -> list[Message]:
    passages = [
        Passage(1, "Dead vapes", "Never put a dead vape in a bin. Take it back to a shop. " * 6),
        Passage(2, "Batteries", "Tape the ends of a battery. Take it to a collection box. " * 6),
    ]
    return build_messages("Where does a dead vape go?", passages, tokenizer=tokenizer)


def written_by_transformers(llm: LanguageModel, messages: list[Message], count: int) -> str:
    from transformers import LogitsProcessorList
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

    loaded = llm.loaded()
    network = network_of(llm)
    prompt = torch.tensor([encode_chat(loaded.tokenizer, messages)])
    penalty = RepetitionPenaltyLogitsProcessor(1.1, prompt_ignore_length=prompt.shape[1])
    ids = network.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=count,
        do_sample=False,
        logits_processor=LogitsProcessorList([penalty]),
        eos_token_id=sorted(loaded.stop_ids),
        pad_token_id=loaded.tokenizer.pad_token_id,
    )
    text = loaded.tokenizer.decode(ids[0, prompt.shape[1] :], skip_special_tokens=True)
    return str(text)


@pytest.mark.parametrize("is_long", [False, True], ids=["one piece", "several pieces"])
def test_greedy_text_is_what_transformers_writes(llm: LanguageModel, is_long: bool) -> None:
    messages = long_chat(llm.tokenizer) if is_long else SHORT
    if is_long:
        assert len(encode_chat(llm.tokenizer, messages)) > 2 * PREFILL_TOKENS
    ours = stream(llm, messages, run=at_once, max_new_tokens=40)
    assert "".join(ours) == written_by_transformers(llm, messages, 40)


def test_what_all_prompts_begin_with_is_read_once_and_changes_no_word(llm: LanguageModel) -> None:
    messages = long_chat(llm.tokenizer)
    kept = stream(llm, messages, run=at_once, max_new_tokens=40)
    text = "".join(kept)
    cold = LanguageModel(llm.settings, llm.placement)
    cold._loaded = replace(llm.loaded(), decoder=TransformersDecoder(network_of(llm)))
    plain = stream(cold, messages, run=at_once, max_new_tokens=40)
    assert "".join(plain) == text
    assert plain.stats.kept_tokens == 0
    assert len(encode_chat(llm.tokenizer, messages[:1])) / 2 < kept.stats.kept_tokens
    again = stream(llm, messages, run=at_once, max_new_tokens=40)
    assert "".join(again) == text


@pytest.mark.parametrize(
    "messages",
    [SHORT, [{"role": "system", "content": "Be brief."}, *SHORT]],
    ids=["no system turn", "another system turn"],
)
def test_a_prompt_that_begins_otherwise_is_read_whole(
    llm: LanguageModel, messages: list[Message]
) -> None:
    writing = stream(llm, messages, run=at_once, max_new_tokens=1)
    assert "".join(writing)
    assert writing.stats.kept_tokens == 0


def test_a_prompt_that_is_the_prefix_alone_is_read_whole(llm: LanguageModel) -> None:
    decoder = llm.loaded().decoder
    assert isinstance(decoder, TransformersDecoder)
    alone = decoder.begin(decoder.kept, 10_000)
    assert alone.known == alone.cache.get_seq_length() == 0
    longer = decoder.begin([*decoder.kept, 1], 10_000)
    assert longer.known == longer.cache.get_seq_length() == len(decoder.kept) > 0


def test_every_job_is_short(llm: LanguageModel) -> None:
    jobs = 0

    def counted(fn: Callable[[], T], /) -> T:
        nonlocal jobs
        jobs += 1
        return fn()

    messages = long_chat(llm.tokenizer)
    writing = stream(llm, messages, run=counted, max_new_tokens=12)
    for _ in writing:
        pass
    stats = writing.stats
    assert stats.prompt_tokens == len(encode_chat(llm.tokenizer, messages))
    steps = stats.tokens if stats.finish == "end" else stats.tokens - 1
    left = stats.prompt_tokens - stats.kept_tokens
    assert jobs == 1 + math.ceil(left / PREFILL_TOKENS) + steps
    assert stats.prefill_ms > 0
    assert stats.decode_tokens_per_s > 0


def test_the_turns_end_ends_the_text(llm: LanguageModel) -> None:
    ask = [{"role": "user", "content": "Answer with one word: what is the capital of France?"}]
    writing = stream(llm, ask, run=at_once, max_new_tokens=200)
    text = "".join(writing)
    assert "Paris" in text
    assert "<|im" not in text
    assert writing.stats.finish == "end"
    assert writing.stats.tokens < 200


def test_the_length_limit_ends_the_text(llm: LanguageModel) -> None:
    writing = stream(llm, SHORT, run=at_once, max_new_tokens=1)
    assert "".join(writing)
    assert writing.stats.finish == "length"
    assert writing.stats.tokens == 1


def test_sampling_repeats_with_its_seed_only(llm: LanguageModel) -> None:
    def sampled(seed: int) -> str:
        return "".join(
            stream(llm, SHORT, run=at_once, max_new_tokens=20, temperature=1.0, seed=seed)
        )

    first = sampled(1)
    assert first == sampled(1)
    assert any(sampled(seed) != first for seed in (2, 3, 4))


def test_sampling_from_almost_nothing_is_greedy(llm: LanguageModel) -> None:
    greedy = "".join(stream(llm, SHORT, run=at_once, max_new_tokens=20))
    sampled = stream(llm, SHORT, run=at_once, max_new_tokens=20, temperature=0.7, top_p=1e-6)
    assert "".join(sampled) == greedy


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_stop_takes_effect_before_the_next_token(llm: LanguageModel, after: int) -> None:
    pieces: list[str] = []
    writing = stream(
        llm,
        SHORT,
        run=at_once,
        max_new_tokens=100,
        is_stopped=lambda: len(pieces) >= after,
    )
    for piece in writing:
        pieces.append(piece)
    assert len(pieces) == after
    assert writing.stats.finish == "stopped"
    assert writing.stats.tokens <= after + 1


def test_a_stop_is_heard_between_two_pieces_of_the_prompt(llm: LanguageModel) -> None:
    asked = 0

    def is_stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    writing = stream(
        llm, long_chat(llm.tokenizer), run=at_once, max_new_tokens=50, is_stopped=is_stopped
    )
    assert list(writing) == []
    assert writing.stats.finish == "stopped"
    assert writing.stats.tokens == 0


def test_a_generation_that_breaks_leaves_the_model_usable(llm: LanguageModel) -> None:
    expected = "".join(stream(llm, SHORT, run=at_once, max_new_tokens=10))
    jobs = 0

    def breaks(fn: Callable[[], T], /) -> T:
        nonlocal jobs
        jobs += 1
        if jobs == 6:
            raise EngineUnavailableError("The lane broke.", "Try again.")
        return fn()

    writing = stream(llm, SHORT, run=breaks, max_new_tokens=50)
    with pytest.raises(EngineUnavailableError, match="lane broke"):
        list(writing)
    assert writing.stats.finish == "error"
    assert "".join(stream(llm, SHORT, run=at_once, max_new_tokens=10)) == expected


def test_a_dropped_generation_leaves_the_model_usable(llm: LanguageModel) -> None:
    expected = "".join(stream(llm, SHORT, run=at_once, max_new_tokens=10))
    dropped = stream(llm, SHORT, run=at_once, max_new_tokens=50)
    next(dropped)
    dropped.close()
    assert dropped.stats.finish == "stopped"
    with pytest.raises(StopIteration):
        next(dropped)
    assert "".join(stream(llm, SHORT, run=at_once, max_new_tokens=10)) == expected


def test_two_generations_do_not_disturb_each_other(llm: LanguageModel) -> None:
    chats = (SHORT, long_chat(llm.tokenizer))
    alone = ["".join(stream(llm, chat, run=at_once, max_new_tokens=15)) for chat in chats]
    running = [stream(llm, chat, run=at_once, max_new_tokens=15) for chat in chats]
    together = ["", ""]
    for _ in range(15):
        for index, writing in enumerate(running):
            together[index] += next(writing, "")
    assert together == alone


def test_other_jobs_get_their_turn_between_two_tokens(llm: LanguageModel) -> None:
    lane = CpuLane(threads=1)
    order: list[str] = []
    has_begun = threading.Event()

    def on_lane(fn: Callable[[], T], /) -> T:
        def job() -> T:
            order.append("token")
            has_begun.set()
            return fn()

        return lane.run(job)

    def write() -> None:
        for _ in stream(llm, SHORT, run=on_lane, max_new_tokens=30):
            pass

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert has_begun.wait(30)
        lane.run(lambda: order.append("photo"))
    finally:
        writer.join(120)
        lane.close()
    assert 0 < order.index("photo") < len(order) - 5


def test_a_prompt_beyond_the_models_limit_is_refused(llm: LanguageModel) -> None:
    endless = [{"role": "user", "content": "glass jar " * 5000}]
    with pytest.raises(InputError, match="longer than"):
        next(stream(llm, endless, run=at_once, max_new_tokens=10))


def small_model(folder: Path, cache_dir: Path) -> LanguageModel:
    settings = Settings(llm_model=str(folder), cache_dir=cache_dir, llm_engine="transformers")
    model = LanguageModel(settings, PLAIN_CPU)
    model.load()
    return model


def test_the_models_limit_ends_the_text(small_folder: Path, tmp_path: Path) -> None:
    model = small_model(small_folder, tmp_path)
    nearly_full = [{"role": "user", "content": "a b c d " * 50}]
    writing = stream(model, nearly_full, run=at_once, max_new_tokens=500)
    for _ in writing:
        pass
    assert 200 < writing.stats.prompt_tokens < 256
    assert writing.stats.prompt_tokens + writing.stats.tokens <= 256


def test_numbers_that_are_none_are_reported(small_folder: Path, tmp_path: Path) -> None:
    model = small_model(small_folder, tmp_path)
    network_of(model).lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(EngineUnavailableError, match="float32"):
        next(stream(model, SHORT, run=at_once, max_new_tokens=10))


def test_a_model_that_is_not_loaded_says_so() -> None:
    model = LanguageModel(Settings(), PLAIN_CPU)
    with pytest.raises(EngineUnavailableError, match="not loaded"):
        next(stream(model, SHORT, run=at_once, max_new_tokens=10))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"temperature": -0.1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"repetition_penalty": 0.0},
    ],
)
def test_settings_out_of_range_are_refused_at_once(
    llm: LanguageModel, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"has to be|out of range"):
        stream(llm, SHORT, run=at_once, **{"max_new_tokens": 5, **wrong})


def test_there_are_no_figures_before_the_end(llm: LanguageModel) -> None:
    writing = stream(llm, SHORT, run=at_once, max_new_tokens=5)
    next(writing)
    with pytest.raises(RuntimeError, match="not ended"):
        _ = writing.stats


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_text_comes_in_whole_characters(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    detokenizer = Detokenizer(tokenizer)
    pieces = [*(detokenizer.push(token) for token in ids), detokenizer.rest()]
    assert not any("\ufffd" in piece for piece in pieces)
    # Bytes that this vocabulary lacks are lost in encoding already.
    whole = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert "".join(pieces) == whole.replace("\ufffd", "")
    assert detokenizer.rest() == ""


def test_a_character_of_several_tokens_comes_at_once(tokenizer: Any) -> None:
    ids = tokenizer("🧯", add_special_tokens=False)["input_ids"]
    assert len(ids) > 1
    detokenizer = Detokenizer(tokenizer)
    assert [detokenizer.push(token) for token in ids] == [*([""] * (len(ids) - 1)), "🧯"]
    assert detokenizer.push(tokenizer("!")["input_ids"][0]) == "!"
