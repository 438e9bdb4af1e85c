"""What the Upcycle tab does when a person acts: one method per event, no visitor's state inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import parse_qs

import gradio as gr

from components import upcycle_show
from components.context import AppContext
from components.upcycle_compare import NOTHING_YET, comparison_html, verdict_html
from components.upcycle_form import Form
from components.upcycle_page import page_html, save_page
from components.upcycle_project import reason_html
from components.upcycle_show import GONE, Updates, changed
from components.upcycle_view import problem_html
from components.upcycle_visit import Visit, count_of, material_first, with_pieces, without_filter
from engines.runtime.errors import ReleafError
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.explain import Explanation, why_sentence
from engines.upcycle.knowledge import Knowledge, id_of, kind_of
from engines.upcycle.linking import Link


class UpcycleTab:
    """The handlers of the tab; one object for all visitors, without any visitor's state."""

    def __init__(self, context: AppContext, knowledge: Knowledge) -> None:
        self.context, self.knowledge = context, knowledge

    def welcome(self, visit: Visit | None) -> Any:
        """Invite, or say why the engine can't work; what was found stays."""
        if visit is not None:
            return gr.skip()
        for status in self.context.pool.health():
            if status.name == "upcycle" and status.state == "failed":
                return problem_html("Upcycle does not work now.", status.reason)
        return gr.skip()

    def find(self, name: str, visit: Visit | None, *form: Any) -> Updates:
        """Find projects for what was typed; returns updates of `OUTPUTS`."""
        return self._start(name, visit, Form(*form), pick=None)

    def pick(self, item: str | None, visit: Visit | None, *form: Any) -> Updates:
        """Find projects for an item of the list."""
        if item is None:
            return changed()
        return self._start(item, visit, Form(*form), name="")

    def refine(self, visit: Visit | None, *form: Any) -> Updates:
        """Find again with other filters, or other things at hand."""
        wanted = Form(*form)
        if visit is None:
            count = count_of(wanted.filters(self.knowledge))
            return changed(filters=upcycle_show.filters_label(count))
        return self._again(visit, wanted, wanted)

    def correct(
        self, materials: Sequence[str], forms: Sequence[str], visit: Visit | None, *form: Any
    ) -> Updates:
        """Take a person's word for what the thing is made of, and find again."""
        if visit is None:
            return changed(said=GONE)

        def job(engine: UpcycleEngine) -> Visit:
            link = engine.correct(visit.links[0], materials=materials, properties=forms)
            return self._find(engine, link, Form(*form), is_corrected=True)

        try:
            found: Visit = self.context.pool.run("upcycle", job)
            return upcycle_show.found(self.knowledge, found, Form(*form))
        except ReleafError as error:
            # What was found before stays; only the correction was of no use.
            gr.Warning(str(error))
            return changed(said=str(error))

    def go(self, numbered: str, visit: Visit | None, *form: Any) -> Updates:
        """Do what a button on the page asks for.

        Args:
            numbered: a running number, a space and the action, which is "say:<name>",
                "take:<item>/<material>", "project:<id>", "walk:<node>", "relax:<filter>",
                "relax:all" or "back:".
        """
        kind, _, rest = numbered.partition(" ")[2].partition(":")
        current = Form(*form)
        if kind == "say":
            return self._start(rest, visit, current, name=rest, pick=None)
        if kind == "take":
            item, _, material = rest.partition("/")
            fields = {"name": "", "pick": item, "views": gr.update(selected="projects")}
            return self._start(item, visit, current, material=material, view="projects", **fields)
        if visit is None:
            return changed(said=GONE)
        if kind == "relax":
            return self._again(visit, without_filter(current, rest), current)
        if kind == "project":
            fields = {"views": gr.update(selected="projects"), "view": "projects"}
            return self._open(visit, rest, **fields)
        if kind == "walk" and kind_of(rest) == "project" and id_of(rest) != visit.project:
            return self._open(visit, id_of(rest))
        if kind == "walk":
            walked = visit.walked_to(rest)
            return changed(visit=walked, said=walked.place_words(self.knowledge))
        return upcycle_show.closed(replace(visit, project=None, verdict=None))

    def open_link(self, query: str, *form: Any) -> Updates:
        """Open the project that an address names; an address without a thing changes nothing."""
        asked = parse_qs(query.removeprefix("?"))
        item, project = asked.get("item", [""])[0], asked.get("project", [""])[0]
        if not item:
            return changed()

        def job(engine: UpcycleEngine) -> Visit:
            link, made_of = engine.link(item), asked.get("made_of", [])
            if made_of:
                forms = asked.get("form", [])
                link = engine.correct(link, materials=made_of, properties=forms)
            visit = self._find(engine, link, Form(*form), is_corrected=bool(made_of))
            return _chosen(engine, visit, project) if project else visit

        is_listed = item in self.knowledge.items
        fields: dict[str, Any] = {
            "name": "" if is_listed else item,
            "pick": item if is_listed else None,
        }
        try:
            visit: Visit = self.context.pool.run("upcycle", job)
        except ReleafError as error:
            return upcycle_show.problem(error, **fields)
        before = upcycle_show.found(self.knowledge, visit, Form(*form), **fields)
        if visit.project is None:
            return before
        after = upcycle_show.opened(self.knowledge, visit)
        return _merged(before, after)

    def explain(self, visit: Visit | None, before: Explanation | None = None) -> tuple[Any, Any]:
        """Look for the paths of the chosen project, unless that is what was explained before.

        Returns:
            Updates of explanation and reason.
        """
        if visit is None or visit.project is None or visit.verdict is None:
            return None, gr.skip()
        if visit.verdict.is_forbidden:
            return None, gr.skip()
        if before is not None and visit.is_about(before):
            return gr.skip(), gr.update(value=self._reason(visit, visit.project, before))
        link, project = visit.link, visit.project
        try:
            found: Explanation = self.context.pool.run(
                "upcycle", lambda engine: engine.explain(link, project)
            )
        except ReleafError as error:
            return None, gr.update(value=problem_html(error.what, error.do))
        return found, gr.update(value=self._reason(visit, project, found))

    def side(self, visit: Visit | None, explanation: Explanation | None, view: str) -> Updates:
        """Draw the view that is open beside the projects; returns updates of `SIDES`."""
        if visit is None or view != "compare":
            return upcycle_show.side(self.knowledge, visit, explanation, view)
        try:
            comparison, card = self.context.pool.run(
                "upcycle", lambda engine: (engine.compare(visit.link), engine.card)
            )
        except ReleafError as error:
            return upcycle_show.sides(comparison=problem_html(error.what, error.do))
        return upcycle_show.sides(comparison=comparison_html(self.knowledge, comparison, card))

    def why_not(self, project: str | None, visit: Visit | None) -> tuple[str, str]:
        """Say what safety has to say about a project of the list, or one that was typed.

        Returns:
            HTML, and a sentence to speak.
        """
        if visit is None:
            return NOTHING_YET, "Pick or name a thing first."
        if project is None or not project.strip():
            return "", ""
        try:
            return self.context.pool.run(
                "upcycle", lambda engine: self._judged(engine, project.strip(), visit)
            )
        except ReleafError as error:
            return problem_html(error.what, error.do), str(error)

    def save(self, visit: Visit | None, explanation: Explanation | None) -> tuple[Any, str]:
        """Write the chosen project to a file; returns updates of download and announcement."""
        if visit is None or visit.project is None or visit.verdict is None:
            return gr.update(), GONE
        project = self.knowledge.projects[visit.project]
        own = explanation if visit.is_about(explanation) else None
        page = page_html(self.knowledge, visit.link.thing.name, project, visit.verdict, own)
        try:
            path = save_page(page, project)
        except OSError as error:
            return gr.update(), f"The page could not be written ({error.strerror})."
        return gr.update(value=path), "The page is being downloaded."

    def _reason(self, visit: Visit, project: str, explanation: Explanation) -> str:
        record = self.knowledge.projects[project]
        return reason_html(explanation, why_sentence(self.knowledge, visit.link.thing, record))

    def _start(
        self, text: str, visit: Visit | None, form: Form, *, material: str = "", **fields: Any
    ) -> Updates:
        """Find projects for a thing that is new on the page."""

        def job(engine: UpcycleEngine) -> Visit:
            link = material_first(engine.link(text), material)
            return self._find(engine, link, with_pieces(form, link, visit))

        try:
            found: Visit = self.context.pool.run("upcycle", job)
        except ReleafError as error:
            return upcycle_show.problem(error, **fields)
        return upcycle_show.found(self.knowledge, found, form, **fields)

    def _again(self, visit: Visit, form: Form, given: Form) -> Updates:
        """Find projects for the same thing with another form than before."""
        try:
            found: Visit = self.context.pool.run(
                "upcycle",
                lambda engine: self._find(
                    engine, visit.links[0], form, is_corrected=visit.is_corrected
                ),
            )
        except ReleafError as error:
            return upcycle_show.problem(error)
        return upcycle_show.found(self.knowledge, found, given, is_new=False)

    def _find(
        self, engine: UpcycleEngine, link: Link, form: Form, *, is_corrected: bool = False
    ) -> Visit:
        others = [engine.link(item) for item in form.more or () if item != link.thing.item]
        links = (link, *others)
        found = engine.recommend_many(links, filters=form.filters(self.knowledge))
        return Visit(links, found, form, is_corrected)

    def _open(self, visit: Visit, project: str, **fields: Any) -> Updates:
        try:
            chosen: Visit = self.context.pool.run(
                "upcycle", lambda engine: _chosen(engine, visit, project)
            )
        except ReleafError as error:
            return upcycle_show.problem(error, **fields)
        return upcycle_show.opened(self.knowledge, chosen, **fields)

    def _judged(self, engine: UpcycleEngine, text: str, visit: Visit) -> tuple[str, str]:
        """Judge a project for the first thing; what is not in the list is judged as it is put."""
        thing, note = visit.links[0].thing, ""
        project = self.knowledge.projects.get(text)
        if project is None:
            spoken = engine.score_pair(thing.item or visit.links[0].text, text)
            if spoken.is_forbidden and not visit.is_corrected:
                html = problem_html(f"{text}: ruled out by safety", spoken.reason)
                return html, f"Ruled out by safety. {spoken.reason}"
            project = self.knowledge.projects[id_of(str(spoken.project_node))]
            note = f'<p class="quiet">“{escape(text)}” was taken for: {escape(project.name)}.</p>'
        verdict = engine.verdict(thing, project.id)
        filters = visit.form.filters(self.knowledge)
        is_shown = project.id in visit.shown_projects
        html = verdict_html(project, thing.name, verdict, filters, is_shown=is_shown)
        said = f"Ruled out by safety. {verdict.reasons[0]}" if verdict.reasons else "Not ruled out."
        return note + html, said


def _chosen(engine: UpcycleEngine, visit: Visit, project: str) -> Visit:
    """Choose a project; it may be one that is not suggested, or forbidden."""
    chosen = replace(visit, project=project)
    verdict = engine.verdict(chosen.link.thing, project)
    # Nothing is lit for a forbidden one, so that is where to look from.
    centre = f"project:{project}" if verdict.is_forbidden else None
    return replace(chosen, verdict=verdict, centre=centre)


def _merged(before: Updates, after: Updates) -> Updates:
    """Take the later update of each part, the earlier one where the later leaves it as it is."""
    skipped = gr.skip()
    return tuple(b if a == skipped else a for b, a in zip(before, after))
