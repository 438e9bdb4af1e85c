"""Counts and latencies in Prometheus' text format."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engines.runtime.device import memory_report
from engines.runtime.pool import EnginePool

# Text-based format, version 0.0.4: prometheus.io/docs/instrumenting/exposition_formats.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds, seconds: around the 10 ms of a recommendation, the 500 ms of a journey, and the
# tens of seconds of a written answer.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_MIB = 1024 * 1024

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


@dataclass
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class Metrics:
    """Count the requests of an API; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._latencies: dict[str, _Histogram] = defaultdict(_Histogram)
        self._in_flight = 0

    def begin(self) -> None:
        """Note that a request came."""
        with self._lock:
            self._in_flight += 1

    def end(self, route: str, method: str, status: int, elapsed_s: float) -> None:
        """Note how a request ended.

        Args:
            route: the address as it was declared, so that there are few of them.
            method: in capitals; an unusual one counts as "OTHER".
            status: of the response. elapsed_s: seconds, 0 or more.
        """
        known = method if method in ("GET", "HEAD", "POST", "OPTIONS") else "OTHER"
        with self._lock:
            self._in_flight -= 1
            self._requests[route, known, status] += 1
            self._latencies[route].add(elapsed_s)

    def text(self, pool: EnginePool, sessions: int) -> str:
        """Write all metrics: the requests, the engines, the queue and the memory of now.

        Args:
            sessions: MaxSight sessions that are kept.
        """
        with self._lock:
            requests, in_flight = dict(self._requests), self._in_flight
            latencies = {
                route: _Histogram(list(one.counts), one.sum_s)
                for route, one in self._latencies.items()
            }
        lines = _family(
            "releaf_requests_total",
            "counter",
            "Requests to the API that were answered.",
            (
                ("", {"route": route, "method": method, "status": str(status)}, count)
                for (route, method, status), count in sorted(requests.items())
            ),
        )
        lines += _family(
            "releaf_request_duration_seconds",
            "histogram",
            "From a request to the end of its answer.",
            (
                sample
                for route, histogram in sorted(latencies.items())
                for sample in _histogram_samples(route, histogram)
            ),
        )
        lines += _one("releaf_requests_in_flight", "Requests being answered now.", in_flight)
        lines += _one("releaf_maxsight_sessions", "MaxSight sessions that are kept.", sessions)
        lines += _pool_lines(pool)
        return "\n".join(lines) + "\n"


def _pool_lines(pool: EnginePool) -> list[str]:
    statuses, lane, memory = pool.health(), pool.lane, memory_report()
    lines = _family(
        "releaf_engine_ready",
        "gauge",
        "1 where the engine is loaded, else 0.",
        (("", {"engine": s.name}, float(s.state == "loaded")) for s in statuses),
    )
    lines += _family(
        "releaf_engine_calls_total",
        "counter",
        "Calls to the engine, from the page and from the API.",
        (("", {"engine": s.name}, s.calls) for s in statuses),
    )
    lines += _family(
        "releaf_engine_errors_total",
        "counter",
        "Calls that broke off.",
        (("", {"engine": s.name}, s.errors) for s in statuses),
    )
    lines += _family(
        "releaf_engine_latency_seconds",
        "gauge",
        "Percentiles of the engine's recent calls, without waiting.",
        (
            ("", {"engine": s.name, "quantile": quantile}, value_ms / 1000)
            for s in statuses
            for quantile, value_ms in (("0.5", s.p50_ms), ("0.95", s.p95_ms))
            if value_ms is not None
        ),
    )
    lines += _one("releaf_queue_waiting_jobs", "Jobs that wait for the models.", lane.depth)
    wait_ms = lane.wait_times.p95_ms
    if wait_ms is not None:
        lines += _one(
            "releaf_queue_wait_p95_seconds", "Wait of the slowest 5 % of jobs.", wait_ms / 1000
        )
    lines += _one(
        "process_resident_memory_bytes",
        "Resident memory of the process.",
        memory.process_rss_mb * _MIB,
    )
    lines += _one(
        "releaf_memory_available_bytes",
        "Memory of the machine or container that is free.",
        memory.available_mb * _MIB,
    )
    if memory.device_allocated_mb is not None:
        lines += _one(
            "releaf_device_memory_bytes",
            "Memory in use on the accelerator.",
            memory.device_allocated_mb * _MIB,
        )
    return lines


def _histogram_samples(route: str, histogram: _Histogram) -> Iterable[Sample]:
    total = 0
    for bound_s, count in zip((*BUCKETS_S, math.inf), histogram.counts, strict=True):
        total += count
        yield "_bucket", {"route": route, "le": _number(bound_s)}, total
    yield "_sum", {"route": route}, histogram.sum_s
    yield "_count", {"route": route}, total


def _one(name: str, words: str, value: float) -> list[str]:
    return _family(name, "gauge", words, [("", {}, value)])


def _family(
    name: str,
    kind: Literal["counter", "gauge", "histogram"],
    words: str,
    samples: Iterable[Sample],
) -> list[str]:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{suffix}{f'{{{inner}}}' if inner else ''} {_number(value)}")
    return lines


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
