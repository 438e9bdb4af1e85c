"""For the one who asks: why not another project, and what the networks add to plain baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from components.icons import icon
from components.upcycle_form import FILTER_WORDS
from engines.runtime.weights import Card
from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge, kind_of
from engines.upcycle.results import Comparison, Recommendations
from engines.upcycle.safety import Verdict
from engines.upcycle.schema import ProjectRecord

SYSTEM_NAMES = {
    "graphsage": "GraphSAGE",
    "gat": "GAT",
    "relational": "Relational network",
    "blend": "Blend",
    "popularity": "Popularity",
    "adamic_adar": "Adamic-Adar",
    "text_cosine": "Text likeness",
    "property_overlap": "Property overlap",
    "lightgcn": "LightGCN",
    "graphsage_binary_loss": "GraphSAGE, binary loss",
}
NETWORK_NAMES = ("graphsage", "gat", "relational")
METRIC_NAMES = {
    "auc": "AUC",
    "ap": "AP",
    "mrr": "MRR",
    "hits_1": "Hits@1",
    "hits_3": "Hits@3",
    "hits_10": "Hits@10",
    "ndcg_10": "NDCG@10",
    "recall_10": "Recall@10",
}
SETTING_NAMES = {
    "warm": "Known things (single pairs held out)",
    "cold": "New things (all pairs of a thing held out)",
}
_RELATION_WORDS = {
    "made_of": "material",
    "has_form": "form",
    "can_become": "project",
}
# Rules that stand with a project or a thing instead of the list of rules.
_RULE_WORDS = {"unsafe_with": "the project's own", "danger": "dangerous things"}
ATTENTION_SHOWN = 12
NOTHING_YET = '<p class="quiet">Pick or name a thing first.</p>'


def ruled_out_html(found: Recommendations) -> str:
    """List the projects that safety rules out, those of the highest scores first."""
    if not found.ruled_out:
        return "<p>No project was ruled out for this thing.</p>"
    rows = "".join(
        f"<li><strong>{escape(entry.project.name)}:</strong> "
        f"{escape(' '.join(entry.verdict.reasons))} {_rules(entry.verdict)}</li>"
        for entry in found.ruled_out
    )
    return (
        '<section class="panel"><h3>Ruled out by safety</h3><p>They scored well, and still may not '
        f"be made from this. No score can bring them back.</p><ul>{rows}</ul></section>"
    )


def verdict_html(
    project: ProjectRecord, thing: str, verdict: Verdict, filters: Filters, *, is_shown: bool
) -> str:
    """Answer "why not this project?" for one project."""
    name = escape(project.name)
    if verdict.is_forbidden:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
        return (
            f'<section class="panel panel-problem"><h3>{icon("warning")} {name}: ruled out by '
            f"safety</h3><ul>{reasons}</ul><p>{_rules(verdict)}</p></section>"
        )
    warnings = "".join(f"<li>{escape(text)}</li>" for text in verdict.warnings)
    care = f"<p>Take care:</p><ul>{warnings}</ul>" if warnings else ""
    hindrances = [FILTER_WORDS[name] for name in filters.hindrances(project)]
    if hindrances:
        reason = f"Left out by {escape(' and '.join(hindrances))}."
    elif is_shown:
        reason = "It is one of the suggested projects."
    else:
        reason = f"Nothing forbids it. Other projects suit this better: {escape(thing)}."
    return (
        f'<section class="panel"><h3>{name}</h3><p>{reason}</p>{care}<p><button type="button" '
        f'class="chip" data-go="project:{escape(project.id)}">Open {name}</button></p></section>'
    )


def comparison_html(knowledge: Knowledge, comparison: Comparison, card: Card) -> str:
    """Set networks and baselines side by side, with attention and measures."""
    return (
        f'<section class="panel">{_columns(comparison)}</section>'
        f'<section class="panel">{_attention(knowledge, comparison)}</section>'
        f'<section class="panel">{metrics_html(card.raw.get("metrics"))}</section>'
    )


def _columns(comparison: Comparison) -> str:
    columns = comparison.columns
    plain = {p.id for name, found in columns.items() if name not in NETWORK_NAMES for p in found}
    added = "".join(
        f"<li>{SYSTEM_NAMES[name]} names {sum(p.id not in plain for p in columns[name])} of "
        f"{len(columns[name])} projects that no baseline has in its list.</li>"
        for name in NETWORK_NAMES
        if name in columns
    )
    heads = "".join(f'<th scope="col">{escape(_system(name))}</th>' for name in columns)
    rows = "".join(
        f'<tr><th scope="row">{place + 1}</th>'
        + "".join(f"<td>{_cell(found, place, name, plain)}</td>" for name, found in columns.items())
        + "</tr>"
        for place in range(max(map(len, columns.values()), default=0))
    )
    return (
        f"<h3>What each recommends for: {escape(comparison.link.thing.name)}</h3><ul>{added}</ul>"
        '<p class="quiet">+ marks a project of a network that no baseline lists. All stand behind '
        'the same safety rules.</p><div class="table-scroll" tabindex="0" role="group" '
        f'aria-label="Recommendations side by side"><table class="compare"><thead><tr>'
        f'<th scope="col">No.</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(found: Sequence[ProjectRecord], place: int, system: str, plain: set[str]) -> str:
    if place >= len(found):
        return "–"
    project = found[place]
    is_added = system in NETWORK_NAMES and project.id not in plain
    return f"<strong>+ {escape(project.name)}</strong>" if is_added else escape(project.name)


def _attention(knowledge: Knowledge, comparison: Comparison) -> str:
    title = "<h3>What GAT listens to</h3>"
    if not comparison.attention:
        return (
            f"{title}<p>GAT's attention is shown for things of the facts. A new thing has no "
            "neighbours there.</p>"
        )
    shown = comparison.attention[:ATTENTION_SHOWN]
    most = max(entry.share for entry in shown) or 1.0
    rows = "".join(
        f'<li><span class="bar-name">{escape(knowledge.name_of(entry.node))} '
        f'<span class="quiet">{_RELATION_WORDS.get(entry.relation, kind_of(entry.node))}</span>'
        f'</span><span class="bar-track" aria-hidden="true"><span style="width:'
        f'{entry.share / most:.1%}"></span></span><span class="bar-value">{entry.share:.1%}</span>'
        "</li>"
        for entry in shown
    )
    rest = len(comparison.attention) - len(shown)
    more = f'<p class="quiet">And {rest} more with less.</p>' if rest else ""
    return (
        f"{title}<p>Shares of the last layer's attention on the neighbours of "
        f"{escape(comparison.link.thing.name)}; all together are 100%.</p>"
        f'<ul class="bars attention">{rows}</ul>{more}'
    )


def metrics_html(metrics: Any) -> str:
    """Write the measures of the card: one table a setting, a row for each system."""
    title = "<h3>Measured</h3>"
    if not isinstance(metrics, Mapping) or not metrics:
        return f"{title}<p>The card of these networks holds no measures.</p>"
    parts = [_setting(str(name), systems) for name, systems in metrics.items()]
    return (
        f"{title}<p>Against all projects as candidates. Mean of the runs, lowest and highest in "
        f"brackets.</p>{''.join(parts)}"
    )


def _setting(setting: str, systems: Any) -> str:
    if not isinstance(systems, Mapping):
        return ""
    rows = {
        str(name): found for name, found in systems.items() if isinstance(found, Mapping) and found
    }
    keys = list(dict.fromkeys(key for found in rows.values() for key in found))
    names = [key for key in METRIC_NAMES if key in keys]
    heads = "".join(f'<th scope="col">{METRIC_NAMES[key]}</th>' for key in names)
    body = "".join(
        f'<tr><th scope="row">{escape(_system(name))}</th>'
        + "".join(f"<td>{_spread(found.get(key))}</td>" for key in names)
        + "</tr>"
        for name, found in rows.items()
    )
    label = escape(SETTING_NAMES.get(setting, setting))
    return (
        f'<h4>{label}</h4><div class="table-scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<table class="compare"><thead><tr><th scope="col">System</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _spread(value: Any) -> str:
    if isinstance(value, (int, float)):
        return f"{value:.3f}"
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3:
        mean, low, high = (float(part) for part in value)
        return f"{mean:.3f} <span class='quiet'>({low:.3f} to {high:.3f})</span>"
    return "–"


def _rules(verdict: Verdict) -> str:
    names = ", ".join(_RULE_WORDS.get(name) or name.replace("_", " ") for name in verdict.rules)
    return f'<span class="quiet">Rule: {escape(names)}.</span>' if names else ""


def _system(name: str) -> str:
    return SYSTEM_NAMES.get(name) or name.replace("_", " ").capitalize()
