"""The end of Stage B's thread: nobody waits for it but the process, and not for long."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.context_worker import END_WAIT_S, ContextBox, ContextWorker
from engines.maxsight.frames import Pixels
from engines.maxsight.tiers import Tier1, Urgency

PATIENCE_S = 20.0
FRAME = np.zeros((8, 8, 3), np.uint8)
TIER1 = Tier1(1, 0.0, (8, 8), (), Urgency.SAFE, 0.1, 20.0)

# A process that ends while Stage B is at work; it is told for how long B works, and how long the
# end may wait for it.
PROGRAM = """
import sys, time
import numpy as np
from engines.maxsight import context_worker
from engines.maxsight.context_worker import ContextBox, ContextWorker
from engines.maxsight.tiers import Tier1, Urgency

has_begun = []

class StageB:
    def look(self, frame, tier1, memory, is_late):
        print("begun", flush=True)
        has_begun.append(True)
        time.sleep(float(sys.argv[1]))
        print("is late:", is_late(), flush=True)
        return {}

context_worker.END_WAIT_S = float(sys.argv[2])
worker = ContextWorker(StageB(), clock=time.perf_counter, deadline_ms=60_000)
tier1 = Tier1(1, 0.0, (8, 8), (), Urgency.SAFE, 0.1, 20.0)
assert worker.offer(np.zeros((8, 8, 3), np.uint8), tier1, ContextBox())
while not has_begun:
    time.sleep(0.01)
"""


class Waiting:
    """A Stage B that is at work until a test lets it go."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.was_late: bool | None = None

    def prepare(self) -> None:
        pass

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)
        self.was_late = is_late()
        return {"scene": "street"}


def test_closing_does_not_wait_and_what_runs_is_told_to_hurry_and_thrown_away() -> None:
    stage_b, box = Waiting(), ContextBox()
    worker = ContextWorker(stage_b, clock=lambda: 0.0)
    assert worker.offer(FRAME, TIER1, box)
    assert stage_b.begun.wait(PATIENCE_S)
    worker.close()
    assert not worker.wait(0.01)
    assert not worker.offer(FRAME, TIER1, box)
    stage_b.may_end.set()
    assert worker.wait(PATIENCE_S)
    assert stage_b.was_late
    assert (worker.counts.late, box.latest) == (1, None)


def test_a_worker_that_never_ran_has_ended() -> None:
    worker = ContextWorker(Waiting(), clock=lambda: 0.0)
    worker.close()
    assert worker.wait(0.0)


@pytest.mark.parametrize(
    ("runs_s", "wait_s", "said"),
    [(0.4, 200.0, ["begun", "is late: True"]), (600.0, 0.2, ["begun"])],
    ids=["a run that ends in time is waited for", "a run that hangs is left behind"],
)
def test_the_end_of_the_process_waits_a_moment_for_a_run(
    runs_s: float, wait_s: float, said: list[str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(runs_s), str(wait_s)],
        capture_output=True, text=True, timeout=500, check=True,
    )  # fmt: skip
    assert ended.stdout.splitlines() == said
    assert ended.stderr == ""


def test_the_end_of_the_process_is_not_held_up_for_long() -> None:
    assert END_WAIT_S <= 1.0
