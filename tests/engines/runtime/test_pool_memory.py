"""A pool short of memory: what is unloaded, what stays, and what is said of it."""

from __future__ import annotations

import pytest
import torch

from engines.runtime import pool as pool_module
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.runtime.doubling import DoublingEngine, Factory, status_of


def test_out_of_memory_unloads_the_engine_and_says_so(pool: EnginePool) -> None:
    factory = Factory()
    pool.register("doubling", factory)
    with pytest.raises(EngineUnavailableError, match="ran out of memory"):
        # The allocator itself refuses an exbibyte; nothing is simulated.
        pool.run("doubling", lambda engine: torch.empty(2**60, dtype=torch.uint8))
    assert status_of(pool, "doubling").state == "not_loaded"
    assert factory.built[0].layer is None
    assert pool.run("doubling", lambda engine: engine.double(1.0)) == 2.0
    assert factory.calls == 2


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        pytest.param(MemoryError(), True, id="python"),
        pytest.param(torch.OutOfMemoryError("CUDA out of memory."), True, id="cuda"),
        pytest.param(RuntimeError("MPS backend out of memory (x)"), True, id="mps"),
        pytest.param(RuntimeError("shapes do not match"), False, id="another error of torch"),
        pytest.param(ValueError("out of memory"), False, id="only the words"),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(
    pool: EnginePool, error: Exception, is_memory: bool
) -> None:
    pool.register("doubling", Factory(error))
    with pytest.raises(EngineUnavailableError) as caught:
        pool.get("doubling")
    assert ("not enough memory" in caught.value.what) == is_memory


def test_an_unloaded_engine_gives_its_weights_back_and_loads_again(pool: EnginePool) -> None:
    factory = Factory()
    pool.register("doubling", factory)
    assert not pool.unload("doubling")
    pool.get("doubling")
    assert pool.unload("doubling")
    assert factory.built[0].layer is None
    assert status_of(pool, "doubling").state == "not_loaded"
    assert pool.run("doubling", lambda engine: engine.double(5.0)) == 10.0
    assert factory.calls == 2


def test_an_engine_in_use_is_never_unloaded(pool: EnginePool) -> None:
    pool.register("doubling", Factory())

    def unload_me(engine: DoublingEngine) -> tuple[bool, float]:
        return pool.unload("doubling"), engine.double(8.0)

    assert pool.run("doubling", unload_me) == (False, 16.0)


def test_under_memory_pressure_the_engine_that_rested_longest_goes(lane: CpuLane) -> None:
    # Any process uses more than one mebibyte, so the pressure is real at once.
    pool = EnginePool(Settings(device="cpu", memory_limit_mb=1.0), lane)
    for name in ("first", "second", "third"):
        pool.register(name, Factory())
        pool.get(name)
    pool.run("first", lambda engine: engine.double(1.0))
    assert {status.name: status.state for status in pool.health()} == {
        "first": "loaded",
        "second": "not_loaded",
        "third": "loaded",
    }
    assert pool.relieve_memory_pressure() == "third"
    assert pool.relieve_memory_pressure() is None, "the engine used last stays"
    assert status_of(pool, "first").state == "loaded"


def test_under_memory_pressure_an_engine_in_use_stays(lane: CpuLane) -> None:
    pool = EnginePool(Settings(device="cpu", memory_limit_mb=1.0), lane)
    pool.register("busy", Factory())
    pool.register("resting", Factory())

    def use(engine: DoublingEngine) -> str | None:
        pool.get("resting")
        return pool.relieve_memory_pressure()

    assert pool.run("busy", use) is None
    assert status_of(pool, "busy").state == "loaded"


def test_with_memory_to_spare_nothing_is_unloaded(lane: CpuLane) -> None:
    pool = EnginePool(Settings(device="cpu", memory_limit_mb=1e9), lane)
    for name in ("first", "second"):
        pool.register(name, Factory())
        pool.get(name)
    assert pool.relieve_memory_pressure() is None
    assert {status.state for status in pool.health()} == {"loaded"}


def test_the_default_memory_limit_leaves_the_machine_some(pool: EnginePool) -> None:
    assert pool_module.MEMORY_SHARE == 0.85
    assert pool.relieve_memory_pressure() is None
