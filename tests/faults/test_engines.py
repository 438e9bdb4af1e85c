"""Each engine breaks off at load, in the middle of a call and for want of memory.

The others go on, it comes back, and its answer is the one that it gave before.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Any

import pytest

from engines.runtime.errors import EngineUnavailableError
from engines.runtime.pool import EnginePool, EngineStatus
from tests.faults.engines import SUBJECTS, Subject
from tests.load.server import ROOT

each = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
LIMIT_S = 120


def status_of(pool: EnginePool, name: str) -> EngineStatus:
    return next(status for status in pool.health() if status.name == name)


def others_answer(pool: EnginePool, subject: Subject) -> None:
    """Ask every other engine that is loaded; none may have come to harm."""
    for other in SUBJECTS:
        if other is not subject and status_of(pool, other.name).state == "loaded":
            before = status_of(pool, other.name)
            assert other.call(pool), f"{other.name} gave nothing"
            assert status_of(pool, other.name).load_ms == before.load_ms, "it was loaded again"


def break_in(patch: pytest.MonkeyPatch, engine: Any, subject: Subject, error: Exception) -> None:
    """Let the loaded engine raise where it computes."""
    owner, method = subject.computes_with(engine)

    def broken(*_: Any, **__: Any) -> Any:
        raise error

    patch.setattr(owner, method, broken)


@each
def test_an_engine_that_dies_at_its_load_comes_back(
    engines: EnginePool, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.unload(subject.name)

    def die(*_: Any, **__: Any) -> Any:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(subject.loads_with, die)
        with pytest.raises(EngineUnavailableError, match="could not load"):
            subject.call(engines)
    assert status_of(engines, subject.name).state == "failed"
    others_answer(engines, subject)
    # As the System tab's button does; without it the pool tries by itself after a while.
    engines.retry(subject.name)
    assert status_of(engines, subject.name).state == "loaded"
    assert subject.call(engines)


@each
def test_an_engine_that_breaks_off_in_a_call_answers_the_next_one(
    engines: EnginePool, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = subject.call(engines)
    errors = status_of(engines, subject.name).errors
    with monkeypatch.context() as patch:
        break_in(patch, engines.get(subject.name), subject, RuntimeError("row 7 of the weights"))
        with pytest.raises(EngineUnavailableError, match="broke off unexpectedly") as caught:
            subject.call(engines)
    assert "row 7" not in str(caught.value)
    status = status_of(engines, subject.name)
    assert (status.state, status.errors) == ("loaded", errors + 1)
    others_answer(engines, subject)
    assert subject.call(engines) == right


@each
def test_an_engine_that_runs_out_of_memory_is_unloaded_and_loads_again(
    engines: EnginePool, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = subject.call(engines)
    with monkeypatch.context() as patch:
        break_in(patch, engines.get(subject.name), subject, MemoryError())
        with pytest.raises(EngineUnavailableError, match="ran out of memory"):
            subject.call(engines)
    assert status_of(engines, subject.name).state == "not_loaded"
    others_answer(engines, subject)
    assert subject.call(engines) == right


SHORT_OF_MEMORY = """
import resource
import numpy as np, psutil
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings

settings = Settings()
pool = EnginePool(settings, CpuLane.from_settings(settings))
pool.register("ears", lambda: SoundRunner(settings, pool.placement))
sound = np.sin(np.arange(32_000) / 6).astype(np.float32)
listen = lambda ears: ears.probabilities(sound).tolist()
right = pool.run("ears", listen)
room = psutil.Process().memory_info().vms + 300 * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
try:
    pool.run("ears", lambda ears: ears.probabilities(np.tile(sound, 600)))
except EngineUnavailableError as error:
    print(error)
print(pool.health()[0].state)
assert pool.run("ears", listen) == right
print(pool.health()[0].state)
"""


def test_a_process_that_gets_no_more_memory_says_so_and_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "RELEAF_CPU_THREADS": "1"},
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    said, *states = done.stdout.splitlines()
    assert "ran out of memory" in said
    assert states == ["not_loaded", "loaded"]


def test_what_is_known_and_explained_is_logged_in_one_line(
    tmp_path: Any, caplog: pytest.LogCaptureFixture, engines: EnginePool
) -> None:
    settings = engines.settings.model_copy(update={"checkpoints_dir": tmp_path})
    pool = EnginePool(settings, engines.lane)
    known = [one for one in SUBJECTS if one.name not in ("rag", "llm")]
    for subject in known:
        subject.register(pool)
    with caplog.at_level(logging.INFO):
        pool.preload(pool.names).join(LIMIT_S)
    assert {status.state for status in pool.health()} == {"failed"}
    about = [record for record in caplog.records if record.name == "engines.runtime.pool"]
    assert {record.levelname for record in about} == {"WARNING"}
    assert not any(record.exc_info for record in about)
    for subject in known:
        assert sum(subject.name in str(record.args) for record in about) >= 1
    assert "Traceback" not in caplog.text
