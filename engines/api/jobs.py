"""What the API's addresses do, without HTTP: plain values in, replies out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from engines.api.frame_models import FrameReply
from engines.api.journey_models import JourneyReply
from engines.api.models import AnswerReply, AskRequest, ClassifyReply, HealthReply, Rule
from engines.api.recommend_models import RecommendReply, RecommendRequest
from engines.api.sessions import FrameSessions
from engines.journey import Journey
from engines.rag.answers import AnswerDelta
from engines.rag.chat import Chat
from engines.rag.session import ChatSession
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.pool import EnginePool
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.filters import Filters
from engines.upcycle.recommend import tools_from
from engines.upcycle.results import Recommendations
from engines.waste.engine import Classification
from engines.waste.images import open_picture


class Jobs:
    """Decode, ask one engine, take its result over; one object for all, without anyone's state.

    Each raises ReleafError as the engines do, and InputError for what can't be used.

    Args:
        pool: all engines; one that is not registered is reported when it is asked for.
    """

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool
        self._chat, self._journey = Chat(pool), Journey(pool)
        self.sessions = FrameSessions(pool)

    def classify(self, photo: bytes, place: str = "generic", top_k: int = 3) -> ClassifyReply:
        """Say what an encoded photo shows, and the place's rule for it if it is waste."""
        rules = self._journey.place(place)
        picture = self._open(photo)
        found: Classification = self._run("waste", lambda engine: engine.classify(picture, top_k))
        reply = ClassifyReply.model_validate(found)
        if not found.is_waste:
            return reply
        rule = Rule.model_validate(rules.rule_for(found.item.id, found.material.id))
        return reply.model_copy(update={"rule": rule})

    def ask(self, asked: AskRequest, is_stopped: Callable[[], bool] = lambda: False) -> AnswerReply:
        """Answer a question.

        Args:
            is_stopped: asked again and again; once it says so, nothing more is written.

        Raises:
            EngineUnavailableError: if it was stopped.
        """
        for delta in self.answering(asked, is_stopped):
            if delta.answer is not None:
                return AnswerReply.of(delta.answer)
        raise EngineUnavailableError("The answer broke off.", "Please ask again.")

    def answering(self, asked: AskRequest, is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        """Answer a question piece by piece, until it is stopped."""
        self._journey.place(asked.place)
        self._expect("rag")
        if asked.mode == "written":
            self._expect("llm")
        yield from self._chat.answer(
            asked.question,
            ChatSession(),
            region=asked.place,
            mode=asked.mode,
            is_stopped=is_stopped,
        )

    def recommend(self, asked: RecommendRequest) -> RecommendReply:
        """Name projects for a thing."""

        def job(engine: UpcycleEngine) -> Recommendations:
            link = engine.link(asked.item)
            if asked.materials:
                link = engine.correct(
                    link, materials=asked.materials, properties=link.thing.properties
                )
            tools = asked.tools
            filters = Filters(
                tools=None if tools is None else tools_from(",".join(tools), engine.knowledge),
                max_minutes=asked.max_minutes,
                hardest=asked.hardest,
                place=asked.place,
                for_children=asked.for_children,
                pieces=asked.pieces,
            )
            return engine.recommend(link, k=asked.k, filters=filters)

        return RecommendReply.of(self._run("upcycle", job))

    def frame(
        self,
        photo: bytes,
        session_id: str | None = None,
        captured_s: float | None = None,
        language: Literal["en", "es", "de"] = "en",
    ) -> FrameReply:
        """Look at an encoded frame; without a session id a session begins.

        Raises:
            ApiError: if the session is not known.
        """
        named = session_id or self.sessions.begin()
        session = self.sessions.get(named)
        picture = np.asarray(self._open(photo), dtype=np.uint8)
        self._expect("maxsight")
        if session.preferences.language != language:
            session.preferences = replace(session.preferences, language=language)
        return FrameReply.of(named, session.step(picture, captured_s))

    def journey(
        self,
        photo: bytes,
        place: str = "generic",
        item: str | None = None,
        mode: Literal["quoted", "written"] = "quoted",
        k: int = 5,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> JourneyReply:
        """Take an encoded photo through three engines; a step that fails is named in the reply.

        Args:
            is_stopped: as of `ask`; the other steps are short and go on.
        """
        picture = self._open(photo)
        report = self._journey.run(
            picture, place=place, item=item, mode=mode, k=k, is_stopped=is_stopped
        )
        return JourneyReply.of(report)

    def health(self) -> HealthReply:
        """Say how each engine is; never waits for one."""
        return HealthReply.of(self._pool.health(), self._pool.lane.depth)

    def _open(self, photo: bytes) -> Any:
        return open_picture(photo, max_pixels=self._pool.settings.max_image_pixels)

    def _run(self, name: str, job: Callable[[Any], Any]) -> Any:
        self._expect(name)
        return self._pool.run(name, job)

    def _expect(self, name: str) -> None:
        if name not in self._pool.names:
            raise EngineUnavailableError(
                f"The {name} engine is not part of this app.", "Use another address."
            )
