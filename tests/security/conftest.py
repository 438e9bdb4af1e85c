"""The page as app.py serves it, in this process and without engines, and somebody who listens."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from components.context import AppContext
from components.page_guard import GuardedBlocks
from components.programs import program_options
from components.shell import build_app, launch_options
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.components.test_shell import free_port

# Distinct, so that one that leaks can be told.
SECRETS = {
    "RELEAF_API_TOKEN": "token-5f1c2a",
    "RELEAF_QDRANT_API_KEY": "qdrant-77ab09",
    "HF_TOKEN": "hf_d41d8cd98f",
    "WANDB_API_KEY": "wandb-0b9e33",
}
MAX_UPLOAD_MB = 1.0


@dataclass(frozen=True)
class Served:
    """The page under test.

    Attributes:
        url: where it listens, without a slash at its end.
        context: its settings and engines.
    """

    url: str
    context: AppContext

    def get(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Ask for a path exactly as it is written: other clients tidy `..` away."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        connection.endheaders()
        reply = connection.getresponse()
        try:
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def upload(self, name: str, content: bytes) -> httpx.Response:
        """Upload a file as a browser does; the answer lists its path on the server."""
        return httpx.post(f"{self.url}/gradio_api/upload", files={"files": (name, content)})

    def call(self, event: str, *values: Any) -> str:
        """Call an event of the page as any program can; return the stream of its answer."""
        address = f"{self.url}/gradio_api/call/{event}"
        asked = httpx.post(address, json={"data": values}, timeout=20)
        if asked.status_code != 200:
            return asked.text
        return httpx.get(f"{address}/{asked.json()['event_id']}", timeout=20).text


@dataclass
class Listener:
    """A web server that nobody of this project should ever ask."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the page with secrets set and small limits; tests elsewhere must not see them."""
    home = tmp_path_factory.mktemp("security")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SECRETS.items():
            environment.setenv(name, value)
        settings = Settings(
            port=free_port(),
            data_dir=home / "data",
            cache_dir=home / "cache",
            max_upload_mb=MAX_UPLOAD_MB,
        )
        lane = CpuLane.from_settings(settings)
        context = AppContext(settings=settings, pool=EnginePool(settings, lane))
        app = build_app(context)
        # Without its guard the page would read /dev/zero to the end of this machine's memory.
        assert isinstance(app, GuardedBlocks), "the page is not guarded; see components/shell.py"
        options = launch_options(context) | program_options(app, context)
        app.launch(prevent_thread_lock=True, **options)
        yield Served(str(app.local_url).rstrip("/"), context)
        app.close(verbose=False)
        lane.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen on this machine for requests that the page's server must not send."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            body = json.dumps({"stolen": True}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Listener(f"http://127.0.0.1:{server.server_port}", heard)
    server.shutdown()
    server.server_close()
