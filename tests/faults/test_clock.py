"""The clock on the wall jumps by days, as when a machine wakes up or is set right."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.api.limits import TokenBuckets
from engines.api.sessions import FrameSessions
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.load.server import ROOT

DAY_S = 86_400.0
# Where the date is meant, for a person to read: names of files, when something was said or failed.
DATES = {
    "components/chat_actions.py": 1,
    "components/waste_actions.py": 1,
    "engines/runtime/pool.py": 1,
    "engines/waste/feedback.py": 1,
}
WALL_CLOCKS = {"time": ("time", "time_ns", "localtime", "gmtime", "ctime"), "datetime": ("now",)}


def wall_clock_reads(path: Path) -> int:
    """Count where a file reads the date or the time of day."""
    found = 0
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += node.attr in WALL_CLOCKS.get(node.value.id, ())
            found += node.attr in ("utcnow", "today")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += sum(name.name in WALL_CLOCKS["time"] for name in node.names)
    return found


def test_only_dates_are_read_from_the_wall() -> None:
    files = [path for folder in ("engines", "components") for path in (ROOT / folder).rglob("*.py")]
    # Training runs and their cards are no part of the running app.
    counts = {
        str(path.relative_to(ROOT)): wall_clock_reads(path)
        for path in [*files, ROOT / "app.py"]
        if "fit" not in path.parts
    }
    assert len(counts) > 100
    assert {name: count for name, count in counts.items() if count} == DATES


@pytest.fixture(params=[DAY_S, -DAY_S], ids=["forward", "back"])
def jump(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what moves the clock on the wall by a day."""
    real = time.time

    def move() -> None:
        monkeypatch.setattr(time, "time", lambda: real() + request.param)
        assert abs(time.time() - real()) > DAY_S / 2

    return move


def test_a_client_gets_no_more_and_no_fewer_requests(jump: Callable[[], None]) -> None:
    buckets = TokenBuckets(0.001, 2)
    assert [buckets.take("one") for _ in range(2)] == [0.0, 0.0]
    jump()
    assert 990 < buckets.take("one") <= 1000
    assert buckets.take("another") == 0.0


def test_a_session_is_neither_lost_nor_kept_too_long(jump: Callable[[], None]) -> None:
    lane = CpuLane()
    sessions = FrameSessions(EnginePool(Settings(device="cpu"), lane))
    named = sessions.begin()
    session = sessions.get(named)
    jump()
    assert sessions.get(named) is session
    assert len(sessions) == 1
    lane.close()


def test_jobs_wait_and_failed_loads_rest_as_long_as_they_should(jump: Callable[[], None]) -> None:
    lane = CpuLane(timeout_s=30.0)
    pool, loads = EnginePool(Settings(device="cpu"), lane, retry_after_s=30.0), []

    def fail() -> None:
        loads.append(1)
        raise EngineUnavailableError("It is not there.", "Bring it.")

    pool.register("absent", fail)  # type: ignore[arg-type]
    for is_first in (True, False):
        with pytest.raises(EngineUnavailableError, match="It is not there"):
            pool.get("absent")
        if is_first:
            jump()
    assert len(loads) == 1, "the failure is remembered for as long as before"

    def jump_in_between() -> str:
        jump()
        return "done"

    assert lane.run(jump_in_between) == "done"
    assert 0 <= (lane.wait_times.p95_ms or 0.0) < 30_000
    lane.close()
