"""Things, texts and whole random scenes for the tests of the scene graph and its description."""

from __future__ import annotations

import random

from engines.maxsight.classes import vocabulary
from engines.maxsight.scene_graph import SceneGraph, scene_graph
from engines.maxsight.sound_classes import sounds
from engines.maxsight.text_lines import TextLine
from engines.maxsight.tiers import Box, SeenObject, Urgency, Zone

FRAME_SIZE = (480, 640)
SIGNS = ("EXIT", "Push to open", "Gleis 7", "a red dog", "No. 42; on the left", 'the "King"')


def seen(
    class_id: str,
    box: Box,
    distance_m: float = 5.0,
    *,
    urgency: Urgency = Urgency.SAFE,
    score: float = 0.9,
) -> SeenObject:
    """Return a thing of a single frame."""
    return SeenObject(class_id, score, box, Zone.MEDIUM, distance_m, False, urgency)


def line(text: str, box: Box = (10, 10, 110, 40), confidence: float = 0.95) -> TextLine:
    """Return an upright line of text."""
    x0, y0, x1, y1 = box
    return TextLine(text, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), confidence, None)


def random_box(draw: random.Random) -> Box:
    """Return a box inside the frame, at least 12 pixels wide and high."""
    x, y = draw.uniform(0, 600), draw.uniform(0, 440)
    return x, y, min(640, x + draw.uniform(12, 300)), min(480, y + draw.uniform(12, 300))


def random_scene(seed: int) -> SceneGraph:
    """Return a scene of up to 30 things of a few classes, three texts and three sounds."""
    draw = random.Random(seed)
    classes = draw.sample(vocabulary().trained_ids, draw.randint(1, 5))
    objects = [
        seen(
            draw.choice(classes),
            random_box(draw),
            draw.choice([0.4, 1.0, 1.5, draw.uniform(0.3, 40.0), float("inf")]),
            urgency=Urgency(draw.randint(0, 3)),
            score=draw.uniform(0.2, 1.0),
        )
        for _ in range(draw.choice([0, 1, 2, 3, 5, 8, 30]))
    ]
    texts = [line(text, random_box(draw)) for text in draw.sample(SIGNS, draw.randint(0, 3))]
    heard = [one.id for one in draw.sample(sounds(), draw.randint(0, 3))]
    return scene_graph(objects, texts, heard, frame_size=FRAME_SIZE)
