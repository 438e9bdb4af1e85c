"""Keys and tokens appear in no log, on no page and in no error."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import httpx
import pytest

from components import system_tab
from engines.runtime.settings import REPO_ROOT, settings_table
from tests.security.conftest import SECRETS, Served

BEARER = {"Authorization": f"Bearer {SECRETS['RELEAF_API_TOKEN']}"}


def leaked(text: str) -> list[str]:
    return [name for name, value in SECRETS.items() if value in text]


def test_the_secrets_are_in_force(served: Served) -> None:
    settings = served.context.settings
    assert settings.api_token.get_secret_value() == SECRETS["RELEAF_API_TOKEN"]
    assert settings.qdrant_api_key.get_secret_value() == SECRETS["RELEAF_QDRANT_API_KEY"]
    url = f"{served.url}/metrics"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers=BEARER).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/info", "/health", "/metrics", "/docs", "/openapi.json"]
)
def test_no_page_shows_them(served: Served, path: str) -> None:
    reply = httpx.get(served.url + path, headers=BEARER, timeout=20)
    assert reply.status_code == 200
    assert leaked(reply.text) == []


def test_the_system_tab_shows_none(served: Served) -> None:
    context = served.context
    shown = system_tab.machine_html(context) + system_tab.models_html(context.settings)
    shown += system_tab.settings_html(context.settings)
    assert "RELEAF_API_TOKEN" in shown
    assert leaked(shown) == []


def test_settings_never_print_them(served: Served) -> None:
    settings = served.context.settings
    printed = (repr(settings), str(settings), settings.model_dump_json(), settings_table())
    assert leaked("".join(printed)) == []


def test_no_log_holds_them_at_any_level(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{served.url}/api/v1"
    for headers in (BEARER, {"Authorization": f"Basic {SECRETS['RELEAF_API_TOKEN']}"}, {}):
        httpx.post(f"{url}/recommend", json={"item": "glass jar"}, headers=headers)
        httpx.post(f"{url}/classify", files={"photo": b"no photo"}, headers=headers)
        httpx.post(f"{url}/nothing", content=b"{", headers=headers)
    printed = "".join(capfd.readouterr())
    # The client's own lines are of this test, and of the machine that asks.
    lines = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    ]
    assert leaked(printed + "\n".join(lines)) == []


def test_an_app_that_cannot_start_prints_none_of_them() -> None:
    environment = os.environ | SECRETS | {"RELEAF_PORT": "many"}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=REPO_ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "RELEAF_PORT" in done.stderr
    assert leaked(done.stdout + done.stderr) == []
