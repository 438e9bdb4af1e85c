"""The app as a process of its own, and what it takes of memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_S, STOP_S = 300.0, 30.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """A running app.

    Attributes:
        url: where it listens, without a slash at the end.
        process: what was started. log: what it writes.
        ready_s: seconds from its start until every engine was loaded.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    ready_s: float


@contextmanager
def running_app(home: Path, **settings: object) -> Iterator[Server]:
    """Start app.py on a free port, wait until all engines are loaded, and end it with SIGTERM.

    Args:
        home: an empty folder, for its log and what people leave behind.
        settings: by the names of `Settings`, such as queue_limit=8.

    Raises:
        RuntimeError: if it ends early, or an engine can't be loaded.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"port": port, "host": "127.0.0.1", "data_dir": home / "data", **settings}
    environment = {f"RELEAF_{name.upper()}": str(value) for name, value in own.items()}
    log = home / "app.log"
    started_s = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, log)
        yield Server(url, process, log, time.monotonic() - started_s)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended at its start:\n{log.read_text()}")
        try:
            status = httpx.get(f"{url}/health", timeout=10).json()["status"]
        except (httpx.TransportError, ValueError, KeyError):
            status = "no answer"
        if status == "ready":
            return
        if status == "degraded":
            raise RuntimeError(f"an engine could not be loaded:\n{log.read_text()}")
        time.sleep(0.2)
    raise RuntimeError(f"the engines were not loaded after {READY_S:.0f} s:\n{log.read_text()}")


@dataclass
class MemoryWatch:
    """Note the resident memory of a process again and again, in a thread of its own.

    Attributes:
        samples: (seconds since the first, MiB), in order.
    """

    process_id: int
    every_s: float = 1.0
    samples: list[tuple[float, float]] = field(default_factory=list)

    def __enter__(self) -> MemoryWatch:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        process, started_s = psutil.Process(self.process_id), time.monotonic()
        while True:
            try:
                taken = process.memory_info().rss / _MIB
            except psutil.NoSuchProcess:
                return
            self.samples.append((time.monotonic() - started_s, taken))
            if self._ended.wait(self.every_s):
                return


def slope_mb_per_min(samples: list[tuple[float, float]], *, skipped_share: float = 0.25) -> float:
    """Fit a line through (seconds, MiB) by least squares; return its slope in MiB a minute.

    Args:
        skipped_share: share of the time at the start that is left out, in [0, 1): buffers of every
            size are made with the first calls, and stay.

    Raises:
        ValueError: if fewer than two samples are left.
    """
    first_s = samples[-1][0] * skipped_share if samples else 0.0
    kept = [(at_s, mb) for at_s, mb in samples if at_s >= first_s]
    if len(kept) < 2:
        raise ValueError(f"{len(kept)} samples make no line")
    at_s, mb = np.array(kept).T
    return float(np.polyfit(at_s / 60.0, mb, 1)[0])
