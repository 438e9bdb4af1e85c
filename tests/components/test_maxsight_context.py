"""What the MaxSight tab says of the surroundings: around, read, find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.maxsight_context_actions import ContextTab, findable
from components.maxsight_sound_actions import SoundTab
from engines.runtime.settings import Settings
from tests.components.maxsight_bench import FRAME_S, ONE, OTHER, Bench, Book, line
from tests.components.maxsight_ears import listen
from tests.components.maxsight_eyes import frame_of, read
from tests.engines.maxsight.scenes import FRAME_SIZE, seen_at
from tests.engines.maxsight.sound_toy import ToneRunner

# What is around me?


@pytest.mark.parametrize(
    ("language", "words", "tag"),
    [
        ("en", "no picture now", "en-US"),
        ("es", "no hay imagen", "es-ES"),
        ("de", "kein Bild", "de-DE"),
    ],
)
def test_without_a_picture_around_says_so_in_the_persons_language(
    bench: Bench, language: str, words: str, tag: str
) -> None:
    bench.prefer(language=language)
    answer = read(bench.tab.around(ONE))
    assert words in answer["text"] and answer["lang"] == tag
    bench.film(3)
    bench.tab.stop(ONE)
    assert words in read(bench.tab.around(ONE))["text"]


def test_around_tells_of_things_signs_and_sounds_and_of_what_is_wanted_alone(
    bench: Bench,
) -> None:
    bench.signs.lines = [line("EXIT")]
    bench.tab.viewer(ONE).ears = lambda: ("siren",)
    bench.film()
    bench.wait_for_context()
    text = read(bench.tab.around(ONE))["text"]
    assert "chair at 12 o'clock, 2 metres" in text and "“EXIT”" in text and "siren" in text
    by_itself = read(bench.context.describe(ONE))
    assert by_itself["kind"] == "around" and by_itself["text"] == text
    bench.prefer(groups_told=frozenset({"people"}), direction_style="sides")
    assert "chair" not in read(bench.tab.around(ONE))["text"]


def test_an_old_context_gives_way_to_what_is_in_view_now(bench: Bench) -> None:
    bench.film()
    bench.wait_for_context()
    old = bench.tab.viewer(ONE).newest_context
    bench.things = [seen_at(3.0, "dog")]
    bench.clock.sleep(3.5)
    bench.film(4)
    viewer = bench.tab.viewer(ONE)
    assert viewer.last is not None and old is not None
    answer = viewer.surroundings.around(
        viewer.last, viewer.preferences, newest=old, now_s=viewer.last.captured_s
    )
    assert "dog" in answer.text and "chair" not in answer.text


def test_a_picture_that_no_longer_comes_is_not_told_of_as_now(bench: Bench) -> None:
    bench.film(4)
    bench.clock.sleep(10)
    assert "no picture now" in read(bench.tab.around(ONE))["text"]


def test_what_the_microphone_hears_now_is_told_and_what_it_heard_is_not(
    bench: Bench,
) -> None:
    pool = bench.tab.context.pool
    pool.register("maxsight-sound", lambda: ToneRunner(Settings(), pool.placement))
    pool.get("maxsight-sound")
    bench.film()
    listen(SoundTab(bench.tab, bench.clock), "siren", 3)
    assert "siren" in read(bench.tab.around(ONE))["text"]
    bench.clock.sleep(3.5)
    bench.film()
    assert "siren" not in read(bench.tab.around(ONE))["text"]


# Read


def test_text_is_read_thoroughly_off_the_lane_and_said_with_language_and_sureness(
    bench: Bench,
) -> None:
    bench.book.lines = [line("Ausgang", 0.99, "de"), line("Gleis 3", 0.93, "de")]
    bench.film()
    message = read(bench.context.read(ONE))
    assert message["text"] == "Ausgang. Gleis 3." and message["lang"] == "de-DE"
    assert [(one["language"], one["sure"]) for one in message["lines"]] == [
        ("German", "very sure"), ("German", "fairly sure"),
    ]  # fmt: skip
    ((thread, is_thorough),) = bench.book.asked
    assert thread.startswith("maxsight-text") and is_thorough
    assert "“Ausgang”" in read(bench.tab.around(ONE))["text"]


def test_a_less_sure_line_is_a_perhaps_in_the_persons_own_language(bench: Bench) -> None:
    bench.prefer(language="es")
    bench.book.lines = [line("Ausgang", 0.86, "de")]
    bench.film()
    message = read(bench.context.read(ONE))
    assert message["text"] == "quizás: Ausgang." and message["lang"] == "es-ES"
    (shown,) = message["lines"]
    assert (shown["language"], shown["sure"]) == ("alemán", "menos seguro")
    bench.prefer(language="de")
    bench.book.lines = [line("zzz", 0.99, None)]
    (shown,) = read(bench.context.read(ONE))["lines"]
    assert (shown["language"], shown["sure"]) == ("Sprache nicht bekannt", "sehr sicher")


@pytest.mark.parametrize(
    ("book", "is_filmed", "words"),
    [
        pytest.param(Book(), True, "No text found.", id="no text"),
        pytest.param(Book(), False, "There is no picture now.", id="no picture"),
        pytest.param(Book(is_missing=True), True, "rapidocr is not installed", id="missing"),
        pytest.param(Book(is_slow=True), True, "took too long", id="late"),
    ],
)
def test_where_nothing_can_be_read_it_says_why(
    bench: Bench, book: Book, is_filmed: bool, words: str
) -> None:
    context = ContextTab(bench.tab, book, bench.clock)
    if is_filmed:
        bench.film()
    message = read(context.read(ONE))
    assert message["kind"] == "read" and words in message.get("error", message["text"])


@pytest.mark.parametrize(
    ("language", "no_picture", "late", "black", "tag"),
    [
        ("en", "no picture now", "took too long", "picture is black", "en-US"),
        ("es", "no hay imagen", "demasiado", "imagen está negra", "es-ES"),
        ("de", "kein Bild", "zu lange gedauert", "Bild ist schwarz", "de-DE"),
    ],
)
def test_what_is_wrong_is_spoken_in_the_persons_language(
    bench: Bench, language: str, no_picture: str, late: str, black: str, tag: str
) -> None:
    bench.prefer(language=language)
    context = ContextTab(bench.tab, Book(is_slow=True), bench.clock)
    message = read(context.read(ONE))
    assert no_picture in message["error"] and message["lang"] == tag
    bench.film()
    message = read(context.read(ONE))
    assert late in message["error"] == message["text"] and message["lang"] == tag
    bench.tab.look(ONE, np.zeros((*FRAME_SIZE, 3), np.uint8))
    answer = read(bench.tab.around(ONE))
    assert black in answer["text"] and answer["lang"] == tag


def test_the_networks_that_read_are_the_engines_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = bench.tab.context.pool.get("maxsight")
    monkeypatch.setattr(engine, "reader", Book([line("EXIT")]))
    bench.film()
    assert read(ContextTab(bench.tab, clock=bench.clock).read(ONE))["text"] == "EXIT."


def test_the_same_answer_is_a_new_one_for_the_page(bench: Bench) -> None:
    assert bench.context.read(ONE) != bench.context.read(ONE)


# Find my ...


def test_a_search_leads_there_by_words_and_a_tone_that_rises(bench: Bench) -> None:
    bench.things = [seen_at(6.0, "chair", x=60)]
    bench.film(3)
    begun = read(bench.context.seek(ONE, "chair"))
    assert begun["name"] == "chair" and begun["guidance"]["isInView"]
    far = bench.film()["guidance"]
    bench.things = [seen_at(1.0, "chair")]
    near = bench.film(8)["guidance"]
    assert near["hz"] > far["hz"] and near["perS"] > far["perS"]
    assert "12 o'clock" in near["text"] and near["name"] == "chair"
    bench.context.end_search(ONE)
    assert bench.film()["guidance"] is None


def test_not_in_view_is_said_at_most_every_ten_seconds(bench: Bench) -> None:
    bench.things = []
    bench.film()
    bench.context.seek(ONE, "chair")
    numbers = [bench.film()["guidance"]["n"] for _ in range(round(25 / FRAME_S))]
    assert len(set(numbers)) == 3
    message = bench.film()["guidance"]
    assert not message["isInView"] and message["hz"] is None
    assert "still not in view" in message["text"]


def test_a_steady_place_is_not_said_with_every_frame(bench: Bench) -> None:
    bench.film(3)
    bench.context.seek(ONE, "chair")
    numbers = {bench.film()["guidance"]["n"] for _ in range(round(9 / FRAME_S))}
    assert len(numbers) <= 2


@pytest.mark.parametrize("class_id", [None, "unicorn", "cup"])
def test_what_the_shipped_network_may_not_name_is_not_looked_for(
    bench: Bench, class_id: str | None
) -> None:
    message = read(bench.context.seek(ONE, class_id))
    assert "can't look for that" in message["error"] and "chair" in message["error"]
    assert bench.film()["guidance"] is None


def test_only_classes_with_a_threshold_can_be_looked_for(tmp_path: Any) -> None:
    known = findable(Settings())
    assert "chair" in known and "cup" not in known
    assert findable(Settings(checkpoints_dir=tmp_path)) == ()


def test_a_search_is_one_persons_own_and_goes_on_with_another_source(bench: Bench) -> None:
    bench.context.seek(ONE, "chair")
    assert bench.film(person=OTHER)["guidance"] is None
    assert bench.film(3)["guidance"]["isInView"]
    bench.tab.stop(ONE)
    bench.clock.sleep(1)
    assert bench.film(3)["guidance"]["isInView"]


# For clinicians and developers


def test_clinicians_see_measures_and_of_which_frame_and_developers_the_graph(
    bench: Bench,
) -> None:
    bench.film()
    bench.wait_for_context()
    assert bench.film()["context"] is None
    bench.prefer(mode="clinician")
    found = bench.film()["context"]
    (thing,) = found["objects"]
    assert thing["name"] == "chair" and "between" in thing["distance"]
    assert 0 <= thing["findability"] <= 1 and thing["contrastRatio"] >= 1
    assert set(found["picture"]) == {"contrast", "clutter", "glare", "light"}
    assert 0 <= found["difficulty"] <= 1 and found["path"]
    assert found["framesAgo"] >= 0 and found["frame"] >= 1
    assert found["graph"] is None and found["ms"] is None
    bench.prefer(mode="developer")
    found = bench.film()["context"]
    assert "chair" in found["graph"] and found["ms"] >= 0


def test_a_photos_context_comes_after_its_message(bench: Bench) -> None:
    bench.prefer(mode="developer")
    viewer = bench.tab.viewer(ONE)
    viewer.photo(frame_of())
    bench.wait_for_context()
    found = read(bench.context.context(ONE))["context"]
    assert found["objects"] and found["ageS"] is not None
    assert read(bench.context.context(OTHER))["context"] is None


def test_a_part_that_breaks_never_costs_the_frames_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.film(2)
    viewer = bench.tab.viewer(ONE)
    monkeypatch.setattr(viewer.surroundings, "guidance", lambda *_: 1 / 0)
    message = bench.film()
    assert message["objects"] and message["context"] is None and message["guidance"] is None
