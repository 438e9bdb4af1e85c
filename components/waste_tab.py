"""The Waste tab: a photo in, an answer card out; many photos at once; corrections."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pandas as pd
from gradio.context import Context
from gradio.data_classes import ImageData
from gradio.events import Dependency
from gradio.helpers import Examples
from PIL import Image

from components.context import AppContext
from components.overlays import blend_heat
from components.shell import announce, spoken_text
from components.waste_card import (
    EMPTY,
    answer_card,
    choices,
    not_waste_card,
    problem_card,
    spoken,
)
from engines.runtime.errors import ReleafError
from engines.runtime.lane import Priority
from engines.waste.batch import FileResult, classify_files, write_csv
from engines.waste.engine import Classification
from engines.waste.feedback import Correction, FeedbackLog
from engines.waste.images import open_picture
from engines.waste.rules import Rule, RuleBook, load_places
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS, MATERIAL_NAMES

LABEL = "Waste"
PLACE_KEY = "releaf.place"
# Formats that browsers don't draw themselves: the decoded picture is shown instead.
NOT_DRAWN = {".heic", ".heif", ".tif", ".tiff"}
BATCH_COLUMNS = ["File", "Item", "Sure", "Material", "Bin", "Remark"]
ITEM_CHOICES = [(ITEM_BY_ID[item].name, item) for item in ITEMS]


def unopened(payload: ImageData | None) -> str | None:
    """Return the path of an uploaded photo as it was sent, so that we judge it before decoding."""
    return payload.path if payload is not None else None


@dataclass(frozen=True)
class Shown:
    """What one visitor sees now; kept in that visitor's own state."""

    picture: Image.Image
    found: Classification
    chosen: str | None = None


class WasteTab:
    """The handlers of the tab; one object for all visitors, without any visitor's state."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.rules: RuleBook = load_places(context.settings.rules_dir)
        self.feedback = FeedbackLog(context.settings.data_dir / "feedback.jsonl")

    @property
    def places(self) -> list[tuple[str, str]]:
        """(name, id) of every place, in the order to show them."""
        return [(place.name, place.id) for place in self.rules.places.values()]

    def place_or_default(self, place_id: str | None) -> str:
        """Return the place if it exists, else the first one."""
        if place_id is not None and place_id in self.rules.places:
            return place_id
        return next(iter(self.rules.places))

    def rule(self, shown: Shown, place_id: str) -> Rule:
        """Look up the rule for what is shown."""
        place = self.rules.places[self.place_or_default(place_id)]
        return place.rule_for(*self.subject(shown))

    @staticmethod
    def subject(shown: Shown) -> tuple[str, str]:
        """Return the (item, material) that is shown: the person's choice, or the engine's."""
        if shown.chosen and shown.chosen != shown.found.item.id:
            return shown.chosen, ITEM_BY_ID[shown.chosen].materials[0]
        return shown.found.item.id, shown.found.material.id

    def classify(self, path: str | None, place_id: str) -> tuple[Any, ...]:
        """Answer for a new photo.

        Returns:
            Updates of photo, card, state, candidates, heat, correction box, status, announcement.
        """
        hidden = gr.update(visible=False)
        if path is None:
            return gr.skip(), EMPTY, None, hidden, hidden, hidden, "", ""
        try:
            picture = open_picture(Path(path), max_pixels=self.context.settings.max_image_pixels)
            found: Classification = self.context.pool.run(
                "waste", lambda engine: engine.classify(picture)
            )
        except ReleafError as error:
            card = problem_card(error.what, error.do)
            return gr.skip(), card, None, hidden, hidden, hidden, "", f"{error}"
        shown = Shown(picture, found)
        photo = picture if Path(path).suffix.lower() in NOT_DRAWN else gr.skip()
        is_open = not (found.is_sure and found.is_waste)
        candidates = gr.update(
            choices=choices(found.top_items),
            value=None,
            visible=is_open,
            label="Which one is it?" if found.is_waste else "If it is waste, which one is it?",
        )
        rule = self.rule(shown, place_id)
        box = gr.update(visible=True)
        return (
            photo,
            self.card(shown, place_id),
            shown,
            candidates,
            hidden,
            box,
            "",
            spoken(found, rule),
        )

    def card(self, shown: Shown | None, place_id: str) -> str:
        """Draw the card for what is shown, in a place."""
        if shown is None:
            return EMPTY
        if not shown.found.is_waste and shown.chosen is None:
            return not_waste_card(shown.found)
        _, material = self.subject(shown)
        return answer_card(
            shown.found, self.rule(shown, place_id), chosen=shown.chosen, material=material
        )

    def choose(self, item: str | None, shown: Shown | None, place_id: str) -> tuple[Any, ...]:
        """Show the rule of the candidate that a person picked."""
        if shown is None or item is None:
            return gr.skip(), shown, gr.skip()
        shown = replace(shown, chosen=item)
        rule = self.rule(shown, place_id)
        said = f"{ITEM_BY_ID[item].name}. Goes into {rule.bin_name}. {rule.prepare[0]}"
        return self.card(shown, place_id), shown, said

    def heat(self, is_wanted: bool, shown: Shown | None) -> Any:
        """Draw where the model looked, or hide it."""
        if not is_wanted or shown is None:
            return gr.update(visible=False)
        item, _ = self.subject(shown)
        try:
            heat = self.context.pool.run(
                "waste", lambda engine: engine.explain(shown.picture, item)
            )
        except ReleafError as error:
            gr.Warning(str(error))
            return gr.update(visible=False)
        name = ITEM_BY_ID[item].name.lower()
        return gr.update(
            value=blend_heat(shown.picture, heat),
            visible=True,
            label=f"Bright: what spoke for “{name}”",
        )

    def sort_many(
        self, paths: list[str] | None, place_id: str, progress: gr.Progress | None = None
    ) -> tuple[Any, ...]:
        """Classify many files; returns updates of summary, table and download."""
        limit = self.context.settings.max_batch_files
        if not paths:
            return "Choose some photos first.", gr.update(visible=False), gr.update(visible=False)
        if len(paths) > limit:
            text = f"These are {len(paths)} photos. Send at most {limit} at once."
            return text, gr.update(visible=False), gr.update(visible=False)
        results: list[FileResult] = []

        def classify_batch(pictures: list[Image.Image]) -> Any:
            return self.context.pool.run(
                "waste", lambda engine: engine.classify_batch(pictures), priority=Priority.BATCH
            )

        for result in classify_files(
            [(Path(path).name, Path(path)) for path in paths],
            classify_batch,
            max_pixels=self.context.settings.max_image_pixels,
        ):
            results.append(result)
            if progress is not None:
                progress((len(results), len(paths)), desc="Sorting photos", unit="photos")
        unread = sum(1 for result in results if result.problem)
        text = f"Sorted {len(results) - unread} of {len(results)} photos."
        if unread:
            text += f" {unread} could not be read; the table says why."
        table = pd.DataFrame([self._row(r, place_id) for r in results], columns=BATCH_COLUMNS)
        try:
            download = gr.update(value=_save_csv(results), visible=True)
        except OSError as error:
            text += f" The CSV could not be written ({error.strerror})."
            download = gr.update(visible=False)
        return text, gr.update(value=table, visible=True), download

    def _row(self, result: FileResult, place_id: str) -> list[str]:
        found = result.classification
        if found is None:
            return [result.file, "", "", "", "", result.problem]
        if not found.is_waste:
            return [result.file, "", "", "", "", "Doesn't look like waste"]
        rule = self.rule(Shown(Image.new("RGB", (1, 1)), found), place_id)
        return [
            result.file,
            ITEM_BY_ID[found.item.id].name,
            f"{found.item.confidence:.0%}",
            MATERIAL_NAMES[found.material.id],
            rule.bin_name,
            "" if found.is_sure else "Not sure, please check",
        ]

    def correct(self, said: str | None, is_photo_kept: bool, shown: Shown | None) -> str:
        """Keep a correction; returns what to tell the person."""
        if shown is None:
            return "Show a photo first."
        if said is None:
            return "Choose what it is, then send."
        try:
            self.feedback.append(
                Correction.make(
                    said=said,
                    predicted=shown.found.item.id if shown.found.is_waste else "not_waste",
                    confidence=shown.found.item.confidence,
                    checkpoint=self.context.pool.run(
                        "waste", lambda engine: engine.health().detail
                    ),
                    photo=shown.picture if is_photo_kept else None,
                )
            )
        except ReleafError as error:
            return str(error)
        return "Thank you. Saved on this machine for the next training."

    def feedback_file(self) -> Any:
        """Offer a copy of the corrections so far, or nothing if there are none."""
        try:
            copy = Path(tempfile.mkdtemp(prefix="releaf-")) / self.feedback.path.name
            shutil.copy(self.feedback.path, copy)
        except OSError:
            return gr.update(visible=False)
        return gr.update(value=str(copy), visible=True)


def _save_csv(results: list[FileResult]) -> str:
    folder = Path(tempfile.mkdtemp(prefix="releaf-"))
    path = folder / f"waste-{datetime.now():%Y%m%d-%H%M%S}.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        write_csv(results, target)
    return str(path)


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    tab = WasteTab(context)
    if not tab.places:
        reasons = "\n".join(f"- {problem}" for problem in tab.rules.problems)
        gr.Markdown(f"### No place has rules that can be read\n\n{reasons}")
        return
    shown = gr.State(None, time_to_live=3600)
    remembered = gr.BrowserState(None, storage_key=PLACE_KEY, secret=PLACE_KEY)
    said = spoken_text()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            photo = gr.Image(
                label="Photo of one thing",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=360,
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id="waste-photo",
                buttons=["fullscreen"],
                placeholder="Drop a photo here\nor click to choose one",
            )
            photo.preprocess = unopened  # type: ignore[method-assign]
            place = gr.Dropdown(
                tab.places,
                value=tab.place_or_default(None),
                label="Place",
                info="Rules differ from place to place.",
                elem_id="waste-place",
            )
            for problem in tab.rules.problems:
                gr.Markdown(f"A place was left out. {problem}")
            examples = _examples(context, photo)
        with gr.Column(scale=6, min_width=300):
            candidates = gr.Radio(label="Which one is it?", visible=False, elem_id="waste-pick")
            card = gr.HTML(EMPTY, elem_id="waste-answer", padding=False)
            is_heat_shown = gr.Checkbox(
                label="Show where the model looked", value=False, elem_id="waste-heat-switch"
            )
            heat = gr.Image(
                visible=False,
                interactive=False,
                elem_id="waste-heat",
                height=340,
                buttons=["fullscreen"],
                alt_text="The photo, bright where the model looked",
            )
            box, status = _correction_box(context, tab, shown)
    _many_box(tab, place)

    def draw_heat(event: Dependency) -> None:
        event.then(tab.heat, [is_heat_shown, shown], heat, api_visibility="private")

    new_photo = [photo.upload, photo.input, photo.clear]
    if examples is not None:
        new_photo.append(examples.load_input_event.then)
    answered = gr.on(
        new_photo,
        tab.classify,
        [photo, place],
        [photo, card, shown, candidates, heat, box, status, said],
        api_name="classify",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    draw_heat(announce(answered, said))
    picked = candidates.input(
        tab.choose,
        [candidates, shown, place],
        [card, shown, said],
        api_visibility="private",
        show_progress="hidden",
    )
    draw_heat(announce(picked, said))
    place.change(
        lambda visible, place_id: (tab.card(visible, place_id), place_id),
        [shown, place],
        [card, remembered],
        api_visibility="private",
        show_progress="hidden",
    )
    is_heat_shown.input(tab.heat, [is_heat_shown, shown], heat, api_visibility="private")
    _page().load(
        tab.place_or_default, remembered, place, api_visibility="private", show_progress="hidden"
    )


def _page() -> gr.Blocks:
    """Return the page that the tab is being built into."""
    return cast(gr.Blocks, Context.root_block)


def _examples(context: AppContext, photo: gr.Image) -> Examples | None:
    """Offer the pictures that the shipped model gets right."""
    folder = context.settings.examples_dir
    listed = folder / "shown.txt"
    if not listed.is_file():
        return None
    paths = [folder / name for name in listed.read_text(encoding="utf-8").split()]
    return gr.Examples(
        [[str(path)] for path in paths if path.is_file()],
        inputs=photo,
        label="Or try one of ours",
        examples_per_page=16,
        elem_id="waste-examples",
        api_visibility="private",
    )


def _correction_box(
    context: AppContext, tab: WasteTab, shown: gr.State
) -> tuple[gr.Accordion, gr.Markdown]:
    """Lay out "this is wrong, it is ..."."""
    is_on = context.settings.is_feedback_saved
    with gr.Accordion("This is wrong", open=False, visible=False, elem_id="waste-wrong") as box:
        if not is_on:
            gr.Markdown("Corrections are not kept on this public page.")
        said = gr.Dropdown(
            [*ITEM_CHOICES, ("Something else, not waste", "not_waste")],
            value=None,
            label="It is",
            visible=is_on,
            elem_id="waste-said",
        )
        keep = gr.Checkbox(
            label="Keep my photo with it (small, without location)",
            value=False,
            visible=is_on,
        )
        send = gr.Button("Send correction", visible=is_on, elem_id="waste-send")
        status = gr.Markdown(elem_id="waste-status")
        download = gr.DownloadButton(
            "Download all corrections", visible=False, size="sm", elem_id="waste-feedback-download"
        )
    sent = send.click(
        tab.correct, [said, keep, shown], status, api_name="correct", show_progress="hidden"
    )
    announced = announce(sent, status)
    # On a public page a visitor may add corrections, but not read those of others.
    if is_on and not context.settings.is_public_space:
        announced.then(tab.feedback_file, None, download, api_visibility="private")
        _page().load(tab.feedback_file, None, download, api_visibility="private")
    return box, status


def _many_box(tab: WasteTab, place: gr.Dropdown) -> None:
    """Lay out the sorting of many photos."""
    with gr.Accordion("Sort many photos at once", open=False, elem_id="waste-many"):
        files = gr.File(
            file_count="multiple",
            label="Photos",
            elem_id="waste-files",
            height=180,
        )
        start = gr.Button("Sort them", variant="primary", elem_id="waste-sort")
        summary = gr.Markdown(elem_id="waste-summary")
        table = gr.Dataframe(
            headers=BATCH_COLUMNS,
            visible=False,
            interactive=False,
            wrap=True,
            elem_id="waste-table",
        )
        download = gr.DownloadButton("Download as CSV", visible=False, elem_id="waste-csv")

    def sort_many(
        paths: list[str] | None,
        place_id: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        return tab.sort_many(paths, place_id, progress)

    done = start.click(
        sort_many,
        [files, place],
        [summary, table, download],
        api_name="classify_many",
        show_progress_on=summary,
    )
    announce(done, summary)
