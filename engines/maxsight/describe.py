"""Describe a scene in one or two plain sentences: `python -m engines.maxsight.describe IMAGE`.

Prints what is seen and read in a picture; with `--json` also each thing, text and relation.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.maxsight.claims import QUOTE_MARKS
from engines.maxsight.classes import Language
from engines.maxsight.description_words import DescriptionWords, description_words, nouns
from engines.maxsight.frames import Pixels
from engines.maxsight.preferences import LANGUAGES, DirectionStyle
from engines.maxsight.scene_graph import SceneGraph, SceneNode, scene_graph
from engines.maxsight.sound_classes import sounds
from engines.maxsight.supported import keep_supported
from engines.maxsight.tiers import TrackedObject, Urgency
from engines.maxsight.wording import SURE_SCORE, wording
from engines.runtime.errors import InputError, ReleafError

__all__ = ["Description", "describe", "keep_supported", "main"]

# More than this at once cannot be remembered.
MAX_GROUPS, MAX_TEXTS, MAX_SOUNDS = 4, 3, 3
MAX_QUOTE_LETTERS = 60


@dataclass(frozen=True)
class Description:
    """A scene in words.

    Attributes:
        sentences: one or two; the first is of what is seen, the second of what is read and heard.
        node_ids: nodes of the graph that they speak of, in the order of speaking.
        language: of the sentences.
    """

    sentences: tuple[str, ...]
    node_ids: tuple[str, ...]
    language: Language

    @property
    def text(self) -> str:
        """The sentences, one after the other."""
        return " ".join(self.sentences)


def describe(
    graph: SceneGraph, language: Language = "en", *, style: DirectionStyle = "sides"
) -> Description:
    """Say what is around in one or two sentences, and nothing that is not in the graph.

    Things of one class in one direction are said together, at the distance of the nearest; what is
    a warning or a danger comes first, then what is near. Text is quoted as it was read.

    Args:
        style: directions as left, ahead and right, or on a clock's face.
    """
    words = description_words(language)
    first, spoken = _first_sentence(graph, language, words, style)
    sentences, parts = [_sentence(first)], []
    texts, heard = graph.of_kind("text")[:MAX_TEXTS], graph.of_kind("sound")[:MAX_SOUNDS]
    # A text that is too long to quote is left out; a part of it could mean something else.
    texts = tuple(one for one in texts if 0 < len(quotable(one.text)) <= MAX_QUOTE_LETTERS)
    if texts:
        quotes = [words.templates.quote.format(text=quotable(node.text)) for node in texts]
        parts.append(words.templates.written.format(texts=", ".join(quotes)))
    if heard:
        names = {one.id: one.name_in(language) for one in sounds()}
        said = ", ".join(names[node.class_id] for node in heard)
        parts.append(words.templates.heard.format(sounds=said))
    if parts:
        sentences.append(_sentence("; ".join(parts) + "."))
    spoken += [node.id for node in (*texts, *heard)]
    return Description(tuple(sentences), tuple(spoken), language)


def quotable(text: str) -> str:
    """Write a text so that it can stand between quotation marks, on one line."""
    return " ".join("".join(" " if letter in QUOTE_MARKS else letter for letter in text).split())


def _first_sentence(
    graph: SceneGraph, language: Language, words: DescriptionWords, style: DirectionStyle
) -> tuple[str, list[str]]:
    templates, seen = words.templates, graph.of_kind("object")
    if not seen:
        return templates.nothing, []
    speak = wording(language)
    together: dict[tuple[str, str], list[tuple[SceneNode, TrackedObject]]] = {}
    for node in seen:
        if node.thing is not None:
            key = (node.class_id, speak.direction(node.thing, style))
            together.setdefault(key, []).append((node, node.thing))
    groups = list(together.values())[:MAX_GROUPS]
    said = [_group(graph, group, language, style) for group in groups]
    is_urgent = [any(thing.urgency >= Urgency.WARNING for _, thing in group) for group in groups]
    urgent = [text for text, is_first in zip(said, is_urgent) if is_first]
    others = [text for text, is_first in zip(said, is_urgent) if not is_first]
    things = "; ".join(urgent or others)
    if urgent and others:
        things = "; ".join((things, templates.also.format(things="; ".join(others))))
    count = len(seen) + graph.left_out - sum(len(group) for group in groups)
    if count == 1:
        things = templates.more_one.format(things=things)
    elif count:
        things = templates.more_many.format(things=things, count=count)
    sentence = (templates.careful if urgent else templates.around).format(things=things)
    return sentence, [node.id for group in groups for node, _ in group]


def _group(
    graph: SceneGraph,
    group: Sequence[tuple[SceneNode, TrackedObject]],
    language: Language,
    style: DirectionStyle,
) -> str:
    """Say the things of one class in one direction."""
    words, speak = description_words(language), wording(language)
    templates = words.templates
    is_sure = any(thing.score >= SURE_SCORE for _, thing in group)
    if len(group) == 1:
        template = templates.one if is_sure else templates.maybe_one
    else:
        template = templates.several if is_sure else templates.maybe_several
    node, nearest = min(group, key=lambda one: _sortable(one[1].distance_m))
    one, many = nouns(language)[nearest.class_id]
    text = template.format(
        one=one,
        many=many,
        count=len(group),
        direction=speak.direction(nearest, style),
        distance=speak.distance(nearest),
    )
    if len(group) > 1:
        return text
    classes = {other.id: other.class_id for other in graph.nodes}
    below = [
        edge.target for edge in graph.edges if edge.source == node.id and edge.relation == "on"
    ]
    return f"{text}, {words.lying_on[classes[below[0]]]}" if below else text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sortable(distance_m: float) -> float:
    return distance_m if math.isfinite(distance_m) else math.inf


def _read_picture(path: Path) -> Pixels:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"The file {path} cannot be read.", "Check its path.") from error
    # OpenCV turns pictures upright as their EXIF says.
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if bgr is None:
        raise InputError(f"The file {path} is no picture.", "Give a JPEG, PNG or WebP file.")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _report(picture: Pixels, language: Language, style: DirectionStyle) -> dict[str, Any]:
    """Look at a picture, read it and describe it."""
    # Only the command line needs the networks; who has a graph does not load them.
    from engines.maxsight.ocr import TextReader
    from engines.maxsight.stage_a_runner import StageARunner
    from engines.runtime.device import choose_placement, limit_threads
    from engines.runtime.settings import load_settings

    settings = load_settings()
    limit_threads(settings.cpu_threads)
    runner, reader = StageARunner(settings, choose_placement(settings)), TextReader()
    runner.load()
    runner.warmup()
    tier1 = runner.look(picture, 1, 0.0)
    problems: list[str] = []
    began_s = time.perf_counter()
    try:
        reader.load()
        reader.warmup()
        began_s = time.perf_counter()
        lines = reader.read(picture, is_thorough=True) or ()
    except ReleafError as error:
        lines = ()
        problems.append(str(error))
    read_ms = (time.perf_counter() - began_s) * 1000
    graph = scene_graph(tier1.objects, lines, frame_size=tier1.frame_size)
    said = describe(graph, language, style=style)
    return {
        "description": said.text,
        "language": language,
        "frame_size": {"height_px": tier1.frame_size[0], "width_px": tier1.frame_size[1]},
        "objects": [_object(node) for node in graph.of_kind("object")],
        "text": [
            {
                "text": line.text,
                "corners_px": [[round(x, 1), round(y, 1)] for x, y in line.corners],
                "confidence": round(line.confidence, 3),
                "language": line.language,
            }
            for line in lines
        ],
        "graph": {
            "nodes": [node.id for node in graph.nodes],
            "edges": [[edge.source, edge.relation, edge.target] for edge in graph.edges],
        },
        "urgency": tier1.urgency.name.lower(),
        "uncertainty": round(tier1.uncertainty, 3),
        "latency_ms": {"see": round(tier1.latency_ms, 1), "read": round(read_ms, 1)},
        "problems": problems,
    }


def _object(node: SceneNode) -> dict[str, Any]:
    thing = node.thing
    assert thing is not None  # every node of this kind has one
    return {
        "id": node.id,
        "class": thing.class_id,
        "score": round(thing.score, 3),
        "box_px": [round(side, 1) for side in thing.box],
        "distance_m": round(thing.distance_m, 2) if math.isfinite(thing.distance_m) else None,
        "zone": thing.zone.name.lower(),
        "angle_deg": round(thing.angle_deg, 1),
        "urgency": thing.urgency.name.lower(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the picture")
    parser.add_argument("--json", action="store_true", help="print all that was found, as JSON")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the sentences")
    parser.add_argument("--clock", action="store_true", help="say directions as on a clock's face")
    arguments = parser.parse_args(argv)
    try:
        picture = _read_picture(arguments.image)
        report = _report(picture, arguments.language, "clock" if arguments.clock else "sides")
    except ReleafError as error:
        sys.exit(str(error))
    for problem in report["problems"]:
        print(problem, file=sys.stderr)
    print(
        json.dumps(report, ensure_ascii=False, indent=2)
        if arguments.json
        else report["description"]
    )


if __name__ == "__main__":
    main()
