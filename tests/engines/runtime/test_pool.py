from __future__ import annotations

import logging
import threading
import time

import psutil
import pytest
import torch

from engines.runtime.errors import (
    BusyError,
    EngineUnavailableError,
    InputError,
    WeightsMissingError,
)
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.runtime.doubling import PATIENCE_S, DoublingEngine, Factory, status_of, together


def test_an_engine_is_built_only_when_it_is_needed(pool: EnginePool) -> None:
    factory = Factory()
    pool.register("doubling", factory)
    assert factory.calls == 0
    assert status_of(pool, "doubling").state == "not_loaded"
    assert pool.run("doubling", lambda engine: engine.double(21.0)) == 42.0
    assert pool.run("doubling", lambda engine: engine.double(4.0)) == 8.0
    assert factory.calls == 1
    status = status_of(pool, "doubling")
    assert (status.state, status.calls, status.errors) == ("loaded", 2, 0)
    assert status.detail == "It doubles."
    assert status.load_ms is not None
    assert status.load_ms > 0
    assert status.p50_ms is not None
    assert status.p95_ms is not None
    assert 0 <= status.p50_ms <= status.p95_ms


def test_loading_warms_the_engine_up_on_the_lane(pool: EnginePool) -> None:
    factory = Factory()
    pool.register("doubling", factory)
    pool.get("doubling")
    assert factory.built[0].warmed_up_on == ["cpu-lane"]


def test_loading_leaves_no_team_of_threads_behind(pool: EnginePool) -> None:
    if torch.get_num_threads() < 2:
        pytest.skip("one core has no teams")
    grown: list[int] = []

    class Large(DoublingEngine):
        def load(self) -> None:
            before = psutil.Process().num_threads()
            # Large enough that PyTorch splits it among a team.
            torch.ones(2_000_000).to(torch.bfloat16)
            grown.append(psutil.Process().num_threads() - before)
            super().load()

    pool.register("large", Large)
    before = psutil.Process().num_threads()
    pool.get("large")
    assert grown[0] > 0
    # The system takes a moment to forget a thread that has ended.
    deadline_s = time.monotonic() + 5.0
    while psutil.Process().num_threads() > before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert psutil.Process().num_threads() <= before


def test_ten_first_callers_share_one_load(pool: EnginePool) -> None:
    factory = Factory(load_s=0.05)
    pool.register("doubling", factory)
    engines: list[object] = []
    together(10, lambda: engines.append(pool.get("doubling")))
    assert factory.calls == 1
    assert len(engines) == 10
    assert all(engine is factory.built[0] for engine in engines)


def test_ten_people_at_once_get_their_own_answers(pool: EnginePool) -> None:
    pool.register("doubling", Factory())
    answers: list[tuple[float, float]] = []
    numbers = iter(range(10))
    lock = threading.Lock()

    def ask() -> None:
        with lock:
            number = float(next(numbers))
        answers.append((number, pool.run("doubling", lambda engine: engine.double(number))))

    together(10, ask)
    assert sorted(answers) == [(float(n), 2.0 * n) for n in range(10)]
    assert status_of(pool, "doubling").calls == 10


def test_ten_first_callers_share_one_failure(pool: EnginePool) -> None:
    factory = Factory(WeightsMissingError("The weights are missing.", "Install them."))
    pool.register("doubling", factory)
    failures: list[EngineUnavailableError] = []

    def ask() -> None:
        try:
            pool.get("doubling")
        except EngineUnavailableError as error:
            failures.append(error)

    together(10, ask)
    assert factory.calls == 1
    assert len(failures) == 10
    assert {str(error) for error in failures} == {
        "The doubling engine could not load. The weights are missing. Install them."
    }


def test_a_failed_load_is_reported_and_may_be_retried(pool: EnginePool) -> None:
    factory = Factory(ValueError("bad shape"))
    pool.register("doubling", factory)
    with pytest.raises(EngineUnavailableError, match="bad shape") as caught:
        pool.get("doubling")
    assert isinstance(caught.value.__cause__, ValueError)
    status = status_of(pool, "doubling")
    assert status.state == "failed"
    assert "bad shape" in status.reason
    assert status.failed_at is not None
    assert status.failed_at.tzinfo is not None

    with pytest.raises(EngineUnavailableError, match="bad shape"):
        pool.run("doubling", lambda engine: engine.double(1.0))
    assert factory.calls == 1, "a failure is remembered, not repeated for every caller"

    assert pool.retry("doubling") is factory.built[0]
    status = status_of(pool, "doubling")
    assert (status.state, status.reason, status.failed_at) == ("loaded", "", None)


def test_a_failed_load_is_tried_again_after_a_while(lane: CpuLane) -> None:
    pool = EnginePool(Settings(device="cpu"), lane, retry_after_s=0.05)
    factory = Factory(ValueError("bad shape"))
    pool.register("doubling", factory)
    with pytest.raises(EngineUnavailableError):
        pool.get("doubling")
    time.sleep(0.06)
    assert pool.get("doubling") is factory.built[0]


def test_one_failing_engine_takes_no_other_down(pool: EnginePool) -> None:
    pool.register("broken", Factory(ValueError("bad shape")))
    pool.register("doubling", Factory())
    pool.preload(["broken", "doubling"]).join(PATIENCE_S)
    assert [(status.name, status.state) for status in pool.health()] == [
        ("broken", "failed"),
        ("doubling", "loaded"),
    ]


def test_a_load_interrupted_from_outside_can_be_begun_again(pool: EnginePool) -> None:
    class Interrupted(DoublingEngine):
        def load(self) -> None:
            raise KeyboardInterrupt

    engines: list[DoublingEngine] = [DoublingEngine(), Interrupted()]
    pool.register("doubling", lambda: engines.pop())
    with pytest.raises(KeyboardInterrupt):
        pool.get("doubling")
    assert status_of(pool, "doubling").state == "not_loaded"
    assert pool.run("doubling", lambda engine: engine.double(1.0)) == 2.0


def test_a_full_lane_is_no_fault_of_the_engine() -> None:
    lane = CpuLane(queue_limit=1, timeout_s=0.05)
    pool = EnginePool(Settings(device="cpu"), lane)
    pool.register("doubling", Factory())
    begun, go = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait(PATIENCE_S)

    blocker = threading.Thread(target=lambda: lane.run(block))
    blocker.start()
    assert begun.wait(PATIENCE_S)
    with pytest.raises(BusyError):
        pool.get("doubling")
    assert status_of(pool, "doubling").state == "not_loaded"
    go.set()
    blocker.join(PATIENCE_S)
    assert pool.run("doubling", lambda engine: engine.double(1.0)) == 2.0
    lane.close()


def test_health_answers_while_an_engine_is_loading(pool: EnginePool) -> None:
    pool.register("doubling", Factory(load_s=0.2))
    loading = pool.preload(["doubling"])
    deadline_s = time.monotonic() + PATIENCE_S
    while status_of(pool, "doubling").state != "loading":
        assert time.monotonic() < deadline_s
    assert loading.is_alive()
    loading.join(PATIENCE_S)
    assert status_of(pool, "doubling").state == "loaded"


def test_a_job_on_the_lane_does_not_wait_for_a_load_that_waits_for_the_lane(
    pool: EnginePool, lane: CpuLane
) -> None:
    loading, go = threading.Event(), threading.Event()

    class Waiting(DoublingEngine):
        def load(self) -> None:
            loading.set()
            assert go.wait(PATIENCE_S)
            super().load()

    pool.register("doubling", Waiting)
    preloading = pool.preload(["doubling"])
    assert loading.wait(PATIENCE_S)
    with pytest.raises(BusyError, match="still loading"):
        lane.run(lambda: pool.get("doubling"))
    go.set()
    preloading.join(PATIENCE_S)
    assert lane.run(lambda: pool.run("doubling", lambda engine: engine.double(3.0))) == 6.0


def test_an_error_meant_for_a_person_passes_untouched(pool: EnginePool) -> None:
    pool.register("doubling", Factory())
    error = InputError("The picture is broken.", "Take another.")

    def refuse(engine: DoublingEngine) -> None:
        raise error

    with pytest.raises(InputError) as caught:
        pool.run("doubling", refuse)
    assert caught.value is error
    assert status_of(pool, "doubling").errors == 0


def test_any_other_error_is_logged_and_told_in_a_sentence(
    pool: EnginePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.register("doubling", Factory())

    def break_off(engine: DoublingEngine) -> None:
        raise IndexError("row 7")

    with caplog.at_level(logging.ERROR), pytest.raises(EngineUnavailableError) as caught:
        pool.run("doubling", break_off)
    assert "row 7" not in str(caught.value)
    assert "row 7" in caplog.text
    assert "break_off" in caplog.text
    status = status_of(pool, "doubling")
    assert (status.state, status.calls, status.errors) == ("loaded", 1, 1)
    assert pool.run("doubling", lambda engine: engine.double(1.0)) == 2.0


def test_the_priority_reaches_the_lane() -> None:
    lane = CpuLane(queue_limit=1, timeout_s=PATIENCE_S)
    pool = EnginePool(Settings(device="cpu"), lane)
    pool.register("doubling", Factory())
    pool.get("doubling")
    begun, go = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go.wait(PATIENCE_S)

    order: list[str] = []
    threads = [threading.Thread(target=lambda: lane.run(block))]
    threads[0].start()
    assert begun.wait(PATIENCE_S)
    for name, priority in (("batch", Priority.BATCH), ("safety", Priority.SAFETY)):
        thread = threading.Thread(
            target=lambda name=name, priority=priority: pool.run(
                "doubling", lambda engine: order.append(name), priority=priority
            )
        )
        depth = lane.depth
        thread.start()
        threads.append(thread)
        deadline_s = time.monotonic() + PATIENCE_S
        while lane.depth == depth:
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
    go.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == ["safety", "batch"]
    lane.close()


def test_a_name_is_given_once_and_an_unknown_one_is_a_mistake(pool: EnginePool) -> None:
    pool.register("doubling", Factory())
    with pytest.raises(ValueError, match="registered already"):
        pool.register("doubling", Factory())
    with pytest.raises(KeyError):
        pool.get("tripling")
    assert pool.names == ("doubling",)
