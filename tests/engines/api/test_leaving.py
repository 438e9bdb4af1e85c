"""Nobody writes on for a caller who has gone or who was told that it took too long."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from engines.api import build_api
from engines.api.jobs import Jobs
from engines.api.journey_models import JourneyReply
from engines.api.models import AnswerReply, AskRequest
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.api.test_stream import Server

PATIENCE_S = 30.0
QUESTION = {"question": "Why is recycling aluminium worth it?", "mode": "written"}


class Endless(Jobs):
    """Works until it is told to stop."""

    def __init__(self, pool: EnginePool) -> None:
        super().__init__(pool)
        self.begun, self.ended = threading.Event(), threading.Event()

    def ask(self, asked: AskRequest, is_stopped: Callable[[], bool] = lambda: False) -> AnswerReply:
        self._work(is_stopped)
        raise EngineUnavailableError("The answer broke off.", "Please ask again.")

    def journey(
        self,
        photo: bytes,
        place: str = "generic",
        item: str | None = None,
        mode: str = "quoted",
        k: int = 5,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> JourneyReply:
        self._work(is_stopped)
        raise EngineUnavailableError("The answer broke off.", "Please ask again.")

    def _work(self, is_stopped: Callable[[], bool]) -> None:
        self.begun.set()
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_stopped():
            assert time.monotonic() < deadline_s, "nobody told it to stop"
            time.sleep(0.01)
        self.ended.set()


def request_of(path: str) -> bytes:
    """Write a whole request as it goes over the wire."""
    sent = (
        httpx.Request("POST", f"http://127.0.0.1/api/v1/{path}", json=QUESTION)
        if path == "ask"
        else httpx.Request("POST", f"http://127.0.0.1/api/v1/{path}", files={"photo": b"any"})
    )
    lines = [f"{name}: {value}" for name, value in sent.headers.items()]
    return "\r\n".join([f"POST /api/v1/{path} HTTP/1.1", *lines, "", ""]).encode() + sent.read()


@contextmanager
def serving(**settings: Any) -> Iterator[tuple[Server, Endless]]:
    """Serve the API without any engine."""
    own = Settings(**settings)
    lane = CpuLane.from_settings(own)
    pool = EnginePool(own, lane)
    jobs = Endless(pool)
    app = build_api(pool, jobs)
    with Server(app, app.state.workers) as server:
        yield server, jobs
    lane.close()


@pytest.mark.parametrize("path", ["ask", "journey"])
def test_a_caller_who_goes_away_ends_the_job(path: str) -> None:
    with serving() as (server, jobs):
        port = urlsplit(server.address).port
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
            connection.sendall(request_of(path))
            assert jobs.begun.wait(PATIENCE_S)
            assert not jobs.ended.wait(0.6), "somebody waits for it"
        assert jobs.ended.wait(PATIENCE_S)


def test_a_job_that_takes_too_long_is_told_to_stop() -> None:
    # Long enough for the question to arrive on a busy machine: it counts, too.
    with serving(api_timeout_s=2.0) as (server, jobs):
        response = httpx.post(f"{server.address}api/v1/ask", json=QUESTION, timeout=PATIENCE_S)
        assert response.status_code == 504
        assert json.loads(response.text)["error"]["code"] == "timeout"
        assert jobs.ended.wait(PATIENCE_S)
