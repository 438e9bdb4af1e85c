"""What is refused before any engine is asked: size, time, rate, token, origin."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message

from engines.api import build_api
from tests.engines.api.conftest import MakeClient
from tests.engines.conftest import MakePool

RECOMMEND = "/api/v1/recommend"
CLASSIFY = "/api/v1/classify"
JAR = {"item": "glass jar"}
# Where everything is let through, an API without engines says that there is none.
LET_THROUGH = 503


def code(response: Any) -> str:
    return str(response.json()["error"]["code"])


def test_a_large_body_is_refused_by_its_announced_length(make_client: MakeClient) -> None:
    response = make_client().post(RECOMMEND, content=b"x" * 65_537)
    assert (response.status_code, code(response)) == (413, "too_large")


def test_a_large_body_is_refused_while_it_streams_in(make_client: MakeClient) -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            sent.append(1)
            yield b"x" * 10_000

    response = make_client().post(
        RECOMMEND, content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert (response.status_code, code(response)) == (413, "too_large")


def test_a_photo_may_be_as_large_as_the_setting_says_and_no_larger(
    make_client: MakeClient,
) -> None:
    client = make_client(max_upload_mb=0.1)
    assert client.post(CLASSIFY, files={"photo": b"x" * 104_857}).status_code == 422
    assert client.post(CLASSIFY, files={"photo": b"x" * 130_000}).status_code == 413


def test_a_large_photo_that_streams_in_is_refused_before_it_is_read_whole(
    make_pool: MakePool,
) -> None:
    app = build_api(make_pool(max_upload_mb=0.1))
    taken: list[int] = []

    async def receive() -> Message:
        taken.append(1)
        body = b"--b\r\nContent-Disposition: form-data; name=photo; filename=a\r\n\r\n"
        return {"type": "http.request", "body": body + b"x" * 50_000, "more_body": True}

    status, _ = asyncio.run(_called(app, receive, CLASSIFY, b"multipart/form-data; boundary=b"))
    assert status == 413
    assert len(taken) < 5


def test_a_body_that_does_not_come_is_not_waited_for(make_pool: MakePool) -> None:
    app = build_api(make_pool(api_timeout_s=0.05))

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("it was waited for")

    status, body = asyncio.run(_called(app, receive, RECOMMEND, b"application/json"))
    assert status == 408
    assert b'"too_slow"' in body


async def _called(app: Any, receive: Any, path: str, kind: bytes) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"test"), (b"content-type", kind)],
        "client": ("192.0.2.1", 1234),
        "server": ("test", 80),
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return int(sent[0]["status"]), body


def test_too_many_requests_are_told_when_to_come_back(make_client: MakeClient) -> None:
    client = make_client(api_requests_per_s=0.001, api_burst=2)
    answers = [client.post(RECOMMEND, json=JAR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [LET_THROUGH, LET_THROUGH, 429]
    assert code(answers[2]) == "too_many_requests"
    assert 990 <= int(answers[2].headers["Retry-After"]) <= 1000


@pytest.mark.parametrize(
    ("is_behind_proxy", "named", "statuses"),
    [
        pytest.param(False, ["1.1.1.1", "2.2.2.2"], [503, 429], id="what a client writes"),
        pytest.param(True, ["1.1.1.1", "2.2.2.2"], [503, 503], id="what a proxy writes"),
        pytest.param(True, ["9.9.9.9, 1.1.1.1", "8.8.8.8, 1.1.1.1"], [503, 429], id="both"),
    ],
)
def test_clients_are_told_apart_by_what_can_be_trusted(
    make_client: MakeClient, is_behind_proxy: bool, named: list[str], statuses: list[int]
) -> None:
    client = make_client(api_requests_per_s=0.001, api_burst=1, is_behind_proxy=is_behind_proxy)
    answers = [
        client.post(RECOMMEND, json=JAR, headers={"X-Forwarded-For": name}) for name in named
    ]
    assert [answer.status_code for answer in answers] == statuses


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="wrong"),
        pytest.param({"Authorization": "Bearer"}, 401, id="empty"),
        pytest.param({"Authorization": "Basic s3cret"}, 401, id="another scheme"),
        pytest.param({"Authorization": "Bearer s3cret"}, LET_THROUGH, id="right"),
        pytest.param({"authorization": "bearer s3cret"}, LET_THROUGH, id="lower case"),
    ],
)
def test_a_token_is_asked_for_where_one_is_set(
    make_client: MakeClient, headers: dict[str, str], status: int
) -> None:
    response = make_client(api_token="s3cret").post(RECOMMEND, json=JAR, headers=headers)
    assert response.status_code == status
    if status == 401:
        assert code(response) == "unauthorized"
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "s3cret" not in response.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/docs", 200), ("/openapi.json", 200), ("/metrics", 401)],
)
def test_only_what_tells_no_secret_is_open_without_the_token(
    make_client: MakeClient, path: str, status: int
) -> None:
    client = make_client(api_token="s3cret")
    assert client.get(path).status_code == status
    assert client.get(path, headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_the_token_is_part_of_the_openapi_document_only_where_it_is_asked_for(
    make_client: MakeClient,
) -> None:
    with_token = make_client(api_token="s3cret").get("/openapi.json").json()
    assert "HTTPBearer" in with_token["components"]["securitySchemes"]
    assert with_token["paths"][RECOMMEND]["post"]["security"]
    assert "securitySchemes" not in make_client().get("/openapi.json").json()["components"]


def test_a_settings_token_is_never_shown_by_its_object(make_pool: MakePool) -> None:
    settings = make_pool(api_token="s3cret").settings
    assert "s3cret" not in f"{settings!r} {settings} {settings.api_token}"


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        pytest.param("http://testserver", "", LET_THROUGH, id="the app itself"),
        pytest.param("https://elsewhere.example", "", 403, id="another site"),
        pytest.param("http://testserver:81", "", 403, id="another port"),
        pytest.param("null", "", 403, id="a file"),
        pytest.param("https://a.example", "https://a.example", LET_THROUGH, id="allowed"),
        pytest.param("https://b.example", "https://a.example", 403, id="not the allowed one"),
        pytest.param("https://b.example", "*", LET_THROUGH, id="all allowed"),
    ],
)
def test_pages_of_other_sites_are_refused_unless_they_are_allowed(
    make_client: MakeClient, origin: str, allowed: str, status: int
) -> None:
    client = make_client(api_cors_origins=allowed)
    response = client.post(RECOMMEND, json=JAR, headers={"Origin": origin})
    assert response.status_code == status
    is_shared = status == LET_THROUGH and allowed != ""
    assert ("access-control-allow-origin" in response.headers) is is_shared


@pytest.mark.parametrize("allowed", ["", "https://a.example"], ids=["CORS off", "CORS on"])
def test_a_browser_is_told_in_advance_only_where_cors_is_on(
    make_client: MakeClient, allowed: str
) -> None:
    response = make_client(api_cors_origins=allowed, api_token="s3cret").options(
        RECOMMEND,
        headers={
            "Origin": "https://a.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "Authorization",
        },
    )
    assert response.headers.get("access-control-allow-origin", "") == allowed
    assert response.status_code == (200 if allowed else 403)


def test_browsers_are_told_not_to_guess_the_type(make_client: MakeClient) -> None:
    assert make_client().get("/health").headers["x-content-type-options"] == "nosniff"
