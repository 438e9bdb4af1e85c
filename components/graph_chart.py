"""The graph around a thing: a Plotly figure to walk on, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from components.graph_view import COLUMNS, Edge, Picture
from engines.upcycle.knowledge import kind_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEADINGS = {
    "item": "Things",
    "material": "Materials",
    "property": "Properties",
    "project": "Projects",
    "tool": "Tools",
}
KIND_WORDS = {
    "item": "thing",
    "material": "material",
    "property": "property",
    "project": "project",
    "tool": "tool",
}
# Each stands out at 3:1 or more from white, from the dark cards and from black.
_COLORS = {
    "item": "#2b8a56",
    "material": "#3b7dd8",
    "property": "#c8690a",
    "project": "#9b59d0",
    "tool": "#0e8a9c",
}
_SYMBOLS = {
    "item": "circle",
    "material": "square",
    "property": "diamond",
    "project": "hexagon",
    "tool": "cross",
}
# By whether it is a project.
_CLICK = {True: "Click to light its path", False: "Click to walk there"}
_LINE = "#808880"
_LIT = "#d6457a"
_TEXT_COLOR = "#6b7568"
_ROW_PX = 70
_WORD_CHARS = 11
# (said from the source, said from the target)
PHRASES = {
    "made_of": ("is made of", "is what these are made of"),
    "has_form": ("has this form", "is the form of"),
    "has_property": ("has the property", "is a property of"),
    "requires_property": ("needs a thing with the property", "is needed for"),
    "can_become": ("can become", "can be made from"),
    "needs_tool": ("needs the tool", "is used for"),
}


def graph_figure(picture: Picture) -> go.Figure:
    """Draw a picture in columns; a point's customdata is its node.

    The lit path is thicker, its nodes are larger and its names bold, so that colour is not needed.
    """
    # Plotly takes a second to import and is needed only when there is something to draw.
    import plotly.graph_objects as go

    columns = [kind for kind in COLUMNS if picture.column(kind)]
    at: dict[str, tuple[float, float]] = {}
    for x, kind in enumerate(columns):
        column = picture.column(kind)
        for row, node in enumerate(column):
            at[node] = (float(x), -(row + 0.5) / len(column))
    figure = go.Figure()
    lit = picture.lit_pairs
    plain = [edge for edge in picture.edges if frozenset((edge[0], edge[2])) not in lit]
    shining = [edge for edge in picture.edges if frozenset((edge[0], edge[2])) in lit]
    for edges, colour, width in ((plain, _LINE, 1.0), (shining, _LIT, 4.0)):
        xs, ys = _lines(edges, at)
        figure.add_scatter(
            x=xs, y=ys, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip"
        )
    for kind in columns:
        nodes = picture.column(kind)
        strong = [node in picture.lit or node == picture.centre for node in nodes]
        figure.add_scatter(
            x=[at[node][0] for node in nodes],
            y=[at[node][1] for node in nodes],
            mode="markers+text",
            customdata=list(nodes),
            text=[_label(picture.names[n], is_bold=s) for n, s in zip(nodes, strong)],
            textposition="bottom center",
            textfont={"size": 13},
            marker={
                "symbol": _SYMBOLS[kind],
                "opacity": 1,
                "color": _COLORS[kind],
                "size": [22 if is_strong else 14 for is_strong in strong],
                "line": {
                    "color": _LIT,
                    "width": [4 if node in picture.lit else 0 for node in nodes],
                },
            },
            cliponaxis=False,
            hovertext=[f"{escape(picture.names[n])} ({KIND_WORDS[kind]})" for n in nodes],
            hovertemplate="%{hovertext}<br>" + _CLICK[kind == "project"] + "<extra></extra>",
        )
    _lay_out(figure, columns, max(len(picture.column(kind)) for kind in columns))
    return figure


def _lay_out(figure: go.Figure, columns: Sequence[str], rows: int) -> None:
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        template=None,
        height=70 + _ROW_PX * max(rows, 3),
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _TEXT_COLOR, "size": 14, "family": "system-ui, sans-serif"},
        margin={"l": 8, "r": 8, "t": 36, "b": 32},
        hoverlabel={"bgcolor": "#181d18", "font": {"color": "#ffffff"}},
        xaxis={**hidden, "range": [-0.5, len(columns) - 0.5]},
        yaxis={**hidden, "range": [-1.0, 0.0]},
        annotations=[
            {
                "x": x,
                "y": 1.0,
                "yref": "paper",
                "yanchor": "bottom",
                "yshift": 8,
                "text": f"<b>{HEADINGS[kind]}</b>",
                "showarrow": False,
                "font": {"size": 13},
            }
            for x, kind in enumerate(columns)
        ],
    )


def _lines(
    edges: Sequence[Edge], at: dict[str, tuple[float, float]]
) -> tuple[list[float | None], list[float | None]]:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for source, _, target in edges:
        xs += [at[source][0], at[target][0], None]
        ys += [at[source][1], at[target][1], None]
    return xs, ys


def _label(name: str, *, is_bold: bool) -> str:
    text = "<br>".join(
        escape(line) for line in wrap(name, _WORD_CHARS, break_long_words=False, max_lines=3)
    )
    return f"<b>{text}</b>" if is_bold else text


def graph_words(picture: Picture, *, note: str = "") -> str:
    """Write the same picture as lists; every name is a button that walks there.

    Args:
        note: what to say first, such as why no path is lit.
    """
    centre, names = picture.centre, picture.names
    groups = "".join(
        f'<h4>{escape(_capital(heading))}</h4><ul class="chips">{chips}</ul>'
        for heading, chips in _groups(picture)
    )
    more = ", ".join(
        f"{count} more {KIND_WORDS[kind] if count == 1 else HEADINGS[kind].lower()}"
        for kind, count in picture.left_out.items()
    )
    more = f'<p class="quiet">Not shown: {more}.</p>' if more else ""
    back = (
        f'<p><button type="button" class="chip" data-go="walk:{escape(picture.thing)}">Back to '
        f"{escape(names[picture.thing])}</button></p>"
        if centre != picture.thing
        else ""
    )
    lines = "".join(f"<li>{escape(line)}</li>" for line in sentences(picture))
    return (
        '<section class="panel graph-words"><h3 tabindex="-1">The graph in words</h3>'
        f"<p>You are at <strong>{escape(names[centre])}</strong> "
        f"({KIND_WORDS[kind_of(centre)]}). Choose a name to walk on.</p>"
        f"{_note(note)}{_lit_words(picture)}{groups}{more}{back}"
        f"<details><summary>Every line of the picture ({len(picture.edges)})</summary>"
        f"<ul>{lines}</ul></details></section>"
    )


def sentences(picture: Picture) -> list[str]:
    """Say every line of the picture in a sentence."""
    return [
        f"{_capital(picture.names[source])} {PHRASES[relation][0]} {picture.names[target]}."
        for source, relation, target in picture.edges
    ]


def _groups(picture: Picture) -> list[tuple[str, str]]:
    """List (heading, chips) for the neighbours of the centre, by relation."""
    found: dict[str, list[str]] = {}
    for source, relation, target in picture.edges:
        if picture.centre == source:
            found.setdefault(PHRASES[relation][0], []).append(target)
        elif picture.centre == target:
            found.setdefault(PHRASES[relation][1], []).append(source)
    if picture.centre == picture.thing:
        # Not all of these are facts: some are the network's idea.
        found.pop(PHRASES["can_become"][0], None)
        found["projects suggested for it"] = list(picture.column("project"))
    return [
        (heading, "".join(f"<li>{_chip(picture, node)}</li>" for node in dict.fromkeys(nodes)))
        for heading, nodes in found.items()
        if nodes
    ]


def _lit_words(picture: Picture) -> str:
    if not picture.lit:
        return '<p class="quiet">Choose a project to light its path.</p>'
    project = picture.lit[-1]
    relations = {frozenset((s, t)): (s, relation) for s, relation, t in picture.edges}
    parts = [_chip(picture, picture.lit[0])]
    for left, right in zip(picture.lit, picture.lit[1:]):
        source, relation = relations[frozenset((left, right))]
        parts.append(escape(PHRASES[relation][0 if source == left else 1]))
        parts.append(_chip(picture, right))
    return (
        f'<h4>The lit path</h4><p class="lit-path">{" ".join(parts)}</p><p><button type="button" '
        f'class="action" data-go="{escape(project)}">Open {escape(picture.names[project])}</button>'
        "</p>"
    )


def _chip(picture: Picture, node: str) -> str:
    return (
        f'<button type="button" class="chip" data-go="walk:{escape(node)}">'
        f"{escape(picture.names[node])}</button>"
    )


def _note(text: str) -> str:
    return f'<p class="problem"><strong>{escape(text)}</strong></p>' if text else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
