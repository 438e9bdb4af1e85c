"""The app as other programs see it, by their own clients: Gradio's and the protocol's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from components import programs
from components.context import AppContext
from components.programs import Programs, program_options
from components.shell import build_app, launch_options
from engines.api.jobs import Jobs
from engines.runtime.errors import InputError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.upcycle.engine import UpcycleEngine
from engines.waste.engine import WasteEngine
from tests.components.test_shell import free_port

BOTTLE = Settings().examples_dir / "glass_bottle_wine.jpg"
TOOLS = {
    "identify_waste",
    "answer_waste_question",
    "find_upcycling_projects",
    "plan_for_photo",
}

T = TypeVar("T")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """Return the settings with assistants let in, and two engines."""
    settings = Settings(
        port=free_port(), is_mcp_served=True, data_dir=tmp_path_factory.mktemp("data")
    )
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    pool.register("waste", lambda: WasteEngine(settings, pool.placement))
    pool.register("upcycle", lambda: UpcycleEngine(settings, pool.placement))
    yield AppContext(settings=settings, pool=pool)
    lane.close()


@pytest.fixture(scope="module")
def address(context: AppContext) -> Iterator[str]:
    """Serve the whole page with everything for programs; return its address."""
    app = build_app(context)
    app.launch(
        prevent_thread_lock=True, **(launch_options(context) | program_options(app, context))
    )
    yield str(app.local_url)
    app.close(verbose=False)


def asked(address: str, job: Callable[[ClientSession], Awaitable[T]]) -> T:
    """Let a client of the protocol do something."""

    async def run() -> T:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await job(session)

    return asyncio.run(run())


def test_gradios_client_calls_a_job_by_its_name(address: str) -> None:
    client = Client(address, verbose=False)
    found = client.predict("glass jar", 2, api_name="/find_upcycling_projects")
    assert found["item"]["id"] == "glass_jar"
    assert len(found["projects"]) == 2


def test_gradios_client_is_told_in_words_what_is_wrong(address: str) -> None:
    client = Client(address, verbose=False)
    with pytest.raises(AppError, match="There is no place 'atlantis'"):
        client.predict(_base64(BOTTLE), "atlantis", api_name="/identify_waste")
    with pytest.raises(AppError, match="k: "):
        client.predict("glass jar", 99, api_name="/find_upcycling_projects")


def test_an_assistant_sees_the_jobs_and_nothing_of_the_page(address: str) -> None:
    tools = asked(address, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.description and len(tool.description) > 40
        assert all(field.get("description") for field in tool.inputSchema["properties"].values())


def test_an_assistant_gets_an_answer(address: str) -> None:
    arguments = {"photo_base64": _base64(BOTTLE), "place": "germany"}
    result = asked(address, lambda session: session.call_tool("identify_waste", arguments))
    assert not result.isError
    (content,) = result.content
    found = json.loads(content.text)  # type: ignore[union-attr]
    assert found["item"]["id"] == "glass_bottle"
    assert found["rule"]["place_name"] == "Germany"


def test_an_assistant_is_told_in_words_what_is_wrong(address: str) -> None:
    result = asked(
        address, lambda session: session.call_tool("identify_waste", {"photo_base64": "?"})
    )
    assert result.isError
    assert "base64" in result.content[0].text  # type: ignore[union-attr]


def test_the_api_stands_beside_the_page(address: str) -> None:
    assert httpx.get(f"{address}health").json()["engines"]
    assert "<html" in httpx.get(address).text
    found = httpx.post(f"{address}api/v1/recommend", json={"item": "glass jar"}, timeout=120)
    assert found.json()["projects"]


def test_a_program_on_this_machine_cannot_pass_for_many_clients(context: AppContext) -> None:
    settings = Settings(port=free_port(), api_requests_per_s=0.001, api_burst=2)
    own = AppContext(settings, EnginePool(settings, context.pool.lane))
    with gr.Blocks() as app:
        pass
    app.launch(
        server_port=settings.port, prevent_thread_lock=True, quiet=True, **program_options(app, own)
    )
    try:
        statuses = [
            httpx.get(
                f"{app.local_url}health", headers={"X-Forwarded-For": f"203.0.113.{number}"}
            ).status_code
            for number in range(3)
        ]
    finally:
        app.close(verbose=False)
    assert statuses == [200, 200, 429]


def test_without_the_package_it_is_said_what_to_install(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = build_app(context)
    monkeypatch.setattr(programs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install 'mcp"):
        program_options(app, context)


@pytest.mark.parametrize(
    ("settings", "is_mcp", "is_api"),
    [
        pytest.param({}, False, True, id="by default"),
        pytest.param({"is_api_served": False}, False, False, id="API off"),
        pytest.param({"is_mcp_served": True}, True, True, id="assistants let in"),
    ],
)
def test_the_settings_decide_what_is_served(
    context: AppContext, settings: dict[str, Any], is_mcp: bool, is_api: bool
) -> None:
    own = AppContext(Settings(**settings), EnginePool(Settings(**settings), context.pool.lane))
    options = program_options(build_app(own), own)
    assert options["mcp_server"] is is_mcp
    assert ("app_kwargs" in options) is is_api


def test_a_photo_may_come_as_a_data_address_but_not_as_a_link(context: AppContext) -> None:
    jobs = Programs(Jobs(context.pool), 25.0)
    found = jobs.identify_waste(f"data:image/jpeg;base64,{_base64(BOTTLE)}")
    assert found["item"]["id"] == "glass_bottle"
    with pytest.raises(Exception, match="base64"):
        jobs.identify_waste("https://example.org/photo.jpg")


def test_a_photo_that_is_too_large_is_not_decoded(context: AppContext) -> None:
    with pytest.raises(Exception, match="more than 1,024 KB"):
        Programs(Jobs(context.pool), 1.0).identify_waste("A" * 2_000_000)


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
