"""The Waste tab in a real browser: a photo in by every way there is, and the answer; privacy."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import Page, expect

from engines.runtime.device import choose_placement
from engines.runtime.settings import load_settings
from engines.waste.batch import CSV_COLUMNS
from engines.waste.taxonomy import ITEM_BY_ID, MATERIAL_NAMES
from tests.browser.conftest import RunningApp, Visits
from tests.browser.waste_page import (
    CARD,
    choose_files,
    choose_place,
    correct,
    expect_answer,
    expected_rule,
    item_of,
    mark_card,
    next_card,
    open_system,
    pick,
    read_card,
    remove_photo,
    rule_book,
    show,
    spoken,
    unfold,
    upload_button,
)
from tests.engines.waste.test_images import huge_png_header

# A bound for a broken app, not a measurement: a slow machine under load stays far below it.
ANSWER_LIMIT_S = 5.0
TURN_OVER_TO_THE_CLIPBOARD = """
async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const blob = new Blob([bytes], { type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}
"""


def test_a_photo_is_answered_and_spoken_once_and_its_rule_follows_the_place_that_is_remembered(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open()
    started = time.monotonic()
    show(page, example_paths[0])
    assert time.monotonic() - started < ANSWER_LIMIT_S
    first = expect_answer(page, example_paths[0])
    item = ITEM_BY_ID[item_of(example_paths[0])]
    assert first.material in [MATERIAL_NAMES[material] for material in item.materials]
    book = rule_book()
    rules = [expected_rule(book, place, item.id, first.material) for place in book.places]
    assert first.bin_name == rules[0].bin_name
    assert first.steps == list(rules[0].prepare)
    assert rules[0].authority in first.source

    page.wait_for_function("spoken.length > 0")
    # Two more round trips, in which a second announcement would arrive.
    choose_place(page, rules[-1].place_name)
    choose_place(page, rules[0].place_name)
    assert spoken(page).count(read_card(page).spoken) == 1

    other = next(rule for rule in rules if rule.bin_name != first.bin_name)
    choose_place(page, other.place_name)
    card = read_card(page)
    assert (card.item, card.bin_name) == (first.item, other.bin_name)
    assert other.authority in card.source
    visits.reload(page)
    page.get_by_text("Waste: ready").wait_for()
    expect(page.locator("#waste-place input")).to_have_value(other.place_name)
    show(page, example_paths[0])
    assert read_card(page).bin_name == other.bin_name


def test_a_pasted_picture_and_a_camera_snapshot_are_answered(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open(permissions=("clipboard-read", "clipboard-write", "camera"))
    picture = io.BytesIO()
    with Image.open(example_paths[0]) as opened:
        opened.save(picture, "PNG")
    page.bring_to_front()
    page.evaluate(TURN_OVER_TO_THE_CLIPBOARD, base64.b64encode(picture.getvalue()).decode())
    mark_card(page)
    page.get_by_role("button", name="Paste from clipboard").click()
    next_card(page)
    expect_answer(page, example_paths[0])

    remove_photo(page)
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("() => document.querySelector('#waste-photo video')?.videoWidth > 0")
    mark_card(page)
    page.get_by_role("button", name="capture photo").click()
    next_card(page)
    expect(page.locator(f"{CARD} h2").first).not_to_be_empty()
    expect(page.locator("#waste-answer .answer-problem")).to_have_count(0)


def test_a_refused_camera_is_explained_and_an_upload_still_works(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open()
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    expect(page.locator("#camera-note")).to_contain_text("did not allow the camera")
    page.get_by_role("button", name="Upload file").click()
    show(page, example_paths[0])
    expect_answer(page, example_paths[0])


def test_fifty_photos_and_a_bad_one_give_a_table_and_a_csv_of_all(
    page: Page, example_paths: list[Path], tmp_path: Path
) -> None:
    files = []
    for number in range(50):
        source = example_paths[number % len(example_paths)]
        files.append(tmp_path / f"photo_{number:02}{source.suffix}")
        shutil.copy(source, files[-1])
    bad = tmp_path / "broken_scan.jpg"
    bad.write_text("This was never a picture.")
    unfold(page, "#waste-many")
    choose_files(page, page.locator("#waste-files button.upload-container"), [*files, bad])
    page.locator("#waste-files").get_by_text("broken_scan").first.wait_for()
    page.locator("#waste-sort").click()
    expect(page.locator("#waste-summary")).to_contain_text(
        "Sorted 50 of 51 photos. 1 could not be read", timeout=60_000
    )
    table = page.locator("#waste-table")
    expect(table).to_contain_text("photo_00.jpg")
    table.locator(".virtual-body, .table-wrap, tbody").last.evaluate(
        "body => { const box = body.closest('.table-wrap') ?? body; box.scrollTop = 1e6; }"
    )
    row = table.locator("tr", has_text="broken_scan.jpg").last
    expect(row).to_contain_text("not a picture that can be read")
    with page.expect_download() as download:
        page.locator("#waste-csv").click()
    assert download.value.suggested_filename.endswith(".csv")
    with Path(download.value.path()).open(newline="", encoding="utf-8") as csv_file:
        rows = list(csv.DictReader(csv_file))
    assert len(rows) == 51
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["file"] for row in rows] == [path.name for path in [*files, bad]]
    assert [row["item"] for row in rows[:-1]] == [
        item_of(example_paths[number % len(example_paths)]) for number in range(50)
    ]
    assert set(rows[-1].values()) == {"broken_scan.jpg", ""}


def test_an_odd_photo_is_answered_with_candidates_a_cat_not_as_waste_and_an_example_for_sure(
    page: Page, example_paths: list[Path], unsure_photo: Path, tmp_path: Path
) -> None:
    card = show(page, unsure_photo)
    expect(card.locator(".answer-sure")).to_contain_text("Not sure")
    candidate = page.locator("#waste-pick label").nth(1)
    name = candidate.inner_text().rsplit(" (", 1)[0].strip()
    mark_card(page)
    candidate.click()
    expect(next_card(page).locator("h2")).to_have_text(name)
    expect(page.locator(f"{CARD} .answer-sure")).to_have_text("You chose this.")

    cat = tmp_path / "cat.jpg"
    Image.fromarray(skimage.data.chelsea()).save(cat)
    card = show(page, cat)
    expect(card.locator("h2")).to_have_text("This doesn't look like waste")

    remove_photo(page)
    mark_card(page)
    page.locator("#waste-examples button").nth(1).click()
    next_card(page)
    expect_answer(page, example_paths[1])
    remove_photo(page)

    # A photo in the moment in which an example goes is not lost with it.
    mark_card(page)
    page.locator("#waste-examples button").nth(1).click()
    next_card(page)
    page.locator("#waste-photo").get_by_label("Remove Image").click()
    choose_files(page, upload_button(page), example_paths[0])
    expect_answer(page, example_paths[0])


def half_a_jpeg() -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(skimage.data.coffee()).save(encoded, "JPEG")
    return encoded.getvalue()[: len(encoded.getvalue()) // 2]


def black_frame() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (640, 480)).save(encoded, "JPEG")
    return encoded.getvalue()


# File name: (what is in it, what the sentence about it must say).
UNUSABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "dark.jpg": (black_frame, "all one colour"),
    "letter.jpg": (lambda: b"Dear all,", "not a picture"),
    "half.jpg": (half_a_jpeg, "damaged or cut off"),
    "bomb.png": (huge_png_header, "pixels"),
    "empty.jpg": (lambda: b"", "empty"),
}


def test_a_file_that_is_no_usable_photo_gets_a_sentence_and_the_next_upload_works(
    page: Page, tmp_path: Path, example_paths: list[Path]
) -> None:
    for name, (make, reason) in UNUSABLE.items():
        bad = tmp_path / name
        bad.write_bytes(make())
        before = len(spoken(page))
        expect(show(page, bad), name).to_contain_text(reason)
        page.wait_for_function(
            "([before, reason]) => spoken.slice(before).some((said) => said.includes(reason))",
            arg=[before, reason],
        )
        show(page, example_paths[0])
        expect_answer(page, example_paths[0])


@pytest.fixture
def feedback_file(app: RunningApp) -> Iterator[Path]:
    """Name the file of corrections and make room for it before and after."""
    path = app.data_dir / "feedback.jsonl"
    path.unlink(missing_ok=True)
    yield path
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)


def saved(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_correction_is_thanked_for_and_written_down_or_said_not_to_be_saved(
    page: Page, example_paths: list[Path], feedback_file: Path
) -> None:
    show(page, example_paths[0])
    expect(correct(page, ITEM_BY_ID["wood"].name)).to_contain_text("Thank you")
    (line,) = saved(feedback_file)
    assert (line["said"], line["predicted"]) == ("wood", item_of(example_paths[0]))
    assert line["photo_jpeg"] == ""

    feedback_file.unlink()
    # Nothing can be written into a folder.
    feedback_file.mkdir()
    show(page, example_paths[0])
    expect(correct(page, ITEM_BY_ID["wood"].name)).to_contain_text("could not be saved")


def test_two_visitors_at_once_see_their_own_answers_places_and_corrections(
    visits: Visits, example_paths: list[Path], feedback_file: Path
) -> None:
    first, second = visits.open(), visits.open()
    show(first, example_paths[0])
    show(second, example_paths[1])
    before = expect_answer(second, example_paths[1])
    pick(first, "#waste-place", list(rule_book().places.values())[-1].name)
    expect(correct(first, ITEM_BY_ID["wood"].name)).to_contain_text("Thank you")
    expect(first.locator(f"{CARD} h2").first).to_have_text(ITEM_BY_ID["wood"].name)
    assert read_card(second) == before
    expect(second.locator("#waste-place input")).to_have_value(
        next(iter(rule_book().places.values())).name
    )
    expect(second.get_by_text("Thank you")).to_have_count(0)
    expect(correct(second, ITEM_BY_ID["shoes"].name)).to_contain_text("Thank you")
    assert [(line["said"], line["predicted"]) for line in saved(feedback_file)] == [
        ("wood", item_of(example_paths[0])),
        ("shoes", item_of(example_paths[1])),
    ]


def test_a_visit_from_photo_and_heat_to_the_system_tab_asks_no_other_machine_and_logs_no_error(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open()
    show(page, example_paths[0])
    switch = page.get_by_label("Show where the model looked")
    heat = page.locator("#waste-heat img")
    switch.check()
    expect(heat).to_be_visible()
    page.wait_for_function("() => document.querySelector('#waste-heat img').naturalWidth > 0")
    pick(page, "#waste-place", list(rule_book().places.values())[1].name)
    switch.uncheck()
    expect(heat).not_to_be_visible()

    open_system(page)
    machine = page.locator("#system-machine")
    placement = choose_placement(load_settings())
    expect(
        machine.get_by_role("row", name=f"Device {placement.device}", exact=True)
    ).to_be_visible()
    precision = str(placement.dtype).removeprefix("torch.")
    expect(machine.get_by_role("row", name=f"Precision {precision}", exact=True)).to_be_visible()
    engines = page.locator("#system-engines")
    expect(engines.locator("h4", has_text="Waste")).to_contain_text("ready")
    page.locator("#system-refresh").click()
    page.wait_for_function("spoken.includes('Refreshed.')")
    # The waste engine stands first.
    latency = engines.locator("tr", has_text="Half of the calls take at most").first
    expect(latency).to_contain_text(re.compile(r"\d m?s\b"))
    expect(page.locator("#system-models article.card h3").first).to_contain_text("version")
    assert visits.seen.outside_requests == []
    assert visits.seen.console_errors == []
