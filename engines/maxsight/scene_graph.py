"""What is seen, read and heard at one moment, and how the things lie to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import networkx as nx

from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE
from engines.maxsight.text_lines import TextLine
from engines.maxsight.tiers import Box, SeenObject, TrackedObject

NodeKind = Literal["object", "text", "sound"]
Relation = Literal[
    "left_of", "right_of", "above", "below", "in_front_of", "behind", "near", "on",
    "part_of", "written_on", "rides", "sits_on",
]  # fmt: skip
RELATIONS: tuple[Relation, ...] = get_args(Relation)
OPPOSITES: dict[Relation, Relation] = {
    "left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above",
    "in_front_of": "behind", "behind": "in_front_of", "near": "near",
}  # fmt: skip
# Said once of each pair; the other half is its opposite.
_TOLD_ONCE = ("right_of", "below", "behind")

# The most urgent and nearest are kept; more make no picture in anyone's head.
MAX_OBJECTS, MAX_TEXTS = 24, 12

# Shares of the narrower (left, above) or the inner box (on, part of) that must or may overlap.
BESIDE_OVERLAP, STACKED_OVERLAP, ACROSS_OVERLAP = 0.1, 0.3, 0.3
INSIDE_SHARE = 0.8
# Distances are estimates from the apparent height; a smaller ratio says nothing of order.
DEPTH_RATIO = 1.4
# Two things this close on the ground are near each other; beyond the second, distances are too
# rough to say so.
NEAR_M, NEAR_UP_TO_M = 1.2, 6.0
# A thing stands on another if its lower edge is in this part of the other's height, from its top.
TOP_PART = (-0.1, 0.6)

SUPPORTS = ("table", "chair", "bench", "sofa")
SEATS = ("chair", "bench", "sofa")
RIDDEN = ("bicycle", "motorcycle", "horse")
LAID = ("bottle", "cup", "tv_monitor", "potted_plant", "cat", "dog", "bird")


@dataclass(frozen=True)
class SceneNode:
    """One thing of the scene.

    Attributes:
        id: "car_7" by class and track, "text_1" or "sound_1" by order; unique in its graph.
        kind: whether it is seen, read or heard.
        class_id: of the vocabulary or of sounds.yaml; "text" for what is read.
        box: x0, y0, x1, y1 in pixels of the frame; None for a sound.
        thing: the object with its place, distance and urgency; None for text and sounds.
        text: what is read; empty for the others.
    """

    id: str
    kind: NodeKind
    class_id: str
    box: Box | None
    thing: TrackedObject | None = None
    text: str = ""


@dataclass(frozen=True)
class SceneEdge:
    """One relation: the thing `source` is, for example, left of the thing `target`."""

    source: str
    relation: Relation
    target: str


@dataclass(frozen=True)
class SceneGraph:
    """The things of one moment and their relations.

    Attributes:
        nodes: objects, the most urgent and then the nearest first; texts in reading order; sounds.
        edges: relations that have an opposite are there in both directions.
        left_out: objects that were seen and found no place in it.
    """

    nodes: tuple[SceneNode, ...]
    edges: tuple[SceneEdge, ...]
    left_out: int = 0

    def of_kind(self, kind: NodeKind) -> tuple[SceneNode, ...]:
        """Return the nodes that are seen, read or heard."""
        return tuple(node for node in self.nodes if node.kind == kind)

    def as_networkx(self) -> nx.DiGraph:
        """Return it as a directed graph.

        A node has the attributes `kind`, `class_id`, `box` and `text`, an object also
        `distance_m`, `angle_deg` and `urgency`. Each pair has one edge, whose attribute
        `relations` is a tuple of all its relations.
        """
        graph = nx.DiGraph()
        for node in self.nodes:
            graph.add_node(
                node.id, kind=node.kind, class_id=node.class_id, box=node.box, text=node.text
            )
            if node.thing is not None:
                graph.nodes[node.id].update(
                    distance_m=node.thing.distance_m,
                    angle_deg=node.thing.angle_deg,
                    urgency=int(node.thing.urgency),
                )
        for edge in self.edges:
            before = graph.get_edge_data(edge.source, edge.target, {"relations": ()})
            relations = (*before["relations"], edge.relation)
            graph.add_edge(edge.source, edge.target, relations=relations)
        return graph

    def as_text(self) -> str:
        """Write a line for each thing and each relation; opposites are written once."""
        lines = [_node_text(node) for node in self.nodes]
        for edge in self.edges:
            is_second = edge.relation == "near" and edge.source > edge.target
            if edge.relation not in _TOLD_ONCE and not is_second:
                lines.append(f"{edge.source} {edge.relation.replace('_', ' ')} {edge.target}")
        return "\n".join(lines)


def scene_graph(
    objects: Sequence[SeenObject | TrackedObject],
    texts: Sequence[TextLine] = (),
    sounds: Sequence[str] = (),
    *,
    frame_size: tuple[int, int],
) -> SceneGraph:
    """Relate the things of one moment to each other.

    All relations are read off the boxes and the estimated distances. Left, right, above and below
    are meant in the picture; in front and behind by distance, where one covers the other's
    direction; near on the ground. On, part of, written on, rides and sits on hold for the few
    classes where a box inside another usually means that.

    Args:
        objects: of one frame, tracked or not; of more than 24 the least important are left out.
        texts: in reading order; 12 at most are kept.
        sounds: ids of sounds.yaml that are heard, each once.
        frame_size: height and width of the frame, pixels.

    Raises:
        ValueError: if a box holds something that is no number, or the frame has no size.
    """
    if min(frame_size) < 1:
        raise ValueError(f"a frame of {frame_size} pixels has no size")
    things = [
        one if isinstance(one, TrackedObject) else placed(one, number, frame_size)
        for number, one in enumerate(objects, start=1)
    ]
    if not all(math.isfinite(side) for one in things for side in one.box):
        raise ValueError("a box holds a number that is none")
    things.sort(key=lambda one: (-one.urgency, _sortable(one.distance_m), one.track_id))
    nodes = [
        SceneNode(f"{one.class_id}_{one.track_id}", "object", one.class_id, one.box, one)
        for one in things[:MAX_OBJECTS]
    ]
    nodes += [
        SceneNode(f"text_{number}", "text", "text", line.box, text=line.text)
        for number, line in enumerate(texts[:MAX_TEXTS], start=1)
    ]
    seen = tuple(nodes)
    nodes += [
        SceneNode(f"sound_{number}", "sound", class_id, None)
        for number, class_id in enumerate(dict.fromkeys(sounds), start=1)
    ]
    edges = [
        SceneEdge(first.id, relation, second.id)
        for first in seen
        for second in seen
        if first is not second
        for relation in _relations(first, second, frame_size)
    ]
    return SceneGraph(tuple(nodes), tuple(edges), max(0, len(things) - MAX_OBJECTS))


def placed(seen: SeenObject, number: int, frame_size: tuple[int, int]) -> TrackedObject:
    """Give a thing of a single frame a number and a direction; of its movement nothing is known."""
    height, width = frame_size
    focal_px = FOCAL_PER_LONGER_SIDE * max(height, width)
    angle_deg = math.degrees(math.atan2((seen.box[0] + seen.box[2] - width) / 2, focal_px))
    return TrackedObject(
        track_id=number,
        class_id=seen.class_id,
        score=seen.score,
        box=seen.box,
        zone=seen.zone,
        distance_m=seen.distance_m,
        angle_deg=angle_deg,
        clock_hour=round(angle_deg / 30) % 12 or 12,
        growth_per_s=0.0,
        time_to_contact_s=None,
        approach_m_s=0.0,
        age_s=0.0,
        is_confirmed=False,
        urgency=seen.urgency,
    )


def _relations(
    first: SceneNode, second: SceneNode, frame_size: tuple[int, int]
) -> Iterator[Relation]:
    """Yield what `first` is to `second`."""
    assert first.box is not None and second.box is not None
    special = _special(first, first.box, second, second.box)
    is_special = special or _special(second, second.box, first, first.box)
    if special:
        yield special
    if not is_special:
        yield from _in_picture(first.box, second.box)
    if first.thing is None or second.thing is None:
        return
    if not is_special and _overlap(first.box, second.box, 0) > ACROSS_OVERLAP:
        near, far = first.thing.distance_m, second.thing.distance_m
        if math.isfinite(far) and far > DEPTH_RATIO * near:
            yield "in_front_of"
        elif math.isfinite(near) and near > DEPTH_RATIO * far:
            yield "behind"
    if _is_near(first.thing, second.thing):
        yield "near"


def _in_picture(first: Box, second: Box) -> Iterator[Relation]:
    if _overlap(first, second, 0) <= BESIDE_OVERLAP:
        yield "left_of" if first[0] + first[2] < second[0] + second[2] else "right_of"
    elif (
        _overlap(first, second, 1) <= BESIDE_OVERLAP
        and _overlap(first, second, 0) > STACKED_OVERLAP
    ):
        yield "above" if first[1] + first[3] < second[1] + second[3] else "below"


def _special(first: SceneNode, inner: Box, second: SceneNode, outer: Box) -> Relation | None:
    """Return the relation that only some classes have, or None."""
    kinds = first.class_id, second.class_id
    if first.kind == "text" and second.kind == "object":
        return "written_on" if _inside(inner, outer) >= INSIDE_SHARE else None
    if kinds == ("door_handle", "door"):
        return "part_of" if _inside(inner, outer) >= INSIDE_SHARE else None
    middle, down = (inner[0] + inner[2]) / 2, outer[3] - outer[1]
    is_over = outer[0] <= middle <= outer[2] and down > 0
    depth = (inner[3] - outer[1]) / down if is_over else math.inf
    if first.class_id in LAID and second.class_id in SUPPORTS:
        return "on" if TOP_PART[0] <= depth <= TOP_PART[1] else None
    if first.class_id == "person" and is_over and inner[1] < outer[1]:
        # Whoever rides covers the upper half; whoever sits reaches the seat, and not far below it.
        if second.class_id in RIDDEN and 0.3 <= depth <= 0.95:
            return "rides"
        if second.class_id in SEATS and 0.3 <= depth <= 1.1 and _inside(outer, inner) >= 0.4:
            return "sits_on"
    return None


def _overlap(first: Box, second: Box, axis: int) -> float:
    """Share of the narrower one's width (axis 0) or height (1) that both have; negative if none."""
    shared = min(first[axis + 2], second[axis + 2]) - max(first[axis], second[axis])
    narrower = min(first[axis + 2] - first[axis], second[axis + 2] - second[axis])
    return shared / max(narrower, 1e-6)


def _inside(inner: Box, outer: Box) -> float:
    """Share of the inner box's area that lies in the outer one."""
    sides = [max(0.0, min(inner[i + 2], outer[i + 2]) - max(inner[i], outer[i])) for i in (0, 1)]
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return sides[0] * sides[1] / area if area > 0 else 0.0


def _is_near(first: TrackedObject, second: TrackedObject) -> bool:
    if not first.distance_m <= NEAR_UP_TO_M or not second.distance_m <= NEAR_UP_TO_M:
        return False
    return math.dist(_on_ground(first), _on_ground(second)) <= NEAR_M


def _on_ground(thing: TrackedObject) -> tuple[float, float]:
    """Metres to the right and ahead."""
    return thing.distance_m * math.tan(math.radians(thing.angle_deg)), thing.distance_m


def _sortable(distance_m: float) -> float:
    return distance_m if math.isfinite(distance_m) else math.inf


def _node_text(node: SceneNode) -> str:
    if node.kind == "text":
        return f'{node.id}: text "{node.text}"'
    if node.thing is None:
        return f"{node.id}: sound of {node.class_id.replace('_', ' ')}"
    thing = node.thing
    return (
        f"{node.id}: {node.class_id.replace('_', ' ')}, {thing.distance_m:.1f} m, "
        f"{thing.angle_deg:+.0f} degrees, {thing.urgency.name.lower()}"
    )
