"""One project in full: what it needs, how it is made, why it is suggested, how to share it."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from components.icons import icon
from components.upcycle_view import PLACE_WORDS, minutes_words, warnings_html
from engines.upcycle.explain import Explanation
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link
from engines.upcycle.safety import Verdict
from engines.upcycle.schema import ProjectRecord

PATHS_SHOWN = 3
WAITING = (
    '<section class="panel"><h3>Why it is suggested</h3><p class="quiet">Looking for the path that '
    "the score leans on.</p></section>"
)
_BACK = '<button type="button" class="action" data-go="back:">← Back to the list</button>'


def project_html(
    knowledge: Knowledge,
    link: Link,
    project: ProjectRecord,
    verdict: Verdict,
    *,
    is_corrected: bool = False,
) -> str:
    """Write one project in full, with buttons to print, save and share it."""
    address = escape("?" + share_query(link, project.id, is_corrected=is_corrected))
    return (
        f'<article class="panel project" data-project="project:{escape(project.id)}">'
        f'<p class="no-print">{_BACK}</p>'
        f'<h2 tabindex="-1">{escape(project.name)}</h2>'
        f"{project_body(knowledge, link.thing.name, project, verdict)}"
        '<div class="project-actions no-print" role="group" aria-label="Keep or share">'
        '<button type="button" class="action" data-print>Print or save as PDF</button>'
        '<button type="button" class="action" data-save>Save as a page</button>'
        f'<button type="button" class="action" data-copy-link="{address}">Copy link</button></div>'
        f'<p class="quiet no-print">Link: <a href="{address}">{escape(project.name)}, from '
        f"{escape(link.thing.name)}</a></p></article>"
    )


def project_body(knowledge: Knowledge, thing: str, project: ProjectRecord, verdict: Verdict) -> str:
    """Write what a project is, needs, how it is made and how to stay safe."""
    tools = ", ".join(knowledge.tools[name].name for name in project.tools)
    rows = [
        ("For", f"{thing}, {project.quantity} pieces" if project.quantity > 1 else thing),
        ("Time", minutes_words(project.minutes)),
        ("Difficulty", project.difficulty.capitalize()),
        ("Place", PLACE_WORDS[project.place]),
        ("For children", "A child of 8 can make it" if project.for_children else "No"),
        ("Tools", tools),
        ("You also need", ", ".join(project.extras) or "Nothing else"),
    ]
    facts = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(value)}</td></tr>' for name, value in rows
    )
    steps = "".join(f"<li>{escape(step)}</li>" for step in project.steps)
    safety = "".join(f"<li>{escape(note)}</li>" for note in project.safety)
    return (
        f"<p>{escape(project.summary)}</p>{warnings_html(verdict)}"
        f'<table class="facts"><tbody>{facts}</tbody></table>'
        f'<h3>Steps</h3><ol class="project-steps">{steps}</ol>'
        f"<h3>Safety</h3><ul>{safety}</ul>"
    )


def forbidden_html(thing: str, project: ProjectRecord, verdict: Verdict) -> str:
    """Say why a project may not be made of a thing."""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
    return (
        f'<article class="panel panel-problem" data-project="project:{escape(project.id)}">'
        f'<p>{_BACK}</p><h2 tabindex="-1">{icon("warning")} Not from this: '
        f"{escape(project.name)}</h2><p>For {escape(thing)} it is ruled out by safety:</p>"
        f"<ul>{reasons}</ul></article>"
    )


def reason_html(explanation: Explanation, why: str) -> str:
    """Write the paths that the score leans on, and what they are not."""
    shown = explanation.paths[:PATHS_SHOWN]
    rows = "".join(f"<li>{escape(path.sentence)}</li>" for path in shown)
    paths = (
        f'<p>The score leans most on this:</p><ol class="project-steps">{rows}</ol>'
        f'<p class="quiet">{escape(explanation.caveat)}</p>'
        '<p><button type="button" class="action" data-tab="graph">See the path in the graph'
        "</button></p>"
        if rows
        else "<p>No single path carries the score: it falls for none of those that were taken away."
        "</p>"
    )
    return (
        f'<section class="panel"><h3>Why it is suggested</h3><p>{escape(why)}</p>{paths}</section>'
    )


def share_query(link: Link, project: str, *, is_corrected: bool = False) -> str:
    """Write the part of an address that opens a project for a thing, as the person corrected it."""
    parts = [("tab", "upcycle"), ("project", project), ("item", link.thing.item or link.text)]
    if is_corrected:
        parts += [("made_of", name) for name in link.thing.materials]
        parts += [("form", name) for name in link.thing.properties]
    return urlencode(parts)
