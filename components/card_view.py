"""A checkpoint's card (card.json) as HTML a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from engines.runtime.weights import Card

# These have a place of their own; whatever else a card says is listed after them.
_PLACED = ("name", "version", "summary", "metrics", "data", "licence", "limits", "command")


def card_html(card: Card) -> str:
    """Write a card: its summary; folded metrics, data with licences, limits, the rest, raw JSON."""
    raw = card.raw
    rest = {key: value for key, value in raw.items() if key not in _PLACED}
    sections = (
        ("Metrics", _metrics(raw.get("metrics"))),
        ("Data and licences", _plain(raw.get("data")) + _labelled("Licence", raw.get("licence"))),
        ("What it can't be trusted on", _plain(raw.get("limits"))),
        ("How to make it again", _command(raw.get("command"))),
        ("More", _folded("Show the rest", _plain(rest)) if rest else ""),
    )
    body = "".join(f"<h4>{title}</h4>{content}" for title, content in sections if content)
    pretty = escape(json.dumps(raw, indent=2, ensure_ascii=False))
    source = _folded("Show card.json", f'<pre tabindex="0" aria-label="card.json">{pretty}</pre>')
    return (
        f'<article class="card">{_title(card)}{_plain(raw.get("summary"))}'
        f"{_folded('Read the card', body + source)}</article>"
    )


def brief_html(card: Card) -> str:
    """Write a card's name, version and summary, for where the whole card would be too much."""
    return f'<article class="card">{_title(card)}{_plain(card.raw.get("summary"))}</article>'


def labelled_table(label: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table whose rows stand one below the other where it would be too wide.

    The roles are those that HTML gives it anyway; a browser forgets them where the style makes
    blocks of its rows and cells.

    Args:
        label: what a screen reader calls it.
        columns: headings, plain text.
        rows: as many cells each, already HTML; the first is the row's heading.
    """
    names = [escape(column) for column in columns]
    head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in names)
    body = "".join(
        f'<tr role="row"><th scope="row" role="rowheader">{first}</th>'
        + "".join(
            f'<td role="cell" data-column="{name}">{cell}</td>'
            for name, cell in zip(names[1:], rest)
        )
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<table class="labelled" role="table" aria-label="{escape(label)}">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _title(card: Card) -> str:
    return (
        f"<h3>{escape(card.name)} "
        f'<span class="card-version">version {escape(card.version)}</span></h3>'
    )


def _metrics(metrics: Any) -> str:
    """Tell single numbers in one table; lists of records and the like follow below it."""
    if not isinstance(metrics, Mapping):
        return _plain(metrics)
    rows: list[str] = []
    others: list[str] = []
    for path, value in _leaves(metrics):
        if _is_record_list(value):
            others.append(f"<h5>{escape(path)}</h5>{_record_table(value)}")
        else:
            rows.append(f'<tr><th scope="row">{escape(path)}</th><td>{_cell(value)}</td></tr>')
    table = f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>' if rows else ""
    if len(rows) > 12:
        table = _folded(f"Show {len(rows)} numbers", _scroll(table))
    return table + "".join(others)


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, entry in value.items():
        path = f"{prefix}{_words(str(key))}"
        if isinstance(entry, Mapping):
            yield from _leaves(entry, f"{path}: ")
        else:
            yield path, entry


def _is_record_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, Mapping) for e in value)


def _record_table(records: list[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for record in records for key in record))
    head = "".join(f'<th scope="col">{escape(_words(column))}</th>' for column in columns)
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{_cell(record.get(column, ''))}</td>" for column in columns)
        + "</tr>"
        for record in records
    )
    return _scroll(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")


def _scroll(table: str, *, label: str = "Table") -> str:
    return (
        f'<div class="table-scroll" tabindex="0" role="group" aria-label="{escape(label)}">'
        f"{table}</div>"
    )


def _cell(value: Any) -> str:
    if _is_interval(value):
        middle, low, high = (_number(part) for part in value)
        return f"{middle} <span class='quiet'>({low} to {high})</span>"
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(path)}: {_cell(leaf)}" for path, leaf in _leaves(value))
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    return escape(_number(value))


def _is_interval(value: Any) -> bool:
    """Say whether this is a mean with its interval: (mean, low, high)."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(part, (int, float)) for part in value)
        and value[1] <= value[0] <= value[2]
    )


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> str:
    """Write text as a paragraph, lists as lists and mappings as a table."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, str):
        return f"<p>{escape(value)}</p>"
    if _is_record_list(value):
        return _record_table(value)
    if isinstance(value, list):
        return "<ul>" + "".join(f"<li>{_cell(entry)}</li>" for entry in value) + "</ul>"
    if isinstance(value, Mapping):
        rows = "".join(
            f'<tr><th scope="row">{escape(path)}</th><td>{_cell(leaf)}</td></tr>'
            for path, leaf in _leaves(value)
        )
        return f'<table class="facts"><tbody>{rows}</tbody></table>'
    return f"<p>{_cell(value)}</p>"


def _labelled(label: str, value: Any) -> str:
    return f"<p>{label}: {_cell(value)}</p>" if value else ""


def _command(value: Any) -> str:
    lines = value if isinstance(value, list) else [value] if value else []
    text = "\n".join(escape(str(line)) for line in lines)
    return f'<pre tabindex="0" aria-label="Command">{text}</pre>' if text else ""


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _words(key: str) -> str:
    return key.replace("_", " ")
