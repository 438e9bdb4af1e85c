"""MaxSight sessions of programs: each has its own, and nobody can name another's."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

from engines.api.errors import ApiError
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline, PipelineStep
from engines.maxsight.session import MaxSightSession, SessionStore
from engines.runtime.lane import Priority
from engines.runtime.pool import EnginePool

ENGINE = "maxsight"
_NONCE_CHARS, _SEAL_CHARS = 22, 32


class FrameSessions:
    """Give out session ids that can't be guessed, and take no others.

    An id is a random part and its seal, made with a key of this process. A session that rests for
    too long is forgotten; its id stays good and begins anew.

    Args:
        pool: holds the engine "maxsight".
        clock: seconds, rising.
    """

    def __init__(self, pool: EnginePool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._key = pool, secrets.token_bytes(32)
        self._store = SessionStore(lambda: MaxSightSession(self._look, clock), clock)

    def begin(self) -> str:
        """Make the id of a new session."""
        nonce = secrets.token_urlsafe(16)
        return nonce + self._seal(nonce)

    def get(self, session_id: str) -> MaxSightSession:
        """Return the session of an id. Raises ApiError if this process did not give it out."""
        nonce, seal = session_id[:_NONCE_CHARS], session_id[_NONCE_CHARS:]
        if not hmac.compare_digest(seal.encode(), self._seal(nonce).encode()):
            raise ApiError(
                "not_found",
                "This session is not known.",
                "Send a frame without session_id; the reply names a new one.",
            )
        return self._store.get(session_id)

    def __len__(self) -> int:
        self._store.end_idle()
        return len(self._store)

    def _seal(self, nonce: str) -> str:
        return hmac.new(self._key, nonce.encode(), hashlib.sha256).hexdigest()[:_SEAL_CHARS]

    def _look(
        self, frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox
    ) -> PipelineStep:
        def job(engine: MaxSightPipeline) -> PipelineStep:
            return engine.step(frame, frame_id=frame_id, captured_s=captured_s, box=box)

        step: Any = self._pool.run(ENGINE, job, priority=Priority.SAFETY)
        assert isinstance(step, PipelineStep)
        return step
