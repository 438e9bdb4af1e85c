"""Token buckets: what one client may ask for, and how many clients are remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api.limits import TokenBuckets, client_key


class Clock:
    """Stand still until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_let_through_and_then_a_steady_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(2.0, 3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now_s = 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(0.5)


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    buckets = TokenBuckets(1.0, 1, clock=clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 1, 1, 1, 1]
    clock.now_s = 1.0
    assert buckets.take("a") == 0


def test_one_client_does_not_use_up_what_another_has() -> None:
    buckets = TokenBuckets(1.0, 1, clock=Clock())
    assert [buckets.take("a"), buckets.take("b"), buckets.take("a")] == [0, 0, 1]


def test_a_clock_that_jumps_back_gives_nothing_and_takes_nothing() -> None:
    clock = Clock()
    clock.now_s = 100.0
    buckets = TokenBuckets(1.0, 2, clock=clock)
    buckets.take("a")
    clock.now_s = 0.0
    assert buckets.take("a") == 0
    assert buckets.take("a") == 1


def test_memory_is_bounded_and_the_client_unused_longest_is_forgotten() -> None:
    buckets = TokenBuckets(1.0, 1, most_clients=3, clock=Clock())
    for client in ("old", "a", "b", "old", "c"):
        buckets.take(client)
    assert len(buckets) == 3
    assert buckets.take("old") == 1
    assert buckets.take("a") == 0


@given(
    burst=st.integers(1, 20),
    rate_per_s=st.floats(0.1, 50),
    pauses_s=st.lists(st.floats(0, 2), max_size=60),
)
def test_never_more_than_the_burst_and_what_came_back_is_let_through(
    burst: int, rate_per_s: float, pauses_s: list[float]
) -> None:
    clock = Clock()
    buckets = TokenBuckets(rate_per_s, burst, clock=clock)
    served = 0
    for pause_s in pauses_s:
        clock.now_s += pause_s
        served += buckets.take("a") == 0
    assert served <= burst + clock.now_s * rate_per_s + 1e-6


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, 0)], ids=str)
def test_a_limit_of_nothing_is_refused(numbers: tuple[int, int, int]) -> None:
    rate_per_s, burst, most_clients = numbers
    with pytest.raises(ValueError):
        TokenBuckets(rate_per_s, burst, most_clients=most_clients)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("testclient", "another", False),
    ],
    ids=["same", "neighbours", "one network", "two networks", "mapped", "zone", "no address"],
)
def test_addresses_of_one_network_are_one_client(one: str, other: str, is_same: bool) -> None:
    assert (client_key(one) == client_key(other)) is is_same


def test_a_name_of_any_length_is_cut_off() -> None:
    assert len(client_key("x" * 10_000)) == 64
