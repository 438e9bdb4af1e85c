"""Recommend projects from the shell: `python -m engines.upcycle.recommend "glass jar" --k 10`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.settings import load_settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.filters import DIFFICULTIES, Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.model import NETWORKS
from engines.upcycle.results import Recommendation, Recommendations

WIDTH = 88


def tools_from(text: str, knowledge: Knowledge) -> frozenset[str]:
    """Read a list of tools, ids or names, separated by commas.

    Raises:
        InputError: if one of them is not known; it lists those that are.
    """
    known = {
        name.casefold(): tool.id
        for tool in knowledge.tools.values()
        for name in (tool.id, tool.name)
    }
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name.casefold() not in known]
    if unknown:
        raise InputError(
            f"There is no tool '{unknown[0]}'.",
            f"Choose from: {', '.join(sorted(knowledge.tools))}.",
        )
    return frozenset(known[name.casefold()] for name in wanted)


def as_record(found: Recommendations) -> dict[str, Any]:
    """Put recommendations into plain values for JSON."""
    link = found.link
    return {
        "item": {
            "text": link.text,
            "name": link.thing.name,
            "id": link.thing.item,
            "is_known": link.is_known,
            "is_sure": link.is_sure,
            "quantity": link.quantity,
            "materials": list(link.thing.materials),
            "properties": list(link.thing.properties),
            "near": [{"id": near.id, "likeness": round(near.likeness, 4)} for near in link.near],
        },
        "danger": found.danger,
        "projects": [_project_record(entry) for entry in found.best],
        "ruled_out": [
            {
                "id": entry.project.id,
                "name": entry.project.name,
                "reasons": list(entry.verdict.reasons),
            }
            for entry in found.ruled_out
        ],
        "relaxations": dict(found.relaxations),
        "relax_together": list(found.relax_together),
        "latency_ms": round(found.latency_ms, 1),
    }


def as_text(found: Recommendations, knowledge: Knowledge) -> str:
    """Put recommendations into lines for a person."""
    link = found.link
    made_of = " or ".join(knowledge.materials[name].name for name in link.thing.materials)
    lines = [f"{link.text}: taken for {link.thing.name}, made of {made_of}."]
    if not link.is_known:
        near = ", ".join(
            f"{knowledge.items[near.id].name} ({near.likeness:.2f})" for near in link.near
        )
        lines[0] = f"{link.text}: new here. Made of {made_of}; most like {near}."
    if found.danger is not None:
        return "\n".join([*lines, found.danger])
    if not found.best:
        lines.append("No project fits.")
    for place, entry in enumerate(found.best, start=1):
        project = entry.project
        source = "documented" if entry.is_documented else "suggested by the network"
        needs = f"{project.minutes} minutes, {project.difficulty}, tools: "
        lines += [
            "",
            f"{place}. {project.name} ({project.id}), score {entry.score:.2f}, {source}",
            *_indented(entry.why),
            *_indented(needs + ", ".join(knowledge.tools[name].name for name in project.tools)),
            *(line for warning in entry.verdict.warnings for line in _indented(f"Care: {warning}")),
        ]
    if found.relaxations:
        name, count = next(iter(found.relaxations.items()))
        lines += ["", f"Without the filter {name} {count} would fit."]
    if found.relax_together:
        lines += ["", f"Something fits without these filters: {', '.join(found.relax_together)}."]
    if found.ruled_out:
        lines += ["", "Ruled out:"]
        for entry in found.ruled_out:
            lines += _indented(f"{entry.project.name}: {entry.verdict.reasons[0]}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if nothing could be done."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.upcycle.recommend",
        description="Name projects for a thing, best first, as the Upcycle tab does.",
    )
    parser.add_argument("item", help='a thing, such as "glass jar"')
    parser.add_argument("--k", type=_positive, default=10, help="how many projects (10)")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")
    parser.add_argument("--tools", help="only these tools are at hand, separated by commas")
    parser.add_argument("--max-minutes", type=_positive, help="of active work")
    parser.add_argument("--hardest", choices=DIFFICULTIES, help="the most difficult wanted")
    parser.add_argument("--place", choices=("indoor", "outdoor"), help="where it shall live")
    parser.add_argument("--for-children", action="store_true", help="what a child can make")
    parser.add_argument("--pieces", type=_positive, help="how many of the item there are")
    parser.add_argument("--network", choices=tuple(NETWORKS), help="default: the best one")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings()
        limit_threads(settings.cpu_threads)
        engine = UpcycleEngine(settings, choose_placement(settings))
        engine.load()
        tools = arguments.tools
        filters = Filters(
            tools=None if tools is None else tools_from(tools, engine.knowledge),
            max_minutes=arguments.max_minutes,
            hardest=arguments.hardest,
            place=arguments.place,
            for_children=arguments.for_children,
            pieces=arguments.pieces,
        )
        found = engine.recommend(
            engine.link(arguments.item), k=arguments.k, filters=filters, network=arguments.network
        )
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        if arguments.json:
            print(json.dumps(as_record(found), indent=2, ensure_ascii=False))
        else:
            print(as_text(found, engine.knowledge))
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _project_record(entry: Recommendation) -> dict[str, Any]:
    project = entry.project
    return {
        "id": project.id,
        "name": project.name,
        "score": round(entry.score, 6),
        "why": entry.why,
        "documented": entry.is_documented,
        "warnings": list(entry.verdict.warnings),
        "minutes": project.minutes,
        "difficulty": project.difficulty,
        "tools": list(project.tools),
    }


def _indented(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="   ", subsequent_indent="   ")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main())
