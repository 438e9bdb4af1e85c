"""A small real engine, what builds it for a pool, and many callers at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import torch

from engines.runtime.pool import EngineHealth, EnginePool, EngineStatus

PATIENCE_S = 5.0


class DoublingEngine:
    """A real engine of one weight: it doubles a number."""

    name = "doubling"

    def __init__(self, load_s: float = 0.0) -> None:
        self.layer: torch.nn.Linear | None = None
        self.load_s = load_s
        self.warmed_up_on: list[str] = []

    def load(self) -> None:
        time.sleep(self.load_s)
        self.layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(self.layer.weight, 2.0)

    def warmup(self) -> None:
        assert self.double(1.0) == 2.0
        self.warmed_up_on.append(threading.current_thread().name)

    @torch.inference_mode()
    def double(self, number: float) -> float:
        assert self.layer is not None
        return float(self.layer(torch.tensor([number])).item())

    def health(self) -> EngineHealth:
        return EngineHealth(self.layer is not None, "It doubles.")

    def unload(self) -> None:
        self.layer = None


class Factory:
    """Build engines, count them, and fail as often as told."""

    def __init__(self, *failures: Exception, load_s: float = 0.0) -> None:
        self.failures = list(failures)
        self.load_s = load_s
        self.calls = 0
        self.built: list[DoublingEngine] = []

    def __call__(self) -> DoublingEngine:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        self.built.append(DoublingEngine(self.load_s))
        return self.built[-1]


def together(count: int, job: Callable[[], object]) -> None:
    """Run a job in many threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def begin() -> None:
        barrier.wait(PATIENCE_S)
        job()

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def status_of(pool: EnginePool, name: str) -> EngineStatus:
    """Return what the pool tells of one engine."""
    return next(status for status in pool.health() if status.name == name)
