"""The Waste tab's handlers, on the shipped engine: what a person is shown and told."""

from __future__ import annotations

import csv
import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from components.context import AppContext
from components.icons import icon
from components.overlays import blend_heat
from components.waste_actions import BATCH_COLUMNS, Shown, WasteTab
from components.waste_card import EMPTY, percent, sureness
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.batch import CSV_COLUMNS
from engines.waste.engine import WasteEngine
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS

# Positions in what `classify` returns.
CARD, STATE, CANDIDATES, SAID = 1, 2, 3, 7


def words(card: str) -> str:
    """Return the text of a card as a person reads it."""
    return html.unescape(re.sub(r"<[^>]+>", " ", card))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WasteTab]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), is_feedback_saved=True)
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    pool.register("waste", lambda: WasteEngine(settings, pool.placement))
    yield WasteTab(AppContext(settings=settings, pool=pool))
    lane.close()


@pytest.fixture(scope="module")
def examples() -> list[Path]:
    folder = Settings().examples_dir
    return [folder / name for name in (folder / "shown.txt").read_text().split()]


def test_an_answer_says_item_material_bin_sureness_steps_and_authority(
    tab: WasteTab, examples: list[Path]
) -> None:
    for path in examples:
        answer = tab.classify(str(path), "germany")
        found = answer[STATE].found
        rule = tab.rules.places["germany"].rule_for(found.item.id, found.material.id)
        text = words(answer[CARD])
        for expected in (
            ITEM_BY_ID[found.item.id].name,
            rule.bin_name,
            rule.bin_color_name,
            rule.prepare[0],
            rule.authority,
            rule.last_word,
            percent(found.item.confidence),
        ):
            assert expected in text
        assert rule.bin_name in answer[SAID]
        assert answer[CANDIDATES]["visible"] != found.is_sure


def test_another_place_changes_the_rule_without_a_new_photo(
    tab: WasteTab, examples: list[Path]
) -> None:
    shown = tab.classify(str(examples[0]), "germany")[STATE]
    cards = {tab.card(shown, place) for _, place in tab.places}
    assert len(cards) == len(tab.places) >= 8


def test_what_is_no_waste_is_said_and_candidates_are_still_offered(
    tab: WasteTab, tmp_path: Path
) -> None:
    path = tmp_path / "cat.jpg"
    Image.fromarray(skimage.data.chelsea()).save(path)
    answer = tab.classify(str(path), "generic")
    assert "doesn't look like waste" in words(answer[CARD])
    assert answer[CANDIDATES]["visible"]
    assert len(answer[CANDIDATES]["choices"]) == 3


def test_choosing_another_item_shows_its_rule(tab: WasteTab, examples: list[Path]) -> None:
    shown = tab.classify(str(examples[0]), "generic")[STATE]
    card, chosen, said = tab.choose("shoes", shown, "generic")
    assert chosen.chosen == "shoes"
    assert "Shoes" in words(card)
    assert "You chose this" in words(card)
    assert said.startswith("Shoes")


def test_a_bad_file_gives_a_sentence_and_the_next_photo_works(
    tab: WasteTab, tmp_path: Path, examples: list[Path]
) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"no picture")
    answer = tab.classify(str(path), "generic")
    assert "not a picture" in words(answer[CARD])
    assert answer[STATE] is None
    assert "not a picture" in answer[SAID]
    assert tab.classify(str(examples[0]), "generic")[STATE] is not None


def test_clearing_the_photo_clears_the_answer(tab: WasteTab) -> None:
    answer = tab.classify(None, "generic")
    assert (answer[CARD], answer[STATE], answer[SAID]) == (EMPTY, None, "")


def test_an_unknown_place_from_an_old_browser_falls_back_to_the_first(tab: WasteTab) -> None:
    assert tab.place_or_default("atlantis") == tab.places[0][1]
    assert tab.place_or_default(None) == tab.places[0][1]


def test_fifty_photos_and_a_bad_one_give_a_table_and_a_csv(
    tab: WasteTab, tmp_path: Path, examples: list[Path]
) -> None:
    paths = []
    for number in range(50):
        paths.append(str(shutil.copy(examples[number % len(examples)], tmp_path / f"{number}.jpg")))
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    paths.insert(20, str(bad))
    summary, table, download = tab.sort_many(paths, "generic")
    assert summary.startswith("Sorted 50 of 51 photos. 1 could not be read")
    rows = table["value"]
    assert list(rows.columns) == BATCH_COLUMNS
    assert rows.iloc[20]["File"] == "bad.jpg"
    assert "not a picture" in rows.iloc[20]["Remark"]
    written = list(csv.DictReader(Path(download["value"]).read_text().splitlines()))
    assert len(written) == 51
    assert tuple(written[0]) == CSV_COLUMNS


def test_too_many_photos_or_none_are_refused_with_a_sentence(tab: WasteTab) -> None:
    assert "Choose some photos" in tab.sort_many([], "generic")[0]
    assert "at most" in tab.sort_many(["x.jpg"] * 500, "generic")[0]


def test_a_correction_is_kept_and_can_be_downloaded(tab: WasteTab, examples: list[Path]) -> None:
    assert not tab.feedback_file()["visible"]
    shown = tab.classify(str(examples[0]), "generic")[STATE]
    assert tab.correct("wood", True, shown).startswith("Thank you")
    kept = tab.feedback.read()[-1]
    assert (kept.said, kept.predicted) == ("wood", shown.found.item.id)
    assert kept.photo_jpeg
    assert Path(tab.feedback_file()["value"]).read_text() == tab.feedback.path.read_text()


@pytest.mark.parametrize(
    ("said", "has_photo", "answer"),
    [
        pytest.param(None, True, "Choose what it is", id="nothing chosen"),
        pytest.param("wood", False, "Show a photo first", id="no photo"),
    ],
)
def test_an_incomplete_correction_is_asked_for(
    tab: WasteTab, examples: list[Path], said: str | None, has_photo: bool, answer: str
) -> None:
    shown = tab.classify(str(examples[0]), "generic")[STATE] if has_photo else None
    assert tab.correct(said, False, shown).startswith(answer)


def test_the_heat_picture_has_the_size_of_the_photo_and_is_brighter_where_it_is_hot(
    tab: WasteTab, examples: list[Path]
) -> None:
    shown: Shown = tab.classify(str(examples[0]), "generic")[STATE]
    update = tab.heat(True, shown)
    assert update["visible"]
    assert update["value"].size == shown.picture.size
    assert not tab.heat(False, shown)["visible"]
    grey = Image.new("RGB", (8, 8), (100, 100, 100))
    heat = np.zeros((8, 8), np.float32)
    heat[:, 4:] = 1
    blended = np.asarray(blend_heat(grey, heat), float).mean(axis=2)
    assert blended[:, 4:].mean() > blended[:, :4].mean() + 30


@pytest.mark.parametrize(
    ("confidence", "expected"), [(0.97, "very sure"), (0.8, "fairly sure"), (0.4, "not sure")]
)
def test_sureness_is_said_in_words(confidence: float, expected: str) -> None:
    assert sureness(confidence) == expected


@pytest.mark.parametrize(
    ("confidence", "expected"), [(0.9996, ">99%"), (0.98, "98%"), (0.4, "40%")]
)
def test_a_confidence_is_never_written_as_certainty(confidence: float, expected: str) -> None:
    assert percent(confidence) == expected


def test_every_item_has_an_icon_of_its_own() -> None:
    drawn = {icon(item) for item in ITEMS}
    assert len(drawn) == len(ITEMS)
    assert icon("unknown") not in drawn
