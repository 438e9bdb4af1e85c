"""What the page takes from visitors: values and uploads, never addresses or other files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction
from gradio.utils import abspath, get_upload_folder, is_in_or_equal, is_static_file
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engines.runtime.settings import Settings

FOREIGN_FILE = "Upload the file itself: no address and no other file of this machine is opened."
# What the page's own calls need beside a picture in base64.
SPARE_BYTES = 1 << 20
# Gradio would fetch such an address itself and hand over what it found: an open proxy.
_ADDRESS = re.compile(r"/(?:file=[\s/]*[a-z][a-z0-9+.-]+:|proxy=)", re.IGNORECASE)


class GuardedBlocks(gr.Blocks):
    """A page that opens nothing but what was uploaded to it.

    Gradio checks the path of a file only where the visitor marked it as an upload, and fetches a
    file that is named by an address.

    Args:
        settings: how large what comes in may be.
        options: of `gr.Blocks`.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Refuse an event whose values name a file that is no upload; raises gr.Error."""
        super().validate_inputs(block_fn, inputs)
        # A stateful input never comes from the visitor.
        for block, value in zip(block_fn.inputs, inputs):
            if not getattr(block, "stateful", False) and not all(map(_is_upload, _paths(value))):
                raise gr.Error(FOREIGN_FILE, print_exception=False)

    def launch(self, *positional: Any, **options: Any) -> Any:
        """Serve the page behind its guard; arguments and results are those of `gr.Blocks`."""
        app_options = dict(options.pop("app_kwargs", None) or {})
        guard = Middleware(PageGuard, settings=self._settings)
        app_options["middleware"] = [guard, *app_options.get("middleware", ())]
        return super().launch(*positional, app_kwargs=app_options, **options)


class PageGuard:
    """Refuse requests that would have the server fetch an address, or hold too much in memory.

    Args:
        app: what is guarded.
        settings: how large a picture may be; Gradio itself judges the size of each upload.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        # Base64 writes three bytes as four characters.
        self._most_bytes = int(settings.max_upload_mb * 1024 * 1024) * 4 // 3 + SPARE_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _ADDRESS.search(scope["path"]):
            refusal = PlainTextResponse("This server fetches nothing from elsewhere.", 403)
            await refusal(scope, receive, send)
            return
        if scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self._most_bytes:
            await PlainTextResponse(self._too_large, 413)(scope, receive, send)
            return
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most_bytes:
                raise HTTPException(413, self._too_large)
            return message

        await self._app(scope, receive_counted, send)

    @property
    def _too_large(self) -> str:
        return f"A request may have {self._most_bytes / 1024:,.0f} KB. Send less at once."


def _paths(value: Any) -> Iterator[str]:
    """Find the path of everything in a value that Gradio may take for a file."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            path = one.get("path")
            if isinstance(path, str) and path:
                yield path
            stack.extend(one.values())
        elif isinstance(one, (list, tuple)):
            stack.extend(one)


def _is_upload(path: str) -> bool:
    try:
        place = abspath(path)
        return place.is_file() and (
            is_in_or_equal(place, get_upload_folder()) or is_static_file(path)
        )
    except (OSError, ValueError, RuntimeError):  # of a name that no file can have
        return False
