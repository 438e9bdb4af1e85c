"""The addresses of the API: read a request, let a worker do the job, send the reply."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Literal, TypeVar

from fastapi import File, Form, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from engines.api.errors import in_shape
from engines.api.frame_models import FrameReply
from engines.api.jobs import Jobs
from engines.api.journey_models import JourneyReply
from engines.api.models import (
    PLACE_PATTERN,
    AnswerReply,
    AskRequest,
    ClassifyReply,
    DeltaReply,
    HealthReply,
)
from engines.api.recommend_models import RecommendReply, RecommendRequest
from engines.api.workers import Feed, Workers
from engines.rag.answers import AnswerDelta

# A comment as often as this keeps proxies from ending a stream in which nothing was said yet.
HEARTBEAT_S = 10.0
# How often it is asked whether the client of a plain answer is still there.
GONE_EVERY_S = 0.25

Reply = TypeVar("Reply")

Photo = Annotated[UploadFile, File(description="JPEG, PNG, WebP or HEIC.")]
PlaceField = Annotated[
    str, Form(pattern=PLACE_PATTERN, description="Whose rules hold, such as germany.")
]
ItemField = Annotated[
    str | None,
    Form(pattern=PLACE_PATTERN, description="What a person says it is, such as glass_jar."),
]
ModeField = Annotated[Literal["quoted", "written"], Form(description="As in /ask.")]
LanguageField = Annotated[Literal["en", "es", "de"], Form(description="Of the alerts.")]
SessionField = Annotated[
    str | None,
    Form(max_length=100, description="From the reply before; left out with the first frame."),
]
CapturedField = Annotated[
    float | None,
    Form(
        ge=0,
        le=1e12,
        allow_inf_nan=False,
        description="When the frame was taken, in rising seconds; else when it arrives.",
    ),
]


class Endpoints:
    """The addresses of the API; one object for all clients, without any client's state.

    Args:
        jobs: what is to be done.
        workers: where engines are waited for.
    """

    def __init__(self, jobs: Jobs, workers: Workers) -> None:
        self._jobs, self._workers = jobs, workers

    async def classify(
        self,
        photo: Photo,
        place: PlaceField = "generic",
        top_k: Annotated[int, Form(ge=1, le=20, description="Candidates of each kind.")] = 3,
    ) -> ClassifyReply:
        """Say what a photo shows: item, material and bin, and the place's rule for it."""
        data = await photo.read()
        return await self._workers.run(lambda: self._jobs.classify(data, place, top_k))

    async def ask(self, asked: AskRequest, request: Request) -> AnswerReply:
        """Answer a question from the documents, each sentence with the passage it comes from."""
        return await self._while_there(
            request, lambda is_stopped: self._jobs.ask(asked, is_stopped)
        )

    async def ask_stream(self, asked: AskRequest) -> StreamingResponse:
        """Answer as server-sent events: "delta" while it is written, then "answer" or "error"."""
        feed = Feed(self._workers, lambda is_stopped: self._jobs.answering(asked, is_stopped))
        try:
            # What can't be answered at all gets its own status, not a stream.
            first = await feed.next()
        except BaseException:
            feed.stop()
            raise
        return EventStream(feed, first)

    async def recommend(self, asked: RecommendRequest) -> RecommendReply:
        """Name projects for a thing, best first, each with its reason, steps and safety."""
        return await self._workers.run(lambda: self._jobs.recommend(asked))

    async def frame(
        self,
        frame: Photo,
        session_id: SessionField = None,
        captured_s: CapturedField = None,
        language: LanguageField = "en",
    ) -> FrameReply:
        """Look at a camera's frame: what is ahead, where, how far, how urgent, what to say."""
        data = await frame.read()
        return await self._workers.run(
            lambda: self._jobs.frame(data, session_id, captured_s, language)
        )

    async def journey(
        self,
        request: Request,
        photo: Photo,
        place: PlaceField = "generic",
        item: ItemField = None,
        mode: ModeField = "quoted",
        k: Annotated[int, Form(ge=1, le=50, description="How many projects.")] = 5,
    ) -> JourneyReply:
        """Say what a photo shows, how to dispose of it here, and what can be made of it.

        A step that fails is named in `steps`; the others are answered nonetheless.
        """
        data = await photo.read()
        return await self._while_there(
            request,
            lambda is_stopped: self._jobs.journey(data, place, item, mode, k, is_stopped),
        )

    async def health(self) -> HealthReply:
        """Say how each engine is; never waits for one."""
        return self._jobs.health()

    async def _while_there(
        self, request: Request, job: Callable[[Callable[[], bool]], Reply]
    ) -> Reply:
        """Run a job that is told to stop once nobody waits for its reply any more."""
        stopped = threading.Event()
        watching = asyncio.create_task(_call_when_gone(request, stopped.set))
        try:
            return await self._workers.run(lambda: job(stopped.is_set))
        finally:
            # Also where it took too long.
            stopped.set()
            watching.cancel()


async def _call_when_gone(request: Request, done: Callable[[], None]) -> None:
    """Wait until the client has closed the connection, and then call `done`."""
    while not await request.is_disconnected():
        await asyncio.sleep(GONE_EVERY_S)
    done()


class EventStream(StreamingResponse):
    """Send an answer as server-sent events, and stop writing it when nobody reads any more.

    The format is the HTML standard's: html.spec.whatwg.org/multipage/server-sent-events.html.
    """

    media_type = "text/event-stream"

    def __init__(self, feed: Feed[AnswerDelta], first: AnswerDelta | None) -> None:
        # nginx and its kin would collect the events otherwise.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(feed, first), headers=headers)
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the client has gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.stop()


async def _events(feed: Feed[AnswerDelta], first: AnswerDelta | None) -> AsyncIterator[str]:
    delta = first
    try:
        while delta is not None:
            yield _event(delta)
            delta = None
            is_waiting = True
            while is_waiting:
                try:
                    delta = await feed.next(HEARTBEAT_S)
                    is_waiting = False
                except asyncio.TimeoutError:
                    yield ": still writing\n\n"
    except Exception as error:
        yield _written("error", in_shape(error))


def _event(delta: AnswerDelta) -> str:
    if delta.answer is not None:
        return _written("answer", AnswerReply.of(delta.answer))
    return _written("delta", DeltaReply.of(delta))


def _written(kind: str, body: BaseModel) -> str:
    data = json.dumps(body.model_dump(mode="json"), ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n"
