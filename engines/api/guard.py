"""What stands before the API: origin, rate, token, size and time of all that comes in."""

from __future__ import annotations

import asyncio
import hmac
import math
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engines.api.errors import ApiError, refusal
from engines.api.limits import TokenBuckets, client_key
from engines.api.metrics import Metrics
from engines.runtime.settings import Settings

# A question or the name of a thing; a photo may be as large as the page takes it.
MAX_TEXT_BYTES = 64 * 1024
# What the parts of a form need beside the photo.
FORM_BYTES = 16 * 1024
# Open to anybody even where a token is asked for: they tell a supervisor or a reader no secrets.
OPEN_PATHS = frozenset(["/health", "/docs", "/openapi.json"])


class Guard:
    """Refuse what may not come in, and count what goes out.

    Args:
        app: what is guarded.
        settings: token, rates, sizes and times.
        metrics: counts each request by its route, method and status.
        photo_paths: addresses that take a photo; others take little.
        clock: seconds, rising.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        metrics: Metrics,
        photo_paths: frozenset[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._photo_paths, self._clock = photo_paths, clock
        self._token = settings.api_token.get_secret_value().encode()
        self._buckets = TokenBuckets(settings.api_requests_per_s, settings.api_burst, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = self._clock()
        # What a client that goes away before its answer leaves behind, as nginx counts it.
        status = 499

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        self._metrics.begin()
        try:
            await self._pass(scope, receive, send_counted)
        except Exception:
            status = 500
            raise
        finally:
            route = getattr(scope.get("route"), "path", "other")
            elapsed_s = max(0.0, self._clock() - started_s)
            self._metrics.end(route, scope["method"], status, elapsed_s)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = self._admit(scope, receive)
        except ApiError as error:
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, body, send)

    def _admit(self, scope: Scope, receive: Receive) -> Receive:
        headers, path = Headers(scope=scope), scope["path"]
        self._check_origin(headers)
        wait_s = self._buckets.take(self._client(scope, headers))
        if wait_s > 0:
            raise ApiError(
                "too_many_requests",
                "These are more requests than one client may send.",
                f"Wait {math.ceil(wait_s)} s before the next one.",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
        if self._token and path not in OPEN_PATHS:
            self._check_token(headers)
        photo_bytes = int(self._settings.max_upload_mb * 1024 * 1024) + FORM_BYTES
        most_bytes = photo_bytes if path in self._photo_paths else MAX_TEXT_BYTES
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > most_bytes:
            raise _too_large(most_bytes)
        return _Body(receive, most_bytes, self._settings.api_timeout_s)

    def _client(self, scope: Scope, headers: Headers) -> str:
        if self._settings.is_behind_proxy:
            # Earlier entries are what the client itself wrote; the last is from the proxy.
            named = headers.getlist("x-forwarded-for")
            if named:
                return client_key(named[-1].rpartition(",")[2].strip())
        client = scope.get("client")
        return client_key(client[0]) if client else "unknown"

    def _check_origin(self, headers: Headers) -> None:
        """Refuse pages of other sites: a browser would let them send forms even without CORS."""
        origin = headers.get("origin")
        allowed = self._settings.api_cors_origins
        if origin is None or "*" in allowed or origin.rstrip("/") in allowed:
            return
        hosts = {headers.get("host")}
        if self._settings.is_behind_proxy:
            hosts.add(headers.get("x-forwarded-host"))
        if urlsplit(origin).netloc not in hosts - {None, ""}:
            raise ApiError(
                "origin_refused",
                "Pages of other sites may not use this API.",
                "Call it from a program, or add the site to RELEAF_API_CORS_ORIGINS.",
            )

    def _check_token(self, headers: Headers) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Compared in constant time, so that timing tells nothing about the token.
        is_right = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not is_right:
            raise ApiError(
                "unauthorized",
                "The bearer token is missing or wrong.",
                "Send it in the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


class _Body:
    """Hand over the body of a request piece by piece, and stop where it is too much or too slow."""

    def __init__(self, receive: Receive, most_bytes: int, timeout_s: float) -> None:
        self._receive, self._most_bytes = receive, most_bytes
        self._deadline_s = asyncio.get_running_loop().time() + timeout_s
        self._taken, self._is_whole = 0, False

    async def __call__(self) -> Message:
        """Return the next message of the client."""
        if self._is_whole:
            return await self._receive()
        left_s = self._deadline_s - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left_s))
        except asyncio.TimeoutError:
            raise ApiError(
                "too_slow", "The request did not arrive in time.", "Send it again, or smaller."
            ) from None
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._most_bytes:
                raise _too_large(self._most_bytes)
            self._is_whole = not message.get("more_body", False)
        return message


def _too_large(most_bytes: int) -> ApiError:
    return ApiError(
        "too_large",
        f"The request has more than {most_bytes / 1024:,.0f} KB.",
        "Send less at once, such as a smaller photo.",
    )
