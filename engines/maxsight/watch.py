"""Tell a video's alerts: `python -m engines.maxsight.watch VIDEO --csv out.csv`."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from engines.maxsight.classes import Language
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.preferences import LANGUAGES, Preferences
from engines.maxsight.session import Look, MaxSightSession, TimelineEntry
from engines.maxsight.timeline import write_timeline
from engines.maxsight.video import FRAMES_PER_S, VideoReader
from engines.runtime.device import choose_placement
from engines.runtime.errors import ReleafError, StorageError
from engines.runtime.lane import CpuLane
from engines.runtime.settings import load_settings


def watch(
    video: VideoReader,
    look: Look,
    preferences: Preferences,
    say: Callable[[str], None],
) -> Iterator[TimelineEntry]:
    """Follow a video from its start, saying each alert with its time.

    Args:
        video: an open video; its own time is the session's.
        look: what looks at the frames.
        preferences: what is told, and in which language.
        say: gets a line for each alert.

    Yields:
        What is remembered of each frame, as soon as it was looked at.
    """
    session = MaxSightSession(look, lambda: 0.0, preferences)
    for frame, at_s in video:
        for alert in session.step(frame, at_s).alerts:
            say(f"{clock_time(at_s)}  {alert.text}")
        yield session.timeline[-1]


def clock_time(at_s: float) -> str:
    """Write seconds as hours, minutes and seconds: 3,723.4 is "1:02:03.4"."""
    tenths = round(at_s * 10)
    seconds, tenth = divmod(tenths, 10)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}.{tenth}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch the video that is named; return 0, or 2 if it or the network can't be had."""
    given = _parser().parse_args(arguments)
    try:
        frames = _watch_file(given.video, given.csv, given.language, given.every_s)
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{frames} frames looked at.")
    return 0


def _watch_file(path: Path, csv_path: Path | None, language: str, every_s: float) -> int:
    """Watch a file, writing the timeline as it goes; return the number of frames."""
    settings = load_settings()
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(VideoReader(path, frames_per_s=1.0 / every_s))
        lane = CpuLane.from_settings(settings)
        stack.callback(lane.close)
        pipeline = MaxSightPipeline.from_settings(settings, choose_placement(settings), lane)
        pipeline.load()
        stack.callback(pipeline.unload)
        pipeline.warmup()
        preferences = Preferences(language=cast(Language, language))
        counted = _Counted(watch(video, pipeline.step, preferences, _say))
        if csv_path is None:
            for _ in counted:
                pass
            return counted.number
        try:
            with csv_path.open("w", encoding="utf-8", newline="") as target:
                write_timeline(counted, target)
        except OSError as error:
            raise StorageError(
                f"{csv_path} can't be written ({error.strerror}).", "Name another file."
            ) from error
        return counted.number


class _Counted:
    """Count what passes by."""

    def __init__(self, entries: Iterator[TimelineEntry]) -> None:
        self._entries, self.number = entries, 0

    def __iter__(self) -> Iterator[TimelineEntry]:
        for entry in self._entries:
            self.number += 1
            yield entry


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engines.maxsight.watch",
        description="Print what MaxSight would say of a video, with the times.",
    )
    parser.add_argument("video", type=Path, help="a video file of any length")
    parser.add_argument("--csv", type=Path, help="write the timeline there, a row a frame")
    parser.add_argument(
        "--language", choices=LANGUAGES, default="en", help="of the alerts (default: en)"
    )
    parser.add_argument(
        "--every-s",
        type=_pause,
        default=1 / FRAMES_PER_S,
        metavar="SECONDS",
        help=f"least time between two frames (default: 1/{FRAMES_PER_S:g})",
    )
    return parser


def _pause(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and 0.01 <= seconds <= 3600):
        raise argparse.ArgumentTypeError("a number of seconds from 0.01 to 3,600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
