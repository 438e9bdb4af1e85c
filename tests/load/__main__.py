"""Measure the app with many people at once: `python -m tests.load --out docs/load.json`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from engines.runtime.settings import Settings
from tests.load.people import at_work, in_a_rush
from tests.load.report import OUTCOMES, failures, machine, memory, summary, table, write
from tests.load.server import MemoryWatch, Server, running_app
from tests.load.work import Call, right_answers

# The people share one address here; out there each has their own.
NO_RATE_LIMIT = {"api_requests_per_s": 10_000, "api_burst": 100_000}
STEADY_PEOPLE, STEADY_PAUSE_S = 4, 3.0
# Steady work that takes more would fill a gigabyte within a day.
MOST_MB_PER_MIN = 0.7


def main() -> int:
    """Run everything; return 1 if an answer was lost or wrong, or memory did not stay flat."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of the busy time")
    parser.add_argument("--people", type=int, default=25, help="at once in the busy time")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two things")
    parser.add_argument("--rush", type=int, default=100, help="questions at the same moment")
    parser.add_argument(
        "--steady-minutes", type=float, default=0.0, help=f"of {STEADY_PEOPLE} people afterwards"
    )
    parser.add_argument("--out", type=Path, help="JSON file; a .md file beside it gets the table")
    chosen = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="releaf-load-") as home:
        with running_app(Path(home), **NO_RATE_LIMIT) as server:
            run, calls = measured(server, chosen)
        status = server.process.returncode
        said = server.log.read_text(encoding="utf-8")
    run = {"machine": facts, **run}
    if chosen.out is not None:
        write(run, chosen.out)
    print(table(run))
    problems = failures(calls)
    if status != 0 or "Traceback" in said:
        problems.append(f"the app ended with {status}:\n{said[-3000:]}")
    slope = run.get("steady", {}).get("memory", {}).get("slope_mb_per_min", 0.0)
    if slope > MOST_MB_PER_MIN:
        problems.append(f"memory grew by {slope} MB a minute, more than {MOST_MB_PER_MIN:g}")
    for problem in problems[:50]:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def measured(server: Server, chosen: argparse.Namespace) -> tuple[dict[str, Any], list[Call]]:
    """Let everything happen: many people, a rush, and then few people for long."""
    known = right_answers(server.url)
    with MemoryWatch(server.process.pid) as watch:
        busy = at_work(
            server.url, known, people=chosen.people, seconds=chosen.seconds, pause_s=chosen.pause
        )
    rush = in_a_rush(server.url, known, calls=chosen.rush)
    run: dict[str, Any] = {
        "ready_s": round(server.ready_s, 1),
        "busy": {
            "people": chosen.people,
            "seconds": chosen.seconds,
            "pause_s": chosen.pause,
            "jobs": summary(busy),
            "memory": memory(watch.samples),
        },
        "rush": {"calls": len(rush), "queue_limit": Settings().queue_limit}
        | {name: sum(call.outcome == name for call in rush) for name in OUTCOMES},
    }
    if chosen.steady_minutes <= 0:
        return run, [*busy, *rush]
    with MemoryWatch(server.process.pid, every_s=5.0) as watch:
        steady = at_work(
            server.url,
            known,
            people=STEADY_PEOPLE,
            seconds=chosen.steady_minutes * 60,
            pause_s=STEADY_PAUSE_S,
            seed=1,
        )
    run["steady"] = {
        "people": STEADY_PEOPLE,
        "pause_s": STEADY_PAUSE_S,
        "jobs": summary(steady),
        "memory": memory(watch.samples),
    }
    return run, [*busy, *rush, *steady]


if __name__ == "__main__":
    sys.exit(main())
