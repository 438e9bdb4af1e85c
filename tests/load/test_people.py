"""The real app with 25 people at once, with slow ones and ones who leave, until it is ended.

One process for all of it. The tests stand in the order of a day: the last one ends the app.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.load.people import at_work, in_a_rush
from tests.load.report import failures
from tests.load.server import STOP_S, Server, running_app
from tests.load.work import JOBS, WEIGHTS, Person, right_answers

PEOPLE, SECONDS, PAUSE_S = 25, 10.0, 0.5
# Fewer may wait than people come, so that some have to be sent away.
QUEUE_LIMIT, RUSH = 12, 60
PATIENCE_S = 60.0
WRITTEN = {"question": "Why is recycling aluminium worth it?", "mode": "written"}
SLOW = 30
# Words still written when the reader has gone; a whole answer has more.
MOST_AFTER = 40

Known = dict[tuple[str, str], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the app with a short queue; people here share one address, so no rate limit."""
    with running_app(
        tmp_path_factory.mktemp("app"),
        queue_limit=QUEUE_LIMIT,
        api_requests_per_s=10_000,
        api_burst=100_000,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def known(server: Server) -> Known:
    """Return the answers that one person gets who is alone."""
    return right_answers(server.url)


def everything_works(server: Server, known: Known, way: str = "program") -> None:
    """Do everything once, as one person who is alone."""
    person = Person(server.url, way, known)
    try:
        assert [person.does(job, 0).outcome for job in JOBS] == ["right"] * len(JOBS)
    finally:
        person.close()


def test_twenty_five_people_at_once_lose_no_answer(server: Server, known: Known) -> None:
    calls = at_work(server.url, known, people=PEOPLE, seconds=SECONDS, pause_s=PAUSE_S)
    assert failures(calls) == []
    assert len(calls) >= PEOPLE
    assert {call.way for call in calls} == {"page", "program"}
    for job, weight in zip(JOBS, WEIGHTS):
        outcomes = [call.outcome for call in calls if call.job == job]
        assert "right" in outcomes or (weight == 1 and not outcomes), job
    everything_works(server, known, "page")


def test_more_than_may_wait_are_sent_away_politely(server: Server, known: Known) -> None:
    calls = in_a_rush(server.url, known, calls=RUSH)
    outcomes = [call.outcome for call in calls]
    assert failures(calls) == []
    assert outcomes.count("right") >= QUEUE_LIMIT
    assert outcomes.count("refused") >= 1
    everything_works(server, known)


def test_slow_clients_keep_nobody_waiting(server: Server, known: Known) -> None:
    port = int(server.url.rpartition(":")[2])
    head = b"POST /api/v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    begun = (
        head[:20],
        head + b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    )
    with ExitStack() as held:
        for number in range(SLOW):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            # Half a head, half a body, or a whole request whose answer nobody reads.
            slow.sendall(begun[number % len(begun)])
        everything_works(server, known)


def llm_calls(server: Server) -> int:
    """Count what the language model has done so far: pieces of prompts read, words written."""
    text = httpx.get(f"{server.url}/metrics", timeout=PATIENCE_S).text
    (count,) = re.findall(r'releaf_engine_calls_total\{engine="llm"\} (\d+)', text)
    return int(count)


def leave_a_stream(server: Server) -> None:
    """Ask the API for a written answer, and go when its first words come."""
    with httpx.stream(
        "POST", f"{server.url}/api/v1/ask/stream", json=WRITTEN, timeout=PATIENCE_S
    ) as response:
        for line in response.iter_lines():
            if line.startswith("data:") and json.loads(line[5:]).get("draft"):
                return
    raise AssertionError("the answer ended without a draft")


def leave_a_call(server: Server) -> None:
    """Ask the API for a written answer as a whole, and go when its first words are written."""
    before = llm_calls(server)
    port = int(server.url.rpartition(":")[2])
    body = json.dumps(WRITTEN).encode()
    head = (
        "POST /api/v1/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(head.encode() + body)
        deadline_s = time.monotonic() + PATIENCE_S
        while llm_calls(server) <= before + 5:
            assert time.monotonic() < deadline_s, "nothing is written"


def leave_the_page(server: Server) -> None:
    """Ask on the page for a written answer, and close it when its first words come."""
    config = httpx.get(f"{server.url}/config", timeout=PATIENCE_S).json()
    (event,) = [one for one in config["dependencies"] if one["api_name"] == "ask"]
    visit = f"visit{time.monotonic_ns()}"
    data = [WRITTEN["question"], "generic", "written", None]
    assert len(event["inputs"]) == len(data)
    base = f"{server.url}/gradio_api/queue"
    before = llm_calls(server)
    joined = httpx.post(
        f"{base}/join",
        json={"data": data, "fn_index": event["id"], "session_hash": visit},
        timeout=PATIENCE_S,
    )
    assert joined.status_code == 200, joined.text
    with httpx.stream(
        "GET", f"{base}/data", params={"session_hash": visit}, timeout=PATIENCE_S
    ) as response:
        for line in response.iter_lines():
            message = json.loads(line[5:]) if line.startswith("data:") else {}
            assert message.get("msg") != "process_completed", "the answer was whole before"
            if message.get("msg") == "process_generating" and llm_calls(server) > before + 5:
                return
    raise AssertionError("the page's stream ended by itself")


@pytest.mark.parametrize(
    "leave",
    [leave_a_call, leave_a_stream, leave_the_page],
    ids=["a program", "a program that reads along", "a page"],
)
def test_who_leaves_in_the_middle_of_an_answer_frees_the_lane(
    server: Server, known: Known, leave: Callable[[Server], None]
) -> None:
    leave(server)
    left_at = before = llm_calls(server)
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        time.sleep(1.0)
        now = llm_calls(server)
        if now == before:
            break
        before = now
        assert time.monotonic() < deadline_s, "it writes on for nobody"
    # An answer has many more words than are written before it is noticed that nobody reads.
    assert now - left_at < MOST_AFTER
    assert httpx.get(f"{server.url}/health", timeout=PATIENCE_S).json()["waiting_jobs"] == 0
    everything_works(server, known)


def test_asked_to_end_it_ends_in_time_with_people_at_work(server: Server) -> None:
    writing, outcomes = threading.Event(), []

    def ask_for_much() -> None:
        try:
            with httpx.stream(
                "POST", f"{server.url}/api/v1/ask/stream", json=WRITTEN, timeout=PATIENCE_S
            ) as response:
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        writing.set()
                outcomes.append("ended")
        except httpx.TransportError:
            outcomes.append("cut")

    asking = [threading.Thread(target=ask_for_much) for _ in range(3)]
    for thread in asking:
        thread.start()
    assert writing.wait(PATIENCE_S)
    server.process.terminate()
    assert server.process.wait(STOP_S) == 0
    for thread in asking:
        thread.join(PATIENCE_S)
    assert len(outcomes) == len(asking), "nobody is left waiting"
    said = server.log.read_text(encoding="utf-8")
    assert "Traceback" not in said, said
