"""The answer card of the Waste tab, as HTML."""

from __future__ import annotations

from html import escape

from components.icons import icon
from components.journey_offer import offers_html
from components.journey_thing import Thing
from components.theme import BIN_STYLES
from engines.waste.engine import Candidate, Classification
from engines.waste.rules import Rule
from engines.waste.taxonomy import ITEM_BY_ID, MATERIAL_NAMES

EMPTY = (
    '<section class="answer answer-empty"><p>Show a thing: take a photo, drop a picture here or '
    "paste one. The answer appears here.</p></section>"
)


def percent(confidence: float) -> str:
    """Write a confidence in [0, 1]; never 100 %, since nothing is that sure."""
    return ">99%" if confidence > 0.99 else f"{confidence:.0%}"


def sureness(confidence: float) -> str:
    """Say a confidence in [0, 1] in words."""
    if confidence >= 0.9:
        return "very sure"
    if confidence >= 0.7:
        return "fairly sure"
    return "not sure"


def answer_card(
    found: Classification, rule: Rule, *, chosen: str | None = None, material: str | None = None
) -> str:
    """Draw item, material, bin, sureness, what to do first, the rule of the place, what is next.

    Args:
        found: what the engine said.
        rule: the place's rule for the item and material that are shown.
        chosen: the item a person picked instead, if they did.
        material: the material that goes with it.
    """
    thing = Thing(chosen or found.item.id, material or found.material.id)
    return thing_card(
        thing,
        rule,
        headline=headline_html(found, chosen),
        offers=_offers(thing, rule),
        numbers=_bars(found) if chosen is None else "",
    )


def remembered_card(thing: Thing, rule: Rule) -> str:
    """Draw the thing that the browser remembers from before, and what is next."""
    headline = '<p class="answer-sure is-chosen">You showed this before.</p>'
    return thing_card(thing, rule, headline=headline, offers=_offers(thing, rule))


def thing_card(
    thing: Thing, rule: Rule, *, headline: str, offers: str = "", numbers: str = ""
) -> str:
    """Draw item, material, bin, what to do first and the rule of the place.

    Args:
        headline: HTML above it, as `headline_html` writes it.
        offers: HTML of what can be done next; numbers: HTML of how sure the engine is.
    """
    steps = "".join(f"<li>{escape(step)}</li>" for step in rule.prepare)
    note = f'<p class="answer-note">{escape(rule.note)}</p>' if rule.note else ""
    cases = "".join(
        f"<li><strong>{escape(case.title)}:</strong> {escape(case.do)}</li>"
        for case in rule.contamination
    )
    careful = (
        f'<details class="answer-more"><summary>Watch out for</summary><ul>{cases}</ul></details>'
        if cases
        else ""
    )
    return (
        f'<section class="answer" aria-label="Answer" style="--bin:{escape(rule.bin_color)}">'
        f"{headline}"
        '<div class="answer-what">'
        f'<span class="answer-icon">{icon(thing.item, size_px=40)}</span>'
        f'<div><h2>{escape(thing.name)}</h2><p class="answer-material">'
        f"{escape(thing.material_name)}</p></div></div>"
        '<div class="answer-bin">'
        f'<span class="answer-swatch" aria-hidden="true">{icon(rule.bin_icon, size_px=30)}</span>'
        f'<div><p class="answer-label">Goes into</p><p class="answer-bin-name">'
        f'{escape(rule.bin_name)}</p><p class="answer-colour">Colour: '
        f"{escape(rule.bin_color_name)}</p></div>{_kind(rule)}</div>"
        f"<h3>First</h3><ol class='answer-steps'>{steps}</ol>{note}{careful}{offers}"
        f'<p class="answer-source">{escape(rule.place_name)}: {escape(rule.authority)}. '
        f"{escape(rule.last_word)}</p>"
        f"{numbers}</section>"
    )


def _offers(thing: Thing, rule: Rule) -> str:
    return offers_html(thing, is_hazardous=rule.bin_kind == "hazardous")


def _kind(rule: Rule) -> str:
    """Draw what kind of bin it is, in the same colour, icon and word for every place."""
    kind = rule.bin_kind
    style = BIN_STYLES.get(kind)
    # A deposit to return or a special collection says by its name what it is.
    if style is None or style.word.lower() in rule.bin_name.lower():
        return ""
    return (
        f'<span class="bin-kind" style="background:var(--bin-{kind});color:var(--bin-{kind}-text)">'
        f"{icon(style.icon, size_px=18)} {escape(style.word)}</span>"
    )


def headline_html(found: Classification, chosen: str | None) -> str:
    """Say how sure the engine is, or that a person chose."""
    if chosen is not None:
        return '<p class="answer-sure is-chosen">You chose this.</p>'
    share = percent(found.item.confidence)
    if not found.is_sure:
        return (
            f'<p class="answer-sure is-unsure">{icon("unknown", size_px=18)} Not sure ({share}). '
            "Pick the right one above.</p>"
        )
    words = sureness(found.item.confidence).capitalize()
    return f'<p class="answer-sure is-sure">{words} ({escape(share)})</p>'


def _bars(found: Classification) -> str:
    rows = "".join(
        "<li>"
        f'<span class="bar-name">{escape(ITEM_BY_ID[c.id].name)}</span>'
        f'<span class="bar-track" aria-hidden="true"><span style="width:{c.confidence:.1%}"></span>'
        f'</span><span class="bar-value">{escape(percent(c.confidence))}</span></li>'
        for c in found.top_items
    )
    return (
        '<details class="answer-more"><summary>How sure, in numbers</summary>'
        f'<ul class="bars">{rows}</ul><p class="answer-source">Material '
        f"{escape(percent(found.material.confidence))} sure, waste at all "
        f"{escape(percent(found.waste_probability))}. "
        f"Took {found.latency_ms:.0f} ms.</p></details>"
    )


def not_waste_card(found: Classification) -> str:
    """Say that the picture shows something else."""
    closest = ITEM_BY_ID[found.item.id].name.lower()
    return (
        '<section class="answer answer-other" aria-label="Answer">'
        f'<div class="answer-what"><span class="answer-icon">{icon("unknown", size_px=40)}</span>'
        "<div><h2>This doesn't look like waste</h2>"
        f'<p class="answer-material">The closest would be: {escape(closest)}.</p></div></div>'
        "<p>Fill the picture with one thing and try again. If it is waste, pick what it is."
        "</p></section>"
    )


def problem_card(what: str, do: str) -> str:
    """Say what is wrong and what to do."""
    return (
        '<section class="answer answer-problem" aria-label="Problem">'
        f'<div class="answer-what"><span class="answer-icon">{icon("warning", size_px=40)}</span>'
        f"<div><h2>{escape(what)}</h2><p>{escape(do)}</p></div></div></section>"
    )


def spoken(found: Classification, rule: Rule | None) -> str:
    """Say the answer in one breath, for the live region."""
    if not found.is_waste or rule is None:
        return "This doesn't look like waste."
    item = ITEM_BY_ID[found.item.id].name
    lead = "" if found.is_sure else "Not sure. Perhaps "
    first = rule.prepare[0].rstrip(".")
    return f"{lead}{item}, {MATERIAL_NAMES[found.material.id]}. Goes into {rule.bin_name}. {first}."


def choices(candidates: tuple[Candidate, ...]) -> list[tuple[str, str]]:
    """List candidates as (name and confidence, id) for a radio group."""
    return [(f"{ITEM_BY_ID[c.id].name} ({percent(c.confidence)})", c.id) for c in candidates]
