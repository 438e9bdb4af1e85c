"""Keep what was measured: every run as JSON, the last one and the trend as docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from engines.runtime.settings import Settings, usable_cores
from tests.benchmarks.table import REPO, Row, markdown_table, number

RUNS_FILE = REPO / "docs" / "benchmarks.json"
PAGE_FILE = REPO / "docs" / "benchmarks.md"
PACKAGES = (
    "torch", "torchvision", "timm", "onnxruntime", "transformers", "sentence-transformers",
    "faiss-cpu", "rank-bm25", "gradio", "numpy", "opencv-python-headless",
)  # fmt: skip
# What the trend shows: column -> row.
TREND = {
    "page answers": "start to the page answering",
    "all ready": "start to every engine ready",
    "memory": "memory, every engine loaded",
    "classify / bare": "classify / bare forward",
    "quoted answer": "chat: quoted answer, p95",
    "search / BM25": "our BM25 / rank-bm25",
    "a token / fp32": "llm: a token / transformers fp32",
    "known thing": "upcycle: known thing, first time, p95",
    "frame": "maxsight: frame to detections, p95",
    "frame / ResNet-50": "frame to detections / bare ResNet-50",
}
_INTERESTING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def machine_facts() -> dict[str, Any]:
    """Say what the numbers of a run hold for: machine, software, commit and time."""
    settings = Settings()
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cpu_flags": _cpu_flags(),
        "cores": usable_cores(),
        "threads": settings.cpu_threads,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "busy_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def stolen_share(before: Any, after: Any) -> float | None:
    """Say how much of the processor's time other machines on the same hardware took.

    Absolute times of two runs differed by up to 1.8 for that; ratios differ less.

    Args:
        before: `psutil.cpu_times()` when the run began.
        after: the same at its end.

    Returns:
        A share in [0, 1]; None where the system does not tell.
    """
    if not hasattr(after, "steal"):
        return None
    # Linux counts the time of guests as user time too.
    spent = sum(after[:8]) - sum(before[:8])
    return round((after.steal - before.steal) / spent, 3) if spent > 0 else None


def save(rows: Sequence[Row], facts: Mapping[str, Any], *, failed: Sequence[str] = ()) -> None:
    """Add a run to the JSON and write the page anew."""
    runs = read_runs(RUNS_FILE)
    runs.append(
        {"facts": dict(facts), "failed": list(failed), "rows": [asdict(row) for row in rows]}
    )
    RUNS_FILE.parent.mkdir(exist_ok=True)
    RUNS_FILE.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE_FILE.write_text(page(runs), "utf-8")


def read_runs(path: Path) -> list[dict[str, Any]]:
    """Read the runs so far, the oldest first; none where there is no file yet."""
    return list(json.loads(path.read_text("utf-8"))) if path.is_file() else []


def page(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the last run and the trend of all as Markdown. Raises IndexError without a run."""
    facts, last = runs[-1]["facts"], rows_of(runs[-1])
    versions = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    flags = f" ({', '.join(facts['cpu_flags'])})" if facts["cpu_flags"] else ""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` alone, from [benchmarks.json](benchmarks.json), which holds every",
        "run. Every ratio is measured against its baseline in the same run.",
        "",
        f"Last run: {facts['date']}, commit {facts['commit']}, {facts['cores']} cores of "
        f"{facts['cpu']}{flags}, {facts['threads']} threads, {facts['memory_gib']} GiB, "
        f"{facts['system']}, Python {facts['python']}, {versions}. "
        f"Load of the machine before: {facts['busy_before']}.{_neighbours(facts)}",
        "",
        markdown_table(last),
    ]
    if runs[-1]["failed"]:
        lines += ["", f"Not measured, since it failed: {', '.join(runs[-1]['failed'])}."]
    lines += ["", "## Trend", "", *_trend(runs)]
    return "\n".join(lines) + "\n"


def _neighbours(facts: Mapping[str, Any]) -> str:
    """Say what others took of the processor; runs before 2026-11-22 22:00 did not note it."""
    share = facts.get("stolen_share")
    return "" if share is None else f" Taken by its neighbours meanwhile: {share:.1%} of its time."


def rows_of(run: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a run that was read."""
    return [Row(**row) for row in run["rows"]]


def _trend(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"| date | commit | machine | {' | '.join(TREND)} | bounds missed |",
        f"|{' --- |' * (len(TREND) + 4)}",
    ]
    for run in runs:
        facts, rows = run["facts"], rows_of(run)
        values = {row.name: number(row) for row in rows}
        cells = [values.get(name, "–") for name in TREND.values()]
        missed = sum(not row.is_kept for row in rows)
        machine = f"{facts['cores']} × {facts['cpu']}"
        lines.append(
            f"| {facts['date'][:10]} | {facts['commit']} | {machine} | {' | '.join(cells)} "
            f"| {missed} |"
        )
    return lines


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=REPO, capture_output=True, text=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD") or "unknown"
        is_changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    except OSError:  # no git on this machine
        return "unknown"
    return f"{commit} with changes" if is_changed else commit


def _cpu_model() -> str:
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_flags() -> list[str]:
    flags = (_cpu_info("flags") or _cpu_info("Features")).split()
    return [flag for flag in _INTERESTING_FLAGS if flag in flags]


def _cpu_info(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    values = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in values if name.strip() == key), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
