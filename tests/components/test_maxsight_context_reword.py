"""Fuller sentences: the language model may word a description anew, in time, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from components.maxsight_context_reword import Rewording, messages
from engines.llm.model import LanguageModel
from engines.maxsight.describe import describe
from engines.maxsight.reword import reworded
from engines.maxsight.scene_graph import scene_graph
from engines.maxsight.supported import keep_supported
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.components.maxsight_bench import ONE, OTHER, Bench
from tests.components.maxsight_eyes import TIMEOUT_S, read
from tests.engines.maxsight.scene_things import FRAME_SIZE, seen
from tests.engines.maxsight.scenes import seen_at

LIMIT_S = 0.3


class Lane(CpuLane):
    """A lane that remembers with which priorities jobs came."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.asked: list[Priority] = []

    def run(self, fn: Any, *, priority: Priority = Priority.INTERACTIVE) -> Any:
        self.asked.append(priority)
        return super().run(fn, priority=priority)


class Silent:
    """An engine of the name "llm" that is not loaded yet, or does not load."""

    name = "llm"

    def __init__(self, is_missing: bool = False) -> None:
        self.is_missing = is_missing
        self.loading = threading.Event()

    def load(self) -> None:
        self.loading.set()
        if self.is_missing:
            raise EngineUnavailableError("No model.", "Install one.")

    def warmup(self) -> None: ...
    def unload(self) -> None: ...

    def health(self) -> EngineHealth:
        return EngineHealth(True, "Silent.")

    def loaded(self) -> Any:
        raise RuntimeError("it broke off")


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane()
    yield lane
    lane.close()


def pool_with(lane: CpuLane, engine: Any) -> EnginePool:
    pool = EnginePool(Settings(), lane)
    pool.register("llm", lambda: engine)
    return pool


def test_without_a_language_model_nothing_is_worded(lane: Lane) -> None:
    word = Rewording(EnginePool(Settings(), lane)).begin()
    assert word("Around you: a chair ahead, 2 metres.") is None


def test_a_model_that_is_not_loaded_is_asked_for_and_not_waited_for(lane: Lane) -> None:
    engine = Silent()
    word = Rewording(pool_with(lane, engine)).begin()
    assert word("Around you: a chair ahead, 2 metres.") is None
    assert engine.loading.wait(TIMEOUT_S)


def test_a_model_that_breaks_off_costs_nothing_but_the_fuller_sentence(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    pool = pool_with(lane, Silent())
    pool.get("llm")
    assert Rewording(pool).begin()("Around you: a chair ahead, 2 metres.") is None
    assert "could not be worded anew" in caplog.text


def test_nobody_waits_beyond_the_limit_though_the_lane_is_taken(lane: Lane) -> None:
    pool = pool_with(lane, Silent())
    pool.get("llm")
    rewording, may_go_on = Rewording(pool, LIMIT_S), threading.Event()
    taken = threading.Thread(target=lambda: lane.run(lambda: may_go_on.wait(TIMEOUT_S)))
    taken.start()
    word = rewording.begin()
    # It comes back while the lane is still taken.
    assert word("Around you: a chair ahead, 2 metres.") is None
    assert not may_go_on.is_set()
    assert rewording.begin()("Around you: a door ahead, 2 metres.") is None
    may_go_on.set()
    taken.join()


def test_the_apps_own_model_words_a_scene_in_jobs_that_let_every_frame_pass(
    lane: Lane,
) -> None:
    pool = EnginePool(Settings(cpu_threads=1), lane)
    pool.register("llm", lambda: LanguageModel(pool.settings, pool.placement))
    pool.get("llm")
    lane.asked.clear()
    graph = scene_graph([seen("chair", (250, 200, 400, 300), 2.0)], frame_size=FRAME_SIZE)
    said, written = describe(graph), []
    word = Rewording(pool, limit_s=60.0).begin()

    def watched(sentence: str) -> str | None:
        written.append(word(sentence))
        return written[-1]

    told = reworded(said, graph, watched)
    assert set(lane.asked) == {Priority.BATCH}
    (text,) = written
    assert text and len(lane.asked) > len(text.split())
    assert told.text in (said.text, keep_supported(text, graph))


def test_the_examples_are_true_to_what_they_word_anew() -> None:
    chat = messages("Around you: a chair ahead, 2 metres.")
    assert [one["role"] for one in chat[1:]] == ["user", "assistant"] * 3 + ["user"]
    assert chat[-1]["content"] == "Around you: a chair ahead, 2 metres."


# At the tab


@pytest.fixture
def bench(lane: Lane) -> Bench:
    return Bench(lane)


def test_fuller_sentences_are_told_only_to_who_wants_them_and_while_they_are_true(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    meanwhile: list[Any] = []

    def begin() -> Any:
        def word(sentence: str) -> str:
            asked.append(sentence)
            for job in meanwhile:
                job()
            return "There is a chair at 12 o'clock, 2 metres away."

        return word

    monkeypatch.setattr(bench.context._rewording, "begin", begin)
    bench.film(4)
    short = read(bench.tab.around(ONE))["text"]
    assert short.startswith("Around you: a chair") and not asked
    bench.context.fuller(ONE, True)
    assert read(bench.tab.around(ONE))["text"] == "There is a chair at 12 o'clock, 2 metres away."
    bench.film(4, OTHER)
    assert read(bench.tab.around(OTHER))["text"] == short and len(asked) == 1
    bench.prefer(language="de")
    assert "Stuhl" in read(bench.tab.around(ONE))["text"] and len(asked) == 1
    bench.prefer(language="en")

    def dog_comes() -> None:
        bench.things = [seen_at(3.0, "dog")]
        bench.clock.sleep(3.5)
        bench.film(4)

    meanwhile.append(dog_comes)
    text = read(bench.tab.around(ONE))["text"]
    assert "dog" in text and "chair" not in text
    meanwhile.clear()
    bench.context.fuller(ONE, False)
    assert read(bench.tab.around(ONE))["text"] == text
