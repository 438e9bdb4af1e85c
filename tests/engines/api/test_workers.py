"""Jobs in threads: their results, their number, and what becomes of those that take too long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from engines.api.errors import ApiError
from engines.api.workers import Feed, Workers
from engines.runtime.errors import BusyError, InputError


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(2, timeout_s=5.0)
    yield workers
    workers.close()


def fail() -> None:
    raise InputError("No.", "Don't.")


def test_a_job_gives_its_result_or_its_error(workers: Workers) -> None:
    assert asyncio.run(workers.run(lambda: 7)) == 7
    with pytest.raises(InputError):
        asyncio.run(workers.run(fail))
    assert workers.running == 0


def test_one_job_more_than_allowed_is_refused_at_once(workers: Workers) -> None:
    free = threading.Event()
    futures = [workers.submit(free.wait) for _ in range(2)]
    with pytest.raises(BusyError, match="2 requests"):
        workers.submit(free.wait)
    free.set()
    assert [future.result(5) for future in futures] == [True, True]
    assert workers.submit(lambda: 1).result(5) == 1


def test_a_job_that_takes_too_long_is_not_waited_for_but_still_counts() -> None:
    workers, free = Workers(1, timeout_s=0.05), threading.Event()
    try:
        with pytest.raises(ApiError) as caught:
            asyncio.run(workers.run(free.wait))
        assert (caught.value.code, caught.value.status_code) == ("timeout", 504)
        assert workers.running == 1
    finally:
        free.set()
        workers.close()


async def collected(feed: Feed[int]) -> list[int]:
    values = []
    while (value := await feed.next()) is not None:
        values.append(value)
    return values


def test_a_feed_hands_over_every_value_in_order(workers: Workers) -> None:
    async def read() -> list[int]:
        return await collected(Feed(workers, lambda is_stopped: iter(range(100))))

    assert asyncio.run(read()) == list(range(100))


def test_a_feed_raises_what_its_iterator_raises(workers: Workers) -> None:
    def values(is_stopped: Callable[[], bool]) -> Iterator[int]:
        yield 1
        fail()

    async def read() -> None:
        feed = Feed(workers, values)
        assert await feed.next() == 1
        await feed.next()

    with pytest.raises(InputError):
        asyncio.run(read())


def test_a_feed_that_is_silent_can_be_waited_for_again(workers: Workers) -> None:
    free = threading.Event()

    def values(is_stopped: Callable[[], bool]) -> Iterator[int]:
        free.wait(5)
        yield 1

    async def read() -> list[int]:
        feed = Feed(workers, values)
        with pytest.raises(asyncio.TimeoutError):
            await feed.next(0.01)
        free.set()
        return await collected(feed)

    assert asyncio.run(read()) == [1]


def test_a_feed_ends_when_nobody_reads_any_more(workers: Workers) -> None:
    ended = threading.Event()

    def values(is_stopped: Callable[[], bool]) -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    async def read() -> None:
        feed = Feed(workers, values)
        await feed.next()
        feed.stop()

    asyncio.run(read())
    assert ended.wait(5)


def test_a_feed_that_takes_too_long_is_stopped() -> None:
    workers, stopped = Workers(1, timeout_s=0.05), threading.Event()

    def values(is_stopped: Callable[[], bool]) -> Iterator[int]:
        while not is_stopped():
            stopped.wait(0.01)
        stopped.set()
        yield 1

    async def read() -> None:
        await Feed(workers, values).next()

    try:
        with pytest.raises(ApiError, match="was not there"):
            asyncio.run(read())
        assert stopped.wait(5)
    finally:
        workers.close()
