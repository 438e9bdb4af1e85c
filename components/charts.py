"""How an answer was found: a chart of the search, and the tables that say it in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from components.waste_card import percent
from engines.rag.answers import Answer

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from engines.rag.retrieve import Candidate

# (label, field of Candidate) of each stage of the search, in order.
STAGES = (
    ("By meaning", "dense_rank"),
    ("By words", "bm25_rank"),
    ("Both", "fused_rank"),
    ("Reranked", "rerank_rank"),
)
MAX_CHARTED = 8
MAX_LISTED = 12
# Each stands out at 3:1 or more from white, from the dark cards and from black, so one figure fits
# every appearance; signs and numbers tell the lines apart as well.
LINE_COLORS = (
    "#2b8a56", "#3b7dd8", "#c8690a", "#9b59d0", "#d6457a", "#0e8a9c", "#b8860b", "#808880",
)  # fmt: skip
_SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon",
)  # fmt: skip
# Text and grid take the page's own colours in ask.css; this one is seen where that is missing.
_TEXT_COLOR = "#6b7568"
# A log axis would label 2 and 5 only as digits; ranks are written out.
_TICKS = (1, 2, 3, 5, 10, 20, 50, 100)
_INTENT_WORDS = {
    "disposal": "where a thing goes",
    "hazard": "something dangerous",
    "reuse": "using or repairing a thing again",
    "knowledge": "how things work",
    "about_app": "this app",
    "small_talk": "small talk",
    "out_of_scope": "something else",
}
_STEP_WORDS = {
    "understand": "Reading the question",
    "encode": "Taking in its meaning",
    "dense": "Search by meaning",
    "bm25": "Search by words",
    "fusion": "Putting both together",
    "expansion": "Adding related words",
    "rerank": "Reranking",
    "sentences": "Choosing sentences",
}


def trace_html(answer: Answer | None, places: Mapping[str, str]) -> str:
    """Write how an answer was found: the question as read, the time of each step, the candidates.

    Args:
        places: names of the places by id.
    """
    if answer is None:
        return '<p class="quiet">Ask a question first.</p>'
    trace = answer.trace
    corrections = ", ".join(f"“{wrong}” read as “{right}”" for wrong, right in trace.corrections)
    rows = [
        ("Searched for", trace.rewritten),
        ("Spelling", corrections or "nothing changed"),
        (
            "The question is about",
            f"{_INTENT_WORDS.get(trace.intent, trace.intent)} ({percent(trace.intent_confidence)})",
        ),
        ("Place", places.get(trace.region, trace.region)),
        ("First words after", _milliseconds(answer.first_text_ms)),
        ("Whole answer after", _milliseconds(answer.latency_ms)),
    ]
    if answer.mode == "written":
        rows.append(("Sentences the check replaced or dropped", str(answer.changed_sentences)))
    steps = [
        (_STEP_WORDS.get(step.name, step.name.capitalize()), _milliseconds(step.latency_ms))
        for step in trace.timings
    ]
    return (
        f'<section class="panel">{_facts(rows)}<h4>Time of each step</h4>{_facts(steps)}'
        f"<h4>Candidates</h4>{retrieval_table(trace.candidates)}</section>"
    )


def retrieval_chart(candidates: Sequence[Candidate]) -> go.Figure | None:
    """Draw the ranks of the best candidates in every stage of the search as lines.

    Args:
        candidates: best first; the line's number is the row of `retrieval_table`.

    Returns:
        a figure without ground, rank 1 on top; None if there is nothing to draw. A stage in which
        no candidate has a rank is left out, and a candidate that a stage did not find has a gap.
    """
    # Plotly takes a second to import and is needed only when someone opens the details.
    import plotly.graph_objects as go

    stages = shown_stages(candidates)
    if not stages:
        return None
    figure = go.Figure()
    for row, candidate in enumerate(candidates[:MAX_CHARTED]):
        ranks = [getattr(candidate, field) for _, field in stages]
        title = escape(candidate.title)
        last = max((i for i, rank in enumerate(ranks) if rank is not None), default=-1)
        figure.add_scatter(
            x=[label for label, _ in stages],
            y=ranks,
            name=f"{row + 1}",
            mode="lines+markers+text",
            text=[f"{row + 1}" if i == last else "" for i in range(len(ranks))],
            textposition="middle right",
            line={"color": LINE_COLORS[row % len(LINE_COLORS)], "width": 3 if row < 3 else 1.5},
            marker={"symbol": _SYMBOLS[row % len(_SYMBOLS)], "size": 9},
            cliponaxis=False,
            hovertemplate=f"{row + 1}: {title}<br>%{{x}}: rank %{{y}}<extra></extra>",
        )
    figure.update_layout(
        template=None,
        height=320,
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _TEXT_COLOR, "size": 14, "family": "system-ui, sans-serif"},
        margin={"l": 48, "r": 32, "t": 8, "b": 40},
        hoverlabel={"bgcolor": "#181d18", "font": {"color": "#ffffff"}},
        xaxis={"fixedrange": True, "showgrid": False, "zeroline": False},
        yaxis={
            "title": {"text": "Rank"},
            "type": "log",
            "autorange": "reversed",
            "fixedrange": True,
            "tickvals": list(_TICKS),
            "ticktext": [str(tick) for tick in _TICKS],
            "zeroline": False,
        },
    )
    return figure


def retrieval_table(candidates: Sequence[Candidate]) -> str:
    """Write the candidates with their rank in every stage as an HTML table, best first."""
    stages = shown_stages(candidates)
    if not stages:
        return "<p>No passage was found.</p>"
    heads = "".join(f'<th scope="col">{label}</th>' for label, _ in stages)
    rows = "".join(
        f'<tr><td>{row}</td><th scope="row">{_name(candidate)}</th>'
        + "".join(f"<td>{_rank(getattr(candidate, field))}</td>" for _, field in stages)
        + "</tr>"
        for row, candidate in enumerate(candidates[:MAX_LISTED], start=1)
    )
    return (
        '<div class="table-scroll" tabindex="0" role="group" aria-label="Candidates">'
        '<table class="ranks"><thead><tr><th scope="col">No.</th><th scope="col">Passage</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="quiet">1 is the best rank; “–” means not found in that step.</p>'
    )


def shown_stages(candidates: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Return the stages in which at least one candidate has a rank."""
    return [
        (label, field)
        for label, field in STAGES
        if any(getattr(candidate, field) is not None for candidate in candidates)
    ]


def _name(candidate: Candidate) -> str:
    heading = candidate.heading
    return escape(candidate.title) + (
        f' <span class="quiet">{escape(heading)}</span>' if heading else ""
    )


def _rank(rank: int | None) -> str:
    return "–" if rank is None else str(rank)


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def _milliseconds(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 1 else "under 1 ms"
