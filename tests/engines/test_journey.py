"""A photo through three engines, and what becomes of the others where one fails."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from engines.journey import STEPS, Journey, JourneyReport, Outcome, disposal_question
from engines.rag.places import region_in
from engines.rag.session import ChatSession
from engines.runtime.errors import InputError, WeightsMissingError
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.rules import load_places
from engines.waste.taxonomy import TRIPLES
from tests.engines.conftest import MakePool

EXAMPLES = Settings().examples_dir
BOTTLE = EXAMPLES / "glass_bottle_wine.jpg"
PLACES = load_places(Settings().rules_dir).places
ENGINES = ("waste", "rag", "upcycle")


@pytest.fixture(scope="module")
def report(make_pool: MakePool) -> JourneyReport:
    """Take a wine bottle through the shipped engines."""
    return Journey(make_pool(*ENGINES)).run(BOTTLE, place="germany")


@pytest.fixture
def cat() -> Image.Image:
    """Return a photo of a cat, which nobody throws away."""
    return Image.fromarray(skimage.data.chelsea())


def outcomes(report: JourneyReport) -> tuple[Outcome, ...]:
    assert tuple(step.name for step in report.steps) == STEPS
    return tuple(step.outcome for step in report.steps)


def test_a_photo_leads_to_its_bin_an_answer_with_sources_and_projects(
    report: JourneyReport,
) -> None:
    assert outcomes(report) == ("done", "done", "done")
    assert report.is_finished
    assert report.subject is not None and report.subject.item == "glass_bottle"
    assert report.rule is not None and report.rule.place_id == "germany"
    assert report.question == "How do I dispose of a glass bottle in Germany?"
    assert report.answer is not None and not report.answer.is_refusal
    assert report.answer.mode == "quoted"
    assert report.answer.trace.region == "germany"
    assert all(sentence.citations for sentence in report.answer.sentences)
    assert report.recommendations is not None
    assert report.recommendations.link.thing.item == "glass_bottle"
    assert len(report.recommendations.best) == 5


def test_the_timeline_has_no_overlaps_and_ends_with_the_journey(report: JourneyReport) -> None:
    for before, after in itertools.pairwise(report.steps):
        assert before.started_ms + before.latency_ms <= after.started_ms
    last = report.steps[-1]
    assert report.steps[0].started_ms >= 0
    assert report.latency_ms == last.started_ms + last.latency_ms


def test_each_step_is_reported_as_soon_as_it_ended(make_pool: MakePool) -> None:
    journey = Journey(make_pool("upcycle"))
    reports = list(journey.steps(b"no photo", item="glass_jar"))
    assert [len(report.steps) for report in reports] == [1, 2, 3]
    assert [report.is_finished for report in reports] == [False, False, True]
    assert [report.recommendations is not None for report in reports] == [False, False, True]


@pytest.mark.parametrize("broken", ENGINES)
@pytest.mark.parametrize("is_registered", [True, False], ids=["fails to load", "is not there"])
def test_one_engine_takes_no_other_step_with_it(
    make_pool: MakePool, broken: str, is_registered: bool
) -> None:
    def fail() -> None:
        raise WeightsMissingError("Its weights are lost.", "Find them.")

    pool = make_pool(*(name for name in ENGINES if name != broken))
    if is_registered:
        pool.register(broken, fail)  # type: ignore[arg-type]
    report = Journey(pool).run(BOTTLE, item="glass_bottle")
    expected = tuple("failed" if name == broken else "done" for name in ENGINES)
    assert outcomes(report) == expected
    (problem,) = report.problems
    assert broken in problem.what
    assert ("Its weights are lost." in problem.what) == is_registered
    assert problem.do
    found = (report.classification, report.answer, report.recommendations)
    assert [part is None for part in found] == [outcome == "failed" for outcome in expected]


def test_what_is_no_waste_is_neither_asked_about_nor_made_into_something(
    make_pool: MakePool, cat: Image.Image
) -> None:
    report = Journey(make_pool(*ENGINES)).run(cat)
    assert outcomes(report) == ("done", "skipped", "skipped")
    assert report.subject is None and report.question == ""
    assert all("throw away" in step.what and step.do for step in report.steps[1:])


def test_a_persons_word_goes_before_the_photo(make_pool: MakePool, cat: Image.Image) -> None:
    report = Journey(make_pool(*ENGINES)).run(cat, item="battery")
    assert outcomes(report) == ("done", "done", "done")
    assert report.subject is not None and report.subject.is_chosen
    assert report.answer is not None and report.answer.sentences[0].is_safety
    assert report.recommendations is not None and report.recommendations.danger


@pytest.mark.parametrize("photo", [b"", b"no photo", Path("nowhere.jpg")], ids=repr)
def test_a_photo_that_cannot_be_read_is_named_and_skips_the_rest(
    make_pool: MakePool, photo: bytes | Path
) -> None:
    report = Journey(make_pool(*ENGINES)).run(photo)
    assert outcomes(report) == ("failed", "skipped", "skipped")
    assert report.problems[0].what and report.problems[0].do
    assert "Say which item it is." in report.steps[1].do


def test_the_question_is_remembered_in_the_persons_chat(make_pool: MakePool) -> None:
    session = ChatSession()
    Journey(make_pool("rag")).run(b"", item="plastic_bottle", place="spain", session=session)
    assert [turn.question for turn in session.turns] == [
        "How do I dispose of a plastic bottle made of PET plastic in Spain?"
    ]


def test_times_are_those_of_the_clock_that_was_given(make_pool: MakePool) -> None:
    def seconds() -> Iterator[float]:
        for count in itertools.count(100):
            yield float(count)

    ticking = seconds()
    report = Journey(make_pool(), clock=lambda: next(ticking)).run(b"", item="paper")
    assert outcomes(report) == ("failed", "failed", "failed")
    # The clock is read at the start of the journey, and at the start and end of each step.
    assert [(step.started_ms, step.latency_ms) for step in report.steps] == [
        (1000.0, 1000.0),
        (3000.0, 1000.0),
        (5000.0, 1000.0),
    ]
    assert report.latency_ms == 6000.0


def test_a_clock_that_jumps_back_gives_no_negative_time(make_pool: MakePool) -> None:
    jumping = iter([100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0])
    report = Journey(make_pool(), clock=lambda: next(jumping)).run(b"", item="paper")
    assert all(step.started_ms == 0 and step.latency_ms == 0 for step in report.steps)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        pytest.param({"place": "atlantis"}, "atlantis", id="place"),
        pytest.param({"item": "unicorn"}, "unicorn", id="item"),
        pytest.param({"k": 0}, "project", id="no project"),
    ],
)
def test_what_it_is_asked_for_must_exist(
    make_pool: MakePool, wrong: dict[str, object], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        Journey(make_pool()).steps(BOTTLE, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "material", "place", "question"),
    [
        ("plastic_bottle", "HDPE", None, "a plastic bottle made of HDPE plastic?"),
        ("disposable_cup", "coated_paper", None, "a disposable cup made of coated paper?"),
        ("aluminum_can", "aluminum", "France", "a drink can made of aluminium in France?"),
        ("appliance", "electronic", None, "an appliance?"),
        ("shoes", "textile", "Spain", "shoes in Spain?"),
    ],
    ids=["material named", "words for it", "place named", "vowel", "plural"],
)
def test_the_question_is_plain_english(
    item: str, material: str, place: str | None, question: str
) -> None:
    assert disposal_question(item, material, place) == f"How do I dispose of {question}"


@pytest.mark.parametrize("place", [place for place in PLACES if place != "generic"])
def test_the_place_in_the_question_is_the_place_that_was_chosen(place: str) -> None:
    for item, material, _ in TRIPLES:
        assert region_in(disposal_question(item, material, PLACES[place].name)) == place


def test_the_chat_has_an_answer_for_everything_the_photo_can_show(all_engines: EnginePool) -> None:
    unanswered = []
    for item, material, _ in TRIPLES:
        question = disposal_question(item, material, None)
        found = all_engines.run("rag", lambda rag, text=question: rag.find(text, ChatSession()))
        if not found.is_answerable:
            unanswered.append(question)
    assert not unanswered
