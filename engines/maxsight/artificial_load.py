"""Artificial load, so that anyone can watch the gate protect Stage A."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

# Well above the gate's usual limit; more would only keep the person waiting.
MAX_LOAD_MS = 400.0
_BLOCK = bytes(256 * 1024)


def work_for(load_ms: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Compute for a while to no purpose, and return what it took in milliseconds.

    It hashes zeros: real work of one core, during which Python's other threads go on.

    Args:
        load_ms: how long; brought between 0 and `MAX_LOAD_MS`.
        clock: seconds, rising.
    """
    started_s = clock()
    limit_ms = min(max(load_ms, 0.0), MAX_LOAD_MS)
    spent_ms = 0.0
    while spent_ms < limit_ms:
        hashlib.sha256(_BLOCK)
        spent_ms = max(0.0, (clock() - started_s) * 1000.0)
    return spent_ms
