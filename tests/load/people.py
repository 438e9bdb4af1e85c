"""Many people at once: who does what for how long, and a rush beyond what the app takes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.load.work import JOBS, WEIGHTS, Call, Person

WAYS = ("page", "program")


def at_work(
    url: str,
    known: Mapping[tuple[str, str], Any],
    *,
    people: int,
    seconds: float,
    pause_s: float,
    seed: int = 0,
) -> list[Call]:
    """Let people do things one after the other, each at their own pace, and return every call.

    Half of them use Gradio's client, half the HTTP API. A call that was begun in time is waited
    for to its end.

    Args:
        pause_s: mean pause of a person between two things, even from 0 to twice of it.
    """
    with ThreadPoolExecutor(people) as pool:
        crowd = list(pool.map(lambda number: Person(url, WAYS[number % 2], known), range(people)))
        start = threading.Barrier(people)

        def live(number: int) -> list[Call]:
            choose, calls = random.Random(f"{seed} {number}"), []
            start.wait()
            ends_s = time.monotonic() + seconds
            while time.monotonic() < ends_s:
                (job,) = choose.choices(JOBS, WEIGHTS)
                calls.append(crowd[number].does(job, choose.randrange(12)))
                time.sleep(choose.uniform(0, 2 * pause_s))
            return calls

        try:
            return [call for calls in pool.map(live, range(people)) for call in calls]
        finally:
            for person in crowd:
                person.close()


def in_a_rush(url: str, known: Mapping[tuple[str, str], Any], *, calls: int) -> list[Call]:
    """Ask as many questions at the same moment, each over a connection of its own."""
    start = threading.Barrier(calls)

    def ask(number: int) -> Call:
        person = Person(url, "program", known)
        try:
            start.wait()
            return person.does("question", number)
        finally:
            person.close()

    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(ask, range(calls)))
