"""What people do, and whether an answer is the right one."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from gradio_client import Client
from gradio_client.exceptions import AppError

from components.shell import TITLE
from engines.runtime.settings import Settings

Outcome = Literal["right", "refused", "wrong", "lost"]
JobName = Literal["waste photo", "question", "upcycle", "system page", "maxsight frame"]
JOBS: tuple[JobName, ...] = (
    "waste photo",
    "question",
    "upcycle",
    "system page",
    "maxsight frame",
)
# What is done how often: most have a photo or a camera.
WEIGHTS = (4, 3, 2, 1, 4)

PHOTOS = ("glass_bottle_wine.jpg", "cardboard_box_open.jpg", "battery_aa.jpg", "food_can_open.jpg")
QUESTIONS = (
    "Where does a glass jar go?",
    "Can I put a dead vape in the bin?",
    "How do I dispose of old paint?",
)
THINGS = ("glass jar", "tin can", "cardboard box")
PLACE = "germany"
# The app's own words for "not now", from the lane and from the API's workers. Anything else that
# is no answer counts as lost.
POLITE = re.compile(
    r"Many people are using the app: \d+ jobs wait already\. Please try again in a minute\."
    r"|Others are being served, and your turn did not come in time\. "
    r"Please try again in a minute\."
    r"|Many programs are using the app: \d+ requests are being answered\. "
    r"Please try again in a few seconds\."
)
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Call:
    """One thing that a person did.

    Attributes:
        way: "page" through Gradio's client, "program" through the HTTP API.
        outcome: the right answer, a polite refusal, another answer than when nobody else was
            there, or none.
        seconds: until the answer. note: what went wrong, else empty.
    """

    job: JobName
    way: str
    outcome: Outcome
    seconds: float
    note: str = ""


class Refused(Exception):
    """The app said in its own words that it is busy."""


class Person:
    """One person with a connection of their own; use it in one thread.

    Args:
        url: of the app.
        way: "page" or "program".
        known: the right answers, see `right_answers`; None while these are collected.
    """

    def __init__(self, url: str, way: str, known: Mapping[tuple[str, str], Any] | None) -> None:
        self.way, self._known = way, known
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._page = (
            Client(url, verbose=False, analytics_enabled=False, download_files=False)
            if way == "page"
            else None
        )
        self._frames, self._session_id = 0, ""

    def close(self) -> None:
        """Leave."""
        self._http.close()
        if self._page is not None:
            self._page.close()

    def does(self, job: JobName, choice: int) -> Call:
        """Do one thing, with the photo, question or thing number `choice`. Never raises."""
        started_s = time.perf_counter()
        outcome: Outcome = "right"
        note = ""
        try:
            found = self.answer(job, choice)
            if self._known is not None and found != self._known[job, self._subject(job, choice)]:
                outcome, note = "wrong", f"{self._subject(job, choice)}: {str(found)[:200]}"
        except Refused:
            outcome = "refused"
        except Exception as error:
            outcome, note = "lost", f"{type(error).__name__}: {str(error)[:200]}"
        return Call(job, self.way, outcome, time.perf_counter() - started_s, note)

    def answer(self, job: JobName, choice: int) -> Any:
        """Return what of an answer must be the same whenever it is asked for.

        Raises:
            Refused: if the app is busy and says so.
            Exception: if there is no answer.
        """
        subject = self._subject(job, choice)
        asked: dict[JobName, Callable[[], Any]] = {
            "waste photo": lambda: self._photo(subject),
            "question": lambda: self._question(subject),
            "upcycle": lambda: self._upcycle(subject),
            "system page": self._system,
            "maxsight frame": lambda: self._frame(subject),
        }
        return asked[job]()

    @staticmethod
    def _subject(job: JobName, choice: int) -> str:
        of_job = {
            "waste photo": PHOTOS,
            "maxsight frame": PHOTOS,
            "question": QUESTIONS,
            "upcycle": THINGS,
            "system page": ("system",),
        }[job]
        return of_job[choice % len(of_job)]

    def _photo(self, name: str) -> Any:
        data = photo_bytes(name)
        if self._page is not None:
            encoded = base64.b64encode(data).decode()
            found = self._predict(encoded, PLACE, api_name="/identify_waste")
        else:
            found = self._post("classify", files={"photo": data}, data={"place": PLACE})
        return [found["item"]["id"], found["bin"]["id"], found["rule"]["bin_name"]]

    def _question(self, question: str) -> Any:
        if self._page is not None:
            found = self._predict(question, PLACE, "quoted", api_name="/answer_waste_question")
        else:
            found = self._post("ask", json={"question": question, "place": PLACE})
        assert not found["is_refusal"], "the documents hold the answer"
        return [found["text"], [citation["document_id"] for citation in found["citations"]]]

    def _upcycle(self, thing: str) -> Any:
        if self._page is not None:
            found = self._predict(thing, 5, api_name="/find_upcycling_projects")
        else:
            found = self._post("recommend", json={"item": thing, "k": 5})
        return [found["item"]["id"], [project["id"] for project in found["projects"]]]

    def _system(self) -> Any:
        page = self._http.get("/")
        page.raise_for_status()
        health = self._http.get("/health").json()
        return [TITLE in page.text, health["status"], [one["name"] for one in health["engines"]]]

    def _frame(self, name: str) -> Any:
        data = {"session_id": self._session_id} if self._session_id else {}
        found = self._post("maxsight/frame", files={"frame": photo_bytes(name)}, data=data)
        assert found["frame_id"] > self._frames, "this is another session"
        self._frames, self._session_id = found["frame_id"], found["session_id"]
        assert found["latency_ms"] is not None, "nobody looked at the frame"
        return found["frame_size"]

    def _predict(self, *values: Any, api_name: str) -> Any:
        assert self._page is not None
        try:
            return self._page.submit(*values, api_name=api_name).result(PATIENCE_S)
        except AppError as error:
            if POLITE.fullmatch(str(error)):
                raise Refused from error
            raise
        except NotInTime:
            raise TimeoutError(f"no answer after {PATIENCE_S:.0f} s") from None

    def _post(self, path: str, **body: Any) -> Any:
        response = self._http.post(f"/api/v1/{path}", **body)
        if response.status_code == 503:
            error = response.json()["error"]
            if error["code"] == "busy" and POLITE.fullmatch(f"{error['what']} {error['do']}"):
                raise Refused
        if response.status_code != 200:
            raise AssertionError(f"{response.status_code}: {response.text[:200]}")
        return response.json()


def right_answers(url: str) -> dict[tuple[str, str], Any]:
    """Ask for everything once, alone, in both ways; return each answer by job and subject.

    Raises:
        AssertionError: if the two ways differ, or a photo is not taken for what its name says.
    """
    people = [Person(url, way, None) for way in ("page", "program")]
    known: dict[tuple[str, str], Any] = {}
    try:
        for job in JOBS:
            for choice in range(max(map(len, (PHOTOS, QUESTIONS, THINGS)))):
                one, other = (person.answer(job, choice) for person in people)
                subject = Person._subject(job, choice)
                assert one == other, f"{job}, {subject}: {one} and {other}"
                known[job, subject] = one
    finally:
        for person in people:
            person.close()
    for name in PHOTOS:
        item = known["waste photo", name][0]
        assert name.startswith(item), f"{name} was taken for {item}"
    assert known["system page", "system"][:2] == [True, "ready"]
    return known


_PHOTO_BYTES: dict[str, bytes] = {}


def photo_bytes(name: str) -> bytes:
    """Return the file of one of the app's example photos."""
    if name not in _PHOTO_BYTES:
        _PHOTO_BYTES[name] = (Settings().examples_dir / name).read_bytes()
    return _PHOTO_BYTES[name]
