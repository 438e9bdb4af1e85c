"""What the Waste tab does when a person acts: one method per event, no visitor's state inside."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from PIL import Image

from components.context import AppContext
from components.journey_thing import NOTHING, Thing
from components.overlays import blend_heat
from components.waste_card import (
    EMPTY,
    answer_card,
    choices,
    not_waste_card,
    percent,
    problem_card,
    remembered_card,
    spoken,
)
from engines.runtime.errors import ReleafError
from engines.runtime.lane import Priority
from engines.waste.batch import FileResult, classify_files, write_csv
from engines.waste.engine import Classification
from engines.waste.feedback import Correction, FeedbackLog
from engines.waste.images import open_picture
from engines.waste.rules import Rule, RuleBook, load_places
from engines.waste.taxonomy import ITEM_BY_ID, MATERIAL_NAMES

# Formats that browsers don't draw themselves: the decoded picture is shown instead.
NOT_DRAWN = {".heic", ".heif", ".tif", ".tiff"}
BATCH_COLUMNS = ["File", "Item", "Sure", "Material", "Bin", "Remark"]


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

    def kept(self, shown: Shown | None) -> dict[str, str]:
        """Say what the visitor's browser is to keep of what is shown."""
        if shown is None or not (shown.found.is_waste or shown.chosen):
            return NOTHING
        return Thing(*self.subject(shown)).kept

    def card(self, shown: Shown | None, place_id: str, kept: object = None) -> str:
        """Draw the card for what is shown, in a place; else for what the browser has kept."""
        if shown is None:
            thing = Thing.from_kept(kept)
            if thing is None:
                return EMPTY
            place = self.rules.places[self.place_or_default(place_id)]
            return remembered_card(thing, place.rule_for(thing.item, thing.material))
        if not shown.found.is_waste and shown.chosen is None:
            return not_waste_card(shown.found)
        _, material = self.subject(shown)
        return answer_card(
            shown.found, self.rule(shown, place_id), chosen=shown.chosen, material=material
        )

    def choose(self, item: str | None, shown: Shown | None, place_id: str) -> tuple[Any, ...]:
        """Show the rule of the candidate that a person picked."""
        if shown is None or item not in ITEM_BY_ID:
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
            percent(found.item.confidence),
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
