"""The API on the shipped engines: what each address answers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from engines.runtime.settings import Settings
from tests.engines.api.conftest import MakeClient

EXAMPLES: Path = Settings().examples_dir
BOTTLE = (EXAMPLES / "glass_bottle_wine.jpg").read_bytes()
BATTERY = (EXAMPLES / "battery_aa.jpg").read_bytes()


def post(client: TestClient, path: str, **arguments: Any) -> dict[str, Any]:
    response = client.post(f"/api/v1/{path}", **arguments)
    assert response.status_code == 200, response.text
    return dict(response.json())


def jpeg_of(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG")
    return target.getvalue()


def test_a_photo_is_classified_with_the_rule_of_the_place(client: TestClient) -> None:
    form = {"place": "germany", "top_k": "2"}
    found = post(client, "classify", files={"photo": BOTTLE}, data=form)
    assert (found["item"]["id"], found["bin"]["id"]) == ("glass_bottle", "recycle")
    assert [len(found[f"top_{kind}"]) for kind in ("items", "materials", "bins")] == [2, 2, 2]
    assert found["is_waste"]
    assert found["rule"]["place_name"] == "Germany"
    assert found["rule"]["prepare"]


def test_a_question_is_answered_with_its_sources(client: TestClient) -> None:
    answer = post(client, "ask", json={"question": "Where does a glass jar go?"})
    assert not answer["is_refusal"]
    numbers = {citation["number"] for citation in answer["citations"]}
    assert all(set(sentence["citations"]) <= numbers for sentence in answer["sentences"])
    assert answer["text"] == " ".join(sentence["text"] for sentence in answer["sentences"])
    assert answer["timings_ms"]


def test_a_question_that_cannot_be_read_is_the_clients_error(client: TestClient) -> None:
    response = client.post(
        "/api/v1/ask", json={"question": "Wohin gehört die alte Batterie, bitte sehr?"}
    )
    assert response.status_code == 422
    assert response.json()["error"]["do"] == "Please ask in English."


def test_projects_are_named_with_steps_and_safety(client: TestClient) -> None:
    found = post(client, "recommend", json={"item": "glass jar", "k": 3})
    assert found["item"]["id"] == "glass_jar"
    scores = [project["score"] for project in found["projects"]]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert all(project["steps"] and project["safety"] for project in found["projects"])


def test_filters_and_corrections_are_heeded(client: TestClient) -> None:
    asked = {
        "item": "old bowl",
        "materials": ["wood"],
        "max_minutes": 30,
        "hardest": "easy",
        "tools": ["scissors"],
    }
    found = post(client, "recommend", json=asked)
    assert found["item"]["materials"] == ["wood"]
    for project in found["projects"]:
        assert project["minutes"] <= 30
        assert project["difficulty"] == "easy"
        assert set(project["tools"]) <= {"scissors"}


def test_a_tool_that_nobody_knows_is_named(client: TestClient) -> None:
    asked = {"item": "glass jar", "tools": ["sonic screwdriver"]}
    response = client.post("/api/v1/recommend", json=asked)
    assert response.status_code == 422
    assert "sonic screwdriver" in response.json()["error"]["what"]


def test_of_a_danger_nothing_is_made(client: TestClient) -> None:
    found = post(client, "recommend", json={"item": "battery"})
    assert found["projects"] == []
    assert "battery collection point" in found["danger"]


def test_a_journey_has_all_three_answers_and_a_timeline(client: TestClient) -> None:
    trip = post(client, "journey", files={"photo": BOTTLE}, data={"place": "france"})
    assert [step["outcome"] for step in trip["steps"]] == ["done", "done", "done"]
    assert trip["classification"]["item"]["id"] == "glass_bottle"
    assert trip["rule"]["place_id"] == "france"
    assert trip["answer"]["citations"]
    assert trip["projects"]["projects"]


def test_a_journey_goes_on_without_an_engine(make_client: MakeClient) -> None:
    trip = post(make_client("waste", "upcycle"), "journey", files={"photo": BATTERY})
    assert [step["outcome"] for step in trip["steps"]] == ["done", "failed", "done"]
    assert trip["answer"] is None
    assert "rag" in trip["steps"][1]["what"] and trip["steps"][1]["do"]


def test_frames_of_one_session_follow_each_other(client: TestClient) -> None:
    first = post(client, "maxsight/frame", files={"frame": BOTTLE})
    second = post(
        client,
        "maxsight/frame",
        files={"frame": BOTTLE},
        data={"session_id": first["session_id"], "captured_s": "1e9", "language": "de"},
    )
    assert second["session_id"] == first["session_id"]
    assert [first["frame_id"], second["frame_id"]] == [1, 2]
    assert second["captured_s"] == 1e9
    assert first["picture"] == "fine"
    assert first["urgency"] in ("safe", "caution", "warning", "danger")
    assert first["latency_ms"] > 0


def test_a_black_frame_is_a_problem_and_not_a_safe_street(client: TestClient) -> None:
    black = jpeg_of(np.zeros((240, 320, 3), np.uint8))
    seen = post(client, "maxsight/frame", files={"frame": black})
    assert seen["picture"] == "black"
    assert "Uncover the camera" in seen["problem"]


def test_nobody_gets_into_another_clients_session(client: TestClient) -> None:
    mine = post(client, "maxsight/frame", files={"frame": BOTTLE})["session_id"]
    yours = post(client, "maxsight/frame", files={"frame": BOTTLE})
    assert yours["session_id"] != mine
    assert yours["frame_id"] == 1
    changed = mine[:-1] + ("0" if mine[-1] != "0" else "1")
    for guess in (changed, mine[::-1], "a", mine + "0", "ä" * 20):
        response = client.post(
            "/api/v1/maxsight/frame", files={"frame": BOTTLE}, data={"session_id": guess}
        )
        assert response.status_code == 404
    again = post(client, "maxsight/frame", files={"frame": BOTTLE}, data={"session_id": mine})
    assert again["frame_id"] == 2


def test_a_session_is_only_good_in_the_process_that_gave_it_out(
    client: TestClient, make_client: MakeClient
) -> None:
    mine = post(client, "maxsight/frame", files={"frame": BOTTLE})["session_id"]
    response = make_client("maxsight").post(
        "/api/v1/maxsight/frame", files={"frame": BOTTLE}, data={"session_id": mine}
    )
    assert response.status_code == 404


def test_health_tells_the_state_of_each_engine(make_client: MakeClient) -> None:
    client = make_client("upcycle")
    before = client.get("/health").json()
    assert before["status"] == "loading"
    post(client, "recommend", json={"item": "glass jar"})
    after = client.get("/health").json()
    assert (after["status"], after["waiting_jobs"]) == ("ready", 0)
    (engine,) = after["engines"]
    assert (engine["name"], engine["state"], engine["calls"]) == ("upcycle", "loaded", 1)
    assert engine["detail"]


def test_the_documents_page_tells_every_address_without_fetching_anything(
    make_client: MakeClient,
) -> None:
    client = make_client()
    response = client.get("/docs")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in response.text
    assert "<script" not in response.text
    assert "https://" not in response.text
    assert response.text.count("http://") == response.text.count("http://127.0.0.1:7860")


@pytest.mark.parametrize("field", ["photo", "place", "top_k"])
def test_the_documents_page_describes_the_fields(make_client: MakeClient, field: str) -> None:
    assert f"<code>{field}</code>" in make_client().get("/docs").text
