"""Answers as server-sent events, and a client that goes away in the middle of one."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx_sse import EventSource, connect_sse

from engines.api.endpoints import EventStream
from engines.api.workers import Feed, Workers
from engines.rag.answers import AnswerDelta, AnswerSentence
from engines.runtime.errors import BusyError

STREAM = "/api/v1/ask/stream"
JAR = "Where does a glass jar go?"
START_S = 60.0

Values = Callable[[Callable[[], bool]], Iterator[AnswerDelta]]


def events_of(client: TestClient, **asked: str) -> list[tuple[str, Any]]:
    response = client.post(STREAM, json=asked)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    parsed = EventSource(httpx.Response(200, headers=response.headers, content=response.content))
    return [(event.event, json.loads(event.data)) for event in parsed.iter_sse()]


def test_a_quoted_answer_is_the_same_as_without_a_stream(client: TestClient) -> None:
    asked = {"question": JAR, "place": "spain"}
    *_, (kind, answer) = events_of(client, **asked)
    assert kind == "answer"
    whole = client.post("/api/v1/ask", json=asked).json()
    assert answer["text"] == whole["text"]
    assert answer["citations"] == whole["citations"]


def test_a_written_answer_grows_until_it_is_whole(client: TestClient) -> None:
    *deltas, (last, answer) = events_of(client, question=JAR, mode="written")
    assert {kind for kind, _ in deltas} == {"delta"}
    assert last == "answer"
    assert len(deltas) >= 2
    assert any(delta["draft"] for _, delta in deltas)
    shown = [len(delta["sentences"]) for _, delta in deltas]
    assert shown == sorted(shown)
    assert answer["mode"] == "written"


def test_what_cannot_be_answered_is_refused_with_a_status(client: TestClient) -> None:
    response = client.post(STREAM, json={"question": JAR, "place": "atlantis"})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "unusable_input"


class Server:
    """A real server of an app on a free port.

    Args:
        workers: of the app; closed at the end.
    """

    def __init__(self, app: FastAPI, workers: Workers) -> None:
        self.workers = workers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/"
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        deadline_s = time.monotonic() + START_S
        while not self._server.started and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(START_S)
        self.workers.close()


def serving(values: Values) -> Server:
    """Make a server whose one address streams what a test lets it say."""
    app, workers = FastAPI(), Workers(2, timeout_s=60.0)

    async def stream() -> EventStream:
        feed = Feed(workers, values)
        return EventStream(feed, await feed.next())

    app.add_api_route("/", stream, response_model=None)
    return Server(app, workers)


def delta(text: str) -> AnswerDelta:
    return AnswerDelta((AnswerSentence(text, (1,), True),))


def test_a_client_that_goes_away_ends_the_writing() -> None:
    ended = threading.Event()

    def values(is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        try:
            while not is_stopped():
                yield delta("More.")
                time.sleep(0.01)
        finally:
            ended.set()

    with serving(values) as server, httpx.Client() as client:
        with connect_sse(client, "GET", server.address) as source:
            events = source.iter_sse()
            assert next(events).event == "delta"
            assert not ended.is_set()
        assert ended.wait(30)
        deadline_s = time.monotonic() + 30
        while server.workers.running and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert server.workers.running == 0


def test_an_error_in_the_middle_is_the_last_event() -> None:
    def values(is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        yield delta("First.")
        raise BusyError("Too many.", "Wait.")

    with (
        serving(values) as server,
        httpx.Client() as client,
        connect_sse(client, "GET", server.address) as source,
    ):
        first, last = source.iter_sse()
    assert (first.event, last.event) == ("delta", "error")
    assert json.loads(last.data)["error"]["code"] == "busy"


def test_a_silent_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.api.endpoints.HEARTBEAT_S", 0.01)
    free = threading.Event()

    def values(is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        yield delta("First.")
        free.wait(30)
        yield delta("Second.")

    with (
        serving(values) as server,
        httpx.Client(timeout=30) as client,
        client.stream("GET", server.address) as response,
    ):
        lines = response.iter_lines()
        for line in lines:
            if line.startswith(":"):
                break
        free.set()
        assert any("Second." in line for line in lines)


def test_lines_in_a_text_do_not_break_an_event() -> None:
    def values(is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        yield delta("One\n\nevent: answer\ndata: two\r\nthree")

    with (
        serving(values) as server,
        httpx.Client() as client,
        connect_sse(client, "GET", server.address) as source,
    ):
        (event,) = source.iter_sse()
    assert event.event == "delta"
    assert json.loads(event.data)["sentences"][0]["text"].startswith("One\n\nevent")
