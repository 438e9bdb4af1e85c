"""Load engines when they are first needed, once, and keep an eye on them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

from engines.runtime.device import (
    choose_placement,
    memory_capacity_mb,
    process_rss_mb,
    release_memory,
)
from engines.runtime.errors import BusyError, EngineUnavailableError, ReleafError
from engines.runtime.failures import broken_off, is_out_of_memory, load_failure
from engines.runtime.health import Engine, EngineHealth, EngineState, EngineStatus
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.settings import Settings
from engines.runtime.timing import LatencyWindow, Stopwatch

__all__ = ["Engine", "EngineHealth", "EnginePool", "EngineState", "EngineStatus"]

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_AFTER_S = 30.0
MEMORY_SHARE = 0.85


@dataclass
class _Slot:
    """Keep what the pool knows of one engine; every field is guarded by `changed`."""

    name: str
    factory: Callable[[], Engine]
    changed: threading.Condition = field(default_factory=threading.Condition)
    state: EngineState = "not_loaded"
    engine: Engine | None = None
    failure: EngineUnavailableError | None = None
    failed_at: datetime | None = None
    retry_s: float = 0.0
    load_ms: float | None = None
    latencies: LatencyWindow = field(default_factory=LatencyWindow)
    calls: int = 0
    errors: int = 0
    users: int = 0
    last_used_s: float = 0.0


class EnginePool:
    """Own all engines: build each when first asked for, once, and run its work on the lane.

    Args:
        settings: where to compute and how much memory to use.
        lane: the one thread that computes.
        retry_after_s: how long a failed load is remembered before it is tried again, in seconds.
    """

    def __init__(
        self, settings: Settings, lane: CpuLane, *, retry_after_s: float = RETRY_AFTER_S
    ) -> None:
        self.settings = settings
        self.lane = lane
        self.placement = choose_placement(settings)
        self._retry_after_s = retry_after_s
        self._memory_limit_mb = settings.memory_limit_mb or MEMORY_SHARE * memory_capacity_mb()
        self._slots: dict[str, _Slot] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The registered names, in the order they came."""
        return tuple(self._slots)

    def register(self, name: str, factory: Callable[[], Engine]) -> None:
        """Make an engine known; `factory` builds it when it is first needed.

        Raises:
            ValueError: if the name is taken.
        """
        if name in self._slots:
            raise ValueError(f"an engine called {name!r} is registered already")
        self._slots[name] = _Slot(name, factory)

    def get(self, name: str) -> Engine:
        """Return the engine, loaded and warm; callers who come meanwhile share one load.

        The engine may be unloaded once it rests: to compute with it, use `run`.

        Raises:
            KeyError: if no engine has that name.
            EngineUnavailableError: if it cannot be loaded; the message says why.
            BusyError: if a job on the lane asks for an engine that another thread is loading.
        """
        slot = self._slots[name]
        engine = self._lease(slot)
        self._return(slot)
        return engine

    def retry(self, name: str) -> Engine:
        """Forget that an engine failed to load, and load it again now. Raises as `get` does."""
        slot = self._slots[name]
        with slot.changed:
            if slot.state == "failed":
                slot.state = "not_loaded"
        return self.get(name)

    def preload(self, names: Iterable[str]) -> threading.Thread:
        """Load engines one after another in the background; a failure is logged and shown."""
        wanted = tuple(names)

        def load_all() -> None:
            for name in wanted:
                try:
                    self.get(name)
                except ReleafError as error:
                    log.warning("could not preload %s: %s", name, error)

        thread = threading.Thread(target=load_all, name="preload", daemon=True)
        thread.start()
        return thread

    def run(
        self, name: str, fn: Callable[[Any], T], *, priority: Priority = Priority.INTERACTIVE
    ) -> T:
        """Run `fn(engine)` on the lane and return its result, loading the engine if need be.

        Raises:
            KeyError: if no engine has that name.
            ReleafError: as `get`, `CpuLane.run` and `fn` raise it, untouched.
            EngineUnavailableError: if `fn` broke off with anything else.
        """
        slot = self._slots[name]
        engine = self._lease(slot)
        has_no_memory = False
        try:
            return self.lane.run(lambda: self._timed(slot, engine, fn), priority=priority)
        except ReleafError:
            raise
        except Exception as error:
            with slot.changed:
                slot.errors += 1
            log.exception("the %s engine broke off", name)
            has_no_memory = is_out_of_memory(error)
            raise broken_off(name, error) from error
        finally:
            self._return(slot)
            if has_no_memory:
                self.unload(name)
            self.relieve_memory_pressure()

    def health(self) -> tuple[EngineStatus, ...]:
        """Report on every engine, in the order they were registered. Never waits for a load."""
        return tuple(_status(slot) for slot in tuple(self._slots.values()))

    def unload(self, name: str) -> bool:
        """Unload an engine that rests; answer False if it is in use or not loaded.

        Raises:
            KeyError: if no engine has that name.
        """
        slot = self._slots[name]
        with slot.changed:
            if slot.state != "loaded" or slot.users or slot.engine is None:
                return False
            engine, slot.engine, slot.state = slot.engine, None, "not_loaded"
            try:
                engine.unload()
            except Exception:
                log.exception("the %s engine did not unload cleanly", name)
            del engine
        release_memory()
        return True

    def relieve_memory_pressure(self) -> str | None:
        """Unload the engine that rested longest if the process uses more memory than it may.

        Never one in use, and never the one used last: the next call would only load it again.
        Called after each run; returns the name of the engine that was unloaded.
        """
        if process_rss_mb() <= self._memory_limit_mb:
            return None
        loaded = [slot for slot in tuple(self._slots.values()) if slot.state == "loaded"]
        loaded.sort(key=lambda slot: slot.last_used_s)
        for slot in loaded[:-1]:
            if self.unload(slot.name):
                log.info("unloaded %s to make room in memory", slot.name)
                return slot.name
        return None

    def _lease(self, slot: _Slot) -> Engine:
        """Return the engine and count the caller as its user, so that it is not unloaded."""
        with slot.changed:
            while slot.state == "loading":
                if self.lane.is_current_thread:
                    # The load ends with a warm-up on this very lane: waiting would never end.
                    raise BusyError(
                        f"The {slot.name} engine is still loading.", "Try again in a few seconds."
                    )
                slot.changed.wait()
            if slot.state == "failed" and slot.failure and time.monotonic() < slot.retry_s:
                raise EngineUnavailableError(slot.failure.what, slot.failure.do)
            if slot.state == "loaded" and slot.engine is not None:
                return _count_user(slot, slot.engine)
            slot.state = "loading"
        return self._load(slot)

    def _load(self, slot: _Slot) -> Engine:
        """Load without the lock, so that `health` answers meanwhile; the state keeps others out."""
        start_s = time.perf_counter()
        try:
            engine = _in_passing_thread(lambda: _loaded(slot.factory))
            self.lane.run(engine.warmup)
        except BusyError:
            self._settle(slot, "not_loaded")
            raise
        except Exception as error:
            if isinstance(error, ReleafError):  # known and explained: a traceback adds nothing
                log.warning("the %s engine could not load: %s", slot.name, error)
            else:
                log.exception("the %s engine failed to load", slot.name)
            failure = load_failure(slot.name, error)
            with slot.changed:
                slot.failure = failure
                slot.failed_at = datetime.now(timezone.utc)
                slot.retry_s = time.monotonic() + self._retry_after_s
            self._settle(slot, "failed")
            # Not the remembered error itself: its traceback would keep the engine in memory.
            raise EngineUnavailableError(failure.what, failure.do) from error
        except BaseException:
            self._settle(slot, "not_loaded")
            raise
        with slot.changed:
            slot.engine = engine
            slot.load_ms = (time.perf_counter() - start_s) * 1000.0
            slot.failure, slot.failed_at = None, None
            self._settle(slot, "loaded")
            return _count_user(slot, engine)

    def _settle(self, slot: _Slot, state: EngineState) -> None:
        with slot.changed:
            slot.state = state
            slot.changed.notify_all()

    def _return(self, slot: _Slot) -> None:
        with slot.changed:
            slot.users -= 1
            slot.last_used_s = time.monotonic()

    def _timed(self, slot: _Slot, engine: Engine, fn: Callable[[Any], T]) -> T:
        with slot.changed:
            slot.calls += 1
        with Stopwatch(self.placement.device) as watch:
            result = fn(engine)
        slot.latencies.add(watch.elapsed_ms)
        return result


def _count_user(slot: _Slot, engine: Engine) -> Engine:
    slot.users += 1
    slot.last_used_s = time.monotonic()
    return engine


def _loaded(factory: Callable[[], Engine]) -> Engine:
    engine = factory()
    engine.load()
    return engine


def _in_passing_thread(job: Callable[[], T]) -> T:
    """Run a job in a thread of its own and return its result or raise its error.

    Not on the lane: reading weights can take long, and safety jobs must not wait for it. Not in the
    caller's thread either: a thread that computes keeps a team of OpenMP threads, which spins
    between jobs and slows the lane for as long as that thread lives.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(job())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=work, name="load", daemon=True)
    thread.start()
    thread.join()
    return future.result()


def _status(slot: _Slot) -> EngineStatus:
    with slot.changed:
        state, engine = slot.state, slot.engine
        reason = str(slot.failure) if state == "failed" and slot.failure else ""
        load_ms, calls, errors, failed_at = slot.load_ms, slot.calls, slot.errors, slot.failed_at
    detail = ""
    if engine is not None:
        try:
            detail = engine.health().detail
        except Exception:
            log.exception("the %s engine does not answer for its health", slot.name)
            detail = "It does not answer."
    return EngineStatus(
        name=slot.name,
        state=state,
        reason=reason,
        load_ms=load_ms,
        p50_ms=slot.latencies.p50_ms,
        p95_ms=slot.latencies.p95_ms,
        calls=calls,
        errors=errors,
        failed_at=failed_at,
        detail=detail,
    )
