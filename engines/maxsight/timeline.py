"""The timeline of a session as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from engines.maxsight.session import TimelineEntry

COLUMNS = (
    "frame",
    "time_s",
    "picture",
    "urgency",
    "things",
    "latency_ms",
    "uncertainty",
    "context_pass",
    "alerts",
)


def write_timeline(entries: Iterable[TimelineEntry], target: TextIO) -> None:
    """Write entries as CSV with COLUMNS, a row a frame; what is not known stays empty.

    Entries may come one by one: each is written before the next is asked for.
    """
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(
            (
                entry.frame_id,
                f"{entry.captured_s:.3f}",
                entry.picture,
                "" if entry.urgency is None else entry.urgency.name.lower(),
                entry.tracks,
                "" if entry.latency_ms is None else f"{entry.latency_ms:.1f}",
                "" if entry.uncertainty is None else f"{entry.uncertainty:.3f}",
                entry.gate or "",
                " ".join(entry.alerts),
            )
        )
