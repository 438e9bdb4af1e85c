"""Every error has one shape, and a broken engine tells nothing of its inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engines.api import build_api
from engines.api.errors import STATUS, ErrorReply, code_of, in_shape
from engines.runtime.errors import (
    BusyError,
    EngineUnavailableError,
    InputError,
    ReleafError,
    StorageError,
    WeightsCorruptError,
    WeightsMissingError,
)
from tests.engines.api.conftest import MakeClient
from tests.engines.conftest import MakePool

ASK, CLASSIFY, FRAME = "/api/v1/ask", "/api/v1/classify", "/api/v1/maxsight/frame"
JSON = {"Content-Type": "application/json"}

Call = Callable[[TestClient], Any]


@pytest.mark.parametrize(
    ("call", "status", "code", "fields"),
    [
        pytest.param(
            lambda c: c.post(ASK, json={}), 422, "invalid_request", ["question"], id="missing"
        ),
        pytest.param(
            lambda c: c.post(ASK, json={"question": "", "place": "G!", "mode": "sung"}),
            422,
            "invalid_request",
            ["question", "place", "mode"],
            id="each that is wrong",
        ),
        pytest.param(
            lambda c: c.post(ASK, json={"question": "Why?", "plaice": "germany"}),
            422,
            "invalid_request",
            ["plaice"],
            id="misspelt",
        ),
        pytest.param(
            lambda c: c.post(ASK, content=b"{", headers=JSON),
            422,
            "invalid_request",
            [""],
            id="no JSON",
        ),
        pytest.param(
            lambda c: c.post("/api/v1/recommend", json={"item": "jar", "k": 51}),
            422,
            "invalid_request",
            ["k"],
            id="out of range",
        ),
        pytest.param(lambda c: c.post(CLASSIFY), 422, "invalid_request", ["photo"], id="no photo"),
        pytest.param(
            lambda c: c.post(CLASSIFY, files={"photo": b"abc"}),
            422,
            "unusable_input",
            [],
            id="no picture",
        ),
        pytest.param(
            lambda c: c.post(CLASSIFY, files={"photo": b"abc"}, data={"place": "atlantis"}),
            422,
            "unusable_input",
            [],
            id="no such place",
        ),
        pytest.param(
            lambda c: c.post(
                CLASSIFY, content=b"no parts", headers={"Content-Type": "multipart/form-data"}
            ),
            400,
            "bad_request",
            [],
            id="no parts",
        ),
        pytest.param(
            lambda c: c.post(FRAME, files={"frame": b"abc"}, data={"session_id": "guessed"}),
            404,
            "not_found",
            [],
            id="no such session",
        ),
        pytest.param(lambda c: c.get("/api/v1/nothing"), 404, "not_found", [], id="no address"),
        pytest.param(lambda c: c.get(ASK), 405, "method_not_allowed", [], id="another method"),
        pytest.param(
            lambda c: c.post(ASK, json={"question": "Why?"}),
            503,
            "engine_unavailable",
            [],
            id="no engine",
        ),
        pytest.param(
            lambda c: c.post(f"{ASK}/stream", json={"question": "Why?"}),
            503,
            "engine_unavailable",
            [],
            id="no engine to stream",
        ),
    ],
)
def test_errors_have_one_shape(
    make_client: MakeClient, call: Call, status: int, code: str, fields: list[str]
) -> None:
    response = call(make_client())
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    error = ErrorReply.model_validate(response.json()).error
    assert (error.code, [field.name for field in error.fields]) == (code, fields)
    assert error.what.endswith(".") and error.do.endswith((".", "offers."))
    assert all(field.problem.endswith(".") for field in error.fields)


def test_another_method_is_told_which_one_is_right(make_client: MakeClient) -> None:
    assert make_client().get(ASK).headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a.", "b."), "unusable_input"),
        (BusyError("a.", "b."), "busy"),
        (EngineUnavailableError("a.", "b."), "engine_unavailable"),
        (WeightsMissingError("a.", "b."), "engine_unavailable"),
        (WeightsCorruptError("a.", "b."), "engine_unavailable"),
        (StorageError("a.", "b."), "internal"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_engines_error_keeps_its_words_and_gets_a_code(error: ReleafError, code: str) -> None:
    assert code_of(error) == code
    shown = in_shape(error).error
    assert (shown.code, shown.what, shown.do) == (code, "a.", "b.")


def test_a_busy_app_says_when_to_try_again(make_pool: MakePool) -> None:
    pool = make_pool("upcycle")
    pool.get("upcycle")
    pool.lane.close()
    client = TestClient(build_api(pool))
    response = client.post("/api/v1/recommend", json={"item": "glass jar"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["error"]["what"] == "The app is shutting down."


def test_what_nobody_foresaw_tells_nothing_of_the_inside(make_pool: MakePool) -> None:
    app = build_api(make_pool())

    async def broken() -> None:
        raise RuntimeError("/home/somebody/secret.txt")

    app.add_api_route("/api/v1/broken", broken)
    response = TestClient(app, raise_server_exceptions=False).get("/api/v1/broken")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in response.text


def test_every_status_of_an_error_is_in_the_openapi_document(make_client: MakeClient) -> None:
    document = make_client().get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            described = {int(status) for status in operation["responses"]}
            assert described == {200, *STATUS.values()}, path
            for status, reply in operation["responses"].items():
                if status != "200":
                    shape = reply["content"]["application/json"]["schema"]["$ref"]
                    assert shape.endswith("/ErrorReply")
