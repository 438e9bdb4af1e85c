"""Put the API together: addresses, errors, guard, documents; and set it beside a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from engines.api.docs_page import CONTENT_SECURITY_POLICY, docs_html
from engines.api.endpoints import Endpoints, EventStream
from engines.api.errors import add_error_handlers, error_responses
from engines.api.guard import Guard
from engines.api.jobs import Jobs
from engines.api.metrics import CONTENT_TYPE, Metrics
from engines.api.workers import Workers
from engines.runtime.pool import EnginePool

PREFIX = "/api/v1"
# Addresses outside of the prefix; everything else is the page's.
PLAIN_PATHS = frozenset(["/health", "/metrics", "/docs", "/openapi.json"])
PHOTO_PATHS = frozenset(f"{PREFIX}/{name}" for name in ("classify", "journey", "maxsight/frame"))
# Requests that wait in the lane, and some that decode or wait for an engine to load.
SPARE_WORKERS = 24

DESCRIPTION = (
    "The engines of ReleAF + MaxSight for programs: what a photo shows and which bin it belongs "
    "in, answers from documents with their sources, projects to make of a thing, and what is "
    "ahead in a camera's frame. A demonstration, not a certified sorting or mobility aid."
)
# What each event is like, as the framework and its testers read it.
_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "event": {"enum": ["delta", "answer", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_STREAM_REPLY: dict[str, Any] = {
    "description": "Events: delta (DeltaReply), then answer (AnswerReply) or error (ErrorReply).",
    "content": {"text/event-stream": {"schema": _EVENT}},
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_api(pool: EnginePool, jobs: Jobs | None = None) -> FastAPI:
    """Build the API on the engines of a pool, with the limits of its settings.

    POST /api/v1/classify, /ask, /ask/stream, /recommend, /maxsight/frame, /journey; GET /health,
    /metrics, /docs, /openapi.json.
    """
    settings, metrics = pool.settings, Metrics()
    app = FastAPI(
        title="ReleAF + MaxSight",
        version="1",
        description=DESCRIPTION,
        # Their pages fetch scripts from elsewhere; ours is plain.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    workers = Workers(settings.queue_limit + SPARE_WORKERS, settings.api_timeout_s)
    jobs = jobs or Jobs(pool)
    endpoints = Endpoints(jobs, workers)
    # The guard checks the token; this only writes it into the document.
    has_token = bool(settings.api_token.get_secret_value())
    secured = [Depends(HTTPBearer(auto_error=False))] if has_token else []
    router = APIRouter(prefix=PREFIX, dependencies=secured)
    for path, endpoint in (
        ("/classify", endpoints.classify),
        ("/ask", endpoints.ask),
        ("/recommend", endpoints.recommend),
        ("/maxsight/frame", endpoints.frame),
        ("/journey", endpoints.journey),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            summary=_first_line(endpoint),
            responses=error_responses(),
        )
    router.add_api_route(
        "/ask/stream",
        endpoints.ask_stream,
        methods=["POST"],
        summary=_first_line(endpoints.ask_stream),
        response_class=EventStream,
        response_model=None,
        status_code=200,
        responses={200: _STREAM_REPLY, **error_responses(is_reply_json=False)},
    )
    app.include_router(router)
    app.state.workers = workers
    _add_plain_routes(app, endpoints, lambda: metrics.text(pool, len(jobs.sessions)), secured)
    add_error_handlers(app)
    app.add_middleware(Guard, settings=settings, metrics=metrics, photo_paths=PHOTO_PATHS)
    if settings.api_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.api_cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    return app


def beside(api: ASGIApp) -> Lifespan:
    """Return a lifespan that sets an API beside the page of a web app.

    The API comes before all of the page's middleware, so neither changes the other: the page's
    CORS answers, for one, are not the API's. It is there before the first request.
    """

    @asynccontextmanager
    async def lifespan(page: FastAPI) -> AsyncIterator[None]:
        behind = page.middleware_stack
        assert behind is not None  # Starlette builds it before it starts the lifespan

        async def choose(scope: Scope, receive: Receive, send: Send) -> None:
            is_api = scope["type"] == "http" and is_api_path(scope["path"])
            await (api if is_api else behind)(scope, receive, send)

        page.middleware_stack = choose
        yield

    return lifespan


def is_api_path(path: str) -> bool:
    """Say whether an address is the API's."""
    return path in PLAIN_PATHS or path == PREFIX or path.startswith(f"{PREFIX}/")


def _add_plain_routes(
    app: FastAPI, endpoints: Endpoints, metrics_text: Callable[[], str], secured: list[Any]
) -> None:
    async def prometheus() -> PlainTextResponse:
        """Count requests, latencies, the queue and memory, in Prometheus' text format."""
        return PlainTextResponse(metrics_text(), media_type=CONTENT_TYPE)

    async def docs() -> HTMLResponse:
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(docs_html(app.openapi()), headers=headers)

    app.add_api_route(
        "/health",
        endpoints.health,
        summary=_first_line(endpoints.health),
        responses=error_responses(),
    )
    app.add_api_route(
        "/metrics",
        prometheus,
        name="metrics",
        summary=_first_line(prometheus),
        response_class=PlainTextResponse,
        responses=error_responses(is_reply_json=False),
        dependencies=secured,
    )
    app.add_api_route("/docs", docs, include_in_schema=False)


def _first_line(endpoint: Callable[..., Any]) -> str:
    return (endpoint.__doc__ or "").strip().partition("\n")[0].rstrip(".")
