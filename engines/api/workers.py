"""Run what blocks, so many at a time, and answer in time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from engines.api.errors import ApiError
from engines.runtime.errors import BusyError

T = TypeVar("T")


class Workers:
    """Wait for engines in threads, while the server goes on.

    Args:
        most: jobs at once; one more is refused at once.
        timeout_s: a job that takes longer is not waited for. One that has not begun is withdrawn;
            one that has goes on to its end, and counts until then.
    """

    def __init__(self, most: int, timeout_s: float) -> None:
        self._most, self.timeout_s = most, timeout_s
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="api")
        self._lock, self._running = threading.Lock(), 0

    @property
    def running(self) -> int:
        """How many jobs are not through."""
        with self._lock:
            return self._running

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Begin a job. Raises BusyError if there are too many."""
        with self._lock:
            if self._running >= self._most:
                raise BusyError(
                    f"Many programs are using the app: {self._running} requests are being "
                    "answered.",
                    "Please try again in a few seconds.",
                )
            self._running += 1
        try:
            future = self._threads.submit(job)
        except BaseException:
            self._end()
            raise
        future.add_done_callback(lambda _: self._end())
        return future

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job and return its result or raise its error.

        Raises:
            BusyError: if there are too many jobs.
            ApiError: if it takes too long.
        """
        waiting = asyncio.wrap_future(self.submit(job))
        try:
            return await asyncio.wait_for(waiting, self.timeout_s)
        except asyncio.TimeoutError:
            raise timed_out(self.timeout_s) from None

    def close(self) -> None:
        """Begin no further job; those at work go on to their end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _end(self) -> None:
        with self._lock:
            self._running -= 1


class Feed(Generic[T]):
    """Read an iterator in a thread of the workers, one value after the other.

    Args:
        workers: where it runs, and how long it may take.
        values: gets a function that says whether nobody reads any more.
    """

    def __init__(
        self, workers: Workers, values: Callable[[Callable[[], bool]], Iterator[T]]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
        self._stopped = threading.Event()
        self._timeout_s = workers.timeout_s
        self._deadline_s = self._loop.time() + workers.timeout_s
        workers.submit(lambda: self._work(values))

    def stop(self) -> None:
        """Let the thread end with its next value."""
        self._stopped.set()

    async def next(self, wait_s: float | None = None) -> T | None:
        """Return the next value, None at the end.

        Args:
            wait_s: seconds; without a value until then, asyncio.TimeoutError is raised, and the
                value can still be asked for. None waits for as long as the workers allow.

        Raises:
            ApiError: if the whole takes too long.
            BaseException: what the iterator raised.
        """
        left_s = max(0.0, self._deadline_s - self._loop.time())
        is_last_wait = wait_s is None or wait_s >= left_s
        try:
            value = await asyncio.wait_for(self._queue.get(), left_s if is_last_wait else wait_s)
        except asyncio.TimeoutError:
            if not is_last_wait:
                raise
            self.stop()
            raise timed_out(self._timeout_s) from None
        if isinstance(value, BaseException):
            raise value
        return value

    def _work(self, values: Callable[[Callable[[], bool]], Iterator[T]]) -> None:
        try:
            for value in values(self._stopped.is_set):
                self._put(value)
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, value: T | BaseException | None) -> None:
        # The loop is closed where the server ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, value)


def timed_out(timeout_s: float) -> ApiError:
    """Say that an answer took too long."""
    return ApiError(
        "timeout",
        f"The answer was not there after {timeout_s:g} s.",
        "Try again when fewer people use the app.",
    )
