"""The page of a whole journey: the thing, the answer, the projects, and what took how long."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape

from PIL import Image

from components.chat_view import marked_passage
from components.icons import icon
from components.journey_offer import ask_button, make_button
from components.journey_thing import Thing
from components.upcycle_view import PLACE_WORDS, badge_html, danger_html, minutes_words
from components.waste_card import percent, sureness, thing_card
from engines.journey_report import STEPS, JourneyReport, JourneyStep, StepName, Subject
from engines.rag.answers import Answer, AnswerSentence, Citation
from engines.upcycle.results import Recommendation, Recommendations

PROJECTS_SHOWN = 3
THUMB_PX = 240
STEP_WORDS: Mapping[StepName, str] = {
    "classify": "Look at the photo",
    "ask": "Find the answer",
    "recommend": "Find projects",
}
OUTCOME_WORDS = {"failed": "Did not work", "skipped": "Left out"}
HEADINGS: Mapping[StepName, str] = {
    "classify": "What it is",
    "ask": "How to dispose of it here",
    "recommend": "What to make of it",
}
_WAITING_WORDS: Mapping[StepName, str] = {
    "classify": "Looking at the photo …",
    "ask": "Looking in the documents …",
    "recommend": "Looking for projects …",
}


def title_html(thing: Thing) -> str:
    """Head the page; the focus goes here when it opens."""
    return f'<h2 class="journey-title" tabindex="-1">{escape(thing.words)}: all on one page</h2>'


def waiting_html(name: StepName) -> str:
    """Say that a part is on its way."""
    return _panel(HEADINGS[name], f'<p class="quiet">{_WAITING_WORDS[name]}</p>')


def thumbnail(picture: Image.Image | None) -> str:
    """Write the visitor's photo into the page itself, small; "" without one."""
    if picture is None:
        return ""
    small = picture.convert("RGB")
    small.thumbnail((THUMB_PX, THUMB_PX))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=85)
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    return (
        f'<img class="journey-photo" src="data:image/jpeg;base64,{data}" alt="Your photo" '
        f'width="{small.width}" height="{small.height}">'
    )


def thing_html(report: JourneyReport, photo: str = "") -> str:
    """Draw the first part: what it is and where it goes.

    Args:
        photo: HTML of the visitor's photo, as `thumbnail` writes it.
    """
    subject, rule = report.subject, report.rule
    problem = _problem(report.steps[0]) if report.steps[0].outcome == "failed" else ""
    if subject is None or rule is None:
        said = problem or "".join(_problem(step) for step in report.steps[1:2])
        return _panel(HEADINGS["classify"], said)
    thing = Thing(subject.item, subject.material)
    card = thing_card(thing, rule, headline=_headline(report, subject))
    aside = f"{photo}{problem}"
    beside = f'<div class="journey-aside">{aside}</div>' if aside else ""
    return f'<div class="journey-thing">{card}{beside}</div>'


def answer_html(report: JourneyReport) -> str:
    """Draw the second part: the documents' sentences, danger first, and where they stand."""
    answer, subject = report.answer, report.subject
    if answer is None:
        return _panel(HEADINGS["ask"], _problem(report.steps[1]))
    warnings = "".join(
        f'<p class="journey-warning">{icon("warning", size_px=20)} <strong>Safety: '
        f"{escape(sentence.text)}</strong>{_numbers(sentence)}</p>"
        for sentence in answer.sentences
        if sentence.is_safety
    )
    others = " ".join(
        escape(sentence.text) + _numbers(sentence)
        for sentence in answer.sentences
        if not sentence.is_safety
    )
    said = f"<p>{others}</p>" if others else ""
    more = (
        f"<p>{ask_button(Thing(subject.item, subject.material), 'Ask more in the chat')}</p>"
        if subject
        else ""
    )
    asked = f'<p class="quiet">Asked: {escape(report.question)}</p>'
    return _panel(HEADINGS["ask"], f"{asked}{warnings}{said}{_sources(answer)}{more}")


def projects_html(report: JourneyReport) -> str:
    """Draw the third part: the best projects, each with its reason."""
    found, subject = report.recommendations, report.subject
    if found is None or subject is None:
        return _panel(HEADINGS["recommend"], _problem(report.steps[2]))
    danger = danger_html(found.link.thing.name, found.danger) if found.danger else ""
    if not found.best:
        words = "" if danger else "<p>No project fits this thing. Safety rules every one out.</p>"
        return _panel(HEADINGS["recommend"], danger + words)
    thing = Thing(subject.item, subject.material)
    cards = "".join(f"<li>{_project(entry, thing)}</li>" for entry in found.best[:PROJECTS_SHOWN])
    more = make_button(thing, "See all projects")
    listed = f'{danger}<ol class="journey-projects">{cards}</ol><p>{more}</p>'
    return _panel(HEADINGS["recommend"], listed)


def times_html(report: JourneyReport) -> str:
    """Draw the timeline: a bar and words for each step, from left to right as they happened."""
    ended = {step.name: step for step in report.steps}
    whole_ms = max(report.latency_ms, 0.001)
    rows = "".join(_time(name, ended.get(name), whole_ms) for name in STEPS)
    total = (
        f"<p><strong>Altogether {_ms(report.latency_ms)}</strong>, on the computer that runs this "
        "page.</p>"
        if report.is_finished
        else '<p class="quiet">Not finished yet.</p>'
    )
    return _panel("What took how long", f'<ol class="journey-times">{rows}</ol>{total}')


def spoken(report: JourneyReport) -> str:
    """Say a finished journey in one go, for the live region."""
    said = []
    if report.subject is not None and report.rule is not None:
        name = Thing(report.subject.item, report.subject.material).words
        said.append(f"{name}. Goes into {report.rule.bin_name}.")
    if report.answer is not None:
        said.append(_answer_words(report.answer))
    if report.recommendations is not None:
        said.append(_project_words(report.recommendations))
    for step in report.steps:
        if step.outcome == "failed":
            said.append(f"{STEP_WORDS[step.name]}: did not work. {step.what}")
    return " ".join([*said, f"It took {_ms(report.latency_ms)}."])


def _answer_words(answer: Answer) -> str:
    if answer.is_refusal:
        return "The documents hold no answer."
    danger = " ".join(s.text for s in answer.sentences if s.is_safety)
    count = len(answer.citations)
    found = f"An answer with {count} {'source' if count == 1 else 'sources'}."
    return f"Safety: {danger} {found}" if danger else found


def _project_words(found: Recommendations) -> str:
    if found.danger and not found.best:
        return f"Make nothing of this. {found.danger}"
    if not found.best:
        return "No project fits."
    return f"{len(found.best[:PROJECTS_SHOWN])} projects. First: {found.best[0].project.name}."


def _headline(report: JourneyReport, subject: Subject) -> str:
    found = report.classification
    if subject.is_chosen or found is None:
        return '<p class="answer-sure is-chosen">You said what it is.</p>'
    share = percent(found.item.confidence)
    if found.is_sure:
        words = sureness(found.item.confidence).capitalize()
        return f'<p class="answer-sure is-sure">{words} ({escape(share)})</p>'
    return (
        f'<p class="answer-sure is-unsure">{icon("unknown", size_px=18)} Not sure '
        f"({escape(share)}). If it is something else, go back and pick it.</p>"
    )


def _sources(answer: Answer) -> str:
    if not answer.citations:
        return ""
    rows = "".join(_source(citation) for citation in answer.citations)
    return f"<h4>Sources</h4>{rows}"


def _source(citation: Citation) -> str:
    heading = f'<span class="quiet"> {escape(citation.heading)}</span>' if citation.heading else ""
    origin = "".join(f"<li>{escape(line)}</li>" for line in citation.sources)
    return (
        f'<details class="source" id="journey-source-{citation.number}"><summary><span>'
        f'<span class="source-number">[{citation.number}]</span> {escape(citation.title)}{heading}'
        f'</span></summary><p class="source-passage">{marked_passage(citation)}</p>'
        f"<ul>{origin}</ul></details>"
    )


def _numbers(sentence: AnswerSentence) -> str:
    return "".join(
        f' <a class="journey-number" href="#journey-source-{number}" '
        f'aria-label="Passage {number}">[{number}]</a>'
        for number in sentence.citations
    )


def _project(entry: Recommendation, thing: Thing) -> str:
    project = entry.project
    facts = [
        minutes_words(project.minutes),
        project.difficulty.capitalize(),
        PLACE_WORDS[project.place],
    ]
    return (
        '<article class="project-card">'
        f'<h4><button type="button" data-go="take:{escape(thing.address)}" '
        f'data-then="project:{escape(project.id)}">{escape(project.name)}</button></h4>'
        f"{badge_html(entry.is_documented)}<p>{escape(project.summary)}</p>"
        f'<p class="project-why"><strong>Why:</strong> {escape(entry.why)}</p>'
        f'<p class="quiet">{escape(" · ".join(facts))}</p></article>'
    )


def _time(name: StepName, step: JourneyStep | None, whole_ms: float) -> str:
    words = STEP_WORDS[name]
    if step is None:
        return _bar(words, "Waiting", "", "is-waiting")
    start, width = step.started_ms / whole_ms, step.latency_ms / whole_ms
    style = f"margin-left:{start:.1%};width:{width:.1%}"
    if step.outcome == "done":
        return _bar(words, _ms(step.latency_ms), style, "is-done")
    outcome = OUTCOME_WORDS[step.outcome]
    value = f"{outcome}, {_ms(step.latency_ms)}" if step.outcome == "failed" else outcome
    return _bar(words, value, style, f"is-{step.outcome}", f"{step.what} {step.do}")


def _bar(words: str, value: str, style: str, kind: str, reason: str = "") -> str:
    said = f'<span class="journey-reason">{escape(reason)}</span>' if reason else ""
    return (
        f'<li class="{kind}"><span class="journey-step">{escape(words)}</span>'
        f'<span class="journey-track" aria-hidden="true"><span style="{style}"></span></span>'
        f'<span class="journey-value">{escape(value)}</span>{said}</li>'
    )


def _problem(step: JourneyStep) -> str:
    return (
        f'<div class="journey-problem"><p>{icon("warning", size_px=20)} <strong>'
        f"{escape(step.what)}</strong></p><p>{escape(step.do)}</p></div>"
    )


def _panel(heading: str, body: str) -> str:
    return f'<section class="panel" aria-label="{heading}"><h3>{heading}</h3>{body}</section>'


def _ms(latency_ms: float) -> str:
    """Write a time: whole milliseconds, and seconds where there are many."""
    return f"{latency_ms:,.0f} ms" if latency_ms < 10_000 else f"{latency_ms / 1000:.1f} s"
