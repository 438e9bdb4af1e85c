"""The running app: page and API at one address, not in each other's way, until Ctrl-C.

That SIGTERM ends it too is seen by every browser test; see `started` in tests/browser/conftest.py.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import httpx
import pytest

from components import shell
from engines.runtime.settings import load_settings
from tests.components.test_shell import (  # noqa: F401
    STOP_S,
    free_port,
    start_app,
    wait_for_page,
)

TOKEN = "a-token-of-this-test"
ENGINE_S = 300.0


def test_page_and_api_share_one_port_and_end_cleanly(
    start_app: Callable[..., subprocess.Popen[str]],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELEAF_API_TOKEN", TOKEN)
    port = free_port()
    process = start_app(port)
    page = wait_for_page(process, port)
    assert shell.TITLE in page
    assert 'lang="en"' in page
    right = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ENGINE_S) as client:
        engines = {engine["name"] for engine in client.get("/health").json()["engines"]}
        assert {"waste", "rag", "llm", "upcycle", "maxsight"} <= engines
        assert client.get("/openapi.json").json()["paths"]["/api/v1/journey"]
        assert "/api/v1/journey" in client.get("/docs").text

        # The engine that is loaded first.
        photo = {"photo": (load_settings().examples_dir / "glass_bottle_wine.jpg").read_bytes()}
        assert client.post("/api/v1/classify", files=photo).status_code == 401
        found = client.post("/api/v1/classify", files=photo, headers=right)
        assert found.status_code == 200, found.text
        assert found.json()["item"]["id"] == "glass_bottle"
        counted = 'releaf_requests_total{route="/api/v1/classify",method="POST",status="200"} 1'
        assert counted in client.get("/metrics", headers=right).text

        # The page lets its own origin's scripts in; for the API that is off.
        asking = {"Origin": "http://localhost:9", "Access-Control-Request-Method": "POST"}
        told = client.options("/api/v1/ask", headers=asking).headers
        assert "access-control-allow-origin" not in told
        # The page needs no token, and what isn't the API's is the page's.
        assert client.get("/gradio_api/info").status_code == 200
        assert client.get("/api/v2/ask").status_code == 404
        assert client.get("/metrics").status_code == 401
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=STOP_S)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in output
    assert "Traceback" not in errors
    assert TOKEN not in output + errors
