"""What can be done with a thing next: the buttons, and the line that follows from tab to tab."""

from __future__ import annotations

from html import escape
from typing import Any, Literal

import gradio as gr

from components.icons import icon
from components.journey_thing import Thing, find_memory
from engines.waste.taxonomy import ITEM_BY_ID

Tab = Literal["ask", "upcycle"]

ASK = "How do I dispose of it here?"
MAKE = "What can I make of it?"
ALL = "All of it on one page"
FORGET = "Forget thing and place"


def ask_button(thing: Thing, words: str = ASK) -> str:
    """Offer to ask the chat where the thing goes."""
    return _button("journey", f"ask:{thing.address}", words)


def make_button(thing: Thing, words: str = MAKE) -> str:
    """Offer to take the thing over to the Upcycle tab."""
    return _button("go", f"take:{thing.address}", words)


def offers_html(thing: Thing, *, is_hazardous: bool) -> str:
    """Offer what can be done next with a thing; nothing is made of a dangerous one."""
    make = "" if is_hazardous else make_button(thing)
    return (
        '<div class="journey-offers" role="group" aria-label="What next">'
        f"{ask_button(thing)}{make}"
        f"{_button('journey', f'all:{thing.address}', ALL, is_first=True)}</div>"
        '<p class="answer-source journey-kept">This browser remembers the thing and the place. '
        f"{_button('journey', 'forget:', FORGET)}</p>"
    )


def strip_html(thing: Thing, tab: Tab) -> str:
    """Write the line with the thing from the Waste tab, and what this tab can do with it."""
    # Where a thing goes may differ from place to place; that it is dangerous does not.
    is_hazardous = ITEM_BY_ID[thing.item].bin == "hazardous"
    own = ask_button(thing) if tab == "ask" else "" if is_hazardous else make_button(thing)
    return (
        '<section class="journey-strip" aria-label="Your thing">'
        f"<p>{icon(thing.item, size_px=24)} <span>Your thing: <strong>{escape(thing.words)}"
        f"</strong></span></p>{own}{_button('journey', f'all:{thing.address}', ALL)}"
        f"{_button('journey', 'forget:', FORGET)}</section>"
    )


def add_strip(tab: Tab) -> None:
    """Lay out the line at this place of a tab; it is there while the browser knows a thing."""
    memory = find_memory()
    if memory is None:
        return
    strip = gr.HTML(
        "",
        visible=False,
        elem_id=f"journey-strip-{tab}",
        elem_classes="plain",
        apply_default_css=False,
    )

    def draw(kept: Any) -> Any:
        thing = Thing.from_kept(kept)
        return gr.update(value=strip_html(thing, tab) if thing else "", visible=thing is not None)

    memory.change(
        draw, memory, strip, queue=False, show_progress="hidden", api_visibility="private"
    )


def _button(
    kind: Literal["go", "journey"], action: str, words: str, *, is_first: bool = False
) -> str:
    style = "action is-first" if is_first else "action"
    return (
        f'<button type="button" class="{style}" data-{kind}="{escape(action)}">{escape(words)}'
        "</button>"
    )
