"""What the Upcycle tab says about a thing, and the cards of its projects."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from components.icons import icon
from components.upcycle_form import FILTER_WORDS
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link
from engines.upcycle.results import Recommendation, Recommendations
from engines.upcycle.safety import Verdict

EXAMPLES = ("glass jar", "old tennis racket", "two broken umbrellas", "worn-out jeans")
_EXAMPLE_CHIPS = "".join(
    f'<li><button type="button" class="chip" data-go="say:{name}">{name}</button></li>'
    for name in EXAMPLES
)
EMPTY = (
    '<section class="panel panel-empty"><h2>What could it become?</h2><p>Name a thing that you no '
    "longer need, or pick one. The best projects for it appear here, each with the reason.</p>"
    f'<p>For example:</p><ul class="chips">{_EXAMPLE_CHIPS}</ul></section>'
)
PLACE_WORDS = {"indoor": "Indoors", "outdoor": "Outdoors", "both": "Indoors or outdoors"}
_BADGES = {
    True: ("badge-listed", "✓", "Listed in the facts"),
    False: ("badge-suggested", "◇", "Suggested by the network"),
}


def minutes_words(minutes: int) -> str:
    """Write a time: 90 becomes "1 h 30 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest)) if part
    )


def problem_html(what: str, do: str) -> str:
    """Say what is wrong and what to do."""
    advice = f"<p>{escape(do)}</p>" if do else ""
    return (
        f'<section class="panel panel-problem" aria-label="Problem"><h2>{icon("warning")} '
        f"{escape(what)}</h2>{advice}</section>"
    )


def danger_html(name: str, danger: str) -> str:
    """Say that nothing is made of a thing, why, and where it goes instead."""
    return (
        f'<section class="panel panel-problem" aria-label="Danger"><h2>{icon("warning")} Make '
        f"nothing of this: {escape(name)}</h2><p>{escape(danger)}</p></section>"
    )


def taken_html(knowledge: Knowledge, links: Sequence[Link], *, is_corrected: bool = False) -> str:
    """Say what each thing was taken for."""
    first, *others = links
    parts = _taken(knowledge, first, is_corrected=is_corrected)
    parts += "".join(_taken(knowledge, link) for link in others)
    return f'<section class="panel upcycle-taken" aria-label="Your thing">{parts}</section>'


def _taken(knowledge: Knowledge, link: Link, *, is_corrected: bool = False) -> str:
    thing = link.thing
    materials = [knowledge.materials[name].name for name in thing.materials]
    says = [knowledge.properties[name].says for name in thing.properties]
    made_of = f"Made of {_or(materials)}." if materials else ""
    form = f" It {_and(says)}." if says else ""
    many = f" You have {link.quantity}." if link.quantity > 1 else ""
    facts = f'<p class="quiet">{escape(made_of + form + many)}</p>'
    if link.is_known:
        return f"<h3>{escape(_capital(thing.name))}</h3>{facts}"
    if is_corrected:
        return f"<h3>“{escape(link.text)}”</h3><p>As you described it.</p>{facts}"
    near = ", ".join(
        f"{knowledge.items[n.id].name} ({max(0.0, n.likeness):.0%} alike)" for n in link.near
    )
    check = (
        "If that is wrong, correct it below."
        if link.is_sure
        else "This is a guess. Correct it below, then the projects fit better."
    )
    return (
        f"<h3>“{escape(link.text)}”</h3><p>New here, so it was taken for something like: "
        f"{escape(near)}. <strong>{check}</strong></p>{facts}"
    )


def results_html(
    knowledge: Knowledge,
    found: Recommendations,
    *,
    is_several: bool = False,
    is_filtered: bool = False,
) -> str:
    """Draw what was found: a danger first, then the projects as cards, best first."""
    danger = danger_html(found.link.thing.name, found.danger) if found.danger else ""
    if danger and not found.best:
        return danger
    cards = "".join(
        f"<li>{_card(knowledge, place, entry, is_several)}</li>"
        for place, entry in enumerate(found.best, start=1)
    )
    listed = f'<ol class="project-cards">{cards}</ol>' if cards else ""
    return (
        f'{danger}<section class="projects" aria-labelledby="upcycle-results">'
        f'<h2 id="upcycle-results" tabindex="-1">{escape(headline(found))}</h2>'
        f"{_relaxations(found, is_filtered)}{listed}</section>"
    )


def headline(found: Recommendations) -> str:
    """Say how many projects there are."""
    count = len(found.best)
    if not count:
        return "No project fits"
    return f"{count} {'project' if count == 1 else 'projects'}, best first"


def spoken(found: Recommendations) -> str:
    """Say a result in one breath, for the live region."""
    if found.danger and not found.best:
        return f"Make nothing of this. {found.danger}"
    if not found.best:
        return f"No project fits. {relaxation_words(found)}".strip()
    return f"{headline(found)}. First: {found.best[0].project.name}."


def relaxation_words(found: Recommendations) -> str:
    """Say which filters to relax; empty where that would not help."""
    return " ".join(_without(name, count) for name, count in found.relaxations.items())


def _without(name: str, count: int) -> str:
    return f"Without {FILTER_WORDS[name]}, {count} {'fits' if count == 1 else 'fit'}."


def _relaxations(found: Recommendations, is_filtered: bool) -> str:
    """Offer to drop a filter where few projects are left over."""
    if not is_filtered:
        advice = "Safety rules every project out. “Why not?” says which rule."
        return "" if found.best else f"<p>{advice}</p>"
    if found.best and not found.relaxations:
        return ""
    offers = {f"relax:{name}": _without(name, n) for name, n in found.relaxations.items()}
    offers["relax:all"] = "Drop all filters."
    lead = (
        "Drop a filter for more:"
        if found.relaxations
        else "Dropping one filter alone does not help."
    )
    buttons = "".join(
        f'<li><button type="button" class="chip" data-go="{action}">{escape(words)}</button></li>'
        for action, words in offers.items()
    )
    return f'<p>{lead}</p><ul class="chips">{buttons}</ul>'


def _card(knowledge: Knowledge, place: int, entry: Recommendation, is_several: bool) -> str:
    project = entry.project
    tools = ", ".join(knowledge.tools[name].name for name in project.tools)
    facts = [
        minutes_words(project.minutes),
        project.difficulty.capitalize(),
        PLACE_WORDS[project.place],
        *(["Child of 8"] if project.for_children else []),
        *([f"Needs {project.quantity} pieces"] if project.quantity > 1 else []),
    ]
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    thing = f'<p class="quiet">For: {escape(entry.thing)}</p>' if is_several else ""
    name = escape(project.id)
    return (
        f'<article class="project-card" data-card="project:{name}">'
        f'<h3><button type="button" data-go="project:{name}">{place}. '
        f"{escape(project.name)}</button></h3>{badge_html(entry.is_documented)}"
        f"<p>{escape(project.summary)}</p>{thing}"
        f'<p class="project-why"><strong>Why:</strong> {escape(entry.why)}</p>'
        f'<ul class="project-facts">{listed}</ul>'
        f'<p class="quiet">Tools: {escape(tools)}. {len(project.steps)} steps.</p>'
        f"{warnings_html(entry.verdict)}</article>"
    )


def badge_html(is_documented: bool) -> str:
    """Tell a pair that the facts list from one that the network suggests."""
    style, sign, words = _BADGES[is_documented]
    return f'<p class="badge {style}"><span aria-hidden="true">{sign}</span> {words}</p>'


def warnings_html(verdict: Verdict) -> str:
    """List what to take care of with this thing; empty if nothing."""
    if not verdict.warnings:
        return ""
    rows = "".join(f"<li>{escape(text)}</li>" for text in verdict.warnings)
    return (
        f'<div class="project-warning"><p>{icon("warning", size_px=20)} <strong>Take care</strong>'
        f"</p><ul>{rows}</ul></div>"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _or(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
