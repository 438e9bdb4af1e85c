"""What the page of a whole journey does: run it step by step, and show each as it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from components.context import AppContext
from components.journey_thing import Thing, action_of
from components.journey_view import (
    answer_html,
    projects_html,
    spoken,
    thing_html,
    thumbnail,
    times_html,
    title_html,
    waiting_html,
)
from components.waste_actions import Shown
from engines.journey import NO_PLACE, Journey
from engines.journey_report import STEPS, JourneyReport
from engines.runtime.errors import ReleafError
from engines.waste.rules import RuleBook

# What a journey changes on the page, in this order; the middle three are the steps' own parts.
OUTPUTS = ("desk", "page", "title", "classify", "ask", "recommend", "times", "said")
# Classes of journey.css. Gradio's own hiding would take the photo and the camera down.
HERE: list[str] = []
AWAY = ["journey-away"]

Updates = tuple[Any, ...]

_CLOSED = {"desk": gr.update(elem_classes=HERE), "page": gr.update(elem_classes=AWAY)}
_PARTS = {"classify": thing_html, "ask": answer_html, "recommend": projects_html}


class JourneyPage:
    """The handlers of the page; one object for all visitors, without any visitor's state."""

    def __init__(self, context: AppContext, places: RuleBook) -> None:
        self._journey = Journey(context.pool, places=places)

    def run(self, numbered: str, shown: Shown | None, place_id: str) -> Iterator[Updates]:
        """Take the thing in front through all steps.

        Args:
            numbered: what the button asks for, "3 all:glass_jar/glass"; others change nothing.
            shown: the photo that is in front, None where the browser only remembers its item.

        Yields:
            Updates of `OUTPUTS`: the open page first, then each part as its step ends.
        """
        kind, rest = action_of(numbered)
        thing = Thing.from_address(rest) if kind == "all" else None
        if thing is None:
            yield changed()
            return
        try:
            steps = self._steps(thing, shown, place_id)
        except ReleafError as error:
            yield changed(said=str(error))
            return
        photo = thumbnail(shown.picture) if shown is not None else ""
        parts = {name: waiting_html(name) for name in STEPS}
        began = JourneyReport(place_id, "")
        yield changed(
            desk=gr.update(elem_classes=AWAY),
            page=gr.update(elem_classes=HERE),
            title=title_html(thing),
            times=times_html(began),
            **parts,
        )
        for report in steps:
            name = report.steps[-1].name
            part = thing_html(report, photo) if name == "classify" else _PARTS[name](report)
            said = spoken(report) if report.is_finished else gr.skip()
            yield changed(**{name: part, "times": times_html(report), "said": said})

    @staticmethod
    def close() -> Updates:
        """Go back to the photo."""
        return changed(**_CLOSED)

    @staticmethod
    def emptied() -> Updates:
        """Go back to the photo, and leave nothing on the page."""
        parts = dict.fromkeys(("title", *STEPS, "times"), "")
        return changed(**_CLOSED, **parts)

    def _steps(self, thing: Thing, shown: Shown | None, place_id: str) -> Iterator[JourneyReport]:
        place = place_id or NO_PLACE
        if shown is None:
            return self._journey.steps(None, place=place, item=thing.item, material=thing.material)
        # Where nobody picked another item, the photo decides again.
        is_picked = shown.chosen is not None or thing.item != shown.found.item.id
        item = thing.item if is_picked else None
        return self._journey.steps(shown.picture, place=place, item=item)


def changed(**values: Any) -> Updates:
    """Update the named ones of `OUTPUTS` and leave the others as they are."""
    return tuple(values.get(name, gr.skip()) for name in OUTPUTS)
