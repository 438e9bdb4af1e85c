"""The numbers of a run as JSON, and the same as a table for docs/load.md."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import psutil
import torch

from engines.runtime.settings import usable_cores
from tests.load.server import slope_mb_per_min
from tests.load.work import JOBS, Call

MARKERS = re.compile(r"(<!-- load -->\n).*?(<!-- /load -->)", re.DOTALL)
OUTCOMES = ("right", "refused", "wrong", "lost")


def machine() -> dict[str, Any]:
    """Say what it was measured on."""
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gradio": gradio.__version__,
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def summary(calls: Sequence[Call]) -> list[dict[str, Any]]:
    """Count the outcomes of each job in each way; times are those of the right answers, in ms."""
    rows = []
    for job in JOBS:
        for way in ("page", "program"):
            own = [call for call in calls if (call.job, call.way) == (job, way)]
            if not own:
                continue
            times_ms = [call.seconds * 1000 for call in own if call.outcome == "right"]
            percentiles = np.percentile(times_ms, [50, 95, 100]) if times_ms else []
            names = ("p50_ms", "p95_ms", "longest_ms")
            rows.append(
                {"job": job, "way": way}
                | {name: sum(call.outcome == name for call in own) for name in OUTCOMES}
                | {name: round(float(ms)) for name, ms in zip(names, percentiles)}
            )
    return rows


def memory(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Say how much memory the app took, MiB, and how much more each minute."""
    mb = [taken for _, taken in samples]
    return {
        "minutes": round(samples[-1][0] / 60, 1),
        "first_mb": round(mb[0]),
        "last_mb": round(mb[-1]),
        "most_mb": round(max(mb)),
        "slope_mb_per_min": round(slope_mb_per_min(samples), 2),
    }


def failures(calls: Iterable[Call]) -> list[str]:
    """Name every call without its right answer or a polite refusal."""
    bad = [call for call in calls if call.outcome in ("wrong", "lost")]
    return [f"{call.job}, {call.way}: {call.outcome}, {call.note}" for call in bad]


def table(run: dict[str, Any]) -> str:
    """Write a run as Markdown."""
    facts, busy = run["machine"], run["busy"]
    lines = [
        f"{busy['people']} people for {busy['seconds']:g} s, each with a pause of "
        f"{busy['pause_s']:g} s on average between two things:",
        "",
        "| what | way | right | refused | wrong | lost | p50 | p95 | longest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in busy["jobs"]:
        counts = " | ".join(f"{row[name]:,}" for name in OUTCOMES)
        times = (row.get(name) for name in ("p50_ms", "p95_ms", "longest_ms"))
        shown = " | ".join("–" if ms is None else f"{ms:,} ms" for ms in times)
        lines.append(f"| {row['job']} | {row['way']} | {counts} | {shown} |")
    rush = run["rush"]
    lines += [
        "",
        f"{rush['calls']} questions at the same moment, where {rush['queue_limit']} jobs may wait: "
        f"{rush['right']} answered, {rush['refused']} politely refused, {rush['wrong']} wrong, "
        f"{rush['lost']} lost.",
        "",
        "| memory of the app | minutes | at first | at last | most | slope |",
        "| --- | --- | --- | --- | --- | --- |",
        _memory_row(f"{busy['people']} people", busy["memory"]),
    ]
    if "steady" in run:
        steady = run["steady"]
        lines.append(_memory_row(f"{steady['people']} people, steady", steady["memory"]))
    lines += [
        "",
        f"{facts['cores']} cores of {facts['processor']}, {facts['memory_gb']} GB, Python "
        f"{facts['python']}, {facts['at'][:10]}; the people ran on the same cores. The slope "
        "leaves the first quarter of the time out.",
    ]
    return "\n".join(lines)


def write(run: dict[str, Any], out: Path) -> None:
    """Write the numbers to `out`, and the table into the Markdown file beside it, if one is there.

    Raises:
        ValueError: if that file has no place for the table.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    beside = out.with_suffix(".md")
    if beside.is_file():
        beside.write_text(with_table(beside.read_text(encoding="utf-8"), run), encoding="utf-8")


def with_table(text: str, run: dict[str, Any]) -> str:
    """Return a document with the table of a run between its markers; raises ValueError."""
    if not MARKERS.search(text):
        raise ValueError("the document has no markers <!-- load --> and <!-- /load -->")
    return MARKERS.sub(lambda found: f"{found[1]}{table(run)}\n{found[2]}", text)


def _memory_row(who: str, taken: dict[str, float]) -> str:
    return (
        f"| {who} | {taken['minutes']:g} | {taken['first_mb']:,} MB | {taken['last_mb']:,} MB | "
        f"{taken['most_mb']:,} MB | {taken['slope_mb_per_min']:+.2f} MB a minute |"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
