from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.runtime.gate import GateDecision, StageGate
from engines.runtime.settings import Settings

GATE = StageGate(max_latency_ms=200.0, max_uncertainty=0.7)

latencies = st.floats(min_value=0.0, allow_nan=False)
uncertainties = st.floats(min_value=0.0, max_value=1.0)


@pytest.mark.parametrize(
    ("latency_ms", "uncertainty", "code"),
    [
        pytest.param(0.0, 0.0, "ran", id="nothing against it"),
        pytest.param(200.0, 0.7, "ran", id="both exactly at their limits"),
        pytest.param(math.nextafter(200.0, 300.0), 0.0, "slow", id="a hair too slow"),
        pytest.param(0.0, math.nextafter(0.7, 1.0), "unsure", id="a hair too unsure"),
        pytest.param(201.0, 0.9, "slow", id="slow and unsure: the latency is named"),
        pytest.param(math.inf, 0.0, "slow", id="never came back"),
        pytest.param(math.nan, 0.0, "slow", id="not timed"),
        pytest.param(0.0, math.inf, "unsure", id="infinite uncertainty"),
        pytest.param(0.0, -math.inf, "unsure", id="negative infinite uncertainty"),
        pytest.param(0.0, math.nan, "unsure", id="uncertainty is not a number"),
    ],
)
def test_the_gate_decides_at_its_limits(latency_ms: float, uncertainty: float, code: str) -> None:
    decision = GATE.decide(latency_ms, uncertainty)
    assert decision.code == code
    assert decision.is_run == (code == "ran")


@given(latencies, uncertainties)
def test_the_second_stage_runs_exactly_when_both_are_within_their_limits(
    latency_ms: float, uncertainty: float
) -> None:
    decision = GATE.decide(latency_ms, uncertainty)
    assert decision.is_run == (latency_ms <= 200.0 and uncertainty <= 0.7)


@given(st.floats(min_value=200.0, exclude_min=True), st.floats())
def test_a_slow_first_stage_always_skips_the_second(latency_ms: float, uncertainty: float) -> None:
    assert GATE.decide(latency_ms, uncertainty).code == "slow"


@given(latencies, latencies, uncertainties, uncertainties)
def test_less_latency_and_less_uncertainty_never_close_the_gate(
    latency_ms: float, other_ms: float, uncertainty: float, other: float
) -> None:
    worse = GATE.decide(max(latency_ms, other_ms), max(uncertainty, other))
    better = GATE.decide(min(latency_ms, other_ms), min(uncertainty, other))
    assert better.is_run or not worse.is_run


@given(st.floats(0, 1e4), st.floats(0, 1), st.floats(0, 1e4), st.floats(0, 1), st.floats(0, 1e4))
def test_looser_limits_never_close_the_gate(
    latency_ms: float, uncertainty: float, limit_ms: float, limit: float, more_ms: float
) -> None:
    strict = StageGate(limit_ms, limit).decide(latency_ms, uncertainty)
    loose = StageGate(limit_ms + more_ms, 1.0).decide(latency_ms, uncertainty)
    assert loose.is_run or not strict.is_run


@given(latencies, uncertainties)
def test_the_same_measurements_give_the_same_decision(
    latency_ms: float, uncertainty: float
) -> None:
    assert GATE.decide(latency_ms, uncertainty) == GATE.decide(latency_ms, uncertainty)


@given(st.floats(max_value=0.0, exclude_max=True), st.floats())
def test_a_negative_latency_is_a_mistake(latency_ms: float, uncertainty: float) -> None:
    with pytest.raises(ValueError, match="never negative"):
        GATE.decide(latency_ms, uncertainty)


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_a_limit_that_is_no_limit_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="max_latency_ms"):
        StageGate(limit, 0.7)
    with pytest.raises(ValueError, match="max_uncertainty"):
        StageGate(200.0, limit)


def test_the_reason_names_the_measurement_and_the_limit() -> None:
    assert GATE.decide(231.4, 0.1) == GateDecision(
        False, "Skipped: the first pass took 231.4 ms, more than 200 ms.", "slow"
    )
    assert "0.83" in GATE.decide(20.0, 0.83).reason


def test_the_limits_of_the_settings_are_those_of_the_reference_design() -> None:
    fields = Settings.model_fields
    assert fields["gate_max_latency_ms"].default == 200.0
    assert fields["gate_max_uncertainty"].default == 0.7
