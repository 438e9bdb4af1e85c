"""The tour: five steps through the tabs, each with a prepared input that the real models answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from typing import Literal

Kind = Literal["photo", "question", "thing", "path", "scene"]


@dataclass(frozen=True)
class Step:
    """Say what one step of the tour puts into the page, and what to look at then.

    Attributes:
        tab: id of the tab that it goes to.
        kind: how the input is put in; present.js has a way for each.
        given: the input: a file name of assets/examples, a question, a thing, or "" for "path",
            which opens the first project of the step before.
        title: what the step shows, a few words.
        look_at: what to look at, one or two sentences.
    """

    tab: str
    kind: Kind
    given: str
    title: str
    look_at: str


STEPS: tuple[Step, ...] = (
    Step(
        "waste",
        "photo",
        "glass_bottle_wine.jpg",
        "Show a thing",
        "A picture of a bottle goes in. The card names item, material and bin, says how sure it "
        "is, and quotes the rule of your place.",
    ),
    Step(
        "ask",
        "question",
        "Can a broken wine bottle go in the glass bin?",
        "Ask about it",
        "Suppose it broke. The danger comes first, and the number behind a sentence opens the "
        "passage that says so.",
    ),
    Step(
        "upcycle",
        "thing",
        "glass bottle",
        "Make something of it",
        "Projects for the same bottle, best first, each with tools, time and one sentence why.",
    ),
    Step(
        "upcycle",
        "path",
        "",
        "See why",
        "The lit path joins the bottle to the first project. These facts moved it up most.",
    ),
    Step(
        "maxsight",
        "scene",
        "glass_bottle_wine.jpg",
        "Hear what is ahead",
        "A picture stands in for the camera: name, direction, distance and urgency. "
        "A demonstration, not a mobility aid.",
    ),
)


def button_html() -> str:
    """Write the header's button that starts the tour."""
    return (
        '<button type="button" id="tour-open" class="tour-open" '
        'aria-expanded="false" aria-controls="tour">Tour</button>'
    )


def bar_html(steps: tuple[Step, ...] = STEPS) -> str:
    """Write the tour's bar, hidden until the tour starts; present.js fills in the step."""
    given = escape(json.dumps([asdict(step) for step in steps]))
    return (
        f'<section id="tour" class="tour" aria-label="Tour" data-steps="{given}" hidden>'
        '<div class="tour-words"><div class="tour-state">'
        '<p class="tour-count" data-part="count"></p>'
        '<p class="tour-wait" data-part="wait"></p></div>'
        '<h2 data-part="title"></h2><p data-part="text"></p></div>'
        '<div class="tour-buttons"><button type="button" data-tour="back">Back</button>'
        '<button type="button" class="tour-next" data-tour="next">Next</button>'
        '<button type="button" data-tour="restart">Start over</button>'
        '<button type="button" data-tour="end">End</button></div></section>'
    )
