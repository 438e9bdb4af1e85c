"""Start the app as a person does: when the page answers, when all is ready, what it holds."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import psutil

from tests.benchmarks.table import REPO, Measured

LIMIT_S = 240.0


def start_rows() -> list[Measured]:
    """Start app.py, wait for the page and then for every engine, and look at its memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=REPO,
        env=os.environ | {"RELEAF_PORT": str(port), "RELEAF_IS_API_SERVED": "true"},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: _get(f"{url}/") is not None)
        answered_s = time.perf_counter() - start_s
        states: dict[str, Any] = {}

        def is_settled() -> bool:
            states.update(json.loads(_get(f"{url}/health") or "{}"))
            return states.get("status") in ("ready", "degraded")

        _wait(is_settled)
        ready_s = time.perf_counter() - start_s
        memory = psutil.Process(process.pid).memory_info()
    finally:
        process.terminate()
        process.wait(timeout=30)
    loaded = [engine["name"] for engine in states["engines"] if engine["state"] == "loaded"]
    remark = f"{len(loaded)} of {len(states['engines'])} engines: {', '.join(loaded)}"
    return [
        ("start to the page answering", answered_s, "s", 10.0, "python app.py, installed"),
        ("start to every engine ready", ready_s, "s", None, remark),
        ("memory, every engine loaded", memory.rss / 2**20, "MiB", None, "resident"),
    ]


def _wait(is_so: Any) -> None:
    deadline_s = time.perf_counter() + LIMIT_S
    while not is_so():
        if time.perf_counter() > deadline_s:
            raise TimeoutError(f"the app was not ready after {LIMIT_S:.0f} s")
        time.sleep(0.05)


def _get(url: str) -> bytes | None:
    with (
        contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
        urllib.request.urlopen(url, timeout=5) as reply,
    ):
        return bytes(reply.read())
    return None
