"""The language model of the chat, as MaxSight may ask it to word a sentence anew."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from typing import TYPE_CHECKING, Any, cast

from engines.runtime.lane import Priority
from engines.runtime.pool import EnginePool

if TYPE_CHECKING:
    from engines.llm.model import LanguageModel

log = logging.getLogger(__name__)

ENGINE = "llm"
# All sentences of one description together; then it is time for the next one.
LIMIT_S = 6.0
MAX_NEW_TOKENS = 120
TASK = (
    "Write each list as full sentences. Keep every thing, number, direction and distance as it is, "
    "and every “maybe”. Add nothing."
)
# A small model copies a pattern better than it follows an order. Of 20 made-up scenes of one to
# four things, the app's own model worded 12 so that nothing was wrong or missing.
EXAMPLES = (
    (
        "a chair ahead, 2 metres; maybe a door on the left, 5 metres.",
        "There is a chair ahead, 2 metres away. There is maybe a door on the left, 5 metres away.",
    ),
    (
        "a car at 1 o'clock, 4 metres; also 2 people at 11 o'clock, 3 metres.",
        "There is a car at 1 o'clock, 4 metres away. There are also 2 people at 11 o'clock, 3 "
        "metres away.",
    ),
    (
        "maybe a dog at 2 o'clock, one metre.",
        "There is maybe a dog at 2 o'clock, one metre away.",
    ),
)


class Rewording:
    """Have one sentence at a time worded anew by the pool's language model.

    It writes token by token, each a job of the lowest priority on the lane, so that a frame never
    waits for more than one token. It is never waited for beyond the limit, and never loaded here
    while somebody waits.

    Args:
        pool: holds the engine "llm", or does not.
        limit_s: from when a description is begun, seconds.
    """

    def __init__(
        self,
        pool: EnginePool,
        limit_s: float = LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._limit_s, self._clock = pool, limit_s, clock
        self._desk = ThreadPoolExecutor(1, "maxsight-reword")
        self._is_busy = threading.Lock()

    def begin(self) -> Callable[[str], str | None]:
        """Begin a description; return what words its sentences anew, and None when it is late."""
        until_s = self._clock() + self._limit_s
        return lambda sentence: self._worded(sentence, until_s)

    def _worded(self, sentence: str, until_s: float) -> str | None:
        left_s = until_s - self._clock()
        if left_s <= 0 or not self._is_there() or not self._is_busy.acquire(blocking=False):
            return None
        try:
            job = self._desk.submit(self._write, sentence, until_s)
        except BaseException:
            self._is_busy.release()
            raise
        # A job that waits for the lane may end later than this call; till then it is busy.
        job.add_done_callback(lambda _: self._is_busy.release())
        try:
            return job.result(timeout=left_s)
        except NotInTime:
            return None
        except Exception:
            log.warning("a description could not be worded anew", exc_info=True)
            return None

    def _is_there(self) -> bool:
        state = next((one.state for one in self._pool.health() if one.name == ENGINE), None)
        if state == "not_loaded":
            self._pool.preload((ENGINE,))
        return state == "loaded"

    def _write(self, sentence: str, until_s: float) -> str | None:
        # Here, not above: the page answers before the language model's libraries are read.
        from engines.llm.generate import stream

        def run(step: Callable[[], Any]) -> Any:
            return self._pool.run(ENGINE, lambda _: step(), priority=Priority.BATCH)

        def is_late() -> bool:
            return self._clock() >= until_s

        model = cast("LanguageModel", self._pool.get(ENGINE))
        pieces = stream(
            model,
            messages(sentence),
            run=run,
            max_new_tokens=MAX_NEW_TOKENS,
            repetition_penalty=1.0,
            is_stopped=is_late,
        )
        text = "".join(pieces)
        return None if pieces.stats.finish != "end" else text.strip()


def messages(sentence: str) -> list[dict[str, str]]:
    """Write the chat that asks for a sentence in other words."""
    chat = [{"role": "system", "content": TASK}]
    for given, wanted in EXAMPLES:
        chat += [{"role": "user", "content": given}, {"role": "assistant", "content": wanted}]
    return [*chat, {"role": "user", "content": sentence}]
