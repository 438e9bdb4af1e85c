"""Prometheus' text format, read by Prometheus' own parser."""

from __future__ import annotations

import math
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from engines.api.metrics import BUCKETS_S, Metrics
from engines.runtime.pool import EnginePool
from tests.engines.api.conftest import MakeClient
from tests.engines.conftest import MakePool

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def empty_pool(make_pool: MakePool) -> EnginePool:
    """Return a pool without engines."""
    return make_pool()


def samples_of(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: Any) -> float:
    return samples[name, frozenset((key, str(text)) for key, text in labels.items())]


def scraped(client: TestClient) -> Samples:
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples_of(response.text)


def test_requests_are_counted_by_route_method_and_status(make_client: MakeClient) -> None:
    client = make_client()
    client.post("/api/v1/ask", json={})
    client.post("/api/v1/ask", json={"question": "Why?"})
    client.get("/api/v1/ask")
    samples = scraped(client)
    counted = [
        value(samples, "releaf_requests_total", route="/api/v1/ask", method=method, status=status)
        for method, status in (("POST", 422), ("POST", 503), ("GET", 405))
    ]
    assert counted == [1, 1, 1]
    assert value(samples, "releaf_request_duration_seconds_count", route="/api/v1/ask") == 3
    assert value(samples, "releaf_requests_in_flight") == 1


def test_strange_addresses_and_methods_make_no_new_series(make_client: MakeClient) -> None:
    client = make_client()
    for number in range(20):
        client.request(f"STRANGE{number}", f"/api/v1/{number}")
    samples = scraped(client)
    counted = value(samples, "releaf_requests_total", route="other", method="OTHER", status=404)
    assert counted == 20
    assert sum(name == "releaf_requests_total" for name, _ in samples) == 1


def test_refused_requests_are_counted_too(make_client: MakeClient) -> None:
    client = make_client(api_token="s3cret")
    client.post("/api/v1/ask", json={})
    samples = samples_of(client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).text)
    counted = value(samples, "releaf_requests_total", route="other", method="POST", status=401)
    assert counted == 1


def test_engines_queue_and_memory_are_reported(make_pool: MakePool) -> None:
    pool = make_pool("upcycle")
    before = samples_of(Metrics().text(pool, 0))
    assert value(before, "releaf_engine_ready", engine="upcycle") == 0
    pool.run("upcycle", lambda engine: engine.link("glass jar"))
    after = samples_of(Metrics().text(pool, 7))
    assert value(after, "releaf_engine_ready", engine="upcycle") == 1
    assert value(after, "releaf_engine_calls_total", engine="upcycle") == 1
    assert value(after, "releaf_engine_errors_total", engine="upcycle") == 0
    assert value(after, "releaf_engine_latency_seconds", engine="upcycle", quantile="0.95") > 0
    assert value(after, "releaf_queue_waiting_jobs") == 0
    assert value(after, "releaf_queue_wait_p95_seconds") >= 0
    assert value(after, "releaf_maxsight_sessions") == 7
    assert value(after, "process_resident_memory_bytes") > 50e6
    assert value(after, "releaf_memory_available_bytes") > 0


@given(seconds=st.lists(st.floats(0, 200) | st.sampled_from(BUCKETS_S), max_size=40))
def test_the_histogram_is_that_of_the_reference_client(
    empty_pool: EnginePool, seconds: list[float]
) -> None:
    reference = Histogram("r", "r", buckets=BUCKETS_S, registry=CollectorRegistry())
    metrics = Metrics()
    for elapsed_s in seconds:
        reference.observe(elapsed_s)
        metrics.begin()
        metrics.end("/a", "GET", 200, elapsed_s)
    expected = {
        (sample.name.removeprefix("r"), sample.labels.get("le", "")): sample.value
        for family in reference.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    name = "releaf_request_duration_seconds"
    ours = {
        (key.removeprefix(name), dict(labels).get("le", "")): count
        for (key, labels), count in samples_of(metrics.text(empty_pool, 0)).items()
        if key.startswith(name)
    }
    if not seconds:
        assert ours == {}
        return
    assert {(key, _bound(le)): count for (key, le), count in ours.items()} == pytest.approx(
        {(key, _bound(le)): count for (key, le), count in expected.items()}
    )


def _bound(le: str) -> float:
    return float(le.replace("+Inf", "inf")) if le else -math.inf


@pytest.mark.parametrize("strange", ['a"b', "a\\b", "a\nb", "ä€"], ids=repr)
def test_any_text_survives_as_a_label(make_pool: MakePool, strange: str) -> None:
    metrics = Metrics()
    metrics.begin()
    metrics.end(strange, "GET", 200, 0.1)
    samples = samples_of(metrics.text(make_pool(), 0))
    counted = value(samples, "releaf_requests_total", route=strange, method="GET", status=200)
    assert counted == 1
