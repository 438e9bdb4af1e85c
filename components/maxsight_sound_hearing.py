"""One person's ears: pieces of a microphone, or a file, in; what the page shows out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np

from components.maxsight_sound_message import (
    FileProgress,
    Message,
    late_message,
    read_piece,
    sound_error,
    sound_message,
)
from engines.maxsight.preferences import Preferences
from engines.maxsight.sound import SoundListener, SoundReport
from engines.maxsight.sound_audio import Floats, read_file
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.errors import BusyError, EngineUnavailableError, InputError, ReleafError
from engines.runtime.lane import Priority
from engines.runtime.pool import EnginePool

ENGINE = "maxsight-sound"
# A piece waits this long for the one before it; then it is dropped. The last one is worth more.
WAITS_S, LAST_WAITS_S = 1.0, 10.0
# Sounds that ended are sent again for this long, as a message may get lost.
RESENT_S = 15.0
# What the last piece held is heard now for this long.
HEARD_FOR_S = 3.0
# The page is told of a file this often, seconds; each message goes back as far as two of them.
TOLD_EVERY_S = 0.5
# A sound ends two looks, a second, after it was last heard.
ENDS_AFTER_S = 3.0

T = TypeVar("T")


class Hearing:
    """Listen for one person. Nothing of it is shared with another.

    Args:
        pool: holds the engine "maxsight-sound", a `SoundRunner`.
        clock: seconds, rising.
    """

    def __init__(self, pool: EnginePool, clock: Callable[[], float]) -> None:
        self._pool, self._clock = pool, clock
        # Held while a piece is at work.
        self._at_work = threading.Lock()
        self._run = ""
        self._listener: SoundListener | None = None
        self._has_met_engine = False
        self._heard: tuple[float, tuple[str, ...]] = (0.0, ())
        # The number of the file that is listened to; another number ends it.
        self._file = 0

    def hear(self, text: str | None, preferences: Preferences) -> Message:
        """Take the next piece of the microphone.

        Args:
            text: as the page sent it, see `read_piece`.
            preferences: of this person.

        Returns:
            The message for the page, also where something is wrong.
        """
        run, number = "", 0
        try:
            piece = read_piece(text)
            run, number = piece.run, piece.number
            if not self._at_work.acquire(timeout=LAST_WAITS_S if piece.is_end else WAITS_S):
                return late_message(run, number)
            try:
                self._expect_engine()

                def listen(engine: SoundRunner) -> SoundReport:
                    listener = self._listener_of(run, engine)
                    listener.muted = set(piece.muted)
                    report = listener.hear(piece.sound, piece.rate_hz)
                    return listener.finish() if piece.is_end else report

                report = self._on_lane(listen, Priority.SAFETY)
                named = self._named()
                heard = tuple(event.class_id for event in report.events)
                self._heard = self._clock(), () if piece.is_end else heard
                if piece.is_end:
                    self._run, self._listener = "", None
            finally:
                self._at_work.release()
        except ReleafError as error:
            return sound_error(error, run=run, number=number)
        return sound_message(
            report,
            preferences,
            run=run,
            number=number,
            named=named,
            ended_since_s=report.at_s - RESENT_S,
        )

    def file(self, path: Path, preferences: Callable[[], Preferences]) -> Iterator[Message]:
        """Listen to a file, however long, and tell of it now and then.

        A file that breaks off is told of up to there. Another file, or `leave`, ends it.

        Args:
            path: of the file.
            preferences: asked for each message, as they may change meanwhile.
        """
        self._file += 1
        own, run = self._file, f"file {self._file}"
        listener: SoundListener | None = None
        duration_s, told_s, told_at_s, number = None, self._clock(), (0.0, 0.0), 0

        def message(report: SoundReport, since_s: float, is_done: bool) -> Message:
            return sound_message(
                report,
                preferences(),
                run=run,
                number=number,
                named=listener.runner.inference.thresholds if listener else (),
                ended_since_s=since_s,
                progress=FileProgress(report.at_s, duration_s, is_done),
            )

        problem: ReleafError | None = None
        try:
            duration_s = duration_of(path)
            with closing(seconds_of(path)) as pieces:
                for sound, rate_hz in pieces:
                    if self._file != own:
                        return

                    def listen(
                        engine: SoundRunner, sound: Floats = sound, rate_hz: int = rate_hz
                    ) -> SoundReport:
                        nonlocal listener
                        listener = _on(engine, listener)
                        return listener.hear(sound, rate_hz)

                    report = self._on_lane(listen, Priority.BATCH)
                    if self._clock() - told_s >= TOLD_EVERY_S:
                        number += 1
                        yield message(report, told_at_s[0] - ENDS_AFTER_S, is_done=False)
                        told_s, told_at_s = self._clock(), (told_at_s[1], report.at_s)
        except ReleafError as error:
            problem = error
        if self._file != own:
            return
        if listener is not None:
            last = listener
            try:
                report = self._on_lane(lambda engine: _on(engine, last).finish(), Priority.BATCH)
            except ReleafError as error:
                problem = problem or error
            else:
                number += 1
                # All that is kept: a message before may have been lost.
                yield message(report, 0.0, is_done=True)
        if problem is not None:
            number += 1
            yield {**sound_error(problem, run=run, number=number), "source": "file"}

    def heard_now(self) -> tuple[str, ...]:
        """Name what the microphone heard in the last seconds, the most urgent first, each once."""
        at_s, heard = self._heard
        return heard if 0 <= self._clock() - at_s <= HEARD_FOR_S else ()

    def leave_file(self) -> None:
        """End listening to a file, if there is one."""
        self._file += 1

    def _listener_of(self, run: str, engine: SoundRunner) -> SoundListener:
        """Return the listener of this run; a new run begins anew."""
        if run != self._run:
            self._run, self._listener = run, None
        self._listener = _on(engine, self._listener)
        return self._listener

    def _named(self) -> tuple[str, ...]:
        return tuple(self._listener.runner.inference.thresholds) if self._listener else ()

    def _on_lane(self, listen: Callable[[SoundRunner], T], priority: Priority) -> T:
        if ENGINE not in self._pool.names:
            raise EngineUnavailableError("This app was started without sounds.", "Restart it.")
        return self._pool.run(ENGINE, listen, priority=priority)

    def _expect_engine(self) -> None:
        """Have the engine loaded in the background instead of holding up a piece for it."""
        if self._has_met_engine or ENGINE not in self._pool.names:
            return
        state = next(one.state for one in self._pool.health() if one.name == ENGINE)
        if state == "not_loaded":
            self._pool.preload((ENGINE,))
        if state in ("not_loaded", "loading"):
            raise BusyError("The sounds are still loading.", "Listening begins by itself.")
        self._has_met_engine = state == "loaded"


def duration_of(path: Path) -> float | None:
    """Return how long a file is in seconds, as it says itself; None if it doesn't."""
    # Imported here: the app listens to microphones without it.
    import av

    try:
        with av.open(str(path)) as container:
            return container.duration / av.time_base if container.duration else None
    except (OSError, ValueError, av.FFmpegError):
        return None


def seconds_of(path: Path) -> Generator[tuple[Floats, int], None, None]:
    """Read a file in pieces of one second at its own rate; the last one is shorter.

    Raises:
        InputError: as `read_file` does; what was read before it comes first.
    """
    held: list[Floats] = []
    count, rate = 0, 0
    problem: InputError | None = None
    with closing(_pieces(path)) as pieces:
        while True:
            try:
                sound, rate_hz = next(pieces)
            except StopIteration:
                break
            except InputError as error:
                problem = error
                break
            if rate_hz != rate and count:
                yield np.concatenate(held), rate
                held, count = [], 0
            rate = rate_hz
            held.append(sound)
            count += len(sound)
            if count >= rate:
                yield np.concatenate(held), rate
                held, count = [], 0
    if count:
        yield np.concatenate(held), rate
    if problem is not None:
        raise problem


def _pieces(path: Path) -> Generator[tuple[Floats, int], None, None]:
    yield from read_file(path)


def _on(engine: SoundRunner, listener: SoundListener | None) -> SoundListener:
    """Return the listener on the engine that is loaded now; it may have been loaded anew."""
    if listener is None:
        return SoundListener(engine)
    listener.runner = engine
    return listener
