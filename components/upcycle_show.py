"""What a visit looks like on the page: updates of the Upcycle tab's parts, by name."""

from __future__ import annotations

from typing import Any

import gradio as gr

from components.graph_chart import graph_figure, graph_words
from components.upcycle_compare import NOTHING_YET, ruled_out_html
from components.upcycle_form import Form
from components.upcycle_project import WAITING, forbidden_html, project_html
from components.upcycle_view import problem_html, results_html, spoken, taken_html
from components.upcycle_visit import Visit, count_of
from engines.runtime.errors import ReleafError
from engines.upcycle.explain import Explanation
from engines.upcycle.knowledge import Knowledge

FORM = ("more", "tools", "minutes", "hardest", "place", "for_children", "pieces")
# What an action may change on the page, in this order.
OUTPUTS = (
    "visit", "name", "pick", "taken", "correction", "materials", "forms", "results", "project",
    "reason", "views", "view", "filters", *FORM, "said",
)  # fmt: skip
# What the views beside the projects show, in this order.
SIDES = ("plot", "words", "ruled_out", "comparison")
GONE = "This page was open for too long. Name the thing again."

Updates = tuple[Any, ...]


def changed(**values: Any) -> Updates:
    """Update the named ones of `OUTPUTS` and leave the others as they are."""
    return tuple(values.get(name, gr.skip()) for name in OUTPUTS)


def found(
    knowledge: Knowledge, visit: Visit, given: Form, *, is_new: bool = True, **fields: Any
) -> Updates:
    """Show what a thing was taken for and the projects for it.

    Args:
        given: what stands in the form; only what differs is written there, since the person may
            be changing the rest at this moment.
        is_new: whether the thing is new on the page or corrected, and not just filtered anew.
    """
    filters, link = visit.form.filters(knowledge), visit.links[0]
    count = count_of(filters)
    results = results_html(
        knowledge, visit.found, is_several=len(visit.links) > 1, is_filtered=count > 0
    )
    taken = taken_html(knowledge, visit.links, is_corrected=visit.is_corrected)
    values: dict[str, Any] = {
        name: getattr(visit.form, name)
        for name in FORM
        if getattr(visit.form, name) != getattr(given, name)
    }
    if is_new:
        is_doubtful = not (link.is_sure or visit.is_corrected)
        values["correction"] = gr.update(visible=True, open=is_doubtful)
        values["materials"] = list(link.thing.materials)
        values["forms"] = list(link.thing.properties)
    return changed(
        visit=visit,
        taken=gr.update(value=taken, visible=True),
        results=gr.update(value=results, visible=True),
        filters=filters_label(count),
        **{**values, **_CLOSED, "said": spoken(visit.found), **fields},
    )


def opened(knowledge: Knowledge, visit: Visit, **fields: Any) -> Updates:
    """Show the chosen project in place of the list, or why it may not be made."""
    if visit.project is None or visit.verdict is None:
        return changed(visit=visit, **fields)
    project, link = knowledge.projects[visit.project], visit.link
    if visit.verdict.is_forbidden:
        html = forbidden_html(link.thing.name, project, visit.verdict)
        said = f"{project.name} is ruled out. {visit.verdict.reasons[0]}"
        reason = gr.update(value="", visible=False)
    else:
        html = project_html(
            knowledge, link, project, visit.verdict, is_corrected=visit.is_corrected
        )
        said, reason = f"{project.name}.", gr.update(value=WAITING, visible=True)
    return changed(
        visit=visit,
        results=gr.update(visible=False),
        project=gr.update(value=html, visible=True),
        reason=reason,
        **{"said": said, **fields},
    )


def closed(visit: Visit) -> Updates:
    """Show the list again."""
    return changed(visit=visit, results=gr.update(visible=True), said="The list.", **_CLOSED)


def problem(error: ReleafError, **fields: Any) -> Updates:
    """Say what is wrong in place of the projects."""
    return changed(
        visit=None,
        taken=gr.update(visible=False),
        correction=gr.update(visible=False),
        results=gr.update(value=problem_html(error.what, error.do), visible=True),
        **{**_CLOSED, "said": str(error), **fields},
    )


def filters_label(count: int) -> Any:
    """Say on the closed filters how many are on."""
    return gr.update(label=f"Filters ({count} on)" if count else "Filters")


def side(
    knowledge: Knowledge, visit: Visit | None, explanation: Explanation | None, view: str
) -> Updates:
    """Draw the graph or the list of what is ruled out, if that is what is open.

    A hidden picture has no size, and what nobody looks at costs nothing.

    Returns:
        Updates of `SIDES`.
    """
    if visit is None:
        nothing = dict.fromkeys(SIDES[1:], NOTHING_YET)
        return sides(plot=gr.update(visible=False), **nothing)
    if view == "graph":
        picture = visit.picture(knowledge, explanation)
        plot = gr.update(value=graph_figure(picture), visible=True)
        return sides(plot=plot, words=graph_words(picture, note=_why_dark(knowledge, visit)))
    if view == "why":
        return sides(ruled_out=ruled_out_html(visit.found))
    return sides()


def sides(**values: Any) -> Updates:
    """Update the named ones of `SIDES` and leave the others as they are."""
    return tuple(values.get(name, gr.skip()) for name in SIDES)


def _why_dark(knowledge: Knowledge, visit: Visit) -> str:
    if visit.project is None or visit.verdict is None or not visit.verdict.is_forbidden:
        return ""
    name = knowledge.projects[visit.project].name
    return f"{name} is ruled out by safety, so no path is lit. {visit.verdict.reasons[0]}"


_CLOSED = {
    "project": gr.update(value="", visible=False),
    "reason": gr.update(value="", visible=False),
}
